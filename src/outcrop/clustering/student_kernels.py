"""The compiled log densities of the robust mixture, in float32, for whole rasters."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from outcrop.simd import (
    LANES,
    add,
    div,
    exp2,
    fma,
    load,
    log,
    mul,
    splat,
    spread,
    store,
    store_some,
    sub,
    total,
    where_larger,
)

_ZERO, _ONE = np.float32(0), np.float32(1)
_LOG2_E = np.float32(np.log2(np.e))
#: Rows whose shares are held at once by `expect`: a multiple of twice `LANES`.
PART = 512
#: Columns of ones that `_gather` finds behind those of the rows.
AFTER = 4


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _packed(factors: Any) -> Any:  # pragma: no cover - compiled
    """Return the numbers of factors (k, d, d) in the order in which `_squares` needs them, (k, n).

    Two columns side by side, as far as their diagonal; a last column alone has zeros beside it.
    """
    units, depth, _ = factors.shape
    out = np.zeros((units, depth * (depth + 4)), np.float32)
    for k in range(units):
        n = 0
        for j in range(0, depth, 2):
            for i in range(min(j + 2, depth)):
                out[k, n] = factors[k, i, j]
                if j + 1 < depth:
                    out[k, n + 1] = factors[k, i, j + 1]
                n += 2
    return out


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _squares(
    away: Any, start: Any, stride: Any, packed: Any, depth: Any
) -> Any:  # pragma: no cover - compiled
    """Return the squared distances of twice `LANES` rows that are so far from a mean.

    Two columns of the factor at a time, so that a value is loaded once for both and no sum waits
    for itself; what a column lacks below its diagonal is a zero.
    """
    near, far, at = splat(_ZERO), splat(_ZERO), 0
    for j in range(0, depth, 2):
        near0, near1, far0, far1 = splat(_ZERO), splat(_ZERO), splat(_ZERO), splat(_ZERO)
        place = start
        for _ in range(min(j + 2, depth)):
            one, other = load(away, place), load(away, place + LANES)
            left, right = spread(packed, at), spread(packed, at + 1)
            near0, near1 = fma(one, left, near0), fma(one, right, near1)
            far0, far1 = fma(other, left, far0), fma(other, right, far1)
            place += stride
            at += 2
        near, far = fma(near0, near0, near), fma(far0, far0, far)
        near, far = fma(near1, near1, near), fma(far1, far1, far)
    return near, far


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _joint(
    flat: Any, start: Any, stride: Any, means: Any, factors: Any, levels: Any, freedom: Any,
    power: Any, apart: Any, to: Any, place: Any, room: Any, best: Any, first: Any,
) -> None:  # fmt: skip  # pragma: no cover - compiled
    """Write the log densities of twice `LANES` pixels, and which unit has the most."""
    units, depth = means.shape
    half, centres = np.int64(LANES), means.reshape(-1)
    most, other_most = splat(np.float32(-3e38)), splat(np.float32(-3e38))
    leader, other_leader = splat(_ZERO), splat(_ZERO)
    one, inverse, powers = splat(_ONE), splat(_ONE / freedom), splat(-power)
    for k in range(units):
        for i in range(depth):
            mean = spread(centres, k * depth + i)
            store(apart, 2 * half * i, sub(load(flat, start + i * stride), mean))
            store(apart, 2 * half * i + half, sub(load(flat, start + i * stride + half), mean))
        near, far = _squares(apart, 0, 2 * half, factors[k], depth)
        level, number = splat(levels[k]), splat(np.float32(k))
        density = fma(powers, log(add(one, mul(near, inverse))), level)
        store(to, place + k * room, density)
        leader = where_larger(density, most, number, leader)
        most = where_larger(density, most, density, most)
        density = fma(powers, log(add(one, mul(far, inverse))), level)
        store(to, place + k * room + half, density)
        other_leader = where_larger(density, other_most, number, other_leader)
        other_most = where_larger(density, other_most, density, other_most)
    store(best, first, leader)
    store(best, first + half, other_leader)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def joint(
    planes: Any, means: Any, factors: Any, levels: Any, freedom: Any, power: Any, evidence: Any,
    stride: Any, units: Any,
) -> None:  # fmt: skip  # pragma: no cover - compiled
    """Write the weighted log densities of pixels, and the unit that has the most.

    Parameters
    ----------
    planes : ndarray of float32, shape (d, n)
        Pixels that are not finite get densities that mean nothing.
    means, factors : ndarray of float32, shape (k, d), (k, d, d)
    levels : ndarray of float32, shape (k,)
        Log of weight and scale.
    freedom, power : float32
    evidence : ndarray of float32, shape (n,)
        Written: the densities of the first unit, with those of the next ``stride`` numbers
        further on. With no number in it only the units are wanted.
    stride : int
    units : ndarray of uint8, shape (n,)
        Written: the index of the largest, the lowest of equals.
    """
    depth, count = planes.shape
    flat, step, factors = planes.reshape(-1), 2 * LANES, _packed(factors)
    apart = np.empty(depth * step, np.float32)
    own = np.empty(len(means) * step, np.float32)
    best = np.empty(step, np.float32)
    last = np.zeros(depth * step, np.float32)
    kept = len(evidence) > 0
    for start in range(0, count, step):
        wide = min(step, count - start)
        if wide == step and kept:
            _joint(flat, start, count, means, factors, levels, freedom, power, apart,
                   evidence, start, stride, best, 0)  # fmt: skip
        elif wide == step:
            _joint(flat, start, count, means, factors, levels, freedom, power, apart,
                   own, 0, step, best, 0)  # fmt: skip
        else:
            for i in range(depth):
                last[i * step : i * step + wide] = planes[i, start:]
            _joint(last, 0, step, means, factors, levels, freedom, power, apart,
                   own, 0, step, best, 0)  # fmt: skip
            if kept:
                for k in range(len(means)):
                    for half in range(0, wide, LANES):
                        part = load(own, k * step + half)
                        to = start + half + k * stride
                        store_some(evidence, to, part, min(LANES, wide - half))
        for i in range(wide):
            units[start + i] = np.uint8(best[i])


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _share(
    density: Any, apart: Any, known: Any, freedom: Any, depth: Any
) -> Any:  # pragma: no cover - compiled
    """Turn log densities (k, n) into shares of rows, squared distances into their pulls.

    Returns the rows' log likelihood, lane by lane. ``known`` is 0 for rows that don't count.
    """
    units, count = density.shape
    flat, pulls, likelihood = density.reshape(-1), apart.reshape(-1), splat(_ZERO)
    base, heavy = splat(freedom), splat(freedom + np.float32(depth))
    for x in range(0, count, LANES):
        most = load(flat, x)
        for k in range(1, units):
            value = load(flat, k * count + x)
            most = where_larger(value, most, value, most)
        all_, own = splat(_ZERO), load(known, x)
        for k in range(units):
            behind = mul(sub(load(flat, k * count + x), most), splat(_LOG2_E))
            share = exp2(behind)
            store(flat, k * count + x, share)
            all_ = add(all_, share)
        likelihood = fma(add(most, log(all_)), own, likelihood)
        part = div(own, all_)
        for k in range(units):
            share = mul(load(flat, k * count + x), part)
            store(flat, k * count + x, share)
            pull = div(heavy, add(base, load(pulls, k * count + x)))
            store(pulls, k * count + x, mul(share, pull))
    return np.float64(total(likelihood))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _stand_off(
    flat: Any, start: Any, stride: Any, mean: Any, away: Any
) -> None:  # pragma: no cover - compiled
    """Write what rows are from a mean, to the first columns of ``away`` (columns, n)."""
    count, to = away.shape[1], away.reshape(-1)
    for i in range(len(mean)):
        for x in range(0, count, LANES):
            store(to, i * count + x, sub(load(flat, start + i * stride + x), splat(mean[i])))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _densities(
    away: Any, factor: Any, level: Any, freedom: Any, power: Any, density: Any, apart: Any
) -> None:  # pragma: no cover - compiled
    """Write squared distances and log densities of rows that are so far from a unit's mean."""
    count, flat, depth = away.shape[1], away.reshape(-1), len(away) - AFTER
    one, inverse, powers, levels = splat(_ONE), splat(_ONE / freedom), splat(-power), splat(level)
    for x in range(0, count, 2 * LANES):
        near, far = _squares(flat, x, count, factor, depth)
        store(apart, x, near)
        store(apart, x + LANES, far)
    for x in range(0, count, LANES):
        # The logarithm of 1 + part, with what the sum lost of it: nearly Gaussian tails need that.
        part = mul(load(apart, x), inverse)
        sum_ = add(one, part)
        lost = div(sub(part, sub(sum_, one)), sum_)
        store(density, x, fma(powers, add(log(sum_), lost), levels))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _gather(away: Any, pulls: Any, room: Any, pulled: Any) -> None:  # pragma: no cover - compiled
    """Add up what rows pull on a unit: the products of ``away`` (columns, n), two and two.

    The last of its columns are ones, one at least, so that sums of single columns are products
    too. Four at a time.
    """
    depth, count = len(away) - AFTER, away.shape[1]
    flat, n, alone = away.reshape(-1), 0, depth * (depth + 1) // 2
    for i in range(depth + 1):
        for x in range(0, count, LANES):
            store(room, x, mul(load(flat, i * count + x), load(pulls, x)))
        for j in range(i, depth + 1, 4):
            sum0, sum1, sum2, sum3 = splat(_ZERO), splat(_ZERO), splat(_ZERO), splat(_ZERO)
            for x in range(0, count, LANES):
                own, at = load(room, x), j * count + x
                sum0 = fma(own, load(flat, at), sum0)
                sum1 = fma(own, load(flat, at + count), sum1)
                sum2 = fma(own, load(flat, at + 2 * count), sum2)
                sum3 = fma(own, load(flat, at + 3 * count), sum3)
            sums = (total(sum0), total(sum1), total(sum2), total(sum3))
            for other in range(j, min(j + 4, depth + 1)):
                place = n if other < depth else alone + i
                pulled[place] += np.float64(sums[other - j])
                n += other < depth


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _sum(values: Any) -> Any:  # pragma: no cover - compiled
    """Return the sum of values, whose number is a multiple of `LANES`."""
    found = splat(_ZERO)
    for x in range(0, len(values), LANES):
        found = add(found, load(values, x))
    return np.float64(total(found))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def expect(
    rows: Any, known: Any, means: Any, factors: Any, levels: Any, freedom: Any, power: Any,
    sizes: Any, pulled: Any,
) -> Any:  # fmt: skip  # pragma: no cover - compiled
    """Return the rows' log likelihood but for a constant, and add up what the next step needs.

    In float32 about each unit's mean, so that spreads keep their digits; parts of the rows are
    added up in float64.

    Parameters
    ----------
    rows : ndarray of float32, shape (d, n)
        ``n`` is a multiple of `PART`.
    known : ndarray of float32, shape (n,)
        1 for a row, 0 for what only fills the last part.
    means, factors, levels, freedom, power
        As for `joint`.
    sizes : ndarray of float64, shape (k,)
        Added to: the rows' shares in each unit.
    pulled : ndarray of float64, shape (k, d (d + 1) / 2 + d + 1)
        Added to: the sums of their pulls on it times the products of what two columns are from
        its mean (first with first, first with second, ...), times that itself, and alone.
    """
    units, depth = means.shape
    stride, flat, likelihood, factors = rows.shape[1], rows.reshape(-1), 0.0, _packed(factors)
    density, apart = np.empty((units, PART), np.float32), np.empty((units, PART), np.float32)
    away, room = np.ones((depth + AFTER, PART), np.float32), np.empty(PART, np.float32)
    for start in range(0, stride, PART):
        for k in range(units):
            _stand_off(flat, start, stride, means[k], away)
            _densities(away, factors[k], levels[k], freedom, power, density[k], apart[k])
        likelihood += _share(density, apart, known[start : start + PART], freedom, depth)
        for k in range(units):
            sizes[k] += _sum(density[k])
            _stand_off(flat, start, stride, means[k], away)
            _gather(away, apart[k], room, pulled[k])
    return likelihood
