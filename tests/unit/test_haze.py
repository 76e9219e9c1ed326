"""Haze: told from dark objects, by scene, and subtracted before anything else."""

import json
from dataclasses import replace

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

import landsat
from outcrop.__main__ import main
from outcrop.errors import SceneError
from outcrop.haze import CLEARNESS, HazeSource, darkest, estimate, haze_facts, with_haze
from outcrop.opening import open_source
from outcrop.sensors import get_sensor
from outcrop.source import ArraySource, Window, leaves, notes_of
from rasters import write

BANDS = tuple(replace(b, quantity="reflectance") for b in get_sensor("landsat8").default_bands)


def ground(haze, shape=(200, 220), seed=0):
    """Ground from dark to bright under haze."""
    rng = np.random.default_rng(seed)
    data = rng.uniform(0.05, 0.5, (len(BANDS), *shape)).astype("f4")
    data[:, 20:30, 20:30] = 0.01  # a deep lake
    data[:, 0, :] = np.nan
    return data + np.asarray(haze, "f4")[:, None, None]


def source_of(data):
    return ArraySource("s", GeoBox(data.shape[1:], Affine(30, 0, 0, 0, -30, 0), None), BANDS, data)


def power(first, exponent):
    return [first * (b.wavelength_um / BANDS[0].wavelength_um) ** -exponent for b in BANDS]


@pytest.mark.parametrize(("first", "exponent"), [(0.05, 4.0), (0.08, 2.0), (0.11, 1.0),
                                                 (0.14, 0.7), (0.2, 0.5)])  # fmt: skip
def test_haze_is_found_again(first, exponent):
    added = power(first, exponent)
    source = with_haze(source_of(ground(added)), "dark-object")
    np.testing.assert_allclose(source.haze, added, atol=3e-4)
    assert source.exponent == exponent
    lake = source.read(Window(20, 20, 10, 10))
    np.testing.assert_allclose(lake, 0.01, atol=4e-4)
    assert any("very hazy" in n for n in source.notes) == (first + 0.01 > CLEARNESS[-1][0])


def test_no_band_loses_more_than_its_darkest_pixels_allow():
    dark = np.array([0.09, 0.02, 0.2, 0.3, np.nan, 0.005])
    haze, exponent = estimate(BANDS, dark)
    assert exponent == 2.0
    assert haze[0] == pytest.approx(0.08)
    assert haze[1] == pytest.approx(0.01)
    assert haze[2] == pytest.approx(power(0.08, 2.0)[2])
    assert haze[4] == haze[5] == 0


def test_a_scene_without_anything_dark_keeps_its_infrared():
    haze = with_haze(source_of(ground([0.3] * 6)[:, :, 40:]), "dark-object").haze
    assert haze[5] < 0.2


@pytest.mark.parametrize("striped", [True, False])
def test_a_dead_pixel_is_no_dark_object(striped):
    data = ground([0.08] * 6, (600, 700))
    expected = darkest(source_of(data))
    data[:, 100, 100:105] = -0.09
    source = replace(source_of(data), striped=striped)
    np.testing.assert_allclose(darkest(source), expected, atol=2e-4)


def level_1(folder, add="-0.02"):
    content = landsat.groups(level="L1TP")
    content["PRODUCT_CONTENTS"] = {
        k.replace("BAND_ST_", "BAND_"): v for k, v in content["PRODUCT_CONTENTS"].items()
    }
    content["LEVEL1_RADIOMETRIC_RESCALING"] |= {
        f"REFLECTANCE_ADD_BAND_{i}": add for i in range(1, 8)
    }
    return landsat.product(folder, content=content)


def haze_of(source):
    return [leaf for leaf in leaves(source) if isinstance(leaf, HazeSource)]


def test_on_for_level_1_and_off_for_surface_reflectance(tmp_path):
    toa = open_source(str(level_1(tmp_path / "a")), haze="auto")
    assert len(haze_of(toa)) == 1
    assert any("haze taken off" in n for n in notes_of(toa))
    facts = haze_facts(toa)[0]
    assert set(facts["bands"]) == {"B2", "B3", "B4", "B5", "B6", "B7"}
    whole = Window(0, 0, *toa.grid.shape)
    bare = open_source(str(level_1(tmp_path / "b")), haze="none")
    expected = bare.read(whole) - np.asarray(haze_of(toa)[0].haze, "f4")[:, None, None]
    np.testing.assert_allclose(toa.read(whole), expected, atol=1e-6)
    surface = landsat.product(tmp_path / "c")
    assert not haze_of(open_source(str(surface), haze="auto"))
    assert len(haze_of(open_source(str(surface), haze="dark-object"))) == 1


def test_masks_do_not_change_it(tmp_path):
    from outcrop.quality import Masks

    folder = str(level_1(tmp_path))
    one, other = (haze_of(open_source(folder, None, Masks(names), "auto"))[0].haze
                  for names in ((), ("water", "shadow", "cloud", "vegetation")))  # fmt: skip
    assert one == other


def test_refused_without_blue_or_green_or_scale(tmp_path):
    path = write(tmp_path / "s.tif", np.ones((6, 9, 9), "u2"))
    for options in ([], ["--sensor", "landsat8"]):
        code = main(["map", path, "-o", str(tmp_path / "o"), "--haze", "dark-object", *options])
        assert code == 2
    infrared = replace(source_of(ground([0.1] * 6)), bands=BANDS[3:], data=ground([0.1] * 6)[3:])
    with pytest.raises(SceneError, match=r"without a band in reflectance under 0\.6 um"):
        with_haze(infrared, "dark-object")
    assert with_haze(infrared, "auto") is infrared


def test_apply_estimates_the_scenes_own(tmp_path, capsys):
    first, second = level_1(tmp_path / "a"), level_1(tmp_path / "b", add="0.01")
    assert main(["map", str(first), "-o", str(tmp_path / "m"), "--units", "3", "-q"]) == 0
    assert main(["apply", str(tmp_path / "m"), str(second), "-o", str(tmp_path / "n"), "-q"]) == 0
    mine, theirs = (json.loads((tmp_path / f / "metrics.json").read_text())["haze"][0]["bands"]
                    for f in "mn")  # fmt: skip
    assert theirs["B2"]["subtracted"] > mine["B2"]["subtracted"]
    assert "Haze subtracted" in (tmp_path / "m" / "report.html").read_text()
    assert main(["map", str(first), "-o", str(tmp_path / "o"), "--haze", "hazy"]) == 2
    assert "--haze" in capsys.readouterr().err
