"""Several sensors as one cube: one grid, bands that tell themselves apart, reasons of all."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from outcrop.config import Input
from outcrop.errors import SceneError
from outcrop.opening import combine, open_sources
from outcrop.reasons import CLEAR, CLOUD
from outcrop.sensors import get_sensor
from outcrop.source import ArraySource, Window, read_reasons
from rasters import write


class Cloudy(ArraySource):
    def read_reasons(self, window):
        data = self.read(window)
        return data, np.where(np.isnan(data[0]), CLOUD, CLEAR).astype("u1")


def scene(sensor, names, shape, pixel, corner, value, kind=ArraySource):
    bands = tuple(replace(get_sensor(sensor).band(n), quantity="reflectance") for n in names)
    grid = GeoBox(shape, Affine(pixel, 0, corner[0], 0, -pixel, corner[1]), "EPSG:32633")
    return kind(sensor, grid, bands, np.full((len(names), *shape), value, "f4"))


def two():
    fine = scene("sentinel2", ("B04", "B8A"), (30, 30), 20, (0, 600), 0.2)
    coarse = scene("aster", ("B05", "B06"), (12, 12), 30, (120, 540), 0.4, Cloudy)
    coarse.data[:, 3, 3] = np.nan
    return fine, coarse


def test_bands_lie_on_the_first_ones_grid_where_both_are():
    source = combine(two(), Input(stack=True))
    assert source.grid.affine == Affine(20, 0, 120, 0, -20, 540)
    assert source.grid.shape == (18, 18)
    assert [b.name for b in source.bands] == [
        "sentinel2_B04", "sentinel2_B8A", "aster_B05", "aster_B06"
    ]  # fmt: skip
    assert source.bands[2].wavelength_um == get_sensor("aster").band("B05").wavelength_um
    data, why = read_reasons(source, Window(0, 0, 18, 18))
    assert set(np.unique(why)) == {CLEAR, CLOUD}
    np.testing.assert_allclose(data[:2], 0.2, rtol=1e-6)
    np.testing.assert_allclose(data[2:][:, why == CLEAR], 0.4, rtol=1e-6)
    window = Window(2, 3, 5, 6)
    part, part_why = read_reasons(pickle.loads(pickle.dumps(source)), window)
    np.testing.assert_array_equal(part, data[:, *window.slices])
    np.testing.assert_array_equal(part_why, why[window.slices])


def test_bands_are_chosen_of_all():
    picked = combine(two(), Input(stack=True, bands=("aster_B06", "0.66")))
    assert [b.name for b in picked.bands] == ["aster_B06", "sentinel2_B04"]
    np.testing.assert_allclose(picked.read(Window(0, 0, 2, 2))[:, 0, 0], [0.4, 0.2], rtol=1e-6)
    with pytest.raises(SceneError, match="unknown band 'B99'"):
        combine(two(), Input(stack=True, bands=("B99",)))


def test_without_stack_unlike_bands_are_refused():
    with pytest.raises(SceneError, match="--stack lays different bands"):
        combine(two(), Input())
    fine, coarse = two()
    far = replace(coarse, grid=GeoBox((12, 12), Affine(30, 0, 9000, 0, -30, 540), "EPSG:32633"))
    with pytest.raises(SceneError, match="no ground in common"):
        combine([fine, far], Input(stack=True))


def test_dates_of_one_sensor_are_composed_before_sensors_are_stacked():
    fine, coarse = two()
    later = replace(fine, data=fine.data + np.float32(0.1))
    source = combine(
        [fine, coarse, later], Input(stack=True, composite="median", radiometry="none")
    )
    assert len(source.bands) == 4
    np.testing.assert_allclose(source.read(Window(0, 0, 2, 2))[0], 0.25, rtol=1e-6)


def test_sensors_are_named_one_for_each_scene(tmp_path):
    a = write(tmp_path / "a.tif", np.ones((7, 9, 9), "u1"))
    b = write(tmp_path / "b.tif", np.ones((9, 9, 9), "u1"))
    source = open_sources([a, b], Input(stack=True, sensor="landsat8,aster"))
    assert {b.name.split("_")[0] for b in source.bands} == {"landsat8", "aster"}
    with pytest.raises(SceneError, match="names 3 sensors for 2 scenes"):
        open_sources([a, b], Input(stack=True, sensor="landsat8,aster,aster"))


def test_two_scenes_of_one_sensor_are_counted():
    fine, coarse = two()
    other = scene("sentinel2", ("B11",), (30, 30), 20, (0, 600), 0.3)
    source = combine((fine, coarse, other), Input(stack=True))
    assert [b.name for b in source.bands] == [
        "sentinel2-1_B04", "sentinel2-1_B8A", "aster_B05", "aster_B06", "sentinel2-2_B11"
    ]  # fmt: skip
