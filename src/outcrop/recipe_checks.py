"""Whether a recipe holds: names of its steps and parameters, and ranges of its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outcrop import reasons
from outcrop.errors import InputError, RecipeError, setting, unknown_name
from outcrop.parameters import check_values, parameters_of
from outcrop.registry import Registry
from outcrop.timespan import parse_timespan

if TYPE_CHECKING:
    from outcrop.config import Recipe, Step

DEVICES = ("cpu", "cuda", "mps", "auto")


def check_recipe(recipe: Recipe, origin: str = "recipe") -> None:
    """Check what needs the tables: names of steps and of their parameters, and ranges.

    Raises
    ------
    RecipeError
        If a name is unknown or a number out of its range.
    """
    from outcrop.clustering import CLUSTERERS
    from outcrop.features import TRANSFORMS
    from outcrop.preprocess import SCALERS
    from outcrop.reduction import REDUCERS
    from outcrop.refinement import FILTERS
    from outcrop.smoothing import SMOOTHERS

    SCALERS.load(recipe.preprocess.scale)
    reasons.check_mask(recipe.preprocess.mask, recipe.preprocess.ndvi, origin)
    _check_paths(recipe, origin)
    _check_light(recipe, origin)
    TRANSFORMS.load(recipe.features.transform)
    _check_indices(recipe, origin)
    for key, table, step in (
        ("[smooth]", SMOOTHERS, recipe.smooth),
        ("[reducer]", REDUCERS, recipe.reducer),
        ("[clusterer]", CLUSTERERS, recipe.clusterer),
        *(("[[refine]]", FILTERS, s) for s in recipe.refine),
    ):
        _check_step(table, step, f"{origin}: {key} {step.name}")
    run = recipe.run
    if run.device not in DEVICES:
        said = unknown_name("device", run.device, DEVICES)
        raise RecipeError(f"{setting(origin, 'run.device')}: {said}")
    if run.sample != "all" and run.sample < 2:
        said = setting(origin, "run.sample", run.sample)
        raise RecipeError(f'{said}; it must be 2 or more, or "all"')
    if run.block < 512 or run.block % 512:
        said = setting(origin, "run.block", run.block)
        raise RecipeError(f"{said}; it must be a multiple of 512")
    if run.fit_threads < 1:
        said = setting(origin, "run.fit_threads", run.fit_threads)
        raise RecipeError(f"{said}; it must be 1 or more")
    if run.threads < 0:
        said = setting(origin, "run.threads", run.threads)
        raise RecipeError(f"{said}; it must be 0 (one a core) or more")
    if recipe.features.compress_above < 0 or recipe.features.compress_to < 1:
        raise RecipeError(
            f"{origin}: features.compress_above = {recipe.features.compress_above} must be 0 "
            f"(never) or more and features.compress_to = {recipe.features.compress_to} 1 or more"
        )
    _check_products(recipe, origin)
    if not 0 <= run.seed < 2**32:
        said = setting(origin, "run.seed", run.seed)
        raise RecipeError(f"{said}; it must be from 0 to {2**32 - 1}")


def _check_paths(recipe: Recipe, origin: str) -> None:
    """Refuse paths that are empty, as those of an unset variable of the shell are."""
    for key, value in (
        ("input.aoi", recipe.input.aoi),
        ("input.dem", recipe.input.dem),
        ("products.library", recipe.products.library),
        ("run.like", recipe.run.like),
    ):
        if value is not None and not value.strip():
            raise RecipeError(
                f"{setting(origin, key)} is empty; it must be the path of a file, or be left out"
            )


def _check_products(recipe: Recipe, origin: str) -> None:
    if recipe.products.datetime is not None:
        parse_timespan(recipe.products.datetime)
    if not 0 <= recipe.products.min_area < float("inf"):
        raise RecipeError(
            f"{setting(origin, 'products.min_area', recipe.products.min_area)}; it must be 0 (keep "
            "everything) or more, in square metres, or in pixels without a CRS"
        )
    if not 0 <= recipe.products.simplify < float("inf"):
        raise RecipeError(
            f"{setting(origin, 'products.simplify', recipe.products.simplify)}; it must be 0 (keep "
            "the outlines of the pixels) or more, in metres, or in pixels without a CRS"
        )


def _check_indices(recipe: Recipe, origin: str) -> None:
    from outcrop.indices import ALL, INDICES

    if not recipe.features.use:
        said = setting(origin, "features.use")
        raise RecipeError(f"{said} is empty; give bands, indices or both")
    for key, names, other in (
        ("features.use", recipe.features.use, "bands"),
        ("products.indices", recipe.products.indices, ALL),
    ):
        for name in names:
            if name not in (*INDICES, other):
                said = unknown_name("index", name, (other, *INDICES))
                raise RecipeError(f"{setting(origin, key)}: {said}")


def _check_light(recipe: Recipe, origin: str) -> None:
    from outcrop.relief import AUTO, CORRECTIONS

    name = recipe.preprocess.illumination
    if name not in (AUTO, *CORRECTIONS):
        raise RecipeError(
            f"{setting(origin, 'preprocess.illumination')}: "
            + unknown_name(CORRECTIONS.kind, name, (AUTO, *CORRECTIONS))
        )
    azimuth, elevation = recipe.input.sun_azimuth, recipe.input.sun_elevation
    if azimuth is not None and not -360 <= azimuth <= 360:
        raise RecipeError(
            f"{setting(origin, 'input.sun_azimuth', f'{azimuth:g}')}; it must be in degrees "
            "clockwise from north, 0 to 360"
        )
    if elevation is not None and not 0 < elevation <= 90:
        raise RecipeError(
            f"{setting(origin, 'input.sun_elevation', f'{elevation:g}')}; it must be in degrees "
            "above the horizon, more than 0 and at most 90"
        )


def _check_step(table: Registry, step: Step, where: str) -> None:
    kind = table.load(step.name)
    known = parameters_of(kind)
    for name in step.params:
        if name not in known:
            raise RecipeError(f"{where}: " + unknown_name("parameter", name, known))
    try:
        check_values(kind, step.params)
        made = kind(**step.params)  # filters check what they are given
        if hasattr(made, "check_parameters"):
            made.check_parameters()
    except InputError as error:
        raise RecipeError(f"{where}: {error}") from None
