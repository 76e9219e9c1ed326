"""k-means."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import sklearn.cluster
from numpy.typing import NDArray
from scipy.stats import chi2

from outcrop.clustering.base import WITHIN, Clusterer, Rows
from outcrop.clustering.selection import Subsample
from outcrop.rowwise import times


class KMeans(Clusterer):
    """k-means (Lloyd 1982) from k-means++ starts (Arthur & Vassilvitskii 2007).

    Parameters
    ----------
    n_units : "auto" or int, default "auto"
        Number of units, 2-254. "auto" is the elbow of the inertia by kneedle or, where the
        curve has none, the best silhouette.
    min_units, max_units : int, default 2, 20
        The range that "auto" looks at.
    n_init : int, default 4
        Starts; the one with the least inertia is kept.
    max_iter : int, default 300
        The most iterations of each start.
    tol : float, default 1e-4
        Movement of the centres, as a part of the mean variance, at which to stop.
    n_curve_rows : int, default 20000
        Rows, drawn at random, that numbers of units are compared and scored on.
    random_state : int or None
        Seed of starts and drawn rows.

    Attributes
    ----------
    cluster_centers_ : ndarray of float32, shape (n_units, columns)
    variance_ : ndarray of float64, shape ()
        Of the rows about their centres, a column: with it k-means is the hard version of a
        mixture of spheres, and its distances are evidence.
    labels_ : ndarray of int32, shape (n,)
        0-based unit of each row of the fit.
    n_units_, n_iter_ : int
    selection_ : dict
        The numbers compared, their scores, ``chosen`` and ``rule``; see `selection.select`.
    """

    _arrays: ClassVar[tuple[str, ...]] = ("cluster_centers_", "variance_")
    _by_unit: ClassVar[tuple[str, ...]] = ("cluster_centers_",)

    def __init__(
        self,
        n_units: int | Literal["auto"] = "auto",
        min_units: int = 2,
        max_units: int = 20,
        n_init: int = 4,
        max_iter: int = 300,
        tol: float = 1e-4,
        n_curve_rows: int = 20_000,
        random_state: int | None = None,
    ) -> None:
        self.n_units = n_units
        self.min_units = min_units
        self.max_units = max_units
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.n_curve_rows = n_curve_rows
        self.random_state = random_state

    def _train(self, rows: Rows, n_units: int, seed: int, sample: Subsample) -> None:  # noqa: ARG002
        model = lloyd(rows, n_units, seed, n_init=self.n_init, max_iter=self.max_iter, tol=self.tol)
        self.cluster_centers_ = np.asarray(model.cluster_centers_, np.float32)
        self.variance_ = np.asarray(max(model.inertia_ / rows.size, np.finfo(np.float32).tiny))
        self.n_iter_ = int(model.n_iter_)

    def _unit(self, batch: Rows) -> NDArray[np.intp]:
        return nearest(batch, self.cluster_centers_)

    def _evidence(self, batch: Rows) -> NDArray[np.float64]:
        return np.asarray(_distances(batch, self.cluster_centers_) / (-2.0 * self.variance_))

    def _outside(self, batch: Rows) -> NDArray[np.bool_]:
        apart = np.square(batch - self.cluster_centers_[self._unit(batch)]).sum(axis=1)
        return np.asarray(apart > chi2.ppf(WITHIN, batch.shape[1]) * self.variance_)

    def _inertia(self, rows: Rows) -> float:
        return inertia(rows, self.cluster_centers_[self._assign(rows)])


def lloyd(rows: Rows, n_units: int, seed: int, **settings: Any) -> Any:
    """Return scikit-learn's k-means, fitted: on one core its full Lloyd is the fastest.

    ``settings`` have ``n_init``: how often to start, each time as `spread_out` does.
    """
    model = sklearn.cluster.KMeans(n_units, init=spread_out, random_state=seed, **settings)
    return model.fit(rows)


def spread_out(rows: Rows, n_units: int, random_state: np.random.RandomState) -> Rows:
    """Return rows that are far from each other, to start from, (n_units, columns).

    Greedy k-means++ (Arthur & Vassilvitskii 2007): each next one is the best of a few, drawn
    with the squared distance to the nearest before. Step by step as scikit-learn does it, with
    the same draws, for a tenth of the time: that converts all rows again at every step.
    """
    weights, wide = np.ones(len(rows), np.float32), rows.astype(np.float64)
    norms = np.einsum("ij,ij->i", wide, wide)

    def distances(chosen: NDArray[np.intp]) -> Rows:
        apart = -2 * (wide[chosen] @ wide.T)
        apart += norms[chosen, None]
        apart += norms
        return np.maximum(apart.astype(np.float32), 0)

    chosen = [random_state.choice(len(rows), p=weights / weights.sum())]
    nearest_yet = distances(np.array(chosen))
    total = nearest_yet @ weights
    for _ in range(1, n_units):
        drawn = random_state.uniform(size=2 + int(np.log(n_units))) * total
        tried = np.searchsorted(np.cumsum(weights * nearest_yet), drawn)
        tried = np.minimum(tried, len(rows) - 1)
        nearest_of_each = np.minimum(nearest_yet, distances(tried))
        totals = nearest_of_each @ weights[:, None]
        best = int(totals.argmin())
        chosen.append(tried[best])
        nearest_yet, total = nearest_of_each[best], totals[best]
    return rows[chosen]


def nearest(batch: Rows, centers: Rows) -> NDArray[np.intp]:
    """Return the index of the nearest centre for rows of shape (n, columns)."""
    return np.asarray(_distances(batch, centers).argmin(axis=1))  # the lowest of ties


def _distances(batch: Rows, centers: Rows) -> Rows:
    """Return squared distances (n, centres) but for what all centres of a row share."""
    # About the centres' own mean, for the squares' difference to keep its digits.
    origin = centers.mean(axis=0)
    moved = centers - origin
    # |x - c|² less |x|², which is the same for every centre.
    return np.asarray((moved * moved).sum(axis=1) - 2 * times(batch - origin, moved.T))


def inertia(rows: Rows, centers: Rows) -> float:
    """Return the sum of squared distances of rows (n, columns) to their centres, the same shape."""
    return float(np.square(rows - centers, dtype=np.float64).sum())
