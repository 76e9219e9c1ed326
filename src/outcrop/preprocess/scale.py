"""Linear scaling of each band, fitted on valid rows."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from outcrop.estimator import Estimator


class _Scaler(OneToOneFeatureMixin, TransformerMixin, Estimator):  # type: ignore[misc]
    """``(x - shift_) / range_`` by band; a band without spread becomes 0."""

    _arrays: ClassVar[tuple[str, ...]] = ("shift_", "range_")

    def fit(self, X: ArrayLike, y: Any = None) -> Self:  # noqa: ARG002
        """Fit to rows (n, bands)."""
        rows = validate_data(self, X, dtype=[np.float64, np.float32])
        shift, spread = self._measure(np.asarray(rows, np.float64))
        # A constant band says nothing; dividing by its rounding error would say noise.
        flat = spread <= 1e-7 * np.maximum(np.abs(shift), np.finfo(np.float32).tiny)
        self.shift_ = shift.astype(np.float32)
        self.range_ = np.where(flat, np.inf, spread).astype(np.float32)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Scale rows (n, bands) to float32."""
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        values = self._before(rows)
        scaled: NDArray[np.float32] = ((values - self.shift_) / self.range_).astype(np.float32)
        return scaled

    def plane(self, values: NDArray[np.float32], band: int) -> NDArray[np.float32]:
        """Scale the values of one band, of any shape: what `transform` gives, to the bit."""
        scaled: NDArray[np.float32] = self._band_before(values, band) - self.shift_[band]
        scaled /= self.range_[band]
        return scaled

    def _before(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return what is shifted and divided: here the rows themselves."""
        return rows

    def _band_before(self, values: NDArray[Any], band: int) -> NDArray[Any]:  # noqa: ARG002
        """Return the same of one band."""
        return values

    def _measure(
        self, rows: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        raise NotImplementedError


class StandardScaler(_Scaler):
    """Every band to mean 0 and standard deviation 1 on the fitted rows."""

    def _measure(
        self, rows: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return rows.mean(axis=0), rows.std(axis=0)


class MinMaxScaler(_Scaler):
    """Every band to 0-1 between the extremes of the fitted rows."""

    def _measure(
        self, rows: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        low = rows.min(axis=0)
        return low, rows.max(axis=0) - low


class NoScaler(_Scaler):
    """Every band as it is."""

    def _measure(
        self, rows: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return np.zeros(rows.shape[1]), np.ones(rows.shape[1])
