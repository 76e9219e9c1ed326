import geopandas
import numpy as np
import pytest
from shapely.geometry import LineString, Point, Polygon, box

from outcrop.config import Input
from outcrop.errors import SceneError
from outcrop.opening import open_source
from outcrop.source import Window
from rasters import UTM, write


@pytest.fixture
def scene(tmp_path):
    return write(tmp_path / "a.tif", np.arange(2 * 40 * 50, dtype="u2").reshape(2, 40, 50))


def vector(tmp_path, geometry, crs=UTM, name="aoi.gpkg"):
    path = tmp_path / name
    geopandas.GeoDataFrame({"a": [1]}, geometry=[geometry], crs=crs).to_file(path)
    return str(path)


def test_scene_shrinks_to_the_area_on_its_own_pixels(tmp_path, scene):
    area = box(600000 + 65, 6600000 - 300, 600000 + 295, 6600000 - 95)
    source = open_source(scene, Input(aoi=vector(tmp_path, area)))
    assert source.grid.shape == (7, 8)
    assert (source.grid.affine.c, source.grid.affine.f) == (600060.0, 6599910.0)
    got = source.read(Window(0, 0, 7, 8))
    whole = open_source(scene).read(Window(3, 2, 7, 8))
    np.testing.assert_array_equal(got, whole)


def test_pixels_outside_a_polygon_are_no_data(tmp_path, scene):
    triangle = Point(600750, 6599400).buffer(300)
    source = open_source(scene, Input(aoi=vector(tmp_path, triangle)))
    got = source.read(Window(0, 0, *source.grid.shape))
    inside = np.isfinite(got[0])
    assert not inside[0, 0]
    assert inside[10, 10]
    assert abs(inside.sum() * 900 - triangle.area) < 0.05 * triangle.area
    part = source.read(Window(4, 5, 6, 7))
    np.testing.assert_array_equal(part, got[:, 4:10, 5:12])


def test_area_in_another_crs_and_format_is_reprojected(tmp_path, scene):
    frame = geopandas.GeoDataFrame(geometry=[box(600300, 6599100, 600900, 6599700)], crs=UTM)
    path = tmp_path / "aoi.geojson"
    frame.to_crs(4326).to_file(path)
    source = open_source(scene, Input(aoi=str(path)))
    assert abs(source.grid.shape[0] - 20) <= 2  # GeoJSON rounds to a centimetre
    assert abs(source.grid.shape[1] - 20) <= 2  # GeoJSON rounds to a centimetre


@pytest.mark.parametrize(
    ("geometry", "crs", "says"),
    [
        (box(0, 0, 10, 10), UTM, "outside the scene"),
        (LineString([(0, 0), (1, 1)]), UTM, "no polygon"),
        (box(600000, 6599000, 600900, 6599900), None, "has no CRS"),
    ],
)
def test_areas_that_do_not_fit_are_refused(tmp_path, scene, geometry, crs, says):
    with pytest.raises(SceneError, match=says):
        open_source(scene, Input(aoi=vector(tmp_path, geometry, crs)))


def test_unreadable_areas_are_refused(tmp_path, scene):
    bad = tmp_path / "bad.gpkg"
    bad.write_text("not a vector")
    with pytest.raises(SceneError, match="cannot be read as vector data"):
        open_source(scene, Input(aoi=str(bad)))
    with pytest.raises(SceneError, match="does not exist"):
        open_source(scene, Input(aoi=str(tmp_path / "no.gpkg")))


@pytest.mark.real_data
def test_the_park_of_a_real_scene(data):
    bands = ",".join(str(data / "zion" / f"landsat_b{i}.tif") for i in (2, 3, 4, 5))
    source = open_source(bands, Input(sensor="landsat8", aoi=str(data / "zion" / "zion.gpkg")))
    got = source.read(Window(0, 0, *source.grid.shape))
    share = np.isfinite(got).all(0).mean()
    # The park is about 593 km2 (US National Park Service: 146,597 acres).
    assert share * got[0].size * 900 / 1e6 == pytest.approx(593, rel=0.05)


@pytest.mark.parametrize("sign", [1, -1])
def test_area_over_a_scene_without_crs_is_in_columns_and_rows(tmp_path, sign):
    data = np.arange(2 * 40 * 50, dtype="u2").reshape(2, 40, 50)
    scene = write(tmp_path / "plain.tif", data, crs=None, transform=None)
    area = vector(tmp_path, box(10, sign * 5, 30, sign * 25), None)
    source = open_source(scene, Input(aoi=area))
    assert source.grid.shape == (20, 20)
    got = source.read(Window(0, 0, 20, 20))
    np.testing.assert_array_equal(got, open_source(scene).read(Window(5, 10, 20, 20)))
    with pytest.raises(SceneError, match="columns and rows, as it has no CRS"):
        open_source(scene, Input(aoi=vector(tmp_path, box(60, 5, 70, 25), None, "off.gpkg")))


@pytest.mark.filterwarnings("error")
def test_an_empty_geometry_is_no_polygon(tmp_path, scene):
    with pytest.raises(SceneError, match="holds no polygon"):
        open_source(scene, Input(aoi=vector(tmp_path, Polygon())))
