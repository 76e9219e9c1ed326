"""Minimum noise fraction."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import validate_data

from outcrop.noise import noise_covariance, noise_whitening
from outcrop.reduction.base import Reducer, deviations, principal_axes
from outcrop.reduction.dense import Floats
from outcrop.rowwise import times


class MNF(Reducer):
    """Principal components of rows whose noise has been made white (Green et al. 1988).

    Components come by their variance in units of the noise's, and pure noise has 1. Without
    neighbours to learn the noise from, the columns are taken to have noise in proportion to
    their variance, and the result is that of PCA on standardised columns.

    Parameters
    ----------
    n_components : int or None, default None
        How many; at most as many as there are columns are used. None: those whose variance
        is over ``threshold``, and at least two where there are two columns.
    threshold : float, default 2
        In units of the noise's variance.
    whiten : bool, default False
        Divide each component by its standard deviation.

    Attributes
    ----------
    mean_ : ndarray of float32, shape (columns,)
    axes_ : ndarray of float32, shape (columns, n_components)
        ``(rows - mean_) @ axes_`` is the code.
    noise_ratios_ : ndarray of float64, shape (columns,)
        Variance of every component over that of its noise, falling.
    n_components_ : int
    """

    #: Fitted with ``neighbours``.
    needs_neighbours: ClassVar[bool] = True
    _facts: ClassVar[tuple[str, ...]] = ("n_features_in_", "n_components_")
    _arrays: ClassVar[tuple[str, ...]] = ("mean_", "axes_", "noise_ratios_")

    def __init__(
        self, n_components: int | None = None, threshold: float = 2.0, whiten: bool = False
    ) -> None:
        self.n_components = n_components
        self.threshold = threshold
        self.whiten = whiten

    def fit(
        self,
        X: ArrayLike,
        y: Any = None,  # noqa: ARG002
        *,
        neighbours: NDArray[np.float32] | None = None,
    ) -> Self:
        """Learn noise and components.

        Parameters
        ----------
        X : array-like of shape (n, columns)
            Rows without NaN, at least two.
        y : None
        neighbours : ndarray of shape (n, columns), optional
            A neighbouring pixel of each row, NaN where it has none.
        """
        self.check_parameters()
        rows = validate_data(self, X, dtype=np.float32, order="C", ensure_min_samples=2)
        white = noise_whitening(noise_covariance(rows, neighbours))
        # In float64: the noise of one band may be a thousandth of another's.
        mean = rows.mean(axis=0, dtype=np.float64)
        _, axes, ratios = principal_axes((rows - mean) @ white)
        n = self._count(ratios)
        scale = deviations(ratios)[:n] if self.whiten else 1.0
        self.mean_ = mean.astype(np.float32)
        self.axes_ = (white @ axes[:, :n] / scale).astype(np.float32)
        self.noise_ratios_ = ratios
        self.n_components_ = n
        return self

    def _count(self, ratios: NDArray[np.float64]) -> int:
        if self.n_components is None:
            return min(len(ratios), max(2, int((ratios > self.threshold).sum())))
        return min(int(self.n_components), len(ratios))

    def _code(self, batch: Floats) -> Floats:
        return np.asarray(times(batch - self.mean_, self.axes_), np.float32)
