import numpy as np
import pytest

import outcrop
from outcrop.cube import as_source, from_array
from outcrop.errors import InputError
from outcrop.sensors import Band
from outcrop.source import Window
from rasters import UTM, write


@pytest.fixture
def opened(tmp_path):
    data = np.random.default_rng(0).integers(1, 9999, (6, 40, 50)).astype("u2")
    path = write(tmp_path / "a.tif", data)
    return outcrop.open_scene(path, sensor="landsat8", scale=1e-4), data * np.float32(1e-4)


def test_cube_is_lazy_until_asked(opened):
    cube, _ = opened
    assert not cube._in_memory
    assert not cube[:, 3:9].isel(band=[0, 2])._in_memory


@pytest.mark.parametrize(
    "key",
    [np.s_[:, 5:9, ::-3], np.s_[1, 30, 7], np.s_[::2, ::-1, 3:4], np.s_[:, [3, 1, 7], 5],
     np.s_[0:0], np.s_[:, 4:4], np.s_[-1, -1, -1]],
)  # fmt: skip
def test_any_selection_reads_what_numpy_would(opened, key):
    cube, data = opened
    np.testing.assert_allclose(cube[key].values, data[key], rtol=1e-6)


def test_wavelengths_quantity_and_position_are_coordinates(opened):
    cube, _ = opened
    assert cube.dims == ("band", "y", "x")
    assert cube.dtype == np.float32
    cut = cube.isel(band=[5, 0], y=slice(2, 9))
    assert cut.wavelength.values.tolist() == [2.201, 0.482]
    assert cut.fwhm.values.tolist() == [0.187, 0.060]
    assert set(cut.quantity.values) == {"reflectance"}
    assert cube.rio.crs == UTM
    assert cube.x.values[0] == 600015.0
    assert cube.y.values[0] == 6599985.0


def test_a_cut_cube_is_a_source_on_its_own_grid(opened):
    cube, data = opened
    source = as_source(cube[1:, 10:30, 5:45])
    assert source.grid.shape == (20, 40)
    assert (source.grid.affine.c, source.grid.affine.f) == (600150.0, 6599700.0)
    assert source.bands[0].name == "B3"
    np.testing.assert_allclose(source.read(Window(2, 3, 4, 5)), data[1:, 12:16, 8:13], rtol=1e-6)


def test_computed_cubes_are_sources_too(opened):
    cube, data = opened
    source = as_source(cube / cube.mean("band"))
    expected = data / data.mean(axis=0)
    np.testing.assert_allclose(source.read(Window(0, 0, 40, 50)), expected, rtol=1e-4)
    assert source.bands[0].wavelength_um == 0.482


def test_arrays_become_cubes_and_wrong_ones_are_refused():
    bands = (Band("a"), Band("b"))
    cube = from_array(np.ones((2, 3, 4)), bands, crs=UTM)
    assert as_source(cube).bands[1].name == "b"
    with pytest.raises(InputError, match="2 bands"):
        from_array(np.ones((3, 3, 4)), bands)
    with pytest.raises(InputError, match="dimensions"):
        as_source(cube[0])
    with pytest.raises(InputError, match="dimensions"):
        as_source(np.ones((2, 3, 4)))


def test_a_cut_of_a_rotated_cube_keeps_its_place(tmp_path):
    from affine import Affine

    turned = Affine(20, 8, 600000, 8, -30, 6600000)
    path = write(tmp_path / "r.tif", np.ones((2, 40, 50), "u2"), transform=turned)
    source = as_source(outcrop.open_scene(path)[:, 10:30, 5:45])
    assert source.grid.affine.almost_equals(turned * Affine.translation(5, 10))


def test_uneven_selections_have_no_grid(opened):
    cube, _ = opened
    with pytest.raises(InputError, match="evenly spaced"):
        as_source(cube.isel(x=[0, 1, 5, 9]))


def test_cubes_pickle(opened):
    import pickle

    cube, data = opened
    again = pickle.loads(pickle.dumps(cube[:, 3:5]))
    np.testing.assert_allclose(again.values, data[:, 3:5], rtol=1e-6)
