"""Bands of several resolutions on one grid, window by window and without seams.

The grids must share their corner, or the centre of their first pixel, and their pixel sizes be
whole multiples, as those of a product do. Each pixel is computed from the same numbers in the same
order whatever the window is, so the result is the same bit for bit for every block size.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    reasons the lowest code of the parts is kept, or each is repeated. Where the grids are
    ``centred`` on their first pixels, a coarse pixel ends in the middle of fine ones, which count
    by their half.
    """

    base: Source
    grid: GeoBox
    factor: int
    finer: bool
    kind: Kind = "bands"
    centred: bool = False

    def read(self, window: Window) -> NDArray[np.float32]:
        """Return (band, height, width)."""
        if not self.finer:
            return self._coarser(window)
        if self.kind == "reasons":
            return self._repeated(window)
        return self._bilinear(window)

    def _coarser(self, window: Window) -> NDArray[np.float32]:
        f, places = self.factor, _parts(self.factor, self.centred)
        first, last = places[0][0], places[-1][0]
        data = _read_padded(
            self.base,
            (window.row * f + first, (window.row + window.height - 1) * f + last + 1),
            (window.col * f + first, (window.col + window.width - 1) * f + last + 1),
        )
        parts = [
            (data[:, y - first :: f, x - first :: f][:, : window.height, : window.width], v * w)
            for y, v in places
            for x, w in places
        ]
        if self.kind == "reasons":
            codes = np.nan_to_num(parts[0][0]).astype(np.uint8)
            for part, _ in parts[1:]:
                codes = lowest(codes, np.nan_to_num(part).astype(np.uint8))
            return codes.astype(np.float32)
        total = parts[0][0] * np.float32(parts[0][1])
        with np.errstate(invalid="ignore"):
            for part, weight in parts[1:]:
                total += part if weight == 1 else part * np.float32(weight)
        return np.asarray(total / np.float32(f * f))

    def _repeated(self, window: Window) -> NDArray[np.float32]:
        height, width = self.base.grid.shape
        rows = _between(window.row, window.height, self.factor, height, self.centred).nearest
        cols = _between(window.col, window.width, self.factor, width, self.centred).nearest
        data = self.base.read(_spanning(rows, cols))
        return data[:, rows - rows[0]][:, :, cols - cols[0]]

    def _bilinear(self, window: Window) -> NDArray[np.float32]:
        height, width = self.base.grid.shape
        rows = _between(window.row, window.height, self.factor, height, self.centred)
        cols = _between(window.col, window.width, self.factor, width, self.centred)
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


def _between(start: int, length: int, factor: int, size: int, centred: bool) -> _Between:
    index = np.arange(start, start + length)
    # The centre of fine pixel i lies at (2i + 1 - f) / 2f in units of coarse centres, or at i / f
    # where the first centres are one; in whole numbers, so that it does not depend on where the
    # window starts.
    place = 2 * index + (0 if centred else 1 - factor)
    low, rest = np.divmod(place, 2 * factor)
    part = (rest / (2 * factor)).astype(np.float32)
    last = size - 1
    places = np.clip(low, 0, last), np.clip(low + 1, 0, last)
    nearest = np.clip((place + factor) // (2 * factor), 0, last)
    return _Between(places, (np.float32(1) - part, part), nearest)


def _parts(factor: int, centred: bool) -> list[tuple[int, float]]:
    """Fine pixels that a coarse pixel is made of along an axis: their place and their share."""
    if not centred:
        return [(i, 1.0) for i in range(factor)]
    half = factor // 2
    split = factor % 2 == 0  # the outermost ones reach half into the neighbours
    return [(i, 0.5 if split and abs(i) == half else 1.0) for i in range(-half, half + 1)]


def _read_padded(
    source: Source, rows: tuple[int, int], cols: tuple[int, int]
) -> NDArray[np.float32]:
    """Read rows and columns from-to, NaN where they reach beyond the source."""
    height, width = source.grid.shape
    top, left = max(0, rows[0]), max(0, cols[0])
    bottom, right = min(height, rows[1]), min(width, cols[1])
    data = source.read(Window(top, left, bottom - top, right - left))
    short = [(0, 0), (top - rows[0], rows[1] - bottom), (left - cols[0], cols[1] - right)]
    if any(side for sides in short for side in sides):
        data = np.pad(data, short, constant_values=np.nan)
    return data


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


def grid_at(grid: GeoBox, size: float, centred: bool = False) -> GeoBox:
    """Return the grid of the same ground with pixels of a size, in its units.

    It has the same corner, or ``centred`` the same centre of the first pixel.
    """
    from affine import Affine
    from odc.geo.geobox import GeoBox

    a, part = grid.affine, 0.5 if centred else 0.0
    own = round(float(np.hypot(a.a, a.d)), 6)  # of a grid that may be turned
    scaled = a * Affine.translation(part, part) * Affine.scale(size / own)
    scaled = scaled * Affine.translation(-part, -part)
    rows, cols = ((n - 1) * own // size + 1 if centred else -(-n * own // size) for n in grid.shape)
    return GeoBox((int(rows), int(cols)), scaled, grid.crs)


def interpolated(sources: Sequence[Source], size: float) -> list[str]:
    """Say which bands are made finer than they are."""
    finer = [s.bands[0].name for s in sources if abs(s.grid.affine.a) > size]
    if not finer:
        return []
    return [
        f"{', '.join(finer)} are coarser than {size:g} m and interpolated (bilinear): what looks "
        "like detail in them is not measured"
    ]


def meeting_size(wanted: float | None, sizes: Sequence[float]) -> float | None:
    """Return a size asked for if bands of these sizes can meet at it; others are made later."""
    whole = wanted and all((max(s, wanted) / min(s, wanted)).is_integer() for s in sizes)
    return wanted if whole else None


def regrid(source: Source, grid: GeoBox, kind: Kind = "bands") -> Source:
    """Bring a source onto another grid; the source itself if it lies on it already.

    Raises
    ------
    SceneError
        If the grids do not share CRS and corner or first centre, or sizes are no whole multiples.
    """
    if source.grid == grid:
        return source
    a = ~source.grid.affine * grid.affine
    finer = a.a < 1
    factor = round(1 / a.a) if finer else round(a.a)
    exact = 1 / factor if finer else float(factor)
    shift = (1 - exact) / 2
    centred = bool(np.allclose((a.c, a.f), shift, atol=1e-6))
    at = shift if centred else 0.0
    fits = np.allclose((a.a, a.e, a.b, a.d, a.c, a.f), (exact, exact, 0, 0, at, at), atol=1e-6)
    covered = [n * factor if finer else -(-n // factor) for n in source.grid.shape]
    fits = fits and all(c >= n for c, n in zip(covered, grid.shape, strict=True))
    if not fits or factor < 2 or source.grid.crs != grid.crs:
        raise SceneError(
            f"{source.name}: {', '.join(b.name for b in source.bands)} lies on a grid "
            f"({source.grid.shape[0]} x {source.grid.shape[1]} pixels of {source.grid.affine.a:g}, "
            f"{source.grid.crs}) that does not fit the others ({grid.shape[0]} x {grid.shape[1]} "
            f"pixels of {grid.affine.a:g}, {grid.crs}); the product is damaged or was changed"
        )
    return RegriddedSource(source, grid, factor, finer, kind, centred)
