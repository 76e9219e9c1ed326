"""The Gaussian mixture."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import sklearn.mixture
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp, softmax
from scipy.stats import chi2
from sklearn.utils.validation import check_is_fitted, validate_data

from outcrop.clustering.base import WITHIN, Clusterer, Rows
from outcrop.clustering.kmeans import inertia, lloyd, nearest
from outcrop.clustering.selection import Subsample
from outcrop.estimator import in_batches
from outcrop.rowwise import times

Doubles = NDArray[np.float64]


class Mixture(Clusterer):
    """A mixture of Gaussians with full covariances, by expectation-maximisation from k-means.

    Dempster, Laird & Rubin (1977), in scikit-learn's implementation.

    Parameters
    ----------
    n_units : "auto" or int, default "auto"
        Number of units, 2-254. "auto" is the elbow, by kneedle, of the inertia of the k-means
        that each mixture starts from, which falls steadily where the mixtures' likelihood
        need not; where that curve has no elbow, the best silhouette. Silhouette,
        Calinski-Harabasz, Davies-Bouldin and BIC are the mixtures' own.
    min_units, max_units : int, default 2, 20
        The range that "auto" looks at.
    n_init : int, default 4
        Starts of k-means, of which the mixture takes the best.
    max_iter : int, default 200
        The most steps of expectation-maximisation.
    tol : float, default 1e-3
        Gain in mean log likelihood at which to stop.
    reg : float, default 1e-6
        Added to the diagonals of the covariances, as a part of the columns' mean variance.
    n_curve_rows : int, default 10000
        Rows, drawn at random, that numbers of units are compared and scored on.
    random_state : int or None
        Seed of starts and drawn rows.

    Attributes
    ----------
    weights_ : ndarray of float64, shape (n_units,)
    means_ : ndarray of float64, shape (n_units, columns)
    covariances_, precisions_cholesky_ : ndarray of float64, shape (n_units, columns, columns)
        The latter are the Cholesky factors of the inverse covariances.
    start_centers_ : ndarray of float32
        Centres of the k-means that the mixture started from.
    labels_ : ndarray of int32, shape (n,)
        0-based unit of each row of the fit.
    n_units_, n_iter_ : int
        A component that no row of the fit belongs to is left out, with a warning.
    selection_ : dict
        The numbers compared, their scores, ``chosen`` and ``rule``; see `selection.select`.
    """

    _by_unit: ClassVar[tuple[str, ...]] = (
        "weights_",
        "means_",
        "covariances_",
        "precisions_cholesky_",
    )
    _arrays: ClassVar[tuple[str, ...]] = _by_unit

    def __init__(
        self,
        n_units: int | Literal["auto"] = "auto",
        min_units: int = 2,
        max_units: int = 20,
        n_init: int = 4,
        max_iter: int = 200,
        tol: float = 1e-3,
        reg: float = 1e-6,
        n_curve_rows: int = 10_000,
        random_state: int | None = None,
    ) -> None:
        self.n_units = n_units
        self.min_units = min_units
        self.max_units = max_units
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.reg = reg
        self.n_curve_rows = n_curve_rows
        self.random_state = random_state

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return the probability of each unit for each row, shape (n, n_units)."""
        check_is_fitted(self, "n_units_")
        rows = validate_data(self, X, dtype=np.float32, reset=False)
        return in_batches(
            lambda batch: softmax(self._log_density(batch), axis=1), rows, self.n_units_
        )

    def _train(self, rows: Rows, n_units: int, seed: int, sample: Subsample) -> None:  # noqa: ARG002
        start = lloyd(rows, n_units, seed, n_init=self.n_init)
        self.start_centers_ = start.cluster_centers_
        doubles = rows.astype(np.float64)
        least = self.reg * float(doubles.var(axis=0).mean())
        weights, means, covariances = _moments(doubles, start.labels_, least)
        model = sklearn.mixture.GaussianMixture(
            len(weights),
            tol=self.tol,
            reg_covar=least,
            max_iter=self.max_iter,
            weights_init=weights,
            means_init=means,
            precisions_init=np.linalg.inv(covariances),
            random_state=seed,
        ).fit(doubles)
        for name in self._by_unit:
            setattr(self, name, getattr(model, name))
        self.n_iter_ = int(model.n_iter_)

    def _evidence(self, batch: Rows) -> Doubles:
        return self._log_density(batch)

    def _unit(self, batch: Rows) -> NDArray[np.intp]:
        return np.asarray(self._log_density(batch).argmax(axis=1))

    def _outside(self, batch: Rows) -> NDArray[np.bool_]:
        nearest_of_all = np.full(len(batch), np.inf)
        for mean, factor in zip(self.means_, self.precisions_cholesky_, strict=True):
            apart = np.square((batch - mean) @ factor).sum(axis=1)
            np.minimum(nearest_of_all, apart, out=nearest_of_all)
        return np.asarray(nearest_of_all > chi2.ppf(WITHIN, batch.shape[1]))

    def _log_density(self, batch: Rows) -> Doubles:
        """Return the weighted log density of each unit, but for a constant, shape (n, units)."""
        # In float64: a narrow component magnifies distances a thousandfold before they are squared.
        log: Doubles = np.empty((len(batch), len(self.means_)))
        for unit, (mean, factor) in enumerate(
            zip(self.means_, self.precisions_cholesky_, strict=True)
        ):
            scaled = times(batch - mean, factor)
            log[:, unit] = -0.5 * (scaled * scaled).sum(axis=1) + np.log(np.diag(factor)).sum()
        with np.errstate(divide="ignore"):  # the weight of a component may vanish
            log += np.log(self.weights_)
        return log

    def _inertia(self, rows: Rows) -> float:
        units = in_batches(lambda batch: nearest(batch, self.start_centers_), rows, 0, np.int32)
        return inertia(rows, self.start_centers_[units])

    def _bic(self, rows: Rows) -> float:
        """Return the Bayesian information criterion (Schwarz 1978); less is better."""
        n_units, d = self.means_.shape
        free = n_units - 1 + n_units * d + n_units * d * (d + 1) // 2
        likelihood = logsumexp(self._log_density(rows), axis=1) - 0.5 * d * np.log(2 * np.pi)
        return float(free * np.log(len(rows)) - 2 * likelihood.sum())


def _moments(rows: Doubles, labels: NDArray[Any], least: float) -> tuple[Doubles, Doubles, Doubles]:
    """Return weights (k,), means (k, d) and covariances (k, d, d) of labelled rows."""
    parts = [rows[labels == unit] for unit in np.unique(labels)]
    means = np.stack([part.mean(axis=0) for part in parts])
    covariances = np.stack(
        [np.cov(part.T, bias=True).reshape(2 * (rows.shape[1],)) for part in parts]
    )
    covariances += least * np.eye(rows.shape[1])
    return np.array([len(part) / len(rows) for part in parts]), means, covariances
