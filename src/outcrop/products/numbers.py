"""Where on a map the numbers of its units stand, so that they are told apart without colour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# As parts of the map's longer side.
#: Half of the side of the square that a unit must fill for its number to stand there.
ROOM = 1 / 90
#: The same for the one number of a unit that is nowhere so wide: it may touch its neighbours.
SCANT = 1 / 250
#: Distances to the next number of the same unit, and of another one.
SAME, OTHER = 1 / 4.5, 1 / 28
#: Cells a side in which the roomiest place of each unit is looked for.
CELLS = 12
#: Units of a map that get numbers; more would be all there is to see.
MOST = 60


@dataclass(frozen=True, order=True)
class Place:
    """A place for a number, in pixels of the array; the roomiest come first in order."""

    minus_room: int
    row: int
    column: int
    number: int


def number_places(labels: NDArray[np.uint8], numbers: Iterable[int]) -> list[Place]:
    """Choose where numbers stand: in the middle of the largest squares that a unit fills.

    Parameters
    ----------
    labels : ndarray of uint8, shape (y, x)
        0 = no data.
    numbers : iterable of int
        The units to number; none are where they are more than `MOST`.

    Returns
    -------
    list of Place
        The same for the same labels. A unit that is nowhere wide enough has one, where it is
        widest, and none if that is hardly a pixel or too near another number.
    """
    wanted = [n for n in numbers if (labels == n).any()]
    if len(wanted) > MOST:
        return []
    side = max(labels.shape)
    found = sorted(place for n in wanted for place in _roomiest(labels == n, n, side))
    chosen: list[Place] = []
    for place in (p for p in found if -p.minus_room >= ROOM * side):
        if _is_free(place, chosen, side):
            chosen.append(place)
    for place in found:
        if all(place.number != p.number for p in chosen) and _is_free(place, chosen, side):
            chosen.append(place)
    return chosen


def _is_free(place: Place, chosen: list[Place], side: int) -> bool:
    return all(_apart(place, other) > side * _least(place, other) for other in chosen)


def _least(a: Place, b: Place) -> float:
    return SAME if a.number == b.number else OTHER


def _apart(a: Place, b: Place) -> float:
    return float(np.hypot(a.row - b.row, a.column - b.column))


def _roomiest(inside: NDArray[np.bool_], number: int, side: int) -> list[Place]:
    """Return the middle of the largest square in each cell, if it is large enough."""
    from scipy.ndimage import distance_transform_cdt

    # The edge of the map is an edge too.
    room: NDArray[Any] = distance_transform_cdt(np.pad(inside, 1), "chessboard")[1:-1, 1:-1]
    step = -(-side // CELLS)
    places = []
    for top in range(0, inside.shape[0], step):
        for left in range(0, inside.shape[1], step):
            cell = room[top : top + step, left : left + step]
            row, column = np.unravel_index(int(cell.argmax()), cell.shape)
            if cell[row, column] >= max(2.0, SCANT * side):
                at = int(top + row), int(left + column)
                places.append(Place(-int(cell[row, column]), *at, number))
    return places
