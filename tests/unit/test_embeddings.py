import pickle
from pathlib import Path

import numpy as np
import pytest

from outcrop.config import Input, load_recipe
from outcrop.errors import OutcropError, RecipeError, SceneError
from outcrop.opening import open_source
from outcrop.pipeline import map_scenes
from outcrop.quality import Masks
from outcrop.source import Window, file_paths, notes_of
from rasters import write

AXES = [f"A{i:02d}" for i in range(64)]


def vectors(rows=30, cols=40, count=64, seed=0):
    """Two units of unit vectors, side by side, with noise."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((2, count))
    unit = (np.arange(cols) >= cols // 2).astype(int)
    values = centres[np.tile(unit, (rows, 1))] + 0.2 * rng.standard_normal((rows, cols, count))
    return (values / np.linalg.norm(values, axis=2, keepdims=True)).transpose(2, 0, 1)


def quantised(values):
    return np.round(np.sign(values) * np.sqrt(np.abs(values)) * 127.5).astype("int8")


@pytest.fixture
def alphaearth(tmp_path):
    values = vectors()
    stored = quantised(values)
    stored[:, 0, 0] = -128
    return write(tmp_path / "aef.tif", stored, names=AXES, nodata=-128), values


def test_alphaearth_is_known_by_its_axes_and_dequantised(alphaearth):
    path, values = alphaearth
    source = pickle.loads(pickle.dumps(open_source(path)))
    assert {b.quantity for b in source.bands} == {"feature"}
    assert [b.name for b in source.bands] == AXES
    data = source.read(Window(0, 0, 30, 40))
    assert np.isnan(data[:, 0, 0]).all()
    assert np.allclose(data[:, 1:], values[:, 1:], atol=0.01)
    assert np.allclose(np.linalg.norm(data[:, 1:], axis=0), 1, atol=0.02)
    assert any("(n / 127.5)²" in n for n in notes_of(source))


def test_silent_bytes_need_the_name_of_the_model(tmp_path):
    stored = quantised(vectors())
    stored[:, 2, 3] = -128  # without a tag
    path = write(tmp_path / "silent.tif", stored)
    assert {b.quantity for b in open_source(path).bands} == {"unknown"}
    data = open_source(path, Input(sensor="alphaearth", scale=0.5)).read(Window(0, 0, 30, 40))
    assert np.isnan(data[:, 2, 3]).all()
    assert data[0, 5, 5] == pytest.approx(
        np.sign(stored[0, 5, 5]) * (stored[0, 5, 5] / 127.5) ** 2, abs=1e-6
    )


def test_values_of_an_export_are_not_dequantised_again(tmp_path):
    values = vectors().astype("float32")
    path = write(tmp_path / "export.tif", values, names=AXES)
    assert np.array_equal(open_source(path).read(Window(0, 0, 30, 40)), values)


@pytest.mark.parametrize("planes", [1, 128])
def test_tesseras_bytes_are_multiplied_by_their_scales(tmp_path, planes):
    rng = np.random.default_rng(1)
    stored = rng.integers(-127, 128, (128, 6, 7)).astype("int8")
    scales = rng.uniform(0.01, 0.1, (planes, 6, 7)).astype("float32")
    scales[:, 2, 2] = np.nan
    path = write(tmp_path / "tile.tif", stored)
    with pytest.raises(SceneError, match=r"tile_scales\.tif beside it"):
        open_source(path, Input(sensor="tessera"))
    write(tmp_path / "tile_scales.tif", scales)
    source = open_source(path, Input(sensor="tessera"))
    data = source.read(Window(1, 1, 4, 5))
    assert np.allclose(data, (stored * scales)[:, 1:5, 1:6], equal_nan=True)
    assert np.isnan(data[:, 1, 1]).all()
    assert "tile_scales.tif" in {Path(p).name for p in file_paths(source)}
    write(tmp_path / "tile_scales.tif", scales[:, :3])
    with pytest.raises(SceneError, match="another grid"):
        open_source(path, Input(sensor="tessera"))


def test_any_other_model_has_a_feature_a_band(tmp_path):
    path = write(tmp_path / "clay.tif", np.ones((7, 4, 5), "float32"))
    source = open_source(path, Input(sensor="embedding"))
    assert [b.name for b in source.bands] == [f"E{i}" for i in range(7)]
    assert {b.quantity for b in source.bands} == {"feature"}


def test_what_needs_a_wavelength_says_so(alphaearth):
    path, _ = alphaearth
    with pytest.raises(SceneError, match="vegetation cannot be masked"):
        open_source(path, masks=Masks(("vegetation",)))


def test_the_default_recipe_maps_them(alphaearth, tmp_path):
    path, _ = alphaearth
    recipe = load_recipe()
    recipe.clusterer.params["n_units"] = 2
    result = map_scenes([path], recipe, tmp_path / "out")
    units = np.asarray(result.units)
    assert units[0, 0] == 0
    assert len(np.unique(units[1:, :18])) == len(np.unique(units[1:, 22:])) == 1
    assert units[5, 5] != units[5, 35]
    said = " ".join(result.notes)
    assert "features of a model and not reflectance" in said
    assert "standardised instead" in said
    assert "0 or below" not in said  # as half of the features are
    assert 'scale = "standard"' in (tmp_path / "out" / "run.toml").read_text()
    assert result.legend.quantity == "feature"


def test_a_simulated_scene_needs_an_instrument():
    from outcrop.simulate import simulate_scene

    with pytest.raises(OutcropError, match="unknown sensor 'alphaearth'"):
        simulate_scene("alphaearth")


def test_an_unknown_model_is_told_what_there_is(tmp_path):
    scene = write(tmp_path / "clay.tif", np.ones((8, 4, 4), "f4"))
    with pytest.raises(RecipeError, match=r"unknown sensor 'clay'.*alphaearth.*embedding.*tessera"):
        open_source(scene, Input(sensor="clay"))
