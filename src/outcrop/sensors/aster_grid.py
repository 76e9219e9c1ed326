"""Where ASTER's three subsystems lie: pixels of 15, 30 and 90 m.

In L1T the first pixels of all three have one centre, not one corner: the corners that the metadata
state are centres of pixels (AST_L1T Product User's Guide), and the sizes of real products agree
(5593, 2797 and 933 columns over 83,880 m). Level 2 is turned along the satellite's path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from outcrop.errors import SceneError
from outcrop.regrid import grid_at
from outcrop.sensors.aster_metadata import AsterMetadata

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

#: Northings of UTM south of the equator are counted from here.
FALSE_NORTHING = 10_000_000.0
#: How far a grid may be off the place that it is meant to have, in its pixels.
NEAR = 0.1


def north_up(meta: AsterMetadata, shape: tuple[int, int], size: float) -> GeoBox:
    """Return the grid of a subsystem of L1T from the corners in its metadata.

    Raises
    ------
    SceneError
        If corners or zone are missing, or do not fit the number of pixels.
    """
    from affine import Affine
    from odc.geo.geobox import GeoBox

    if meta.corners is None or meta.epsg is None:
        raise SceneError(
            f"{meta.where}: its metadata have no UPPERLEFTM, LOWERRIGHTM and UTMZONENUMBER, from "
            "which L1T is placed on the ground; fetch the product again"
        )
    north, east, south, west = meta.corners
    if meta.epsg > 32700 and north < 0:
        north, south = north + FALSE_NORTHING, south + FALSE_NORTHING
    spans = (north - south, west - east)
    if any(abs(span / size - (n - 1)) > 1 for span, n in zip(spans, shape, strict=True)):
        raise SceneError(
            f"{meta.where}: {shape[0]} x {shape[1]} pixels of {size:g} m do not fit between its "
            f"corners, which are {spans[0]:g} x {spans[1]:g} m apart; fetch the product again"
        )
    corner = Affine(size, 0, east - size / 2, 0, -size, north + size / 2)
    return GeoBox(shape, corner, f"EPSG:{meta.epsg}")


def mended(grid: GeoBox, size: float) -> GeoBox:
    """Return the grid of a GeoTIFF of L1T as it should be.

    Cloud-optimised copies in circulation take the centres of the outermost pixels for the
    picture's edges: a pixel of 15 m then measures 14.997 m and lies half a pixel off. Any other
    grid is returned as it is.
    """
    from affine import Affine
    from odc.geo.geobox import GeoBox

    a = grid.affine
    rows, cols = grid.shape
    stretched = (abs(a.a) * cols / size, abs(a.e) * rows / size)
    wanted = (cols - 1, rows - 1)
    if (a.b, a.d) != (0.0, 0.0) or not np.allclose(stretched, wanted, rtol=0, atol=1e-3):
        return grid
    east, north = round(a.c, 3), round(a.f, 3)
    return GeoBox(
        grid.shape, Affine(size, 0, east - size / 2, 0, -size, north + size / 2), grid.crs
    )


def turned(
    latitude: NDArray[Any], longitude: NDArray[Any], meta: AsterMetadata, shape: tuple[int, int],
    size: float,
) -> GeoBox:  # fmt: skip
    """Return the grid of Level 2 from the lattice of positions in its HDF file.

    The lattice is spread evenly from the first pixel on and taken to mean centres of pixels.

    Raises
    ------
    SceneError
        If the positions do not lie on a grid of pixels of that size.
    """
    from affine import Affine
    from odc.geo.geobox import GeoBox
    from pyproj import Transformer

    epsg = meta.epsg or _zone(float(np.mean(latitude)), float(np.mean(longitude)))
    to_metres = Transformer.from_crs("EPSG:4326", f"EPSG:{epsg}", always_xy=True)
    east, north = to_metres.transform(longitude.ravel(), latitude.ravel())
    rows, cols = (
        np.arange(n) * pixels / max(n - 1, 1) + 0.5
        for n, pixels in zip(latitude.shape, shape, strict=True)
    )
    row, col = (m.ravel() for m in np.meshgrid(rows, cols, indexing="ij"))
    places = np.stack([col, row, np.ones(len(col))], axis=1)
    known = np.stack([east, north], axis=1)
    fit = off = None
    if np.isfinite(known).all() and latitude.size >= 4:
        fit = np.linalg.lstsq(places, known, rcond=None)[0].T
        off = float(np.abs(places @ fit.T - known).max())
    if fit is None or off is None or off > size or abs(np.hypot(*fit[:, 0]) / size - 1) > 0.01:
        raise SceneError(
            f"{meta.where}: the positions in it (GeodeticLatitude, Longitude) do not lie on a UTM "
            f"grid of {size:g} m; fetch the product again, or as GeoTIFF"
        )
    return GeoBox(shape, Affine(*fit.ravel()), f"EPSG:{epsg}")


def _zone(latitude: float, longitude: float) -> int:
    zone = int((longitude + 180) // 6) % 60 + 1
    return (32600 if latitude >= 0 else 32700) + zone


def snapped(grid: GeoBox, finest: GeoBox, size: float) -> GeoBox:
    """Return a subsystem's grid in its exact relation to the finest one.

    Positions are written with rounding, and windows need whole multiples. A grid that is not
    near one of the two places it may have (one centre or one corner) is returned as it is.
    """
    from odc.geo.geobox import GeoBox

    for centred in (True, False):
        meant = grid_at(finest, size, centred).affine
        off = ~meant * grid.affine
        turn = max(abs(off.a - 1), abs(off.e - 1), abs(off.b), abs(off.d)) * max(grid.shape)
        if max(abs(off.c), abs(off.f), turn) < NEAR:
            return GeoBox(grid.shape, meant, grid.crs)
    return grid
