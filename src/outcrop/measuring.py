"""What is measured in the pass over a scene besides its bands: indices by unit, odd values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from outcrop.engine import TILE
from outcrop.indices import Ready, available, stack
from outcrop.sensors.base import Band
from outcrop.simd import LANES, add, load_some, splat, store, where_larger
from outcrop.unitstats import UnitSums

#: Pixels that indices are summed over, about: every second or fourth one of a large scene.
PIXELS = 4_000_000
#: What is counted by band: values over 1, values of 0 and below, values raised to a floor.
KINDS: tuple[str, ...] = ("above_1", "not_positive", "floored")


@njit(nogil=True, cache=True, error_model="numpy")
def _count_row(
    row: Any, mapped: Any, floor: Any, room: Any, counts: Any
) -> None:  # pragma: no cover - compiled
    none, one = splat(np.float32(0)), splat(np.float32(1))
    least, tiny = splat(floor), splat(np.float32(1e-45))
    above, below, floored = none, none, none
    for x in range(0, len(row), LANES):
        some = min(LANES, len(row) - x)
        value, here = load_some(row, x, some), load_some(mapped, x, some)
        above = add(above, where_larger(value, one, here, none))
        below = add(below, where_larger(tiny, value, here, none))
        floored = add(floored, where_larger(least, value, here, none))
    store(room, 0, above)
    store(room, LANES, below)
    store(room, 2 * LANES, floored)
    for i in range(LANES):
        counts[0] += np.int64(room[i])
        counts[1] += np.int64(room[LANES + i])
        counts[2] += np.int64(room[2 * LANES + i])


@njit(nogil=True, cache=True, error_model="numpy")
def _count(data: Any, labels: Any, floors: Any, counts: Any) -> None:  # pragma: no cover - compiled
    bands, height, width = data.shape
    mapped, room = np.empty(width, np.float32), np.empty(3 * LANES, np.float32)
    for i in range(height):
        for j in range(width):
            mapped[j] = np.float32(labels[i, j] != 0)
        for b in range(bands):
            _count_row(data[b, i], mapped, floors[b], room, counts[b])


@dataclass(frozen=True)
class Gauge:
    """Measures blocks; can be pickled.

    Parameters
    ----------
    indices : tuple of Ready
        All that the bands allow.
    step : int
        Indices are taken of every ``step``-th row and column of the scene, a power of two.
    floors : ndarray of float32, shape (bands,)
        What smaller values are raised to before a logarithm or a ratio of the features.
    """

    indices: tuple[Ready, ...]
    step: int
    floors: NDArray[np.float32] = field(repr=False)

    @classmethod
    def of(cls, bands: Sequence[Band], shape: Sequence[int], floors: NDArray[np.float32]) -> Gauge:
        """Make one for a scene of this shape."""
        step = 1
        while shape[0] * shape[1] > PIXELS * step * step and step < TILE:
            step *= 2
        return cls(available(bands)[0], step, floors)

    def sums(
        self, data: NDArray[np.float32], labels: NDArray[np.uint8], areas: NDArray[np.float64]
    ) -> UnitSums:
        """Sum the indices of a tile: data (bands, y, x), labels (y, x), areas of rows (y,)."""
        few = np.s_[:: self.step, :: self.step]
        planes = stack(self.indices, np.ascontiguousarray(data[:, *few]))
        return UnitSums.of_tile(planes, labels[few], areas[:: self.step])

    def counts(self, data: NDArray[np.float32], labels: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Count odd values of the mapped pixels of a block, shape (`KINDS`, bands)."""
        counts = np.zeros((len(data), len(KINDS)), np.int64)
        _count(data, labels, self.floors, counts)
        return counts.T.copy()
