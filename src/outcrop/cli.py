"""The command line: each command parses, calls one function, and shows what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from outcrop import __version__, cli_compare, config
from outcrop.cli_options import (
    Aoi,
    Bands,
    Checksum,
    Clusterer,
    Composite,
    Crs,
    Datetime,
    Dem,
    Device,
    Features,
    Haze,
    Illumination,
    Indices,
    Like,
    Mask,
    MinArea,
    Ndvi,
    Nodata,
    Offset,
    Out,
    Overwrite,
    Quiet,
    Radiometry,
    RecipeName,
    Reducer,
    Resampling,
    Resolution,
    Resume,
    SampleSize,
    Scale,
    Scenes,
    Scheduler,
    Seed,
    Sensor,
    Stack,
    SunAzimuth,
    SunElevation,
    Threads,
    Units,
    Verbose,
    Workers,
)
from outcrop.cli_output import Bars, index_lines, log_to_stderr, show
from outcrop.cli_parsing import (
    absolute,
    given,
    input_of,
    joining_of,
    light_of,
    masks_of,
    names_of,
    override,
    sample_of,
)
from outcrop.config import Input
from outcrop.errors import Stopped
from outcrop.reasons import DEFAULT, NDVI

if TYPE_CHECKING:
    pass


class _Commands(typer.core.TyperGroup):
    """Keeps what is known of a command that was stopped, which Typer would drop."""

    def invoke(self, ctx: Any) -> Any:
        """Call the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Stopped(*getattr(error, "__notes__", ())) from error


app = typer.Typer(
    cls=_Commands,
    help="Geological maps from satellite images, without labels.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)
    ] = False,
) -> None:
    if version:
        typer.echo(f"outcrop {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("map")
def map_(
    scenes: Scenes,
    out: Out,
    recipe: RecipeName = config.DEFAULT_RECIPE,
    reducer: Reducer = None,
    clusterer: Clusterer = None,
    units: Units = None,
    sensor: Sensor = None,
    bands: Bands = None,
    scale: Scale = None,
    offset: Offset = None,
    nodata: Nodata = None,
    aoi: Aoi = None,
    resolution: Resolution = None,
    crs: Crs = None,
    resampling: Resampling = None,
    composite: Composite = None,
    radiometry: Radiometry = None,
    stack: Stack = None,
    mask: Mask = None,
    ndvi: Ndvi = None,
    haze: Haze = None,
    features: Features = None,
    indices: Indices = None,
    dem: Dem = None,
    illumination: Illumination = None,
    sun_azimuth: SunAzimuth = None,
    sun_elevation: SunElevation = None,
    like: Like = None,
    seed: Seed = None,
    sample: SampleSize = None,
    device: Device = None,
    threads: Threads = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    block: Annotated[int | None, typer.Option("--block", help="Multiple of 512.")] = None,
    min_area: MinArea = None,
    datetime: Datetime = None,
    save_code: Annotated[bool, typer.Option("--save-code", help="Write code.tif.")] = False,
    title: Annotated[str | None, typer.Option("--title", help="Title of map and report.")] = None,
    overwrite: Overwrite = False,
    resume: Resume = False,
    checksum: Checksum = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Map the spectral units of a scene: fit a recipe to it and apply it."""
    log_to_stderr(quiet, verbose)
    changed = override(
        config.load_recipe(recipe),
        input={
            **input_of(sensor, bands, scale, offset, nodata, aoi, resolution, crs, resampling),
            **light_of(dem, sun_azimuth, sun_elevation),
            **joining_of(composite, radiometry, stack),
            **joining_of(composite, radiometry, stack),
        },
        preprocess={**masks_of(mask, ndvi, haze), "illumination": illumination},
        features={"use": names_of(features, "--features")},
        reducer=reducer,
        clusterer=clusterer,
        units=units,
        run={"seed": seed, "sample": sample_of(sample), "device": device, "threads": threads,
             "block": block, "like": absolute(like)},
        products={"save_code": save_code or None, "title": title, "min_area": min_area,
                  "datetime": datetime, "indices": names_of(indices, "--indices")},
    )  # fmt: skip
    from outcrop.cluster import dask_pool
    from outcrop.pipeline import map_scenes

    with dask_pool(scheduler, workers) as executor, Bars(quiet) as reporter:
        result = map_scenes(
            scenes, changed, out,
            overwrite=overwrite, resume=resume, checksum=checksum,
            executor=executor, report=reporter,
        )  # fmt: skip
    show(result, quiet)


@app.command()
def fit(
    scenes: Scenes,
    out: Out,
    recipe: RecipeName = config.DEFAULT_RECIPE,
    reducer: Reducer = None,
    clusterer: Clusterer = None,
    units: Units = None,
    sensor: Sensor = None,
    bands: Bands = None,
    scale: Scale = None,
    offset: Offset = None,
    nodata: Nodata = None,
    aoi: Aoi = None,
    resolution: Resolution = None,
    crs: Crs = None,
    resampling: Resampling = None,
    composite: Composite = None,
    radiometry: Radiometry = None,
    stack: Stack = None,
    mask: Mask = None,
    ndvi: Ndvi = None,
    haze: Haze = None,
    features: Features = None,
    dem: Dem = None,
    illumination: Illumination = None,
    sun_azimuth: SunAzimuth = None,
    sun_elevation: SunElevation = None,
    like: Like = None,
    seed: Seed = None,
    sample: SampleSize = None,
    device: Device = None,
    threads: Threads = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Fit a recipe to a scene and keep the model, to apply it elsewhere."""
    log_to_stderr(quiet, verbose)
    changed = override(
        config.load_recipe(recipe),
        input={
            **input_of(sensor, bands, scale, offset, nodata, aoi, resolution, crs, resampling),
            **light_of(dem, sun_azimuth, sun_elevation),
            **joining_of(composite, radiometry, stack),
            **joining_of(composite, radiometry, stack),
        },
        preprocess={**masks_of(mask, ndvi, haze), "illumination": illumination},
        features={"use": names_of(features, "--features")},
        reducer=reducer,
        clusterer=clusterer,
        units=units,
        run={
            "seed": seed,
            "sample": sample_of(sample),
            "device": device,
            "threads": threads,
            "like": absolute(like),
        },
        products={},
    )
    from outcrop.cluster import dask_pool
    from outcrop.pipeline import fit_scenes

    with dask_pool(scheduler, workers) as executor, Bars(quiet) as reporter:
        model = fit_scenes(
            scenes, changed, out, overwrite=overwrite, executor=executor, report=reporter
        )
    if not quiet:
        typer.echo(f"{len(model.numbers)} units fitted; model in {out}")


@app.command()
def apply(
    model: Annotated[Path, typer.Argument(help="Folder of a model or of a run.")],
    scenes: Scenes,
    out: Out,
    sensor: Sensor = None,
    bands: Bands = None,
    scale: Scale = None,
    offset: Offset = None,
    nodata: Nodata = None,
    aoi: Aoi = None,
    resolution: Resolution = None,
    crs: Crs = None,
    resampling: Resampling = None,
    composite: Composite = None,
    radiometry: Radiometry = None,
    stack: Stack = None,
    mask: Mask = None,
    ndvi: Ndvi = None,
    haze: Haze = None,
    indices: Indices = None,
    dem: Dem = None,
    illumination: Illumination = None,
    sun_azimuth: SunAzimuth = None,
    sun_elevation: SunElevation = None,
    threads: Threads = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    datetime: Datetime = None,
    overwrite: Overwrite = False,
    resume: Resume = False,
    checksum: Checksum = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Map a scene with a model that was fitted on another of the same bands."""
    log_to_stderr(quiet, verbose)
    from outcrop.cluster import dask_pool
    from outcrop.pipeline import apply_to_scenes

    options = Input(
        **given(input_of(sensor, bands, scale, offset, nodata, aoi, resolution, crs, resampling)),
        **given(light_of(dem, sun_azimuth, sun_elevation)),
        **given(joining_of(composite, radiometry, stack)),
        **given(joining_of(composite, radiometry, stack)),
    )
    with dask_pool(scheduler, workers) as executor, Bars(quiet) as reporter:
        result = apply_to_scenes(
            model, scenes, out, options=options,
            preprocess=given({**masks_of(mask, ndvi, haze), "illumination": illumination}),
            indices=names_of(indices, "--indices") or (),
            threads=threads, datetime=datetime, overwrite=overwrite, resume=resume,
            checksum=checksum, executor=executor, report=reporter,
        )  # fmt: skip
    show(result, quiet)


@app.command()
def evaluate(
    map_path: Annotated[Path, typer.Argument(metavar="MAP", help="units.tif, or its folder.")],
    reference: Annotated[Path, typer.Argument(help="Raster, or polygons with --field.")],
    field: Annotated[str | None, typer.Option("--field", help="Attribute with the class.")] = None,
    ignore: Annotated[
        str | None,
        typer.Option("--ignore", help="Reference values that are no class: 0,255."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare a map with a reference: accuracy with units matched to classes, and more."""
    from outcrop.evaluation import evaluate as compare

    path = map_path / "units.tif" if map_path.is_dir() else map_path
    values = None if ignore is None else [v.strip() for v in ignore.split(",") if v.strip()]
    result = compare(path, reference, field=field, ignore=values)
    typer.echo(json.dumps(result.to_dict(), indent=1) if as_json else str(result))


app.command()(cli_compare.compare)
app.command()(cli_compare.sample)


@app.command()
def info(
    scenes: Scenes,
    sensor: Sensor = None,
    bands: Bands = None,
    scale: Scale = None,
    offset: Offset = None,
    nodata: Nodata = None,
    aoi: Aoi = None,
    resolution: Resolution = None,
    crs: Crs = None,
    resampling: Resampling = None,
    composite: Composite = None,
    radiometry: Radiometry = None,
    stack: Stack = None,
    mask: Mask = None,
    ndvi: Ndvi = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what scenes are taken for: bands, wavelengths, quantity, grid, overlaps, data."""
    from outcrop.describing import describe
    from outcrop.opening import open_sources
    from outcrop.quality import Masks

    options = Input(
        **given(input_of(sensor, bands, scale, offset, nodata, aoi, resolution, crs, resampling)),
        **given(joining_of(composite, radiometry, stack)),
    )
    chosen = given(masks_of(mask, ndvi))
    masks = Masks(chosen.get("mask", DEFAULT), chosen.get("ndvi", NDVI))
    facts = describe(open_sources(scenes, options, masks))
    typer.echo(json.dumps(facts.to_dict(), indent=1) if as_json else str(facts))


@app.command()
def recipes(
    name: Annotated[str | None, typer.Argument(help="Show this one whole.")] = None,
) -> None:
    """List the recipes that come with Outcrop, or print one as TOML to start from."""
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


@app.command()
def sensors() -> None:
    """List the sensors whose bands Outcrop knows, and the products that it recognises."""
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


@app.command()
def indices(
    scene: Annotated[
        str | None, typer.Argument(help="Say it for the bands of this scene.", show_default=False)
    ] = None,
    sensor: Sensor = None,
    bands: Bands = None,
    scale: Scale = None,
    offset: Offset = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List band ratios and indices: all, or what a sensor or a scene has the bands for."""
    from outcrop.listing import index_list

    options = Input(**given(input_of(sensor, bands, scale, offset, None, None, None, None, None)))
    found = index_list(scene, options)
    typer.echo(json.dumps(found, indent=1) if as_json else "\n".join(index_lines(found)))


@app.command()
def simulate(
    out: Out,
    sensor: Annotated[str, typer.Option("--sensor")] = "landsat8",
    geology: Annotated[
        Path | None, typer.Option("--geology", help="Raster of rock units to build on.")
    ] = None,
    pixel_size: Annotated[float, typer.Option("--pixel-size", help="In metres.")] = 30.0,
    seed: Annotated[int, typer.Option("--seed")] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Make a scene with known rock units: scene.tif and truth.tif."""
    from outcrop.demo import simulate_into

    scene, truth = simulate_into(out, sensor, geology, pixel_size, seed, overwrite=overwrite)
    typer.echo(f"scene {scene}\ntruth {truth}")


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to make.")] = Path("demo"),
    seed: Annotated[int, typer.Option("--seed")] = 0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Simulate a scene, map it, and compare the map with the rock units it was made from."""
    log_to_stderr(quiet, verbose=False)
    from outcrop.demo import run_demo

    with Bars(quiet) as reporter:
        result, evaluation = run_demo(out, seed=seed, overwrite=overwrite, report=reporter)
    show(result, quiet)
    if not quiet:
        typer.echo(str(evaluation))
