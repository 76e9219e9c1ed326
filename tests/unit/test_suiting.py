"""Many bands are compressed, and features of a model are not taken for reflectance."""

import dataclasses

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

import spectrometers
from outcrop.config import load_recipe, parse_recipe, recipe_to_toml
from outcrop.errors import RecipeError
from outcrop.fitting import fit_front
from outcrop.model import Model
from outcrop.pipeline import map_scenes
from outcrop.sample import draw
from outcrop.sensors import Band
from outcrop.source import ArraySource
from outcrop.suiting import suited

UM = np.linspace(0.4, 2.5, 50)


@pytest.fixture
def cube():
    data = spectrometers.cube_of(UM, 40, 48).transpose(2, 0, 1)
    bands = tuple(Band(f"b{i}", float(u), 0.01, quantity="reflectance") for i, u in enumerate(UM))
    return ArraySource("cube", GeoBox((40, 48), Affine.scale(30, -30), "EPSG:32633"), bands, data)


def test_hundreds_of_bands_become_a_few_before_they_are_smoothed(cube):
    front = fit_front(draw([cube], "all"), cube.bands, load_recipe())
    features = front(cube.data)
    assert features.shape == (12, 40, 48)
    few = dataclasses.replace(cube, bands=cube.bands[:20], data=cube.data[:20])
    assert fit_front(draw([few], "all"), few.bands, load_recipe()).compressor is None


def test_a_pixels_features_do_not_depend_on_how_many_come_at_once(cube, monkeypatch):
    front = fit_front(draw([cube], "all"), cube.bands, load_recipe())
    rows = np.ascontiguousarray(cube.data.reshape(50, -1).T)
    whole = front.scaled(np.tile(rows, (20, 1)))
    assert np.array_equal(whole[-1920:], front.scaled(rows))


def test_the_whole_road_finds_the_units_and_the_model_comes_back(cube, tmp_path):
    recipe = load_recipe()
    recipe = dataclasses.replace(
        recipe, clusterer=dataclasses.replace(recipe.clusterer, params={"n_units": 2})
    )
    result = map_scenes(cube, recipe, tmp_path / "out")
    units = np.asarray(result.units)
    assert len(np.unique(units[:, :24])) == 1
    assert len(np.unique(units[:, 24:])) == 1
    assert units[0, 0] != units[0, -1]
    assert any("50 bands are brought down to 12" in n for n in result.notes)
    model = Model.load(tmp_path / "out")
    assert dataclasses.replace(model, compressor=None).digest() != model.digest()
    features = model.front(cube.data)
    assert np.array_equal(features, fit_front(draw([cube], 200_000), cube.bands, recipe)(cube.data))


def test_features_of_a_model_have_no_logarithm():
    bands = [Band("A00", quantity="feature"), Band("A01", quantity="feature")]
    recipe, notes = suited(load_recipe(), bands)
    assert recipe.preprocess.scale == "standard"
    assert any("standardised instead" in n for n in notes)
    light = [Band("B2", 0.48, quantity="reflectance"), Band("B3", 0.56)]
    assert suited(load_recipe(), light) == (load_recipe(), [])


@pytest.mark.parametrize("table", [{"compress_above": -1}, {"compress_to": 0}])
def test_out_of_range(table):
    import tomllib

    data = tomllib.loads(recipe_to_toml(load_recipe()))
    data["features"] |= table
    with pytest.raises(RecipeError, match=next(iter(table))):
        parse_recipe(data)
