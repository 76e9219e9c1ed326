"""Values of a recipe that do not hold: each is refused before a scene is read."""

import tomllib

import pytest

from outcrop.config import load_recipe, parse_recipe, recipe_names, recipe_to_toml
from outcrop.errors import RecipeError

WHOLE = "it must be a whole number, 1 or more"
STEPS = {
    "no start": ("clusterer", "kmeans", "n_init", 0, f"n_init = 0; {WHOLE}"),
    "half a step": ("clusterer", "mixture", "max_iter", 1.5, f"max_iter = 1.5; {WHOLE}"),
    "one row to compare on": ("clusterer", "student", "n_curve_rows", 1,
                              "n_curve_rows = 1; it must be a whole number, 2 or more"),
    "a word for a number": ("clusterer", "student", "price", "x",
                            "price = 'x'; it must be a number, 0 or more"),
    "no number": ("clusterer", "student", "reg", float("nan"),
                  "reg = nan; it must be a number, 0 or more"),
    "endless": ("clusterer", "kmeans", "tol", float("inf"), "tol = inf; it must be a number"),
    "units in words": ("clusterer", "student", "n_units", "many",
                       "n_units is 'many'; it must be 'auto' or a whole number"),
    "the most units": ("clusterer", "student", "max_units", 999, "max_units is 999; it must be"),
    "one layer and no list": ("reducer", "autoencoder", "hidden", 4,
                              "hidden = 4; it must be a list of whole numbers"),
    "a number for a name": ("reducer", "stacked", "activation", 3,
                            "activation = 3; it must be a text in quotes"),
    "yes for true": ("reducer", "pca", "whiten", "yes", "whiten = 'yes'; it must be true or false"),
    "no components": ("reducer", "mnf", "n_components", 0, f"n_components = 0; {WHOLE}"),
    "strength in words": ("smooth", "bilateral", "strength", "much", "strength = 'much'; it must"),
    "updates in words": ("refine", "potts", "strength", "much", "strength = 'much'; it must"),
}  # fmt: skip


def with_value(table, key, value):
    recipe = tomllib.loads(recipe_to_toml(load_recipe()))
    recipe[table][key] = value
    return recipe


@pytest.mark.parametrize("case", STEPS)
def test_parameters_of_steps(case):
    table, name, key, value, says = STEPS[case]
    recipe = tomllib.loads(recipe_to_toml(load_recipe()))
    step = {"name": name, key: value}
    recipe[table] = [step] if table == "refine" else step
    where = "[[refine]]" if table == "refine" else f"[{table}]"
    with pytest.raises(RecipeError) as error:
        parse_recipe(recipe, "my.toml")
    assert str(error.value).startswith(f"my.toml: {where} {name}: {says}")


@pytest.mark.parametrize(("table", "key", "value", "says"), [
    ("preprocess", "mask", "cloud", 'it must be a list, such as ["a", "b"]'),
    ("preprocess", "clip", "perhaps", "it must be true or false"),
    ("run", "seed", 1.5, "it must be a whole number"),
    ("run", "sample", "some", "it must be a whole number or 'all'"),
    ("run", "device", "gpu", "it must be 'cpu', 'cuda', 'mps' or 'auto'"),
    ("products", "title", 5, "it must be a text in quotes"),
])  # fmt: skip
def test_kinds_are_said_in_words_of_toml(table, key, value, says):
    with pytest.raises(RecipeError) as error:
        parse_recipe(with_value(table, key, value), "my.toml")
    assert str(error.value) == f"my.toml: {table}.{key} = {value!r} is not valid: {says}"


@pytest.mark.parametrize(("table", "key"), [
    ("input", "aoi"), ("input", "dem"), ("products", "library"), ("run", "like"),
])  # fmt: skip
def test_an_empty_path_is_not_left_out_in_silence(table, key):
    with pytest.raises(RecipeError, match=rf"my.toml: {table}.{key} is empty"):
        parse_recipe(with_value(table, key, " "), "my.toml")


@pytest.mark.parametrize("name", recipe_names())
def test_what_is_written_of_a_recipe_holds(name):
    recipe = load_recipe(name)
    assert parse_recipe(tomllib.loads(recipe_to_toml(recipe))) == recipe
