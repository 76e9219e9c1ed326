"""Other ways to spend as many units: two of them joined, and a third halved."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
Units = NDArray[np.int32]

#: Pairs of units that are joined at most, and units that are halved.
_PAIRS, _HALVED = 12, 8


class Half(NamedTuple):
    """One side of a unit across its longest axis: which rows, and how long the axis is."""

    unit: int
    spread: float
    rows: NDArray[np.intp]


def halves(rows: Rows, units: Units, factors: NDArray[np.float64]) -> list[Half]:
    """Halve each unit across the axis that is longest for its shape, the longest first.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
    units : ndarray of int, shape (n,)
    factors : ndarray of shape (k, d, d)
        What makes each unit round: ``rows @ factor`` has an identity scale matrix.

    Returns
    -------
    list of Half
        ``spread`` is the sum of the squares of the unit's rows along the axis, so that of two
        units as wide the one of more rows comes first. Units of less than two rows are left out.
    """
    found = []
    for unit, factor in enumerate(factors):
        mine = np.flatnonzero(units == unit)
        if len(mine) < 2:
            continue
        away = rows[mine] @ factor
        away -= away.mean(axis=0)
        spreads, axes = np.linalg.eigh(away.T @ away)
        along = away @ axes[:, -1]
        found.append(Half(unit, float(spreads[-1]), mine[along > np.median(along)]))
    return sorted(found, key=lambda half: -half.spread)


def exchanges(
    rows: Rows, units: Units, shares: Rows, factors: NDArray[np.float64]
) -> Iterator[Units]:
    """Yield units of rows of which two were joined and a third was halved, as many as before.

    Pairs that share most rows, and units that are widest, come first: a merge and a split at
    once, since either alone changes the number (Ueda et al. 2000).

    Parameters
    ----------
    rows : ndarray of shape (n, d)
    units : ndarray of int, shape (n,)
    shares : ndarray of shape (n, k)
        What part of each row each unit has.
    factors : ndarray of shape (k, d, d)
        See `halves`.

    References
    ----------
    Ueda, Nakano, Ghahramani & Hinton (2000), "SMEM algorithm for mixture models", Neural
    Computation 12.
    """
    widest = halves(rows, units, factors)
    ranked = [
        (at + place, at, one, other, half)
        for at, (one, other) in enumerate(islice(_overlapping(shares), _PAIRS))
        for place, half in enumerate([h for h in widest if h.unit not in (one, other)][:_HALVED])
    ]
    for _, _, one, other, half in sorted(ranked, key=lambda move: move[:2]):
        moved = np.where(units == other, one, units)
        moved[half.rows] = other
        yield moved


def _overlapping(shares: Rows) -> Iterator[tuple[Any, Any]]:
    """Yield pairs of units, those first whose shares of rows are most alike, by their cosine."""
    together = shares.T.astype(np.float64) @ shares
    lengths = np.sqrt(np.diagonal(together))
    alike = together / np.maximum(np.outer(lengths, lengths), 1e-300)
    one, other = np.tril_indices(len(alike), -1)
    for place in np.argsort(-alike[one, other], kind="stable"):
        yield one[place], other[place]
