"""An area of interest cut out of a scene."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outcrop.errors import SceneError
from outcrop.grid import turn, turned
from outcrop.mosaic import MaskedSource
from outcrop.source import Source, Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox


#: Areas of so many pixels are looked at before they are mapped.
FEW = 4096


def clip(source: Source, path: str) -> Source:
    """Cut a scene to the polygons of any vector file that pyogrio reads.

    The grid shrinks to the area's bounds, on the scene's own pixels; a pixel counts if its
    centre lies inside. Vectors in another CRS are reprojected; over a scene without a CRS they are
    in columns and rows, with y = -row as a GIS draws it, or y = row.

    Raises
    ------
    SceneError
        If the file cannot be read, holds no polygon, or does not touch the scene.
    """
    part, bounds = _part(source, path)
    if part is None:
        space = "the same CRS" if source.grid.crs else "columns and rows, as it has no CRS"
        raise SceneError(
            f"the area {path} lies outside the scene {source.name}; check both in a GIS "
            f"(scene bounds: {_say_bounds(source.grid)}; area bounds in {space}: "
            f"{', '.join(f'{v:.9g}' for v in bounds)})"
        )
    return part


def part_in(source: Source, path: str) -> Source | None:
    """Return a scene cut as `clip` does, None where the area does not touch it."""
    return _part(source, path)[0]


def _part(source: Source, path: str) -> tuple[Source | None, Any]:
    """Return a scene cut to an area, or None, and the bounds of the area."""
    shapes = _read_polygons(path, source.grid, source.name)
    bounds = shapes.total_bounds
    window = _window(source.grid, bounds)
    if window is None:
        return None, bounds
    part = MaskedSource(source, window, tuple(g.__geo_interface__ for g in shapes.geometry))
    _require_a_pixel(part, path)
    return part, bounds


def _require_a_pixel(part: MaskedSource, path: str) -> None:
    """Refuse an area so small that it misses the centre of every pixel."""
    height, width = part.window.height, part.window.width
    if height * width <= FEW and part.outside(Window(0, 0, height, width)).all():
        raise SceneError(
            f"the area {path} holds the centre of no pixel of {part.name}, {height} rows x {width} "
            "columns of which it touches; check its CRS and units, or give a larger one"
        )


def _read_polygons(path: str, grid: GeoBox, scene: str) -> Any:
    import geopandas

    if not Path(path).exists():
        raise SceneError(f"the area {path} does not exist; check --aoi")
    try:
        frame = geopandas.read_file(path)
    except Exception as error:  # pyogrio and GEOS raise several unrelated kinds
        raise SceneError(
            f"the area {path} cannot be read as vector data ({str(error).splitlines()[0]})"
        ) from None
    if not hasattr(frame, "geometry") or frame.empty:
        raise SceneError(f"the area {path} holds no features; --aoi needs polygons")
    # Not `notna`, which warns where a geometry is empty.
    frame = frame[[shape is not None and not shape.is_empty for shape in frame.geometry]]
    frame = frame[frame.geom_type.isin(["Polygon", "MultiPolygon"])]
    if frame.empty:
        raise SceneError(f"the area {path} holds no polygon; --aoi needs polygons")
    if grid.crs is None:
        return turn(frame) if turned(frame, grid.affine) else frame
    if frame.crs is None:
        raise SceneError(
            f"the area {path} has no CRS but {scene} has ({grid.crs}); set it first "
            "(ogr2ogr -a_srs EPSG:…)"
        )
    return frame.to_crs(str(grid.crs))


def _window(grid: GeoBox, bounds: Any) -> Window | None:
    """Smallest window of whole pixels around bounds (left, bottom, right, top)."""
    left, bottom, right, top = bounds
    corners = [~grid.affine * xy for xy in ((left, top), (right, top), (left, bottom))]
    corners.append(~grid.affine * (right, bottom))
    if not all(math.isfinite(v) for corner in corners for v in corner):
        return None
    cols, rows = zip(*corners, strict=True)
    first = max(0, math.floor(min(rows))), max(0, math.floor(min(cols)))
    last = min(grid.shape[0], math.ceil(max(rows))), min(grid.shape[1], math.ceil(max(cols)))
    if last[0] <= first[0] or last[1] <= first[1]:
        return None
    return Window(*first, last[0] - first[0], last[1] - first[1])


def _say_bounds(grid: GeoBox) -> str:
    box = grid.extent.boundingbox
    return ", ".join(f"{v:.9g}" for v in (box.left, box.bottom, box.right, box.top))
