"""Where pixels lie, and their areas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox


def counts_pixels(affine: Affine) -> bool:
    """Tell whether coordinates are columns and rows, of a whole scene or a part of it."""
    a, b, _, d, e, _ = affine[:6]
    return bool((a, b, d, e) == (1, 0, 0, 1))


def gis_transform(grid: GeoBox) -> Affine:
    """Return the transform from column and row to the coordinates that products are written in.

    They are the grid's own, but that y = -row where they count pixels: so GIS draw a raster without
    a position. A map then fits over its scene, of which it may be a part.
    """
    if grid.crs is None and counts_pixels(grid.affine):
        return Affine.scale(1, -1) * grid.affine
    return grid.affine


def first_pixel(grid: GeoBox) -> tuple[float, float]:
    """Return column and row of a grid's corner in the scene without a CRS that it is a part of.

    They are 0 where the grid's coordinates are no columns and rows, neither the scene's own nor
    those that products are written in.
    """
    for affine in (grid.affine, Affine.scale(1, -1) * grid.affine):
        if grid.crs is None and counts_pixels(affine) and min(affine.c, affine.f) >= 0:
            return affine.c, affine.f
    return 0.0, 0.0


def upright(grid: GeoBox) -> slice:
    """Return how rows are taken for a page, which has no axes: from north to south.

    What is stored from south to north is turned over.
    """
    return slice(None, None, -1 if grid.crs is not None and grid.affine.e > 0 else None)


def turned(frame: Any, affine: Affine) -> bool:
    """Tell whether shapes lie upside down to a raster without a CRS, whose pixels they count.

    Parameters
    ----------
    frame : GeoDataFrame
        Shapes over it: with y = -row where they were drawn in a GIS, or with y = row.
    affine : Affine
        From its column and row to its coordinates, which have y = row, or y = -row as
        `gis_transform` gives it.
    """
    _, low, _, high = frame.total_bounds
    if counts_pixels(affine):
        return bool(high <= 0)
    return counts_pixels(Affine.scale(1, -1) * affine) and affine.f <= 0 <= low


def turn(frame: Any) -> Any:
    """Return shapes with the other sign of y."""
    return frame.set_geometry(frame.geometry.scale(1, -1, origin=(0, 0)))


def row_areas(grid: GeoBox) -> NDArray[np.float64]:
    """Area of one pixel of each row, in square metres, or 1 each without a CRS.

    In a geographic or Mercator CRS, whose pixels shrink towards the poles, the area is that
    of the pixel's quadrilateral on the ellipsoid (Karney 2013, through pyproj), taken in the
    middle column; elsewhere it is the product of the pixel's sides.

    Returns
    -------
    ndarray of float64, shape (rows,)
    """
    rows, cols = grid.shape
    if grid.crs is None:
        return np.ones(rows)
    crs = grid.crs.proj
    if not (crs.is_geographic or "mercator" in _method(crs)) or "transverse" in _method(crs):
        metres = crs.axis_info[0].unit_conversion_factor
        return np.full(rows, abs(grid.affine.determinant) * metres**2)
    return _geodesic(grid, crs, rows, cols // 2)


def _method(crs: object) -> str:
    operation = getattr(crs, "coordinate_operation", None)
    return operation.method_name.lower() if operation is not None else ""


def _geodesic(grid: GeoBox, crs: Any, rows: int, col: int) -> NDArray[np.float64]:
    from pyproj import Transformer

    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    edges = np.arange(rows + 1, dtype=float)
    a = grid.affine
    left, right = (
        (a.a * c + a.b * edges + a.c, a.d * c + a.e * edges + a.f) for c in (col, col + 1)
    )
    west, east = to_degrees.transform(*left), to_degrees.transform(*right)
    geod = crs.get_geod()
    area = [
        geod.polygon_area_perimeter(
            [west[0][i], east[0][i], east[0][i + 1], west[0][i + 1]],
            [west[1][i], east[1][i], east[1][i + 1], west[1][i + 1]],
        )[0]
        for i in range(rows)
    ]
    return np.abs(np.asarray(area, np.float64))
