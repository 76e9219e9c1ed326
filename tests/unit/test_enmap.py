import zipfile

import numpy as np
import pytest

import spectrometers
from outcrop.config import Input
from outcrop.errors import SceneError
from outcrop.opening import open_source
from outcrop.quality import Masks
from outcrop.reasons import CLEAR, CLOUD, FILL, SHADOW, SNOW, WATER
from outcrop.source import Window, notes_of, products_of, read_reasons, suns_of


@pytest.fixture
def product(tmp_path):
    return spectrometers.write_enmap(tmp_path / "enmap")


def test_reflectance_by_gain_and_offset(product):
    folder, stored = product
    source = open_source(str(folder))
    assert products_of(source) == ("EnMAP Level 2A",)
    assert source.bands[0].name == "B001"
    assert source.bands[0].wavelength_um == pytest.approx(0.418)
    assert source.bands[0].fwhm_um == pytest.approx(0.0081)
    data = source.read(Window(10, 3, 1, 1))[:, 0, 0]
    assert data[0] == pytest.approx(stored[0, 10, 3] * 1e-4 + 0.001, abs=1e-6)
    assert data[1] == pytest.approx(stored[1, 10, 3] * 1e-4, abs=1e-6)
    (sun,) = suns_of(source)
    assert (sun.azimuth, sun.elevation) == (150.5, 55.5)


def test_overlap_water_vapour_and_silent_bands_are_left_out(product):
    folder, stored = product
    source = open_source(str(folder))
    um = np.array([b.wavelength_um for b in source.bands])
    assert (np.diff(um) > 0.01).all()  # no jumping to and fro between detectors
    assert not ((um > 1.325) & (um < 1.435)).any()
    assert len(um) < len(stored)
    notes = " ".join(notes_of(source))
    assert "the detectors overlap at 0.902-0.993 um" in notes
    assert "1 of 75 bands left out, flagged as bad" in notes
    assert "--bands all" in notes
    assert len(open_source(str(folder), Input(bands=("all",))).bands) == 75


def test_quality_layers(product):
    folder, _ = product
    masks = Masks(("cloud", "shadow", "snow", "water"))
    _, reasons = read_reasons(open_source(str(folder), masks=masks), Window(0, 0, 20, 16))
    assert [reasons[r, 2] for r in (2, 3, 4, 5, 6, 7)] == [CLOUD, CLEAR, SHADOW, SNOW, WATER, CLEAR]
    assert reasons[3, 9] == CLOUD  # thick cirrus; thin stays
    assert reasons[0, 0] == FILL


@pytest.mark.parametrize("what", ["metadata", "zip"])
def test_it_is_enough_to_name_the_metadata_or_the_archive(product, tmp_path, what):
    folder, _ = product
    whole = open_source(str(folder))
    if what == "metadata":
        path = next(folder.glob("*METADATA.XML"))
    else:
        path = tmp_path / "enmap.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(folder.iterdir()):
                archive.write(file, f"{spectrometers.ENMAP}/{file.name}")
    window = Window(2, 1, 9, 8)
    assert np.array_equal(open_source(str(path)).read(window), whole.read(window), equal_nan=True)


def test_what_is_missing_is_named(product, tmp_path):
    folder, _ = product
    next(folder.glob("*QL_QUALITY_CLOUD.TIF")).unlink()
    assert any("QL_QUALITY_CLOUD" in n for n in notes_of(open_source(str(folder))))
    next(folder.glob("*SPECTRAL_IMAGE.TIF")).unlink()
    with pytest.raises(SceneError, match="no SPECTRAL_IMAGE"):
        open_source(str(folder))
    other, _ = spectrometers.write_enmap(tmp_path / "other", drop=(7,))
    with pytest.raises(SceneError, match="all 75 bands"):
        open_source(str(other))
