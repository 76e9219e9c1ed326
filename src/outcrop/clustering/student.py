"""The robust mixture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp
from scipy.stats import f as f_distribution
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.validation import check_is_fitted

from outcrop.clustering import student_kernels as kernels
from outcrop.clustering.base import WITHIN, Clusterer, Rows
from outcrop.clustering.kmeans import inertia, lloyd, nearest
from outcrop.clustering.selection import Candidate, Subsample, distinct_rows
from outcrop.errors import InputError
from outcrop.estimator import in_batches

Doubles = NDArray[np.float64]
#: Numbers that are multiplied at once: a part of the rows that stays in the cache.
PRODUCTS = 1 << 18


class _Sums(NamedTuple):
    """Of the rows' shares in each unit (k,), and of their pulls on it times `_products` (k, p)."""

    sizes: Doubles
    pulled: Doubles


def _products(rows: Doubles) -> Iterator[Doubles]:
    """Yield, for parts of the rows, the products of each two columns, the columns, and 1."""
    first, second = np.triu_indices(rows.shape[1])
    step = max(1, PRODUCTS // (len(first) + rows.shape[1] + 1))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        yield np.hstack([part[:, first] * part[:, second], part, np.ones((len(part), 1))])


def _started(rows: Doubles, labels: NDArray[Any], n_units: int) -> _Sums:
    """Return the sums of rows that belong to one unit each."""
    pulled, start = 0.0, 0
    for products in _products(rows):
        shares = np.eye(n_units)[labels[start : start + len(products)]]
        pulled = pulled + shares.T @ products
        start += len(products)
    return _Sums(np.bincount(labels, minlength=n_units).astype(np.float64), np.asarray(pulled))


class StudentMixture(Clusterer):
    """A mixture of multivariate t distributions whose shapes are drawn towards their mean.

    Peel & McLachlan (2000), by expectation-maximisation from k-means. Two things keep it from
    what a mixture of Gaussians does to real scenes, where it spends components on outliers and
    contacts: the heavy tails let a unit have odd pixels, and each scale matrix is pooled with
    the mean of all, as if ``pooling`` average units' worth of pixels had been seen with that
    (a conjugate prior, as in Fraley & Raftery 2007). At 0 the units' shapes are free.

    Parameters
    ----------
    n_units : "auto" or int, default "auto"
        Number of units, 2-254. "auto" takes the number whose mixture, fitted on one half of the
        rows, makes the other half likeliest (the mean log density of a row, both ways), less
        ``price`` for each unit and column: cross-validated likelihood (Smyth 2000) with a price,
        since on pixels, which resemble their neighbours and are never quite what a mixture
        says, likelihood alone goes on rising.
    min_units, max_units : int, default 2, 20
        The range that "auto" looks at.
    price : float, default 0.01
        What a unit more must add to the mean log density, in nats a column.
    freedom : float, default 30
        Degrees of freedom of the tails; the more, the closer to Gaussians.
    pooling : float, default 3
        Weight of the mean shape, in average units.
    n_init : int, default 4
        Starts of k-means, of which the mixture takes the best.
    max_iter : int, default 300
        The most steps of expectation-maximisation.
    tol : float, default 1e-3
        Gain in mean log likelihood at which to stop.
    reg : float, default 1e-6
        Added to the diagonals of the scale matrices, as a part of the columns' mean variance.
    n_fit_rows : int, default 30000
        Rows, drawn at random, that the mixture is fitted on.
    n_curve_rows : int, default 16000
        Rows, drawn at random, that numbers of units are compared and scored on.
    random_state : int or None
        Seed of starts and drawn rows.

    Attributes
    ----------
    weights_ : ndarray of float64, shape (n_units_,)
    means_ : ndarray of float64, shape (n_units_, columns)
    factors_ : ndarray of float64, shape (n_units_, columns, columns)
        ``(x - mean) @ factor`` has an identity scale matrix.
    start_centers_ : ndarray of float32
        Centres of the k-means that the mixture started from.
    labels_ : ndarray of int32, shape (n,)
    n_units_, n_iter_ : int
    selection_ : dict
        The numbers compared, their scores, ``chosen`` and ``rule``; see `selection.select`.

    References
    ----------
    Peel & McLachlan (2000), "Robust mixture modelling using the t distribution", Statistics and
    Computing 10. Fraley & Raftery (2007), "Bayesian regularization for normal mixture estimation
    and model-based clustering", Journal of Classification 24. Smyth (2000), "Model selection for
    probabilistic clustering using cross-validated likelihood", Statistics and Computing 10.
    """

    _by_unit: ClassVar[tuple[str, ...]] = ("weights_", "means_", "factors_")
    _arrays: ClassVar[tuple[str, ...]] = _by_unit

    weights_: Doubles
    means_: Doubles
    factors_: Doubles

    def __init__(
        self,
        n_units: int | Literal["auto"] = "auto",
        min_units: int = 2,
        max_units: int = 20,
        price: float = 0.01,
        freedom: float = 30.0,
        pooling: float = 3.0,
        n_init: int = 4,
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
        self.freedom = freedom
        self.pooling = pooling
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.reg = reg
        self.n_fit_rows = n_fit_rows
        self.n_curve_rows = n_curve_rows
        self.random_state = random_state

    def _train(self, rows: Rows, n_units: int, seed: int) -> None:
        if not self.freedom > 0 or not self.pooling >= 0 or not self.price >= 0:
            raise InputError(
                f"freedom is {self.freedom!r}, pooling {self.pooling!r} and price {self.price!r}; "
                "they must be more than 0, and 0 or more"
            )
        if len(rows) > self.n_fit_rows:
            chosen = np.random.default_rng(seed).choice(len(rows), self.n_fit_rows, replace=False)
            few = rows[np.sort(chosen)]
            rows = few if len(np.unique(few, axis=0)) >= n_units else rows
        start = lloyd(rows, n_units, seed, n_init=self.n_init)
        self.start_centers_ = start.cluster_centers_
        # About their mean, for the squares' differences to keep their digits.
        origin = rows.mean(axis=0, dtype=np.float64)
        centred = rows - origin
        self.means_ = np.asarray(start.cluster_centers_, np.float64) - origin
        self._maximise(_started(centred, start.labels_, n_units), centred)
        before = -np.inf
        for self.n_iter_ in range(1, self.max_iter + 1):  # noqa: B020
            likelihood, sums = self._expect(centred)
            if likelihood - before < self.tol:
                break
            before = likelihood
            self._maximise(sums, centred)
        self.means_ = self.means_ + origin

    def _expect(self, rows: Doubles) -> tuple[float, _Sums]:
        """Return the mean log likelihood, and the sums that the next step needs.

        A squared distance is linear in the products of a row's columns, and so are the sums:
        both are one matrix product for all units.
        """
        d = rows.shape[1]
        first, second = np.triu_indices(d)
        shapes = self.factors_ @ self.factors_.transpose(0, 2, 1)
        table = np.hstack(
            [
                shapes[:, first, second] * np.where(first == second, 1.0, 2.0),
                -2 * np.einsum("kij,kj->ki", shapes, self.means_),
                np.einsum("kij,ki,kj->k", shapes, self.means_, self.means_)[:, None],
            ]
        )
        levels, power = self._levels(), (self.freedom + d) / 2
        total, sizes, pulled = 0.0, np.zeros(len(table)), np.zeros(table.shape)
        for products in _products(rows):
            apart = np.maximum(products @ table.T, 0.0)
            log = levels - power * np.log1p(apart / self.freedom)
            most = log.max(axis=1, keepdims=True)
            shares = np.exp(log - most)
            sums = shares.sum(axis=1, keepdims=True)
            total += float((most + np.log(sums)).sum())
            shares /= sums
            sizes += shares.sum(axis=0)
            pulled += (shares * ((self.freedom + d) / (self.freedom + apart))).T @ products
        return total / len(rows), _Sums(sizes, pulled)

    def _maximise(self, sums: _Sums, rows: Doubles) -> None:
        """Set weights, means and factors from the sums over the rows."""
        d = rows.shape[1]
        first, second = np.triu_indices(d)
        sizes, pull = sums.sizes, sums.pulled[:, -1]
        squares, linear = sums.pulled[:, : len(first)], sums.pulled[:, len(first) : -1]
        held = pull > 1e-8  # a unit that no row pulls on keeps its mean
        self.means_ = np.where(
            held[:, None], linear / np.where(held, pull, 1)[:, None], self.means_
        )
        mean = self.means_
        about = squares - (linear[:, first] * mean[:, second] + mean[:, first] * linear[:, second])
        about += pull[:, None] * mean[:, first] * mean[:, second]
        scatter = np.empty((len(mean), d, d))
        scatter[:, first, second] = scatter[:, second, first] = about
        prior = self.pooling * len(rows) / len(sizes)
        pooled = scatter.sum(axis=0) / len(rows)
        scales = (scatter + prior * pooled) / np.maximum(sizes + prior, 1e-8)[:, None, None]
        least = self.reg * float(rows.var(axis=0).mean())
        scales += max(least, 1e-30) * np.eye(d)
        self.factors_ = np.linalg.inv(np.linalg.cholesky(scales)).transpose(0, 2, 1)
        self.weights_ = sizes / sizes.sum()

    def _joint(self, rows: NDArray[Any]) -> tuple[Doubles, Doubles]:
        """Return weighted log densities, but for a constant, and squared distances (n, units)."""
        apart: Doubles = np.empty((len(rows), len(self.means_)))
        for unit, (mean, factor) in enumerate(zip(self.means_, self.factors_, strict=True)):
            scaled = (rows - mean) @ factor
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
        evidence : ndarray of float32, shape (n_units_, y, x), optional
            Is filled with the log evidence, but for a constant of all. Some rows of a larger
            array will do.
        """
        check_is_fitted(self, "n_units_")
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
        """Return the evidence of `planes` at the edge of each unit's ellipsoid (n_units_,)."""
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
        return min(distinct_rows(half, self.max_units) for half in sample.halves())

    def _compared(self, sample: Subsample, n_units: int, seed: int) -> Candidate:
        first, second = sample.halves()
        if min(distinct_rows(first, n_units), distinct_rows(second, n_units)) < n_units:
            return super()._compared(sample, n_units, seed)
        one, other = (self._trained(half, n_units, seed) for half in (first, second))
        labels, others = one._assign(sample.rows), other._assign(sample.rows)
        seen = (one._log_likelihood(second) + other._log_likelihood(first)) / 2
        return Candidate(
            labels,
            one._inertia(sample.rows),
            one._bic(sample.rows),
            net_likelihood=seen - self.price * n_units * sample.rows.shape[1],
            stability=float(adjusted_rand_score(labels, others)),
        )

    def _log_likelihood(self, rows: Rows) -> float:
        """Return the mean log density of rows."""
        d = rows.shape[1]
        constant = gammaln((self.freedom + d) / 2) - gammaln(self.freedom / 2)
        constant -= d / 2 * np.log(self.freedom * np.pi)
        return float(logsumexp(self._joint(rows)[0], axis=1).mean() + constant)

    def _evidence(self, batch: Rows) -> Doubles:
        return self._joint(batch)[0]

    def _unit(self, batch: Rows) -> NDArray[np.intp]:
        return np.asarray(self._evidence(batch).argmax(axis=1))

    def _inertia(self, rows: Rows) -> float:
        units = in_batches(lambda batch: nearest(batch, self.start_centers_), rows, 0, np.int32)
        return inertia(rows, self.start_centers_[units])

    def _bic(self, rows: Rows) -> float:
        """Return the Bayesian information criterion (Schwarz 1978), pooling not counted."""
        n_units, d = self.means_.shape
        nu = self.freedom
        free = n_units - 1 + n_units * d + n_units * d * (d + 1) // 2
        constant = gammaln((nu + d) / 2) - gammaln(nu / 2) - d / 2 * np.log(nu * np.pi)
        likelihood = logsumexp(self._evidence(rows), axis=1) + constant
        return float(free * np.log(len(rows)) - 2 * likelihood.sum())
