"""Ground control points: where a raster that has no grid of its own lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Points that a polynomial of the second order needs to be worth it; with fewer it is a plane.
SECOND_ORDER = 6
LEAST = 3


@dataclass(frozen=True)
class Polynomial:
    """Two polynomials of two variables, fitted by least squares.

    The variables are brought to -1...1 first, so that squares of coordinates of millions of
    metres do not drown the rest.
    """

    centre: tuple[float, float]
    size: tuple[float, float]
    first: tuple[float, ...]
    second: tuple[float, ...]

    def __call__(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Evaluate both."""
        u, v = (x - self.centre[0]) / self.size[0], (y - self.centre[1]) / self.size[1]
        terms = _terms(u, v, len(self.first))
        one = sum(c * t for c, t in zip(self.first, terms, strict=True))
        two = sum(c * t for c, t in zip(self.second, terms, strict=True))
        return np.asarray(one), np.asarray(two)


def _terms(u: NDArray[np.float64], v: NDArray[np.float64], count: int) -> list[NDArray[np.float64]]:
    return [np.ones_like(u), u, v, u * u, u * v, v * v][:count]


def _fit(source: NDArray[np.float64], target: NDArray[np.float64]) -> Polynomial:
    low, high = source.min(axis=0), source.max(axis=0)
    centre, size = (low + high) / 2, np.where(high > low, (high - low) / 2, 1.0)
    u, v = ((source - centre) / size).T
    terms = np.stack(_terms(u, v, 6 if len(source) >= SECOND_ORDER else 3), axis=1)
    found, *_ = np.linalg.lstsq(terms, target, rcond=None)
    (a, b), (c, d) = centre.tolist(), size.tolist()
    return Polynomial((a, b), (c, d), tuple(found[:, 0].tolist()), tuple(found[:, 1].tolist()))


@dataclass(frozen=True)
class Gcps:
    """Ground control points of a raster, as polynomials between pixels and a CRS.

    Parameters
    ----------
    crs : str
    count : int
    residual : float
        Root mean square of what the polynomial leaves, in pixels.
    to_map, to_pixels : Polynomial
        (column, row) to (x, y) and back.
    """

    crs: str
    count: int
    residual: float
    to_map: Polynomial
    to_pixels: Polynomial


def fit_gcps(points: Sequence[tuple[float, float, float, float]], crs: str) -> Gcps | None:
    """Fit polynomials to points of (column, row, x, y): of second order from six points on.

    Returns None for fewer than three points, which say nothing of turn and scale.
    """
    if len(points) < LEAST:
        return None
    table = np.asarray(points, np.float64)
    pixels, places = table[:, :2], table[:, 2:]
    back = _fit(places, pixels)
    off = np.stack(back(places[:, 0], places[:, 1]), axis=1) - pixels
    residual = float(np.sqrt((off**2).sum(axis=1).mean()))
    return Gcps(crs, len(points), residual, _fit(pixels, places), back)
