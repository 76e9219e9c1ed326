"""From what the command line says to recipes and inputs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from outcrop import config
from outcrop.cli_options import Cleaning, Fitting, Lighting, Making, Reading, Working
from outcrop.config import Recipe
from outcrop.errors import OPTIONS, InputError, RecipeError, unknown_name
from outcrop.reasons import check_mask
from outcrop.recipe_checks import check_recipe

HAZE = ("auto", "none", "dark-object")


def recipe_of(
    reading: Reading,
    cleaning: Cleaning,
    lighting: Lighting,
    fitting: Fitting,
    working: Working,
    making: Making | None = None,
) -> Recipe:
    """Lay what the command line says over the recipe that it names, and check the whole again.

    Raises
    ------
    RecipeError, InputError
        If an option or the recipe cannot be used.
    """
    recipe = config.load_recipe(fitting.recipe)
    clusterer = config.with_step(recipe.clusterer, fitting.clusterer, n_units=_units(fitting.units))
    changed = dataclasses.replace(
        recipe,
        input=_over(recipe.input, input_of(reading, lighting)),
        preprocess=_over(recipe.preprocess, preprocess_of(cleaning, lighting)),
        features=_over(recipe.features, {"use": names_of(fitting.features, "--features")}),
        reducer=config.with_step(recipe.reducer, fitting.reducer),
        clusterer=clusterer,
        run=_over(recipe.run, {**_run_of(fitting, working), "block": making and making.block}),
        products=_over(recipe.products, _products_of(making)),
    )
    check_recipe(changed, OPTIONS)
    return changed


def input_of(reading: Reading, lighting: Lighting | None = None) -> dict[str, Any]:
    """Return what is said of the input."""
    names = None
    if reading.bands is not None:
        names = tuple(b.strip() for b in reading.bands.split(",") if b.strip())
    if names == ():
        raise InputError(
            f"--bands {reading.bands!r} names no band; give names joined by commas, as B2,B3"
        )
    told = {**vars(reading), "bands": names, "aoi": absolute(reading.aoi)}
    if lighting is not None:
        dem = lighting.dem
        told |= {
            "dem": dem if dem is None or "://" in dem else absolute(dem),
            "sun_azimuth": lighting.sun_azimuth,
            "sun_elevation": lighting.sun_elevation,
        }
    return given(told)


def preprocess_of(cleaning: Cleaning, lighting: Lighting | None = None) -> dict[str, Any]:
    """Return what is said of masks, haze and the light on slopes."""
    names = names_of(cleaning.mask, "--mask")
    if cleaning.haze not in (None, *HAZE):
        raise RecipeError("--haze: " + unknown_name("method", str(cleaning.haze), HAZE))
    check_mask(names or (), cleaning.ndvi or 0.0, OPTIONS)
    told = {**vars(cleaning), "mask": names}
    if lighting is not None:
        told["illumination"] = lighting.illumination
    return given(told)


def _run_of(fitting: Fitting, working: Working) -> dict[str, Any]:
    return {
        "seed": fitting.seed,
        "sample": _sample(fitting.sample),
        "device": fitting.device,
        "like": absolute(fitting.like),
        "threads": working.threads,
    }


def _products_of(making: Making | None) -> dict[str, Any]:
    if making is None:
        return {}
    return {
        **{name: value for name, value in vars(making).items() if name != "block"},
        "save_code": making.save_code or None,
        "indices": names_of(making.indices, "--indices"),
    }


def _over(table: Any, said: dict[str, Any]) -> Any:
    return dataclasses.replace(table, **given(said))


def absolute(path: str | None) -> str | None:
    """Make a path hold wherever the run's ``run.toml`` is used later; an empty one stays so."""
    return path if not path else str(Path(path).absolute())


def given(values: dict[str, Any]) -> dict[str, Any]:
    """Leave out what nothing was said of."""
    return {k: v for k, v in values.items() if v is not None}


def names_of(text: str | None, option: str) -> tuple[str, ...] | None:
    """Read names joined by commas; ``none`` is none of them."""
    if text is None:
        return None
    names = tuple(n.strip().lower() for n in text.split(",") if n.strip())
    if not names:
        raise InputError(f"{option} {text!r} names nothing; give names joined by commas")
    return () if names == ("none",) else names


def _units(text: str | None) -> int | str | None:
    """Read a number of units, 2-254 or auto."""
    if text is None or text == "auto":
        return text
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 2 <= number <= 254:
        raise InputError(f"--units {text}: must be auto or a whole number from 2 to 254")
    return number


def _sample(text: str | None) -> int | str | None:
    """Read the size of a sample: pixels or all."""
    if text is None or text == "all":
        return text
    try:
        return int(text)
    except ValueError:
        raise RecipeError(f"--sample {text}: must be all or a whole number of pixels") from None
