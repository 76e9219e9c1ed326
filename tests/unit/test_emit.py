import pickle

import h5py
import numpy as np
import pytest

import spectrometers
from outcrop.config import Input
from outcrop.errors import SceneError
from outcrop.opening import open_source
from outcrop.quality import Masks
from outcrop.reasons import CLOUD, FILL, WATER
from outcrop.source import Window, notes_of, products_of, read_reasons


@pytest.fixture
def product(tmp_path):
    return spectrometers.write_emit(tmp_path / "emit")


def test_the_lookup_table_makes_a_map_of_the_swath(product):
    path, cube = product
    source = open_source(str(path.parent))
    assert products_of(source) == ("EMIT Level 2A",)
    assert source.grid.shape == (26, 32)
    assert str(source.grid.crs) == "EPSG:4326"
    assert source.grid.affine[:6] == (0.000542, 0, 10.0, 0, -0.000542, -20.0)
    data, reasons = read_reasons(source, Window(0, 0, 26, 32))
    good = [i for i, b in enumerate(spectrometers.EMIT_UM) if cube[0, 0, i] > 0]
    assert len(source.bands) == len(good) == 51
    assert np.array_equal(data[:, 1, 1], cube[0, 0, good])  # row 1 of the map, column 1 of it
    assert np.array_equal(data[:, 8, 20], cube[19, 7, good])
    assert np.array_equal(data[:, 5, 5], cube[4, 4, good])  # filled in: negative in the table
    assert (reasons[0] == FILL).all()
    assert reasons[5, 4] == FILL  # -9999 in the swath's row 3, column 4
    assert (reasons[11:13, 11:13] == CLOUD).all()
    assert np.isnan(data[:, 11, 11]).all()


@pytest.mark.parametrize("how", ["link", "external", "virtual"])
def test_arrays_of_other_files_are_refused(product, tmp_path, how):
    path, cube = product
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["reflectance"] = cube
    with h5py.File(path, "r+") as file:
        del file["reflectance"]
        if how == "link":
            file["reflectance"] = h5py.ExternalLink(str(other), "reflectance")
        elif how == "external":
            file.create_dataset(
                "reflectance", cube.shape, cube.dtype, external=[(str(other), 0, cube.nbytes)]
            )
        else:
            layout = h5py.VirtualLayout(cube.shape, cube.dtype)
            layout[:] = h5py.VirtualSource(other, "reflectance", cube.shape)
            file.create_virtual_dataset("reflectance", layout)
    with pytest.raises(SceneError, match="reflectance leads to another file"):
        open_source(str(path))


def test_bands_say_wavelength_width_and_what_was_dropped(product):
    path, _ = product
    source = open_source(str(path))
    assert source.bands[0].wavelength_um == pytest.approx(0.381)
    assert source.bands[0].fwhm_um == pytest.approx(0.0085)
    assert {b.quantity for b in source.bands} == {"reflectance"}
    assert any("9 of 60 bands left out, flagged as bad" in n for n in notes_of(source))
    assert len(open_source(str(path), Input(bands=("all",))).bands) == 60
    swir = open_source(str(path), Input(bands=("2.0-2.4",)))
    assert all(2.0 <= (b.wavelength_um or 0) <= 2.4 for b in swir.bands)


@pytest.mark.parametrize("window", [(0, 0, 7, 9), (11, 13, 15, 19), (25, 31, 1, 1)])
def test_a_window_is_a_part_of_the_whole(product, monkeypatch, window):
    path, _ = product
    monkeypatch.setattr("outcrop.sensors.emit._SQUARE", 4)
    source = pickle.loads(pickle.dumps(open_source(str(path))))
    whole = source.read(Window(0, 0, 26, 32))
    row, col, height, width = window
    part = source.read(Window(*window))
    assert np.array_equal(part, whole[:, row : row + height, col : col + width], equal_nan=True)


def test_masks_are_asked_for_by_name(product):
    path, _ = product
    _, reasons = read_reasons(open_source(str(path), masks=Masks(("water",))), Window(0, 0, 26, 32))
    assert reasons[21, 21] == WATER
    assert not (reasons == CLOUD).any()


def test_without_its_mask_file_it_says_so(tmp_path):
    path, _ = spectrometers.write_emit(tmp_path / "emit", mask=False)
    source = open_source(str(path))
    assert any("nothing is masked" in n for n in notes_of(source))
    assert not read_reasons(source, Window(11, 11, 1, 1))[1].any()


def test_a_renamed_file_is_known_by_its_content(product):
    path, _ = product
    other = path.rename(path.with_name("scene.nc"))
    assert products_of(open_source(str(other))) == ("EMIT Level 2A",)


def test_damage_and_wrong_options_are_named(product, tmp_path):
    import h5py

    path, _ = product
    with pytest.raises(SceneError, match="leave out --sensor"):
        open_source(str(path), Input(sensor="landsat8"))
    with h5py.File(path, "a") as file:
        del file["sensor_band_parameters/wavelengths"]
    with pytest.raises(SceneError, match="lacks what its product has"):
        open_source(str(path))
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(SceneError, match="cannot be opened as HDF5"):
        open_source(str(path))
