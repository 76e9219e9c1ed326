"""Composites of several observations of one pixel: medians by band, and geometric medians.

The geometric median is the spectrum whose summed distance to all observations is least. Unlike
medians taken band by band it keeps the bands of one spectrum together (Roberts, Mueller and
McIntyre 2017), and it is found by the iteration of Weiszfeld (1937) with the step of Vardi
and Zhang (2000) for a spectrum that meets an observation.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

#: Iterations at most, and the move, relative to the spectrum, at which they end.
MOST = 200
CLOSE = 1e-6


@numba.njit(nogil=True, cache=True)
def _gather(stack, weights, i, j, points, mass) -> int:  # type: ignore[no-untyped-def]
    """Copy a pixel's observations that have data in every band; return how many."""
    found = 0
    for k in range(stack.shape[0]):
        whole = weights[k, i, j] > 0.0
        for b in range(stack.shape[1]):
            value = stack[k, b, i, j]
            whole = whole and math.isfinite(value)
            points[found, b] = value
        if whole:
            mass[found] = weights[k, i, j]
            found += 1
            if found == len(points):
                break
    return found


@numba.njit(nogil=True, cache=True)
def _step(points, mass, found, spectrum, fresh) -> float:  # type: ignore[no-untyped-def]
    """Move a spectrum once towards the geometric median; return the squared move."""
    bands = len(spectrum)
    total, here = 0.0, 0.0
    fresh[:] = 0.0
    for k in range(found):
        distance = 0.0
        for b in range(bands):
            distance += (points[k, b] - spectrum[b]) ** 2
        distance = math.sqrt(distance)
        if distance == 0.0:
            here += mass[k]
            continue
        total += mass[k] / distance
        for b in range(bands):
            fresh[b] += mass[k] / distance * points[k, b]
    if total == 0.0:
        return 0.0
    pull = 0.0
    for b in range(bands):
        fresh[b] /= total
        pull += (total * (fresh[b] - spectrum[b])) ** 2
    pull = math.sqrt(pull)
    stay = min(1.0, here / pull) if here > 0.0 and pull > 0.0 else (1.0 if here > 0.0 else 0.0)
    moved = 0.0
    for b in range(bands):
        value = (1.0 - stay) * fresh[b] + stay * spectrum[b]
        moved += (value - spectrum[b]) ** 2
        spectrum[b] = value
    return moved


@numba.njit(nogil=True, cache=True)
def _solve(points, mass, found, spectrum, fresh) -> None:  # type: ignore[no-untyped-def]
    spectrum[:] = 0.0
    total = 0.0
    for k in range(found):
        total += mass[k]
        for b in range(len(spectrum)):
            spectrum[b] += mass[k] * points[k, b]
    spectrum /= total
    for _ in range(MOST if found > 1 else 0):
        size = 0.0
        for b in range(len(spectrum)):
            size += spectrum[b] ** 2
        if _step(points, mass, found, spectrum, fresh) <= CLOSE**2 * size:
            break


@numba.njit(nogil=True, cache=True)
def _geomedian(stack, weights, out) -> None:  # type: ignore[no-untyped-def]
    bands = stack.shape[1]
    points = np.empty((stack.shape[0], bands), np.float64)
    mass = np.empty(stack.shape[0], np.float64)
    spectrum, fresh = np.empty(bands, np.float64), np.empty(bands, np.float64)
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            found = _gather(stack, weights, i, j, points, mass)
            if found == 0:
                continue
            _solve(points, mass, found, spectrum, fresh)
            for b in range(bands):
                out[b, i, j] = spectrum[b]


@numba.njit(nogil=True, cache=True)
def _median(stack, weights, out) -> None:  # type: ignore[no-untyped-def]
    points = np.empty((stack.shape[0], stack.shape[1]), np.float64)
    mass = np.empty(stack.shape[0], np.float64)
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            found = _gather(stack, weights, i, j, points, mass)
            for b in range(out.shape[0] if found else 0):
                values = np.sort(points[:found, b])
                out[b, i, j] = 0.5 * (values[(found - 1) // 2] + values[found // 2])


def geomedian(
    stack: NDArray[np.float32], weights: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Return the geometric median of each pixel's observations.

    Parameters
    ----------
    stack : ndarray of float32, shape (scene, band, y, x)
        An observation counts if it has data in every band.
    weights : ndarray of float32, shape (scene, y, x), optional
        How much each counts; those of 0 or less don't.

    Returns
    -------
    ndarray of float32, shape (band, y, x)
        NaN where there is no observation. Of two it is the mean, weighted.
    """
    return _composite(_geomedian, stack, weights)


def median(stack: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median of each band of each pixel; arguments as `geomedian`."""
    return _composite(_median, stack, None)


def _composite(
    kernel: object, stack: NDArray[np.float32], weights: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    given = np.ones((stack.shape[0], *stack.shape[2:]), np.float32) if weights is None else weights
    out = np.full(stack.shape[1:], np.nan, np.float32)
    kernel(stack, given, out)  # type: ignore[operator]
    return out
