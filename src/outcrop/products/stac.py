"""``item.json``: the result as a STAC Item, for catalogues."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from outcrop.products.files import FILES
from outcrop.products.legend import Legend
from outcrop.products.style import NO_DATA
from outcrop.scene_names import scene_title
from outcrop.timespan import parse_timespan, to_text

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

VERSION = "1.0.0"
EXTENSIONS = tuple(
    f"https://stac-extensions.github.io/{name}/schema.json"
    for name in ("projection/v1.1.0", "raster/v1.1.0", "classification/v2.0.0")
)


def item(
    scene: str, title: str, legend: Legend, grid: GeoBox, timespan: str, files: Sequence[str]
) -> dict[str, Any]:
    """Describe a result by the STAC 1.0.0 specification.

    Parameters
    ----------
    scene : str
        Name or path of the scene, of which the item's id is made.
    title : str
    legend : Legend
    grid : GeoBox
        With a CRS.
    timespan : str
        When the scene was taken; see `parse_timespan`.
    files : sequence of str
        Names of the files that become assets.

    Returns
    -------
    dict
        As ``item.json`` has it; links to nothing, and to its files by relative paths.

    References
    ----------
    https://github.com/radiantearth/stac-spec, and the extensions named in it.
    """
    geometry, bbox = footprint(grid)
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": list(EXTENSIONS),
        "id": re.sub(r"[^\w.-]+", "_", scene_title(scene)) + "-units",
        "geometry": geometry,
        "bbox": bbox,
        "properties": {"title": title, **_times(timespan), **_projection(grid)},
        "links": [],
        "assets": {
            FILES[name].key: {
                "href": f"./{name}",
                "type": FILES[name].media,
                "title": FILES[name].what,
                "roles": list(FILES[name].roles),
                **({"raster:bands": [_band(legend, grid)]} if name == "units.tif" else {}),
            }
            for name in files
            if FILES[name].roles
        },
    }


def _times(timespan: str) -> dict[str, str | None]:
    start, end = (to_text(moment) for moment in parse_timespan(timespan))
    if start == end:
        return {"datetime": start}
    return {"datetime": None, "start_datetime": start, "end_datetime": end}


def _projection(grid: GeoBox) -> dict[str, Any]:
    crs = grid.crs
    assert crs is not None
    facts: dict[str, Any] = {"proj:epsg": crs.epsg}
    if crs.epsg is None:
        facts["proj:wkt2"] = crs.proj.to_wkt()
    return facts | {
        "proj:shape": list(grid.shape),
        "proj:transform": list(grid.affine[:6]),
        "proj:bbox": list(grid.extent.boundingbox.bbox),
    }


def _band(legend: Legend, grid: GeoBox) -> dict[str, Any]:
    total = max(legend.mapped_pixels, 1)
    nothing = {"value": 0, "name": "nodata", "title": NO_DATA, "nodata": True}
    units = [
        {
            "value": unit.number,
            # A name for machines holds letters, digits, - and _ only: the number stands for it.
            "name": f"unit_{unit.number}",
            "title": unit.label,
            "color_hint": unit.colour.removeprefix("#").upper(),
            "count": unit.pixels,
            "percentage": 100 * unit.pixels / total,
        }
        for unit in legend.units
    ]
    pixel = abs(grid.affine.determinant) ** 0.5
    resolution = {} if grid.crs and grid.crs.geographic else {"spatial_resolution": pixel}
    return {
        "data_type": "uint8",
        "nodata": 0,
        **resolution,
        "classification:classes": [nothing, *units],
    }


def footprint(grid: GeoBox) -> tuple[dict[str, Any], list[float]]:
    """Return the outline of a grid in degrees (WGS 84) as GeoJSON, and its bounding box.

    By RFC 7946 an outline that crosses the antimeridian is cut there and its box has a west
    greater than its east; around a pole the outline is the cap down to its lowest latitude.
    """
    import shapely
    from pyproj import Transformer
    from shapely.affinity import translate

    rows, cols = grid.shape
    along = np.linspace(0, 1, 33)
    x = np.concatenate([along * 0, along, along * 0 + 1, along[::-1]]) * cols
    y = np.concatenate([along, along * 0 + 1, along[::-1], along * 0]) * rows
    a, b, c, d, e, f = grid.affine[:6]
    assert grid.crs is not None
    degrees = Transformer.from_crs(grid.crs.proj, "EPSG:4326", always_xy=True)
    lon, lat = degrees.transform(a * x + b * y + c, d * x + e * y + f)
    pole = _pole_inside(grid, degrees)
    if pole:
        low, high = sorted((float(np.min(np.abs(lat))) * np.sign(pole), float(pole)))
        return _mapping(shapely.box(-180, low, 180, high)), [-180.0, low, 180.0, high]
    if np.abs(np.diff(lon)).max() <= 180:
        outline = shapely.Polygon(zip(lon, lat, strict=True))
        return _mapping(outline), [float(v) for v in outline.bounds]
    whole = shapely.Polygon(zip(np.where(lon < 0, lon + 360, lon), lat, strict=True))
    east = whole.intersection(shapely.box(0, -90, 180, 90))
    west = translate(whole.intersection(shapely.box(180, -90, 360, 90)), -360)
    parts = shapely.MultiPolygon([east, west])
    return _mapping(parts), [east.bounds[0], whole.bounds[1], west.bounds[2], whole.bounds[3]]


def _pole_inside(grid: GeoBox, degrees: Any) -> int:
    """Return 90 or -90 for the pole that lies within a projected grid, or 0."""
    assert grid.crs is not None
    if grid.crs.geographic:
        return 0
    for pole in (90, -90):
        x, y = degrees.transform(0.0, pole, direction="INVERSE")
        if np.isfinite([x, y]).all():
            col, row = ~grid.affine * (x, y)
            lon, lat = degrees.transform(x, y)
            there = abs(lat - pole) < 1e-6 and np.isfinite(lon)
            if there and 0 < col < grid.shape[1] and 0 < row < grid.shape[0]:
                return pole
    return 0


def _mapping(shape: Any) -> dict[str, Any]:
    import json

    import shapely

    facts: dict[str, Any] = json.loads(shapely.to_geojson(shapely.orient_polygons(shape)))
    return facts
