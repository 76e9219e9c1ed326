"""What the clusterers share: the number of units, their scores, and units without rows."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClusterMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from outcrop.clustering import selection
from outcrop.clustering.selection import Candidate, Subsample
from outcrop.engine import side_by_side
from outcrop.errors import InputError
from outcrop.estimator import Estimator, in_batches

Rows = NDArray[np.float32]
#: Part of a unit's pixels, by its distribution, that its ellipsoid holds.
WITHIN = 0.999


class Clusterer(ClusterMixin, Estimator):  # type: ignore[misc]
    """A clusterer that assigns each row by itself, and can choose the number of units.

    A subclass takes the parameters named here and defines ``_train(rows, n_units, seed, sample)``
    (the sample being some of the rows, with pairs of places), ``_unit(batch)`` (the 0-based unit of
    each row of a batch, ties to the lowest),
    ``_evidence(batch)`` (what speaks for each unit, as a log likelihood), ``_outside(batch)``
    (see `outside`), ``_inertia(rows)`` and, for mixtures, ``_bic(rows)``.
    """

    _facts: ClassVar[tuple[str, ...]] = ("n_features_in_", "n_units_", "n_iter_", "selection_")
    _least: ClassVar[Mapping[str, int]] = {"n_curve_rows": 2}
    #: The fitted arrays with one entry a unit along their first axis.
    _by_unit: ClassVar[tuple[str, ...]] = ()

    n_units: int | Literal["auto"]
    min_units: int
    max_units: int
    n_curve_rows: int
    random_state: int | None
    labels_: NDArray[Any]

    def fit(
        self,
        X: ArrayLike,
        y: Any = None,  # noqa: ARG002
        places: NDArray[np.int64] | None = None,
    ) -> Self:
        """Find the units.

        Parameters
        ----------
        X : array-like of shape (n, columns)
            Rows without NaN.
        y : ignored
            The place for a start from given units (0-based, -1 where unknown) in clusterers
            that take one; these two don't.
        places : ndarray of int, shape (n, 3), optional
            Scene, row and column in the image of each row: the robust mixture then looks for units
            that also go on across the ground.

        Raises
        ------
        InputError
            If a number of units is out of range, or there are fewer distinct rows than units.
        """
        rows = validate_data(self, X, dtype=np.float32, order="C", ensure_min_samples=2)
        rng = np.random.default_rng(self.random_state)
        # Drawn first, so that a number found by "auto" gives the same units when it is given.
        seed = _seed(rng)
        n_units = self._check(rows)
        sample = Subsample(rows, self.n_curve_rows, rng, places)
        if n_units is None:
            self.selection_ = self._select(sample, rng)
            n_units = self.selection_["chosen"]
        self._train(rows, n_units, seed, sample)
        self.labels_ = self._assign(rows)
        self._drop_empty(rows, n_units)
        self.n_units_ = int(self.labels_.max()) + 1
        if self.n_units != "auto":
            self.selection_ = selection.given(sample, n_units, self._candidate(sample.rows))
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.int32]:
        """Return the 0-based unit of each row, shape (n,).

        The unit of a row does not depend on the other rows; ties go to the lowest.
        """
        check_is_fitted(self, "n_units_")
        return self._assign(validate_data(self, X, dtype=np.float32, reset=False))

    def evidence(self, X: ArrayLike) -> Rows:
        """Return the log evidence of each unit, shape (n, n_units).

        But for a constant of each row. The row's own unit has the most, to rounding.
        """
        check_is_fitted(self, "n_units_")
        rows = validate_data(self, X, dtype=np.float32, reset=False)
        return in_batches(self._relative_evidence, rows, self.n_units_)

    def outside(self, X: ArrayLike) -> NDArray[np.bool_]:
        """Tell which rows lie outside every unit's ellipsoid of `WITHIN` of its pixels, (n,).

        Of the distribution that was fitted: what lies there is like no unit.
        """
        check_is_fitted(self, "n_units_")
        rows = validate_data(self, X, dtype=np.float32, reset=False)
        return in_batches(self._outside, rows, 0, np.bool_)

    def reorder(self, order: NDArray[np.intp]) -> None:
        """Renumber the units: the new unit ``i`` is the old ``order[i]``."""
        for name in self._by_unit:
            setattr(self, name, getattr(self, name)[order])
        self.labels_ = np.argsort(order)[self.labels_]

    def _relative_evidence(self, batch: Rows) -> NDArray[np.float64]:
        """About each row's largest: in float32 the differences keep their digits."""
        log = self._evidence(batch)
        return np.asarray(log - log.max(axis=1, keepdims=True))

    def _train(self, rows: Rows, n_units: int, seed: int, sample: Subsample) -> None:
        raise NotImplementedError

    def _evidence(self, batch: Rows) -> NDArray[np.float64]:
        raise NotImplementedError

    def _unit(self, batch: Rows) -> NDArray[np.intp]:
        raise NotImplementedError

    def _outside(self, batch: Rows) -> NDArray[np.bool_]:
        raise NotImplementedError

    def _inertia(self, rows: Rows) -> float:
        raise NotImplementedError

    def _bic(self, rows: Rows) -> float | None:  # noqa: ARG002
        return None

    def _assign(self, rows: Rows) -> NDArray[np.int32]:
        return in_batches(self._unit, rows, 0, np.int32)

    def _check_own(self) -> None:
        if self.n_units != "auto":
            selection.check_units("n_units", self.n_units)
        least = selection.check_units("min_units", self.min_units)
        if selection.check_units("max_units", self.max_units) < least:
            raise InputError(
                f"max_units is {self.max_units}, less than min_units, {least}; swap the two"
            )

    def _check(self, rows: Rows) -> int | None:
        """Return the number of units asked for, None for "auto", once it is possible."""
        self.check_parameters()
        asked = None if self.n_units == "auto" else int(self.n_units)
        selection.check_distinct(rows, asked or self.min_units)
        return asked

    def _select(self, sample: Subsample, rng: np.random.Generator) -> dict[str, Any]:
        selection.check_distinct(sample.rows, self.min_units)
        most = min(self.max_units, self._most(sample))
        numbers = range(self.min_units, max(most, self.min_units) + 1)
        seeds = {k: _seed(rng) for k in numbers}
        return selection.select(sample, numbers, self._candidates(sample, seeds))

    def _candidates(
        self, sample: Subsample, seeds: dict[int, int]
    ) -> Generator[Candidate, None, None]:
        """Yield the candidate that stands for each number of units, given with its seed."""
        yield from side_by_side(lambda k: self._compared(sample, k, seeds[k]), list(seeds))

    def _most(self, sample: Subsample) -> int:
        """Return how many units the subsample can be clustered into."""
        return selection.distinct_rows(sample.rows, self.max_units)

    def _compared(self, sample: Subsample, n_units: int, seed: int) -> Candidate:
        """Return the candidate that stands for a number of units."""
        other: Self = clone(self)
        other._train(sample.rows, n_units, seed, sample)
        return other._candidate(sample.rows)

    def _candidate(self, rows: Rows) -> Candidate:
        return Candidate(self._assign(rows), self._inertia(rows), self._bic(rows))

    def _drop_empty(self, rows: Rows, n_units: int) -> None:
        """Leave out units that no row of the fit belongs to, and say so."""
        used = np.unique(self.labels_)
        if len(used) == n_units:
            return
        warnings.warn(
            f"{n_units - len(used)} of {n_units} units hold none of the {len(rows)} rows "
            "and were left out",
            stacklevel=3,
        )
        for name in self._by_unit:
            setattr(self, name, getattr(self, name)[used])
        self.labels_ = self._assign(rows)


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31 - 1))
