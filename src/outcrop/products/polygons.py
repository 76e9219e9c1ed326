"""``units.gpkg``: the units as polygons along the pixel edges, with colours that QGIS finds."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from outcrop.components import Builder, ReadRows, Table, strips
from outcrop.errors import OutputError
from outcrop.grid import gis_transform
from outcrop.products import confidence, sld, style
from outcrop.products.confidence import PolygonMeans
from outcrop.products.legend import Legend
from outcrop.products.raster import row_reader
from outcrop.products.rings import Corners, Rings, assemble, corners

if TYPE_CHECKING:
    from affine import Affine
    from odc.geo.geobox import GeoBox

LAYER = "units"
#: More polygons than this are not written: no GIS draws them, and a minimum area is missing.
MOST = 5_000_000
#: More polygons than this are not simplified: all have to be in memory at once.
MOST_SIMPLIFIED = 500_000
#: Metres of a degree at the equator.
DEGREE = 111_320.0
#: Stands for an order in the stratigraphic column that nobody gave.
NO_ORDER = -(2**31)
#: Points that are collected before they are written.
BATCH = 2_000_000


@dataclass(frozen=True)
class Polygons:
    """Some of the polygons of a label raster.

    Parameters
    ----------
    rings : Rings
    labels : ndarray of uint8, shape (polygons,)
    pixels : ndarray of int64, shape (polygons,)
    areas : ndarray of float64, shape (polygons,)
    components : ndarray of int32, shape (polygons,)
        Their rows in the table of components.
    """

    rings: Rings
    labels: NDArray[np.uint8]
    pixels: NDArray[np.int64]
    areas: NDArray[np.float64]
    components: NDArray[np.int32]


def components(
    read: ReadRows,
    shape: Sequence[int],
    row_areas: NDArray[np.float64],
    *,
    rows: int | None = None,
    also: PolygonMeans | None = None,
) -> Table:
    """Find the 4-connected areas of one label in a raster; arguments as `trace`.

    Parameters
    ----------
    row_areas : ndarray of float64, shape (rows,)
        Area of one pixel of each row.
    also : PolygonMeans, optional
        Takes the strips too.
    """
    builder = Builder()
    for strip in strips(read, shape, rows):
        builder.add(strip, row_areas[strip.row : strip.row + len(strip.labels)])
        if also is not None:
            also.add(strip)
    return builder.table()


def trace(
    read: ReadRows, shape: Sequence[int], table: Table, *, rows: int | None = None
) -> Iterator[Polygons]:
    """Turn a label raster into polygons, each as soon as its last row has been read.

    A polygon is a 4-connected area of one label. In memory are a strip of the raster, the
    table of components and the corners of polygons that are not complete yet.

    Parameters
    ----------
    read : callable
        ``read(row, height)`` returns full-width rows of labels, 0 = no data.
    shape : sequence of int
        Rows and columns.
    table : Table
        The raster's `components`, found with the same ``rows``.
    rows : int, optional
        Rows of a strip; has no influence on the polygons but their order.
    """
    above = np.zeros(shape[1], np.int32)
    waiting = Corners.none()
    for index, strip in enumerate(strips(read, shape, rows)):
        _number(strip.ids, table.node, strip.offset)
        waiting = waiting + corners(above, strip.ids, strip.row)
        above = strip.ids[-1].copy()
        done = table.last[waiting.component] < index
        if done.any():
            yield _polygons(waiting[done], table)
            waiting = waiting[~done]
    waiting = waiting + corners(above, np.zeros((1, shape[1]), np.int32), shape[0])
    if len(waiting.x):
        yield _polygons(waiting, table)


@njit(nogil=True, cache=True)
def _number(ids: Any, node: Any, offset: Any) -> None:  # pragma: no cover - compiled
    """Put components in the place of a strip's own numbers."""
    for y in range(ids.shape[0]):
        for x in range(ids.shape[1]):
            if ids[y, x]:
                ids[y, x] = node[ids[y, x] + offset]


def _polygons(records: Corners, table: Table) -> Polygons:
    rings = assemble(records)
    c = rings.components
    return Polygons(rings, table.labels[c], table.pixels[c], table.weights[c], c)


def write_polygons(
    folder: Path,
    legend: Legend,
    grid: GeoBox,
    row_areas: NDArray[np.float64],
    *,
    simplify: float = 0.0,
) -> int:
    """Write ``units.gpkg`` from ``units.tif``, unless it would have more than `MOST` polygons.

    Where there is a ``confidence.tif``, each polygon gets the mean of its pixels.

    Parameters
    ----------
    folder : Path
        Holds ``units.tif``.
    legend : Legend
    grid : GeoBox
        Without a CRS the layer's is "undefined Cartesian" (-1); see `outcrop.grid.gis_transform`
        for its coordinates.
    row_areas : ndarray of float64, shape (rows,)
        Area of one pixel of each row.
    simplify : float
        Metres (pixels without a CRS) by which outlines may be smoothed, together, so that
        neighbours still fit; not done for more than `MOST_SIMPLIFIED` polygons.

    Returns
    -------
    int
        How many polygons the map has.

    Raises
    ------
    OutputError
        If the disk is full or the file cannot be written.
    """
    from pyogrio.errors import DataLayerError, DataSourceError, FieldError

    path = folder / "units.gpkg"
    try:
        with row_reader(folder / "units.tif") as read, _means(folder) as means:
            table = components(read, grid.shape, row_areas, also=means)
            sure = None if means is None else means.means(table)
            count = len(table.labels) - 1
            if count > MOST:
                return count
            batches = _batches(trace(read, grid.shape, table))
            tolerance = in_units(simplify, grid) if count <= MOST_SIMPLIFIED else 0.0
            if tolerance:  # an outline is its neighbours' too: all at once
                batches = iter([[part for batch in batches for part in batch]])
            for i, batch in enumerate(batches):
                _append(path, batch, legend, grid, sure, first=i == 0, tolerance=tolerance)
        with closing(sqlite3.connect(path)) as database, database:
            add_style(database, style.polygon_qml(legend), sld.polygon_sld(legend))
            _check_written(database, count)
    except (DataSourceError, DataLayerError, FieldError, sqlite3.Error, OSError) as error:
        raise OutputError(
            f"{path.name} cannot be written ({str(error).splitlines()[0]}); is the disk full? "
            "Free some space or choose another folder"
        ) from error
    return count


@contextmanager
def _means(folder: Path) -> Iterator[PolygonMeans | None]:
    """Give what averages a folder's confidence; None if it has none."""
    if not (folder / confidence.NAME).is_file():
        yield None
        return
    with row_reader(folder / confidence.NAME) as read:
        yield PolygonMeans(read)


def _check_written(database: sqlite3.Connection, count: int) -> None:
    """Count what was written: a disk that is full when GDAL makes the index raises nothing."""
    for table in (LAYER, f"rtree_{LAYER}_geom"):
        (written,) = database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()
        if written != count:
            raise OSError(f"{written} of {count} rows of {table} were written")


def _batches(parts: Iterator[Polygons]) -> Iterator[list[Polygons]]:
    """Group what is traced, so that few writes are needed and little is held."""
    batch: list[Polygons] = []
    for part in parts:
        batch.append(part)
        if sum(len(p.rings.points) for p in batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def in_units(metres: float, grid: GeoBox) -> float:
    """Return a length in units of a grid's CRS; without a CRS it is in pixels already."""
    if grid.crs is None:
        return metres * float(abs(grid.affine.determinant) ** 0.5)
    if grid.crs.geographic:
        return metres / DEGREE
    return metres / float(grid.crs.proj.axis_info[0].unit_conversion_factor)


def geometries(rings: Rings, transform: Affine) -> NDArray[Any]:
    """Return rings as shapely polygons, (polygons,)."""
    import shapely

    x, y = rings.points[:, 0], rings.points[:, 1]
    a, b, c, d, e, f = transform[:6]
    # The same corner gets the same bits in every polygon.
    points = np.column_stack([a * x + b * y + c, d * x + e * y + f])
    polygons: NDArray[Any] = shapely.from_ragged_array(
        shapely.GeometryType.POLYGON, points, (rings.ring_starts, rings.polygon_starts)
    )
    return polygons


def _append(
    path: Path,
    batch: list[Polygons],
    legend: Legend,
    grid: GeoBox,
    sure: NDArray[np.float64] | None,
    *,
    first: bool,
    tolerance: float = 0.0,
) -> None:
    import pyogrio.raw
    import shapely

    transform = gis_transform(grid)
    shapes = np.concatenate([geometries(part.rings, transform) for part in batch])
    if tolerance:
        shapes = shapely.coverage_simplify(shapes, tolerance)
    labels = np.concatenate([part.labels for part in batch])
    fields = {
        **_attributes(legend, labels),
        "area": np.concatenate([part.areas for part in batch]),
        "pixels": np.concatenate([part.pixels for part in batch]),
    }
    if sure is not None:
        own = np.concatenate([part.components for part in batch])
        fields["mean_confidence"] = np.round(sure[own], 1)
    missing = [v == NO_ORDER if k == "strat_order" else None for k, v in fields.items()]
    # A layer without a CRS would get "undefined geographic": degrees.
    options = {"GEOMETRY_NAME": "geom"} | ({"SRID": "-1"} if grid.crs is None else {})
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="'crs' was not provided")
        pyogrio.raw.write(
            path, shapely.to_wkb(shapes), list(fields.values()), list(fields), missing,
            layer=LAYER, driver="GPKG", geometry_type="Polygon", append=not first,
            crs=str(grid.crs) if grid.crs is not None else None,
            layer_options=options if first else None,
            # What QGIS and GDAL of 2018 read too; nothing newer is used.
            dataset_options={"VERSION": "1.2"} if first else None,
        )  # fmt: skip


def _attributes(legend: Legend, labels: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """Return the columns that polygons take from their unit's entry in the legend."""
    tables: dict[str, Mapping[int, str | None]] = {
        "name": {u.number: u.name for u in legend.units},
        "colour": {u.number: u.colour for u in legend.units},
        **_interpreted(legend),
    }
    columns: dict[str, NDArray[Any]] = {"number": labels.astype(np.int32)}
    for name, table in tables.items():
        values = np.full(256, None, dtype=object)
        for number, value in table.items():
            values[number] = value
        columns[name] = values[labels]
    orders = np.full(256, NO_ORDER, np.int32)
    for unit in legend.units:
        if unit.geology.order is not None:
            orders[unit.number] = unit.geology.order
    columns["strat_order"] = orders[labels]
    return columns


def _interpreted(legend: Legend) -> dict[str, Mapping[int, str | None]]:
    """Return the geologist's fields as texts by unit number; None is not filled in."""
    given = {u.number: u.geology for u in legend.units}
    return {
        "lithology": {n: g.lithology.label or None for n, g in given.items()},
        "lithology_id": {n: g.lithology.id or None for n, g in given.items()},
        "age": {n: g.age.label or None for n, g in given.items()},
        "age_id": {n: g.age.id or None for n, g in given.items()},
        "interpretation_confidence": {n: g.confidence or None for n, g in given.items()},
        "notes": {n: g.notes or None for n, g in given.items()},
    }


def add_style(database: sqlite3.Connection, qml: str, sld: str) -> None:
    """Add the default style of the layer to a GeoPackage, where QGIS looks for it.

    The table is QGIS's own (``layer_styles``, written by "Save style > in database").
    """
    database.execute(
        "CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, "
        "f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256), "
        "f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT, "
        "useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), "
        "update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))"
    )
    database.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description) "
        "VALUES ('layer_styles', 'attributes', 'layer_styles', '')"
    )
    database.execute(
        "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, "
        "f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description, owner) "
        "VALUES ('', '', ?, 'geom', ?, ?, ?, 1, 'Spectral units', '')",
        (LAYER, LAYER, qml, sld),
    )
