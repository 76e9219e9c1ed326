"""What a recipe cannot know of a scene: features of a model, and bands by the hundred."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from outcrop.config import Recipe
from outcrop.sensors.base import Band


def suited(recipe: Recipe, bands: Sequence[Band]) -> tuple[Recipe, list[str]]:
    """Fit a recipe to the kind of bands.

    Features of a model (embeddings) have signs and no zero of light, so that a logarithm of them
    means nothing: ``log`` scaling becomes ``standard``.

    Returns
    -------
    recipe : Recipe
        With what was changed, as ``run.toml`` then says.
    notes : list of str
        What was changed, and what will be done to so many bands.
    """
    notes = []
    if any(band.quantity == "feature" for band in bands):
        notes.append(
            f"{len(bands)} bands are features of a model and not reflectance: nothing that needs a "
            "wavelength can be computed of them, and the composite shows the first three"
        )
        if recipe.preprocess.scale == "log":
            preprocess = dataclasses.replace(recipe.preprocess, scale="standard")
            recipe = dataclasses.replace(recipe, preprocess=preprocess)
            notes.append("features have no logarithm: they are standardised instead")
    features = recipe.features
    if features.compresses(len(bands)):
        notes.append(
            f"{features.width(len(bands))} bands are brought down to {features.compress_to} "
            "minimum noise fractions before they are smoothed (features.compress_to of the recipe)"
        )
    return recipe, notes
