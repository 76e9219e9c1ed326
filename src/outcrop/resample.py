"""Pixels of one grid from those of another: interpolated going finer, averaged going coarser.

Each value is computed from the same numbers in the same order whatever window it is part of.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numba
import numpy as np
from numpy.typing import NDArray

from outcrop.reasons import CLEAR, FILL

#: Parts of source pixels thinner than this are rounding, and not under the target's pixel.
SLIVER = 1e-3

Kernel = Callable[..., None]


@numba.njit(nogil=True, cache=True)
def _nothing(codes, row, col, corner, full, why, i, j) -> bool:  # type: ignore[no-untyped-def]
    """Copy what the nearest source pixel says if it has no data; tell whether that is so."""
    r, c = math.floor(row), math.floor(col)
    if not (0 <= r < full[0] and 0 <= c < full[1]):
        why[i, j] = FILL
        return True
    code = codes[r - corner[0], c - corner[1]]
    why[i, j] = code
    return bool(code != CLEAR)


@numba.njit(nogil=True, cache=True)
def nearest(data, codes, rows, cols, corner, full, out, why) -> None:  # type: ignore[no-untyped-def]
    """Take the pixel that the target's centre lies in."""
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            row, col = rows[i, j], cols[i, j]
            if _nothing(codes, row, col, corner, full, why, i, j):
                continue
            r, c = math.floor(row) - corner[0], math.floor(col) - corner[1]
            for b in range(out.shape[0]):
                out[b, i, j] = data[b, r, c]


@numba.njit(nogil=True, cache=True)
def _bilinear_at(data, row, col, corner, full, out, i, j) -> None:  # type: ignore[no-untyped-def]
    top, left = math.floor(row - 0.5), math.floor(col - 0.5)
    down, right = row - 0.5 - top, col - 0.5 - left
    for b in range(out.shape[0]):
        total, weights = 0.0, 0.0
        for dr in range(2):
            for dc in range(2):
                r, c = top + dr, left + dc
                weight = (down if dr else 1.0 - down) * (right if dc else 1.0 - right)
                if weight > 0.0 and 0 <= r < full[0] and 0 <= c < full[1]:
                    value = data[b, r - corner[0], c - corner[1]]
                    if math.isfinite(value):
                        total += weight * value
                        weights += weight
        out[b, i, j] = total / weights


@numba.njit(nogil=True, cache=True)
def bilinear(data, codes, rows, cols, corner, full, out, why) -> None:  # type: ignore[no-untyped-def]
    """Interpolate between the four nearest pixels, without those that have no data."""
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            row, col = rows[i, j], cols[i, j]
            if not _nothing(codes, row, col, corner, full, why, i, j):
                _bilinear_at(data, row, col, corner, full, out, i, j)


@numba.njit(nogil=True, cache=True)
def _keys(x: float) -> float:
    """Cubic convolution with a = -1/2 (Keys 1981)."""
    x = abs(x)
    if x < 1.0:
        return (1.5 * x - 2.5) * x * x + 1.0
    return ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0 if x < 2.0 else 0.0


@numba.njit(nogil=True, cache=True)
def _whole(codes, top, left, corner, full) -> bool:  # type: ignore[no-untyped-def]
    """Tell whether all of the sixteen pixels around a place have data."""
    if not (1 <= top < full[0] - 2 and 1 <= left < full[1] - 2):
        return False
    for r in range(top - 1 - corner[0], top + 3 - corner[0]):
        for c in range(left - 1 - corner[1], left + 3 - corner[1]):
            if codes[r, c] != CLEAR:
                return False
    return True


@numba.njit(nogil=True, cache=True)
def cubic(data, codes, rows, cols, corner, full, out, why) -> None:  # type: ignore[no-untyped-def]
    """Convolve the sixteen nearest pixels; bilinear where one of them has no data."""
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            row, col = rows[i, j], cols[i, j]
            if _nothing(codes, row, col, corner, full, why, i, j):
                continue
            top, left = math.floor(row - 0.5), math.floor(col - 0.5)
            if not _whole(codes, top, left, corner, full):
                _bilinear_at(data, row, col, corner, full, out, i, j)
                continue
            for b in range(out.shape[0]):
                total = 0.0
                for dr in range(-1, 3):
                    down = _keys(row - 0.5 - top - dr)
                    for dc in range(-1, 3):
                        value = data[b, top + dr - corner[0], left + dc - corner[1]]
                        total += down * _keys(col - 0.5 - left - dc) * value
                out[b, i, j] = total


@numba.njit(nogil=True, cache=True)
def _side(values, i, j) -> tuple[float, float]:  # type: ignore[no-untyped-def]
    """First and last coordinate, along one axis, of what a pixel covers."""
    a, b, c, d = values[i, j], values[i, j + 1], values[i + 1, j], values[i + 1, j + 1]
    middle, half = (a + b + c + d) / 4.0, math.hypot(c + d - a - b, b + d - a - c) / 4.0
    return middle - half, middle + half


@numba.njit(nogil=True, cache=True)
def _lowest(codes, first, last, west, east, corner, full) -> int:  # type: ignore[no-untyped-def]
    """Return the lowest reason under a pixel, 0 if all of it has data."""
    found = CLEAR
    if first < 0 or west < 0 or last > full[0] or east > full[1]:
        found = FILL
    for r in range(max(first, 0), min(last, full[0])):
        for s in range(max(west, 0), min(east, full[1])):
            here = int(codes[r - corner[0], s - corner[1]])
            if here != CLEAR and (found == CLEAR or here < found):
                found = here
    return found


@numba.njit(nogil=True, cache=True)
def average(data, codes, rows, cols, corner, full, out, why) -> None:  # type: ignore[no-untyped-def]
    """Average what lies under a pixel, by area; no data unless all of it has.

    ``rows`` and ``cols`` are of the pixels' corners, one more along each axis. What lies under a
    pixel that is turned against the source is taken as an upright rectangle of its size.
    """
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            (top, bottom), (left, right) = _side(rows, i, j), _side(cols, i, j)
            if not (math.isfinite(top) and math.isfinite(left)):
                why[i, j] = FILL
                continue
            first, last = math.floor(top + SLIVER), math.ceil(bottom - SLIVER)
            west, east = math.floor(left + SLIVER), math.ceil(right - SLIVER)
            why[i, j] = _lowest(codes, first, last, west, east, corner, full)
            if why[i, j] != CLEAR:
                continue
            for k in range(out.shape[0]):
                total, weights = 0.0, 0.0
                for r in range(first, last):
                    down = min(bottom, r + 1.0) - max(top, r)
                    for s in range(west, east):
                        weight = down * (min(right, s + 1.0) - max(left, s))
                        total += weight * data[k, r - corner[0], s - corner[1]]
                        weights += weight
                out[k, i, j] = total / weights


@numba.njit(nogil=True, cache=True)
def spread(nodes, step, row, col, first, offset, out) -> None:  # type: ignore[no-untyped-def]
    """Interpolate coordinates that are known at every ``step``-th pixel.

    ``nodes`` (2, y, x) begin at the lattice cell ``first``; ``out`` (2, height, width) begins at
    pixel (row, col), ``offset`` into it.
    """
    for i in range(out.shape[1]):
        cell = (row + i) // step
        down = ((row + i) % step + offset) / step
        y = cell - first[0]
        for j in range(out.shape[2]):
            across = ((col + j) % step + offset) / step
            x = (col + j) // step - first[1]
            for k in range(2):
                upper = nodes[k, y, x] * (1.0 - across) + nodes[k, y, x + 1] * across
                lower = nodes[k, y + 1, x] * (1.0 - across) + nodes[k, y + 1, x + 1] * across
                out[k, i, j] = upper * (1.0 - down) + lower * down


KERNELS: dict[str, Kernel] = {
    "nearest": nearest,
    "bilinear": bilinear,
    "cubic": cubic,
    "average": average,
}


def resampled(
    method: str,
    data: NDArray[np.float32],
    codes: NDArray[np.uint8],
    coordinates: NDArray[np.float64],
    corner: tuple[int, int],
    full: tuple[int, int],
    shape: tuple[int, int],
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Compute bands and reasons of a target window.

    Parameters
    ----------
    method : str
        An entry of `KERNELS`.
    data : ndarray of float32, shape (band, y, x)
        What was read of the source.
    codes : ndarray of uint8, shape (y, x)
        Its reasons.
    coordinates : ndarray of float64, shape (2, height, width)
        Row and column in the source, counted from its upper left corner, of the target's
        pixel centres; for ``average`` of their corners, one more along each axis.
    corner : tuple of int
        Row and column of the source where ``data`` begins.
    full : tuple of int
        Rows and columns of the whole source.
    shape : tuple of int
        Of the target window.
    """
    out = np.full((len(data), *shape), np.nan, np.float32)
    why = np.zeros(shape, np.uint8)
    KERNELS[method](data, codes, coordinates[0], coordinates[1], corner, full, out, why)
    return out, why
