"""The compiled part of the bilateral filter, on planes (feature, y, x).

Everything is summed in one order, whichever block or strip a pixel comes in, so that its bits
depend on its neighbourhood alone.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from outcrop.simd import LANES, add, div, exp2, fma, load, mul, splat, store, sub

#: Guide of a pixel without data: as far from any other as float32 can square and add.
NOWHERE = np.float32(1e17)
#: Columns whose weights are held at once, so that they stay in the processor's cache.
COLUMNS = 240
_ONE, _ZERO = np.float32(1), np.float32(0)


def prepare(planes: Any, whitening: Any, radius: int) -> tuple[Any, Any, Any]:
    """Return the values, validity and guide that `smooth` and `smooth_at` take."""
    values, valid = padded(planes, radius + 1)
    return values, valid, guides(values, valid, whitening)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def padded(planes: Any, margin: Any) -> Any:  # pragma: no cover - compiled
    """Return planes with a margin of zeros, zero where any is not finite.

    Returns
    -------
    out : ndarray of float32, shape (d, height + 2 margin, width + 3 margin + LANES)
        With room on the right for lanes that begin in the last column of a window.
    valid : ndarray of float32, same without d
        1 where all planes are finite.
    """
    depth, height, width = planes.shape
    shape = (height + 2 * margin, width + 3 * margin + LANES)
    out = np.zeros((depth, *shape), np.float32)
    valid = np.zeros(shape, np.float32)
    for y in range(height):
        known = valid[y + margin, margin : margin + width]
        known[:] = _ONE
        for b in range(depth):
            row = planes[b, y]
            for x in range(width):
                # Infinite and missing values make NaN, which equals nothing.
                known[x] = known[x] if row[x] - row[x] == _ZERO else _ZERO
        for b in range(depth):
            row, to = planes[b, y], out[b, y + margin]
            for x in range(width):
                to[x + margin] = row[x] if known[x] == _ONE else _ZERO
    return out, valid


@numba.njit(nogil=True, cache=True, error_model="numpy")
def guides(values: Any, valid: Any, whitening: Any) -> Any:  # pragma: no cover - compiled
    """Return the whitened planes' means over the valid pixels of windows of 3 x 3.

    ``values`` and ``valid`` as `padded` gives them; the result has their shape, its outermost
    rows and columns and all pixels without data at `NOWHERE`.
    """
    depth, height, width = values.shape
    plane = height * width
    flat = values.reshape(-1)
    white = np.zeros(values.shape, np.float32)
    to = white.reshape(-1)
    for start in range(0, plane - LANES + 1, LANES):
        for j in range(depth):
            total = splat(_ZERO)
            for i in range(depth):
                total = fma(load(flat, i * plane + start), splat(whitening[i, j]), total)
            store(to, j * plane + start, total)
    out = np.full(values.shape, NOWHERE, np.float32)
    counts = np.zeros(width, np.float32)
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            near = _ZERO
            for v in range(y - 1, y + 2):
                near += valid[v, x - 1] + valid[v, x] + valid[v, x + 1]
            counts[x] = max(near, _ONE)
        for b in range(depth):
            above, here, below, means = white[b, y - 1], white[b, y], white[b, y + 1], out[b, y]
            for x in range(1, width - 1):
                total = (
                    (above[x - 1] + above[x] + above[x + 1])
                    + (here[x - 1] + here[x] + here[x + 1])
                    + (below[x - 1] + below[x] + below[x + 1])
                )
                means[x] = total / counts[x] if valid[y, x] == _ONE else NOWHERE
    return out


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
            known = valid[y, left + margin : left + margin + count]
            for b in range(depth):
                row, done = out[b, to, left : left + count], averages[b]
                for x in range(count):
                    row[x] = done[x] if known[x] == _ONE else np.float32(np.nan)


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
