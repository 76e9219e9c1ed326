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
#: No data, among units and percentages.
NONE = np.uint8(255)
#: Of how many neighbours the alike ones are told.
AROUND = (2 * REACH + 1) ** 2 - 1
_DIAGONAL = np.float32(0.70710678)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def outside(evidence: Any, limits: Any, out: Any) -> None:  # pragma: no cover - compiled
    """Write which pixels' evidence (k, y, x) is below the limit of every unit, to (y, x)."""
    units, height, width = evidence.shape
    best = np.empty(width, np.float32)
    for y in range(height):
        best[:] = evidence[0, y] - limits[0]
        for k in range(1, units):
            row, limit = evidence[k, y], limits[k]
            for x in range(width):
                best[x] = max(best[x], row[x] - limit)
        for x in range(width):
            out[y, x] = best[x] < 0


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _count_alike(
    framed: Any, y: Any, left: Any, alike: Any, known: Any
) -> None:  # pragma: no cover - compiled
    """Count, for a row, the neighbours that have data and those of the pixel's own label."""
    width = len(alike)
    alike[:], known[:] = 0, 0
    own = framed[y, left : left + width]
    for v in range(y - REACH, y + REACH + 1):
        for u in range(left - REACH, left + REACH + 1):
            if v == y and u == left:
                continue
            row = framed[v, u : u + width]
            for x in range(width):
                alike[x] += np.uint8(row[x] == own[x])
                known[x] += np.uint8(row[x] != NONE)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _votes(framed: Any, y: Any, left: Any, votes: Any, odd: Any) -> None:  # pragma: no cover
    """Add up a row's votes for the own label, and tell where a neighbour has another."""
    width = len(votes)
    votes[:], odd[:] = 0, 0
    own = framed[y, left : left + width]
    for v in range(-1, 2):
        for u in range(-1, 2):
            if v == 0 and u == 0:
                continue
            weight = np.float32(1) if v == 0 or u == 0 else _DIAGONAL
            row = framed[y + v, left + u : left + u + width]
            for x in range(width):
                same = row[x] == own[x]
                votes[x] += weight if same else np.float32(0)
                odd[x] |= np.uint8((row[x] != own[x]) & (row[x] != NONE))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _rival(
    framed: Any, y: Any, x: Any, evidence: Any, row: Any, col: Any, strength: Any
) -> Any:  # pragma: no cover - compiled
    """Return what speaks most for another label that a neighbour of the pixel carries."""
    best = np.float32(-np.inf)
    own = framed[y, x]
    for v in range(-1, 2):
        for u in range(-1, 2):
            unit = framed[y + v, x + u]
            if unit in (NONE, own):
                continue
            # Straight and diagonal ones are counted, so that their order is no matter.
            straight, diagonal = 0, 0
            for b in range(-1, 2):
                for a in range(-1, 2):
                    if framed[y + b, x + a] == unit:
                        if a == 0 or b == 0:
                            straight += 1
                        else:
                            diagonal += 1
            votes = np.float32(straight) + _DIAGONAL * np.float32(diagonal)
            best = max(best, evidence[unit, row, col] + strength * votes)
    return best


@numba.njit(nogil=True, cache=True, error_model="numpy")
def rate(
    place: Any, evidence: Any, strength: Any, first: Any, table: Any, unlike: Any, out: Any
) -> None:  # pragma: no cover - compiled
    """Write the confidence of pixels.

    Parameters
    ----------
    place : ndarray of uint8, shape (y, x)
        Unit of each pixel, `NONE` = no data.
    evidence : ndarray of float32, shape (k, y, x)
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
    units, least = len(evidence), np.float32(-np.inf)
    rows, columns = out.shape
    top, left = first
    frame = REACH
    framed = np.full((place.shape[0] + 2 * frame, place.shape[1] + 2 * frame), NONE, np.uint8)
    framed[frame:-frame, frame:-frame] = place
    alike, known = np.empty(columns, np.uint8), np.empty(columns, np.uint8)
    votes, odd = np.empty(columns, np.float32), np.empty(columns, np.uint8)
    own, other = np.empty(columns, np.float32), np.empty(columns, np.float32)
    shares = _shares()
    for i in range(rows):
        y = top + i
        label = place[y, left : left + columns]
        _count_alike(framed, y + frame, left + frame, alike, known)
        _votes(framed, y + frame, left + frame, votes, odd)
        own[:], other[:] = -np.inf, -np.inf
        for k in range(units):
            row, unit = evidence[k, y, left : left + columns], np.uint8(k)
            for x in range(columns):
                mine = label[x] == unit
                own[x] = row[x] if mine else own[x]
                other[x] = max(other[x], least if mine else row[x])
        for x in range(columns):
            unit = label[x]
            if unit == NONE:
                out[i, x] = NONE
                continue
            if unlike[y, left + x]:
                out[i, x] = 0
                continue
            rival = other[x]
            if odd[x]:
                col = left + x
                near = _rival(framed, y + frame, col + frame, evidence, y, col, strength)
                rival = max(rival, near)
            ahead = own[x] + strength * votes[x] - rival
            out[i, x] = table[unit, shares[known[x], alike[x]], _step(ahead)]


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
