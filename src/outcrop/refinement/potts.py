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
        evidence : ndarray of float32, shape (y, x, k)
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
        if evidence.shape != (*labels.shape, len(numbers)):
            raise InputError(
                f"potts filter: labels of shape {labels.shape} and {len(numbers)} units, but "
                f"evidence of shape {evidence.shape}; it takes (y, x, units)"
            )
        place = np.full(256, -2, np.int16)
        place[0], place[numbers] = -1, np.arange(len(numbers))
        now = place[labels]
        if (now == -2).any():
            raise InputError("potts filter: a label is none of the units that there is evidence of")
        for _ in range(self.updates):
            now = _update(now, evidence, np.float32(self.strength))
        refined: Labels = np.concatenate([numbers, [0]]).astype(np.uint8)[now]
        return refined


@numba.njit(nogil=True, cache=True)
def _update(now: Any, evidence: Any, strength: Any) -> Any:  # pragma: no cover - compiled
    """One update of all pixels; -1 is no data.

    A label that no neighbour carries can only win by its evidence: the search runs over all
    of them once, and votes are counted as integers, so that their order is no matter.
    """
    height, width, units = evidence.shape
    out = np.full(now.shape, np.int16(-1), np.int16)
    straight = np.zeros(units, np.int32)
    diagonal = np.zeros(units, np.int32)
    for y in range(height):
        for x in range(width):
            if now[y, x] < 0:
                continue
            straight[:] = 0
            diagonal[:] = 0
            for v in range(max(0, y - 1), min(height, y + 2)):
                for u in range(max(0, x - 1), min(width, x + 2)):
                    if now[v, u] >= 0:
                        if v == y or u == x:
                            straight[now[v, u]] += 1
                        else:
                            diagonal[now[v, u]] += 1
            straight[now[y, x]] -= 1  # the pixel itself has no vote
            best, most = np.int16(0), np.float32(-np.inf)
            for k in range(units):
                votes = np.float32(straight[k]) + np.float32(0.70710678) * np.float32(diagonal[k])
                value = evidence[y, x, k] + strength * votes
                if value > most:
                    best, most = np.int16(k), value
            out[y, x] = best
    return out
