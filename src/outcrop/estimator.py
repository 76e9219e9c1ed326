"""What every reducer and clusterer of Outcrop shares: saving its fitted state without pickle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from outcrop.parameters import check_values, parameters_of

#: Rows handed to one BLAS call. Constant, and a multiple of 64, because a row's last bits
#: can depend on the shape of the matrix that it is multiplied in: with one shape for every
#: call, a pixel's result depends on the pixel alone and never on the block it came in.
BATCH_ROWS = 4096


class Estimator(BaseEstimator):  # type: ignore[misc]
    """A scikit-learn estimator whose fitted state is named NumPy arrays and plain numbers.

    A subclass lists in ``_arrays`` the fitted attributes that are arrays and in ``_facts``
    those that JSON can hold (numbers, strings, lists and dicts of them). Together with
    ``get_params`` they restore it exactly. Reducers add ``transform(X) -> (n, d)``,
    clusterers ``predict(X) -> (n,)`` of 0-based units. ``fit(X, y=None)`` takes X as
    (rows, columns) floats without NaN.
    """

    _arrays: ClassVar[tuple[str, ...]] = ()
    _facts: ClassVar[tuple[str, ...]] = ("n_features_in_",)
    #: Whole numbers among the parameters that may be less than 1, or must be more.
    _least: ClassVar[Mapping[str, int]] = {}

    def check_parameters(self) -> None:
        """Refuse parameters of another kind or out of range: before a fit, or for a recipe.

        Raises
        ------
        InputError
        """
        kind = type(self)
        check_values(kind, {name: getattr(self, name) for name in parameters_of(kind)})
        self._check_own()

    def _check_own(self) -> None:
        """Check what the kind of a parameter does not say."""

    def to_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the fitted state.

        Returns
        -------
        facts : dict
            What JSON can hold: ``params`` and the fitted numbers.
        arrays : dict of str to ndarray
            The fitted arrays, by attribute name.
        """
        facts = {"params": self.get_params(deep=False)}
        facts |= {name: getattr(self, name) for name in self._facts if hasattr(self, name)}
        arrays = {n: np.asarray(getattr(self, n)) for n in self._arrays if hasattr(self, n)}
        return facts, arrays

    @classmethod
    def from_state(cls, facts: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Self:
        """Restore what `to_state` returned, without fitting."""
        estimator = cls(**facts["params"])
        for name in cls._facts:
            if name in facts:
                setattr(estimator, name, facts[name])
        for name in cls._arrays:
            if name in arrays:
                setattr(estimator, name, arrays[name])
        return estimator


def in_batches(
    function: Any, rows: NDArray[np.float32], width: int, dtype: Any = np.float32
) -> NDArray[Any]:
    """Apply a function of a matrix to rows in batches of one fixed shape.

    Parameters
    ----------
    function : callable
        Takes (`BATCH_ROWS`, columns) and returns (`BATCH_ROWS`, width), each row of the
        result depending on that row of the input alone.
    rows : ndarray of float32, shape (n, columns)
        The last batch is padded with zeros, and the padding cut off again.
    width : int
        Columns of the result; 0 for a result of shape (n,).
    dtype : dtype
        Type of the result.

    Returns
    -------
    ndarray of shape (n, width) or (n,)
    """
    n = len(rows)
    out = np.empty((n, width) if width else (n,), dtype)
    for start in range(0, n, BATCH_ROWS):
        part = rows[start : start + BATCH_ROWS]
        if len(part) < BATCH_ROWS:
            padded = np.zeros((BATCH_ROWS, rows.shape[1]), rows.dtype)
            padded[: len(part)] = part
            part, kept = padded, len(part)
        else:
            part, kept = np.ascontiguousarray(part), BATCH_ROWS
        out[start : start + kept] = function(part)[:kept]
    return out
