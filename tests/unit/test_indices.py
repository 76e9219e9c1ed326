"""Ratios and indices: which bands make them, what they are, where they are refused."""

import json
import pickle
import re
from dataclasses import replace

import numpy as np
import pytest
import rasterio

from outcrop.__main__ import main
from outcrop.config import Input, load_recipe
from outcrop.errors import RecipeError, SceneError
from outcrop.features.columns import Columns
from outcrop.fitting import fit_front
from outcrop.indices import FLOOR, INDICES, available, get_index, missing, require, stack
from outcrop.sample import draw
from outcrop.sensors import SENSORS, get_sensor
from outcrop.sensors.base import Band
from outcrop.sensors.generic import open_raster
from rasters import blobs, write


def as_read(sensor, names=None):
    bands = [b for b in get_sensor(sensor).bands if names is None or b.name in names]
    return tuple(
        replace(b, quantity="reflectance" if b.wavelength_um < 3 else "radiance") for b in bands
    )


def spectrometer(quantity="reflectance"):
    return tuple(
        Band(f"{w:.3f}", float(w), 0.0075, quantity=quantity) for w in np.arange(0.4, 2.5, 0.0075)
    )


def names_of(bands):
    return {index.name for index in available(bands)[0]}


BROAD = {"ferric", "iron_oxide", "ferrous", "hydroxyl_carbonate", "ndvi", "ndti", "green_cover"}


@pytest.mark.parametrize("sensor", ["landsat5", "landsat7", "landsat8", "landsat9", "sentinel2"])
def test_one_broad_band_cannot_tell_hydroxyl_from_carbonate(sensor):
    assert names_of(as_read(sensor)) == BROAD
    assert "al_oh and mg_oh_carbonate" not in missing(INDICES["hydroxyl_carbonate"],
                                                      as_read(sensor))  # fmt: skip


def test_what_aster_can():
    found = names_of(as_read("aster"))
    assert {"al_oh", "mg_oh_carbonate", "quartz", "carbonate", "mafic"} <= found
    assert not {"hydroxyl_carbonate", "ndti", "iron_oxide", "dry_cover"} & found
    assert "al_oh" in missing(INDICES["hydroxyl_carbonate"], as_read("aster"))


@pytest.mark.parametrize(("name", "said"), [
    ("al_oh", "r2.17 = B05, r2.26 = B07, r2.21 = B06"),
    ("mg_oh_carbonate", "r2.26 = B07, r2.40 = B09, r2.33 = B08"),
    ("quartz", "e8.3 = B10, e8.6 = B11, e9.1 = B12"),
    ("mafic", "e9.1 = B12, e10.7 = B13, e11.3 = B14"),
    ("ferrous", "swir2 = B05, nir = B3N, green = B01, red = B02"),
])  # fmt: skip
def test_bands_are_those_that_were_published(name, said):
    bands = as_read("aster")
    assert require([name], bands, "s")[0].said(bands) == said


def test_a_place_is_the_mean_of_narrow_bands():
    bands = spectrometer()
    ready = require(["al_oh", "cellulose", "ndvi"], bands, "s")
    assert all(len(p) >= 2 for r in ready for p in r.positions)
    wavelengths = np.array([b.wavelength_um for b in bands])
    flat = np.full((len(bands), 2, 2), 0.4, "f4")
    muscovite = flat * (1 - 0.3 * np.exp(-(((wavelengths - 2.209) / 0.02) ** 2)))[:, None, None]
    depth = [stack(ready[:1], d.astype("f4"))[0, 0, 0] for d in (flat, muscovite)]
    assert depth[0] == pytest.approx(2, abs=1e-6)
    assert depth[1] > 2.3


def test_formulas():
    aster = as_read("aster")
    values = np.linspace(0.2, 0.9, len(aster)).astype("f4")
    b = dict(zip([x.name for x in aster], values.astype(float), strict=True))
    got = dict(zip(*[[r.name for r in available(aster)[0]],
                     stack(available(aster)[0], values[:, None])[:, 0]], strict=True))  # fmt: skip
    expected = {
        "ferric": b["B02"] / b["B01"],
        "ferrous": b["B05"] / b["B3N"] + b["B01"] / b["B02"],
        "al_oh": (b["B05"] + b["B07"]) / b["B06"],
        "kaolinite_alunite": (b["B04"] + b["B06"]) / b["B05"],
        "mg_oh_carbonate": (b["B07"] + b["B09"]) / b["B08"],
        "quartz": b["B11"] ** 2 / (b["B10"] * b["B12"]),
        "carbonate": b["B13"] / b["B14"],
        "mafic": b["B12"] * b["B14"] ** 3 / b["B13"] ** 4,
        "ndvi": (b["B3N"] - b["B02"]) / (b["B3N"] + b["B02"]),
    }
    assert {k: pytest.approx(v, rel=1e-5) for k, v in expected.items()} == {
        k: float(got[k]) for k in expected
    }


def test_what_is_not_positive_is_floored_and_nan_stays():
    bands = as_read("landsat8")
    ready = available(bands)[0]
    data = np.full((len(bands), 3), 0.3, "f4")
    data[:, 0], data[:, 1] = -0.2, np.nan
    out = stack(ready, data)
    assert np.isfinite(out[:, 0]).all()
    assert np.isnan(out[:, 1]).all()
    ratio = require(["iron_oxide"], bands, "s")[0]
    data[:, 2] = np.where([b.name == "B2" for b in bands], 0.0, 0.3)
    assert ratio(data)[2] == pytest.approx(0.3 / FLOOR)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_cover_of_mixtures(share):
    bands = as_read("landsat8", ("B4", "B5"))
    ready = require(["green_cover"], bands, "s")[0]
    ndvi = 0.15 + share * (0.88 - 0.15)
    pixel = np.array([[0.2 * (1 - ndvi)], [0.2 * (1 + ndvi)]], "f4")
    assert ready(pixel)[0] == pytest.approx(share, abs=1e-5)


def test_refusals_name_what_is_missing():
    with pytest.raises(SceneError, match=r"dry_cover cannot be computed.*r2.02 \(1.99-2.05 um\)"):
        require(["dry_cover"], as_read("sentinel2"), "s")
    unknown = tuple(replace(b, quantity="unknown") for b in as_read("landsat8"))
    with pytest.raises(SceneError, match="give --scale and --offset"):
        require(["ferric"], unknown, "s")
    embedding = tuple(Band(f"e{i}", quantity="feature") for i in range(8))
    with pytest.raises(SceneError, match="wavelengths of the bands are not known"):
        require(["ndvi"], embedding, "s")
    with pytest.raises(SceneError, match="no index can be computed"):
        require(["all"], embedding, "s")
    with pytest.raises(RecipeError, match="did you mean 'ferric'"):
        get_index("feric")


@pytest.mark.parametrize("sensor", list(SENSORS))
def test_ready_indices_travel(sensor):
    ready = available(as_read(sensor))[0]
    assert pickle.loads(pickle.dumps(ready)) == ready


def test_every_index_says_who_published_it():
    for name, index in INDICES.items():
        assert index.name == name
        assert re.search(r"\d{4}", index.source)
        assert index.formula


def scene(tmp_path, name="s.tif", seed=0, shape=(60, 80)):
    data, _ = blobs(shape, bands=6, seed=seed)
    stored = np.clip(data * 10000, 1, 65000).astype("u2")
    return write(tmp_path / name, stored, scale=1e-4, offset=0.0)


def run(capsys, *args):
    code = main([str(a) for a in args])
    return code, capsys.readouterr()


def test_the_command_line_lists_them(capsys, tmp_path):
    code, said = run(capsys, "indices", "--sensor", "sentinel2")
    assert code == 0
    assert "red = B04, green = B03" in said.out
    assert "not here: no band in r2.17" in said.out
    code, said = run(capsys, "indices", scene(tmp_path), "--json")
    assert code == 0
    assert all("wavelengths" in i["missing"] for i in json.loads(said.out))
    assert run(capsys, "indices", "--sensor", "nope")[0] == 2


def test_layers_and_means_by_unit(capsys, tmp_path):
    path, out = scene(tmp_path), tmp_path / "out"
    assert run(capsys, "map", path, "-o", out, "--sensor", "landsat8", "--indices", "ndvi,ferric",
               "--units", "3", "-q")[0] == 0  # fmt: skip
    with rasterio.open(out / "indices.tif") as dataset:
        assert dataset.descriptions == ("ferric", "ndvi")
        layers = dataset.read()
    with rasterio.open(path) as dataset:
        bands = dataset.read().astype("f4") * np.float32(1e-4)
    np.testing.assert_allclose(layers[0], bands[2] / bands[1], rtol=1e-5)
    with rasterio.open(out / "units.tif") as dataset:
        units = dataset.read(1)
    facts = json.loads((out / "metrics.json").read_text())["indices"]
    legend = json.loads((out / "legend.json").read_text())
    for unit in legend["units"]:
        here = layers[1][units == unit["number"]]
        assert facts["units"][str(unit["number"])]["ndvi"]["mean"] == pytest.approx(here.mean())
        assert unit["indices"]["ndvi"] == pytest.approx(here.mean())
    assert facts["scene"]["ndvi"]["mean"] == pytest.approx(layers[1].mean())
    page = (out / "report.html").read_text()
    assert "Green plants" in page
    assert "not from these bands" in page
    # The sieve reads the scene again, and measures the same there.
    assert run(capsys, "map", path, "-o", tmp_path / "sieved", "--sensor", "landsat8", "--units",
               "3", "-q", "--min-area", "0.001")[0] == 0  # fmt: skip
    again = json.loads((tmp_path / "sieved" / "metrics.json").read_text())["indices"]
    assert again == facts


def test_an_index_that_cannot_be_is_refused_before_any_work(capsys, tmp_path):
    code, said = run(capsys, "map", scene(tmp_path), "-o", tmp_path / "o", "--sensor", "landsat8",
                     "--indices", "al_oh")  # fmt: skip
    assert code == 2
    assert "al_oh cannot be computed: no band in" in said.err
    assert not (tmp_path / "o").exists()
    code, said = run(capsys, "map", scene(tmp_path), "-o", tmp_path / "o", "--features", "ndvi")
    assert code == 2
    assert "wavelengths" in said.err


@pytest.mark.parametrize("use", ["ferric,ferrous,ndvi", "bands,ferric,ndvi"])
def test_features_to_cluster(capsys, tmp_path, use):
    path, out = scene(tmp_path), tmp_path / "out"
    assert run(capsys, "map", path, "-o", out, "--sensor", "landsat8", "--features", use,
               "--save-code", "--units", "3", "-q")[0] == 0  # fmt: skip
    with rasterio.open(out / "code.tif") as dataset:
        assert dataset.count == (3 if use.startswith("ferric") else 8)
    assert load_recipe(out / "run.toml").features.use == tuple(use.split(","))
    applied = tmp_path / "applied"
    assert run(capsys, "apply", out, path, "-o", applied, "-q")[0] == 0
    assert (out / "units.tif").read_bytes() == (applied / "units.tif").read_bytes()


@pytest.mark.parametrize("scale", ["log", "standard", "minmax"])
def test_signed_indices_have_no_logarithm(scale, tmp_path):

    recipe = load_recipe("default")
    features = replace(recipe.features, use=("bands", "ferric", "ndvi"))
    preprocess = replace(recipe.preprocess, scale=scale)
    recipe = replace(recipe, preprocess=preprocess, features=features)
    source = open_raster(scene(tmp_path), Input(sensor="landsat8"))
    sample = draw([source], "all")
    front = fit_front(sample, source.bands, recipe)
    assert Columns.of(recipe, source.bands).linear == (7,)
    if scale == "log":
        assert np.isnan(front.scaler.floor_).tolist() == [False] * 7 + [True]
    assert front.scaled(sample.rows).shape[1] == 8
