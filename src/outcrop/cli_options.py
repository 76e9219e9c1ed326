"""The options that commands share, in groups: a command takes a group as one parameter."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from outcrop import config

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
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier result.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show errors only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show more.")]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", help="Dask cluster to map on: tcp://host:8786 (extra: dask)."),
]
Indices = Annotated[
    str | None,
    typer.Option("--indices", help="Layers of indices.tif: names (see: outcrop indices) or all."),
]
Datetime = Annotated[
    str | None,
    typer.Option("--datetime", help="When the scene was taken, for item.json: 2020-01-14."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True)
class Reading:
    """What the files of scenes do not say, and how several become one."""

    sensor: Annotated[
        str | None, typer.Option("--sensor", help="landsat8, sentinel2, aster, ...")
    ] = None
    bands: Annotated[
        str | None,
        typer.Option(
            "--bands",
            help="Bands in the order of the file, or a choice of those it names: "
            "B2,B3 or blue,swir16 or wavelengths in um, a range (2.0-2.4), or all.",
        ),
    ] = None
    scale: Annotated[
        float | None, typer.Option("--scale", help="Reflectance = value*scale+offset.")
    ] = None
    offset: Annotated[float | None, typer.Option("--offset", help="See --scale.")] = None
    nodata: Annotated[
        float | None, typer.Option("--nodata", help="Stored value that means no data.")
    ] = None
    aoi: Annotated[str | None, typer.Option("--aoi", help="Vector file; map only inside it.")] = (
        None
    )
    resolution: Annotated[
        float | None,
        typer.Option("--resolution", help="Pixel size to map at, in units of the CRS."),
    ] = None
    crs: Annotated[
        str | None,
        typer.Option("--crs", help="Map in this CRS (EPSG:32633), not in the first scene's."),
    ] = None
    resampling: Annotated[
        str | None,
        typer.Option("--resampling", help="On another grid: bilinear, nearest or cubic."),
    ] = None
    composite: Annotated[
        str | None,
        typer.Option(
            "--composite", help="Where scenes overlap: first, median, geomedian or barest (ground)."
        ),
    ] = None
    radiometry: Annotated[
        str | None,
        typer.Option("--radiometry", help="Match scenes where they overlap: match or none."),
    ] = None
    stack: Annotated[
        bool | None,
        typer.Option("--stack", help="Lay the bands of several sensors on each other."),
    ] = None


@dataclass(frozen=True)
class Cleaning:
    """What is left out of scenes, and what is taken off their numbers."""

    mask: Annotated[
        str | None,
        typer.Option(
            "--mask",
            help="Reasons to leave pixels out, instead of the recipe's, joined by commas: "
            "saturated, cloud, shadow, edge, snow, water, vegetation, cast-shadow, no-height, "
            "suspect; or none.",
        ),
    ] = None
    ndvi: Annotated[
        float | None, typer.Option("--ndvi", help="Vegetation begins at this NDVI.")
    ] = None
    haze: Annotated[
        str | None,
        typer.Option(
            "--haze",
            help="none, dark-object, or auto: dark-object for reflectance at the top of the "
            "atmosphere alone.",
        ),
    ] = None


Library = Annotated[
    str | None,
    typer.Option(
        "--library",
        help="Spectral library (USGS 1995 .mat, ENVI .sli, ECOSTRESS): what each unit is like.",
    ),
]


@dataclass(frozen=True)
class Lighting:
    """The light on slopes."""

    dem: Annotated[
        str | None,
        typer.Option("--dem", help="Elevation model; take the light on slopes out of the bands."),
    ] = None
    illumination: Annotated[
        str | None,
        typer.Option("--illumination", help="How, with --dem: c, minnaert, scs+c (trees) or auto."),
    ] = None
    sun_azimuth: Annotated[
        float | None,
        typer.Option("--sun-azimuth", help="Degrees from north, if no metadata says it."),
    ] = None
    sun_elevation: Annotated[
        float | None,
        typer.Option("--sun-elevation", help="Degrees above the horizon, if no metadata says it."),
    ] = None


@dataclass(frozen=True)
class Fitting:
    """What is fitted to which pixels."""

    recipe: Annotated[
        str, typer.Option("--recipe", help="Name (see: outcrop recipes) or TOML file.")
    ] = config.DEFAULT_RECIPE
    reducer: Annotated[
        str | None,
        typer.Option(
            "--reducer", help="none, pca, mnf, autoencoder or stacked, instead of the recipe's."
        ),
    ] = None
    clusterer: Annotated[
        str | None,
        typer.Option("--clusterer", help="kmeans, mixture or student, instead of the recipe's."),
    ] = None
    units: Annotated[str | None, typer.Option("--units", help="Number of units, or auto.")] = None
    features: Annotated[
        str | None,
        typer.Option(
            "--features",
            help="What is clustered: bands, indices (see: outcrop indices), or both, as "
            "bands,ferric,ndvi.",
        ),
    ] = None
    like: Annotated[
        str | None,
        typer.Option("--like", help="Folder or legend.json of a run whose units to take over."),
    ] = None
    seed: Annotated[int | None, typer.Option("--seed", help="Of everything random.")] = None
    sample: Annotated[str | None, typer.Option("--sample", help="Pixels to fit on, or all.")] = None
    device: Annotated[str | None, typer.Option("--device", help="cpu, cuda, mps or auto.")] = None


@dataclass(frozen=True)
class Making:
    """What is written of a map."""

    min_area: Annotated[
        float | None,
        typer.Option(
            "--min-area",
            help="Smallest area of a unit in m2 (pixels without a CRS); smaller ones join a "
            "neighbour.",
        ),
    ] = None
    simplify: Annotated[
        float | None,
        typer.Option(
            "--simplify",
            help="Smooth the outlines of units.gpkg, to so many metres (pixels without a CRS).",
        ),
    ] = None
    indices: Indices = None
    library: Library = None
    datetime: Datetime = None
    save_code: Annotated[bool | None, typer.Option("--save-code", help="Write code.tif.")] = None
    title: Annotated[str | None, typer.Option("--title", help="Title of map and report.")] = None
    block: Annotated[int | None, typer.Option("--block", help="Multiple of 512.")] = None


@dataclass(frozen=True)
class Working:
    """On what the work is done."""

    threads: Annotated[int | None, typer.Option("--threads", help="0: one a core.")] = None
    workers: Annotated[
        int | None,
        typer.Option("--workers", help="Worker processes to use instead of threads (extra: dask)."),
    ] = None


@dataclass(frozen=True)
class Writing:
    """Where to work, and what becomes of what is there already."""

    scheduler: Scheduler = None
    overwrite: Overwrite = False
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that was cut off, if there is one.")
    ] = False
    checksum: Annotated[bool, typer.Option("--checksum", help="Store the inputs' SHA-256.")] = False


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Show the command line a command whose parameters of a group's type are its options.

    Typer reads a function's signature: the one it is shown has the fields of each group in the
    place of the group.
    """
    parameters = inspect.signature(command, eval_str=True).parameters.values()
    groups: dict[str, Any] = {
        p.name: p.annotation for p in parameters if is_dataclass(p.annotation)
    }
    shown: list[inspect.Parameter] = []
    for parameter in parameters:
        group = groups.get(parameter.name)
        shown += [parameter] if group is None else _options(group)

    @functools.wraps(command)
    def called(**given: Any) -> None:
        made = {
            name: group(**{f.name: given.pop(f.name) for f in fields(group)})
            for name, group in groups.items()
        }
        command(**given, **made)

    ordered = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in shown]
    called.__signature__ = inspect.Signature(ordered)  # type: ignore[attr-defined]
    called.__annotations__ = {p.name: p.annotation for p in ordered}
    return called


def _options(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name]
        )
        for f in fields(group)
    ]
