"""Averages over the neighbours that look alike."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted, validate_data

from outcrop.errors import InputError
from outcrop.estimator import Estimator
from outcrop.noise import noise_covariance, noise_whitening
from outcrop.smoothing import kernels
from outcrop.smoothing.guide import prepare

Planes = NDArray[np.float32]
#: Beyond it a pixel would take minutes a scene, and average over other outcrops.
LARGEST = 50


class NoSmoother(Estimator):
    """Leave the features as they are."""

    halo = 0

    def fit(self, X: ArrayLike, y: Any = None, *, neighbours: Any = None) -> Self:  # noqa: ARG002
        """Check rows (n, d); there is nothing to learn."""
        validate_data(self, X, dtype=np.float32)
        return self

    def __call__(self, planes: Planes, rows: slice | None = None) -> Planes:
        """Return the planes, or some rows of them."""
        return planes[:, rows or slice(None)]

    def at(
        self, planes: Planes, row: NDArray[np.intp], col: NDArray[np.intp]
    ) -> NDArray[np.float32]:
        """Return some pixels as rows (n, d)."""
        return np.ascontiguousarray(planes[:, row, col].T)


class Bilateral(Estimator):
    """The bilateral filter (Tomasi & Manduchi 1998), its distances measured in noise.

    Each pixel becomes the mean of the window around it, in which a pixel at a distance d
    weighs ``exp(-d² / 2 strength²)``: the root mean square, over the features, of the
    difference of the two pixels' 3 x 3 means, in standard deviations of the noise. A unit's
    grain is averaged away, its contacts stay where they are, and the noisier band has the
    smaller say in what is alike.

    Parameters
    ----------
    radius : int, default 4
        Of the square window, in pixels, 1-50.
    strength : float, default 0.7
        How many standard deviations of a single pixel's noise are still alike.

    Attributes
    ----------
    whitening_ : ndarray of float32, shape (d, d)
        ``features @ whitening_`` has noise of identity covariance.
    """

    _arrays: ClassVar[tuple[str, ...]] = ("whitening_",)

    def __init__(self, radius: int = 4, strength: float = 0.7) -> None:
        self.radius = radius
        self.strength = strength

    def _check_own(self) -> None:
        if self.radius > LARGEST:
            raise InputError(
                f"smoothing: radius is {self.radius!r}; it must be a whole number of pixels "
                f"from 1 to {LARGEST}"
            )
        if not self.strength > 0:
            raise InputError(f"smoothing: strength is {self.strength!r}; it must be more than 0")

    @property
    def halo(self) -> int:
        """Pixels of context on each side: the window's, and those of its outermost means."""
        return self.radius + 1

    def fit(
        self,
        X: ArrayLike,
        y: Any = None,  # noqa: ARG002
        *,
        neighbours: NDArray[np.float32] | None = None,
    ) -> Self:
        """Measure the noise.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Features without NaN.
        y : None
        neighbours : ndarray of shape (n, d), optional
            A neighbouring pixel of each row, NaN where it has none. See `noise_covariance`.

        Raises
        ------
        InputError
            If a parameter is out of range.
        """
        self.check_parameters()
        rows = validate_data(self, X, dtype=np.float32)
        self.whitening_ = noise_whitening(noise_covariance(rows, neighbours)).astype(np.float32)
        return self

    def __call__(self, planes: Planes, rows: slice | None = None) -> Planes:
        """Smooth features (d, y, x), NaN where there is no data; a new array.

        Parameters
        ----------
        planes : ndarray of float32, shape (d, y, x)
            A pixel where any feature is not finite has no data.
        rows : slice, optional
            The rows to return, instead of all.
        """
        check_is_fitted(self)
        top, bottom, _ = (rows or slice(None)).indices(planes.shape[1])
        out = np.empty((len(planes), bottom - top, planes.shape[2]), np.float32)
        prepared = prepare(planes, self.whitening_, self.radius)
        kernels.smooth(*prepared, self.radius, self._scale(len(planes)), top, bottom - top, out)
        return out

    def at(
        self, planes: Planes, row: NDArray[np.intp], col: NDArray[np.intp]
    ) -> NDArray[np.float32]:
        """Return what smoothing gives at some pixels with data, bit for bit, as rows (n, d)."""
        check_is_fitted(self)
        out = np.empty((len(row), len(planes)), np.float32)
        values, _, guide = prepare(planes, self.whitening_, self.radius)
        kernels.smooth_at(values, guide, self.radius, self._scale(len(planes)), row, col, out)
        return out

    def _scale(self, depth: int) -> np.float32:
        """Turn a squared distance into the power of 2 that a neighbour weighs."""
        return np.float32(-np.log2(np.e) / (2 * self.strength**2 * depth))
