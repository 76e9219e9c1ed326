"""How many units: scores of a range of numbers, and two rules to choose among them."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import (
    calinski_harabasz_score,
    davies_bouldin_score,
    mutual_info_score,
    pairwise_distances,
)

from outcrop.errors import InputError

MIN_UNITS, MAX_UNITS = 2, 254
#: Rows for the silhouette, whose time and memory grow with the square of their number.
SILHOUETTE_ROWS = 5000
SCORES = (
    "net_likelihood", "continuity", "stability",
    "inertia", "silhouette", "calinski_harabasz", "davies_bouldin", "bic",
)  # fmt: skip
#: Those of them that not every clusterer has.
OPTIONAL = ("net_likelihood", "continuity", "stability", "bic")
#: Runs of rows that `Subsample.halves` deals out in turn.
STRIPS = 32
#: Numbers without a better one after which `select` looks no further.
PATIENCE = 6
#: Pixels from one of a pair to the other, that `Subsample.pairs` aims at: farther than smoothing
#: and most textures reach.
FAR = 20
#: In a scene narrower than this, pixels, few pairs are that far apart and none independent.
NARROW = 4 * FAR
#: Rows to a pair: were there more pairs in a small scene, one would say again what others said.
ROWS_A_PAIR = 3
#: Fewer pairs than this tell nothing.
LEAST_PAIRS = 500
#: What a nat that units tell of the ground some way off is worth beside a nat of likelihood.
CONTINUITY = 10.0
#: Nats of it that a unit more must add.
LEAST_TOLD = 0.01

Rows = NDArray[np.float32]


class Pairs(NamedTuple):
    """Pixels some way apart: which rows of a subsample, and the rows of their others."""

    own: NDArray[np.int64]
    others: Rows


class Part(NamedTuple):
    """Some rows of a subsample, and the pairs whose own rows they are."""

    rows: Rows
    pairs: Pairs | None


class Candidate(NamedTuple):
    """A clustering of the rows that the numbers of units are compared on.

    ``inertia`` is the sum of squared distances to the nearest centre of k-means, and ``bic``
    the Bayesian information criterion of a mixture. ``net_likelihood`` is what a mixture fitted
    on one half of the rows makes of the other, the mean log density of both ways, less the price
    of its units; ``stability`` the adjusted Rand index between what the two halves' mixtures make
    of all rows; ``continuity`` what units tell of the ground some way off, in nats (see
    `shared_information`). None where a clusterer has no such thing.
    """

    labels: NDArray[np.int32]
    inertia: float
    bic: float | None = None
    net_likelihood: float | None = None
    stability: float | None = None
    continuity: float | None = None


def check_units(name: str, value: object) -> int:
    """Return a number of units as an int.

    Raises
    ------
    InputError
        If it is not a whole number from `MIN_UNITS` to `MAX_UNITS`.
    """
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or not MIN_UNITS <= int(value) <= MAX_UNITS:  # type: ignore[call-overload]
        either = "'auto' or " if name == "n_units" else ""
        raise InputError(
            f"{name} is {value!r}; it must be {either}a whole number "
            f"from {MIN_UNITS} to {MAX_UNITS}"
        )
    return int(value)  # type: ignore[call-overload, no-any-return]


def distinct_rows(rows: Rows, enough: int) -> int:
    """Return the number of distinct rows, or some number from ``enough`` up if it reaches that.

    Most data shows enough of them in its first rows, and sorting all is slow.
    """
    head = len(np.unique(rows[: 16 * enough], axis=0))
    return head if head >= enough else len(np.unique(rows, axis=0))


def check_distinct(rows: Rows, n_units: int) -> None:
    """Refuse rows that cannot be told apart into so many units."""
    found = distinct_rows(rows, n_units)
    if found < n_units:
        raise InputError(
            f"{len(rows)} rows hold {found} distinct ones, fewer than the {n_units} units; "
            "ask for fewer units or give more varied rows"
        )


class Subsample:
    """The rows that numbers of units are compared on, and their scores.

    Parameters
    ----------
    rows : ndarray of float32, shape (n, columns)
    n_rows : int
        The most rows to take.
    rng : numpy.random.Generator
        Chooses them.
    places : ndarray of int, shape (n, 3), optional
        Scene, row and column in the image of each row.
    """

    def __init__(
        self,
        rows: Rows,
        n_rows: int,
        rng: np.random.Generator,
        places: NDArray[np.int64] | None = None,
    ) -> None:
        #: Which of the rows given they are, (n,).
        self.chosen = _choose(len(rows), n_rows, rng)
        self.rows = rows[self.chosen]
        #: Of how many rows they were taken.
        self.n_all = len(rows)
        n = len(self.rows)
        #: Which of them are in the first half, (n,).
        self.first = np.arange(n) * min(STRIPS, n) // n % 2 == 0
        self._some = _choose(len(self.rows), SILHOUETTE_ROWS, rng)
        some = self.rows[self._some]
        self._distances: Rows = np.asarray(pairwise_distances(some), np.float32)
        #: Pairs of pixels about `FAR` apart; None where places are unknown, or pairs too few.
        self.pairs = None if places is None else _paired(rows, self.chosen, places, rng)

    def halves(self) -> tuple[Part, Part]:
        """Return every second of `STRIPS` runs of rows, and the others, with their pairs.

        Rows come in the order of the image, so that these are strips of it. Were every second
        row in the other half, each would have its own neighbours there, and know them by heart.
        """
        return self._part(self.first), self._part(~self.first)

    def _part(self, inside: NDArray[np.bool_]) -> Part:
        pairs = self.pairs
        if pairs is not None:
            kept = inside[pairs.own]
            own = (np.cumsum(inside) - 1)[pairs.own[kept]]
            pairs = Pairs(own, pairs.others[kept])
        return Part(self.rows[inside], pairs)

    def score(self, candidate: Candidate) -> dict[str, float | None]:
        """Return the scores of a clustering of the rows, None where one is not defined."""
        labels, scores = candidate.labels, dict.fromkeys(SCORES, None)
        result: dict[str, float | None] = {**scores, "inertia": float(candidate.inertia)}
        for name in OPTIONAL:
            value = getattr(candidate, name)
            result[name] = None if value is None else float(value)
        if 2 <= len(np.unique(labels)) < len(labels):
            result["calinski_harabasz"] = float(calinski_harabasz_score(self.rows, labels))
            result["davies_bouldin"] = float(davies_bouldin_score(self.rows, labels))
        result["silhouette"] = silhouette(self._distances, labels[self._some])
        return result


def _paired(
    rows: Rows, chosen: NDArray[np.int64], places: NDArray[np.int64], rng: np.random.Generator
) -> Pairs | None:
    """Pair chosen rows each with the row that lies nearest to some place `FAR` pixels off."""
    if np.ptp(places[:, 1:], axis=0).min() + 1 < NARROW:
        return None
    # Scenes lie side by side, too far apart for a pair of two.
    at = places[:, 1:].astype(np.float64)
    at[:, 0] += places[:, 0] * (places[:, 1].max() + 4.0 * FAR + 1)
    first = np.arange(0, len(chosen), -(-ROWS_A_PAIR * len(chosen) // len(rows)))
    own = at[chosen[first]]
    towards = rng.uniform(0, 2 * np.pi, len(own))
    there = own + FAR * np.stack([np.sin(towards), np.cos(towards)], axis=1)
    _, nearest = KDTree(at).query(there, k=2)
    apart = np.linalg.norm(at[nearest] - own[:, None], axis=2) >= FAR / 2
    found = apart.any(axis=1)
    if found.sum() < LEAST_PAIRS:
        return None
    others = nearest[found, apart[found].argmax(axis=1)]
    return Pairs(first[found], rows[others])


def shared_information(here: NDArray[np.int32], there: NDArray[np.int32]) -> float:
    """Return what a pixel's unit tells of that of a pixel some way off, in nats.

    Their mutual information, less what so few pairs show by chance (Roulston 1999). A unit that is
    a body of rock goes on where it is; a texture, or noise, begins anew, and tells nothing.

    Parameters
    ----------
    here, there : ndarray of int, shape (n,)
        Units of both pixels of each pair.

    References
    ----------
    Roulston (1999), "Estimating the errors on measured entropy and mutual information", Physica
    D 125.
    """
    by_chance = (len(np.unique(here)) - 1) * (len(np.unique(there)) - 1) / (2 * len(here))
    return float(mutual_info_score(here, there)) - by_chance


def silhouette(distances: Rows, labels: NDArray[np.int32]) -> float | None:
    """Return the mean silhouette (Rousseeuw 1987), or None if it is not defined.

    One product with the units' indicators sums the distances to all of them at once: a tenth
    of scikit-learn's time when many clusterings are scored on the same distances.

    Parameters
    ----------
    distances : ndarray of shape (n, n)
    labels : ndarray of int, shape (n,)
    """
    units, own = np.unique(labels, return_inverse=True)
    if not 2 <= len(units) < len(labels):
        return None
    indicators = np.eye(len(units), dtype=np.float32)[own]
    counts = indicators.sum(axis=0)
    sums = distances @ indicators
    everyone = np.arange(len(labels))
    within = sums[everyone, own] / np.maximum(counts[own] - 1, 1)
    means = sums / counts
    means[everyone, own] = np.inf
    nearest = means.min(axis=1)
    larger = np.maximum(within, nearest)
    # By definition 0 for a row alone in its unit, and where there is no distance at all.
    alone = (counts[own] == 1) | (larger == 0)
    values = np.where(alone, 0, (nearest - within) / np.where(alone, 1, larger))
    return float(values.mean(dtype=np.float64))


def elbow(numbers: Sequence[int], inertia: Sequence[float]) -> int | None:
    """Return the elbow of a falling, convex curve by kneedle (Satopaa et al. 2011), or None."""
    if len(numbers) < 3 or min(inertia) == max(inertia):
        return None
    # Here, because kneed brings matplotlib with it.
    from kneed import KneeLocator

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a curve without an elbow: told by the None
        found = KneeLocator(numbers, inertia, curve="convex", direction="decreasing").knee
    return None if found is None else int(found)


def select(
    sample: Subsample, numbers: Sequence[int], candidates: Generator[Candidate, None, None]
) -> dict[str, Any]:
    """Choose a number of units.

    Where the candidates have one, it is the number with the best net likelihood, or the best sum
    of that and what units tell of the ground some way off where places are known (see
    `deciding`); no more numbers are looked at once `PATIENCE` of them in a row were no better.
    Without, it is the elbow of the inertia by kneedle; where that curve has none, the best
    silhouette.

    Parameters
    ----------
    sample : Subsample
        Where the numbers are compared.
    numbers : sequence of int
        The candidates, rising.
    candidates : generator of Candidate
        The rows of the subsample clustered into so many units, each when it is asked for; is
        closed at the end.

    Returns
    -------
    dict
        ``k`` (the candidates), a list for each of `SCORES` (None for what the clusterer has
        not), ``score`` (what is highest at the number chosen, or None), ``chosen`` and ``rule``.
    """
    scored = _until_worse(sample, numbers, candidates)
    numbers = numbers[: len(scored)]
    curves = _curves(numbers, scored)
    if curves["net_likelihood"] is not None:
        net = deciding(numbers, scored)
        rule = "held-out likelihood, less the price of a unit"
        if curves["continuity"] is not None:
            rule += f", and what units tell of the ground some {FAR} pixels off"
        best = int(np.argmax(net))
        curves["score"] = [float(v) if np.isfinite(v) else None for v in net]
        return {**curves, "chosen": numbers[best], "rule": rule}
    chosen, rule = elbow(numbers, curves["inertia"]), "elbow of the inertia by kneedle"
    if chosen is None:
        scores = [-np.inf if s is None else s for s in curves["silhouette"]]
        chosen, rule = numbers[int(np.argmax(scores))], "best silhouette, as kneedle found no elbow"
    return {**curves, "chosen": chosen, "rule": rule}


def deciding(
    numbers: Sequence[int], scored: Sequence[Mapping[str, float | None]]
) -> NDArray[np.float64]:
    """Return what is highest at the best number, -inf where it is not known.

    The net likelihood and, where places are known, `CONTINUITY` times what units tell of the
    ground some way off, less `LEAST_TOLD` a unit.
    """
    net = _known(scored, "net_likelihood", -np.inf)
    if all(score["continuity"] is None for score in scored):
        return net
    told = _known(scored, "continuity", 0.0) - LEAST_TOLD * np.asarray(numbers[: len(scored)])
    return np.asarray(net + CONTINUITY * told)


def _known(
    scored: Sequence[Mapping[str, float | None]], name: str, otherwise: float
) -> NDArray[np.float64]:
    values = (score[name] for score in scored)
    return np.array([otherwise if value is None else value for value in values])


def _until_worse(
    sample: Subsample, numbers: Sequence[int], candidates: Generator[Candidate, None, None]
) -> list[dict[str, float | None]]:
    """Score each number, until what is sought has gone down for long."""
    scored: list[dict[str, float | None]] = []
    with warnings.catch_warnings(), closing(candidates):
        # One of many candidates that stops a little early is no news to the user.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for candidate in candidates:
            scored.append(sample.score(candidate))
            net = deciding(numbers, scored)
            if np.isfinite(net).any() and len(net) - 1 - int(np.argmax(net)) >= PATIENCE:
                break
    return scored


def given(sample: Subsample, n_units: int, candidate: Candidate) -> dict[str, Any]:
    """Return what `select` does, for a number of units that was not chosen but given."""
    return {
        **_curves([n_units], [sample.score(candidate)]),
        "chosen": n_units,
        "rule": "given",
    }


def _curves(numbers: Sequence[int], scores: list[dict[str, float | None]]) -> dict[str, Any]:
    curves: dict[str, Any] = {"k": list(numbers)}
    curves |= {name: [score[name] for score in scores] for name in SCORES} | {"score": None}
    for name in OPTIONAL:
        if all(value is None for value in curves[name]):
            curves[name] = None
    return curves


def _choose(n: int, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    if n <= most:
        return np.arange(n)
    return np.sort(rng.choice(n, most, replace=False))
