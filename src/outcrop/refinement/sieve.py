"""The sieve: areas below the minimum mapping unit join the neighbour they border longest."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from outcrop.components import Builder, Labels, ReadRows, Strip, Table, _find, _unite, strips

#: ``write(row, labels)`` takes full-width rows, in their order.
WriteRows = Callable[[int, Labels], None]
#: Where pixels differ in area, the largest weighs this much: sums of whole numbers don't depend
#: on the order they are added in.
FINE = 2**20


def sieve(
    read: ReadRows,
    write: WriteRows,
    shape: Sequence[int],
    row_areas: NDArray[np.float64],
    min_area: float,
    *,
    rows: int | None = None,
) -> int:
    """Remove the areas of one label that are smaller than ``min_area``.

    Areas are 4-connected. The smallest comes first (of equals the one whose first pixel is
    met first, row by row): it takes the label of the neighbouring area with which it shares
    the most pixel edges, ties to the lowest label, and is one area with all its neighbours
    of that label from then on. So what was small may grow large enough to stay, and in the
    end nothing is smaller than ``min_area`` but islands in no data, which have no neighbour
    and stay as they are. No data is never filled and never changes an area.

    The result does not depend on ``rows``. In memory are a strip, the table of components
    and the borders of the small ones.

    Parameters
    ----------
    read, write : callable
        Full-width rows of the raster and of its result; ``read`` is called twice for each.
    shape : sequence of int
        Rows and columns.
    row_areas : ndarray of float64, shape (rows,)
        Area of one pixel of each row.
    min_area : float
        The smallest area that stays, in the same unit.
    rows : int, optional
        Rows of a strip.

    Returns
    -------
    int
        How many pixels changed their label.
    """
    weights, least = _weights(row_areas, min_area)
    builder, borders = Builder(), _Borders(least)
    for strip in strips(read, shape, rows):
        part = weights[strip.row : strip.row + len(strip.labels)]
        borders.add(strip, builder.add(strip, part))
    table = builder.table()
    final = _merge(table.labels, table.weights, least, *borders.of_small(table, least))
    final = final[table.node]
    changed = 0
    for strip in strips(read, shape, rows):
        own = np.concatenate([[0], final[strip.offset + 1 : strip.offset + strip.count + 1]])
        result = own.astype(np.uint8)[strip.ids]
        changed += int((result != strip.labels).sum())
        write(strip.row, result)
    return changed


def _weights(row_areas: NDArray[np.float64], min_area: float) -> tuple[NDArray[np.int64], int]:
    """Return whole-number weights of the rows' pixels, and the least that an area must have."""
    largest = float(row_areas.max())
    if float(row_areas.min()) == largest:
        # A hair less, for an area of exactly the minimum to stay whatever the rounding.
        return np.ones(len(row_areas), np.int64), int(np.ceil(min_area / largest * (1 - 1e-9)))
    scale = FINE / largest
    return np.rint(row_areas * scale).astype(np.int64), int(np.ceil(min_area * scale))


class _Borders:
    """Pixel edges shared by two components, of which at least one may be small."""

    def __init__(self, least: int) -> None:
        self._least = least
        self._keys: list[NDArray[np.int64]] = []
        self._lengths: list[NDArray[np.int64]] = []
        self._above: NDArray[np.int64] | None = None

    def add(self, strip: Strip, weights: NDArray[np.int64]) -> None:
        # What is large within a strip is large; what is small may turn out larger later.
        small = weights < self._least
        offset = np.int64(strip.offset)
        self._keep(_edges(strip.ids, small) + ((offset << 32) | offset))
        ids = strip.ids.astype(np.int64) + offset
        first = np.where(strip.ids[0] > 0, ids[0], 0)
        if self._above is not None:
            pairs = np.stack([self._above, first])[:, (self._above > 0) & (first > 0)]
            self._keep((pairs[0] << 32) | pairs[1])
        self._above = np.where(strip.ids[-1] > 0, ids[-1], 0)

    def _keep(self, keys: NDArray[np.int64]) -> None:
        once, lengths = np.unique(keys, return_counts=True)
        self._keys.append(once)
        self._lengths.append(lengths)

    def of_small(
        self, table: Table, least: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
        """Return the neighbours of small components as (start, neighbour, length)."""
        keys = np.concatenate([*self._keys, np.zeros(0, np.int64)])
        lengths = np.concatenate([*self._lengths, np.zeros(0, np.int64)])
        self._keys, self._lengths = [], []
        one, other = table.node[keys >> 32], table.node[keys & 0xFFFFFFFF]
        owner, neighbour = np.concatenate([one, other]), np.concatenate([other, one])
        lengths = np.concatenate([lengths, lengths])
        # Within a strip's first row a pair may be of one component: no border at all.
        wanted = (table.weights[owner] < least) & (owner != neighbour)
        owner, neighbour, lengths = owner[wanted], neighbour[wanted], lengths[wanted]
        order = np.argsort(owner, kind="stable")
        start = np.zeros(len(table.labels) + 1, np.int64)
        np.cumsum(np.bincount(owner, minlength=len(table.labels)), out=start[1:])
        return start, neighbour[order], lengths[order]


def _edges(ids: NDArray[np.int32], small: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return a key (lower number << 32 | higher) for each pixel edge beside a small component."""
    keys = []
    for one, other in ((ids[:, :-1], ids[:, 1:]), (ids[:-1], ids[1:])):
        beside = (one != other) & (one > 0) & (other > 0)
        pair = np.stack([one[beside], other[beside]]).astype(np.int64)
        pair = pair[:, small[pair].any(axis=0)]
        keys.append((pair.min(axis=0) << 32) | pair.max(axis=0))
    return np.concatenate(keys)


@njit(nogil=True, cache=True)
def _merge(
    labels: Any, weights: Any, least: Any, start: Any, neighbours: Any, lengths: Any
) -> Any:  # pragma: no cover - compiled
    """Merge small components; return the final label of each.

    A merged component keeps a chain of the small ones it consists of, since only theirs are
    the borders that may still be asked for.
    """
    count = len(labels)
    labels, weights = labels.copy(), weights.copy()
    parent = np.arange(count)
    following = np.full(count, -1, np.int64)
    head, tail = np.arange(count), np.arange(count)
    grown = np.zeros(count, np.bool_)
    shared = np.zeros(count, np.int64)
    small = np.flatnonzero(weights[1:] < least) + 1
    small = small[np.argsort(weights[small], kind="mergesort")]
    merged = [(np.int64(0), np.int64(0)) for _ in range(0)]
    i = 0
    while i < len(small) or merged:
        if i < len(small) and (grown[small[i]] or parent[small[i]] != small[i]):
            i += 1
            continue
        if not merged or (i < len(small) and (weights[small[i]], small[i]) < merged[0]):
            node = small[i]
            i += 1
        else:
            weight, node = heapq.heappop(merged)
            if parent[node] != node or weights[node] != weight:
                continue
        touched = _gather(node, parent, head, following, start, neighbours, lengths, shared)
        best = _longest(touched, shared, labels)
        name = labels[best]
        for other in touched:
            shared[other] = 0
            if labels[other] == name:
                node = _absorb(node, other, parent, weights, head, tail, following)
                grown[node] = True
        if best:
            labels[node] = name
            if weights[node] < least:
                heapq.heappush(merged, (weights[node], np.int64(node)))
    for node in range(count):
        labels[node] = labels[_find(parent, node)]
    return labels


@njit(nogil=True, cache=True)
def _gather(
    node: Any, parent: Any, head: Any, following: Any, start: Any, neighbours: Any,
    lengths: Any, shared: Any,
) -> Any:  # fmt: skip # pragma: no cover - compiled
    """Add up a component's borders by neighbour in ``shared``; return the neighbours."""
    touched = [np.int64(0) for _ in range(0)]
    member = head[node]
    while member >= 0:
        for i in range(start[member], start[member + 1]):
            other = _find(parent, np.int64(neighbours[i]))
            if other != node:
                if shared[other] == 0:
                    touched.append(other)
                shared[other] += lengths[i]
        member = following[member]
    return touched


@njit(nogil=True, cache=True)
def _longest(touched: Any, shared: Any, labels: Any) -> Any:  # pragma: no cover - compiled
    """Return the neighbour with the longest border, of equals one of the lowest label, or 0."""
    best, longest = 0, 0
    for other in touched:
        length = shared[other]
        if length > longest or (length == longest and labels[other] < labels[best]):
            best, longest = other, length
    return best


@njit(nogil=True, cache=True)
def _absorb(
    node: Any, other: Any, parent: Any, weights: Any, head: Any, tail: Any, following: Any
) -> Any:  # pragma: no cover - compiled
    """Make one component of two, and one chain of theirs; return its root."""
    low = _unite(parent, node, other)
    high = max(node, other)
    weights[low] += weights[high]
    following[tail[high]] = head[low]
    head[low] = head[high]
    return low
