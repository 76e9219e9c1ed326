"""What the sun gives each pixel of a scene: the angle on its slope, and the shadows of relief."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from outcrop.engine import TILE
from outcrop.relief.dem import Heights, Span
from outcrop.relief.geometry import STEP, lattice, pixel_metres
from outcrop.sensors.base import Sun
from outcrop.source import Window

Plane = NDArray[np.float32]
#: Pixels that a ray towards the sun is followed at most. Where a low sun's shadows could reach
#: further, they are cut there, and a note says so.
MOST_REACH = 1024


class Planes(NamedTuple):
    """The light on a window, arrays of (height, width).

    Parameters
    ----------
    incidence : array of float32
        Cosine of the angle between the sun and the normal of the slope; NaN without heights.
    upright : array of float32
        Cosine of the slope.
    aspect : array of float32
        Where the slope faces, radians clockwise from true north.
    lit : array of bool
        Direct sun: neither turned away from it nor in the shadow of other ground.
    """

    incidence: Plane
    upright: Plane
    aspect: Plane
    lit: NDArray[np.bool_]


@dataclass(frozen=True)
class Light:
    """The sun over an elevation model.

    Parameters
    ----------
    heights : Heights
    sun : Sun
    top : float
        Height above which there is no ground.
    reach : int
        Pixels over which shadows are looked for.
    """

    heights: Heights
    sun: Sun
    top: float
    reach: int

    @property
    def sine(self) -> float:
        """Sine of the sun's elevation: the cosine of incidence on flat ground."""
        return float(np.float32(math.sin(math.radians(self.sun.elevation))))

    def read(self, window: Window) -> Planes:
        """Return the light on a window; the same for every way to cut the scene."""
        from outcrop.relief.kernels import shaded, slopes

        margin = self.reach + 1
        outer = Window(
            window.row - margin, window.col - margin,
            window.height + 2 * margin, window.width + 2 * margin,
        )  # fmt: skip
        places = lattice(self.heights.grid, self.heights.base.grid, outer)
        ground = self.heights.at(outer, places)
        start = window.row - places.row, window.col - places.col
        sun = self._vector()
        incidence, upright, aspect = slopes(ground, margin, places.nodes, start, STEP, sun)
        lit = incidence > 0
        if self.reach > 1:
            lit &= ~shaded(ground, margin, places.nodes, start, STEP, sun, self.top)
        return Planes(incidence, upright, aspect, lit)

    def at(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return incidence, cosine of slope and aspect (n, 3) of pixels (row, column)."""
        out = np.full((len(positions), 3), np.nan, np.float32)
        still = Light(self.heights, self.sun, self.top, 0)
        tiles = positions // TILE
        for row, col in np.unique(tiles, axis=0):
            here = (tiles == (row, col)).all(axis=1)
            inside = positions[here] - (row * TILE, col * TILE)
            planes = still.read(Window(int(row) * TILE, int(col) * TILE, TILE, TILE))
            out[here] = np.stack([p[inside[:, 0], inside[:, 1]] for p in planes[:3]], axis=1)
        return out

    def _vector(self) -> NDArray[np.float64]:
        azimuth, elevation = math.radians(self.sun.azimuth), math.radians(self.sun.elevation)
        flat = math.cos(elevation)
        # The same last digit as flat ground has, so that there is nothing to correct on it.
        return np.array([math.sin(azimuth) * flat, math.cos(azimuth) * flat, self.sine])


def light_on(heights: Heights, sun: Sun, measured: Span) -> tuple[Light, bool]:
    """Return the light on a scene, and whether its shadows may be longer than is looked for."""
    side = pixel_metres(heights.grid)
    steep = math.tan(math.radians(sun.elevation))
    wanted = math.ceil((measured.high - measured.low) / steep / side) + 1
    return Light(heights, sun, measured.high, min(wanted, MOST_REACH)), wanted > MOST_REACH
