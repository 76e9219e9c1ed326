"""The robust mixture."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp
from scipy.stats import f as f_distribution
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.validation import check_is_fitted

from outcrop.clustering import student_kernels as kernels
from outcrop.clustering.base import WITHIN, Clusterer, Rows
from outcrop.clustering.exchange import exchanges, halves
from outcrop.clustering.kmeans import inertia, lloyd, nearest
from outcrop.clustering.selection import (
    Candidate,
    Pairs,
    Part,
    Subsample,
    distinct_rows,
    shared_information,
)
from outcrop.engine import side_by_side
from outcrop.errors import InputError
from outcrop.estimator import in_batches
from outcrop.rowwise import times

Doubles = NDArray[np.float64]
#: Exchanges of which the best is taken, and how many such lots in vain end a search.
TRIED, IN_VAIN = 8, 3
#: Units that are halved, each by itself, to start a mixture of one unit more.
HALVED = 3


class _Sums(NamedTuple):
    """Of rows' shares in each unit (k,), and of their pulls on it (k, p); see `kernels.expect`."""

    sizes: Doubles
    pulled: Doubles


class _Rows(NamedTuple):
    """Rows as the kernel takes them, which of them count, and the least variance of a column."""

    columns: Rows
    known: Rows
    n: int
    least: float


def _laid_out(rows: Doubles, reg: float) -> _Rows:
    columns = np.zeros((rows.shape[1], kernels.PART * -(-len(rows) // kernels.PART)), np.float32)
    columns[:, : len(rows)] = rows.T
    known = (np.arange(columns.shape[1]) < len(rows)).astype(np.float32)
    least = max(reg * float(rows.var(axis=0).mean()), 1e-30)
    return _Rows(columns, known, len(rows), least)


def _started(rows: Doubles, labels: NDArray[Any], means: Doubles) -> _Sums:
    """Return the sums of rows that belong to one unit each, about these means."""
    first, second = np.triu_indices(rows.shape[1])
    pulled = []
    for unit, mean in enumerate(means):
        away = rows[labels == unit] - mean
        products = (away.T @ away)[first, second]
        pulled.append(np.concatenate([products, away.sum(axis=0), [len(away)]]))
    sizes = np.bincount(labels, minlength=len(means))
    return _Sums(sizes.astype(np.float64), np.array(pulled))


def _some(rows: Rows, most: int, n_units: int, seed: int) -> Rows:
    """Return some of the rows, in their order; all where some hold fewer kinds than units."""
    if len(rows) <= most:
        return rows
    chosen = np.random.default_rng(seed).choice(len(rows), most, replace=False)
    few = rows[np.sort(chosen)]
    return few if distinct_rows(few, n_units) >= n_units else rows


def _free(d: int) -> int:
    """Return the numbers that a unit of so many columns has of its own: weight, mean, shape."""
    return 1 + d + d * (d + 1) // 2


class StudentMixture(Clusterer):
    """A mixture of multivariate t distributions whose shapes are drawn towards their mean.

    Peel & McLachlan (2000), by expectation-maximisation from k-means. Two things keep it from
    what a mixture of Gaussians does to real scenes, where it spends components on outliers and
    contacts: the heavy tails let a unit have odd pixels, and each scale matrix is pooled with
    the mean of all, as if ``pooling`` average units' worth of pixels had been seen with that
    (a conjugate prior, as in Fraley & Raftery 2007). At 0 the units' shapes are free.

    Where a climb ends hangs on where it began, and most ends are poor. So from each of a few starts
    the climb goes on by exchanges: two units that share many rows are joined and a wide one is
    halved (`exchange.exchanges`), and what that climbs to is kept if it is worth more. Worth is the
    mean log likelihood and, where the rows' places are known, what units tell of the ground some
    way off: many mixtures are about as likely, and of those rocks are the ones that go on.

    Parameters
    ----------
    n_units : "auto" or int, default "auto"
        Number of units, 2-254. "auto" takes the number whose mixture, fitted on one half of the
        rows (every second strip of the image), makes the other half likeliest (the mean log
        density of a row, both ways), less the price of its units: cross-validated likelihood
        (Smyth 2000) with a price, since on pixels, which resemble their neighbours and are never
        quite what a mixture says, likelihood alone goes on rising. Where the rows' places are
        known, what units tell of the ground some way off counts too (`selection.deciding`).
    min_units, max_units : int, default 2, 20
        The range that "auto" looks at.
    price : float, default 0.01
        What a unit more must add to the mean log density, in nats a column.
    dependence : float, default 10
        Rows to an independent one, since neighbours resemble each other. A unit must also add as
        many nats as it has numbers of its own, over the independent rows (Akaike 1974): what
        counts in small scenes.
    freedom : float, default 30
        Degrees of freedom of the tails; the more, the closer to Gaussians.
    pooling : float, default 3
        Weight of the mean shape, in average units.
    n_init : int, default 2
        Starts from k-means, of which the search that ends at the mixture worth most is kept.
        While numbers of units are compared, each has the mixture that is worth most of four
        instead: from k-means, and from that of a unit fewer with one of its three widest halved.
    tries : int, default 200
        Exchanges that are tried from each start at most; at 0 the climb from k-means is the end.
    continuity : float, default 4
        Nats of likelihood, a row, that a nat of `selection.shared_information` is worth in the
        search.
    max_iter : int, default 300
        The most steps of expectation-maximisation.
    tol : float, default 1e-3
        Gain in mean log likelihood at which to stop.
    reg : float, default 1e-6
        Added to the diagonals of the scale matrices, as a part of the columns' mean variance.
    n_fit_rows : int, default 30000
        Rows, drawn at random, that the mixture is fitted on.
    n_curve_rows : int, default 16000
        Rows, drawn at random, that numbers of units are compared and scored on, and that are
        searched on.
    random_state : int or None
        Seed of starts and drawn rows.

    Attributes
    ----------
    weights_ : ndarray of float64, shape (n_units,)
    means_ : ndarray of float64, shape (n_units, columns)
    factors_ : ndarray of float64, shape (n_units, columns, columns)
        ``(x - mean) @ factor`` has an identity scale matrix.
    start_centers_ : ndarray of float32
        Centres of the units that the last climb started from.
    labels_ : ndarray of int32, shape (n,)
    n_units_, n_iter_ : int
    selection_ : dict
        The numbers compared, their scores, ``chosen`` and ``rule``; see `selection.select`.

    References
    ----------
    Peel & McLachlan (2000), "Robust mixture modelling using the t distribution", Statistics and
    Computing 10. Fraley & Raftery (2007), "Bayesian regularization for normal mixture estimation
    and model-based clustering", Journal of Classification 24. Smyth (2000), "Model selection for
    probabilistic clustering using cross-validated likelihood", Statistics and Computing 10. Ueda,
    Nakano, Ghahramani & Hinton (2000), "SMEM algorithm for mixture models", Neural Computation 12.
    """

    _by_unit: ClassVar[tuple[str, ...]] = ("weights_", "means_", "factors_")
    _arrays: ClassVar[tuple[str, ...]] = _by_unit
    _least: ClassVar[Mapping[str, int]] = {"tries": 0, "n_curve_rows": 2, "n_fit_rows": 2}

    weights_: Doubles
    means_: Doubles
    factors_: Doubles

    def __init__(
        self,
        n_units: int | Literal["auto"] = "auto",
        min_units: int = 2,
        max_units: int = 20,
        price: float = 0.01,
        dependence: float = 10.0,
        freedom: float = 30.0,
        pooling: float = 3.0,
        n_init: int = 2,
        tries: int = 200,
        continuity: float = 4.0,
        max_iter: int = 300,
        tol: float = 1e-3,
        reg: float = 1e-6,
        n_fit_rows: int = 30_000,
        n_curve_rows: int = 16_000,
        random_state: int | None = None,
    ) -> None:
        self.n_units = n_units
        self.min_units = min_units
        self.max_units = max_units
        self.price = price
        self.dependence = dependence
        self.freedom = freedom
        self.pooling = pooling
        self.n_init = n_init
        self.tries = tries
        self.continuity = continuity
        self.max_iter = max_iter
        self.tol = tol
        self.reg = reg
        self.n_fit_rows = n_fit_rows
        self.n_curve_rows = n_curve_rows
        self.random_state = random_state

    def _check_own(self) -> None:
        super()._check_own()
        if not self.freedom > 0:
            raise InputError(f"freedom is {self.freedom!r}; it must be more than 0")

    def _train(self, rows: Rows, n_units: int, seed: int, sample: Subsample) -> None:
        self._check_own()
        rows = _some(rows, self.n_fit_rows, n_units, seed)
        if distinct_rows(sample.rows, n_units) < n_units:
            labels = lloyd(rows, n_units, seed, n_init=self.n_init).labels_
        else:
            labels = self._filled(rows, self._found(sample, n_units, seed)._seen(rows)[0], n_units)
        self._climb(rows, labels, n_units)

    def _filled(self, rows: Rows, labels: NDArray[Any], n_units: int) -> NDArray[Any]:
        """Return units of rows, the widest halved until none of those asked for is empty."""
        found, labels = np.unique(labels, return_inverse=True)
        for fewer in range(len(found), n_units):
            other: Self = clone(self)
            labels = other._climb(rows, labels, fewer)._halvings(rows, 1)[0]
        return labels

    def _found(self, sample: Subsample, n_units: int, seed: int) -> Self:
        """Return the mixture of the subsample that is worth most of those searches end at."""
        seeds = np.random.default_rng(seed).integers(2**31 - 1, size=self.n_init)

        def ended(start: int) -> tuple[float, Self]:
            labels = lloyd(sample.rows, n_units, int(seeds[start]), n_init=1).labels_
            return self._searched(sample, clone(self)._climb(sample.rows, labels, n_units))

        ends: list[tuple[float, Self]] = list(side_by_side(ended, range(self.n_init)))
        return max(ends, key=lambda end: end[0])[1]

    def _searched(self, sample: Subsample, mixture: Self) -> tuple[float, Self]:
        """Return the worth and the mixture where no exchange of its units is worth more."""
        rows, n_units = sample.rows, len(mixture.means_)
        best, tried = (mixture._worth(sample), mixture), 0
        moves, in_vain = mixture._exchanges(rows), 0
        while tried < self.tries and in_vain < IN_VAIN:
            batch = list(islice(moves, TRIED))
            if not batch:
                break
            tried += len(batch)
            climbed: list[Self] = [clone(self)._climb(rows, units, n_units) for units in batch]
            found = max(((one._worth(sample), one) for one in climbed), key=lambda end: end[0])
            if found[0] > best[0] + self.tol:
                best, moves, in_vain = found, found[1]._exchanges(rows), 0
            else:
                in_vain += 1
        return best

    def _exchanges(self, rows: Rows) -> Iterator[NDArray[np.int32]]:
        joint, units = self._densities(rows)
        shares = np.exp(joint - joint.max(axis=0))
        return exchanges(rows, units, (shares / shares.sum(axis=0)).T, self.factors_)

    def _worth(self, sample: Subsample | Part) -> float:
        """Return likelihood and what continuity adds, in nats a row; least with an empty unit."""
        units, densities = self._seen(sample.rows)
        if len(np.unique(units)) < len(self.means_):
            return -np.inf
        worth = float(densities.mean())
        if sample.pairs is not None:
            worth += self.continuity * self._told(sample.pairs, units)
        return worth

    def _told(self, pairs: Pairs, units: NDArray[np.int32]) -> float:
        """Return what the units of a sample's rows tell of the ground some way off."""
        return shared_information(units[pairs.own], self._seen(pairs.others)[0])

    def _climb(self, rows: Rows, labels: NDArray[Any], n_units: int) -> Self:
        """Fit by expectation-maximisation from the units of rows."""
        # About their mean, for float32 to keep their digits.
        origin = rows.mean(axis=0, dtype=np.float64)
        centred = rows - origin
        laid_out = _laid_out(centred, self.reg)
        self.means_ = np.array(
            [
                centred[labels == k].mean(axis=0) if k in labels else 0 * origin
                for k in range(n_units)
            ]
        )
        self.start_centers_ = np.asarray(self.means_ + origin, np.float32)
        self._maximise(_started(centred, labels, self.means_), laid_out)
        before = -np.inf
        for self.n_iter_ in range(1, self.max_iter + 1):  # noqa: B020
            likelihood, sums = self._expect(laid_out)
            if likelihood - before < self.tol:
                break
            before = likelihood
            self._maximise(sums, laid_out)
        self.means_ = self.means_ + origin
        return self

    def _expect(self, rows: _Rows) -> tuple[float, _Sums]:
        """Return the mean log likelihood, and the sums that the next step needs."""
        units, d = self.means_.shape
        self.means_ = self.means_.astype(np.float32).astype(np.float64)  # what sums are about
        sums = _Sums(np.zeros(units), np.zeros((units, d * (d + 1) // 2 + d + 1)))
        likelihood = kernels.expect(
            rows.columns, rows.known, self.means_.astype(np.float32),
            self.factors_.astype(np.float32), self._levels().astype(np.float32),
            np.float32(self.freedom), np.float32((self.freedom + d) / 2), *sums,
        )  # fmt: skip
        return likelihood / rows.n, sums

    def _maximise(self, sums: _Sums, rows: _Rows) -> None:
        """Set weights, means and factors from sums about the present means."""
        d = len(rows.columns)
        first, second = np.triu_indices(d)
        sizes, pull = sums.sizes, sums.pulled[:, -1]
        about, linear = sums.pulled[:, : len(first)], sums.pulled[:, len(first) : -1]
        held = pull > 1e-8  # a unit that no row pulls on keeps its mean
        moved = np.where(held[:, None], linear / np.where(held, pull, 1)[:, None], 0.0)
        self.means_ = self.means_ + moved
        scatter = np.empty((len(moved), d, d))
        scatter[:, first, second] = scatter[:, second, first] = (
            about - pull[:, None] * moved[:, first] * moved[:, second]
        )
        prior = self.pooling * rows.n / len(sizes)
        pooled = scatter.sum(axis=0) / rows.n
        scales = (scatter + prior * pooled) / np.maximum(sizes + prior, 1e-8)[:, None, None]
        scales += rows.least * np.eye(d)
        self.factors_ = np.linalg.inv(np.linalg.cholesky(scales)).transpose(0, 2, 1)
        self.weights_ = sizes / sizes.sum()

    def _joint(self, rows: NDArray[Any]) -> tuple[Doubles, Doubles]:
        """Return weighted log densities, but for a constant, and squared distances (n, units)."""
        apart: Doubles = np.empty((len(rows), len(self.means_)))
        for unit, (mean, factor) in enumerate(zip(self.means_, self.factors_, strict=True)):
            scaled = times(rows - mean, factor)
            apart[:, unit] = (scaled * scaled).sum(axis=1)
        power = (self.freedom + rows.shape[1]) / 2
        return self._levels() - power * np.log1p(apart / self.freedom), apart

    def planes(self, planes: Rows, evidence: Rows | None = None) -> NDArray[np.uint8]:
        """Return the 0-based units of features (columns, y, x), in float32 and fast.

        They differ from those of `predict` where two units are equal to about six digits. What
        comes out where a feature is not finite means nothing.

        Parameters
        ----------
        planes : ndarray of float32, shape (columns, y, x)
        evidence : ndarray of float32, shape (n_units, y, x), optional
            Is filled with the log evidence, but for a constant of all. Some rows of a larger
            array will do.
        """
        check_is_fitted(self, "n_units_")
        return self._units_of(planes, evidence)

    def _units_of(self, planes: Rows, evidence: Rows | None) -> NDArray[np.uint8]:
        flat = np.ascontiguousarray(planes).reshape(len(planes), -1)
        units = np.empty(planes.shape[1:], np.uint8)
        kept, stride = np.empty(0, np.float32), 0
        if evidence is not None:
            # The kernel finds the other units' planes from the first by their distance.
            kept, stride = evidence[0].reshape(-1), evidence.strides[0] // evidence.itemsize
        kernels.joint(
            flat, self.means_.astype(np.float32), self.factors_.astype(np.float32),
            self._levels().astype(np.float32), np.float32(self.freedom),
            np.float32((self.freedom + len(planes)) / 2), kept, stride, units.reshape(-1),
        )  # fmt: skip
        return units

    def limits(self) -> Rows:
        """Return the evidence of `planes` at the edge of each unit's ellipsoid (n_units,)."""
        d = self.means_.shape[1]
        fall = (self.freedom + d) / 2 * np.log1p(self._farthest(d) / self.freedom)
        return np.asarray(self._levels() - fall, np.float32)

    def _farthest(self, d: int) -> float:
        """Return the squared distance within which `WITHIN` of a unit lies: d F(d, freedom)."""
        return float(d * f_distribution.ppf(WITHIN, d, self.freedom))

    def _outside(self, batch: Rows) -> NDArray[np.bool_]:
        return np.asarray(self._joint(batch)[1].min(axis=1) > self._farthest(batch.shape[1]))

    def _levels(self) -> Doubles:
        """Return the log of each unit's weight and of its scale (n_units,)."""
        with np.errstate(divide="ignore"):  # the weight of a unit may vanish
            level = np.log(self.weights_)
        return np.asarray(level + np.log(np.diagonal(self.factors_, axis1=1, axis2=2)).sum(axis=1))

    def _most(self, sample: Subsample) -> int:
        return min(distinct_rows(half.rows, self.max_units) for half in sample.halves())

    def _candidates(
        self, sample: Subsample, seeds: dict[int, int]
    ) -> Generator[Candidate, None, None]:
        """Yield the candidate of each number, which grows out of that of the number before."""
        self._check_own()
        halves = sample.halves()
        enough = min(distinct_rows(half.rows, max(seeds)) for half in halves)
        pair: list[Self | None] = [None, None]

        def grown(half: int, n_units: int) -> Any:
            return self._grown(halves[half], n_units, seeds[n_units], pair[half])

        for n_units in seeds:
            if n_units > enough:
                yield self._compared(sample, n_units, seeds[n_units])
                continue
            one, other = side_by_side(partial(grown, n_units=n_units), (0, 1))
            pair = [one, other]
            yield self._held_out(sample, one, other)

    def _grown(self, half: Part, n_units: int, seed: int, fewer: Self | None) -> Self:
        """Return the mixture worth most of those from k-means and from one of a unit fewer."""
        starts = [lloyd(half.rows, n_units, seed, n_init=1).labels_]
        if fewer is not None:
            starts += fewer._halvings(half.rows, HALVED)
        climbed: list[Self] = [clone(self)._climb(half.rows, start, n_units) for start in starts]
        return max(climbed, key=lambda one: one._worth(half))

    def _halvings(self, rows: Rows, most: int) -> list[NDArray[np.int32]]:
        """Return units of rows with one of the widest for their shape halved, each in its turn."""
        units, _ = self._seen(rows)
        halved = []
        for half in halves(rows, units, self.factors_)[:most]:
            halved.append(units.copy())
            halved[-1][half.rows] = len(self.means_)
        return halved

    def _held_out(self, sample: Subsample, one: Self, other: Self) -> Candidate:
        labels, densities = one._seen(sample.rows)
        others, other_densities = other._seen(sample.rows)
        # Each half as the mixture of the other sees it.
        seen = densities[~sample.first].mean() + other_densities[sample.first].mean()
        told = None
        if (pairs := sample.pairs) is not None:
            told = (one._told(pairs, labels) + other._told(pairs, others)) / 2
        return Candidate(
            labels,
            one._inertia(sample.rows),
            one._information(densities),
            net_likelihood=float(seen) / 2 - one._priced(sample.n_all),
            continuity=told,
            stability=adjusted_rand_score(labels, others),
        )

    def _priced(self, n_rows: int) -> float:
        """Return the price of all units, in nats, of a mixture of so many rows."""
        units, d = self.means_.shape
        return float(units * (self.price * d + self.dependence * _free(d) / n_rows))

    def _seen(self, rows: Rows) -> tuple[NDArray[np.int32], Doubles]:
        """Return the units and the log densities of rows, as `planes` computes them."""
        joint, labels = self._densities(rows)
        most = joint.max(axis=0)
        likelihood = most + np.log(np.exp(joint - most).sum(axis=0))
        return labels, likelihood + self._constant()

    def _densities(self, rows: Rows) -> tuple[Rows, NDArray[np.int32]]:
        """Return log densities (units, n) but for a constant, and units, as `planes` does."""
        joint = np.empty((len(self.means_), 1, len(rows)), np.float32)
        labels = self._units_of(rows.T[:, None], joint)[0].astype(np.int32)
        return joint[:, 0], labels

    def _log_likelihood(self, rows: Rows) -> float:
        """Return the mean log density of rows."""
        return float(logsumexp(self._joint(rows)[0], axis=1).mean() + self._constant())

    def _constant(self) -> float:
        """Return what all log densities of `_joint` lack."""
        d, nu = self.means_.shape[1], self.freedom
        return float(gammaln((nu + d) / 2) - gammaln(nu / 2) - d / 2 * np.log(nu * np.pi))

    def _evidence(self, batch: Rows) -> Doubles:
        return self._joint(batch)[0]

    def _unit(self, batch: Rows) -> NDArray[np.intp]:
        return np.asarray(self._evidence(batch).argmax(axis=1))

    def _inertia(self, rows: Rows) -> float:
        units = in_batches(lambda batch: nearest(batch, self.start_centers_), rows, 0, np.int32)
        return inertia(rows, self.start_centers_[units])

    def _bic(self, rows: Rows) -> float:
        return self._information(logsumexp(self._evidence(rows), axis=1) + self._constant())

    def _information(self, densities: Doubles) -> float:
        """Return the Bayesian information criterion (Schwarz 1978), pooling not counted."""
        n_units, d = self.means_.shape
        free = n_units * _free(d) - 1
        return float(free * np.log(len(densities)) - 2 * densities.sum())
