"""Where the pixels of a grid lie in another, and which way the ground runs under them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from outcrop.source import Window
from outcrop.warp import transformer

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

#: Pixels between the nodes of a lattice: over so short a way a projection is as good as linear
#: (UTM bends by less than a millimetre over 16 pixels of 30 m), and it is asked 256 times less.
STEP = 16


@dataclass(frozen=True)
class Lattice:
    """What is known of every `STEP`-th pixel around a window.

    The nodes lie on multiples of `STEP` of the whole grid, so that what is interpolated between
    them is the same for every window.

    Parameters
    ----------
    row, col : int
        Pixel of the first node.
    nodes : ndarray of float64, shape (6, rows, columns)
        Row and column of the pixel's centre in the other grid, where a cell's centre is a whole
        number; metres to true east per column and per row, and to true north per column and
        per row.
    """

    row: int
    col: int
    nodes: NDArray[np.float64]


def lattice(grid: GeoBox, other: GeoBox, window: Window) -> Lattice:
    """Place the pixels of a window of a grid in another grid.

    Parameters
    ----------
    grid, other : GeoBox
        With a CRS each.
    window : Window
        May reach beyond the grid.
    """
    row, col = (n // STEP * STEP for n in (window.row, window.col))
    rows = np.arange(row, window.row + window.height + STEP, STEP) + 0.5
    cols = np.arange(col, window.col + window.width + STEP, STEP) + 0.5
    c, r = np.meshgrid(cols, rows)
    x, y = _on(grid.affine, c, r)
    to_other = transformer(_wkt(grid), _wkt(other))
    there = _on(~other.affine, *to_other.transform(x, y))
    nodes = np.stack([there[1] - 0.5, there[0] - 0.5, *_axes(grid, c, r)])
    nodes[:, ~np.isfinite(nodes).all(axis=0)] = np.nan
    return Lattice(row, col, nodes)


def _axes(
    grid: GeoBox, c: NDArray[np.float64], r: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """Metres to east per column and row, to north per column and row, at points of a grid."""
    crs: Any = grid.crs.proj  # type: ignore[union-attr]
    to_degrees = transformer(_wkt(grid), crs.geodetic_crs.to_wkt())
    here = to_degrees.transform(*_on(grid.affine, c, r))
    along = [to_degrees.transform(*_on(grid.affine, *at)) for at in ((c + 1, r), (c, r + 1))]
    ellipsoid = crs.geodetic_crs.ellipsoid
    a, b = ellipsoid.semi_major_metre, ellipsoid.semi_minor_metre
    latitude = np.radians(here[1])
    # Radii of curvature of the ellipsoid across and along the meridian.
    bend = a * a * np.cos(latitude) ** 2 + b * b * np.sin(latitude) ** 2
    across, meridian = a * a / np.sqrt(bend), a * a * b * b / bend**1.5
    east = [
        np.radians((lon - here[0] + 180) % 360 - 180) * across * np.cos(latitude)
        for lon, _ in along
    ]
    north = [np.radians(lat - here[1]) * meridian for _, lat in along]
    return [*east, *north]


def cells_per_pixel(grid: GeoBox, other: GeoBox) -> float:
    """Return how many cells of another grid lie along a pixel's side, at the grid's centre."""
    middle = Window(grid.shape[0] // 2, grid.shape[1] // 2, 1, 1)
    rows, cols = lattice(grid, other, middle).nodes[:2]
    down, right = (np.array((p[1, 0], p[0, 1])) - p[0, 0] for p in (rows, cols))
    return float(abs(down[0] * right[1] - down[1] * right[0]) ** 0.5 / STEP)


def pixel_metres(grid: GeoBox) -> float:
    """Return the shorter side of the pixel at the grid's centre, in metres."""
    at = np.array([grid.shape[1] / 2]), np.array([grid.shape[0] / 2])
    ec, er, nc, nr = (float(v[0]) for v in _axes(grid, *at))
    return float(min(np.hypot(ec, nc), np.hypot(er, nr)))


def _on(affine: Any, c: NDArray[np.float64], r: NDArray[np.float64]) -> tuple[Any, Any]:
    """Apply an affine transform to points."""
    a = affine
    return a.a * c + a.b * r + a.c, a.d * c + a.e * r + a.f


def _wkt(grid: GeoBox) -> str:
    return str(grid.crs.proj.to_wkt())  # type: ignore[union-attr]
