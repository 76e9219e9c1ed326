"""Landsat as USGS delivers it, built small and real."""

import math

import numpy as np
import pytest
import rasterio

import landsat
from landsat import CLOUD, HAZE, RIM, SHADOW, SNOW, WATER
from outcrop.config import Input
from outcrop.errors import SceneError
from outcrop.opening import open_source
from outcrop.quality import Masks
from outcrop.source import Window, notes_of, products_of, read_reasons


def whole(source):
    return Window(0, 0, *source.grid.shape)


@pytest.mark.parametrize("form", ["txt", "xml", "json"])
def test_level_2_is_scaled_by_its_own_group(tmp_path, form):
    folder = landsat.product(tmp_path, form=form)
    for path in (folder, folder / f"{landsat.ID}_MTL.{form}"):
        source = open_source(str(path))
        assert [b.name for b in source.bands] == ["B2", "B3", "B4", "B5", "B6", "B7"]
        assert {b.quantity for b in source.bands} == {"reflectance"}
        assert products_of(source) == ("Landsat 8 OLI/TIRS, Landsat Collection 2 Level 2",)
        with rasterio.open(folder / f"{landsat.ID}_SR_B4.TIF") as dataset:
            expected = dataset.read(1).astype("f4") * np.float32(2.75e-5) + np.float32(-0.2)
        np.testing.assert_array_equal(source.read(whole(source))[2], expected)


def test_scale_comes_from_the_metadata(tmp_path):
    content = landsat.groups()
    content["LEVEL2_SURFACE_REFLECTANCE_PARAMETERS"]["REFLECTANCE_MULT_BAND_3"] = "1e-4"
    content["LEVEL2_SURFACE_REFLECTANCE_PARAMETERS"]["REFLECTANCE_ADD_BAND_3"] = "0.5"
    source = open_source(
        str(landsat.product(tmp_path, content=content)), Input(bands=("green", "B4"))
    )
    green, red = source.read(Window(0, 0, 1, 1))[:, 0, 0]
    assert green == pytest.approx(0.9 + 0.5, abs=0.04)
    assert red == pytest.approx(9150 * 2.75e-5 - 0.2, abs=0.01)


def test_surface_temperature_on_request(tmp_path):
    source = open_source(str(landsat.product(tmp_path)), Input(bands=("ST_B10", "B7")))
    assert [(b.name, b.quantity) for b in source.bands] == [
        ("B10", "temperature"),
        ("B7", "reflectance"),
    ]
    assert source.read(whole(source))[0, 0, 0] == pytest.approx(44000 * 0.00341802 + 149.0)


def test_reasons_and_switches(tmp_path):
    qa = np.full((40, 50), landsat.CLEAR, "u2")
    qa[0, :7] = [CLOUD, HAZE, SHADOW, SNOW, WATER, RIM, landsat.FILL]
    radsat = np.zeros((40, 50), "u2")
    radsat[1, :4] = [1 << 3, 1 << 0, 1 << 11, 1 << 9]  # B4, B1 (not used), hidden, dropped
    folder = landsat.product(tmp_path, qa=qa, radsat=radsat)
    data, reasons = read_reasons(open_source(str(folder)), Window(0, 0, 2, 8))
    np.testing.assert_array_equal(reasons[0], [4, 4, 5, 0, 0, 0, 2, 0])
    np.testing.assert_array_equal(reasons[1], [3, 0, 2, 2, 0, 0, 0, 0])
    np.testing.assert_array_equal(np.isnan(data).all(axis=0), reasons > 0)
    everything = Masks(("saturated", "cloud", "shadow", "edge", "snow", "water"))
    _, reasons = read_reasons(open_source(str(folder), None, everything), Window(0, 0, 1, 8))
    np.testing.assert_array_equal(reasons[0], [4, 4, 5, 7, 8, 6, 2, 0])
    _, reasons = read_reasons(open_source(str(folder), None, Masks(())), Window(0, 0, 2, 8))
    assert set(np.unique(reasons)) == {0, 2}


def test_fill_in_one_band_is_fill(tmp_path):
    folder = landsat.product(tmp_path)
    with rasterio.open(folder / f"{landsat.ID}_SR_B6.TIF", "r+") as dataset:
        dataset.write(np.zeros((1, 3, 3), "u2"), window=((5, 8), (5, 8)))
    _, reasons = read_reasons(open_source(str(folder)), Window(0, 0, 10, 10))
    assert (reasons[5:8, 5:8] == 2).all()
    assert (reasons > 0).sum() == 9


def test_vegetation_by_wavelength(tmp_path):
    folder = landsat.product(tmp_path)
    for band, value in (("B4", 9000), ("B5", 24000)):
        with rasterio.open(folder / f"{landsat.ID}_SR_{band}.TIF", "r+") as dataset:
            dataset.write(np.full((1, 4, 4), value, "u2"), window=((0, 4), (0, 4)))
    red, nir = 9000 * 2.75e-5 - 0.2, 24000 * 2.75e-5 - 0.2
    ndvi = (nir - red) / (nir + red)
    for threshold, gone in ((ndvi - 0.01, True), (ndvi + 0.01, False)):
        source = open_source(str(folder), None, Masks(("vegetation",), threshold))
        assert (read_reasons(source, Window(0, 0, 4, 4))[1] == 9).all() == gone
    with pytest.raises(SceneError, match="vegetation cannot be masked without a red band"):
        open_source(str(folder), Input(bands=("B6", "B7")), Masks(("vegetation",)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"SPACECRAFT_ID": "LANDSAT_3", "SENSOR_ID": "MSS"}, "LANDSAT_3 MSS is not handled"),
        ({"SPACECRAFT_ID": "LANDSAT_5", "SENSOR_ID": "MSS"}, "LANDSAT_5 MSS is not handled"),
    ],
)
def test_other_instruments_are_refused(tmp_path, change, says):
    content = landsat.groups()
    content["IMAGE_ATTRIBUTES"] |= change
    with pytest.raises(SceneError, match=says):
        open_source(str(landsat.product(tmp_path, content=content)))


def older(craft, sensor, level):
    """The contents of a TM or ETM+ product: six bands of sunlight and one of heat."""
    content = landsat.groups(level=level, craft=craft, sensor=sensor)
    files = content["PRODUCT_CONTENTS"]
    del files["FILE_NAME_BAND_6"]
    heat = files.pop("FILE_NAME_BAND_ST_B10")
    key = "ST_B6" if level == "L2SP" else "6_VCID_1" if sensor == "ETM" else "6"
    files[f"FILE_NAME_BAND_{key}"] = heat
    content["LEVEL1_RADIOMETRIC_RESCALING"] |= {
        f"RADIANCE_MULT_BAND_{key}": "0.01",
        f"RADIANCE_ADD_BAND_{key}": "1.0",
    }
    return content


@pytest.mark.parametrize(
    ("craft", "sensor"), [("LANDSAT_4", "TM"), ("LANDSAT_5", "TM"), ("LANDSAT_7", "ETM")]
)
@pytest.mark.parametrize("level", ["L2SP", "L1TP"])
def test_older_instruments(tmp_path, craft, sensor, level):
    folder = landsat.product(tmp_path, radsat=1 << 5, content=older(craft, sensor, level))
    source = open_source(str(folder))
    assert [b.name for b in source.bands] == ["B1", "B2", "B3", "B4", "B5", "B7"]
    assert source.product.startswith("Landsat 4/5 TM" if sensor == "TM" else "Landsat 7 ETM+")
    assert not read_reasons(source, whole(source))[1].any()  # B6 is saturated and not in use
    heat = open_source(str(folder), Input(bands=("lwir", "B7")))
    assert heat.bands[0].quantity == ("temperature" if level == "L2SP" else "radiance")
    assert (read_reasons(heat, whole(heat))[1] == 3).all()


@pytest.mark.parametrize("value", ["x", "nan", "1e999"])
def test_numbers_that_are_none(tmp_path, value):
    content = landsat.groups()
    content["LEVEL2_SURFACE_REFLECTANCE_PARAMETERS"]["REFLECTANCE_MULT_BAND_2"] = value
    with pytest.raises(SceneError, match=f"REFLECTANCE_MULT_BAND_2 = {value} is no number"):
        open_source(str(landsat.product(tmp_path, content=content)))


def test_refusals(tmp_path):
    folder = landsat.product(tmp_path / "one")
    with pytest.raises(SceneError, match="not of landsat5 as --sensor"):
        open_source(str(folder), Input(sensor="landsat5"))
    with pytest.raises(SceneError, match="unknown band 'B99'"):
        open_source(str(folder), Input(bands=("B99",)))
    assert open_source(str(folder), Input(resolution=10)).grid.affine.a == 10
    (folder / f"{landsat.ID}_SR_B5.TIF").unlink()
    with pytest.raises(SceneError, match="files of B5 are missing"):
        open_source(str(folder))
    assert len(open_source(str(folder), Input(bands=("B2", "B7"))).bands) == 2
    for file in folder.glob("*B?.TIF"):
        file.unlink()
    (folder / f"{landsat.ID}_ST_B10.TIF").unlink()
    with pytest.raises(SceneError, match="none of the band files"):
        open_source(str(folder))
    landsat.product(tmp_path / "two")
    (tmp_path / "one" / landsat.ID).rename(tmp_path / "two" / "LC08_other")
    (tmp_path / "two" / "LC08_other" / f"{landsat.ID}_MTL.txt").rename(
        tmp_path / "two" / "LC08_other" / "LC08_other_MTL.txt"
    )
    with pytest.raises(SceneError, match="holds 2 products"):
        open_source(str(tmp_path / "two"))


@pytest.mark.parametrize("text", ["", "GROUP = X\n  A = 1\n", "\x00\xff", "[]", "{}", '{"a": 3}'])
def test_metadata_that_is_none(tmp_path, text):
    for form in ("txt", "json"):
        path = tmp_path / f"x_MTL.{form}"
        path.write_text(text)
        with pytest.raises(SceneError, match=r"x_MTL\.\w+ (is not|cannot be read as) Landsat"):
            open_source(str(path))
        path.unlink()


def test_what_is_not_used_is_said(tmp_path):
    folder = landsat.product(tmp_path)
    (folder / f"{landsat.ID}_QA_PIXEL.TIF").unlink()
    source = open_source(str(folder), Input(scale=2.0, nodata=7))
    notes = notes_of(source)
    assert any("clouds and shadows are not masked" in n for n in notes)
    assert any("--scale and --nodata not used" in n for n in notes)


def test_level_1_saturates_at_the_end_of_its_range(tmp_path):
    content = landsat.groups(level="L1TP")
    content["LEVEL1_MIN_MAX_PIXEL_VALUE"] = {"QUANTIZE_CAL_MAX_BAND_2": "65535"}
    folder = landsat.product(tmp_path, content=content)
    with rasterio.open(folder / f"{landsat.ID}_SR_B2.TIF", "r+") as dataset:
        dataset.write(np.array([[[65535, 65534, 0]]], "u2"), window=((0, 1), (0, 3)))
    source = open_source(str(folder))
    data, reasons = read_reasons(source, Window(0, 0, 1, 4))
    np.testing.assert_array_equal(reasons[0], [3, 0, 2, 0])
    assert data[0, 0, 1] == pytest.approx((65534 * 2e-5 - 0.1) / 0.5)
    content["IMAGE_ATTRIBUTES"]["SUN_ELEVATION"] = "-3.5"
    (folder / f"{landsat.ID}_MTL.txt").write_text(landsat.mtl_text(content))
    with pytest.raises(SceneError, match=r"SUN_ELEVATION = -3.5"):
        open_source(str(folder))
    content["IMAGE_ATTRIBUTES"]["SUN_ELEVATION"] = "30"
    del content["LEVEL1_RADIOMETRIC_RESCALING"]
    (folder / f"{landsat.ID}_MTL.txt").write_text(landsat.mtl_text(content))
    with pytest.raises(SceneError, match="has no REFLECTANCE_MULT_BAND_2"):
        open_source(str(folder))


# The values in the file whose bits 3, 8-9 or 14-15 say cloud of medium or high confidence.
CLOUDY = (22280, 24082, 24144, 30242, 30304, 55052)


@pytest.mark.real_data
def test_real_level_2(data):
    folder = data / "landsat_c2l2" / "LC08_L2SP_005009_20150710_20200908_02_T2"
    source = open_source(str(folder))
    assert source.name == folder.name
    assert any("515.1 x 516.9 m in the rasters, where the MTL says 30 m" in n for n in source.notes)
    bands, reasons = read_reasons(source, whole(source))
    with (
        rasterio.open(folder / f"{folder.name}_SR_B5.TIF") as b5,
        rasterio.open(folder / f"{folder.name}_QA_PIXEL.TIF") as qa,
    ):
        stored, bits = b5.read(1), qa.read(1)
    clear = reasons == 0
    np.testing.assert_allclose(bands[3][clear], stored[clear] * 2.75e-5 - 0.2, rtol=1e-5)
    assert np.isnan(bands[:, ~clear]).all()
    # Terrain hides 5 pixels from the sensor, which QA_RADSAT says: they are fill.
    cloudy = np.isin(bits, CLOUDY) & (stored > 0)
    assert cloudy.sum() - (reasons == 4).sum() == (reasons[cloudy] == 2).sum() == 5
    for form in ("xml", "json"):
        other = open_source(str(folder / f"{folder.name}_MTL.{form}"))
        np.testing.assert_array_equal(
            other.read(Window(200, 200, 50, 50)), bands[:, 200:250, 200:250]
        )


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "sun"),
    [
        ("LC08_L1TP_195025_20130707_20170503_01_T1", 58.99675180),
        ("LC81950252013188LGN00_precollection", 59.15515033),
    ],
)
def test_real_level_1(data, name, sun):
    folder = data / "landsat_l1" / name
    source = open_source(str(folder), Input(bands=("B5", "B10")))
    assert [b.quantity for b in source.bands] == ["reflectance", "radiance"]
    (mtl,) = folder.glob("*MTL.txt")
    with (
        rasterio.open(folder / mtl.name.replace("MTL.txt", "B5.TIF")) as nir,
        rasterio.open(folder / mtl.name.replace("MTL.txt", "B10.TIF")) as heat,
    ):
        expected = (
            (nir.read(1) * 2e-5 - 0.1) / math.sin(math.radians(sun)),
            heat.read(1) * 3.342e-4 + 0.1,
        )
    got, reasons = read_reasons(source, whole(source))
    clear = reasons == 0
    assert clear.mean() > 0.98
    for mine, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(mine[clear], theirs[clear], rtol=1e-5)
    assert (reasons == 4).sum() == (0 if "T1" in name else 23)
    assert any("top of the atmosphere" in n for n in notes_of(source))
