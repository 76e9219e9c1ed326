"""The majority filter: each pixel takes the commonest label of the window around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from outcrop.errors import InputError, RecipeError

Labels = NDArray[np.uint8]
#: What one vote adds to a count; labels are below it.
VOTE = np.int32(256)
#: Labels are counted in groups that fill the vector registers.
LANES = 8
#: Beyond it the counts would leave their 32 bits; no map is filtered that coarsely.
LARGEST = 999


@dataclass(frozen=True)
class Majority:
    """Replace each label by the commonest one in a square window around it.

    Ties go to the lowest label. 0 is no data: it does not vote, and it stays 0. Beyond the
    edges of the array the labels are mirrored with the edge pixel repeated
    (``d c b a | a b c d | d c b a``: ``mode="symmetric"`` of `numpy.pad`, ``"reflect"`` of
    `scipy.ndimage`), as often as a window larger than the array asks for.

    Parameters
    ----------
    size : int
        Width and height of the window in pixels, odd; 1 changes nothing.

    Raises
    ------
    RecipeError
        If the size is not an odd whole number from 1 to 999.

    References
    ----------
    Huang, Yang & Tang (1979), "A fast two-dimensional median filtering algorithm", IEEE
    Trans. ASSP 27(1): the histogram that slides with the window. The window of 7 x 7 is
    that of Nagar et al. (2024), Adv. Space Res.
    """

    size: int = 7

    def __post_init__(self) -> None:
        whole = isinstance(self.size, (int, np.integer)) and not isinstance(self.size, bool)
        if not whole or not 1 <= self.size <= LARGEST or self.size % 2 == 0:
            raise RecipeError(
                f"majority filter: size = {self.size!r}; the window needs a centre pixel, so its "
                f"size is an odd whole number of pixels from 1 to {LARGEST}: use 3, 5, 7, …"
            )

    @property
    def halo(self) -> int:
        """Pixels of context that the filter needs on each side of a block."""
        return self.size // 2

    def __call__(self, labels: Labels) -> Labels:
        """Filter one block.

        Parameters
        ----------
        labels : ndarray of uint8, shape (y, x)
            0 = no data. Read only.

        Returns
        -------
        ndarray of uint8, shape (y, x)
            A new array.

        Raises
        ------
        InputError
            If the labels are not a two-dimensional array of uint8.
        """
        if labels.dtype != np.uint8 or labels.ndim != 2:
            raise InputError(
                f"majority filter: labels of type {labels.dtype} and shape {labels.shape}; "
                "it takes uint8 of shape (y, x)"
            )
        if self.size == 1 or not labels.any():
            return labels.copy()
        # The search for the largest count runs over the labels present, not over all 255.
        present = np.flatnonzero(np.bincount(labels.ravel(), minlength=256))
        names = np.concatenate([[0], present[present > 0]]).astype(np.uint8)
        code_of = np.zeros(256, np.uint8)
        code_of[names] = np.arange(len(names), dtype=np.uint8)
        padded = np.pad(code_of[labels], self.halo, mode="symmetric")
        lanes = -(-len(names) // LANES) * LANES
        filtered: Labels = names[_slide(padded, int(self.size), lanes)]
        return filtered


@numba.njit(nogil=True, cache=True)
def _slide(padded: Any, size: int, lanes: int) -> Any:  # pragma: no cover - compiled
    """Mode of every window of ``size`` x ``size``; labels 0 … lanes-1, 0 = no data.

    One histogram a column slides down, and their sum slides along the row, so that the cost
    does not grow with the window. A vote counts `VOTE`, and each lane starts with a bias
    below one vote that falls with its label: the largest sum is the mode with ties at the
    lowest label, found by a plain maximum that compiles to vector instructions.
    """
    height, width = padded.shape[0] - size + 1, padded.shape[1] - size + 1
    radius = size // 2
    out = np.zeros((height, width), np.uint8)
    columns = np.zeros((padded.shape[1], lanes), np.int32)
    window = np.empty(lanes, np.int32)
    for y in range(size - 1):
        _vote(columns, padded[y], VOTE)
    for y in range(height):
        _vote(columns, padded[y + size - 1], VOTE)
        if y > 0:
            _vote(columns, padded[y - 1], -VOTE)
        for label in range(lanes):
            window[label] = lanes - 1 - label
        for x in range(size - 1):
            for label in range(lanes):
                window[label] += columns[x, label]
        for x in range(width):
            enter = columns[x + size - 1]
            leave = columns[x]
            largest = np.int32(0)
            for label in range(lanes):
                count = np.int32(window[label] + enter[label])
                window[label] = count - leave[label]
                largest = max(largest, count)
            if padded[y + radius, x + radius] != 0:
                out[y, x] = lanes - 1 - largest % VOTE
    return out


@numba.njit(nogil=True, cache=True)
def _vote(columns: Any, row: Any, vote: Any) -> None:  # pragma: no cover - compiled
    """Add a row of labels to the histograms of its columns, or take it from them."""
    for x in range(len(row)):
        columns[x, row[x]] += vote * (row[x] != 0)
