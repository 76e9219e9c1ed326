"""The robust mixture."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from functools import partial
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.validation import check_is_fitted

from outcrop.clustering.base import Clusterer, Rows
from outcrop.clustering.kmeans import inertia, lloyd, nearest
from outcrop.clustering.search import Search, told
from outcrop.clustering.selection import Candidate, Subsample, distinct_rows
from outcrop.clustering.t_mixture import Climb, Climbed, TMixture, climb, numbers_of_a_unit
from outcrop.engine import side_by_side
from outcrop.errors import InputError
from outcrop.estimator import in_batches

Doubles = NDArray[np.float64]


def _some(rows: Rows, most: int, n_units: int, seed: int) -> Rows:
    """Return some of the rows, in their order; all where some hold fewer kinds than units."""
    if len(rows) <= most:
        return rows
    chosen = np.random.default_rng(seed).choice(len(rows), most, replace=False)
    few = rows[np.sort(chosen)]
    return few if distinct_rows(few, n_units) >= n_units else rows


def _inertia(rows: Rows, centers: Rows) -> float:
    """Return the sum of the squares of rows' distances to the nearest centre."""
    units = in_batches(lambda batch: nearest(batch, centers), rows, 0, np.int32)
    return inertia(rows, centers[units])


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
    _least: ClassVar[Mapping[str, int]] = {**Clusterer._least, "tries": 0, "n_fit_rows": 2}

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

    @property
    def _search(self) -> Search:
        how = Climb(self.freedom, self.pooling, self.max_iter, self.tol, self.reg)
        return Search(how, self.n_init, self.tries, self.continuity)

    @property
    def _mixture(self) -> TMixture:
        return TMixture(self.weights_, self.means_, self.factors_, self.freedom)

    def _train(self, rows: Rows, n_units: int, seed: int, sample: Subsample) -> None:
        rows, search = _some(rows, self.n_fit_rows, n_units, seed), self._search
        if distinct_rows(sample.rows, n_units) < n_units:
            labels = lloyd(rows, n_units, seed, n_init=self.n_init).labels_
        else:
            units = search.found(sample, n_units, seed).units(rows)
            labels = search.filled(rows, units, n_units)
        found, self.start_centers_, self.n_iter_ = climb(rows, labels, n_units, search.how)
        self.weights_, self.means_, self.factors_ = found.weights, found.means, found.factors

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
        return self._mixture.units_of(planes, evidence)

    def limits(self) -> Rows:
        """Return the evidence of `planes` at the edge of each unit's ellipsoid (n_units,)."""
        return self._mixture.limits

    def _most(self, sample: Subsample) -> int:
        return min(distinct_rows(half.rows, self.max_units) for half in sample.halves())

    def _candidates(
        self, sample: Subsample, seeds: dict[int, int]
    ) -> Generator[Candidate, None, None]:
        """Yield the candidate of each number, which grows out of that of the number before."""
        halves, search = sample.halves(), self._search
        enough = min(distinct_rows(half.rows, max(seeds)) for half in halves)
        pair: list[Climbed | None] = [None, None]

        def grown(half: int, n_units: int) -> Climbed:
            return search.grown(halves[half], n_units, seeds[n_units], pair[half])

        for n_units in seeds:
            if n_units > enough:
                yield self._compared(sample, n_units, seeds[n_units])
                continue
            one, other = side_by_side(partial(grown, n_units=n_units), (0, 1))
            pair = [one, other]
            yield self._held_out(sample, one, other)

    def _held_out(self, sample: Subsample, first: Climbed, second: Climbed) -> Candidate:
        """Return the candidate that the mixtures of both halves stand for."""
        one, other = first.mixture, second.mixture
        labels, densities = one.seen(sample.rows)
        others, other_densities = other.seen(sample.rows)
        # Each half as the mixture of the other sees it.
        seen = densities[~sample.first].mean() + other_densities[sample.first].mean()
        goes_on = None
        if (pairs := sample.pairs) is not None:
            goes_on = (told(one, pairs, labels) + told(other, pairs, others)) / 2
        return Candidate(
            labels,
            _inertia(sample.rows, first.start_centers),
            one.information(densities),
            net_likelihood=float(seen) / 2 - self._priced(one, sample.n_all),
            continuity=goes_on,
            stability=adjusted_rand_score(labels, others),
        )

    def _priced(self, mixture: TMixture, n_rows: int) -> float:
        """Return the price of all units, in nats, of a mixture of so many rows."""
        units, d = mixture.means.shape
        own = self.dependence * numbers_of_a_unit(d) / n_rows
        return float(units * (self.price * d + own))

    def _evidence(self, batch: Rows) -> Doubles:
        return self._mixture.joint(batch)[0]

    def _unit(self, batch: Rows) -> NDArray[np.intp]:
        return np.asarray(self._evidence(batch).argmax(axis=1))

    def _outside(self, batch: Rows) -> NDArray[np.bool_]:
        mixture = self._mixture
        return np.asarray(mixture.joint(batch)[1].min(axis=1) > mixture.farthest)

    def _inertia(self, rows: Rows) -> float:
        return _inertia(rows, self.start_centers_)

    def _bic(self, rows: Rows) -> float:
        mixture = self._mixture
        return mixture.information(logsumexp(self._evidence(rows), axis=1) + mixture.constant)
