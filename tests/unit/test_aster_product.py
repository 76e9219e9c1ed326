"""ASTER as NASA delivers it, built small with the real tags, HDF4 and GeoTIFF."""

import dataclasses
import shutil

import numpy as np
import pytest
import rasterio

import aster
from outcrop.config import Features, Input, load_recipe
from outcrop.errors import InputError, SceneError
from outcrop.opening import open_source
from outcrop.pipeline import map_scenes
from outcrop.quality import Masks
from outcrop.reasons import SUSPECT
from outcrop.sensors.aster_metadata import read_beside
from outcrop.sensors.container import open_container
from outcrop.sensors.products import recognise
from outcrop.source import Window, file_paths, notes_of, products_of, read_reasons

SWIR = [f"B0{i}" for i in range(4, 10)]
NINE = ["B01", "B02", "B3N", *SWIR]
LATE = (4, 2, 2008)


def whole(source):
    return Window(0, 0, *source.grid.shape)


def names(source):
    return [b.name for b in source.bands]


def expected(band, incl, esun, numbers):
    """Reflectance by the formula, written out."""
    distance = 1 - 0.01672 * np.cos(np.radians(0.9856 * (124 - 4)))
    light = esun * np.sin(np.radians(aster.SUN[1]))
    return np.pi * (numbers.astype(float) - 1) * incl * distance**2 / light


def test_l1t_by_folder_and_by_file(tmp_path):
    file = aster.l1t(tmp_path)
    for path in (tmp_path, file):
        source = open_source(str(path))
        assert names(source) == NINE
        assert {b.quantity for b in source.bands} == {"reflectance"}
        assert products_of(source) == ("ASTER (Terra), ASTER L1T (HDF4 or GeoTIFF)",)
        assert str(file) in list(file_paths(source))
    assert source.grid.crs == "EPSG:32648"
    a = source.grid.affine
    assert (a.a, a.e, a.c, a.f) == (30, -30, 252000 - 15, 1744560 + 15)
    got = source.read(Window(5, 5, 1, 1))[:, 0, 0]
    b05 = aster.numbers("SWIR", "5")[5, 5]
    assert got[4] == pytest.approx(expected("B05", 0.0696, 86.63, b05), rel=1e-5)
    fine = aster.numbers("VNIR", "2").astype(float)[9:12, 9:12]
    weights = np.outer([0.5, 1, 0.5], [0.5, 1, 0.5]) / 4
    mean = (expected("B02", 0.708, 1549, fine) * weights).sum()
    assert got[1] == pytest.approx(mean, rel=1e-5)


def test_a_renamed_file_is_known_by_its_content(tmp_path):
    file = aster.l1t(tmp_path).rename(tmp_path / "scene.hdf")
    assert recognise(str(file)).name == "aster-l1t"
    assert recognise(str(tmp_path)).name == "aster-l1t"
    assert open_source(str(file)).name == "scene"


def test_radiance_of_the_thermal_bands_and_never_reflectance(tmp_path):
    source = open_source(str(aster.l1t(tmp_path)), Input(bands=("B13", "lwir12")))
    assert [(b.name, b.quantity) for b in source.bands] == [
        ("B13", "radiance"),
        ("B14", "radiance"),
    ]
    assert source.grid.shape == aster.SHAPES["TIR"]
    got = source.read(Window(3, 3, 1, 1))[0, 0, 0]
    assert got == pytest.approx((aster.numbers("TIR", "13")[3, 3] - 1) * 0.005693, rel=1e-5)
    mixed = open_source(str(tmp_path), Input(bands=("B13", "B04")))
    assert any(n.startswith("heat is measured in B13") for n in notes_of(mixed))


def test_what_needs_reflectance_refuses_heat_by_name(tmp_path):
    recipe = dataclasses.replace(
        load_recipe(), features=Features("log"), input=Input(bands=("B01", "B13", "B14"))
    )
    with pytest.raises(
        InputError, match=r"B13 \(radiance\), B14 \(radiance\) cannot be; leave them"
    ):
        map_scenes([str(aster.l1t(tmp_path))], recipe, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("size", "shape"), [(15, (61, 85)), (30, (31, 43)), (90, (11, 15))])
def test_three_resolutions_on_one_grid(tmp_path, size, shape):
    aster.l1t(tmp_path)
    source = open_source(str(tmp_path), Input(bands=("B3N", "B04", "B13"), resolution=float(size)))
    assert source.grid.shape == shape
    a = source.grid.affine
    assert (a.a, a.c + size / 2, a.f - size / 2) == (size, 252000, 1744560)
    data = source.read(whole(source))
    # A band at its own size is its numbers less 1, in proportion.
    kind, band, place = {15: ("VNIR", "3N", 0), 30: ("SWIR", "4", 1), 90: ("TIR", "13", 2)}[size]
    factor = data[place] / (aster.numbers(kind, band).astype("f4") - 1)
    known = factor[np.isfinite(factor)]
    assert len(known) > 0.6 * factor.size
    np.testing.assert_allclose(known, known[0], rtol=1e-5)


def test_finer_keeps_the_centres_that_were_measured(tmp_path):
    """At 15 m every second pixel lies on the centre of one of 30 m."""
    aster.l1t(tmp_path)
    coarse = open_source(str(tmp_path), Input(bands=("B04", "B05"))).read(Window(0, 0, 31, 43))
    fine = open_source(str(tmp_path), Input(bands=("B04", "B05"), resolution=15.0))
    data = fine.read(whole(fine))
    np.testing.assert_array_equal(data[:, ::2, ::2], coarse)
    between = (coarse[:, :, :-1] + coarse[:, :, 1:]) / 2
    np.testing.assert_allclose(data[:, ::2, 1::2], between, rtol=1e-5)


def test_finest_bands_alone_keep_their_size(tmp_path):
    aster.l1t(tmp_path)
    source = open_source(str(tmp_path), Input(bands=("B01", "B02")))
    assert source.grid.affine.a == 15


def test_fill_and_saturation_are_reasons(tmp_path):
    red = aster.numbers("VNIR", "2")
    red[20, 20] = 0
    swir = aster.numbers("SWIR", "4")
    swir[20, 30] = 255
    heat = aster.numbers("TIR", "13")
    heat[5, 9], heat[6, 9] = 0, 4095
    change = {"ImageData2": red, "ImageData4": swir, "ImageData13": heat}
    aster.l1t(tmp_path, change=change)
    source = open_source(str(tmp_path))
    data, reasons = read_reasons(source, whole(source))
    assert reasons[10, 10] == 2
    assert reasons[20, 30] == 3
    inner = reasons[1:-1, 1:-1]  # the rim is only partly covered by pixels of 15 m
    assert (inner > 0).sum() == 2
    assert np.isnan(data[:, reasons > 0]).all()
    thermal = open_source(str(tmp_path), Input(bands=("B13", "B14")))
    _, reasons = read_reasons(thermal, whole(thermal))
    assert (reasons[5, 9], reasons[6, 9]) == (2, 3)


def test_gain_from_the_table_where_the_file_states_no_coefficient(tmp_path):
    gains = {**aster.GAINS, "04": "LO2"}
    stated = open_source(str(aster.l1t(tmp_path))).read(Window(5, 5, 1, 1))
    (tmp_path / "b").mkdir()
    source = open_source(str(aster.l1t(tmp_path / "b", incl={}, gains=gains)))
    got = source.read(Window(5, 5, 1, 1))
    np.testing.assert_allclose(got[[0, 1, 2, 4]], stated[[0, 1, 2, 4]], rtol=1e-5)
    assert got[3, 0, 0] / stated[3, 0, 0] == pytest.approx(0.29 / 0.2174, rel=1e-5)


def test_south_of_the_equator(tmp_path):
    ul = (-2500000.0, 252000.0)
    source = open_source(str(aster.l1t(tmp_path, ul=ul, north=-22.4)))
    assert source.grid.crs == "EPSG:32748"
    assert source.grid.affine.f == 7500000 + 15


def test_swir_after_april_2008_is_left_out_and_said(tmp_path):
    source = open_source(str(aster.l1t(tmp_path, day=LATE)))
    assert names(source) == ["B01", "B02", "B3N"]
    assert source.grid.affine.a == 15
    (note,) = [n for n in notes_of(source) if "April 2008" in n]
    assert note.startswith("B04, B05, B06, B07, B08, B09 left out: the scene is of 2008-04-02")
    with pytest.raises(SceneError, match="B05 cannot be used: the scene is of 2008-04-02"):
        open_source(str(tmp_path), Input(bands=("B01", "B05")))
    assert names(open_source(str(tmp_path), Input(bands=("B01", "B13")))) == ["B01", "B13"]


def test_swir_with_saturated_numbers_is_left_out_whatever_the_date(tmp_path):
    dead = np.full(aster.SHAPES["SWIR"], 255, "u1")
    dead[:, :15] = 0  # no data says nothing
    dead[::3, 15:] = 90
    poor = aster.numbers("SWIR", "6")
    poor[:, ::3] = 255
    aster.l1t(tmp_path, change={"ImageData5": dead, "ImageData6": poor})
    source = open_source(str(tmp_path))
    assert names(source) == [n for n in NINE if n != "B05"]
    assert any(n.startswith("B05 left out: more than 50%") for n in notes_of(source))
    with pytest.raises(SceneError, match="B05 cannot be used: more than 50%"):
        open_source(str(tmp_path), Input(bands=("B05", "B06")))


def test_a_scene_of_the_night_is_thermal_only(tmp_path):
    file = aster.l1t(tmp_path, kinds=("TIR",), sun=(200.0, -30.0))
    assert names(open_source(str(file))) == ["B10", "B11", "B12", "B13", "B14"]
    (tmp_path / "b").mkdir()
    with pytest.raises(SceneError, match="sun above the horizon"):
        open_source(str(aster.l1t(tmp_path / "b", sun=(200.0, -30.0))))


@pytest.mark.parametrize("stretched", [True, False])
def test_geotiffs_are_the_same_as_hdf(tmp_path, stretched):
    """Also where their grid takes centres for edges."""
    (tmp_path / "hdf").mkdir()
    (tmp_path / "cog").mkdir()
    hdf = open_source(str(aster.l1t(tmp_path / "hdf")))
    folder = aster.cogs(tmp_path / "cog", stretched=stretched)
    archive = shutil.make_archive(str(tmp_path / "cog"), "zip", folder)
    for path in (folder, next(folder.glob("*.xml")), archive):
        cog = open_source(str(path))
        assert cog.grid == hdf.grid
        np.testing.assert_array_equal(cog.read(whole(cog)), hdf.read(whole(hdf)))
        assert any("half a pixel off" in n for n in notes_of(cog)) == stretched


def test_version_4_has_a_file_a_band_and_json(tmp_path):
    stem = "AST_L1T_00405032000040446_20250409135350"
    for kind, bands in aster.BANDS.items():
        for band in bands:
            label = "B03N" if band == "3N" else f"B{band.zfill(2)}"
            aster.write(tmp_path / f"{stem}_{kind}_{label}.tif", aster.numbers(kind, band),
                        crs="EPSG:32648", transform=aster.grid(kind))  # fmt: skip
    with pytest.raises(SceneError, match="the gain of B01 is not given"):
        open_source(str(tmp_path))
    aster.umm(tmp_path / f"{stem}.cmr.json")
    for path in (tmp_path / f"{stem}.cmr.json", tmp_path):
        source = open_source(str(path))
        assert names(source) == NINE
        assert source.grid.shape == aster.SHAPES["SWIR"]


def test_a_stac_item_beside_it_is_not_its_metadata(tmp_path):
    aster.cogs(tmp_path)
    item = tmp_path / f"{aster.name()}.json"
    item.write_text('{"type": "Feature"}')
    assert names(open_source(str(tmp_path))) == NINE
    assert recognise(str(item)) is None


@pytest.mark.parametrize("form", ["hdf", "tif"])
def test_surface_reflectance_lies_along_the_path(tmp_path, form):
    dark = aster.numbers("SWIR", "4", shape=aster.LEVEL2["SWIR"]).astype("i2")
    dark[3, 3], dark[4, 4] = -9999, 0
    source = open_source(str(aster.level2(tmp_path, form=form, change={"4": dark})))
    assert names(source) == NINE
    assert {b.quantity for b in source.bands} == {"reflectance"}
    true = aster.TURNED * aster.TURNED.scale(30.0)
    np.testing.assert_allclose(source.grid.affine[:6], true[:6], atol=0.2)
    data, reasons = read_reasons(source, whole(source))
    assert data[3, 10, 10] == pytest.approx(dark[10, 10] / 1000)
    assert (reasons[3, 3], reasons[4, 4], (reasons > 0).sum()) == (2, 2, 2)
    assert not any("crosstalk" in n for n in notes_of(source))


@pytest.mark.parametrize("form", ["hdf", "tif"])
def test_the_quality_plane_is_a_mask_on_request(tmp_path, form):
    plane = np.zeros(aster.LEVEL2["VNIR"], "u1")
    plane[10, 10], plane[31, 41] = 1, 64
    aster.level2(tmp_path, form=form, quality={"VNIR": plane})
    source = open_source(str(tmp_path))
    assert (read_reasons(source, whole(source))[1] == 0).all()
    assert any("--mask saturated,suspect" in n for n in notes_of(source))
    masked = open_source(str(tmp_path), None, Masks(("suspect",)))
    _, reasons = read_reasons(masked, whole(masked))
    assert (reasons[5, 5], reasons[15, 20], (reasons > 0).sum()) == (SUSPECT, SUSPECT, 2)
    assert not any("not masked" in n for n in notes_of(masked))


@pytest.mark.parametrize("form", ["hdf", "tif"])
def test_emissivity(tmp_path, form):
    source = open_source(str(aster.level2(tmp_path, "AST_05", form=form)))
    assert [(b.name, b.quantity) for b in source.bands] == [
        (f"B{i}", "emissivity") for i in range(10, 15)
    ]
    expected = aster.numbers("TIR", "12", shape=aster.LEVEL2["TIR"]) // 4 / 1000
    np.testing.assert_allclose(source.read(whole(source))[2], expected, rtol=1e-5)


def test_surface_reflectance_after_april_2008(tmp_path):
    source = open_source(str(aster.level2(tmp_path, form="tif", day=LATE)))
    assert names(source) == ["B01", "B02", "B3N"]


def test_bands_that_are_not_there_are_named(tmp_path):
    source = open_source(str(aster.l1t(tmp_path, kinds=("VNIR", "TIR"))))
    assert names(source) == ["B01", "B02", "B3N"]
    assert any(n.startswith("B04, B05") and "without them" in n for n in notes_of(source))
    with pytest.raises(SceneError, match="unknown band 'B04'"):
        open_source(str(tmp_path), Input(bands=("B01", "B04")))


def test_several_scenes_in_a_folder_are_refused(tmp_path):
    aster.l1t(tmp_path)
    aster.l1t(tmp_path, day=(6, 3, 2001))
    with pytest.raises(SceneError, match="holds 2 products"):
        open_source(str(tmp_path))


def _stack(folder, kind, bands):
    path = next(folder.glob(f"*-{kind}.tif"))
    with rasterio.open(path) as dataset:
        data = dataset.read()
    aster.write(path, data[:bands], crs="EPSG:32648")


@pytest.mark.parametrize(("harm", "says"), [
    (lambda d: aster.l1t(d, corners=False), "no UPPERLEFTM"),
    (lambda d: aster.l1t(d, kinds=(), change={"Other": np.ones((9, 9), "u1")}),
     "none of the bands is in it"),
    (lambda d: aster.l1t(d, ul=(1744560.0, 252000.0), change={"ImageData4": np.ones((9, 9), "u1")}),
     "do not fit between its corners"),
    (lambda d: aster.l1t(d, sun=(86.1, "high")), "SOLARDIRECTION = 86.1, high"),
    (lambda d: aster.l1t(d, gains={"01": "???"}, incl={}), r"the gain of B01 is \?\?\?"),
    (lambda d: _stack(aster.cogs(d), "SWIR", 4), "has 4 bands, where SWIR has 6"),
    (lambda d: aster.level2(d, lattices=False), "no UPPERLEFTM"),
    (lambda d: aster.xml(d / f"{aster.name()}.hdf.xml"), "metadata only"),
    (lambda d: (d / f"{aster.name()}.hdf").write_bytes(b"\x0e\x03\x13\x01 and then nothing"),
     "truncated or damaged"),
    (lambda d: (d / f"{aster.name()}.hdf").write_bytes(b""), "truncated or damaged"),
    (lambda d: (aster.cogs(d) / f"{aster.name()}.hdf.xml").write_text("<a><b></a>"),
     "not valid XML"),
    (lambda d: (aster.cogs(d) / f"{aster.name()}.hdf.xml").write_text(
        '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'), "declares entities"),
    (lambda d: (aster.cogs(d) / f"{aster.name()}.hdf.xml").write_text("<a/>"), "the gain of B01"),
])  # fmt: skip
def test_damaged_products_are_refused_by_name(tmp_path, harm, says):
    harm(tmp_path)
    with pytest.raises(SceneError, match=says):
        open_source(str(tmp_path))


@pytest.mark.parametrize("text", ["[]", "{}", '{"CollectionReference": 3}', "not json", '"x"'])
def test_damaged_json_is_refused_by_name(tmp_path, text):
    aster.cogs(tmp_path)
    next(tmp_path.glob("*.xml")).unlink()
    (tmp_path / f"{aster.name()}.cmr.json").write_text(text)
    with pytest.raises(SceneError, match="cannot be read as ASTER metadata"):
        open_source(str(tmp_path))


def test_positions_that_are_no_grid_are_refused(tmp_path):
    aster.level2(tmp_path, "AST_05")
    file = next(tmp_path.glob("*.hdf"))
    content = {f"Band{b}": np.ones((10, 20), "i2") for b in aster.BANDS["TIR"]}
    places = aster.lattice("TIR", (10, 20))
    places["Longitude"][3, 4] += 1
    aster.hdf(file, content | places, {"coremetadata.0": aster.core("AST_05")})
    with pytest.raises(SceneError, match="do not lie on a UTM grid of 90 m"):
        open_source(str(file))


def test_windows_leave_no_seams(tmp_path):
    source = open_source(
        str(aster.l1t(tmp_path)), Input(bands=("B3N", "B04", "B13"), resolution=15.0)
    )
    once = source.read(whole(source))
    parts = [
        np.concatenate(
            [source.read(Window(r, c, 61 - r if r else 20, w)) for c, w in [(0, 7), (7, 78)]], 2
        )
        for r in (0, 20)
    ]
    assert np.concatenate(parts, 1).tobytes() == once.tobytes()


@pytest.mark.real_data
def test_the_metadata_of_a_real_granule(data):
    folder = data / "aster_metadata"
    (name,) = [p.name for p in folder.glob("*.xml")]
    meta = read_beside(open_container(str(folder / name)), name)
    assert (meta.product, str(meta.day)) == ("AST_L1T", "2000-05-03")
    assert (meta.azimuth, meta.elevation) == (86.162211, 75.830363)
    assert (meta.gains["B01"], meta.gains["B3N"], meta.gains["B09"]) == ("HGH", "NOR", "NOR")
    assert (meta.coefficient("B01"), meta.coefficient("B13")) == (0.676, 5.693e-3)
    for path in (folder, folder / name):
        assert recognise(str(path)).name == "aster-l1t"
        with pytest.raises(SceneError, match="metadata only"):
            open_source(str(path))
