"""What the bilateral filter looks at: padded planes, where they hold data, and their guide."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from outcrop.scratch import scratch
from outcrop.simd import (
    LANES,
    add,
    div,
    fma,
    load,
    load_some,
    splat,
    store,
    store_some,
    sub,
    where_larger,
)

#: Guide of a pixel without data: as far from any other as float32 can square and add.
NOWHERE = np.float32(1e17)
_ONE, _ZERO = np.float32(1), np.float32(0)


def prepare(planes: Any, whitening: Any, radius: int) -> tuple[Any, Any, Any]:
    """Return the values, validity and guide that `kernels.smooth` and `kernels.smooth_at` take.

    They belong to the thread, whose next call overwrites them.

    Returns
    -------
    values : ndarray of float32, shape (d, height + 2 margin, columns)
        The planes with a margin of ``radius + 1`` zeros, zero where any is not finite, and with
        room on the right for lanes that begin in the last column of a window.
    valid : ndarray of float32, same without d
        1 where all planes are finite.
    guide : ndarray of float32, same shape as values
        The whitened planes' means over the valid pixels of windows of 3 x 3; `NOWHERE` without
        data.
    """
    depth, height, width = planes.shape
    margin = radius + 1
    columns = LANES * -(-(width + 3 * margin + LANES) // LANES)
    shape = (height + 2 * margin, columns)
    values, guide = (scratch((depth, *shape), name) for name in ("values", "guide"))
    valid = scratch(shape, "valid")
    _pad(np.ascontiguousarray(planes), margin, values, valid)
    _guide(values, valid, np.ascontiguousarray(whitening, np.float32), guide)
    return values, valid, guide


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _pad(planes: Any, margin: Any, values: Any, valid: Any) -> None:  # pragma: no cover - compiled
    depth, height, width = planes.shape
    columns = valid.shape[1]
    for y in range(height + 2 * margin):
        if not margin <= y < height + margin:
            valid[y] = _ZERO
            for b in range(depth):
                values[b, y] = _ZERO
            continue
        known = valid[y]
        known[:margin], known[margin + width :] = _ZERO, _ZERO
        for b in range(depth):
            values[b, y, :margin], values[b, y, margin + width :] = _ZERO, _ZERO
        _pad_row(
            planes.reshape(-1), (y - margin) * width, height * width, width, depth,
            values.reshape(-1), y * columns + margin, valid.size, known,
            margin,
        )  # fmt: skip


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _pad_row(
    planes: Any, start: Any, plane: Any, width: Any, depth: Any,
    values: Any, to: Any, padded: Any, known: Any, margin: Any,
) -> None:  # fmt: skip  # pragma: no cover - compiled
    none, half = splat(_ZERO), splat(_ONE / np.float32(2))
    for x in range(0, width, LANES):
        count = min(LANES, width - x)
        odd = none
        for b in range(depth):
            value = load_some(planes, start + b * plane + x, count)
            odd = add(odd, sub(value, value))  # 0, or NaN of what is missing or infinite
        here = where_larger(half, odd, splat(_ONE), none)
        store_some(known, margin + x, here, count)
        for b in range(depth):
            value = load_some(planes, start + b * plane + x, count)
            store_some(values, to + b * padded + x, where_larger(here, half, value, none), count)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _guide(
    values: Any, valid: Any, whitening: Any, out: Any
) -> None:  # pragma: no cover - compiled
    depth, height, width = values.shape
    plane = height * width
    flat, to, known = values.reshape(-1), out.reshape(-1), valid.reshape(-1)
    # A whitened row with a margin of lanes, and the sums over three columns of the last three.
    white = np.zeros(width + 2 * LANES, np.float32)
    sums = np.zeros((3, depth + 1, width), np.float32)
    for y in range(height):
        _sum_columns(flat, known, y * width, plane, width, whitening, white, sums[y % 3])
        if y >= 2:
            above, here, below = sums[(y - 2) % 3], sums[(y - 1) % 3], sums[y % 3]
            _mean_of_rows(above, here, below, known, to, (y - 1) * width, plane)
    for b in range(depth):
        out[b, 0], out[b, height - 1] = NOWHERE, NOWHERE


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _sum_columns(
    flat: Any, known: Any, start: Any, plane: Any, width: Any, whitening: Any, white: Any, out: Any
) -> None:  # pragma: no cover - compiled
    """Sum a row's whitened planes, and its valid pixels, over three columns."""
    depth, to = len(whitening), out.reshape(-1)
    for j in range(depth + 1):
        for x in range(0, width, LANES):
            total = load(known, start + x)
            if j < depth:
                total = splat(_ZERO)
                for i in range(depth):
                    value = load(flat, i * plane + start + x)
                    total = fma(value, splat(whitening[i, j]), total)
            store(white, LANES + x, total)
        for x in range(0, width, LANES):
            at = LANES + x
            near = add(add(load(white, at - 1), load(white, at)), load(white, at + 1))
            store(to, j * width + x, near)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _mean_of_rows(
    above: Any, here: Any, below: Any, known: Any, to: Any, start: Any, plane: Any
) -> None:  # pragma: no cover - compiled
    """Write the means of three rows' sums, where there is data."""
    rows, width = above.shape
    high, middle, low = above.reshape(-1), here.reshape(-1), below.reshape(-1)
    ones, half = splat(_ONE), splat(_ONE / np.float32(2))
    for x in range(0, width, LANES):
        at = (rows - 1) * width + x
        count = add(add(load(high, at), load(middle, at)), load(low, at))
        count = where_larger(count, ones, count, ones)
        data = load(known, start + x)
        for b in range(rows - 1):
            at = b * width + x
            total = add(add(load(high, at), load(middle, at)), load(low, at))
            mean = where_larger(data, half, div(total, count), splat(NOWHERE))
            store(to, b * plane + start + x, mean)
