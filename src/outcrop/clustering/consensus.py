"""One clustering of many: what mixtures that started differently agree on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Rows = NDArray[np.float32]

#: Rows that clusterings are compared on to find the most central.
_COMPARED = 4000
#: Rounds of matching units and averaging. After two or three nothing changes.
_ROUNDS = 4


def consensus(shares: Sequence[Rows]) -> NDArray[np.intp]:
    """Return the unit of each row (n,) that clusterings agree on.

    The clustering that is most like the others is where it begins. The units of each are matched
    one to one with its units, by the rows that they share, and the shares averaged; the same
    again with the average in its place (Dimitriadou, Weingessel & Hornik 2002).

    Parameters
    ----------
    shares : sequence of ndarray, shape (n, units)
        What part of each row each unit has, from each clustering; all of as many units.

    References
    ----------
    Dimitriadou, Weingessel & Hornik (2002), "A combination scheme for fuzzy clustering",
    International Journal of Pattern Recognition and Artificial Intelligence 16.
    """
    mean = shares[most_central([one.argmax(axis=1) for one in shares])]
    for _ in range(_ROUNDS):
        total = np.zeros(mean.shape)
        for one in shares:
            total += one[:, linear_sum_assignment(-(mean.T @ one))[1]]
        mean = (total / len(shares)).astype(np.float32)
    return np.asarray(mean.argmax(axis=1))


def most_central(labels: Sequence[NDArray[np.intp]]) -> int:
    """Return which clustering has the highest mean adjusted Rand index with the others."""
    step = max(1, len(labels[0]) // _COMPARED)
    some = [one[::step] for one in labels]
    alike = np.zeros((len(some), len(some)))
    for i, one in enumerate(some):
        for j in range(i):
            alike[i, j] = alike[j, i] = rand_index(one, some[j])
    return int(alike.sum(axis=1).argmax())


def rand_index(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the adjusted Rand index (Hubert & Arabie 1985) of two clusterings of rows (n,).

    To the bit scikit-learn's, which spends a hundred times as long on looking at its arguments:
    half of a fit, of fifty mixtures that are compared two and two.
    """
    units = int(other.max()) + 1
    table = np.bincount(one * units + other)
    squares = int(np.square(table).sum())
    in_one = int(np.square(np.bincount(one)).sum())
    in_other = int(np.square(np.bincount(other)).sum())
    # Pairs that both hold together, that only one does, and that both keep apart.
    both, only_one, only_other = squares - len(one), in_one - squares, in_other - squares
    neither = len(one) ** 2 - both - only_one - only_other - len(one)
    if only_one == only_other == 0:
        return 1.0
    return (
        2.0 * (both * neither - only_one * only_other)
        / ((both + only_one) * (only_one + neither) + (both + only_other) * (only_other + neither))
    )  # fmt: skip


def half_whitened(rows: Rows) -> Rows:
    """Return rows (n, d) along their principal axes, each scaled down to the root of its sd.

    Between the columns as they are, whose brightest direction decides over distances, and
    whitened ones, whose noise does.
    """
    centred = rows - rows.mean(axis=0, dtype=np.float64)
    variances, axes = np.linalg.eigh(centred.T @ centred / len(rows))
    least = max(float(variances[-1]), 1e-30) * 1e-6
    return np.asarray(centred @ (axes / np.maximum(variances, least) ** 0.25), np.float32)
