"""The compiled part of confidence: how far each label is ahead of its strongest rival."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from outcrop.simd import LANES, load, splat, store, sub, where_larger

#: Neighbours on each side that are asked whether they are alike.
REACH = 2
#: Odds are told apart in steps of 1/`STEPS` between `LEAST` and `MOST`, in nats.
LEAST, MOST, STEPS = -4.0, 28.0, 4
BINS = int((MOST - LEAST) * STEPS)
#: No data: among labels, among percentages.
NONE, NO_PERCENT = np.uint8(0), np.uint8(255)
#: Of how many neighbours the alike ones are told.
AROUND = (2 * REACH + 1) ** 2 - 1
_DIAGONAL = np.float32(0.70710678)


def lead(
    evidence: NDArray[np.float32],
    limits: NDArray[np.float32],
    ahead: NDArray[np.float32],
    unlike: NDArray[np.bool_],
) -> None:
    """Write how far the first unit is ahead of the second, and what is below every limit.

    For strips of rows that lie in the processor's cache: later, hardly any evidence is looked at.

    Parameters
    ----------
    evidence : ndarray of float32, shape (k, y, x)
        Some rows of a larger array will do.
    limits : ndarray of float32, shape (k,)
        Evidence at the edge of each unit's ellipsoid.
    ahead : ndarray of float32, shape (y, x)
        Written; infinite where there is one unit.
    unlike : ndarray of bool, shape (y, x)
        Written.
    """
    stride = evidence.strides[0] // evidence.itemsize
    _lead(evidence[0].reshape(-1), stride, limits, ahead.reshape(-1), unlike.reshape(-1))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _lead(flat: Any, stride: Any, limits: Any, ahead: Any, unlike: Any) -> None:  # pragma: no cover
    """Do `lead` for pixels one after the other; a unit's evidence is ``stride`` past the last's."""
    units, count = len(limits), len(ahead)
    least, inside = splat(np.float32(-np.inf)), np.empty(LANES, np.float32)
    whole = count - count % LANES
    for x in range(0, whole, LANES):
        most, second, best = least, least, least
        for k in range(units):
            value = load(flat, x + k * stride)
            lower = where_larger(value, most, most, value)
            second = where_larger(lower, second, lower, second)
            most = where_larger(value, most, value, most)
            over = sub(value, splat(limits[k]))
            best = where_larger(over, best, over, best)
        store(ahead, x, sub(most, second))
        store(inside, 0, best)
        for i in range(LANES):
            unlike[x + i] = inside[i] < 0
    for x in range(whole, count):
        first = next_one = over_all = np.float32(-np.inf)
        for k in range(units):
            one = flat[x + k * stride]
            next_one = max(next_one, min(first, one))
            first = max(first, one)
            over_all = max(over_all, one - limits[k])
        ahead[x] = first - next_one
        unlike[x] = over_all < 0


# One loop for one thing, over rows that are named and not looked up: so the compiler makes lanes of
# them, which takes 1 ns a pixel and not 25.
@numba.njit(nogil=True, cache=True, error_model="numpy")
def _count(row: Any, label: Any, alike: Any, known: Any) -> None:  # pragma: no cover - compiled
    for x in range(len(label)):
        alike[x] += np.uint8(row[x] == label[x])
        known[x] += np.uint8(row[x] != NONE)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _widen(row: Any, label: Any, low: Any, high: Any) -> None:  # pragma: no cover - compiled
    for x in range(len(label)):
        strange = (row[x] != label[x]) & (row[x] != NONE)
        low[x] = min(low[x], row[x] if strange else np.uint8(255))
        high[x] = max(high[x], row[x] if strange else np.uint8(0))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _look_around(
    framed: Any, y: Any, left: Any, straight: Any, beside: Any, alike: Any, known: Any,
    around: Any, there: Any, low: Any, high: Any,
) -> None:  # fmt: skip  # pragma: no cover - compiled
    """Look around each pixel of a row.

    Parameters
    ----------
    straight, alike, around : ndarray of uint8, shape (x,)
        Written: how many of the 4, the 8 and the `AROUND` next pixels carry the pixel's label.
    beside, known, there : ndarray of uint8, shape (x,)
        Written: how many of them have data.
    low, high : ndarray of uint8, shape (x,)
        Written: the lowest and the highest label but its own among the 8; 255 and 0 for none.
    """
    width = len(alike)
    straight[:], alike[:], around[:] = 0, 0, 0
    beside[:], known[:], there[:] = 0, 0, 0
    low[:], high[:] = 255, 0
    label = framed[y, left : left + width]
    for v in range(-REACH, REACH + 1):
        for u in range(-REACH, REACH + 1):
            row = framed[y + v, left + u : left + u + width]
            away = max(abs(v), abs(u))
            if away == 1:
                _widen(row, label, low, high)
            if abs(v) + abs(u) == 1:
                _count(row, label, straight, beside)
            elif away == 1:
                _count(row, label, alike, known)
            elif away > 1:
                _count(row, label, around, there)
    for x in range(width):
        alike[x] += straight[x]
        known[x] += beside[x]
    for x in range(width):
        around[x] += alike[x]
        there[x] += known[x]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _rival(
    framed: Any, y: Any, x: Any, place: Any, evidence: Any, row: Any, col: Any, strength: Any
) -> Any:  # pragma: no cover - compiled
    """Return what speaks most for another label that a neighbour of the pixel carries."""
    best = np.float32(-np.inf)
    own = framed[y, x]
    for v in range(-1, 2):
        for u in range(-1, 2):
            other = framed[y + v, x + u]
            if other in (NONE, own):
                continue
            straight, diagonal = 0, 0
            for b in range(-1, 2):
                for a in range(-1, 2):
                    if framed[y + b, x + a] == other:
                        if a == 0 or b == 0:
                            straight += 1
                        else:
                            diagonal += 1
            votes = _worth(straight, straight + diagonal)
            best = max(best, evidence[place[other], row, col] + strength * votes)
    return best


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _strongest(evidence: Any, unit: Any, y: Any, x: Any) -> Any:  # pragma: no cover - compiled
    """Return the evidence of a pixel's strongest unit besides one."""
    best = np.float32(-np.inf)
    for k in range(len(evidence)):
        if k != unit:
            best = max(best, evidence[k, y, x])
    return best


@numba.njit(nogil=True, cache=True, error_model="numpy")
def rate(
    labels: Any, leading: Any, ahead: Any, evidence: Any, place: Any, strength: Any, first: Any,
    table: Any, unlike: Any, out: Any,
) -> None:  # fmt: skip  # pragma: no cover - compiled
    """Write the confidence of pixels.

    Parameters
    ----------
    labels, leading : ndarray of uint8, shape (y, x)
        The final one of each pixel, `NONE` = no data, and that of the most evidence.
    ahead : ndarray of float32, shape (y, x)
        The most evidence less the second most.
    evidence : ndarray of float32, shape (k, y, x)
        Looked at where labels meet, and where the label does not lead.
    place : ndarray of uint8, shape (256,)
        Which unit a label is.
    strength : float32
        What an agreeing neighbour is worth, in units of evidence.
    first : tuple of int
        Row and column at which what is asked for begins.
    table : ndarray of uint8, shape (k, `AROUND` + 1, `BINS`)
        Confidence by unit, alike neighbours and odds.
    unlike : ndarray of bool, shape (y, x)
        Like no unit: 0.
    out : ndarray of uint8, shape (rows, columns)
        Written; 255 = no data.
    """
    rows, columns = out.shape
    top, left = first
    frame = REACH
    framed = np.zeros((labels.shape[0] + 2 * frame, labels.shape[1] + 2 * frame), np.uint8)
    framed[frame:-frame, frame:-frame] = labels
    straight, beside = np.empty(columns, np.uint8), np.empty(columns, np.uint8)
    alike, known = np.empty(columns, np.uint8), np.empty(columns, np.uint8)
    around, there = np.empty(columns, np.uint8), np.empty(columns, np.uint8)
    lows, highs = np.empty(columns, np.uint8), np.empty(columns, np.uint8)
    bins, shares = np.empty(columns, np.uint8), _shares()
    for i in range(rows):
        y = top + i
        _look_around(framed, y + frame, left + frame, straight, beside, alike, known, around,
                     there, lows, highs)  # fmt: skip
        before = ahead[y, left : left + columns]
        for x in range(columns):
            bins[x] = _step(before[x] + strength * _worth(straight[x], alike[x]))
        for x in range(columns):
            col = left + x
            label = labels[y, col]
            if label == NONE or unlike[y, col]:
                out[i, x] = NO_PERCENT if label == NONE else np.uint8(0)
                continue
            unit, led = place[label], leading[y, col] == label
            low, high = lows[x], highs[x]
            if not led or high != NONE:
                mine = evidence[unit, y, col]
                rival = mine - before[x] if led else _strongest(evidence, unit, y, col)
                if high == low:
                    against = _worth(beside[x] - straight[x], known[x] - alike[x])
                    rival = max(rival, evidence[place[high], y, col] + strength * against)
                elif high != NONE:
                    row = y + frame
                    met = _rival(framed, row, col + frame, place, evidence, y, col, strength)
                    rival = max(rival, met)
                bins[x] = _step(mine + strength * _worth(straight[x], alike[x]) - rival)
            out[i, x] = table[unit, shares[there[x], around[x]], bins[x]]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _worth(straight: Any, all_of_them: Any) -> Any:  # pragma: no cover - compiled
    """Return the votes of so many neighbours: counted, so that their order is no matter."""
    return np.float32(straight) + _DIAGONAL * np.float32(all_of_them - straight)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _step(ahead: Any) -> Any:  # pragma: no cover - compiled
    """Return the bin of odds; the first one of what is no number."""
    place = (ahead - np.float32(LEAST)) * np.float32(STEPS)
    return np.uint8(min(place if place > 0 else np.float32(0), np.float32(BINS - 1)))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _shares() -> Any:  # pragma: no cover - compiled
    """Return, by neighbours with data and alike ones, how many of `AROUND` that would be."""
    out = np.zeros((AROUND + 1, AROUND + 1), np.uint8)
    for known in range(1, AROUND + 1):
        for alike in range(known + 1):
            out[known, alike] = (alike * AROUND + known // 2) // known
    return out
