"""Connected areas of one label over a whole raster, found strip by strip.

Two pixels belong together where they share a side and a label (4-connectivity). The raster is
read in full-width strips, each labelled by itself, and the strips are joined by union-find on
the rows where they meet. What stays in memory is one strip and a table of the components,
never an array of the raster's size.

Components are numbered by their first pixel in row-major order, from 1; 0 is no data. That
order does not depend on how the raster was cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

#: Rows of a strip at most: those of a tile, so that no tile of the file is decoded twice.
STRIP = 512
#: Pixels of a strip at most: wider rasters than 16,384 have lower strips.
STRIP_PIXELS = 2**23

Labels = NDArray[np.uint8]
Ids = NDArray[np.int32]
#: ``read(row, height)`` returns full-width rows of labels, shape (height, width).
ReadRows = Callable[[int, int], Labels]


@dataclass(frozen=True)
class Strip:
    """Full-width rows with the provisional number of each pixel's component.

    Parameters
    ----------
    row : int
        The first row.
    labels : ndarray of uint8, shape (y, width)
    ids : ndarray of int32, shape (y, width)
        Counted from 1 in each strip; 0 = no data.
    count : int
        Components in the strip.
    offset : int
        Components in the strips before; ``ids + offset`` is unique in the raster.
    """

    row: int
    labels: Labels
    ids: Ids
    count: int
    offset: int


def strips(read: ReadRows, shape: Sequence[int], rows: int | None = None) -> Iterator[Strip]:
    """Label a raster strip by strip; every walk with the same ``rows`` gives the same numbers.

    Without ``rows``, a strip has `STRIP` of them and `STRIP_PIXELS` pixels at most.
    """
    offset, rows = 0, rows or max(1, min(STRIP, STRIP_PIXELS // shape[1]))
    for row in range(0, shape[0], rows):
        labels = read(row, min(rows, shape[0] - row))
        ids, count = label(labels)
        yield Strip(row, labels, ids, count, offset)
        offset += count
        del labels, ids  # before the next strip is read


@njit(nogil=True, cache=True)
def _find(parent: Any, node: Any) -> Any:  # pragma: no cover - compiled
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@njit(nogil=True, cache=True)
def _unite(parent: Any, one: Any, other: Any) -> Any:  # pragma: no cover - compiled
    """Join two sets under the lower of their roots, and return it."""
    one, other = _find(parent, one), _find(parent, other)
    low, high = min(one, other), max(one, other)
    parent[high] = low
    return low


@njit(nogil=True, cache=True)
def label(labels: Any) -> Any:  # pragma: no cover - compiled
    """Give the 4-connected components of an array numbers; return them and their count.

    After Rosenfeld & Pfaltz (1966), J. ACM 13(4): two scans and a table of equivalences.
    """
    height, width = labels.shape
    ids = np.zeros((height, width), np.int32)
    parent = np.empty(height * width + 1, np.int32)
    parent[0] = 0
    count = 0
    for y in range(height):
        for x in range(width):
            value = labels[y, x]
            if value == 0:
                continue
            up = ids[y - 1, x] if y > 0 and labels[y - 1, x] == value else 0
            left = ids[y, x - 1] if x > 0 and labels[y, x - 1] == value else 0
            if up and left:
                ids[y, x] = up if up == left else _unite(parent, up, left)
            elif up or left:
                ids[y, x] = up + left
            else:
                count += 1
                parent[count] = count
                ids[y, x] = count
    # A root is the lowest of its set and so met first: numbers stay in row-major order.
    kept = 0
    for node in range(1, count + 1):
        if parent[node] == node:
            kept += 1
            parent[node] = kept
        else:
            parent[node] = parent[parent[node]]
    for y in range(height):
        for x in range(width):
            ids[y, x] = parent[ids[y, x]]
    return ids, kept


@njit(nogil=True, cache=True)
def measure(strip_labels: Any, ids: Any, count: Any, rows: Any) -> Any:  # pragma: no cover
    """Return label, pixels and weight of components 0 … count; ``rows`` weighs each row."""
    names = np.zeros(count + 1, np.uint8)
    pixels = np.zeros(count + 1, np.int64)
    weights = np.zeros(count + 1, rows.dtype)
    for y in range(ids.shape[0]):
        for x in range(ids.shape[1]):
            node = ids[y, x]
            names[node] = strip_labels[y, x]
            pixels[node] += 1
            weights[node] += rows[y]
    return names, pixels, weights


@dataclass(frozen=True)
class Table:
    """The components of a raster.

    Parameters
    ----------
    node : ndarray of int32, shape (provisional numbers + 1,)
        Component of each provisional number (`Strip.ids` + `Strip.offset`).
    labels : ndarray of uint8, shape (components + 1,)
    pixels : ndarray of int64, shape (components + 1,)
    weights : ndarray, shape (components + 1,)
        Sums of the row weights, of their type.
    last : ndarray of int32, shape (components + 1,)
        The last strip that the component reaches.
    """

    node: Ids
    labels: Labels
    pixels: NDArray[np.int64]
    weights: NDArray[Any]
    last: Ids


class Builder:
    """Collects strips in their order and joins them into a `Table`."""

    def __init__(self) -> None:
        self._parts: list[tuple[Labels, NDArray[np.int64], NDArray[Any]]] = []
        self._pairs: list[NDArray[np.int64]] = []
        self._above: tuple[Labels, NDArray[np.int64]] | None = None

    def add(self, strip: Strip, rows: NDArray[Any]) -> NDArray[Any]:
        """Take the next strip; ``rows`` weighs its rows. Return its components' weights."""
        measured = measure(strip.labels, strip.ids, strip.count, rows)
        self._parts.append(tuple(part[1:] for part in measured))
        if self._above is not None:
            above, numbers = self._above
            same = (above == strip.labels[0]) & (above > 0)
            below = strip.ids[0].astype(np.int64) + strip.offset
            self._pairs.append(np.unique(np.stack([numbers, below], 1)[same], axis=0))
        self._above = strip.labels[-1].copy(), strip.ids[-1].astype(np.int64) + strip.offset
        weights: NDArray[Any] = measured[2]
        return weights

    def table(self) -> Table:
        """Join what was collected."""
        labels, pixels, weights = (
            np.concatenate([part[i] for part in self._parts]) for i in range(3)
        )
        pairs = np.concatenate([*self._pairs, np.zeros((0, 2), np.int64)])
        strip = np.repeat(
            np.arange(len(self._parts), dtype=np.int32), [len(p[0]) for p in self._parts]
        )
        return Table(*_join(len(labels), pairs, labels, pixels, weights, strip))


@njit(nogil=True, cache=True)
def _join(
    count: Any, pairs: Any, labels: Any, pixels: Any, weights: Any, strip: Any
) -> Any:  # pragma: no cover - compiled
    node = np.arange(count + 1).astype(np.int32)
    for i in range(len(pairs)):
        _unite(node, np.int32(pairs[i, 0]), np.int32(pairs[i, 1]))
    kept = 0
    for i in range(1, count + 1):
        if node[i] == i:
            kept += 1
            node[i] = kept
        else:
            node[i] = node[node[i]]
    names, last = np.zeros(kept + 1, np.uint8), np.zeros(kept + 1, np.int32)
    counts, sums = np.zeros(kept + 1, np.int64), np.zeros(kept + 1, weights.dtype)
    for i in range(1, count + 1):
        names[node[i]] = labels[i - 1]
        counts[node[i]] += pixels[i - 1]
        sums[node[i]] += weights[i - 1]
        last[node[i]] = strip[i - 1]
    return node, names, counts, sums, last
