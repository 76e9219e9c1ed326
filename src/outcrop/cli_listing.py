"""The commands that show what scenes are taken for, and what Outcrop knows."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from outcrop import config
from outcrop.cli_options import AsJson, Cleaning, Reading, Scenes, grouped
from outcrop.cli_output import index_lines
from outcrop.cli_parsing import input_of, preprocess_of
from outcrop.config import Input


@grouped
def info(scenes: Scenes, *, reading: Reading, cleaning: Cleaning, as_json: AsJson = False) -> None:
    """Show what scenes are taken for.

    Bands, wavelengths, quantity, grid, overlaps, data.
    """
    preprocess = config.Preprocess(**preprocess_of(cleaning))
    options = Input(**input_of(reading))
    from outcrop.describing import describe
    from outcrop.opening import open_sources
    from outcrop.quality import Masks

    masks = Masks(preprocess.mask, preprocess.ndvi)
    facts = describe(open_sources(scenes, options, masks))
    typer.echo(json.dumps(facts.to_dict(), indent=1) if as_json else str(facts))


def recipes(
    name: Annotated[str | None, typer.Argument(help="Show this one whole.")] = None,
) -> None:
    """List the recipes, or print one as TOML to start from."""
    if name:
        typer.echo(config.recipe_to_toml(config.load_recipe(name)), nl=False)
        return
    for each in config.recipe_names():
        recipe = config.load_recipe(each)
        typer.echo(
            f"{each:12} {recipe.reducer.name} + {recipe.clusterer.name}"
            + "".join(f" + {s.name}" for s in recipe.refine)
            + f", {recipe.preprocess.scale} scaling"
        )


def sensors() -> None:
    """List the sensors and the products that Outcrop knows."""
    from outcrop.errors import listed
    from outcrop.sensors import MODELS, SENSORS, get_sensor
    from outcrop.sensors.products import PRODUCTS

    for name in SENSORS:
        sensor = get_sensor(name)
        typer.echo(f"{name:10} {sensor.title}: default bands {', '.join(sensor.default)}")
    typer.echo("\nEmbeddings of models, whose bands are features (--sensor NAME):")
    for name in MODELS:
        model = MODELS.load(name)
        typer.echo(
            f"{name:10} {model.title}" + (f": {listed(model.default)}" if model.bands else "")
        )
    typer.echo("\nProducts, read from their folder, archive or metadata file:")
    for name in PRODUCTS:
        typer.echo(f"{name:22} {PRODUCTS.load(name).title}")


@grouped
def indices(
    scene: Annotated[
        str | None, typer.Argument(help="Say it for the bands of this scene.", show_default=False)
    ] = None,
    *,
    reading: Reading,
    as_json: AsJson = False,
) -> None:
    """List band ratios and indices.

    All, or what a sensor or a scene has the bands for.
    """
    options = Input(**input_of(reading))
    from outcrop.listing import index_list

    found = index_list(scene, options)
    typer.echo(json.dumps(found, indent=1) if as_json else "\n".join(index_lines(found)))
