"""The compiled log densities of the robust mixture, in float32, for whole rasters."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from outcrop.simd import (
    LANES,
    add,
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
