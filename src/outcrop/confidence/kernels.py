"""The compiled part of confidence: how far each label is ahead of its strongest rival."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

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


@numba.njit(nogil=True, cache=True, error_model="numpy")
def lead(evidence: Any, limits: Any, ahead: Any, unlike: Any) -> None:  # pragma: no cover
    """Write how far the first unit is ahead of the second, and what is below every limit.

    For strips of rows that lie in the processor's cache: later, hardly any evidence is looked at.

    Parameters
    ----------
    evidence : ndarray of float32, shape (k, y, x)
    limits : ndarray of float32, shape (k,)
        Evidence at the edge of each unit's ellipsoid.
    ahead : ndarray of float32, shape (y, x)
        Written; infinite where there is one unit.
    unlike : ndarray of bool, shape (y, x)
        Written.
    """
    units, height, width = evidence.shape
    most, second = np.empty(width, np.float32), np.empty(width, np.float32)
    inside = np.empty(width, np.float32)
    for y in range(height):
        most[:], second[:], inside[:] = -np.inf, -np.inf, -np.inf
        for k in range(units):
            row, limit = evidence[k, y], limits[k]
            for x in range(width):
                value = row[x]
                second[x] = max(second[x], min(most[x], value))
                most[x] = max(most[x], value)
                inside[x] = max(inside[x], value - limit)
        for x in range(width):
            ahead[y, x] = most[x] - second[x]
            unlike[y, x] = inside[x] < 0


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _look_around(
    framed: Any, y: Any, left: Any, straight: Any, diagonal: Any, alike: Any, known: Any, near: Any
) -> None:  # pragma: no cover - compiled
    """Count, for a row, the neighbours of the pixel's own label and those with data.

    ``straight`` and ``diagonal`` are the alike ones of the eight next to it, ``near`` those of
    the eight with data; ``alike`` and ``known`` go on to all `AROUND`.
    """
    width = len(alike)
    straight[:], diagonal[:], near[:] = 0, 0, 0
    own = framed[y, left : left + width]
    for v in range(-1, 2):
        for u in range(-1, 2):
            row = framed[y + v, left + u : left + u + width]
            if v == 0 and u == 0:
                continue
            to = straight if v == 0 or u == 0 else diagonal
            for x in range(width):
                to[x] += np.uint8(row[x] == own[x])
                near[x] += np.uint8(row[x] != NONE)
    for x in range(width):
        alike[x] = straight[x] + diagonal[x]
        known[x] = near[x]
    for v in range(-REACH, REACH + 1):
        for u in range(-REACH, REACH + 1):
            if max(abs(v), abs(u)) < 2:
                continue
            row = framed[y + v, left + u : left + u + width]
            for x in range(width):
                alike[x] += np.uint8(row[x] == own[x])
                known[x] += np.uint8(row[x] != NONE)


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
            # Straight and diagonal ones are counted, so that their order is no matter.
            straight, diagonal = 0, 0
            for b in range(-1, 2):
                for a in range(-1, 2):
                    if framed[y + b, x + a] == other:
                        if a == 0 or b == 0:
                            straight += 1
                        else:
                            diagonal += 1
            votes = np.float32(straight) + _DIAGONAL * np.float32(diagonal)
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
    straight, diagonal = np.empty(columns, np.uint8), np.empty(columns, np.uint8)
    near, alike = np.empty(columns, np.uint8), np.empty(columns, np.uint8)
    known = np.empty(columns, np.uint8)
    odds = np.empty(columns, np.float32)
    shares = _shares()
    for i in range(rows):
        y = top + i
        _look_around(
            framed, y + frame, left + frame, straight, diagonal, alike, known, near
        )
        before = ahead[y, left : left + columns]
        for x in range(columns):
            votes = np.float32(straight[x]) + _DIAGONAL * np.float32(diagonal[x])
            odds[x] = before[x] + strength * votes
        for x in range(columns):
            col = left + x
            label = labels[y, col]
            if label == NONE:
                out[i, x] = NO_PERCENT
                continue
            if unlike[y, col]:
                out[i, x] = 0
                continue
            unit = place[label]
            met, led = straight[x] + diagonal[x] < near[x], leading[y, col] == label
            if met or not led:
                own = evidence[unit, y, col]
                rival = own - before[x] if led else _strongest(evidence, unit, y, col)
                if met:
                    row = y + frame
                    other = _rival(framed, row, col + frame, place, evidence, y, col, strength)
                    rival = max(rival, other)
                votes = np.float32(straight[x]) + _DIAGONAL * np.float32(diagonal[x])
                odds[x] = own + strength * votes - rival
            out[i, x] = table[unit, shares[known[x], alike[x]], _step(odds[x])]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _step(ahead: Any) -> Any:  # pragma: no cover - compiled
    """Return the bin of odds; the first one of what is no number."""
    place = (ahead - np.float32(LEAST)) * np.float32(STEPS)
    if not place > 0:
        return 0
    return np.int64(min(place, np.float32(BINS - 1)))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _shares() -> Any:  # pragma: no cover - compiled
    """Return, by neighbours with data and alike ones, how many of `AROUND` that would be."""
    out = np.zeros((AROUND + 1, AROUND + 1), np.uint8)
    for known in range(1, AROUND + 1):
        for alike in range(known + 1):
            out[known, alike] = (alike * AROUND + known // 2) // known
    return out
