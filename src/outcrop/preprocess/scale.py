"""Linear scaling of each band, fitted on valid rows."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from outcrop.estimator import Estimator
from outcrop.preprocess import kernels


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
        rows = validate_data(self, X, reset=False, dtype=np.float32)
        out = np.empty(rows.shape, np.float32)
        for band, column in enumerate(rows.T):
            out[:, band] = self.plane(column, band)
        return out

    def plane(
        self,
        values: NDArray[np.float32],
        band: int,
        within: tuple[float, float] = (-np.inf, np.inf),
        out: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Scale the values of one band, of any shape: what `transform` gives, to the bit.

        Parameters
        ----------
        values : ndarray of float32
            NaN stays NaN.
        band : int
        within : tuple of float
            Lower values are raised to the first, higher ones lowered to the second.
        out : ndarray of float32, optional
            Where to write, contiguous and of the same shape.
        """
        flat = np.ascontiguousarray(values).reshape(-1)
        made = np.empty(values.shape, np.float32) if out is None else out
        floor, logarithmic = self._floor(band)
        kernels.scale(
            flat, np.float32(max(within[0], floor)), np.float32(within[1]), logarithmic,
            self.shift_[band], self.range_[band], made.reshape(-1),
        )  # fmt: skip
        return made

    def _floor(self, band: int) -> tuple[float, bool]:  # noqa: ARG002
        """Return what values of a band are raised to, and whether its logarithm is taken."""
        return -np.inf, False

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
