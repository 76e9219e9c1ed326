"""Averages over the neighbours that look alike."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted, validate_data

from outcrop.errors import InputError
from outcrop.estimator import Estimator, in_batches
from outcrop.noise import noise_covariance, noise_whitening

Cube = NDArray[np.float32]
#: Beyond it a pixel would take minutes a scene, and average over other outcrops.
LARGEST = 50


class NoSmoother(Estimator):
    """Leave the features as they are."""

    halo = 0

    def fit(self, X: ArrayLike, y: Any = None, *, neighbours: Any = None) -> Self:  # noqa: ARG002
        """Check rows (n, d); there is nothing to learn."""
        validate_data(self, X, dtype=np.float32)
        return self

    def __call__(self, cube: Cube) -> Cube:
        """Return the cube."""
        return cube


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
        whole = isinstance(self.radius, (int, np.integer)) and not isinstance(self.radius, bool)
        if not whole or not 1 <= self.radius <= LARGEST:
            raise InputError(
                f"smoothing: radius is {self.radius!r}; it must be a whole number of pixels "
                f"from 1 to {LARGEST}"
            )
        if not self.strength > 0:
            raise InputError(f"smoothing: strength is {self.strength!r}; it must be more than 0")
        rows = validate_data(self, X, dtype=np.float32)
        self.whitening_ = noise_whitening(noise_covariance(rows, neighbours)).astype(np.float32)
        return self

    def __call__(self, cube: Cube) -> Cube:
        """Smooth features (y, x, d), NaN where there is no data; a new array."""
        check_is_fitted(self)
        valid = np.isfinite(cube).all(axis=2)
        guide = np.full_like(cube, np.nan)
        guide[valid] = in_batches(lambda batch: batch @ self.whitening_, cube[valid], cube.shape[2])
        guide = _means(guide, valid)
        steepness = np.float32(1 / (2 * self.strength**2 * cube.shape[2]))
        smoothed: Cube = _smooth(np.ascontiguousarray(cube), guide, valid, self.radius, steepness)
        return smoothed


@numba.njit(nogil=True, cache=True)
def _means(cube: Any, valid: Any) -> Any:  # pragma: no cover - compiled
    """Mean of the valid pixels of every window of 3 x 3."""
    height, width, depth = cube.shape
    out = np.full(cube.shape, np.float32(np.nan), np.float32)
    for y in range(height):
        for x in range(width):
            if not valid[y, x]:
                continue
            total = np.zeros(depth, np.float32)
            count = np.float32(0)
            for v in range(max(0, y - 1), min(height, y + 2)):
                for u in range(max(0, x - 1), min(width, x + 2)):
                    if valid[v, u]:
                        count += np.float32(1)
                        for b in range(depth):
                            total[b] += cube[v, u, b]
            for b in range(depth):
                out[y, x, b] = total[b] / count
    return out


@numba.njit(nogil=True, cache=True)
def _weight(here: Any, there: Any, steepness: Any) -> Any:  # pragma: no cover - compiled
    apart = np.float32(0)
    for b in range(len(here)):
        step = there[b] - here[b]
        apart += step * step
    exponent = apart * steepness
    # Less than a hundred-thousandth is not worth an exponential.
    return np.exp(-exponent) if exponent < np.float32(12) else np.float32(0)


@numba.njit(nogil=True, cache=True)
def _smooth(
    cube: Any, guide: Any, valid: Any, radius: int, steepness: Any
) -> Any:  # pragma: no cover - compiled
    """Return the weighted mean of every window, always summed in the same order."""
    height, width, depth = cube.shape
    out = np.full(cube.shape, np.float32(np.nan), np.float32)
    total = np.empty(depth, np.float32)
    for y in range(height):
        for x in range(width):
            if not valid[y, x]:
                continue
            total[:] = 0
            weights = np.float32(0)
            for v in range(max(0, y - radius), min(height, y + radius + 1)):
                for u in range(max(0, x - radius), min(width, x + radius + 1)):
                    if not valid[v, u]:
                        continue
                    weight = _weight(guide[y, x], guide[v, u], steepness)
                    weights += weight
                    for b in range(depth):
                        total[b] += weight * cube[v, u, b]
            for b in range(depth):
                out[y, x, b] = total[b] / weights
    return out
