"""A source on any other grid, of another CRS, pixel size or origin, window by window.

Where a pixel of the target lies in the source is computed from its row and column in the whole
grid and its value from the source's own pixels, so that the result is the same bit for bit
however the grid is cut. (GDAL's warper approximates the transformation anew in each window.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from outcrop.gcps import Gcps
from outcrop.rasters import RasterSource
from outcrop.reasons import CLEAR, FILL
from outcrop.source import (
    ReasonedSource,
    Source,
    SourceOver,
    Window,
    leaves,
    read_reasons,
    valid_mask,
)

if TYPE_CHECKING:
    from affine import Affine
    from odc.geo.geobox import GeoBox

RESAMPLINGS = ("bilinear", "nearest", "cubic")
#: From this ratio of pixel sizes on a coarser grid is averaged instead of interpolated, which
#: would skip pixels.
COARSER = 1.5
#: Largest error, in pixels of the source, of coordinates that are interpolated.
ACCURACY = 0.01
#: Distances, in pixels, at which coordinates are computed exactly; the largest that will do.
STEPS = (64, 32, 16, 8, 4, 2)
#: Source values read at once; a window that needs more is read in parts.
VALUES = 16 * 2**20
#: Source pixels around the coordinates that a kernel looks at.
REACH = 2

Points = NDArray[np.float64]


@lru_cache(maxsize=64)
def transformer(source: str, target: str) -> Any:
    """Return pyproj's transformer between two CRS, (x, y) in both."""
    from pyproj import Transformer

    return Transformer.from_crs(source, target, always_xy=True)


def _times(affine: Affine, x: Points, y: Points) -> tuple[Points, Points]:
    return affine.a * x + affine.b * y + affine.c, affine.d * x + affine.e * y + affine.f


@dataclass(frozen=True)
class PixelMap:
    """From pixels of a target grid to pixels of a source.

    Rows and columns are counted from the upper left corner of the first pixel.
    """

    target: Affine
    target_crs: str | None
    source: Affine
    source_crs: str | None
    gcps: Gcps | None = None

    @property
    def straight(self) -> bool:
        """Whether the map is affine: one CRS, and no control points."""
        return self.gcps is None and self.target_crs == self.source_crs

    def __call__(self, rows: Points, cols: Points) -> tuple[Points, Points]:
        """Return rows and columns in the source; inf where the target's CRS has no such place."""
        if self.straight:
            col, row = _times(~self.source * self.target, cols, rows)
            return row, col
        x, y = _times(self.target, cols, rows)
        crs = self.source_crs if self.gcps is None else self.gcps.crs
        if crs != self.target_crs:
            x, y = transformer(str(self.target_crs), str(crs)).transform(x, y)
        with np.errstate(invalid="ignore"):
            col, row = self.gcps.to_pixels(x, y) if self.gcps else _times(~self.source, x, y)
        return row, col


def step_of(pixels: PixelMap, shape: tuple[int, int]) -> int:
    """Choose how far apart coordinates are computed exactly, by looking at the whole grid.

    The largest of `STEPS` at which interpolated coordinates are within `ACCURACY`; 1 where none
    will do.
    """
    for step in STEPS:
        tops, lefts = (np.unique(np.linspace(0, n // step, 24).astype(int)) * step for n in shape)
        rows, cols = (v.astype(float) for v in np.meshgrid(tops, lefts, indexing="ij"))
        corners = [pixels(rows + dr, cols + dc) for dr in (0, step) for dc in (0, step)]
        exact = pixels(rows + step / 2, cols + step / 2)
        with np.errstate(invalid="ignore"):
            off = [np.abs(sum(c[k] for c in corners) / 4 - exact[k]) for k in (0, 1)]
        if all(np.nanmax(np.where(np.isfinite(o), o, 0)) < ACCURACY for o in off):
            return step
    return 1


@dataclass(frozen=True)
class WarpedSource(ReasonedSource, SourceOver):
    """A source on another grid; see `warp`."""

    base: Source
    grid: GeoBox
    pixels: PixelMap
    step: int
    method: str

    @property
    def notes(self) -> tuple[str, ...]:
        """How the scene was brought here; the same for scenes of one kind."""
        how = "averaged" if self.method == "average" else f"interpolated ({self.method})"
        gcps = self.pixels.gcps
        place = say_grid(self.base.grid)
        if gcps:
            place = f"{gcps.count} ground control points ({gcps.residual:.2g} pixels rms)"
        return (f"pixels of {place} are {how} on {say_grid(self.grid)}",)

    def read_reasons(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return the bands, and why pixels are missing; what lies outside the scene is fill."""
        data = np.full((len(self.bands), window.height, window.width), np.nan, np.float32)
        reasons = np.full((window.height, window.width), FILL, np.uint8)
        for part, span, coordinates in self._parts(window):
            rows, cols = part.inside(window)
            data[:, rows, cols], reasons[rows, cols] = self._read(part, span, coordinates)
        reasons[(reasons == CLEAR) & ~valid_mask(data)] = FILL
        data[:, reasons != CLEAR] = np.nan
        return data, reasons

    def _read(
        self, part: Window, span: Window, coordinates: Points
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        from outcrop.resample import resampled

        data, codes = read_reasons(self.base, span)
        full = (self.base.grid.shape[0], self.base.grid.shape[1])
        shape = (part.height, part.width)
        return resampled(self.method, data, codes, coordinates, (span.row, span.col), full, shape)

    def _parts(self, window: Window) -> Iterator[tuple[Window, Window, Points]]:
        """Yield parts of a window, what each needs of the source, and its coordinates there."""
        coordinates = self._coordinates(window)
        span = _span(coordinates, self.base.grid.shape)
        if span is None:
            return
        small = span.height * span.width * len(self.bands) <= VALUES
        if small or window.height * window.width == 1:
            yield window, span, coordinates
            return
        for half in _halves(window):
            yield from self._parts(half)

    def _coordinates(self, window: Window) -> Points:
        """Rows and columns (2, height, width) of centres, or of corners to average between."""
        corners = self.method == "average"
        more, offset = (1, 0.0) if corners else (0, 0.5)
        shape = (window.height + more, window.width + more)
        if self.pixels.straight or self.step == 1:
            rows = np.arange(window.row, window.row + shape[0]) + offset
            cols = np.arange(window.col, window.col + shape[1]) + offset
            found = self.pixels(*np.meshgrid(rows, cols, indexing="ij"))
            return np.stack([np.broadcast_to(v, shape) for v in found])
        return self._between(window, shape, offset)

    def _between(self, window: Window, shape: tuple[int, int], offset: float) -> Points:
        from outcrop.resample import spread

        first = window.row // self.step, window.col // self.step
        last = [(a + n - 1) // self.step + 1 for a, n in
                zip((window.row, window.col), shape, strict=True)]  # fmt: skip
        rows, cols = (np.arange(a, b + 1.0) * self.step for a, b in zip(first, last, strict=True))
        nodes = np.stack(self.pixels(*np.meshgrid(rows, cols, indexing="ij")))
        nodes[~np.isfinite(nodes)] = np.nan
        out = np.empty((2, *shape))
        spread(nodes, self.step, window.row, window.col, first, offset, out)
        return out


def _halves(window: Window) -> tuple[Window, Window]:
    row, col, height, width = window.row, window.col, window.height, window.width
    if height >= width:
        top = height // 2
        return Window(row, col, top, width), Window(row + top, col, height - top, width)
    left = width // 2
    return Window(row, col, height, left), Window(row, col + left, height, width - left)


def _span(coordinates: Points, shape: Any) -> Window | None:
    """Window of the source around coordinates, or None where they all lie outside."""
    with np.errstate(invalid="ignore"):
        rows, cols = coordinates
        inside = (rows > -REACH) & (rows < shape[0] + REACH) & (cols > -REACH)
        inside &= cols < shape[1] + REACH
    if not inside.any():
        return None
    rows, cols = rows[inside], cols[inside]
    row, col = math.floor(rows.min()), math.floor(cols.min())
    around = Window(row, col, math.floor(rows.max()) - row + 1, math.floor(cols.max()) - col + 1)
    span = around.grown(REACH, (shape[0], shape[1]))
    return span if span.height > 0 and span.width > 0 else None


def warp(source: Source, grid: GeoBox, resampling: str = "bilinear") -> Source:
    """Bring a source onto a grid of another CRS, pixel size or origin.

    Pixels that are half as large again as the source's, or larger, are averages by area, and
    have no data unless all that lies under them has. Others are interpolated, and have data
    where the source's pixel under their centre has. Coordinates are exact to a hundredth of a
    pixel.

    Parameters
    ----------
    source : Source
        With a CRS, or with ground control points.
    grid : GeoBox
    resampling : str
        ``bilinear``, ``nearest`` or ``cubic``.
    """
    pixels = pixel_map(source, grid)
    method = "average" if max(ratio(pixels, grid.shape)) >= COARSER else resampling
    step = 1 if pixels.straight else step_of(pixels, (grid.shape[0], grid.shape[1]))
    return WarpedSource(source, grid, pixels, step, method)


def pixel_map(source: Source, grid: GeoBox) -> PixelMap:
    """Return the map from pixels of a grid to those of a source."""
    crs = crs_text(grid.crs)
    own = crs if source.grid.crs == grid.crs else crs_text(source.grid.crs)
    return PixelMap(grid.affine, crs, source.grid.affine, own, gcps_of(source))


def ratio(pixels: PixelMap, shape: Any) -> tuple[float, float]:
    """Height and width, in pixels of the source, of the pixel in the middle of a grid."""
    row, col = shape[0] / 2, shape[1] / 2
    rows, cols = pixels(np.array([row, row + 1, row]), np.array([col, col, col + 1]))
    tall = math.hypot(rows[1] - rows[0], rows[2] - rows[0])
    wide = math.hypot(cols[1] - cols[0], cols[2] - cols[0])
    return (tall, wide) if math.isfinite(tall) and math.isfinite(wide) else (1.0, 1.0)


def say_grid(grid: GeoBox) -> str:
    """Say CRS and pixel size of a grid."""
    a = grid.affine
    sides = math.hypot(a.a, a.d), math.hypot(a.b, a.e)
    return f"{grid.crs or 'no CRS'}, {sides[0]:.6g} x {sides[1]:.6g}"


def crs_text(crs: Any) -> str | None:
    """Return a CRS as text that can be compared, pickled and given to pyproj."""
    return None if crs is None else str(crs)


def gcps_of(source: Source) -> Gcps | None:
    """Return the ground control points of a scene that has no other position."""
    if source.grid.crs is not None:
        return None
    found = (leaf.gcps for leaf in leaves(source) if isinstance(leaf, RasterSource))
    return next((g for g in found if g is not None), None)
