"""The command line: each command parses, calls one function, and shows what came of it."""

from __future__ import annotations

import dataclasses
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from outcrop import __version__, config
from outcrop.config import Input, Recipe
from outcrop.errors import InputError, RecipeError
from outcrop.reasons import DEFAULT, NDVI, check_mask

if TYPE_CHECKING:
    from outcrop.pipeline import Result

app = typer.Typer(
    help="Geological maps from satellite images, without labels.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Scenes = Annotated[
    list[str],
    typer.Argument(
        metavar="SCENE...",
        help="A product (folder, archive or metadata file), a raster, or band files joined by "
        "commas; several scenes make one mosaic.",
        show_default=False,
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder to make.", show_default=False)]
RecipeName = Annotated[
    str, typer.Option("--recipe", help="Name (see: outcrop recipes) or TOML file.")
]
Sensor = Annotated[str | None, typer.Option("--sensor", help="landsat8, sentinel2, aster, ...")]
Bands = Annotated[
    str | None,
    typer.Option(
        "--bands",
        help="Bands in the order of the file, or a choice of those it names: "
        "B2,B3 or blue,swir16 or wavelengths in um.",
    ),
]
Scale = Annotated[float | None, typer.Option("--scale", help="Reflectance = value*scale+offset.")]
Offset = Annotated[float | None, typer.Option("--offset", help="See --scale.")]
Nodata = Annotated[float | None, typer.Option("--nodata", help="Stored value that means no data.")]
Aoi = Annotated[str | None, typer.Option("--aoi", help="Vector file; map only inside it.")]
Resolution = Annotated[
    float | None,
    typer.Option("--resolution", help="Pixel in m for products of several resolutions."),
]
Mask = Annotated[
    str | None,
    typer.Option(
        "--mask",
        help="Reasons to leave pixels out, instead of the recipe's: saturated,cloud,shadow,edge,"
        "snow,water,vegetation or none.",
    ),
]
Ndvi = Annotated[float | None, typer.Option("--ndvi", help="Vegetation begins at this NDVI.")]
Units = Annotated[str | None, typer.Option("--units", help="Number of units, or auto.")]
Reducer = Annotated[str | None, typer.Option("--reducer", help="Instead of the recipe's.")]
Clusterer = Annotated[str | None, typer.Option("--clusterer", help="Instead of the recipe's.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Of everything random.")]
SampleSize = Annotated[str | None, typer.Option("--sample", help="Pixels to fit on, or all.")]
Device = Annotated[str | None, typer.Option("--device", help="cpu, cuda, mps or auto.")]
Threads = Annotated[int | None, typer.Option("--threads", help="0: one a core.")]
Like = Annotated[
    str | None, typer.Option("--like", help="legend.json of a run whose units to take over.")
]
MinArea = Annotated[
    float | None,
    typer.Option(
        "--min-area",
        help="Smallest area of a unit in m2 (pixels without a CRS); smaller ones join a neighbour.",
    ),
]
Datetime = Annotated[
    str | None,
    typer.Option("--datetime", help="When the scene was taken, for item.json: 2020-01-14."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier result.")]
Checksum = Annotated[bool, typer.Option("--checksum", help="Store the inputs' SHA-256.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show errors only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show more.")]


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
    mask: Mask = None,
    ndvi: Ndvi = None,
    like: Like = None,
    seed: Seed = None,
    sample: SampleSize = None,
    device: Device = None,
    threads: Threads = None,
    block: Annotated[int | None, typer.Option("--block", help="Multiple of 512.")] = None,
    min_area: MinArea = None,
    datetime: Datetime = None,
    save_code: Annotated[bool, typer.Option("--save-code", help="Write code.tif.")] = False,
    title: Annotated[str | None, typer.Option("--title", help="Title of map and report.")] = None,
    overwrite: Overwrite = False,
    checksum: Checksum = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Map the spectral units of a scene: fit a recipe to it and apply it."""
    _log(quiet, verbose)
    changed = _override(
        config.load_recipe(recipe),
        input=_input(sensor, bands, scale, offset, nodata, aoi, resolution),
        preprocess=_masks(mask, ndvi),
        reducer=reducer,
        clusterer=clusterer,
        units=units,
        run={"seed": seed, "sample": _sample(sample), "device": device, "threads": threads,
             "block": block, "like": _absolute(like)},
        products={"save_code": save_code or None, "title": title, "min_area": min_area,
                  "datetime": datetime},
    )  # fmt: skip
    from outcrop.pipeline import map_scenes

    with _Reporter(quiet) as reporter:
        result = map_scenes(
            scenes, changed, out,
            overwrite=overwrite, checksum=checksum, report=reporter,
        )  # fmt: skip
    _show(result, quiet)


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
    mask: Mask = None,
    ndvi: Ndvi = None,
    like: Like = None,
    seed: Seed = None,
    sample: SampleSize = None,
    device: Device = None,
    threads: Threads = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Fit a recipe to a scene and keep the model, to apply it elsewhere."""
    _log(quiet, verbose)
    changed = _override(
        config.load_recipe(recipe),
        input=_input(sensor, bands, scale, offset, nodata, aoi, resolution),
        preprocess=_masks(mask, ndvi),
        reducer=reducer,
        clusterer=clusterer,
        units=units,
        run={
            "seed": seed,
            "sample": _sample(sample),
            "device": device,
            "threads": threads,
            "like": _absolute(like),
        },
        products={},
    )
    from outcrop.pipeline import fit_scenes

    with _Reporter(quiet) as reporter:
        model = fit_scenes(scenes, changed, out, overwrite=overwrite, report=reporter)
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
    mask: Mask = None,
    ndvi: Ndvi = None,
    threads: Threads = None,
    datetime: Datetime = None,
    overwrite: Overwrite = False,
    checksum: Checksum = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Map a scene with a model that was fitted on another of the same bands."""
    _log(quiet, verbose)
    from outcrop.pipeline import apply_to_scenes

    options = dataclasses.replace(
        Input(), **_given(_input(sensor, bands, scale, offset, nodata, aoi, resolution))
    )
    with _Reporter(quiet) as reporter:
        result = apply_to_scenes(
            model, scenes, out, options=options, preprocess=_given(_masks(mask, ndvi)),
            threads=threads, datetime=datetime, overwrite=overwrite, checksum=checksum,
            report=reporter,
        )  # fmt: skip
    _show(result, quiet)


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


@app.command()
def info(
    scene: Annotated[
        str, typer.Argument(help="A product, a raster, or band files joined by commas.")
    ],
    sensor: Sensor = None,
    bands: Bands = None,
    scale: Scale = None,
    offset: Offset = None,
    nodata: Nodata = None,
    aoi: Aoi = None,
    resolution: Resolution = None,
    mask: Mask = None,
    ndvi: Ndvi = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a scene is taken for: bands, wavelengths, quantity, grid, share of data."""
    from outcrop.describing import describe
    from outcrop.opening import open_source
    from outcrop.quality import Masks

    options = dataclasses.replace(
        Input(), **_given(_input(sensor, bands, scale, offset, nodata, aoi, resolution))
    )
    chosen = _given(_masks(mask, ndvi))
    masks = Masks(chosen.get("mask", DEFAULT), chosen.get("ndvi", NDVI))
    facts = describe(open_source(scene, options, masks))
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
    from outcrop.sensors import SENSORS, get_sensor
    from outcrop.sensors.products import PRODUCTS

    for name in SENSORS:
        sensor = get_sensor(name)
        typer.echo(f"{name:10} {sensor.title}: default bands {', '.join(sensor.default)}")
    typer.echo("\nProducts, read from their folder, archive or metadata file:")
    for name in PRODUCTS:
        typer.echo(f"{name:22} {PRODUCTS.load(name).title}")


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
    _log(quiet, verbose=False)
    from outcrop.demo import run_demo

    with _Reporter(quiet) as reporter:
        result, evaluation = run_demo(out, seed=seed, overwrite=overwrite, report=reporter)
    _show(result, quiet)
    if not quiet:
        typer.echo(str(evaluation))


def _input(
    sensor: str | None,
    bands: str | None,
    scale: float | None,
    offset: float | None,
    nodata: float | None,
    aoi: str | None,
    resolution: float | None,
) -> dict[str, Any]:
    names = None if bands is None else tuple(b.strip() for b in bands.split(",") if b.strip())
    if names == ():
        raise InputError(f"--bands {bands!r} names no band; give names joined by commas, as B2,B3")
    return {"sensor": sensor, "bands": names, "scale": scale, "offset": offset,
            "nodata": nodata, "aoi": _absolute(aoi), "resolution": resolution}  # fmt: skip


def _masks(mask: str | None, ndvi: float | None) -> dict[str, Any]:
    names = None
    if mask is not None:
        names = tuple(n.strip().lower() for n in mask.split(",") if n.strip())
        names = () if names == ("none",) else names
    found = {"mask": names, "ndvi": ndvi}
    check_mask(names or (), 0.0 if ndvi is None else ndvi, "--mask")
    return found


def _override(
    recipe: Recipe,
    *,
    input: dict[str, Any],
    preprocess: dict[str, Any],
    reducer: str | None,
    clusterer: str | None,
    units: str | None,
    run: dict[str, Any],
    products: dict[str, Any],
) -> Recipe:
    """Lay what the command line says over a recipe, and check the whole again."""
    clusters = config.with_step(recipe.clusterer, clusterer, n_units=_units(units))
    changed = dataclasses.replace(
        recipe,
        input=dataclasses.replace(recipe.input, **_given(input)),
        preprocess=dataclasses.replace(recipe.preprocess, **_given(preprocess)),
        reducer=config.with_step(recipe.reducer, reducer),
        clusterer=clusters,
        run=dataclasses.replace(recipe.run, **_given(run)),
        products=dataclasses.replace(recipe.products, **_given(products)),
    )
    config.check_recipe(changed, "options")
    return changed


def _absolute(path: str | None) -> str | None:
    """Make a path hold wherever the run's ``run.toml`` is used later."""
    return None if path is None else str(Path(path).absolute())


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in values.items() if v is not None}


def _units(text: str | None) -> int | str | None:
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
    if text is None or text == "all":
        return text
    try:
        return int(text)
    except ValueError:
        raise RecipeError(f"--sample {text}: must be all or a whole number of pixels") from None


def _show(result: Result, quiet: bool) -> None:
    if quiet:
        return
    shares = ", ".join(f"{u.name} {u.share:.1%}" for u in result.legend.units)
    typer.echo(f"{result.metrics['units']} units: {shares}")
    typer.echo(f"map    {result.folder / 'units.tif'}")
    typer.echo(f"report {result.folder / 'report.html'}")


def _log(quiet: bool, verbose: bool) -> None:
    level = logging.ERROR if quiet else logging.DEBUG if verbose else logging.WARNING
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("outcrop: note: %(message)s"))
    logger = logging.getLogger("outcrop")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(level)


class _Reporter:
    """A bar for each stage, on a terminal; nothing elsewhere."""

    def __init__(self, quiet: bool) -> None:
        self._bar: Any = None
        if not quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress, SpinnerColumn, TimeElapsedColumn

            self._bar = Progress(
                SpinnerColumn(), *Progress.get_default_columns(), TimeElapsedColumn(),
                console=Console(stderr=True), transient=True,
            )  # fmt: skip
        self._task: Any = None

    def __enter__(self) -> _Reporter:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, stage: str) -> Any:
        if not self._bar:
            return None
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(stage, total=None)
        return lambda done, total: self._bar.update(self._task, completed=done, total=total)
