"""Bands of several resolutions on one grid, window by window and without seams.

The grids must share their corner and their pixel sizes be whole multiples, as those of a product
do. Each pixel is computed from the same numbers in the same order whatever the window is, so
the result is the same bit for bit for every block size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from outcrop.errors import SceneError
from outcrop.quality import lowest
from outcrop.sensors.base import Band
from outcrop.source import Source, SourceOver, Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

Kind = Literal["bands", "reasons"]


@dataclass(frozen=True)
class RegriddedSource(SourceOver):
    """A source on a coarser or finer grid.

    Going coarser bands are averaged, and a coarse pixel has no data unless all of its parts have;
    going finer they are interpolated bilinearly, without the neighbours that have no data. Of
    reasons the lowest code of the parts is kept, or each is repeated.
    """

    base: Source
    grid: GeoBox
    factor: int
    finer: bool
    kind: Kind = "bands"

    def read(self, window: Window) -> NDArray[np.float32]:
        """Return (band, height, width)."""
        if not self.finer:
            return self._coarser(window)
        if self.kind == "reasons":
            return self._repeated(window)
        return self._bilinear(window)

    def _coarser(self, window: Window) -> NDArray[np.float32]:
        f, (rows, cols) = self.factor, self.base.grid.shape
        fine = Window(window.row * f, window.col * f, window.height * f, window.width * f)
        data = self.base.read(fine.grown(0, (rows, cols)))
        short = [(0, 0), (0, fine.height - data.shape[1]), (0, fine.width - data.shape[2])]
        if any(after for _, after in short):  # a last coarse pixel that is only partly covered
            data = np.pad(data, short, constant_values=np.nan)
        parts = [data[:, y::f, x::f] for y in range(f) for x in range(f)]
        if self.kind == "reasons":
            codes = np.nan_to_num(parts[0]).astype(np.uint8)
            for part in parts[1:]:
                codes = lowest(codes, np.nan_to_num(part).astype(np.uint8))
            return codes.astype(np.float32)
        total = parts[0].copy()
        with np.errstate(invalid="ignore"):
            for part in parts[1:]:
                total += part
        return np.asarray(total / np.float32(f * f))

    def _repeated(self, window: Window) -> NDArray[np.float32]:
        rows = np.arange(window.row, window.row + window.height) // self.factor
        cols = np.arange(window.col, window.col + window.width) // self.factor
        data = self.base.read(_spanning(rows, cols))
        return data[:, rows - rows[0]][:, :, cols - cols[0]]

    def _bilinear(self, window: Window) -> NDArray[np.float32]:
        height, width = self.base.grid.shape
        rows = _between(window.row, window.height, self.factor, height)
        cols = _between(window.col, window.width, self.factor, width)
        span = _spanning(np.concatenate(rows.places), np.concatenate(cols.places))
        data = self.base.read(span)
        valid = np.isfinite(data)
        known = np.where(valid, data, np.float32(0))
        shape = (len(data), window.height, window.width)
        total, weights = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        for row, down in zip(rows.places, rows.weights, strict=True):
            for col, across in zip(cols.places, cols.weights, strict=True):
                weight = down[:, None] * across[None, :]
                pick = np.ix_(np.arange(len(data)), row - span.row, col - span.col)
                total += weight * known[pick]
                weights += weight * valid[pick]
        nearest = data[:, rows.nearest - span.row][:, :, cols.nearest - span.col]
        with np.errstate(divide="ignore", invalid="ignore"):
            out: NDArray[np.float32] = total / weights
        return np.where(np.isfinite(nearest), out, nearest)


@dataclass(frozen=True)
class _Between:
    """For each fine pixel along an axis: its two coarse neighbours, their weights, the nearest."""

    places: tuple[NDArray[np.int64], NDArray[np.int64]]
    weights: tuple[NDArray[np.float32], NDArray[np.float32]]
    nearest: NDArray[np.int64]


def _between(start: int, length: int, factor: int, size: int) -> _Between:
    index = np.arange(start, start + length)
    # The centre of fine pixel i lies at (2i + 1 - f) / 2f in units of coarse centres; in whole
    # numbers, so that it does not depend on where the window starts.
    low, rest = np.divmod(2 * index + 1 - factor, 2 * factor)
    part = (rest / (2 * factor)).astype(np.float32)
    last = size - 1
    places = np.clip(low, 0, last), np.clip(low + 1, 0, last)
    return _Between(places, (np.float32(1) - part, part), np.clip(index // factor, 0, last))


def _spanning(rows: NDArray[np.int64], cols: NDArray[np.int64]) -> Window:
    row, col = int(rows.min()), int(cols.min())
    return Window(row, col, int(rows.max()) - row + 1, int(cols.max()) - col + 1)


@dataclass(frozen=True)
class StackedSource:
    """Bands of several sources on one grid, one after another."""

    name: str
    sources: tuple[Source, ...]
    striped: bool = False

    @property
    def grid(self) -> GeoBox:
        """The grid of all."""
        return self.sources[0].grid

    @property
    def bands(self) -> tuple[Band, ...]:
        """The bands of all, in order."""
        return tuple(band for source in self.sources for band in source.bands)

    def read(self, window: Window) -> NDArray[np.float32]:
        """Return (band, height, width)."""
        return np.concatenate([source.read(window) for source in self.sources])


def grid_at(grid: GeoBox, size: float) -> GeoBox:
    """Return the grid of the same corner and ground with pixels of a size, in its units."""
    from affine import Affine
    from odc.geo.geobox import GeoBox

    a = grid.affine
    rows, cols = (-(-grid.shape[i] * step // size) for i, step in enumerate((abs(a.e), abs(a.a))))
    scaled = Affine(size if a.a > 0 else -size, 0, a.c, 0, size if a.e > 0 else -size, a.f)
    return GeoBox((int(rows), int(cols)), scaled, grid.crs)


def regrid(source: Source, grid: GeoBox, kind: Kind = "bands") -> Source:
    """Bring a source onto another grid; the source itself if it lies on it already.

    Raises
    ------
    SceneError
        If the grids do not share CRS and corner, or sizes are no whole multiples.
    """
    if source.grid == grid:
        return source
    a = ~source.grid.affine * grid.affine
    finer = a.a < 1
    factor = round(1 / a.a) if finer else round(a.a)
    exact = 1 / factor if finer else float(factor)
    fits = np.allclose((a.a, a.e, a.b, a.d, a.c, a.f), (exact, exact, 0, 0, 0, 0), atol=1e-6)
    covered = [n * factor if finer else -(-n // factor) for n in source.grid.shape]
    fits = fits and all(c >= n for c, n in zip(covered, grid.shape, strict=True))
    if not fits or factor < 2 or source.grid.crs != grid.crs:
        raise SceneError(
            f"{source.name}: {', '.join(b.name for b in source.bands)} lies on a grid "
            f"({source.grid.shape[0]} x {source.grid.shape[1]} pixels of {source.grid.affine.a:g}, "
            f"{source.grid.crs}) that does not fit the others ({grid.shape[0]} x {grid.shape[1]} "
            f"pixels of {grid.affine.a:g}, {grid.crs}); the product is damaged or was changed"
        )
    return RegriddedSource(source, grid, factor, finer, kind)
