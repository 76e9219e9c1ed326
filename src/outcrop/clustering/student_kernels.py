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
    store,
    store_some,
    sub,
    where_larger,
)

_ZERO, _ONE = np.float32(0), np.float32(1)
_LOG2_E = np.float32(np.log2(np.e))
#: Rows whose shares are held at once by `expect`: a multiple of twice `LANES`.
PART = 512


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _joint(
    flat: Any, start: Any, stride: Any, means: Any, factors: Any, levels: Any, freedom: Any,
    power: Any, apart: Any, to: Any, place: Any, room: Any, best: Any, first: Any,
) -> None:  # fmt: skip  # pragma: no cover - compiled
    """Write the log densities of twice `LANES` pixels, and which unit has the most."""
    units, depth = means.shape
    half = np.int64(LANES)
    most, other_most = splat(np.float32(-3e38)), splat(np.float32(-3e38))
    leader, other_leader = splat(_ZERO), splat(_ZERO)
    one, inverse, powers = splat(_ONE), splat(_ONE / freedom), splat(-power)
    for k in range(units):
        total, other = splat(_ZERO), splat(_ZERO)
        for i in range(depth):
            mean = splat(means[k, i])
            store(apart, 2 * half * i, sub(load(flat, start + i * stride), mean))
            store(apart, 2 * half * i + half, sub(load(flat, start + i * stride + half), mean))
        for j in range(depth):
            value, other_value = splat(_ZERO), splat(_ZERO)
            for i in range(j + 1):  # the factors are upper triangular
                factor = splat(factors[k, i, j])
                value = fma(load(apart, 2 * half * i), factor, value)
                other_value = fma(load(apart, 2 * half * i + half), factor, other_value)
            total, other = fma(value, value, total), fma(other_value, other_value, other)
        level, number = splat(levels[k]), splat(np.float32(k))
        density = fma(powers, log(add(one, mul(total, inverse))), level)
        store(to, place + k * room, density)
        leader = where_larger(density, most, number, leader)
        most = where_larger(density, most, density, most)
        density = fma(powers, log(add(one, mul(other, inverse))), level)
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
    flat, step = planes.reshape(-1), 2 * LANES
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
        total, own = splat(_ZERO), load(known, x)
        for k in range(units):
            behind = mul(sub(load(flat, k * count + x), most), splat(_LOG2_E))
            share = exp2(behind)
            store(flat, k * count + x, share)
            total = add(total, share)
        likelihood = fma(add(most, log(total)), own, likelihood)
        part = div(own, total)
        for k in range(units):
            share = mul(load(flat, k * count + x), part)
            store(flat, k * count + x, share)
            pull = div(heavy, add(base, load(pulls, k * count + x)))
            store(pulls, k * count + x, mul(share, pull))
    lanes = np.empty(LANES, np.float32)
    store(lanes, 0, likelihood)
    return lanes.astype(np.float64).sum()


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _density(
    flat: Any, start: Any, stride: Any, mean: Any, factor: Any, level: Any, freedom: Any,
    power: Any, away: Any, density: Any, apart: Any,
) -> None:  # fmt: skip  # pragma: no cover - compiled
    """Write, for one unit, what rows are from its mean, squared distances and log densities."""
    depth, count = away.shape
    to, one = away.reshape(-1), splat(_ONE)
    inverse, powers, levels = splat(_ONE / freedom), splat(-power), splat(level)
    for i in range(depth):
        for x in range(0, count, LANES):
            store(to, i * count + x, sub(load(flat, start + i * stride + x), splat(mean[i])))
    for x in range(0, count, LANES):
        total = splat(_ZERO)
        for j in range(depth):
            value = splat(_ZERO)
            for i in range(j + 1):  # the factors are upper triangular
                value = fma(load(to, i * count + x), splat(factor[i, j]), value)
            total = fma(value, value, total)
        store(apart, x, total)
        # The logarithm of 1 + part, with what the sum lost of it: nearly Gaussian tails need that.
        part = mul(total, inverse)
        sum_ = add(one, part)
        lost = div(sub(part, sub(sum_, one)), sum_)
        store(density, x, fma(powers, add(log(sum_), lost), levels))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _gather(away: Any, pulls: Any, room: Any, pulled: Any) -> None:  # pragma: no cover - compiled
    """Add up what rows that are so far from a unit's mean (d, n) pull on it."""
    depth, count = away.shape
    flat, lanes, n = away.reshape(-1), np.empty(LANES, np.float32), 0
    for i in range(depth):
        for x in range(0, count, LANES):
            store(room, x, mul(load(flat, i * count + x), load(pulls, x)))
        for j in range(i, depth):
            one, other = splat(_ZERO), splat(_ZERO)
            for x in range(0, count, 2 * LANES):
                one = fma(load(room, x), load(flat, j * count + x), one)
                other = fma(load(room, x + LANES), load(flat, j * count + x + LANES), other)
            store(lanes, 0, add(one, other))
            pulled[n] += _sum_of(lanes, LANES)
            n += 1
        pulled[depth * (depth + 1) // 2 + i] += _sum_of(room, count)
    pulled[len(pulled) - 1] += _sum_of(pulls, count)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _sum_of(values: Any, count: Any) -> Any:  # pragma: no cover - compiled
    total = 0.0
    for x in range(count):
        total += np.float64(values[x])
    return total


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
    stride, flat, likelihood = rows.shape[1], rows.reshape(-1), 0.0
    density, apart = np.empty((units, PART), np.float32), np.empty((units, PART), np.float32)
    room, all_away = np.empty(PART, np.float32), np.empty((units, depth, PART), np.float32)
    for start in range(0, stride, PART):
        for k in range(units):
            _density(flat, start, stride, means[k], factors[k], levels[k], freedom, power,
                     all_away[k], density[k], apart[k])  # fmt: skip
        likelihood += _share(density, apart, known[start : start + PART], freedom, depth)
        for k in range(units):
            sizes[k] += _sum_of(density[k], PART)
            _gather(all_away[k], apart[k], room, pulled[k])
    return likelihood
