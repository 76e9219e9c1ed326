"""Where a map lies in the browser: on the Earth, or on a plane of its own.

The browser draws Web Mercator (EPSG:3857) alone. A map with a CRS is warped to it, tile by tile.
One without a CRS, near a pole or across the antimeridian lies on a plane of its own instead: its
columns and rows are scaled to Web Mercator metres around 0, 0, one pixel of the map to one of a
tile at `PLANE_ZOOM`, so that nothing is warped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from outcrop.products.cutting import to_pixels, transformed

if TYPE_CHECKING:
    from affine import Affine
    from odc.geo.geobox import GeoBox

#: Half the side of the square that Web Mercator maps the Earth to, in its metres.
HALF = 20_037_508.342789244
#: Metres of a pixel of a 256-pixel tile at zoom 0.
ZOOM_0 = 2 * HALF / 256
PLANE_ZOOM = 14
#: Web Mercator ends at 85.06 degrees; what comes near is on a plane of its own.
HIGHEST = 84.0

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Place:
    """A grid and where the browser shows it.

    Parameters
    ----------
    grid : GeoBox
        Of the map.
    on_earth : bool
        Whether it is warped to Web Mercator; else it lies on a plane.
    """

    grid: GeoBox
    on_earth: bool
    _transformers: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, grid: GeoBox) -> Place:
        """Find out where a grid can be shown."""
        return cls(grid, grid.crs is not None and _fits_mercator(grid))

    @property
    def plane(self) -> Affine:
        """From (column, row) to Web Mercator metres, for a map on a plane of its own."""
        from affine import Affine

        rows, cols = self.grid.shape
        size = ZOOM_0 / 2**PLANE_ZOOM
        # Whole pixels, so that tiles and pixels have common edges.
        return Affine(size, 0, -(cols // 2) * size, 0, -size, (rows // 2) * size)

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north in the degrees that the browser uses."""
        rows, cols = self.grid.shape
        along = np.linspace(0, 1, 33)
        edge = np.concatenate([
            np.column_stack([along, along * 0]), np.column_stack([along, along * 0 + 1]),
            np.column_stack([along * 0, along]), np.column_stack([along * 0 + 1, along]),
        ])  # fmt: skip
        at = self.from_pixels(edge * (cols, rows))
        west, south = at.min(axis=0).tolist()
        east, north = at.max(axis=0).tolist()
        return west, south, east, north

    @cached_property
    def max_zoom(self) -> int:
        """Zoom at which a pixel of a tile is no larger than one of the map."""
        if not self.on_earth:
            return PLANE_ZOOM
        west, south, east, north = self.bounds
        rows, cols = self.grid.shape
        (x0, y0), (x1, y1) = _to_metres(np.array([(west, south), (east, north)]))
        size = min((x1 - x0) / cols, (y1 - y0) / rows)
        return int(np.clip(np.ceil(np.log2(ZOOM_0 / max(size, 1e-9))), 0, 22))

    def to_map(self, degrees: Sequence[Sequence[float]]) -> Points:
        """Bring points of the browser into the map's CRS, or to (column, row) without one."""
        points = np.asarray(degrees, np.float64).reshape(-1, 2)
        if self.on_earth:
            return np.column_stack(self._crs_of_degrees(*points.T))
        pixels = transformed(~self.plane, _to_metres(points))
        return pixels if self.grid.crs is None else transformed(self.grid.affine, pixels)

    def to_pixels(self, points: Points) -> Points:
        """Bring points of the map's CRS to (column, row), fractions of pixels included."""
        return to_pixels(points, self.grid)

    def from_pixels(self, pixels: Points) -> Points:
        """Bring (column, row) to the degrees that the browser uses."""
        if not self.on_earth:
            return _to_degrees(transformed(self.plane, pixels))
        points = transformed(self.grid.affine, pixels)
        return np.column_stack(self._crs_of_degrees(*points.T, inverse=True))

    def to_tile_metres(self, points: Points) -> Points:
        """Bring points of the map's CRS to the Web Mercator metres that tiles are cut in."""
        return _to_metres(self.from_pixels(self.to_pixels(points)))

    def pixels_of_metres(self, metres: Points) -> Points:
        """Bring the Web Mercator metres of tiles to (column, row)."""
        return self.to_pixels(self.to_map(_to_degrees(metres).tolist()))

    @cached_property
    def bounds_in_metres(self) -> tuple[float, float, float, float]:
        """As `bounds`, in the Web Mercator metres of tiles."""
        (left, bottom), (right, top) = _to_metres(np.reshape(self.bounds, (2, 2)))
        return left, bottom, right, top

    def to_degrees(self, points: Points) -> Points | None:
        """Bring points of the map's CRS to longitude and latitude (WGS 84); None without a CRS."""
        if self.grid.crs is None:
            return None
        return np.column_stack(self._crs_of_degrees(*points.T, inverse=True))

    def _crs_of_degrees(self, x: Any, y: Any, *, inverse: bool = False) -> tuple[Any, Any]:
        from pyproj import Transformer

        if "crs" not in self._transformers:
            assert self.grid.crs is not None
            # A transformer is for one thread; pyproj keeps a context for each.
            self._transformers["crs"] = Transformer.from_crs(
                "EPSG:4326", self.grid.crs.proj, always_xy=True
            )
        direction = "INVERSE" if inverse else "FORWARD"
        found: tuple[Any, Any] = self._transformers["crs"].transform(x, y, direction=direction)
        return found


def _fits_mercator(grid: GeoBox) -> bool:
    from outcrop.products.stac import footprint

    _, (west, south, east, north) = footprint(grid)
    finite = bool(np.isfinite([west, south, east, north]).all())
    return finite and -180 <= west < east <= 180 and south > -HIGHEST and north < HIGHEST


def _to_metres(degrees: Points) -> Points:
    """Project by Web Mercator's own formula, which is simple, and free of a grid's limits."""
    lon, lat = degrees.T
    y = np.log(np.tan(np.pi / 4 + np.radians(lat) / 2)) * HALF / np.pi
    return np.column_stack([lon * HALF / 180, y])


def _to_degrees(metres: Points) -> Points:
    x, y = metres.T
    lat = np.degrees(2 * np.arctan(np.exp(y * np.pi / HALF)) - np.pi / 2)
    return np.column_stack([x * 180 / HALF, lat])
