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
from outcrop.unitstats import UnitSums

#: Pixels that indices are summed over, about: every second or fourth one of a large scene.
PIXELS = 4_000_000
#: What is counted by band: values over 1, values of 0 and below, values raised to a floor.
KINDS: tuple[str, ...] = ("above_1", "not_positive", "floored")


@njit(nogil=True, cache=True)
def _count(data: Any, labels: Any, floors: Any, counts: Any) -> None:
    for b in range(data.shape[0]):
        above, below, floored = 0, 0, 0
        for i in range(data.shape[1]):
            for j in range(data.shape[2]):
                if labels[i, j]:
                    value = data[b, i, j]
                    above += value > 1.0
                    below += value <= 0.0
                    floored += value < floors[b]
        counts[0, b] += above
        counts[1, b] += below
        counts[2, b] += floored


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
        planes = stack(self.indices, data[:, *few])
        return UnitSums.of_tile(planes, labels[few], areas[:: self.step])

    def counts(self, data: NDArray[np.float32], labels: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Count odd values of the mapped pixels of a block, shape (`KINDS`, bands)."""
        counts = np.zeros((len(KINDS), len(data)), np.int64)
        _count(data, labels, self.floors, counts)
        return counts
