"""The compiled part of the bilateral filter, on planes (feature, y, x).

Everything is summed in one order, whichever block or strip a pixel comes in, so that its bits
depend on its neighbourhood alone.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from outcrop.scratch import scratch
from outcrop.simd import (
    LANES,
    add,
    div,
    exp2,
    fma,
    load,
    load_some,
    mul,
    splat,
    store,
    store_some,
    sub,
    where_larger,
)

#: Guide of a pixel without data: as far from any other as float32 can square and add.
NOWHERE = np.float32(1e17)
#: Columns whose weights are held at once, so that they stay in the processor's cache.
COLUMNS = 240
_ONE, _ZERO = np.float32(1), np.float32(0)


def prepare(planes: Any, whitening: Any, radius: int) -> tuple[Any, Any, Any]:
    """Return the values, validity and guide that `smooth` and `smooth_at` take.

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


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _weigh(
    guide: Any, y: Any, left: Any, count: Any, radius: Any, scale: Any, slot: Any, room: Any
) -> None:  # pragma: no cover - compiled
    """Weights of a row's pixels for the half of their windows that lies ahead of them.

    The other half is the same numbers seen from the other side. ``y`` and ``left`` are those of
    the padded planes; offsets run right along the row, then row by row below it.
    """
    depth, height, width = guide.shape
    plane = height * width
    flat, to = guide.reshape(-1), slot.reshape(-1)
    scales = splat(scale)
    for x in range(0, count, LANES):
        place = 0
        for down in range(radius + 1):
            for across in range(-radius if down else 1, radius + 1):
                here = y * width + left + x
                there = here + down * width + across
                apart = splat(_ZERO)
                for _ in range(depth):
                    step = sub(load(flat, here), load(flat, there))
                    apart = fma(step, step, apart)
                    here += plane
                    there += plane
                store(to, place * room + x, exp2(mul(apart, scales)))
                place += 1


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _places(y: Any, radius: Any, halves: Any, room: Any) -> Any:  # pragma: no cover - compiled
    """Where the weights of a row's windows lie, and how their pixels are placed: (n, 3)."""
    side = 2 * radius + 1
    out = np.empty((side * side - 1, 3), np.int64)
    n = 0
    for down in range(-radius, radius + 1):
        for across in range(-radius, radius + 1):
            if down == 0 and across == 0:
                continue
            ahead = down > 0 or (down == 0 and across > 0)
            v, u = (down, across) if ahead else (-down, -across)
            place = u - 1 if v == 0 else radius + (v - 1) * side + u + radius
            row = y if ahead else y + down
            shift = 0 if ahead else across
            out[n, 0] = ((row % (radius + 1)) * halves + place) * room + shift
            out[n, 1], out[n, 2] = down, across
            n += 1
    return out


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _average(
    values: Any, y: Any, left: Any, count: Any, weights: Any, places: Any, out: Any
) -> None:  # pragma: no cover - compiled
    """Weighted means of a row's windows, five planes at a time to keep sums in registers."""
    depth, height, width = values.shape
    plane = height * width
    flat, ws, to = values.reshape(-1), weights.reshape(-1), out.reshape(-1)
    room = out.shape[1]
    fives = depth - depth % 5
    for x in range(0, count, LANES):
        centre = y * width + left + x
        for b in range(0, fives, 5):
            at = centre + b * plane
            s0, s1 = load(flat, at), load(flat, at + plane)
            s2, s3 = load(flat, at + 2 * plane), load(flat, at + 3 * plane)
            s4 = load(flat, at + 4 * plane)
            total = splat(_ONE)
            for i in range(len(places)):
                w = load(ws, places[i, 0] + x)
                there = at + places[i, 1] * width + places[i, 2]
                total = add(total, w)
                s0 = fma(w, load(flat, there), s0)
                s1 = fma(w, load(flat, there + plane), s1)
                s2 = fma(w, load(flat, there + 2 * plane), s2)
                s3 = fma(w, load(flat, there + 3 * plane), s3)
                s4 = fma(w, load(flat, there + 4 * plane), s4)
            part = div(splat(_ONE), total)
            store(to, b * room + x, mul(s0, part))
            store(to, (b + 1) * room + x, mul(s1, part))
            store(to, (b + 2) * room + x, mul(s2, part))
            store(to, (b + 3) * room + x, mul(s3, part))
            store(to, (b + 4) * room + x, mul(s4, part))
        for b in range(fives, depth):
            at = centre + b * plane
            s0, total = load(flat, at), splat(_ONE)
            for i in range(len(places)):
                w = load(ws, places[i, 0] + x)
                total = add(total, w)
                s0 = fma(w, load(flat, at + places[i, 1] * width + places[i, 2]), s0)
            store(to, b * room + x, mul(s0, div(splat(_ONE), total)))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _put(
    valid: Any, at: Any, averages: Any, count: Any, out: Any, to: Any, plane: Any
) -> None:  # pragma: no cover - compiled
    """Write a row's averages, NaN without data."""
    flat, room = averages.reshape(-1), averages.shape[1]
    half, nothing = splat(_ONE / np.float32(2)), splat(np.float32(np.nan))
    for x in range(0, count, LANES):
        part = min(LANES, count - x)
        known = load_some(valid, at + x, part)
        for b in range(averages.shape[0]):
            value = where_larger(known, half, load(flat, b * room + x), nothing)
            store_some(out, to + b * plane + x, value, part)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def smooth(
    values: Any, valid: Any, guide: Any, radius: Any, scale: Any, top: Any, rows: Any, out: Any
) -> None:  # pragma: no cover - compiled
    """Write the weighted means of some rows' windows, NaN without data, to (d, rows, width).

    ``values``, ``valid`` and ``guide`` have a margin of ``radius + 1``; ``top`` counts without.
    A pixel at a squared distance a of the guides weighs ``2 ** (a * scale)``.
    """
    depth, _, width = out.shape
    margin = radius + 1
    side = 2 * radius + 1
    halves = (side * side - 1) // 2
    columns = COLUMNS if radius <= 16 else 3 * LANES  # the weights grow with its cube
    room = columns + 2 * radius + LANES
    weights = np.zeros((radius + 1, halves, room), np.float32)
    averages = np.empty((depth, room), np.float32)
    for left in range(0, width, columns):
        count = min(columns, width - left)
        for y in range(top + margin - radius, top + margin + rows):
            slot = weights[y % (radius + 1)]
            start = left + margin - radius
            _weigh(guide, y, start, count + 2 * radius, radius, scale, slot, room)
            to = y - top - margin
            if to < 0:
                continue
            places = _places(y, radius, halves, room)
            for i in range(len(places)):
                places[i, 0] += radius
            _average(values, y, left + margin, count, weights, places, averages)
            _put(
                valid.reshape(-1), y * valid.shape[1] + left + margin, averages, count,
                out.reshape(-1), to * width + left, rows * width,
            )  # fmt: skip


@numba.njit(nogil=True, cache=True, error_model="numpy")
def smooth_at(
    values: Any, guide: Any, radius: Any, scale: Any, row: Any, col: Any, out: Any
) -> None:  # pragma: no cover - compiled
    """Write the weighted means of some pixels' windows to (n, d): the same bits as `smooth`.

    Lanes are still sixteen pixels, the first of which is the one that is asked for.
    """
    depth, margin, side = len(values), radius + 1, 2 * radius + 1
    halves = (side * side - 1) // 2
    room = 2 * radius + 2 * LANES
    weights = np.zeros((radius + 1, halves, room), np.float32)
    averages = np.empty((depth, room), np.float32)
    for n in range(len(row)):
        y, left = row[n] + margin, col[n] + margin
        for above in range(radius + 1):
            slot = weights[(y - above) % (radius + 1)]
            _weigh(guide, y - above, left - radius, side, radius, scale, slot, room)
        places = _places(y, radius, halves, room)
        for i in range(len(places)):
            places[i, 0] += radius
        _average(values, y, left, 1, weights, places, averages)
        for b in range(depth):
            out[n, b] = averages[b, 0]
