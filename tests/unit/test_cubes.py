"""From several scenes to one map, as a user has it."""

import dataclasses
import json
import tomllib

import numpy as np
import pytest
import rasterio
from affine import Affine

import outcrop
from outcrop.__main__ import main
from outcrop.config import Input, Recipe, Step
from outcrop.pipeline import apply_to_scenes, map_scenes
from rasters import blobs, write

FAST = Recipe(
    reducer=Step("pca", {"n_components": 3}),
    clusterer=Step("kmeans", {"n_units": 4}),
    refine=(Step("majority", {"size": 3}),),
)


def with_input(**options):
    return dataclasses.replace(FAST, input=Input(**options))


def labels(folder, name="units.tif"):
    with rasterio.open(folder / name) as dataset:
        return dataset.read(1)


@pytest.fixture
def ground():
    rng = np.random.default_rng(5)
    units = rng.permutation(np.arange(96) % 4).reshape(8, 12)  # patches of ten pixels
    truth = np.kron(units, np.ones((10, 10), int))
    spectra = 0.2 + 0.06 * np.arange(4)[:, None] + 0.03 * np.eye(4)
    return spectra[truth].transpose(2, 0, 1) + rng.normal(0, 0.006, (4, 80, 120)), truth


def stored(data):
    return np.round(np.asarray(data) * 1e4).astype("i2")


def scene(path, data, col=0, **more):
    more = {"nodata": -9999, "scale": 1e-4, **more}
    return write(path, stored(data), origin=(600000.0 + 30 * col, 6600000.0), **more)


def test_halves_of_unlike_radiometry_map_as_the_whole(tmp_path, ground):
    data, _ = ground
    gains = np.array([1.4, 1.3, 1.2, 1.3])[:, None, None]
    left = scene(tmp_path / "left.tif", data[:, :, :72])
    right = scene(tmp_path / "right.tif", (data[:, :, 50:] - 0.02) / gains, 50)
    whole = map_scenes([scene(tmp_path / "whole.tif", data)], FAST, tmp_path / "w")
    like = dataclasses.replace(FAST, run=dataclasses.replace(FAST.run, like=str(
        tmp_path / "w" / "legend.json")))  # fmt: skip
    both = map_scenes([left, right], like, tmp_path / "b")
    a, b = labels(whole.folder), labels(both.folder)
    assert (a == b).mean() > 0.995
    assert abs(np.mean(b[:, 71] != b[:, 72]) - np.mean(a[:, 71] != a[:, 72])) <= 0.02
    assert "brought to the radiometry of" in " ".join(both.notes)
    (facts,) = both.metrics["radiometry"]
    np.testing.assert_allclose(list(facts["scenes"][1]["gain"].values()), gains.ravel(), rtol=0.01)
    off = dataclasses.replace(like, input=Input(radiometry="none"))
    unlike = labels(map_scenes([left, right], off, tmp_path / "n").folder)
    assert (a == unlike).mean() < (a == b).mean()


def test_a_composite_counts_and_can_be_run_and_applied_again(tmp_path, ground):
    data, _ = ground
    rng = np.random.default_rng(0)
    paths = []
    for i in range(3):
        seen = stored(data + rng.normal(0, 0.005, data.shape))
        seen[:, 20 * i : 20 * i + 20, :60] = -9999  # a cloud on another place each time
        paths.append(write(tmp_path / f"d{i}.tif", seen, nodata=-9999, scale=1e-4))
    recipe = with_input(composite="geomedian")
    result = map_scenes(paths, recipe, tmp_path / "a")
    clear = labels(result.folder, "clear.tif")
    assert (clear[:60, :60] == 2).all()
    assert (clear[60:] == 3).all()
    assert result.metrics["clear_observations"]["pixels"] == {"2": 3600, "3": 6000}
    assert (labels(result.folder) > 0).all()
    again = map_scenes(paths, outcrop.load_recipe(tmp_path / "a" / "run.toml"), tmp_path / "b")
    np.testing.assert_array_equal(labels(again.folder), labels(result.folder))
    settings = tomllib.loads((tmp_path / "a" / "run.toml").read_text())
    assert [f["path"] for f in settings["provenance"]["inputs"]] == paths
    applied = apply_to_scenes(tmp_path / "a", paths, tmp_path / "c")
    np.testing.assert_array_equal(labels(applied.folder), labels(result.folder))
    assert (applied.folder / "clear.tif").exists()


def test_the_map_of_a_warped_composite_is_the_same_for_any_block(tmp_path, ground):
    data, _ = ground
    data = np.tile(data, (1, 2, 5))  # more than one tile
    a = scene(tmp_path / "a.tif", data)
    b = scene(tmp_path / "b.tif", data * 1.1, 5.4)
    recipe = with_input(composite="geomedian", resolution=28)
    maps = []
    for block, n in ((512, 3), (1024, 1)):
        run = dataclasses.replace(recipe.run, block=block, threads=n, sample=2000)
        folder = map_scenes([a, b], dataclasses.replace(recipe, run=run), tmp_path / f"{block}")
        maps.append((folder.folder / "units.tif").read_bytes())
    assert maps[0] == maps[1]


def test_python_and_the_command_line_take_the_same_options(tmp_path, ground, capsys):
    data, _ = ground
    a, b = scene(tmp_path / "a.tif", data), scene(tmp_path / "b.tif", data + 0.01, 20)
    cube = outcrop.open_scene(a, b, composite="median", resolution=60, crs="EPSG:32754")
    assert abs(cube.rio.transform().a) == 60
    assert main(["map", a, b, "-o", str(tmp_path / "m"), "--composite", "median", "--radiometry",
                 "none", "--resolution", "60", "--units", "4", "-q"]) == 0  # fmt: skip
    metrics = json.loads((tmp_path / "m" / "metrics.json").read_text())
    assert "radiometry" not in metrics
    assert metrics["clear_observations"]["most"] == 2
    assert main(["map", a, b, "-o", str(tmp_path / "n"), "--composite", "mean"]) == 2
    assert "--composite" in capsys.readouterr().err
    assert not (tmp_path / "n").exists()


def test_south_up_scenes_are_upright_in_the_report(tmp_path):
    data, _ = blobs((40, 60), bands=4, units=3)
    data[:, :20] = data[:, :20] * 0.2
    north = write(tmp_path / "north.tif", data)
    south = write(tmp_path / "south.tif", data[:, ::-1],
                  transform=Affine(30, 0, 600000, 0, 30, 6600000.0 - 30 * 40))  # fmt: skip
    pages = []
    for path in (north, south):
        folder = map_scenes([path], FAST, tmp_path / path.rpartition("/")[2][:5]).folder
        pages.append((folder / "report.html").read_text())
    images = [p.split("data:image/png;base64,")[1:3] for p in pages]
    cut = [[i.split('"')[0] for i in page] for page in images]
    assert cut[0] == cut[1]


def test_info_says_the_common_grid_and_the_overlaps(tmp_path, ground, capsys):
    data, _ = ground
    a, b = scene(tmp_path / "a.tif", data), scene(tmp_path / "b.tif", data, 60.5)
    assert main(["info", a, b]) == 0
    said = capsys.readouterr().out
    assert "80 rows x 181 columns, pixel 30 x 30 (metre)" in said
    assert "scene 2" in said
    assert "overlap   1 and 2: 4800 pixels, 50% of the smaller" in said
    assert main(["info", a, b, "--json", "--radiometry", "none"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["overlaps"][0]["scenes"] == [1, 2]
    assert main(["info", a, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scenes"] == []
