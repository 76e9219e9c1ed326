"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
        "B2,B3 or blue,swir16 or wavelengths in um, a range (2.0-2.4), or all.",
    ),
]
Scale = Annotated[float | None, typer.Option("--scale", help="Reflectance = value*scale+offset.")]
Offset = Annotated[float | None, typer.Option("--offset", help="See --scale.")]
Nodata = Annotated[float | None, typer.Option("--nodata", help="Stored value that means no data.")]
Aoi = Annotated[str | None, typer.Option("--aoi", help="Vector file; map only inside it.")]
Resolution = Annotated[
    float | None,
    typer.Option("--resolution", help="Pixel size to map at, in units of the CRS."),
]
Crs = Annotated[
    str | None,
    typer.Option("--crs", help="Map in this CRS (EPSG:32633), not in the first scene's."),
]
Resampling = Annotated[
    str | None,
    typer.Option("--resampling", help="On another grid: bilinear, nearest or cubic."),
]
Composite = Annotated[
    str | None,
    typer.Option(
        "--composite", help="Where scenes overlap: first, median, geomedian or barest (ground)."
    ),
]
Radiometry = Annotated[
    str | None,
    typer.Option("--radiometry", help="Match scenes where they overlap: match or none."),
]
Stack = Annotated[
    bool | None,
    typer.Option("--stack", help="Lay the bands of several sensors on each other."),
]
Mask = Annotated[
    str | None,
    typer.Option(
        "--mask",
        help="Reasons to leave pixels out, instead of the recipe's: saturated,cloud,shadow,edge,"
        "snow,water,vegetation,cast-shadow,no-height or none.",
    ),
]
Ndvi = Annotated[float | None, typer.Option("--ndvi", help="Vegetation begins at this NDVI.")]
Haze = Annotated[
    str | None,
    typer.Option(
        "--haze",
        help="none, dark-object, or auto: dark-object for reflectance at the top of the "
        "atmosphere alone.",
    ),
]
Features = Annotated[
    str | None,
    typer.Option(
        "--features",
        help="What is clustered: bands, indices (see: outcrop indices), or both, as "
        "bands,ferric,ndvi.",
    ),
]
Indices = Annotated[
    str | None,
    typer.Option("--indices", help="Layers of indices.tif: names (see: outcrop indices) or all."),
]
Dem = Annotated[
    str | None,
    typer.Option("--dem", help="Elevation model; take the light on slopes out of the bands."),
]
Illumination = Annotated[
    str | None,
    typer.Option("--illumination", help="How, with --dem: c, minnaert, scs+c (trees) or auto."),
]
SunAzimuth = Annotated[
    float | None,
    typer.Option("--sun-azimuth", help="Degrees from north, if no metadata says it."),
]
SunElevation = Annotated[
    float | None,
    typer.Option("--sun-elevation", help="Degrees above the horizon, if no metadata says it."),
]
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
Library = Annotated[
    str | None,
    typer.Option(
        "--library",
        help="Spectral library (USGS 1995 .mat, ENVI .sli, ECOSTRESS): what each unit is like.",
    ),
]
Simplify = Annotated[
    float | None,
    typer.Option(
        "--simplify",
        help="Smooth the outlines of units.gpkg, to so many metres (pixels without a CRS).",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier result.")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with a run that was cut off, if there is one.")
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", help="Worker processes to use instead of threads (extra: dask)."),
]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", help="Dask cluster to map on: tcp://host:8786 (extra: dask)."),
]
Checksum = Annotated[bool, typer.Option("--checksum", help="Store the inputs' SHA-256.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show errors only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show more.")]
