"""A mixture of multivariate t distributions: its densities, and the climb that fits it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln
from scipy.stats import f as f_distribution

from outcrop.clustering import student_kernels as kernels
from outcrop.clustering.base import WITHIN, Rows
from outcrop.clustering.exchange import exchanges, halves
from outcrop.rowwise import times

Doubles = NDArray[np.float64]
Units = NDArray[np.int32]


class Climb(NamedTuple):
    """How a mixture is fitted; see `StudentMixture` for what each number means."""

    freedom: float
    pooling: float
    max_iter: int
    tol: float
    reg: float


@dataclass(frozen=True)
class TMixture:
    """Units as t distributions of one number of degrees of freedom.

    Parameters
    ----------
    weights : ndarray of float64, shape (k,)
    means : ndarray of float64, shape (k, d)
    factors : ndarray of float64, shape (k, d, d)
        ``(x - mean) @ factor`` has an identity scale matrix.
    freedom : float
        Degrees of freedom of the tails.
    """

    weights: Doubles
    means: Doubles
    factors: Doubles
    freedom: float

    @property
    def constant(self) -> float:
        """What all log densities of `joint` and `densities` lack."""
        d, nu = self.means.shape[1], self.freedom
        return float(gammaln((nu + d) / 2) - gammaln(nu / 2) - d / 2 * np.log(nu * np.pi))

    @property
    def farthest(self) -> float:
        """The squared distance within which `WITHIN` of a unit lies: d F(d, freedom)."""
        d = self.means.shape[1]
        return float(d * f_distribution.ppf(WITHIN, d, self.freedom))

    @property
    def limits(self) -> Rows:
        """Log densities at the edge of each unit's ellipsoid of `WITHIN`, (k,)."""
        fall = self._power * np.log1p(self.farthest / self.freedom)
        return np.asarray(self._levels - fall, np.float32)

    @property
    def _power(self) -> float:
        return float(self.freedom + self.means.shape[1]) / 2

    @property
    def _levels(self) -> Doubles:
        """The log of each unit's weight and of its scale, (k,)."""
        with np.errstate(divide="ignore"):  # the weight of a unit may vanish
            level = np.log(self.weights)
        return np.asarray(level + np.log(np.diagonal(self.factors, axis1=1, axis2=2)).sum(axis=1))

    def joint(self, rows: NDArray[Any]) -> tuple[Doubles, Doubles]:
        """Return weighted log densities, but for a constant, and squared distances (n, k).

        In float64, each row by itself.
        """
        apart: Doubles = np.empty((len(rows), len(self.means)))
        for unit, (mean, factor) in enumerate(zip(self.means, self.factors, strict=True)):
            scaled = times(rows - mean, factor)
            apart[:, unit] = (scaled * scaled).sum(axis=1)
        return self._levels - self._power * np.log1p(apart / self.freedom), apart

    def units_of(self, planes: Rows, evidence: Rows | None) -> NDArray[np.uint8]:
        """Return the units of planes (d, y, x), fast; see `StudentMixture.planes`."""
        flat = np.ascontiguousarray(planes).reshape(len(planes), -1)
        units = np.empty(planes.shape[1:], np.uint8)
        kept, stride = np.empty(0, np.float32), 0
        if evidence is not None:
            # The kernel finds the other units' planes from the first by their distance.
            kept, stride = evidence[0].reshape(-1), evidence.strides[0] // evidence.itemsize
        kernels.joint(
            flat, *self._for_kernels(), np.float32(self.freedom), np.float32(self._power),
            kept, stride, units.reshape(-1),
        )  # fmt: skip
        return units

    def _for_kernels(self) -> tuple[Rows, Rows, Rows]:
        return (
            self.means.astype(np.float32),
            self.factors.astype(np.float32),
            self._levels.astype(np.float32),
        )

    def units(self, rows: Rows) -> Units:
        """Return the units of rows (n, d), as `units_of` does."""
        return np.asarray(self.units_of(rows.T[:, None], None)[0], np.int32)

    def densities(self, rows: Rows) -> tuple[Rows, Units]:
        """Return log densities (k, n) but for a constant, and units (n,), as `units_of` does."""
        joint = np.empty((len(self.means), 1, len(rows)), np.float32)
        labels = self.units_of(rows.T[:, None], joint)[0].astype(np.int32)
        return joint[:, 0], labels

    def seen(self, rows: Rows) -> tuple[Units, Doubles]:
        """Return the units and the log densities of rows (n,), as `units_of` computes them."""
        joint, labels = self.densities(rows)
        most = joint.max(axis=0)
        likelihood = most + np.log(np.exp(joint - most).sum(axis=0))
        return labels, likelihood + self.constant

    def halvings(self, rows: Rows, most: int) -> list[Units]:
        """Return units of rows with one of the widest for their shape halved, each in its turn."""
        units, halved = self.units(rows), []
        for half in halves(rows, units, self.factors)[:most]:
            halved.append(units.copy())
            halved[-1][half.rows] = len(self.means)
        return halved

    def exchanges(self, rows: Rows) -> Iterator[Units]:
        """Yield units of rows of which two were joined and a third halved; see `exchanges`."""
        joint, units = self.densities(rows)
        shares = np.exp(joint - joint.max(axis=0))
        return exchanges(rows, units, (shares / shares.sum(axis=0)).T, self.factors)

    def information(self, densities: Doubles) -> float:
        """Return the Bayesian information criterion (Schwarz 1978), pooling not counted."""
        n_units, d = self.means.shape
        free = n_units * numbers_of_a_unit(d) - 1
        return float(free * np.log(len(densities)) - 2 * densities.sum())


def numbers_of_a_unit(d: int) -> int:
    """Return the numbers that a unit of so many columns has of its own: weight, mean, shape."""
    return 1 + d + d * (d + 1) // 2


class Climbed(NamedTuple):
    """A mixture, the centres of the units that the climb began with (k, d), and its steps."""

    mixture: TMixture
    start_centers: Rows
    n_iter: int


def climb(rows: Rows, labels: NDArray[Any], n_units: int, how: Climb) -> Climbed:
    """Fit a mixture by expectation-maximisation from the units of rows.

    Parameters
    ----------
    rows : ndarray of float32, shape (n, d)
    labels : ndarray of int, shape (n,)
        0 to ``n_units - 1``; a unit may have none.
    n_units : int
    how : Climb
    """
    # About their mean, for float32 to keep their digits.
    origin = rows.mean(axis=0, dtype=np.float64)
    centred = rows - origin
    laid_out = _laid_out(centred, how.reg)
    means = np.array(
        [centred[labels == k].mean(axis=0) if k in labels else 0 * origin for k in range(n_units)]
    )
    now = _maximised(_started(centred, labels, means), means, laid_out, how)
    before, n_iter = -np.inf, 0
    for n_iter in range(1, how.max_iter + 1):  # noqa: B007
        now = replace(now, means=now.means.astype(np.float32).astype(np.float64))
        likelihood, sums = _expected(now, laid_out)
        if likelihood - before < how.tol:
            break
        before = likelihood
        now = _maximised(sums, now.means, laid_out, how)
    start_centers = np.asarray(means + origin, np.float32)
    return Climbed(replace(now, means=now.means + origin), start_centers, n_iter)


class _Sums(NamedTuple):
    """Of rows' shares in each unit (k,), and of their pulls on it (k, p); see `kernels.expect`."""

    sizes: Doubles
    pulled: Doubles


class _LaidOut(NamedTuple):
    """Rows as the kernel takes them, which of them count, and the least variance of a column."""

    columns: Rows
    known: Rows
    n: int
    least: float


def _laid_out(rows: Doubles, reg: float) -> _LaidOut:
    columns = np.zeros((rows.shape[1], kernels.PART * -(-len(rows) // kernels.PART)), np.float32)
    columns[:, : len(rows)] = rows.T
    known = (np.arange(columns.shape[1]) < len(rows)).astype(np.float32)
    least = max(reg * float(rows.var(axis=0).mean()), 1e-30)
    return _LaidOut(columns, known, len(rows), least)


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


def _expected(mixture: TMixture, rows: _LaidOut) -> tuple[float, _Sums]:
    """Return the mean log likelihood, and the sums about its means that the next step needs."""
    units, d = mixture.means.shape
    sums = _Sums(np.zeros(units), np.zeros((units, numbers_of_a_unit(d))))
    likelihood = kernels.expect(
        rows.columns, rows.known, *mixture._for_kernels(),
        np.float32(mixture.freedom), np.float32(mixture._power), *sums,
    )  # fmt: skip
    return likelihood / rows.n, sums


def _maximised(sums: _Sums, means: Doubles, rows: _LaidOut, how: Climb) -> TMixture:
    """Return the mixture of weights, means and factors that sums about some means call for."""
    d = len(rows.columns)
    first, second = np.triu_indices(d)
    sizes, pull = sums.sizes, sums.pulled[:, -1]
    about, linear = sums.pulled[:, : len(first)], sums.pulled[:, len(first) : -1]
    held = pull > 1e-8  # a unit that no row pulls on keeps its mean
    moved = np.where(held[:, None], linear / np.where(held, pull, 1)[:, None], 0.0)
    scatter = np.empty((len(moved), d, d))
    scatter[:, first, second] = scatter[:, second, first] = (
        about - pull[:, None] * moved[:, first] * moved[:, second]
    )
    prior = how.pooling * rows.n / len(sizes)
    pooled = scatter.sum(axis=0) / rows.n
    scales = (scatter + prior * pooled) / np.maximum(sizes + prior, 1e-8)[:, None, None]
    scales += rows.least * np.eye(d)
    factors = np.linalg.inv(np.linalg.cholesky(scales)).transpose(0, 2, 1)
    return TMixture(sizes / sizes.sum(), means + moved, factors, how.freedom)
