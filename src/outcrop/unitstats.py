"""Sums by unit, taken by tile so that they are the same for every block size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

UNITS = 256


@njit(nogil=True, cache=True)
def _accumulate(data: Any, labels: Any, areas: Any, sums: Any) -> None:
    bands = data.shape[0]
    for i in range(labels.shape[0]):
        for j in range(labels.shape[1]):
            unit = labels[i, j]
            sums[unit, 0] += 1.0
            sums[unit, 1] += areas[i]
            if unit:
                for b in range(bands):
                    value = data[b, i, j]
                    sums[unit, 2 + b] += value
                    sums[unit, 2 + bands + b] += value * value


@dataclass(frozen=True)
class UnitSums:
    """Pixels, areas, sums and sums of squares by unit.

    Parameters
    ----------
    table : ndarray of float64, shape (256, 2 + 2 × bands)
        A row a label; row 0 counts the pixels without data.
    """

    table: NDArray[np.float64]

    @classmethod
    def of_tile(
        cls, data: NDArray[np.float32], labels: NDArray[np.uint8], areas: NDArray[np.float64]
    ) -> UnitSums:
        """Sum a tile: data (bands, y, x), labels (y, x), area of a pixel of each row (y,)."""
        table = np.zeros((UNITS, 2 + 2 * len(data)))
        _accumulate(data.astype(np.float64), labels, areas, table)
        return cls(table)

    @property
    def pixels(self) -> NDArray[np.int64]:
        """Pixels by label, shape (256,)."""
        return self.table[:, 0].astype(np.int64)

    @property
    def areas(self) -> NDArray[np.float64]:
        """Area by label, shape (256,)."""
        return self.table[:, 1]

    def mean_and_sd(self, unit: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation by band of a unit; NaN for a unit without pixels."""
        bands = (self.table.shape[1] - 2) // 2
        n = self.table[unit, 0]
        if not n:
            return np.full(bands, np.nan), np.full(bands, np.nan)
        mean = self.table[unit, 2 : 2 + bands] / n
        square = self.table[unit, 2 + bands :] / n
        return mean, np.sqrt(np.maximum(square - mean**2, 0))


class TileSums:
    """Collects the sums of tiles in any order and adds them up in the order of the tiles."""

    def __init__(self) -> None:
        self._tiles: dict[tuple[int, int], NDArray[np.float64]] = {}

    def add(self, place: tuple[int, int], sums: UnitSums) -> None:
        """Take the sums of the tile in that row and column."""
        used = int(np.flatnonzero(sums.table[:, 0]).max(initial=0)) + 1
        self._tiles[place] = sums.table[:used].copy()

    def total(self) -> UnitSums:
        """Add up all tiles."""
        width = next((table.shape[1] for table in self._tiles.values()), 2)
        table = np.zeros((UNITS, width))
        for place in sorted(self._tiles):
            part = self._tiles[place]
            table[: len(part)] += part
        return UnitSums(table)
