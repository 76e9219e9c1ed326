"""Reasons: decoded, joined, kept through mosaics and areas, and written as mask.tif."""

import json
import pickle
import re

import geopandas
import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

import landsat
from outcrop.__main__ import main
from outcrop.config import Input, load_recipe
from outcrop.errors import RecipeError, SceneError
from outcrop.opening import open_source, open_sources
from outcrop.quality import Masks, decode, lowest
from outcrop.reasons import CODES, DEFAULT, SWITCHES, Flag
from outcrop.source import Window, notes_of, read_reasons
from rasters import UTM, blobs, write


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=20))
def test_decode_is_the_bits(values):
    flags = (Flag(4, 3, 1), Flag(5, 10, 2, (2, 3)), Flag(2, 0, 1))
    got = decode(np.array([values], "f4"), flags)[0]
    for value, code in zip(values, got, strict=True):
        expected = 2 if value & 1 else 4 if value & 8 else 5 if (value >> 10) & 3 >= 2 else 0
        assert code == expected


def test_no_number_is_fill():
    assert decode(np.array([[np.nan, 0]], "f4"), ())[0].tolist() == [2, 0]


def test_lowest_code_wins_and_clear_loses():
    a, b = np.array([0, 0, 4, 9], "u1"), np.array([0, 5, 3, 0], "u1")
    assert lowest(a, b).tolist() == [0, 5, 3, 9]


def qa_stripes(shape=(40, 50)):
    qa = np.full(shape, landsat.CLEAR, "u2")
    qa[:10] = landsat.CLOUD
    qa[10:15] = landsat.SHADOW
    return qa


def test_a_source_with_reasons_travels(tmp_path):
    source = open_source(str(landsat.product(tmp_path, qa=qa_stripes())))
    again = pickle.loads(pickle.dumps(source))
    for mine, theirs in zip(
        *(read_reasons(s, Window(0, 0, 40, 50)) for s in (source, again)), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


def test_reasons_outside_an_area(tmp_path):
    folder = landsat.product(tmp_path, qa=qa_stripes())
    area = box(600000 + 30 * 5, 6600000 - 30 * 20, 600000 + 30 * 15, 6600000)
    hole = area.difference(box(600000 + 30 * 5, 6600000 - 30 * 20, 600000 + 30 * 7, 6600000))
    frame = geopandas.GeoDataFrame(geometry=[hole, box(600150, 6599990, 600160, 6600000)], crs=UTM)
    frame.to_file(tmp_path / "a.gpkg")
    source = open_source(str(folder), Input(aoi=str(tmp_path / "a.gpkg")))
    data, reasons = read_reasons(source, Window(0, 0, *source.grid.shape))
    assert source.grid.shape == (20, 10)
    assert (reasons[:, :2] == 1).all()
    assert (reasons[:10, 2:] == 4).all()
    assert (reasons[15:, 2:] == 0).all()
    np.testing.assert_array_equal(np.isnan(data).any(axis=0), reasons > 0)


def test_a_mosaic_fills_what_another_scene_has(tmp_path):
    left = landsat.product(tmp_path / "a", qa=qa_stripes())
    right = landsat.product(tmp_path / "b", qa=qa_stripes()[::-1])
    source = open_sources([str(left), str(right)])
    _, reasons = read_reasons(source, Window(0, 0, 40, 50))
    assert not reasons.any()
    cloudy = landsat.product(tmp_path / "c", qa=landsat.CLOUD)
    _, reasons = read_reasons(open_sources([str(left), str(cloudy)]), Window(0, 0, 40, 50))
    assert (reasons[:10] == 4).all()
    assert (reasons[10:15] == 5).all()
    assert not reasons[15:].any()


def test_mask_tif_report_and_metrics(tmp_path):
    folder = landsat.product(tmp_path, (540, 70), qa=qa_stripes((540, 70)))
    run = ["--units", "3", "--reducer", "pca", "-q"]
    assert main(["map", str(folder), "-o", str(tmp_path / "a"), *run]) == 0
    with rasterio.open(tmp_path / "a" / "mask.tif") as dataset:
        mask = dataset.read(1)
        assert dataset.nodata == 255
        assert dataset.colormap(1)[4] == (247, 247, 247, 255)
        assert dataset.overviews(1) == [2]
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    assert (mask[:10] == 4).all()
    assert (mask[10:15] == 5).all()
    assert not mask[15:].any()
    with rasterio.open(tmp_path / "a" / "units.tif") as dataset:
        np.testing.assert_array_equal(dataset.read(1) == 0, mask > 0)
    facts = json.loads((tmp_path / "a" / "metrics.json").read_text())
    assert facts["masked"] == {
        "cloud": {"pixels": 700, "share": pytest.approx(10 / 540)},
        "shadow": {"pixels": 350, "share": pytest.approx(5 / 540)},
    }
    assert facts["product"] == ["Landsat 8 OLI/TIRS, Landsat Collection 2 Level 2"]
    page = (tmp_path / "a" / "report.html").read_text("utf-8")
    assert re.search(r"shadow of a cloud</td><td>350</td><td>0.9%", page)
    aux = (tmp_path / "a" / "mask.tif.aux.xml").read_text("utf-8")
    assert re.findall("<Category>(.*?)</Category>", aux)[:6] == [
        "mapped", "outside", "fill", "saturated", "cloud", "shadow",
    ]  # fmt: skip
    assert 'label="shadow"' in (tmp_path / "a" / "mask.qml").read_text("utf-8")
    again = ["map", "--recipe", str(tmp_path / "a" / "run.toml"), str(folder), "-q"]
    assert main([*again, "-o", str(tmp_path / "b"), "--block", "512", "--threads", "2"]) == 0
    for name in ("mask.tif", "units.tif"):
        with (
            rasterio.open(tmp_path / "a" / name) as one,
            rasterio.open(tmp_path / "b" / name) as two,
        ):
            np.testing.assert_array_equal(one.read(), two.read())


def test_plain_rasters_have_no_mask_tif_unless_plants_are_masked(tmp_path):
    data, _ = blobs((50, 60), bands=6)
    scene = write(tmp_path / "a.tif", data, scale=1.0, offset=1e-9)
    run = ["--sensor", "landsat8", "--units", "3", "--reducer", "pca", "-q"]
    assert main(["map", scene, "-o", str(tmp_path / "a"), *run]) == 0
    assert not (tmp_path / "a" / "mask.tif").exists()
    more = ["--mask", "vegetation", "--ndvi", "0.02"]
    assert main(["map", scene, "-o", str(tmp_path / "b"), *run, *more]) == 0
    assert (tmp_path / "b" / "mask.tif").exists()
    run_toml = load_recipe(tmp_path / "b" / "run.toml")
    assert run_toml.preprocess.mask == ("vegetation",)


def test_masks_that_nothing_tells_are_said(tmp_path):
    folder = str(landsat.product(tmp_path))
    assert not notes_of(open_source(folder, None, Masks(("snow", "water", "edge"))))
    scene = write(tmp_path / "a.tif", np.ones((6, 5, 5), "u2"))
    assert not notes_of(open_source(scene))
    (note,) = notes_of(open_source(scene, None, Masks(("cloud", "water", "edge"))))
    assert note == "not masked, since nothing in the scene tells: water, edge"


def test_nothing_left_says_which_mask_took_how_much(tmp_path, capsys):
    qa = np.full((40, 50), landsat.CLOUD)
    qa[:10] = landsat.SHADOW
    folder = landsat.product(tmp_path, qa=qa)
    for command in (["map", str(folder), "-o", str(tmp_path / "out")], ["info", str(folder)]):
        assert main(command) == 2
        (line,) = [x for x in capsys.readouterr().err.splitlines() if "error" in x]
        assert "nothing is left to map; cloud 75.0%, shadow 25.0%; " in line
        assert "keep some with a --mask that lacks cloud or shadow, or --mask none" in line
    assert not (tmp_path / "out").exists()
    assert main(["info", str(folder), "--mask", "shadow"]) == 0
    assert "75.0% of 2000 pixels" in capsys.readouterr().out


def test_apply_masks_as_the_fit_did_unless_told(tmp_path):
    folder = str(landsat.product(tmp_path, qa=qa_stripes()))
    fit = ["fit", folder, "-o", str(tmp_path / "m"), "--units", "3", "--reducer", "pca", "-q"]
    assert main([*fit, "--mask", "none"]) == 0
    for name, more, gone in (("a", [], 0), ("b", ["--mask", "cloud"], 500)):
        out = tmp_path / name
        assert main(["apply", str(tmp_path / "m"), folder, "-o", str(out), "-q", *more]) == 0
        with rasterio.open(out / "units.tif") as dataset:
            assert (dataset.read(1) == 0).sum() == gone


def test_unknown_reasons_are_refused(capsys, tmp_path):
    assert main(["info", "x.tif", "--mask", "clouds"]) == 2
    assert "unknown mask 'clouds' (did you mean 'cloud'?)" in capsys.readouterr().err
    assert main(["info", "x.tif", "--ndvi", "7"]) == 2
    assert "from -1 to 1" in capsys.readouterr().err
    text = 'schema = 1\nreducer.name = "pca"\nclusterer.name = "kmeans"\npreprocess.mask = ["fill"]'
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(RecipeError, match="unknown mask 'fill'"):
        load_recipe(tmp_path / "r.toml")
    assert set(DEFAULT) < set(SWITCHES) < set(CODES)


def test_vegetation_needs_reflectance(tmp_path):
    scene = write(tmp_path / "a.tif", np.ones((6, 5, 5), "u2"))
    with pytest.raises(SceneError, match="--scale"):
        open_source(scene, Input(sensor="landsat8"), Masks(("vegetation",)))


@pytest.mark.real_data
def test_a_real_scene_under_cloud_ends_with_exit_2(data, tmp_path, capsys):
    folder = data / "landsat_c2l2" / "LC08_L2SR_099120_20191129_20201016_02_T2"
    assert main(["map", str(folder), "-o", str(tmp_path / "out")]) == 2
    assert "fill 51.4%, cloud 48.6%" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.real_data
def test_a_real_scene_of_half_cloud_is_mapped(data, tmp_path):
    folder = data / "landsat_c2l2" / "LC08_L2SP_005009_20150710_20200908_02_T2"
    run = ["--units", "4", "--reducer", "pca", "-q"]
    assert main(["map", str(folder), "-o", str(tmp_path / "out"), *run]) == 0
    masked = json.loads((tmp_path / "out" / "metrics.json").read_text())["masked"]
    assert masked["cloud"]["pixels"] == 81133
