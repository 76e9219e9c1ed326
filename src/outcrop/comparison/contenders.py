"""Who is compared: recipes as they are, and reducers at equal code size, raw and whitened."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from outcrop.config import Preprocess, Recipe, Step, load_recipe, with_step
from outcrop.errors import InputError, RecipeError, unknown_name
from outcrop.recipe_checks import check_recipe

#: Whole methods, and reducers with everything else the same.
METHOD, CODE = "recipe", "code"


@dataclass(frozen=True)
class Contender:
    """One that is compared.

    Parameters
    ----------
    name : str
    recipe : Recipe
    kind : {"recipe", "code"}
        Whether it stands for a whole method, or for a reducer with everything else the same.
    seeds : int, optional
        The most seeds that it gets, where that is fewer than the others get.
    filter_m : float, optional
        Metres on the ground that its majority filter covers, whatever the scene's pixels.
    """

    name: str
    recipe: Recipe
    kind: str = METHOD
    seeds: int | None = None
    filter_m: float | None = None

    def on(self, pixel_m: float | None) -> Recipe:
        """Return the recipe for a scene with pixels of that size, None where it is not known."""
        if self.filter_m is None or pixel_m is None:
            return self.recipe
        size = max(1, 2 * round((self.filter_m / pixel_m - 1) / 2) + 1)
        refine = tuple(
            with_step(step, size=size) if step.name == "majority" else step
            for step in self.recipe.refine
        )
        return replace(self.recipe, refine=refine)


def find_recipes(names: Sequence[str]) -> list[Contender]:
    """Load recipes by name or file; ``nagar2024:pca`` is the recipe with another reducer.

    Raises
    ------
    RecipeError
        If one is unknown or named twice, or none is named.
    """
    if not names:
        raise RecipeError("--recipes names none; give names joined by commas (outcrop recipes)")
    found = [_find(name) for name in names]
    for i, contender in enumerate(found):
        if contender.name in [c.name for c in found[:i]]:
            raise RecipeError(f"--recipes names {contender.name!r} twice; leave one out")
    return found


def _find(name: str) -> Contender:
    path, _, reducer = name.partition(":")
    if Path(name).suffix == ".toml":  # a drive letter has a colon too
        path, reducer = name, ""
    recipe = load_recipe(path)
    if reducer:
        from outcrop.reduction import REDUCERS

        if reducer not in REDUCERS:
            raise RecipeError(f"--recipes {name}: " + unknown_name("reducer", reducer, REDUCERS))
        recipe = replace(recipe, reducer=with_step(recipe.reducer, reducer))
        check_recipe(recipe, name)
    shown = os.path.splitext(os.path.basename(path))[0] if path.endswith(".toml") else path
    return Contender(f"{shown}:{reducer}" if reducer else shown, recipe)


def code_contenders(size: int = 2) -> list[Contender]:
    """Return every reducer with codes of one size, raw and whitened.

    All else is the same: bands scaled to 0-1, which the paper's networks need, k-means, and a
    majority filter of 7 x 7 pixels. The first is what all have to beat: whitened principal
    components.

    Parameters
    ----------
    size : int
        Features of a code.

    Raises
    ------
    InputError
        If no code is so small.
    """
    if size < 1:
        raise InputError(
            f"--code-size {size}: a code has 1 feature or more; 0 features map nothing"
        )
    made = []
    for name, step in _reducers(size).items():
        for whiten in (True, False):
            params = {**step.params, "whiten": whiten}
            recipe = Recipe(
                preprocess=Preprocess("minmax"),
                reducer=Step(step.name, params),
                clusterer=Step("kmeans"),
                refine=(Step("majority", {"size": 7}),),
            )
            how = "whitened" if whiten else "raw"
            made.append(Contender(f"{name}, {size}, {how}", recipe, CODE))
    return made


def baseline_name(size: int = 2) -> str:
    """Return the name of the contender that all have to beat."""
    return f"pca, {size}, whitened"


def _reducers(size: int) -> dict[str, Step]:
    hidden = [6, 4, size, 4, 6] if size < 4 else [3 * size, 2 * size, size, 2 * size, 3 * size]
    reducers = {
        "pca": Step("pca", {"n_components": size}),
        "mnf": Step("mnf", {"n_components": size}),
        "autoencoder": Step("autoencoder", {"hidden": hidden}),
        "stacked": Step("stacked", {"n_components": size}),
    }
    if size == 2:  # its design is fixed
        reducers["stacked (nagar2024)"] = Step("stacked", {"design": "nagar2024"})
    return reducers
