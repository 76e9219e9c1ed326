"""Polygons of a label raster: every promise checked against rasterio and GEOS."""

import dataclasses
import shutil
import sqlite3
import subprocess
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from rasterio._env import get_gdal_config
from rasterio.features import rasterize, shapes

from outcrop.components import strips
from outcrop.engine import CACHE_BYTES
from outcrop.errors import OutputError
from outcrop.grid import row_areas
from outcrop.products.interpretation import Interpretation, Term
from outcrop.products.legend import Legend, Unit
from outcrop.products.polygons import components, geometries, in_units, trace, write_polygons
from outcrop.products.raster import row_reader
from outcrop.products.write import write_layers
from outcrop.sensors.base import Band

GRID_LINES = Affine.identity()
NORTH_UP = Affine(30, 0, 6e5, 0, -30, 6.6e6)


def legend(labels):
    units = [
        Unit(int(n), f"Grès <{n}> & 'marl'", f"#{n:02x}80ff", 9, None, 0.1, (0.1,))
        for n in np.unique(labels[labels > 0])
    ]
    return Legend.of(units, [Band("B1")])


def traced(labels, transform=GRID_LINES, rows=512):
    """Polygons and their labels, in the order of their first pixels."""

    def read(row, height):
        return labels[row : row + height]

    table = components(read, labels.shape, np.ones(len(labels)), rows=rows)
    parts = list(trace(read, labels.shape, table, rows=rows))
    if not parts:
        return np.zeros(0, object), np.zeros(0, np.uint8)
    order = np.argsort(np.concatenate([p.rings.components for p in parts]))
    polygons = np.concatenate([geometries(p.rings, transform) for p in parts])[order]
    if transform == GRID_LINES:
        pixels = np.concatenate([p.pixels for p in parts])[order]
        np.testing.assert_array_equal(shapely.area(polygons), pixels)
    return polygons, np.concatenate([p.labels for p in parts])[order]


def random_labels(shape, units, holes, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(1, units + 1, shape).astype(np.uint8)
    labels[rng.random(shape) < holes] = 0
    return labels


@given(
    shape=st.tuples(st.integers(1, 24), st.integers(1, 24)),
    units=st.integers(1, 4),
    holes=st.sampled_from([0.0, 0.1, 0.6]),
    rows=st.integers(1, 25),
    seed=st.integers(0, 9999),
)
def test_polygons_are_valid_clean_and_the_raster_again(shape, units, holes, rows, seed):
    labels = random_labels(shape, units, holes, seed)
    polygons, values = traced(labels, rows=rows)
    whole, same = traced(labels)
    assert shapely.equals_exact(polygons, whole).all(), "strips must not show"
    np.testing.assert_array_equal(values, same)
    assert shapely.is_valid(polygons).all()
    assert shapely.coverage_is_valid(polygons), "neighbours share whole edges"
    assert shapely.area(polygons).sum() == (labels > 0).sum()
    assert shapely.area(shapely.union_all(polygons)) == (labels > 0).sum()
    if len(polygons):
        again = rasterize(zip(polygons, values, strict=True), shape, dtype=np.uint8)
        np.testing.assert_array_equal(again, labels)
    theirs = [(shapely.geometry.shape(g), v) for g, v in shapes(labels, labels > 0, 4)]
    assert len(theirs) == len(polygons), "as many 4-connected areas as GDAL finds"
    assert sorted(g.area for g, _ in theirs) == sorted(shapely.area(polygons))


def test_a_wide_raster_is_read_in_low_strips():
    heights = []

    def read(row, height):
        heights.append(height)
        return np.ones((height, 2**20), np.uint8)

    assert sum(s.count for s in strips(read, (20, 2**20))) == 3
    assert heights == [8, 8, 4]


def test_gdal_holds_some_rows_of_a_raster_and_not_all(tmp_path):
    labels = np.ones((40, 30), np.uint8)
    write_map(tmp_path, labels, GeoBox(labels.shape, NORTH_UP, "EPSG:32754"))
    before = get_gdal_config("GDAL_CACHEMAX")
    with row_reader(tmp_path / "units.tif") as read:
        np.testing.assert_array_equal(read(8, 16), labels[:16])
        assert get_gdal_config("GDAL_CACHEMAX") <= CACHE_BYTES
    assert get_gdal_config("GDAL_CACHEMAX") == before


def test_outlines_run_counterclockwise_on_a_north_up_map():
    polygons, _ = traced(random_labels((12, 13), 3, 0.2, 1), NORTH_UP)
    assert shapely.is_ccw(shapely.get_exterior_ring(polygons)).all()


def test_a_rotated_grid_has_no_gaps_either():
    transform = Affine.translation(6e5, 6.6e6) * Affine.rotation(17) * Affine.scale(30, -20)
    polygons, _ = traced(random_labels((40, 50), 4, 0.1, 2), transform)
    assert shapely.is_valid(polygons).all()
    assert shapely.coverage_is_valid(polygons)


def write_map(folder, labels, grid, name="units.tif"):
    with rasterio.open(
        folder / name, "w", driver="GTiff", dtype="uint8", count=1, nodata=0,
        height=labels.shape[0], width=labels.shape[1], transform=grid.affine,
        crs=str(grid.crs) if grid.crs is not None else None,
    ) as dataset:  # fmt: skip
        dataset.write(labels, 1)


@pytest.fixture(params=["EPSG:32754", None])
def packed(request, tmp_path):
    labels = np.kron(random_labels((40, 30), 3, 0.1, 3), np.ones((15, 2), np.uint8))
    transform = NORTH_UP if request.param else Affine.identity()
    grid = GeoBox(labels.shape, transform, request.param)
    write_map(tmp_path, labels, grid)
    count = write_polygons(tmp_path, legend(labels), grid, row_areas(grid))
    return tmp_path / "units.gpkg", labels, grid, count


def test_the_geopackage_is_the_map(packed):
    path, labels, grid, count = packed
    frame = pyogrio.read_dataframe(path, layer="units")
    assert len(frame) == count
    assert frame.is_valid.all()
    pixel = 900 if grid.crs is not None else 1
    assert frame["pixels"].sum() == (labels > 0).sum()
    assert frame["area"].sum() == frame.geometry.area.sum() == (labels > 0).sum() * pixel
    names = {u.number: (u.name, u.colour) for u in legend(labels).units}
    rows = frame[["number", "name", "colour"]].itertuples(index=False)
    assert all(names[number] == (name, colour) for number, name, colour in rows)
    if grid.crs is None:
        assert "Undefined Cartesian" in frame.crs.name
        assert frame.total_bounds.tolist() == [0, -600, 60, 0], "y is minus the row"
    else:
        assert frame.crs.to_epsg() == 32754
    transform = grid.affine if grid.crs is not None else Affine(1, 0, 0, 0, -1, 0)
    again = rasterize(
        zip(frame.geometry, frame["number"], strict=True), labels.shape, transform=transform,
        dtype=np.uint8,
    )  # fmt: skip
    np.testing.assert_array_equal(again, labels)


def test_the_style_is_where_qgis_looks(packed):
    path, labels, grid, _ = packed
    with sqlite3.connect(path) as database:
        (srs,) = database.execute(
            "SELECT srs_id FROM gpkg_geometry_columns WHERE table_name = 'units'"
        ).fetchone()
        assert srs == (32754 if grid.crs is not None else -1)
        found = database.execute(
            "SELECT f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles"
        ).fetchall()
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert [row[:3] for row in found] == [("units", "geom", 1)]
    root = ET.fromstring(found[0][3])
    renderer = root.find("renderer-v2")
    assert renderer.get("attr") == "number"
    symbols = {
        s.get("name"): s.find("layer/Option/Option[@name='color']").get("value")
        for s in renderer.iterfind("symbols/symbol")
    }
    colours = {
        int(c.get("value")): (c.get("label"), symbols[c.get("symbol")])
        for c in renderer.iterfind("categories/category")
    }
    for unit in legend(labels).units:
        rgb = ",".join(str(int(unit.colour[i : i + 2], 16)) for i in (1, 3, 5))
        assert colours[unit.number] == (unit.name, rgb + ",255")


def test_gdal_reads_it(packed):
    tool = shutil.which("ogrinfo")
    if tool is None:
        pytest.skip("ogrinfo is not installed: GDAL's own reading of the polygons is not tested")
    path, labels, _, count = packed
    sql = "SELECT COUNT(*) AS n, SUM(area) AS area, SUM(pixels) AS pixels FROM units"
    run = subprocess.run(
        [tool, "-q", "-ro", path, "-sql", sql], capture_output=True, text=True, check=True
    )
    assert f"n (Integer) = {count}" in run.stdout
    assert f"pixels (Integer) = {(labels > 0).sum()}" in run.stdout
    listed = subprocess.run([tool, "-ro", path], capture_output=True, text=True, check=True)
    assert "units (Polygon)" in listed.stdout
    assert "rror" not in listed.stderr + run.stderr


def test_a_geologists_words_travel_with_the_polygons(tmp_path):
    grid = GeoBox((5, 6), NORTH_UP, "EPSG:32754")
    labels = np.repeat(np.array([[1, 1, 2, 2, 5, 5]], np.uint8), 5, axis=0)
    write_map(tmp_path, labels, grid)
    one, two, five = legend(labels).units
    filled = Interpretation(
        Term("http://example.org/schist", "schist"), Term("", "Devonian"), 4, "high", "a, b"
    )
    units = [dataclasses.replace(one, geology=filled), two, five]
    write_polygons(tmp_path, Legend.of(units, [Band("B1")]), grid, row_areas(grid))
    first, *others = pyogrio.read_dataframe(tmp_path / "units.gpkg", layer="units").to_dict(
        "records"
    )
    expected = {
        "number": 1, "lithology": "schist", "lithology_id": "http://example.org/schist",
        "age": "Devonian", "age_id": None, "strat_order": 4,
        "interpretation_confidence": "high", "notes": "a, b",
    }  # fmt: skip
    assert pd.isna(first.pop("age_id"))
    assert {key: first[key] for key in expected if key != "age_id"} | {"age_id": None} == expected
    assert all(pd.isna(o[key]) for o in others for key in expected if key != "number")


def test_a_failed_write_says_so(tmp_path):
    grid = GeoBox((5, 6), NORTH_UP, "EPSG:32754")
    labels = np.ones((5, 6), np.uint8)
    write_map(tmp_path, labels, grid)
    (tmp_path / "units.gpkg").mkdir()
    with pytest.raises(OutputError, match=r"units\.gpkg cannot be written"):
        write_polygons(tmp_path, legend(labels), grid, row_areas(grid))


@pytest.mark.parametrize("share", [0.3, 0.85, 0.97])
def test_a_full_disk_is_noticed_whenever_it_fills(tmp_path, share):
    resource = pytest.importorskip("resource", reason="needs a limit on the size of files")
    grid = GeoBox((80, 80), NORTH_UP, "EPSG:32754")
    labels = random_labels((80, 80), 3, 0.1, 1)
    write_map(tmp_path, labels, grid)
    path = tmp_path / "units.gpkg"
    assert write_polygons(tmp_path, legend(labels), grid, row_areas(grid)) > 1000
    size = path.stat().st_size
    path.unlink()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(share * size), before[1]))
    try:
        with pytest.raises(OutputError, match=r"units\.gpkg cannot be written"):
            write_polygons(tmp_path, legend(labels), grid, row_areas(grid))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_many_writes_make_one_layer(tmp_path, monkeypatch):
    grid = GeoBox((1100, 12), NORTH_UP, "EPSG:32754")
    labels = random_labels((1100, 12), 3, 0.1, 1)
    write_map(tmp_path, labels, grid)
    monkeypatch.setattr("outcrop.products.polygons.BATCH", 1)
    count = write_polygons(tmp_path, legend(labels), grid, row_areas(grid))
    frame = pyogrio.read_dataframe(tmp_path / "units.gpkg", layer="units")
    assert len(frame) == count
    assert frame.geometry.area.sum() == frame["area"].sum() == (labels > 0).sum() * 900
    assert frame["strat_order"].isna().all()


def test_too_many_are_counted_and_not_written(tmp_path, monkeypatch):
    grid = GeoBox((5, 6), NORTH_UP, "EPSG:32754")
    labels = random_labels((5, 6), 3, 0.1, 1)
    write_map(tmp_path, labels, grid)
    monkeypatch.setattr("outcrop.products.polygons.MOST", 3)
    assert write_polygons(tmp_path, legend(labels), grid, row_areas(grid)) > 3
    assert not (tmp_path / "units.gpkg").exists()
    assert "--min-area" in write_layers(tmp_path, legend(labels), grid)["units.gpkg"]


def test_simplified_neighbours_still_fit(tmp_path):
    random = np.random.default_rng(3)
    labels = np.kron(random.integers(0, 4, (12, 15)), np.ones((8, 8), int)).astype(np.uint8)
    labels[random.random(labels.shape) < 0.03] = 2
    grid = GeoBox(labels.shape, NORTH_UP, "EPSG:32754")
    counts = {}
    for metres in (0.0, 90.0):
        folder = tmp_path / f"{metres:g}"
        folder.mkdir()
        with rasterio.open(
            folder / "units.tif", "w", driver="GTiff", dtype="uint8", count=1, nodata=0,
            height=labels.shape[0], width=labels.shape[1], transform=NORTH_UP, crs="EPSG:32754",
        ) as dataset:  # fmt: skip
            dataset.write(labels, 1)
        write_polygons(folder, legend(labels), grid, row_areas(grid), simplify=metres)
        frame = pyogrio.read_dataframe(folder / "units.gpkg", layer="units")
        shapes = frame.geometry.to_numpy()
        assert shapely.coverage_is_valid(shapes)
        assert shapely.is_valid(shapes).all()
        counts[metres] = len(frame), shapely.get_num_coordinates(shapes).sum(), frame.area.sum()
    assert counts[0.0][0] == counts[90.0][0]
    assert counts[90.0][1] < 0.8 * counts[0.0][1]
    assert counts[90.0][2] == pytest.approx(counts[0.0][2], rel=0.02)


def test_lengths_are_in_units_of_the_crs():
    cases = ((None, Affine.identity(), 2.0, 2.0), ("EPSG:32754", NORTH_UP, 2.0, 2.0),
             ("EPSG:4326", Affine(0.01, 0, 0, 0, -0.01, 0), 111_320.0, 1.0),
             ("EPSG:2263", NORTH_UP, 0.3048, 1.0))  # fmt: skip
    for crs, affine, metres, units in cases:
        assert in_units(metres, GeoBox((5, 5), affine, crs)) == pytest.approx(units, rel=1e-4)
