"""Heights of the ground at the pixels of a scene, from an elevation model on any grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from outcrop import engine
from outcrop.engine import Block
from outcrop.errors import SceneError
from outcrop.rasters import BandFile, RasterSource
from outcrop.regrid import RegriddedSource
from outcrop.relief.geometry import STEP, Lattice, cells_per_pixel, lattice
from outcrop.sensors.base import Band
from outcrop.sensors.raster_file import inspect_raster
from outcrop.source import Source, Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

_BANDS = (Band("height", quantity="feature"),)


@dataclass(frozen=True)
class Heights:
    """Heights at the pixels of a grid, in the unit of the elevation model, NaN where it has none.

    A model that is finer than the pixels is averaged first, by the whole number of cells that
    fits into a pixel; then heights are interpolated by cubic convolution, whose slopes have no
    steps where a coarse cell ends.

    Parameters
    ----------
    grid : GeoBox
        Of the scene.
    base : Source
        The elevation model, one band.
    """

    grid: GeoBox
    base: Source

    @property
    def name(self) -> str:
        """Name of the elevation model."""
        return self.base.name

    @property
    def bands(self) -> tuple[Band, ...]:
        """The height."""
        return _BANDS

    @property
    def striped(self) -> bool:
        """Blocks as good as any."""
        return False

    def read(self, window: Window) -> NDArray[np.float32]:
        """Return heights (1, height, width) of a window, which may reach beyond the grid."""
        return self.at(window, lattice(self.grid, self.base.grid, window))[None]

    def at(self, window: Window, places: Lattice) -> NDArray[np.float32]:
        """Return heights (height, width) of a window whose lattice is known."""
        from outcrop.relief.kernels import heights

        part = self._part(places)
        shape = (window.height, window.width)
        if part is None:
            return np.full(shape, np.nan, np.float32)
        start = window.row - places.row, window.col - places.col
        cells = self.base.read(part)[0]
        rows, cols = self.base.grid.shape
        found: NDArray[np.float32] = heights(
            cells, (part.row, part.col), (rows, cols), places.nodes, start, shape, STEP
        )
        return found

    def _part(self, places: Lattice) -> Window | None:
        """Return the part of the elevation model that a lattice lies in, with room around."""
        rows, cols = places.nodes[:2]
        rows, cols = rows[np.isfinite(rows)], cols[np.isfinite(cols)]
        height, width = self.base.grid.shape
        if not rows.size:
            return None
        first = max(0, int(rows.min()) - 3), max(0, int(cols.min()) - 3)
        last = min(height, int(rows.max()) + 4), min(width, int(cols.max()) + 4)
        if last[0] <= first[0] or last[1] <= first[1]:
            return None
        return Window(*first, last[0] - first[0], last[1] - first[1])


def open_heights(path: str, grid: GeoBox, scene: str) -> Heights:
    """Open an elevation model for the pixels of a scene.

    Raises
    ------
    SceneError
        If it cannot be read, has several bands, or it or the scene has no CRS.
    """
    if grid.crs is None:
        raise SceneError(
            f"--dem {path}: {scene} has no CRS, so nobody knows which heights are under it; "
            "georeference the scene first (gdal_translate -a_srs … -a_ullr …)"
        )
    raster = inspect_raster(path)
    if raster.grid.crs is None:
        raise SceneError(
            f"--dem {path} has no CRS; set it first (gdal_edit.py -a_srs EPSG:… {path})"
        )
    if len(raster.bands) > 1:
        raise SceneError(
            f"--dem {path} has {len(raster.bands)} bands, and an elevation model has one; give one "
            "(of a scene's raster the heights are no metres)"
        )
    stored = raster.bands[0]
    file = BandFile(stored.path, stored.index, stored.nodata, stored.scale, stored.offset)
    base: Source = RasterSource(path, raster.grid, _BANDS, (file,), raster.striped, raster.masked)
    factor = int(cells_per_pixel(grid, raster.grid) + 1e-6)
    if factor > 1:
        base = RegriddedSource(base, _coarser(raster.grid, factor), factor, finer=False)
    return Heights(grid, base)


def _coarser(grid: GeoBox, factor: int) -> GeoBox:
    from affine import Affine
    from odc.geo.geobox import GeoBox

    rows, cols = (-(-n // factor) for n in grid.shape)
    return GeoBox((rows, cols), grid.affine * Affine.scale(factor), grid.crs)


@dataclass(frozen=True)
class Span:
    """Lowest and highest height under a scene, and the share of its pixels that have one."""

    low: float
    high: float
    share: float


def span(heights: Heights, threads: int = 0, scene: str = "the scene") -> Span:
    """Measure the heights under a whole scene in one pass over the elevation model.

    Raises
    ------
    SceneError
        If there are none.
    """
    parts: list[tuple[float, float, int]] = []

    def sink(_: Block, part: tuple[float, float, int]) -> None:
        parts.append(part)

    engine.run(heights, _extremes, sink, threads=threads)
    known = sum(count for *_, count in parts)
    if not known:
        raise SceneError(
            f"--dem {heights.name} has no height under {scene}; give one that covers it (check "
            "both in a GIS)"
        )
    pixels = heights.grid.shape[0] * heights.grid.shape[1]
    return Span(min(p[0] for p in parts), max(p[1] for p in parts), known / pixels)


def _extremes(data: NDArray[np.float32], block: Block) -> tuple[float, float, int]:
    data = data[:, *block.core.inside(block.outer)]
    found = data[np.isfinite(data)]
    if not found.size:
        return float("inf"), float("-inf"), 0
    return float(found.min()), float(found.max()), found.size
