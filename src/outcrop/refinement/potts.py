"""Potts refinement: labels that agree with their neighbours unless the pixel speaks against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numba
import numpy as np
from numpy.typing import NDArray

from outcrop.errors import InputError, RecipeError

Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class Potts:
    """Weigh each pixel's evidence against the labels around it, a fixed number of times.

    In every update each pixel takes the label with the largest sum of its log evidence and
    ``strength`` for each of the 8 neighbours that carry it, diagonal ones counting 1/√2: the
    iterated conditional modes of Besag (1986), but all pixels at once and not until nothing
    changes, so that a pixel's label depends on the pixels within ``updates`` of it and on
    nothing else. Ties go to the lowest label. 0 is no data: it does not vote and stays 0.

    Parameters
    ----------
    strength : float
        What an agreeing neighbour is worth, in units of log evidence; 0 or more.
    updates : int
        How often, 1-100; also the pixels that it reaches.

    Raises
    ------
    RecipeError
        If a parameter is out of range.

    References
    ----------
    Besag (1986), "On the statistical analysis of dirty pictures", J. R. Statist. Soc. B 48(3).
    """

    #: Called with each pixel's log evidence and the units it is about, besides the labels.
    needs_evidence: ClassVar[bool] = True

    strength: float = 1.0
    updates: int = 10

    def __post_init__(self) -> None:
        whole = isinstance(self.updates, (int, np.integer)) and not isinstance(self.updates, bool)
        if not whole or not 1 <= self.updates <= 100:
            raise RecipeError(
                f"potts filter: updates = {self.updates!r}; it must be a whole number from 1 to 100"
            )
        if not 0 <= self.strength < np.inf:
            raise RecipeError(f"potts filter: strength = {self.strength!r}; it must be 0 or more")

    @property
    def halo(self) -> int:
        """Pixels of context that the filter needs on each side of a block."""
        return self.updates

    def __call__(
        self, labels: Labels, evidence: NDArray[np.float32], numbers: NDArray[np.uint8]
    ) -> Labels:
        """Refine one block.

        Parameters
        ----------
        labels : ndarray of uint8, shape (y, x)
            0 = no data. Read only.
        evidence : ndarray of float32, shape (k, y, x)
            Log evidence of each unit, but for what all units of a pixel share; not looked at
            where the label is 0.
        numbers : ndarray of uint8, shape (k,)
            The label of each unit, rising.

        Returns
        -------
        ndarray of uint8, shape (y, x)
            A new array.

        Raises
        ------
        InputError
            If the shapes don't fit or a label is none of the numbers.
        """
        if evidence.shape != (len(numbers), *labels.shape):
            raise InputError(
                f"potts filter: labels of shape {labels.shape} and {len(numbers)} units, but "
                f"evidence of shape {evidence.shape}; it takes (units, y, x)"
            )
        place = np.full(256, -2, np.int16)
        place[0], place[numbers] = -1, np.arange(len(numbers))
        now = place[labels]
        if (now == -2).any():
            raise InputError("potts filter: a label is none of the units that there is evidence of")
        now = _refine(now, evidence, np.float32(self.strength), self.updates)
        refined: Labels = np.concatenate([numbers, [0]]).astype(np.uint8)[now]
        return refined


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _leading(now: Any, evidence: Any) -> Any:  # pragma: no cover - compiled
    """Return the unit of most evidence for each pixel, the lowest of equals."""
    units, height, width = evidence.shape
    out = np.zeros(now.shape, np.int16)
    most = np.empty(width, np.float32)
    for y in range(height):
        most[:] = evidence[0, y]
        for k in range(1, units):
            row, to = evidence[k, y], out[y]
            for x in range(width):
                to[x] = np.int16(k) if row[x] > most[x] else to[x]
                most[x] = max(row[x], most[x])
    return out


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _best(
    now: Any, evidence: Any, leading: Any, y: Any, x: Any, strength: Any,
    around: Any, straight: Any, diagonal: Any,
) -> Any:  # fmt: skip  # pragma: no cover - compiled
    """Return the best unit of one pixel.

    A unit that no neighbour carries can win by its evidence alone: besides those around, only
    the one with the most evidence has to be looked at. Votes are counted as integers, so that
    their order is no matter.
    """
    height, width = now.shape
    around[0], straight[0], diagonal[0] = leading[y, x], 0, 0
    where = 1
    for v in range(max(0, y - 1), min(height, y + 2)):
        for u in range(max(0, x - 1), min(width, x + 2)):
            unit = now[v, u]
            if unit < 0 or (v == y and u == x):
                continue
            i = 0
            while i < where and around[i] != unit:
                i += 1
            if i == where:
                around[i], straight[i], diagonal[i] = unit, 0, 0
                where += 1
            if v == y or u == x:
                straight[i] += 1
            else:
                diagonal[i] += 1
    best, most = np.int16(0), np.float32(-np.inf)
    for i in range(where):
        votes = np.float32(straight[i]) + np.float32(0.70710678) * np.float32(diagonal[i])
        value = evidence[around[i], y, x] + strength * votes
        if value > most or (value == most and around[i] < best):
            best, most = around[i], value
    return best


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _unsettled(now: Any, leading: Any) -> Any:  # pragma: no cover - compiled
    """Return the pixels that an update may change: not those amid their like that lead."""
    height, width = now.shape
    out, n = np.empty(now.size, np.int32), 0
    framed = np.full((height + 2, width + 2), -1, np.int16)
    framed[1:-1, 1:-1] = now
    odd = np.empty(width, np.int16)
    for y in range(height):
        for x in range(width):
            odd[x] = np.int16(now[y, x] != leading[y, x])
        for v in range(3):
            row, own = framed[y + v], framed[y + 1]
            for u in range(3):
                for x in range(width):
                    near, unit = row[x + u], own[x + 1]
                    odd[x] |= np.int16((near >= 0) & (near != unit))
        for x in range(width):
            if odd[x] and now[y, x] >= 0:
                out[n] = y * width + x
                n += 1
    return out[:n].copy()


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _refine(
    now: Any, evidence: Any, strength: Any, updates: Any
) -> Any:  # pragma: no cover - compiled
    """Update all pixels some times; -1 is no data.

    After the first update only the neighbours of pixels that changed can change.
    """
    height, width = now.shape
    now = now.copy()
    leading = _leading(now, evidence)
    todo = _unsettled(now, leading)
    seen = np.zeros(now.shape, np.int16)
    around = np.empty(9, np.int16)
    straight, diagonal = np.empty(9, np.int32), np.empty(9, np.int32)
    for update in range(1, updates + 1):
        changed, labels, n = np.empty(len(todo), np.int32), np.empty(len(todo), np.int16), 0
        for place in todo:
            y, x = place // width, place % width
            best = _best(now, evidence, leading, y, x, strength, around, straight, diagonal)
            if best != now[y, x]:
                changed[n], labels[n] = place, best
                n += 1
        if n == 0:
            break
        for i in range(n):
            now[changed[i] // width, changed[i] % width] = labels[i]
        todo, m = np.empty(min(8 * n, now.size), np.int32), 0
        for i in range(n):
            y, x = changed[i] // width, changed[i] % width
            for v in range(max(0, y - 1), min(height, y + 2)):
                for u in range(max(0, x - 1), min(width, x + 2)):
                    if now[v, u] >= 0 and seen[v, u] != update and (v != y or u != x):
                        seen[v, u] = update
                        todo[m] = v * width + u
                        m += 1
        todo = todo[:m]
    return now
