"""The commands that compare recipes, and that draw a sample to compare them on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from outcrop.cli_options import Overwrite, Quiet, Reading, Verbose, grouped
from outcrop.cli_output import Bars, log_to_stderr
from outcrop.cli_parsing import input_of
from outcrop.config import Input
from outcrop.errors import InputError, unknown_name
from outcrop.scene_names import joint_name, scene_title


@grouped
def compare(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to make.")],
    scenes: Annotated[
        list[str] | None,
        typer.Argument(metavar="SCENE...", help="Each by itself.", show_default=False),
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            "--reference",
            help="Raster, polygons or points with classes, or NAME=RASTER[VALUE],...; once for all "
            "scenes, or once for each.",
        ),
    ] = None,
    recipes: Annotated[
        str,
        typer.Option("--recipes", help="Names or TOML files; nagar2024:pca is another reducer."),
    ] = "default,nagar2024,stacked",
    seeds: Annotated[int, typer.Option("--seeds", help="Fits of each recipe on a scene.")] = 5,
    field: Annotated[str | None, typer.Option("--field", help="Attribute with the class.")] = None,
    ignore: Annotated[
        str | None, typer.Option("--ignore", help="Reference values that are no class: 0,255.")
    ] = None,
    *,
    reading: Reading,
    codes: Annotated[
        bool,
        typer.Option(help="Compare every reducer at equal code size too, raw and whitened."),
    ] = True,
    code_size: Annotated[int, typer.Option("--code-size", help="Features of those codes.")] = 2,
    numbers: Annotated[
        str,
        typer.Option("--numbers", help="Of units: as many as classes, times as many, auto."),
    ] = "classes,1.5,2,auto",
    boundary: Annotated[
        int, typer.Option("--boundary", help="Pixels that boundaries may be off.")
    ] = 2,
    resample: Annotated[
        str,
        typer.Option("--resample", help="Intervals from whole polygons or blocks, or auto."),
    ] = "auto",
    design: Annotated[
        str | None,
        typer.Option("--design", help="The reference is a sample: random or stratified."),
    ] = None,
    strata: Annotated[
        str | None, typer.Option("--strata", help="Map that a stratified sample was drawn by.")
    ] = None,
    stability: Annotated[bool, typer.Option(help="Fit once more to a bootstrapped sample.")] = True,
    preset: Annotated[
        str | None,
        typer.Option("--preset", help="nagar2024: the paper's experiment, simulated."),
    ] = None,
    geology: Annotated[
        Path | None, typer.Option("--geology", help="Raster of rock units, for the preset.")
    ] = None,
    relief: Annotated[
        Path | None,
        typer.Option("--relief", help="Elevation model, for the preset; made up unless given."),
    ] = None,
    grounds: Annotated[
        str | None,
        typer.Option("--grounds", help="Of the preset: bare, scrub, or both unless given."),
    ] = None,
    pixels: Annotated[
        int, typer.Option("--pixels", help="Most pixels of a scene of the preset.")
    ] = 250_000,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", help="Processes of one thread each; 0: one a core, 1: none but this."
        ),
    ] = 0,
    overwrite: Overwrite = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Take over the finished cells of a comparison there.")
    ] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Compare recipes on scenes that have references.

    Scores, intervals, stability, maps, and a page.
    """
    log_to_stderr(quiet, verbose)
    from outcrop.comparison import Settings, code_contenders, find_recipes
    from outcrop.comparison import compare as run
    from outcrop.comparison.cells import numbers_of

    settings = Settings(
        seeds=seeds, workers=workers, boundary=boundary, stability=stability, resample=resample,
        design=design, strata=strata, code_size=code_size, numbers=numbers_of(numbers),
    )  # fmt: skip
    subjects: Any
    if preset is not None:
        from outcrop.comparison.preset import NAMES, preset_contenders, preset_scenes

        if preset not in NAMES:
            raise InputError("--preset: " + unknown_name("preset", preset, NAMES))
        if geology is None:
            raise InputError(f"--preset {preset} simulates over rock units: give --geology RASTER")
        if scenes or reference:
            raise InputError(
                f"--preset {preset} makes its own scenes; leave out SCENE, --reference"
            )
        chosen = [name.strip() for name in (grounds or "").split(",") if name.strip()]
        subjects = preset_scenes(geology, relief=relief, pixels=pixels, grounds=chosen)
        contenders = preset_contenders(codes=codes)
    else:
        options = Input(**input_of(reading))
        subjects = _scenes(scenes or [], reference or [], options, field, ignore)
        contenders = find_recipes([r.strip() for r in recipes.split(",") if r.strip()])
        contenders += code_contenders(code_size) if codes else []
    with Bars(quiet) as reporter:
        result = run(
            subjects, contenders, out, settings, overwrite=overwrite, resume=resume,
            report=reporter, say=lambda text: None if quiet else typer.echo(text),
        )  # fmt: skip
    if not quiet:
        for row in result.ranked:
            typer.echo(_line(row))
        typer.echo(f"report {result.folder / 'report.html'}")


def _line(row: dict[str, Any]) -> str:
    if row["failed"]:
        return f"   -  {row['contender']}: failed"
    found = row["interval"]
    between = f" ({found[1]:.3f} to {found[2]:.3f})" if isinstance(found, tuple) else ""
    return f"{row['rank']:>4}  AMI {row['ami']:.3f}{between}  {row['contender']}"


def _scenes(
    scenes: list[str], references: list[str], options: Input, field: str | None, ignore: str | None
) -> list[Any]:
    """Give every scene its reference."""
    from outcrop.comparison import Scene

    if not references:
        raise InputError("nothing to compare with: give --reference REF, a map or points")
    if len(references) not in (1, len(scenes)):
        raise InputError(
            f"{len(references)} references for {len(scenes)} scenes; give one for all or one each, "
            "in the order of the scenes"
        )
    each = references * len(scenes) if len(references) == 1 else references
    values = None if ignore is None else tuple(v.strip() for v in ignore.split(",") if v.strip())
    return [
        Scene(_name(scene), (scene,), ref, options, field, values)
        for scene, ref in zip(scenes, each, strict=True)
    ]


def _name(scene: str) -> str:
    """Return what to call a scene: its file, or the folder of a file called scene."""
    folder = Path(scene).parent.name
    title = scene_title(joint_name(scene.split(",")))
    return folder if title == "scene" and folder else title


def sample(
    map_path: Annotated[Path, typer.Argument(metavar="MAP", help="units.tif, or its folder.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help=".gpkg, .gpx, or a name without either for both.")
    ],
    n: Annotated[int, typer.Option("--n", help="Points.")] = 200,
    design: Annotated[
        str, typer.Option("--design", help="stratified (by unit) or random.")
    ] = "stratified",
    seed: Annotated[int, typer.Option("--seed", help="Of the draw.")] = 0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Draw points to visit from a map.

    A sample that accuracy and areas can be estimated from.
    """
    log_to_stderr(quiet, verbose=False)
    import logging

    from outcrop.comparison.drawing import draw_points, write_points

    points, notes = draw_points(map_path, n, design=design, seed=seed)
    paths = write_points(points, out, overwrite=overwrite)
    for note in notes:
        logging.getLogger("outcrop").warning(note)
    if not quiet:
        typer.echo(f"{len(points)} points, {design}: " + ", ".join(map(str, paths)))
