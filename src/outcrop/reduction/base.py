"""What the reducers share: a transform in batches, trained networks, and whitening."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from outcrop.estimator import Estimator, in_batches
from outcrop.reduction.dense import Dense, Floats
from outcrop.rowwise import times

#: Components with less than this part of the largest variance are not scaled up to one: a
#: dead unit's rounding noise is not a feature.
LEAST_VARIANCE = 1e-6
_COVARIANCE_ROWS = 1 << 16


class Reducer(TransformerMixin, Estimator):  # type: ignore[misc]
    """A reducer whose code depends on each row alone.

    A subclass defines ``_fit(rows)``, which learns from float32 rows, and ``_code(batch)``,
    which maps (rows, columns) to (rows, width); it sets ``n_components_``, the width.
    """

    n_components_: int

    def fit(self, X: ArrayLike, y: Any = None) -> Self:  # noqa: ARG002
        """Learn the code.

        Parameters
        ----------
        X : array-like of shape (n, columns)
            Rows without NaN, at least two.
        y : None
            Ignored; reducers with side information take it here.
        """
        self.check_parameters()
        self._fit(validate_data(self, X, dtype=np.float32, order="C", ensure_min_samples=2))
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """Return the codes of rows.

        Parameters
        ----------
        X : array-like of shape (n, columns)
            Rows without NaN.

        Returns
        -------
        ndarray of float32, shape (n, n_components)
            The bits of a row do not depend on the other rows.
        """
        check_is_fitted(self, "n_components_")
        rows = validate_data(self, X, dtype=np.float32, reset=False)
        return in_batches(self._code, rows, self.n_components_)

    def _fit(self, rows: Floats) -> None:
        raise NotImplementedError

    def _code(self, batch: Floats) -> Floats:
        raise NotImplementedError

    def __sklearn_tags__(self) -> Tags:
        """Say that the result is float32."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


class NetworkReducer(Reducer):
    """A reducer whose code comes out of trained dense networks.

    Each network but the last hands on [what comes out of it | what went in], as the stacked
    autoencoder of Nagar et al. (2024) does; what comes out of the last is the code. A
    subclass calls `_keep` at the end of its fit.

    Attributes
    ----------
    nets_ : list of dict
        ``widths`` and ``activations`` of each network, cut off after the layer in use.
    weights_ : ndarray of float32, shape (p,)
        Of one network after the other, in the layout of `Dense.layers`.
    input_mean_, input_scale_ : ndarray of float32, shape (columns,), ()
        Taken off the rows, and what they are divided by, before the first network.
    code_mean_, code_axes_ : ndarray of float32, shape (d,), (d, d)
        ``(code - code_mean_) @ code_axes_`` is white; only where whitening was asked for.
    history_ : list of dict
        ``stage``, ``epoch``, ``loss`` and ``held_out`` (or None) of each epoch.
    n_components_ : int
        Width of the code.
    """

    _facts: ClassVar[tuple[str, ...]] = ("n_features_in_", "n_components_", "nets_", "history_")
    _arrays: ClassVar[tuple[str, ...]] = (
        "weights_",
        "input_mean_",
        "input_scale_",
        "code_mean_",
        "code_axes_",
    )

    weights_: Floats
    input_mean_: Floats
    input_scale_: Floats

    def _keep(self, rows: Floats, trained: list[tuple[Dense, Floats]], whiten: bool) -> None:
        """Store the networks, and the whitening of their code for the rows of the fit."""
        self.nets_ = [net.to_facts() for net, _ in trained]
        self.weights_ = np.concatenate([weights[: net.size] for net, weights in trained])
        self.n_components_ = trained[-1][0].widths[-1]
        for name in ("code_mean_", "code_axes_"):  # of an earlier fit
            if hasattr(self, name):
                delattr(self, name)
        if whiten:
            self.code_mean_, self.code_axes_ = whitening(
                in_batches(self._code, rows, self.n_components_)
            )

    def _code(self, batch: Floats) -> Floats:
        values = np.asarray((batch - self.input_mean_) / self.input_scale_, np.float32)
        start = 0
        for facts in self.nets_:
            net = Dense.from_facts(facts)
            given, values = values, net(values, self.weights_[start : start + net.size])
            start += net.size
            if facts is not self.nets_[-1]:
                values = np.hstack([values, given])
        if hasattr(self, "code_axes_"):
            values = np.asarray(times(values - self.code_mean_, self.code_axes_), np.float32)
        return values


def principal_axes(
    rows: Floats,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return mean, principal axes and their variances, the largest first.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        At least two.

    Returns
    -------
    mean : ndarray of shape (d,)
    axes : ndarray of shape (d, d)
        A column an axis; its entry of largest magnitude is positive, so that the sign does
        not depend on the linear algebra library.
    variances : ndarray of shape (d,)
        With n - 1 in the denominator, never negative.
    """
    mean = rows.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((len(mean), len(mean)))
    for start in range(0, len(rows), _COVARIANCE_ROWS):
        centred = rows[start : start + _COVARIANCE_ROWS] - mean
        covariance += centred.T @ centred
    variances, axes = np.linalg.eigh(covariance / (len(rows) - 1))
    variances, axes = np.maximum(variances[::-1], 0.0), axes[:, ::-1]
    largest = np.abs(axes).argmax(axis=0)
    axes = axes * np.where(np.take_along_axis(axes, largest[None], axis=0) < 0, -1.0, 1.0)
    return mean, axes, variances


def deviations(variances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what to divide components by: their standard deviation, floored.

    The floor is `LEAST_VARIANCE` of the first, and 1 where nothing varies.
    """
    floored = np.maximum(variances, LEAST_VARIANCE * variances[0])
    return np.sqrt(np.where(floored > 0, floored, 1.0))


def whitening(
    rows: Floats,
) -> tuple[Floats, Floats]:
    """Return mean (d,) and matrix (d, d): ``(rows - mean) @ matrix`` is white.

    White: zero mean and, but for what `deviations` holds down, identity covariance, by
    falling variance.
    """
    mean, axes, variances = principal_axes(rows)
    return mean.astype(np.float32), (axes / deviations(variances)).astype(np.float32)
