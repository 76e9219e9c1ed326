import dataclasses
import tomllib

import pytest

from outcrop import config
from outcrop.config import Step, load_recipe, parse_recipe, recipe_to_toml, with_step
from outcrop.errors import RecipeError

PLAIN = {"schema": 1, "reducer": {"name": "pca"}, "clusterer": {"name": "kmeans"}}


@pytest.mark.parametrize("name", config.recipe_names())
def test_named_recipes_survive_a_round_trip(name):
    recipe = load_recipe(name)
    again = parse_recipe(tomllib.loads(recipe_to_toml(recipe, {"outcrop": "0", "x": None})))
    assert again == recipe


def test_the_papers_recipe_is_the_papers():
    recipe = load_recipe("nagar2024")
    assert recipe.preprocess.scale == "minmax"
    assert recipe.reducer == Step("stacked", {"design": "nagar2024"})
    assert recipe.clusterer == Step("kmeans", {"n_units": "auto"})
    assert recipe.refine == (Step("majority", {"size": 7}),)
    assert recipe.run.sample == "all"


def test_everything_set_comes_back(tmp_path):
    data = {
        **PLAIN,
        "input": {"sensor": "landsat8", "bands": ["B2", "B3"], "scale": 2.75e-05, "offset": -0.2},
        "reducer": {"name": "pca", "n_components": 3, "whiten": True},
        "refine": [{"name": "majority", "size": 3}, {"name": "majority", "size": 5}],
        "run": {"seed": 7, "sample": "all"},
        "products": {"title": 'Quartz "vein"'},
        "provenance": {"anything": 1},
    }
    recipe = parse_recipe(data)
    assert recipe.input.bands == ("B2", "B3")
    assert recipe.reducer.params == {"n_components": 3, "whiten": True}
    path = tmp_path / "mine.toml"
    path.write_text(recipe_to_toml(recipe), "utf-8")
    assert load_recipe(path) == recipe


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema": 2}, "schema = 2"),
        ({"schema": None}, "schema = None"),
        ({"reducr": {}}, "did you mean 'reducer'"),
        ({"run": {"sed": 1}}, "did you mean 'seed'"),
        ({"run": {"seed": "x"}}, "run.seed = 'x'"),
        ({"run": {"seed": -1}}, "run.seed = -1"),
        ({"run": {"block": 1000}}, "multiple of 512"),
        ({"run": {"sample": 1}}, "run.sample = 1"),
        ({"run": {"threads": -1}}, "run.threads"),
        ({"run": {"device": "tpu"}}, "'tpu'"),
        ({"run": 3}, "must be a table"),
        ({"reducer": {"name": "pcaa"}}, "did you mean 'pca'"),
        ({"reducer": {"name": "pca", "n_component": 2}}, "did you mean 'n_components'"),
        ({"reducer": {}}, "needs a name"),
        ({"clusterer": None}, "needs a name"),
        ({"clusterer": {"name": "dbscan"}}, "unknown clusterer 'dbscan'"),
        ({"refine": {"name": "majority"}}, "double brackets"),
        ({"refine": [{"name": "median"}]}, "known: majority"),
        ({"preprocess": {"scale": "robust"}}, "known: log, minmax, none, standard"),
        ({"features": {"transform": "sqrt"}}, "known: log, none"),
    ],
)
def test_what_is_wrong_is_named_with_the_nearest_right(change, says):
    with pytest.raises(RecipeError, match=says):
        parse_recipe({**PLAIN, **change})


def test_missing_recipes_and_files_are_told_apart(tmp_path):
    with pytest.raises(RecipeError, match="did you mean 'nagar2024'"):
        load_recipe("nagar2025")
    with pytest.raises(RecipeError, match="does not exist"):
        load_recipe(tmp_path / "no.toml")
    bad = tmp_path / "bad.toml"
    bad.write_text("schema = ")
    with pytest.raises(RecipeError, match="not valid TOML"):
        load_recipe(bad)


def test_another_name_starts_from_its_own_defaults():
    step = Step("stacked", {"design": "nagar2024"})
    assert with_step(step, "stacked") == step
    assert with_step(step, None, whiten=False).params == {"design": "nagar2024", "whiten": False}
    assert with_step(step, "pca") == Step("pca")


def test_recipes_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_recipe().schema = 2
