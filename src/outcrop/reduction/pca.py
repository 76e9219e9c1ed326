"""Principal components."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from outcrop.errors import InputError
from outcrop.reduction.base import Reducer, deviations, principal_axes
from outcrop.reduction.dense import Floats
from outcrop.rowwise import times


class PCA(Reducer):
    """The fewest principal components that hold enough of the variance.

    Parameters
    ----------
    n_components : float or int, default 0.90
        A float in (0, 1]: the fewest components that reach this part of the variance, the
        rule of Nagar et al. (2024). An int: that many.
    whiten : bool, default False
        Divide each component by its standard deviation on the rows of the fit. Components
        with next to no variance are left small.

    Attributes
    ----------
    mean_ : ndarray of float32, shape (columns,)
    components_ : ndarray of float32, shape (n_components, columns)
        Unit vectors whose entry of largest magnitude is positive.
    explained_variance_, explained_variance_ratio_ : ndarray, shape (n_components,)
    n_components_ : int
    """

    _facts: ClassVar[tuple[str, ...]] = ("n_features_in_", "n_components_")
    _arrays: ClassVar[tuple[str, ...]] = (
        "mean_",
        "components_",
        "explained_variance_",
        "explained_variance_ratio_",
    )

    def __init__(self, n_components: float | int = 0.90, whiten: bool = False) -> None:
        self.n_components = n_components
        self.whiten = whiten

    def _fit(self, rows: Floats) -> None:
        mean, axes, variances = principal_axes(rows)
        total = variances.sum()
        ratios = variances / total if total > 0 else np.zeros_like(variances)
        n = self._count(ratios)
        self.n_components_ = n
        self.mean_ = mean.astype(np.float32)
        self.components_ = axes[:, :n].T.astype(np.float32)
        self.explained_variance_ = variances[:n]
        self.explained_variance_ratio_ = ratios[:n]

    def _check_own(self) -> None:
        if isinstance(self.n_components, float) and not 0 < self.n_components <= 1:
            raise InputError(
                f"n_components is {self.n_components}; as a part of the variance it must be over 0 "
                "and at most 1 (a number of components is written without a decimal point)"
            )

    def _count(self, ratios: NDArray[np.float64]) -> int:
        wanted = self.n_components
        if isinstance(wanted, float):
            # The tolerance is for sums such as 0.7 + 0.2 that fall short by rounding.
            reached = np.flatnonzero(np.cumsum(ratios) >= wanted - 1e-12)
            return int(reached[0]) + 1 if len(reached) else 1
        if not 1 <= wanted <= len(ratios):
            raise InputError(
                f"n_components is {wanted}, but there are {len(ratios)} columns; "
                f"choose 1 to {len(ratios)}, or a part of the variance such as 0.90"
            )
        return int(wanted)

    def _code(self, batch: Floats) -> Floats:
        axes = self.components_.T
        if self.whiten:
            axes = (axes / deviations(self.explained_variance_)).astype(np.float32)
        return np.asarray(times(batch - self.mean_, axes), np.float32)
