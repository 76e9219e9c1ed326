"""Outlines of the components of a label raster, traced strip by strip along the pixel edges.

Each corner of an outline is a record: its place, the component that lies to its left, and the
directions in which the outline comes in and goes on. On one row of grid lines the records of a
component follow one another along its horizontal edges, and on one column along its vertical
edges, so that sorting alone finds each corner's successor, and a strip needs to know nothing
of the next.

Outlines are valid by construction. Where two pixels of a component meet at a corner only, the
ring turns so that it passes between them: rings touch there, but none touches itself. Where
three or more components meet, all have a vertex, so that neighbours share whole edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

EAST, SOUTH, WEST, NORTH = 0, 1, 2, 3
#: Records of the four pixels around a corner, by which of them (1 north-west, 2 north-east,
#: 4 south-west, 8 south-east) are of the component: 4 * direction in + direction out, and the
#: same of a second record; -1 is none. Where one outline turns west and another leaves east,
#: the western is first. Straight ones count only where components meet on the other side.
_TURNS = np.full((16, 2), -1, np.int8)
for _around, _records in {
    1: [(EAST, NORTH)], 2: [(SOUTH, EAST)], 4: [(NORTH, WEST)], 8: [(WEST, SOUTH)],
    14: [(SOUTH, WEST)], 13: [(WEST, NORTH)], 7: [(NORTH, EAST)], 11: [(EAST, SOUTH)],
    9: [(EAST, SOUTH), (WEST, NORTH)], 6: [(SOUTH, WEST), (NORTH, EAST)],
    3: [(EAST, EAST)], 12: [(WEST, WEST)], 5: [(NORTH, NORTH)], 10: [(SOUTH, SOUTH)],
}.items():  # fmt: skip
    for _i, (_in, _out) in enumerate(_records):
        _TURNS[_around, _i] = 4 * _in + _out
#: The one pair of records that follow each other in another order along a column.
_SWAPPED = 4 * EAST + SOUTH


@dataclass(frozen=True)
class Corners:
    """Records of corners in the order of their rows: arrays of one length."""

    x: NDArray[np.int32]
    y: NDArray[np.int32]
    component: NDArray[np.int32]
    turn: NDArray[np.int8]

    @classmethod
    def none(cls) -> Corners:
        """Return no records."""
        ints = np.zeros(0, np.int32)
        return cls(ints, ints, ints, np.zeros(0, np.int8))

    def __add__(self, other: Corners) -> Corners:
        return Corners(
            *(np.concatenate(pair) for pair in zip(_all(self), _all(other), strict=True))
        )

    def __getitem__(self, chosen: NDArray[np.bool_]) -> Corners:
        return Corners(*(array[chosen] for array in _all(self)))


def _all(corners: Corners) -> tuple[NDArray[Any], ...]:
    return corners.x, corners.y, corners.component, corners.turn


def corners(above: NDArray[np.int32], ids: NDArray[np.int32], row: int) -> Corners:
    """Find the corners on the grid lines above each row of a strip.

    Parameters
    ----------
    above : ndarray of int32, shape (width,)
        Components of the row before; 0 = no data.
    ids : ndarray of int32, shape (y, width)
    row : int
        The strip's first row.
    """
    framed = np.zeros((len(ids) + 1, len(above) + 2), np.int32)
    framed[0, 1:-1], framed[1:, 1:-1] = above, ids
    return Corners(*_corners(framed, row, _TURNS))


@njit(nogil=True, cache=True)
def _corners(ids: Any, row: Any, turns: Any) -> Any:  # pragma: no cover - compiled
    height, width = ids.shape
    around = np.zeros(4, np.int32)
    room = 1024
    xs, ys = np.empty(room, np.int32), np.empty(room, np.int32)
    components, found = np.empty(room, np.int32), np.empty(room, np.int8)
    n = 0
    for y in range(height - 1):
        for x in range(width - 1):
            around[0], around[1] = ids[y, x], ids[y, x + 1]
            around[2], around[3] = ids[y + 1, x], ids[y + 1, x + 1]
            if around[0] == around[1] == around[2] == around[3]:
                continue
            if n + 4 > room:
                room *= 2
                xs, ys = _grown(xs, room), _grown(ys, room)
                components, found = _grown(components, room), _grown(found, room)
            for i in range(4):
                mask, others = _mask(around, i)
                straight = mask in (3, 12, 5, 10) and others == 1
                if mask == 0 or straight:
                    continue
                for j in range(2):
                    if turns[mask, j] >= 0:
                        xs[n], ys[n] = x, row + y
                        components[n], found[n] = around[i], turns[mask, j]
                        n += 1
    return xs[:n].copy(), ys[:n].copy(), components[:n].copy(), found[:n].copy()


@njit(nogil=True, cache=True)
def _mask(around: Any, i: Any) -> Any:  # pragma: no cover - compiled
    """Return where pixel ``i``'s component is, and how many others there are beside a pair.

    0 where it is no data or has been seen at a pixel before.
    """
    mine, mask, others, last = around[i], 0, 0, -1
    for k in range(4):
        if around[k] == mine:
            if k < i:
                return 0, 0
            mask |= 1 << k
        elif around[k] != last:
            others += 1
            last = around[k]
    return (mask if mine else 0), others


@njit(nogil=True, cache=True)
def _grown(array: Any, room: Any) -> Any:  # pragma: no cover - compiled
    larger = np.empty(room, array.dtype)
    larger[: len(array)] = array
    return larger


@dataclass(frozen=True)
class Rings:
    """Polygons as ragged arrays.

    Parameters
    ----------
    components : ndarray of int, shape (polygons,)
        Increasing.
    points : ndarray of int32, shape (n, 2)
        Column and row of grid lines; each ring ends where it began.
    ring_starts, polygon_starts : ndarray of int64
        Offsets of rings in the points, and of polygons in the rings; the outline first.
    """

    components: NDArray[np.int32]
    points: NDArray[np.int32]
    ring_starts: NDArray[np.int64]
    polygon_starts: NDArray[np.int64]


def assemble(records: Corners) -> Rings:
    """Join the corners of whole components to rings."""
    names, local = np.unique(records.component, return_inverse=True)
    local = local.astype(np.int32)
    along = np.argsort(local, kind="stable").astype(np.int64)
    # Records come row by row: sorted by column, then by component, they keep that order.
    down = np.argsort(records.x, kind="stable")
    down = down[np.argsort(local[down], kind="stable")].astype(np.int64)
    points, rings, polygons = _trace(
        records.x, records.y, local, records.turn, along, down, len(names)
    )
    return Rings(names, points, rings, polygons)


@njit(nogil=True, cache=True)
def _trace(
    x: Any, y: Any, component: Any, turn: Any, along: Any, down: Any, count: Any
) -> Any:  # pragma: no cover - compiled
    n = len(x)
    following = _followers(x, y, component, turn, along, down)
    # No ring has fewer than four corners, and each needs one more point to close.
    points = np.empty((n + n // 4, 2), np.int32)
    rings = np.empty(n // 4 + 1, np.int64)
    polygons = np.zeros(count + 1, np.int64)
    seen = np.zeros(n, np.bool_)
    at, ring = 0, 0
    rings[0] = 0
    for i in range(n):
        first = along[i]
        if seen[first]:
            continue
        # The first corner of a component is the north-western one of its outline.
        node = first
        while not seen[node]:
            seen[node] = True
            points[at, 0], points[at, 1] = x[node], y[node]
            at += 1
            node = following[node]
        points[at, 0], points[at, 1] = x[first], y[first]
        at += 1
        ring += 1
        rings[ring] = at
        polygons[component[first] + 1] = ring
    return points[:at].copy(), rings[: ring + 1].copy(), polygons


@njit(nogil=True, cache=True)
def _followers(
    x: Any, y: Any, component: Any, turn: Any, along: Any, down: Any
) -> Any:  # pragma: no cover - compiled
    """Return the record after each: its neighbour on the row or column of grid lines."""
    n = len(x)
    for i in range(n - 1):
        a, b = down[i], down[i + 1]
        if (
            turn[a] == _SWAPPED and x[a] == x[b] and y[a] == y[b] and component[a] == component[b]
        ):  # fmt: skip
            down[i], down[i + 1] = b, a
    following = np.empty(n, np.int64)
    for i in range(n):
        a, b = along[i], down[i]
        if turn[a] % 4 == EAST:
            following[a] = along[i + 1]
        elif turn[a] % 4 == WEST:
            following[a] = along[i - 1]
        if turn[b] % 4 == SOUTH:
            following[b] = down[i + 1]
        elif turn[b] % 4 == NORTH:
            following[b] = down[i - 1]
    return following
