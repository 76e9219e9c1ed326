"""The compiled part of scaling: everything that is done to a value, in one go."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from outcrop.simd import LANES, add, div, load, log, splat, store, sub, where_larger


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _scale(
    values: Any, start: Any, low: Any, high: Any, logarithm: Any, shift: Any, spread: Any,
    out: Any, to: Any,
) -> None:  # fmt: skip  # pragma: no cover - compiled
    value = load(values, start)
    # Comparisons with what is missing are false, so that it is neither raised nor lowered.
    held = where_larger(splat(low), value, splat(low), value)
    held = where_larger(held, splat(high), splat(high), held)
    if logarithm:
        held = log(held)
    scaled = div(sub(held, splat(shift)), splat(spread))
    # 0, but for what is missing: the logarithm of that would be a number.
    store(out, to, add(scaled, sub(value, value)))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def scale(
    values: Any, low: Any, high: Any, logarithm: Any, shift: Any, spread: Any, out: Any
) -> None:  # pragma: no cover - compiled
    """Write (held - shift) / spread, or that of the logarithm, of flat float32 to another.

    Parameters
    ----------
    values, out : ndarray of float32, shape (n,)
        NaN and infinite values become NaN.
    low, high : float32
        What a value is raised or lowered to first.
    logarithm : bool
    shift, spread : float32
    """
    whole = len(values) - len(values) % LANES
    for start in range(0, whole, LANES):
        _scale(values, start, low, high, logarithm, shift, spread, out, start)
    last, done = np.zeros(LANES, np.float32), np.empty(LANES, np.float32)
    last[: len(values) - whole] = values[whole:]
    _scale(last, 0, low, high, logarithm, shift, spread, done, 0)
    out[whole:] = done[: len(values) - whole]
