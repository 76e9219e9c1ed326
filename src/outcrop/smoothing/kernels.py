"""The compiled part of the bilateral filter, on planes as `outcrop.smoothing.guide` leaves them.

Everything is summed in one order, whichever block or strip a pixel comes in, so that its bits
depend on its neighbourhood alone.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from outcrop.simd import (
    HALF,
    LANES,
    add,
    div,
    exp2,
    fma,
    load,
    load_half,
    load_some,
    mul,
    splat,
    splat_half,
    store,
    store_some,
    sub,
    where_larger,
)

#: Columns whose weights are held at once, so that they stay in the processor's cache.
COLUMNS = 240
_ONE, _ZERO = np.float32(1), np.float32(0)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _ahead(radius: Any, width: Any) -> Any:  # pragma: no cover - compiled
    """How far on the pixels lie that a window has ahead of its centre, along the row, then below.

    There are 2 radius (radius + 1) of them: always a multiple of four.
    """
    out, n = np.empty(2 * radius * (radius + 1), np.int64), 0
    for down in range(radius + 1):
        for across in range(-radius if down else 1, radius + 1):
            out[n] = down * width + across
            n += 1
    return out


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _weigh(
    guide: Any, y: Any, left: Any, count: Any, ahead: Any, scale: Any, weights: Any, to: Any,
    room: Any,
) -> None:  # fmt: skip  # pragma: no cover - compiled
    """Weights of a row's pixels for the half of their windows that lies ahead of them.

    The other half is the same numbers seen from the other side. ``y`` and ``left`` are those of
    the padded planes. Four neighbours at a time, so that a pixel's own guide is loaded once for
    them, and no sum waits for itself.
    """
    depth, height, width = guide.shape
    plane, flat, scales = height * width, guide.reshape(-1), splat(scale)
    for x in range(0, count, LANES):
        start = y * width + left + x
        for n in range(0, len(ahead), 4):
            here = start
            there0, there1 = start + ahead[n], start + ahead[n + 1]
            there2, there3 = start + ahead[n + 2], start + ahead[n + 3]
            apart0, apart1, apart2, apart3 = splat(_ZERO), splat(_ZERO), splat(_ZERO), splat(_ZERO)
            for _ in range(depth):
                own = load(flat, here)
                step = sub(own, load(flat, there0))
                apart0 = fma(step, step, apart0)
                step = sub(own, load(flat, there1))
                apart1 = fma(step, step, apart1)
                step = sub(own, load(flat, there2))
                apart2 = fma(step, step, apart2)
                step = sub(own, load(flat, there3))
                apart3 = fma(step, step, apart3)
                here += plane
                there0 += plane
                there1 += plane
                there2 += plane
                there3 += plane
            at = to + n * room + x
            store(weights, at, exp2(mul(apart0, scales)))
            store(weights, at + room, exp2(mul(apart1, scales)))
            store(weights, at + 2 * room, exp2(mul(apart2, scales)))
            store(weights, at + 3 * room, exp2(mul(apart3, scales)))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _weight_of(
    y: Any, down: Any, across: Any, radius: Any, halves: Any, room: Any
) -> Any:  # pragma: no cover - compiled
    """Where the weight lies between the pixels of a row and those so far down and across."""
    ahead = down > 0 or (down == 0 and across > 0)
    v, u = (down, across) if ahead else (-down, -across)
    place = u - 1 if v == 0 else radius + (v - 1) * (2 * radius + 1) + u + radius
    row, shift = (y, 0) if ahead else (y + down, across)
    return ((row % (radius + 2)) * halves + place) * room + shift + radius


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _places(
    y: Any, radius: Any, halves: Any, room: Any, width: Any
) -> Any:  # pragma: no cover - compiled
    """Return, row by row, what the windows of rows ``y`` and ``y + 1`` hold: (n, 3).

    The places of the weights of the first row and of the second, and how far on the pixel lies.
    The weight of a pixel in its own window, which is counted without, is a place of zeros.
    """
    side, none = 2 * radius + 1, (radius + 2) * halves * room
    out, n = np.empty((side * (side + 1), 3), np.int64), 0
    for down in range(-radius, radius + 2):
        for across in range(-radius, radius + 1):
            out[n] = none
            if down <= radius and not (down == 0 and across == 0):
                out[n, 0] = _weight_of(y, down, across, radius, halves, room)
            if down > -radius and not (down == 1 and across == 0):
                out[n, 1] = _weight_of(y + 1, down - 1, across, radius, halves, room)
            out[n, 2] = down * width + across
            n += 1
    return out


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _five(
    flat: Any, at: Any, plane: Any, below: Any, weights: Any, x: Any, places: Any, side: Any,
    out: Any, to: Any, room: Any, next_row: Any,
) -> None:  # fmt: skip  # pragma: no cover - compiled
    """Weighted means of five planes in two rows: a value is loaded once for both windows."""
    a0, a1, a2 = load_half(flat, at), load_half(flat, at + plane), load_half(flat, at + 2 * plane)
    a3, a4 = load_half(flat, at + 3 * plane), load_half(flat, at + 4 * plane)
    low = at + below
    b0, b1 = load_half(flat, low), load_half(flat, low + plane)
    b2, b3 = load_half(flat, low + 2 * plane), load_half(flat, low + 3 * plane)
    b4 = load_half(flat, low + 4 * plane)
    one, other = splat_half(_ONE), splat_half(_ONE)
    for i in range(side):  # the row that is the first one's alone
        w = load_half(weights, places[i, 0] + x)
        there = at + places[i, 2]
        one = add(one, w)
        a0 = fma(w, load_half(flat, there), a0)
        a1 = fma(w, load_half(flat, there + plane), a1)
        a2 = fma(w, load_half(flat, there + 2 * plane), a2)
        a3 = fma(w, load_half(flat, there + 3 * plane), a3)
        a4 = fma(w, load_half(flat, there + 4 * plane), a4)
    for i in range(side, len(places) - side):
        w, v = load_half(weights, places[i, 0] + x), load_half(weights, places[i, 1] + x)
        there = at + places[i, 2]
        one, other = add(one, w), add(other, v)
        value = load_half(flat, there)
        a0, b0 = fma(w, value, a0), fma(v, value, b0)
        value = load_half(flat, there + plane)
        a1, b1 = fma(w, value, a1), fma(v, value, b1)
        value = load_half(flat, there + 2 * plane)
        a2, b2 = fma(w, value, a2), fma(v, value, b2)
        value = load_half(flat, there + 3 * plane)
        a3, b3 = fma(w, value, a3), fma(v, value, b3)
        value = load_half(flat, there + 4 * plane)
        a4, b4 = fma(w, value, a4), fma(v, value, b4)
    for i in range(len(places) - side, len(places)):
        v = load_half(weights, places[i, 1] + x)
        there = at + places[i, 2]
        other = add(other, v)
        b0 = fma(v, load_half(flat, there), b0)
        b1 = fma(v, load_half(flat, there + plane), b1)
        b2 = fma(v, load_half(flat, there + 2 * plane), b2)
        b3 = fma(v, load_half(flat, there + 3 * plane), b3)
        b4 = fma(v, load_half(flat, there + 4 * plane), b4)
    part = div(splat_half(_ONE), one)
    store(out, to, mul(a0, part))
    store(out, to + room, mul(a1, part))
    store(out, to + 2 * room, mul(a2, part))
    store(out, to + 3 * room, mul(a3, part))
    store(out, to + 4 * room, mul(a4, part))
    part, to = div(splat_half(_ONE), other), to + next_row
    store(out, to, mul(b0, part))
    store(out, to + room, mul(b1, part))
    store(out, to + 2 * room, mul(b2, part))
    store(out, to + 3 * room, mul(b3, part))
    store(out, to + 4 * room, mul(b4, part))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _average(
    values: Any, y: Any, left: Any, count: Any, weights: Any, places: Any, side: Any, out: Any
) -> None:  # pragma: no cover - compiled
    """Weighted means of the windows of rows ``y`` and ``y + 1``, to (2, depth, room).

    Five planes at a time, whose sums stay in registers.
    """
    depth, height, width = values.shape
    plane, room = height * width, out.shape[2]
    flat, to = values.reshape(-1), out.reshape(-1)
    fives = depth - depth % 5
    for x in range(0, count, HALF):
        centre = y * width + left + x
        for b in range(0, fives, 5):
            _five(
                flat, centre + b * plane, plane, width, weights, x, places, side,
                to, b * room + x, room, depth * room,
            )  # fmt: skip
        for b in range(fives, depth):
            at = centre + b * plane
            a, c = load_half(flat, at), load_half(flat, at + width)
            one, other = splat_half(_ONE), splat_half(_ONE)
            for i in range(len(places)):
                w, v = load_half(weights, places[i, 0] + x), load_half(weights, places[i, 1] + x)
                one, other = add(one, w), add(other, v)
                value = load_half(flat, at + places[i, 2])
                a, c = fma(w, value, a), fma(v, value, c)
            store(to, b * room + x, mul(a, div(splat_half(_ONE), one)))
            store(to, (depth + b) * room + x, mul(c, div(splat_half(_ONE), other)))


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
    margin, side, stride = radius + 1, 2 * radius + 1, valid.shape[1]
    ahead = _ahead(radius, stride)
    columns = COLUMNS if radius <= 16 else 3 * LANES  # the weights grow with its cube
    room = columns + 2 * radius + LANES
    slot = len(ahead) * room
    weights = np.zeros((radius + 2) * slot + room, np.float32)
    averages = np.empty((2, depth, room), np.float32)
    for left in range(0, width, columns):
        count = min(columns, width - left)
        weighed = top + margin - radius
        for y in range(top + margin, top + margin + rows, 2):
            for row in range(weighed, y + 2):
                start = left + margin - radius
                at = row % (radius + 2) * slot
                _weigh(guide, row, start, count + 2 * radius, ahead, scale, weights, at, room)
            weighed = y + 2
            places = _places(y, radius, len(ahead), room, stride)
            _average(values, y, left + margin, count, weights, places, side, averages)
            to = y - top - margin
            for row in range(min(2, rows - to)):
                _put(
                    valid.reshape(-1), (y + row) * stride + left + margin, averages[row], count,
                    out.reshape(-1), (to + row) * width + left, rows * width,
                )  # fmt: skip


@numba.njit(nogil=True, cache=True, error_model="numpy")
def smooth_at(
    values: Any, guide: Any, radius: Any, scale: Any, row: Any, col: Any, out: Any
) -> None:  # pragma: no cover - compiled
    """Write the weighted means of some pixels' windows to (n, d): the same bits as `smooth`.

    Here the lanes are neighbours of one pixel while they are weighed, and in the sums, whose
    order is fixed, all but the first are idle.
    """
    depth, height, width = values.shape
    plane, margin, side = height * width, radius + 1, 2 * radius + 1
    flat, guides = values.reshape(-1), guide.reshape(-1)
    weights = np.empty((side, side + LANES), np.float32)
    one = np.empty(HALF, np.float32)
    scales = splat(scale)
    for n in range(len(row)):
        corner = (row[n] + margin - radius) * width + col[n] + margin - radius
        centre = corner + radius * width + radius
        for v in range(side):
            for u in range(0, side, LANES):
                apart = splat(_ZERO)
                for b in range(depth):
                    near = load(guides, corner + v * width + u + b * plane)
                    step = sub(splat(guides[centre + b * plane]), near)
                    apart = fma(step, step, apart)
                store(weights[v], u, exp2(mul(apart, scales)))
        weights[radius, radius] = _ZERO
        total = _ONE
        for v in range(side):
            for u in range(side):
                total += weights[v, u]
        for b in range(depth):
            at = corner + b * plane
            mean = load_half(flat, centre + b * plane)
            for v in range(side):
                for u in range(side):
                    value = load_half(flat, at + v * width + u)
                    mean = fma(splat_half(weights[v, u]), value, mean)
            store(one, 0, mul(mean, div(splat_half(_ONE), splat_half(total))))
            out[n, b] = one[0]
