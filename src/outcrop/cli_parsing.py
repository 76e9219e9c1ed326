"""From what the command line says to recipes and inputs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from outcrop import config
from outcrop.config import Recipe
from outcrop.errors import InputError, RecipeError, unknown_name
from outcrop.reasons import check_mask

HAZE = ("auto", "none", "dark-object")


def input_of(
    sensor: str | None,
    bands: str | None,
    scale: float | None,
    offset: float | None,
    nodata: float | None,
    aoi: str | None,
    resolution: float | None,
    crs: str | None,
    resampling: str | None,
) -> dict[str, Any]:
    """Return what is said of the input, None where nothing is."""
    names = None if bands is None else tuple(b.strip() for b in bands.split(",") if b.strip())
    if names == ():
        raise InputError(f"--bands {bands!r} names no band; give names joined by commas, as B2,B3")
    return {"sensor": sensor, "bands": names, "scale": scale, "offset": offset,
            "nodata": nodata, "aoi": absolute(aoi), "resolution": resolution, "crs": crs,
            "resampling": resampling}  # fmt: skip


def light_of(
    dem: str | None, sun_azimuth: float | None, sun_elevation: float | None
) -> dict[str, Any]:
    """Return what is said of the light on slopes, None where nothing is."""
    path = dem if dem is None or "://" in dem else absolute(dem)
    return {"dem": path, "sun_azimuth": sun_azimuth, "sun_elevation": sun_elevation}


def joining_of(composite: str | None, radiometry: str | None, stack: bool | None) -> dict[str, Any]:
    """Return what is said of how scenes become one, None where nothing is."""
    return {"composite": composite, "radiometry": radiometry, "stack": stack}


def masks_of(mask: str | None, ndvi: float | None, haze: str | None = None) -> dict[str, Any]:
    """Return what is said of masks and haze, None where nothing is."""
    names = None
    if mask is not None:
        names = tuple(n.strip().lower() for n in mask.split(",") if n.strip())
        names = () if names == ("none",) else names
    if haze not in (None, *HAZE):
        raise RecipeError("--haze: " + unknown_name("method", str(haze), HAZE))
    found = {"mask": names, "ndvi": ndvi, "haze": haze}
    check_mask(names or (), 0.0 if ndvi is None else ndvi, "--mask")
    return found


def override(
    recipe: Recipe,
    *,
    input: dict[str, Any],
    preprocess: dict[str, Any],
    reducer: str | None,
    clusterer: str | None,
    units: str | None,
    run: dict[str, Any],
    products: dict[str, Any],
    features: dict[str, Any] | None = None,
) -> Recipe:
    """Lay what the command line says over a recipe, and check the whole again."""
    clusters = config.with_step(recipe.clusterer, clusterer, n_units=units_of(units))
    changed = dataclasses.replace(
        recipe,
        input=dataclasses.replace(recipe.input, **given(input)),
        preprocess=dataclasses.replace(recipe.preprocess, **given(preprocess)),
        features=dataclasses.replace(recipe.features, **given(features or {})),
        reducer=config.with_step(recipe.reducer, reducer),
        clusterer=clusters,
        run=dataclasses.replace(recipe.run, **given(run)),
        products=dataclasses.replace(recipe.products, **given(products)),
    )
    config.check_recipe(changed, "options")
    return changed


def absolute(path: str | None) -> str | None:
    """Make a path hold wherever the run's ``run.toml`` is used later."""
    return None if path is None else str(Path(path).absolute())


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


def units_of(text: str | None) -> int | str | None:
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


def sample_of(text: str | None) -> int | str | None:
    """Read the size of a sample: pixels or all."""
    if text is None or text == "all":
        return text
    try:
        return int(text)
    except ValueError:
        raise RecipeError(f"--sample {text}: must be all or a whole number of pixels") from None
