"""The result as a STAC Item."""

import json

import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from outcrop.__main__ import main
from outcrop.errors import RecipeError
from outcrop.products.stac import footprint
from outcrop.timespan import parse_timespan, to_text
from rasters import blobs, write


def run(folder, *more, crs="EPSG:32754"):
    data, _ = blobs((40, 60), bands=6, units=3)
    scene = write(folder / "a scene.tif", np.round(data * 1e4).astype("u2"), nodata=0, crs=crs)
    argv = ["map", scene, "-o", str(folder / "out"), "--units", "3", "--sensor", "landsat8", "-q"]
    assert main([*argv, *more]) == 0
    return folder / "out"


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return run(tmp_path_factory.mktemp("stac"), "--datetime", "2020-01-14T17:11:31Z")


@pytest.fixture(scope="module")
def item(out):
    return json.loads((out / "item.json").read_text("utf-8"))


def test_it_is_an_item_by_the_specification(item):
    assert (item["type"], item["stac_version"]) == ("Feature", "1.0.0")
    assert item["id"] == "a_scene-units"
    assert item["properties"]["datetime"] == "2020-01-14T17:11:31Z"
    assert item["properties"]["proj:epsg"] == 32754
    assert item["properties"]["proj:shape"] == [40, 60]
    assert item["properties"]["proj:transform"] == [30, 0, 600000, 0, -30, 6600000]
    assert item["properties"]["proj:bbox"] == [600000, 6598800, 601800, 6600000]
    assert all(f"/{name}/v" in " ".join(item["stac_extensions"])
               for name in ("projection", "raster", "classification"))  # fmt: skip
    west, south, east, north = item["bbox"]
    assert 141 < west < east < 143
    assert -31 < south < north < -30
    shape = shapely.geometry.shape(item["geometry"])
    np.testing.assert_allclose(shape.bounds, item["bbox"])
    assert shape.is_valid
    assert item["links"] == []


def test_its_classes_are_the_legend(item, out):
    legend = json.loads((out / "legend.json").read_text("utf-8"))
    (band,) = item["assets"]["units"]["raster:bands"]
    nothing, *classes = band["classification:classes"]
    assert (nothing["value"], nothing["nodata"], band["nodata"]) == (0, True, 0)
    assert [c["value"] for c in classes] == [u["number"] for u in legend["units"]]
    assert [c["title"] for c in classes] == [u["name"] for u in legend["units"]]
    assert ["#" + c["color_hint"].lower() for c in classes] == [
        u["colour"] for u in legend["units"]
    ]
    assert [c["count"] for c in classes] == [u["pixels"] for u in legend["units"]]
    assert sum(c["percentage"] for c in classes) == pytest.approx(100)
    assert all(c["name"].replace("_", "").isalnum() for c in classes)


def test_every_asset_is_there(item, out):
    assert {"units", "polygons", "legend", "map", "report"} <= set(item["assets"])
    for asset in item["assets"].values():
        assert (out / asset["href"]).is_file()
        assert asset["type"]
        assert asset["roles"]


def test_pystac_reads_it(item, out):
    pystac = pytest.importorskip(
        "pystac", reason="pystac is not installed: STAC is checked by hand"
    )
    read = pystac.Item.from_file(str(out / "item.json"))
    assert read.datetime.year == 2020
    try:
        read.validate()
    except Exception as error:
        if type(error).__name__ not in ("GetSchemaError", "ImportError", "ModuleNotFoundError"):
            raise
        pytest.skip(f"the schemas cannot be had here: {error}")


@pytest.mark.parametrize(
    ("crs", "more", "why"),
    [("EPSG:32754", (), "--datetime"), (None, ("--datetime", "2020-01-14"), "no CRS")],
)
def test_without_time_or_place_there_is_none_and_the_report_says_why(tmp_path, crs, more, why):
    out = run(tmp_path, *more, crs=crs)
    assert not (out / "item.json").exists()
    assert why in json.loads((out / "metrics.json").read_text("utf-8"))["left_out"]["item.json"]
    assert why in (out / "report.html").read_text("utf-8")


def test_another_scene_has_another_time(out, tmp_path):
    scene = str(out.parent / "a scene.tif")
    assert main(["apply", str(out), scene, "-o", str(tmp_path / "b"), "-q"]) == 0
    assert not (tmp_path / "b" / "item.json").exists()
    argv = ["apply", str(out), scene, "-o", str(tmp_path / "c"), "-q", "--datetime", "2021-05-06"]
    assert main(argv) == 0
    times = json.loads((tmp_path / "c" / "item.json").read_text("utf-8"))["properties"]
    assert times["datetime"] is None
    assert times["start_datetime"] == "2021-05-06T00:00:00Z"
    assert times["end_datetime"] == "2021-05-06T23:59:59Z"


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2020-01-14T17:11:31.25Z", "2020-01-14T17:11:31.250Z", "2020-01-14T17:11:31.250Z"),
        ("2020-01-14T17:11", "2020-01-14T17:11:00Z", "2020-01-14T17:11:00Z"),
        ("2020-01-14T01:00+02:00", "2020-01-13T23:00:00Z", "2020-01-13T23:00:00Z"),
        ("2020-01-14/2020-02-01T05:00Z", "2020-01-14T00:00:00Z", "2020-02-01T05:00:00Z"),
    ],
)
def test_times(text, start, end):
    assert tuple(map(to_text, parse_timespan(text))) == (start, end)


@pytest.mark.parametrize("text", ["", "yesterday", "2020-13-01", "2021-01-01/2020-01-01", "1/2/3"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(RecipeError, match="2020-01-14"):
        parse_timespan(text)


def test_footprints_at_the_antimeridian_and_at_a_pole():
    across = GeoBox((100, 100), Affine(1000, 0, 790000, 0, -1000, 1e5), "EPSG:32660")
    geometry, (west, south, east, north) = footprint(across)
    assert geometry["type"] == "MultiPolygon"
    assert 179 < west < 180
    assert -180 < east < -179
    assert south < north
    parts = shapely.geometry.shape(geometry)
    assert parts.is_valid
    assert parts.bounds[0] == -180
    around = GeoBox((100, 100), Affine(1000, 0, -20000, 0, -1000, 30000), "EPSG:3031")
    geometry, bbox = footprint(around)
    assert (bbox[0], bbox[1], bbox[2]) == (-180, -90, 180)
    assert -90 < bbox[3] < -89
    beside = GeoBox((100, 100), Affine(1000, 0, 500000, 0, -1000, 500000), "EPSG:3031")
    assert footprint(beside)[1][2] < 100
    world = GeoBox((180, 360), Affine(1, 0, -180, 0, -1, 90), "EPSG:4326")
    assert footprint(world)[1] == [-180, -90, 180, 90]
