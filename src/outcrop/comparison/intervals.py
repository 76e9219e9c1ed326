"""How sure a score is: groups of pixels resampled, matched on one half and scored on the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.comparison.groups import Groups
from outcrop.evaluation.scores import match

REPLICATES = 400
#: Fewer groups than this tell nothing about their own spread.
LEAST_GROUPS = 6
SCORES = ("ami", "accuracy", "balanced", "purity")

Draws = NDArray[np.float64]


@dataclass(frozen=True)
class Resampling:
    """The groups of a scene, drawn again and again: the same draws for every contender.

    In each draw the groups are parted at random into two halves, and each half is drawn anew with
    replacement. No group is in both.

    Parameters
    ----------
    first, second : ndarray, shape (replicates, groups)
        How often each group is drawn, in the half that units are matched with classes on and in
        the half that is scored.
    """

    first: NDArray[np.float64]
    second: NDArray[np.float64]

    @classmethod
    def of(cls, groups: Groups, seed: int = 0, replicates: int = REPLICATES) -> Resampling:
        """Draw; see the class."""
        rng = np.random.default_rng([seed, 0x5A11])
        n = groups.count
        first, second = np.zeros((2, replicates, n))
        for i in range(replicates):
            order = rng.permutation(n)
            for half, weights in ((order[: n // 2], first), (order[n // 2 :], second)):
                np.add.at(weights[i], rng.choice(half, len(half)), 1.0)
        return cls(first, second)


def replicate(
    resampling: Resampling,
    groups: Groups,
    codes: NDArray[Any],
    units: NDArray[np.uint8],
    classes: int,
) -> dict[str, Draws]:
    """Score a map on every draw.

    Parameters
    ----------
    resampling : Resampling
    groups : Groups
    codes : ndarray of int, shape (n,)
        Classes from 1, of the labelled pixels in the order of rows.
    units : ndarray of uint8, shape (n,)
        0 = not mapped, which is an error and one more cluster.
    classes : int

    Returns
    -------
    dict of str to ndarray, shape (replicates,)
        ``accuracy`` and ``balanced`` with units matched one to one on the first half and scored
        on the second; ``purity`` with units named on the first; ``ami`` of both halves together,
        since it matches nothing. NaN where a half has nothing labelled.
    """
    known, place = np.unique(units, return_inverse=True)
    table = _by_group(groups, codes, place, classes, len(known))
    shape = (-1, classes, len(known))
    first = np.asarray(resampling.first @ table).reshape(shape)
    second = np.asarray(resampling.second @ table).reshape(shape)
    mapped = known > 0
    halves = [
        _held_out(a[:, mapped], b[:, mapped], b.sum(axis=1))
        for a, b in zip(first, second, strict=True)
    ]
    found = np.array(halves).T
    return {
        "ami": adjusted_information(first + second),
        **dict(zip(("accuracy", "balanced", "purity"), found, strict=True)),
    }


def _by_group(
    groups: Groups, codes: NDArray[Any], place: NDArray[np.intp], classes: int, units: int
) -> Any:
    """Count pixels by group and by (class, unit), sparse."""
    from scipy.sparse import coo_array

    cells = (codes.astype(np.int64) - 1) * units + place
    ones = np.ones(len(cells))
    return coo_array((ones, (groups.ids, cells)), shape=(groups.count, classes * units)).tocsr()


def _held_out(first: Draws, second: Draws, sizes: Draws) -> tuple[float, float, float]:
    """Match or name on one table (classes, units), score on another."""
    if not sizes.sum():
        return (float("nan"),) * 3
    pairs = match(first)  # type: ignore[arg-type]
    hits = np.zeros(len(sizes))
    for i, j in pairs:
        hits[i] = second[i, j]
    there = sizes > 0
    named = 0.0
    if first.shape[1]:
        # A unit that the first half does not show has no name.
        shown = np.flatnonzero(first.sum(axis=0))
        named = float(second[first[:, shown].argmax(axis=0), shown].sum())
    total = float(sizes.sum())
    return (
        float(hits.sum()) / total,
        float((hits[there] / sizes[there]).mean()),
        named / total,
    )


def adjusted_information(tables: Draws) -> Draws:
    """Return the adjusted mutual information of many tables at once, shape (replicates,).

    As `outcrop.information`, but with the first term of what is expected by chance,
    (rows - 1) (columns - 1) / 2n: exact enough for thousands of pixels, and fast.

    Parameters
    ----------
    tables : ndarray, shape (replicates, classes, clusters)
    """
    n = tables.sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        joint = tables / n[:, None, None]
        rows, columns = joint.sum(axis=2), joint.sum(axis=1)
        by_rows, by_columns = _entropies(rows), _entropies(columns)
        mutual = by_rows + by_columns - _entropies(joint.reshape(len(joint), -1))
        degrees = ((rows > 0).sum(axis=1) - 1) * ((columns > 0).sum(axis=1) - 1)
        expected = degrees / (2 * n)
        return np.asarray((mutual - expected) / ((by_rows + by_columns) / 2 - expected))


def _entropies(shares: Draws) -> Draws:
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(shares > 0, shares * np.log(shares), 0.0)
    return np.asarray(-terms.sum(axis=1))


def interval(draws: Draws, level: float = 0.95) -> tuple[float, float, float] | None:
    """Return mean, low and high of draws; None where too few of them are numbers."""
    some = draws[np.isfinite(draws)]
    if len(some) < len(draws) / 2 or not len(some):
        return None
    low, high = np.quantile(some, [(1 - level) / 2, (1 + level) / 2])
    return float(some.mean()), float(low), float(high)


def mean_draws(parts: Sequence[Mapping[str, Draws]]) -> dict[str, Draws]:
    """Average draw by draw: over seeds, numbers of units or scenes."""
    return {name: np.mean([p[name] for p in parts], axis=0) for name in parts[0]}
