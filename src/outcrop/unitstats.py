"""Sums by unit, taken by tile so that they are the same for every block size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from outcrop.engine import TILE

UNITS = 256


@njit(nogil=True, cache=True)
def _count(labels: Any, areas: Any, table: Any) -> None:  # pragma: no cover - compiled
    for i in range(labels.shape[0]):
        for j in range(labels.shape[1]):
            table[labels[i, j], 0] += 1.0
            table[labels[i, j], 1] += areas[i]


@njit(nogil=True, cache=True)
def _sum(
    one: Any, two: Any, labels: Any, band: Any, bands: Any, table: Any
) -> None:  # pragma: no cover - compiled
    """Add two bands up, in the order of the pixels; runs of a unit stay in registers."""
    at, other = 2 + band, 2 + bands + band
    for i in range(labels.shape[0]):
        j = 0
        while j < labels.shape[1]:
            unit = labels[i, j]
            first = j
            while j < labels.shape[1] and labels[i, j] == unit:
                j += 1
            if unit == 0:
                continue
            a, b = table[unit, at], table[unit, at + 1]
            aa, bb = table[unit, other], table[unit, other + 1]
            for x in range(first, j):
                value, next_value = np.float64(one[i, x]), np.float64(two[i, x])
                a += value
                b += next_value
                aa += value * value
                bb += next_value * next_value
            table[unit, at], table[unit, at + 1] = a, b
            table[unit, other], table[unit, other + 1] = aa, bb


@njit(nogil=True, cache=True)
def _count_pairs(labels: Any, values: Any, table: Any) -> None:  # pragma: no cover - compiled
    for i in range(labels.shape[0]):
        for j in range(labels.shape[1]):
            table[labels[i, j], values[i, j]] += 1


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
        bands = len(data)
        even = bands + bands % 2  # the kernel takes two bands at once, the last one twice
        room = np.zeros((UNITS, 2 + 2 * even))
        _count(labels, areas, room)
        for band in range(0, bands, 2):
            _sum(data[band], data[min(band + 1, bands - 1)], labels, band, even, room)
        table = np.hstack([room[:, : 2 + bands], room[:, 2 + even : 2 + even + bands]])
        return cls(table)

    @property
    def used(self) -> NDArray[np.float64]:
        """The table up to the highest label that has pixels."""
        return self.table[: int(np.flatnonzero(self.table[:, 0]).max(initial=0)) + 1].copy()

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


def count_values(labels: NDArray[np.uint8], values: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count pixels by label and value, (the highest label + 1, 256)."""
    table = np.zeros((int(labels.max(initial=0)) + 1, 256), np.int64)
    _count_pairs(labels, values, table)
    return table


class TileSums:
    """Adds up the sums of tiles in the order of the tiles, in whatever order they come.

    Only tiles whose turn has not come are kept: with blocks in their order, about one row.

    Parameters
    ----------
    shape : sequence of int
        Rows and columns of the grid.
    """

    def __init__(self, shape: Sequence[int]) -> None:
        self._columns = -(-shape[1] // TILE)
        self._waiting: dict[int, NDArray[np.float64]] = {}
        self._next = 0
        self._total: NDArray[np.float64] | None = None

    def add(self, place: tuple[int, int], table: NDArray[np.float64]) -> None:
        """Take the sums of the tile in that row and column: the first rows of a table."""
        self._waiting[place[0] * self._columns + place[1]] = table
        while self._next in self._waiting:
            self._fold(self._waiting.pop(self._next))
            self._next += 1

    def _fold(self, table: NDArray[np.float64]) -> None:
        if self._total is None:
            self._total = np.zeros((UNITS, table.shape[1]))
        self._total[: len(table)] += table

    def total(self) -> UnitSums:
        """Return the sums of all tiles."""
        if self._waiting or self._total is None:
            raise RuntimeError(f"the sums of tile {self._next} are missing")
        return UnitSums(self._total)
