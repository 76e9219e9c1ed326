"""The command line: each command parses, calls one function, and shows what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from outcrop import __version__, cli_compare, cli_listing
from outcrop.cli_options import (
    AsJson,
    Cleaning,
    Datetime,
    Fitting,
    Indices,
    Library,
    Lighting,
    Making,
    Out,
    Overwrite,
    Quiet,
    Reading,
    Scenes,
    Scheduler,
    Verbose,
    Working,
    Writing,
    grouped,
)
from outcrop.cli_output import Bars, log_to_stderr, show
from outcrop.cli_parsing import absolute, input_of, names_of, preprocess_of, recipe_of
from outcrop.cli_search import search
from outcrop.config import Input
from outcrop.errors import Stopped

#: Commands in the order in which they are needed; others follow.
_ORDER = ("info", "map", "serve", "export", "evaluate", "apply", "fit", "plan", "search")


class _Commands(typer.core.TyperGroup):
    """Keeps what is known of a command that was stopped, which Typer would drop."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names, first what is needed first."""
        names = super().list_commands(ctx)
        return sorted(names, key=lambda n: _ORDER.index(n) if n in _ORDER else len(_ORDER))

    def invoke(self, ctx: Any) -> Any:
        """Call the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Stopped(*getattr(error, "__notes__", ())) from error


app = typer.Typer(
    cls=_Commands,
    help="Geological maps from satellite images, without labels.",
    epilog="Begin with `outcrop info SCENE` and `outcrop map SCENE -o out`; `outcrop demo -o demo` "
    "needs no scene. `outcrop COMMAND --help` tells the options.",
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


app.command()(search)


@app.command("map")
@grouped
def map_(
    scenes: Scenes,
    out: Out,
    *,
    fitting: Fitting,
    reading: Reading,
    cleaning: Cleaning,
    lighting: Lighting,
    making: Making,
    working: Working,
    writing: Writing,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Map the spectral units of a scene.

    A recipe is fitted to it without labels, and applied to all of it.
    """
    log_to_stderr(quiet, verbose)
    recipe = recipe_of(reading, cleaning, lighting, fitting, working, making)
    from outcrop.cluster import dask_pool
    from outcrop.pipeline import map_scenes

    with dask_pool(writing.scheduler, working.workers) as executor, Bars(quiet) as reporter:
        result = map_scenes(
            scenes, recipe, out,
            overwrite=writing.overwrite, resume=writing.resume, checksum=writing.checksum,
            executor=executor, report=reporter,
        )  # fmt: skip
    show(result, quiet)


@app.command()
@grouped
def plan(
    scenes: Scenes,
    *,
    fitting: Fitting,
    reading: Reading,
    cleaning: Cleaning,
    lighting: Lighting,
    making: Making,
    working: Working,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Say what a map would take: blocks, memory, disk and time."""
    log_to_stderr(quiet, verbose)
    recipe = recipe_of(reading, cleaning, lighting, fitting, working, making)
    from outcrop.planning import plan_run

    found = plan_run(scenes, recipe, workers=working.workers or 0)
    typer.echo(json.dumps(found.to_dict(), indent=1) if as_json else str(found))


@app.command()
@grouped
def fit(
    scenes: Scenes,
    out: Out,
    *,
    fitting: Fitting,
    reading: Reading,
    cleaning: Cleaning,
    lighting: Lighting,
    working: Working,
    scheduler: Scheduler = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Fit a recipe to a scene and keep the model.

    `outcrop apply` maps other scenes with it.
    """
    log_to_stderr(quiet, verbose)
    recipe = recipe_of(reading, cleaning, lighting, fitting, working)
    from outcrop.cluster import dask_pool
    from outcrop.pipeline import fit_scenes

    with dask_pool(scheduler, working.workers) as executor, Bars(quiet) as reporter:
        model = fit_scenes(
            scenes, recipe, out, overwrite=overwrite, executor=executor, report=reporter
        )
    if not quiet:
        typer.echo(f"{len(model.numbers)} units fitted; model in {out}")


@app.command()
@grouped
def apply(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a model or of a run.")],
    scenes: Scenes,
    out: Out,
    *,
    reading: Reading,
    cleaning: Cleaning,
    lighting: Lighting,
    indices: Indices = None,
    library: Library = None,
    datetime: Datetime = None,
    working: Working,
    writing: Writing,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Map a scene into the units of another.

    The model, or the run, must have been fitted on the same bands.
    """
    log_to_stderr(quiet, verbose)
    options = Input(**input_of(reading, lighting))
    preprocess = preprocess_of(cleaning, lighting)
    from outcrop.cluster import dask_pool
    from outcrop.pipeline import apply_to_scenes

    with dask_pool(writing.scheduler, working.workers) as executor, Bars(quiet) as reporter:
        result = apply_to_scenes(
            model, scenes, out, options=options, preprocess=preprocess,
            indices=names_of(indices, "--indices") or (), library=absolute(library),
            datetime=datetime,
            threads=working.threads, overwrite=writing.overwrite, resume=writing.resume,
            checksum=writing.checksum, executor=executor, report=reporter,
        )  # fmt: skip
    show(result, quiet)


@app.command()
def evaluate(
    map_path: Annotated[Path, typer.Argument(metavar="MAP", help="units.tif, or its folder.")],
    reference: Annotated[
        Path, typer.Argument(metavar="REFERENCE", help="Raster, or polygons with --field.")
    ],
    field: Annotated[str | None, typer.Option("--field", help="Attribute with the class.")] = None,
    ignore: Annotated[
        str | None,
        typer.Option("--ignore", help="Reference values that are no class: 0,255."),
    ] = None,
    report: Annotated[
        bool,
        typer.Option("--report", help="Add the result to the run: its report, accuracy.json."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare a map with a reference.

    Accuracy with units matched to classes, and what needs no matching.
    """
    from outcrop.evaluation import evaluate as compare

    path = map_path / "units.tif" if map_path.is_dir() else map_path
    values = None if ignore is None else [v.strip() for v in ignore.split(",") if v.strip()]
    result = compare(path, reference, field=field, ignore=values)
    if report:
        from outcrop.products.accuracy import add_accuracy

        add_accuracy(path.parent, result.to_dict(), reference.name)
    typer.echo(json.dumps(result.to_dict(), indent=1) if as_json else str(result))


app.command()(cli_compare.compare)
app.command()(cli_compare.sample)


app.command()(cli_listing.info)
app.command()(cli_listing.recipes)
app.command()(cli_listing.sensors)
app.command()(cli_listing.indices)


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
    """Simulate a scene, map it, and compare the map with its rocks."""
    log_to_stderr(quiet, verbose=False)
    from outcrop.demo import run_demo

    with Bars(quiet) as reporter:
        result, evaluation = run_demo(out, seed=seed, overwrite=overwrite, report=reporter)
    show(result, quiet)
    if not quiet:
        typer.echo(str(evaluation))


@app.command()
def serve(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="OUT...", help="Folders of runs; several are compared."),
    ],
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; the default is this machine alone.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: a free one.")] = 8765,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", help="A name that browsers may call it by, besides --host."),
    ] = None,
    basemap: Annotated[
        str, typer.Option("--basemap", help="Tiles to lie under the map: https://.../{z}/{x}/{y}.")
    ] = "",
    library: Annotated[
        Path | None, typer.Option("--library", help="Spectral library to compare spectra with.")
    ] = None,
    imagery: Annotated[
        bool, typer.Option(help="Store the imagery as image.tif in a run that has none.")
    ] = True,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Open runs in the workbench, in a browser.

    Look, name, merge, split, compare, export.
    """
    log_to_stderr(quiet=False, verbose=False)
    from outcrop.web.serving import is_loopback, serve

    if not is_loopback(host):
        typer.echo(f"outcrop: note: all who reach {host} can see and edit these runs", err=True)

    def waiting() -> None:
        typer.echo("outcrop: starting the workbench, some seconds", err=True)

    def ready(url: str) -> None:
        typer.echo(f"workbench at {url} (Ctrl-C ends it)")
        if browser:
            typer.launch(url)

    try:
        serve(
            runs, host=host, port=port, allowed=allow_host or (), basemap=basemap, library=library,
            imagery=imagery, waiting=waiting, ready=ready,
        )  # fmt: skip
    except KeyboardInterrupt as stop:  # its usual end
        stop.add_note("names and edits are kept with the runs")
        raise


@app.command()
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run that was edited.")],
    out: Out,
    overwrite: Overwrite = False,
) -> None:
    """Write a map as it was named and edited.

    Rasters, polygons, styles, legend and report.
    """
    from outcrop.web.export import export_to

    legend = export_to(run, out, overwrite=overwrite)
    typer.echo(f"{len(legend.units)} units in {out}")
