"""Loops over pixels: heights between cells, slopes, and rays towards the sun.

All places are counted from the corner of the whole grid before anything is rounded, so that a
pixel has the same value in every window.
"""
# pragma: no cover - compiled

from __future__ import annotations

from typing import Any

import numba
import numpy as np


@numba.njit(nogil=True, cache=True, inline="always")
def _between(nodes: Any, plane: int, down: int, right: int, step: int) -> Any:
    """Interpolate a plane of a lattice at a pixel, counted from the first node."""
    i, j = down // step, right // step
    u, v = (down - i * step) / step, (right - j * step) / step
    upper = nodes[plane, i, j] * (1 - v) + nodes[plane, i, j + 1] * v
    lower = nodes[plane, i + 1, j] * (1 - v) + nodes[plane, i + 1, j + 1] * v
    return upper * (1 - u) + lower * u


@numba.njit(nogil=True, cache=True)
def _cubic(t: float, weights: Any) -> None:
    """Fill in the weights of cubic convolution (Keys 1981, a = -1/2)."""
    weights[0] = ((-0.5 * t + 1.0) * t - 0.5) * t
    weights[1] = (1.5 * t - 2.5) * t * t + 1.0
    weights[2] = ((-1.5 * t + 2.0) * t + 0.5) * t
    weights[3] = (0.5 * t - 0.5) * t * t


@numba.njit(nogil=True, cache=True)
def heights(
    cells: Any, first: Any, limit: Any, nodes: Any, start: Any, shape: Any, step: int
) -> Any:
    """Heights at the pixels of a window, by cubic convolution between cells.

    Where one of the 16 cells has no height it is bilinear, and without one of the nearest four
    there is none.

    Parameters
    ----------
    cells : ndarray of float32, shape (rows, columns)
        A part of the elevation model, NaN where it has none.
    first : tuple of int
        Row and column of that part.
    limit : tuple of int
        Rows and columns of the whole elevation model, whose outer cells reach to their edges.
    nodes : ndarray of float64, shape (6, ...)
        See `Lattice`.
    start : tuple of int
        First pixel of the window, counted from the first node.
    shape : tuple of int
    step : int
        Pixels between nodes.
    """
    out = np.full(shape, np.float32(np.nan), np.float32)
    wy, wx = np.empty(4), np.empty(4)
    for y in range(shape[0]):
        for x in range(shape[1]):
            row = _between(nodes, 0, start[0] + y, start[1] + x, step)
            col = _between(nodes, 1, start[0] + y, start[1] + x, step)
            if not (np.isfinite(row) and np.isfinite(col)):
                continue
            if not (-0.5 <= row <= limit[0] - 0.5 and -0.5 <= col <= limit[1] - 0.5):
                continue
            row, col = min(max(row, 0.0), limit[0] - 1.0), min(max(col, 0.0), limit[1] - 1.0)
            i = min(int(np.floor(row)), limit[0] - 2)
            j = min(int(np.floor(col)), limit[1] - 2)
            u, v = row - i, col - j
            i, j = i - first[0], j - first[1]
            if i < 0 or j < 0 or i + 1 >= cells.shape[0] or j + 1 >= cells.shape[1]:
                continue
            value = np.nan
            if i > 0 and j > 0 and i + 2 < cells.shape[0] and j + 2 < cells.shape[1]:
                _cubic(u, wy)
                _cubic(v, wx)
                value = 0.0
                for a in range(4):
                    for b in range(4):
                        value += wy[a] * wx[b] * cells[i - 1 + a, j - 1 + b]
            if not np.isfinite(value):
                upper = cells[i, j] * (1 - v) + cells[i, j + 1] * v
                lower = cells[i + 1, j] * (1 - v) + cells[i + 1, j + 1] * v
                value = upper * (1 - u) + lower * u
            out[y, x] = value
    return out


@numba.njit(nogil=True, cache=True, inline="always")
def _near(g: Any, r: int, c: int, down: int, right: int) -> Any:
    """Height of a neighbour; where it has none, as far below the pixel as the opposite is above."""
    value = np.float64(g[r + down, c + right])
    if np.isfinite(value):
        return value
    opposite = np.float64(g[r - down, c - right])
    if np.isfinite(opposite):
        return 2.0 * g[r, c] - opposite
    return np.float64(g[r, c])


@numba.njit(nogil=True, cache=True)
def slopes(ground: Any, margin: int, nodes: Any, start: Any, step: int, sun: Any) -> Any:
    """Cosines of incidence and of slope, and aspect, after Horn (1981).

    Parameters
    ----------
    ground : ndarray of float32
        Heights of a window with a margin around it.
    margin : int
        Pixels, at least 1.
    nodes, step
        As for `heights`.
    start : tuple of int
        First pixel of the window without its margin, counted from the first node.
    sun : ndarray of float64, shape (3,)
        Unit vector to the sun: east, north, up.

    Returns
    -------
    ndarray of float32, shape (3, height, width)
        Aspect in radians clockwise from true north (0 where it is flat); NaN where the pixel has
        no height, or a line through it only the one.
    """
    height, width = ground.shape[0] - 2 * margin, ground.shape[1] - 2 * margin
    out = np.full((3, height, width), np.float32(np.nan), np.float32)
    g = ground
    for y in range(height):
        for x in range(width):
            r, c = y + margin, x + margin
            if not np.isfinite(g[r, c]):
                continue
            if np.isnan(g[r - 1, c]) and np.isnan(g[r + 1, c]):
                continue
            if np.isnan(g[r, c - 1]) and np.isnan(g[r, c + 1]):
                continue
            nw, ne = _near(g, r, c, -1, -1), _near(g, r, c, -1, 1)
            sw, se = _near(g, r, c, 1, -1), _near(g, r, c, 1, 1)
            by_col = (ne + 2.0 * _near(g, r, c, 0, 1) + se) - (
                nw + 2.0 * _near(g, r, c, 0, -1) + sw
            )
            by_row = (sw + 2.0 * _near(g, r, c, 1, 0) + se) - (
                nw + 2.0 * _near(g, r, c, -1, 0) + ne
            )
            by_col, by_row = by_col / 8.0, by_row / 8.0
            ec = _between(nodes, 2, start[0] + y, start[1] + x, step)
            er = _between(nodes, 3, start[0] + y, start[1] + x, step)
            nc = _between(nodes, 4, start[0] + y, start[1] + x, step)
            nr = _between(nodes, 5, start[0] + y, start[1] + x, step)
            det = ec * nr - er * nc
            east = (by_col * nr - by_row * nc) / det
            north = (ec * by_row - er * by_col) / det
            upright = 1.0 / np.sqrt(1.0 + east * east + north * north)
            out[0, y, x] = (sun[2] - sun[0] * east - sun[1] * north) * upright
            out[1, y, x] = upright
            if east != 0.0 or north != 0.0:
                out[2, y, x] = np.arctan2(-east, -north)
            else:
                out[2, y, x] = 0.0
    return out


@numba.njit(nogil=True, cache=True)
def shaded(
    ground: Any, margin: int, nodes: Any, start: Any, step: int, sun: Any, top: float
) -> Any:
    """Tell which pixels of a window lie in the shadow of other ground.

    A ray goes from each pixel towards the sun, a pixel at a time along the axis that it is nearer
    to and with the height interpolated along the other, until it is above ``top`` or out of the
    margin.

    Parameters
    ----------
    ground, margin, nodes, start, step, sun
        As for `slopes`.
    top : float
        Height above which there is no ground.

    Returns
    -------
    ndarray of bool, shape (height, width)
    """
    height, width = ground.shape[0] - 2 * margin, ground.shape[1] - 2 * margin
    out = np.zeros((height, width), np.bool_)
    flat = np.sqrt(sun[0] * sun[0] + sun[1] * sun[1])
    if flat < 1e-9:
        return out
    for y in range(height):
        for x in range(width):
            r, c = y + margin, x + margin
            z = np.float64(ground[r, c])
            if not np.isfinite(z):
                continue
            ec = _between(nodes, 2, start[0] + y, start[1] + x, step)
            er = _between(nodes, 3, start[0] + y, start[1] + x, step)
            nc = _between(nodes, 4, start[0] + y, start[1] + x, step)
            nr = _between(nodes, 5, start[0] + y, start[1] + x, step)
            det = ec * nr - er * nc
            # Pixels that a metre towards the sun is long.
            right = (sun[0] * nr - sun[1] * er) / det / flat
            down = (ec * sun[1] - nc * sun[0]) / det / flat
            metres = 1.0 / max(abs(right), abs(down))
            right, down = right * metres, down * metres
            rise = sun[2] / flat * metres
            for k in range(1, margin):
                ray = z + k * rise
                if ray > top:
                    break
                # The offset alone is rounded, whatever the window starts with.
                i, j = int(np.floor(k * down)), int(np.floor(k * right))
                if abs(right) >= abs(down):
                    j, t = int(np.round(k * right)), k * down - i
                    a, b = ground[r + i, c + j], ground[r + i + 1, c + j]
                else:
                    i, t = int(np.round(k * down)), k * right - j
                    a, b = ground[r + i, c + j], ground[r + i, c + j + 1]
                if a * (1 - t) + b * t > ray:
                    out[y, x] = True
                    break
    return out


@numba.njit(nogil=True, cache=True)
def powers(base: Any, exponent: float) -> Any:
    """Raise to a power, one by one: a vectorised power may round its last few values otherwise."""
    out = np.empty(base.shape, np.float32)
    for y in range(base.shape[0]):
        for x in range(base.shape[1]):
            out[y, x] = np.float64(base[y, x]) ** exponent
    return out
