"""Standardised logarithms, for values on any scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from outcrop.preprocess.scale import _Scaler

#: Values under this part of a band's mean are taken as that: deep shadow, noise about zero.
FLOOR = 0.02


class LogScaler(_Scaler):
    """The logarithm of every band to mean 0 and standard deviation 1 on the fitted rows.

    Light multiplies what the ground reflects, so in logarithms a slope or a shadow moves all
    bands alike, and a unit is spread as widely where it is bright as where it is dark. The
    floor is a part of each band's own mean: reflectance and its multiples give the same
    result, and no scale has to be known. A band whose mean is not positive has no logarithm
    worth the name and is standardised as it is.

    Parameters
    ----------
    linear : sequence of int
        Columns that are standardised as they are: indices that may be 0 or below.

    Attributes
    ----------
    floor_ : ndarray of float32, shape (bands,)
        Smaller values are raised to it; NaN for a band that is not taken the logarithm of.
    """

    _arrays: ClassVar[tuple[str, ...]] = ("shift_", "range_", "floor_")

    floor_: NDArray[np.float32]

    def __init__(self, linear: Sequence[int] = ()) -> None:
        self.linear = linear

    def _measure(
        self, rows: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        level = rows.mean(axis=0)
        logarithmic = (level > 0) & ~np.isin(np.arange(len(level)), list(self.linear))
        self.floor_ = np.where(logarithmic, FLOOR * level, np.nan).astype(np.float32)
        floor = np.where(logarithmic, self.floor_, 1).astype(np.float64)
        logs = np.where(logarithmic, np.log(np.maximum(rows, floor)), rows)
        spread = logs.std(axis=0)
        # A constant band: in logarithms its rounding error is not small beside its mean.
        return logs.mean(axis=0), np.where(np.ptp(rows, axis=0) > 0, spread, 0.0)

    def _floor(self, band: int) -> tuple[float, bool]:
        floor = float(self.floor_[band])
        return (-np.inf, False) if np.isnan(floor) else (floor, True)
