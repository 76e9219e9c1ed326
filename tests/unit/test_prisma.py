import pickle

import numpy as np
import pytest

import spectrometers
from outcrop.config import Input
from outcrop.errors import SceneError
from outcrop.opening import open_source
from outcrop.source import Window, notes_of, products_of, read_reasons, suns_of


@pytest.fixture
def path(tmp_path):
    return spectrometers.write_prisma(tmp_path / "prisma")


def test_two_cubes_become_one_spectrum_by_wavelength(path):
    source = open_source(str(path))
    assert products_of(source) == ("PRISMA Level 2D",)
    um = np.array([b.wavelength_um for b in source.bands])
    assert (np.diff(um) > 0).all()
    assert any("the detectors overlap at 0.943-0.978 um" in n for n in notes_of(source))
    assert any("water vapour" in n for n in notes_of(source))
    names = [b.name for b in source.bands]
    assert names[0] == "VNIR018"  # the two behind it have no wavelength
    assert [n[:4] for n in names] == sorted((n[:4] for n in names), reverse=True)
    seen = source.read(Window(8, 2, 1, 1))[:, 0, 0]
    level, depth = (a[8, 2] for a in spectrometers.ground(20, 16))
    assert np.allclose(seen, spectrometers.spectrum(um, level, depth), atol=0.01)


def test_it_lies_where_its_corners_say(path):
    source = open_source(str(path.parent))
    assert source.grid.affine[:6] == (30, 0, 500000, 0, -30, 5000000)
    assert source.grid.crs == "EPSG:32633"
    (sun,) = suns_of(source)
    assert (sun.azimuth, sun.elevation) == (160, 40)


def test_a_pixel_is_missing_only_where_all_bands_are_0(path):
    data, reasons = read_reasons(open_source(str(path)), Window(0, 0, 20, 16))
    assert (reasons[0] > 0).all()
    assert (reasons[1:] == 0).all()
    assert np.isfinite(data[:, 5, 5]).all()


def test_windows_and_pickles_are_the_same(path):
    source = pickle.loads(pickle.dumps(open_source(str(path))))
    whole = source.read(Window(0, 0, 20, 16))
    part = source.read(Window(3, 4, 5, 6))
    assert np.array_equal(part, whole[:, 3:8, 4:10], equal_nan=True)


def test_every_band_on_request(path):
    source = open_source(str(path), Input(bands=("all",)))
    assert len(source.bands) == 18 + 50


@pytest.mark.parametrize(
    ("attrs", "said"),
    [
        ({"Product_LRcorner_easting": 501015.0}, "do not fill"),
        ({"List_Cw_Swir": [1.0, 2.0]}, "do not fit its cube"),
    ],
)
def test_contradictions_are_named(tmp_path, attrs, said):
    path = spectrometers.write_prisma(tmp_path / "bad", **attrs)
    with pytest.raises(SceneError, match=said):
        open_source(str(path))


def test_another_level_says_the_way_out(path):
    import h5py

    with h5py.File(path, "a") as file:
        file.move("HDFEOS/SWATHS/PRS_L2D_HCO", "HDFEOS/SWATHS/PRS_L1_HCO")
        file.attrs["Processing_Level"] = "1"
    with pytest.raises(SceneError, match="level 1; Outcrop reads L2D"):
        open_source(str(path))
