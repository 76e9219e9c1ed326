"""What a notebook calls: a scene as a cube, a cube as a map, and a map as another."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from outcrop.config import Input, Recipe, load_recipe, with_step
from outcrop.errors import ARGUMENTS
from outcrop.interrupts import careful_interrupts
from outcrop.reasons import DEFAULT, NDVI, check_mask
from outcrop.recipe_checks import check_recipe as _check
from outcrop.source import Source

if TYPE_CHECKING:
    import xarray as xr

    from outcrop.products.legend import Legend
    from outcrop.result import Result


def open_scene(
    *scenes: str | Path,
    sensor: str | None = None,
    bands: Sequence[str | float] | None = None,
    scale: float | None = None,
    offset: float | None = None,
    nodata: float | None = None,
    aoi: str | Path | None = None,
    resolution: float | None = None,
    crs: str | None = None,
    resampling: str | None = None,
    composite: str | None = None,
    radiometry: str | None = None,
    stack: bool | None = None,
    mask: Sequence[str] = DEFAULT,
    ndvi: float = NDVI,
    haze: Literal["auto", "none", "dark-object"] = "auto",
) -> xr.DataArray:
    """Open a scene as a lazy cube; pixels are read when they are asked for.

    Parameters
    ----------
    *scenes : str or Path
        A product (its folder, archive or metadata file; see ``docs/products.md``), a raster
        that GDAL opens, or band files joined by commas (``"B2.tif,B3.tif"``).
        Several scenes make one mosaic on the grid of the first, the first on top.
    sensor : str, optional
        Name of the instrument where the file does not say its bands: ``"landsat8"``.
    bands : sequence of str or float, optional
        The sensor's band names, STAC common names or wavelengths (um): in the order of the
        file where it does not name its bands, else a choice among them.
    scale, offset : float, optional
        Reflectance = stored value × scale + offset.
    nodata : float, optional
        Stored value that means no data, instead of the file's own tag.
    aoi : str or Path, optional
        Vector file of polygons; pixels outside become NaN and the grid shrinks to its bounds.
    resolution : float, optional
        Pixel size, in units of the CRS, instead of the first scene's.
    crs : str, optional
        CRS instead of the first scene's, as ``"EPSG:32633"``.
    resampling : str, optional
        How pixels are interpolated on another grid: bilinear (the default), nearest or cubic.
        On a coarser grid they are averaged.
    composite : str, optional
        What is made of several scenes where they overlap: first (the default), median,
        geomedian or barest; see ``docs/cubes.md``.
    radiometry : str, optional
        ``"match"`` (the default) brings overlapping scenes to the radiometry of the first;
        ``"none"`` keeps their values.
    stack : bool, optional
        Lay the bands of several sensors on each other; bands are named ``sentinel2_B04``.
    mask : sequence of str
        Why pixels of a product become NaN, besides fill: saturated, cloud, shadow, edge, snow,
        water, vegetation.
    ndvi : float
        Where vegetation begins.
    haze : {"auto", "none", "dark-object"}
        Whether a scene's own haze is subtracted, for which a part of its pixels is read at
        once; ``auto`` does it for reflectance at the top of the atmosphere alone.

    Returns
    -------
    DataArray of float32, dimensions (band, y, x)
        NaN where there is no data; ``wavelength`` and ``fwhm`` in um and ``quantity`` are
        coordinates on ``band``.

    Raises
    ------
    SceneError
        If a file is missing or no raster, bands do not fit, or the area lies outside.
    """
    from outcrop.cube import to_cube
    from outcrop.opening import open_sources
    from outcrop.quality import Masks

    options = Input(
        sensor=sensor,
        bands=tuple(str(b) for b in bands) if bands is not None else None,
        scale=scale,
        offset=offset,
        nodata=nodata,
        aoi=str(Path(aoi).absolute()) if aoi is not None else None,
        resolution=resolution,
        crs=crs,
        resampling=resampling,
        composite=composite,
        radiometry=radiometry,
        stack=stack,
    )
    check_mask(mask, ndvi, ARGUMENTS)
    return to_cube(open_sources([str(s) for s in scenes], options, Masks(tuple(mask), ndvi), haze))


def map_units(
    cube: xr.DataArray | Source,
    recipe: Recipe | str | Path = "default",
    out: str | Path = "outcrop-out",
    *,
    units: int | Literal["auto"] | None = None,
    seed: int | None = None,
    like: str | Path | None = None,
    library: str | Path | None = None,
    dem: str | Path | None = None,
    sun: tuple[float, float] | None = None,
    overwrite: bool = False,
) -> Result:
    """Map the spectral units of a cube and publish the result as a folder.

    Parameters
    ----------
    cube : DataArray
        As `open_scene` gives it, whole or cut, or any (band, y, x) array like it.
    recipe : Recipe, str or Path
        A recipe, the name of one, or a TOML file.
    out : str or Path
        The folder to make.
    units : int or "auto", optional
        Number of units (2-254) instead of the recipe's.
    seed : int, optional
        Of everything random, instead of the recipe's.
    like : str or Path, optional
        ``legend.json`` of another run whose unit numbers, names and colours to take over.
    library : str or Path, optional
        Spectral library that the units are compared with; see ``docs/naming.md``.
    dem : str or Path, optional
        Elevation model with which to take the light on slopes out of the bands; the recipe's
        ``preprocess.illumination`` says how.
    sun : tuple of float, optional
        Its azimuth (from true north) and elevation in degrees: a cube does not say them.
    overwrite : bool
        Replace a result that Outcrop wrote there earlier.

    Returns
    -------
    Result
        With ``units`` (a lazy array), ``legend``, ``metrics`` and ``folder``; ``plot()`` and
        ``explore()`` show it.

    Raises
    ------
    OutcropError
        Of the kind that fits; nothing is left behind.
    """
    from outcrop.cube import as_source
    from outcrop.pipeline import map_scenes

    settings = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    given = {"seed": seed, "like": str(Path(like).absolute()) if like is not None else None}
    run: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
    azimuth, elevation = sun or (None, None)
    light = {"dem": str(Path(dem).absolute()) if dem is not None else None,
             "sun_azimuth": azimuth, "sun_elevation": elevation}  # fmt: skip
    scene: dict[str, Any] = {k: v for k, v in light.items() if v is not None}
    path = str(Path(library).absolute()) if library is not None else settings.products.library
    settings = dataclasses.replace(
        settings,
        products=dataclasses.replace(settings.products, library=path),
        input=dataclasses.replace(settings.input, **scene),
        clusterer=with_step(settings.clusterer, n_units=units),
        run=dataclasses.replace(settings.run, **run),
    )
    _check(settings)
    with careful_interrupts():
        return map_scenes(as_source(cube), settings, out, overwrite=overwrite)


def apply_units(
    fitted: Result | str | Path,
    cube: xr.DataArray | Source,
    out: str | Path = "outcrop-out",
    *,
    library: str | Path | None = None,
    overwrite: bool = False,
) -> Result:
    """Map a cube into the units of another map, with nothing fitted anew.

    Parameters
    ----------
    fitted : Result, str or Path
        A result, or the folder of one, or a model of `outcrop fit`.
    cube : DataArray
        With the bands, and in the quantity, that the units were fitted on.
    out : str or Path
        The folder to make.
    library : str or Path, optional
        Spectral library that the units are compared with; see ``docs/naming.md``.
    overwrite : bool
        Replace a result that Outcrop wrote there earlier.

    Returns
    -------
    Result
        Its units have the numbers and colours of the fit, and what they were named then.

    Raises
    ------
    OutcropError
        Of the kind that fits; nothing is left behind.
    """
    from outcrop.cube import as_source
    from outcrop.pipeline import apply_to_scenes
    from outcrop.result import Result

    folder = fitted.folder if isinstance(fitted, Result) else Path(fitted)
    path = str(Path(library).absolute()) if library is not None else None
    with careful_interrupts():
        return apply_to_scenes(folder, as_source(cube), out, library=path, overwrite=overwrite)


def open_result(folder: str | Path) -> Result:
    """Open the folder of an earlier run.

    Parameters
    ----------
    folder : str or Path
        What `map_units`, `apply_units` or the command line wrote.

    Returns
    -------
    Result
        With the units as they were named and edited since.

    Raises
    ------
    OutcropError
        If it is no such folder, or damaged.
    """
    from outcrop.result import Result

    return Result.open(folder)


def export_map(result: Result | str | Path, out: str | Path, *, overwrite: bool = False) -> Legend:
    """Write a map as it was named and edited: rasters, polygons, styles, legend and report.

    Parameters
    ----------
    result : Result, str or Path
        A result whose units were named in Python or edited in the workbench, or its folder.
    out : str or Path
        The folder to make.
    overwrite : bool
        Replace a result that Outcrop wrote there earlier.

    Returns
    -------
    Legend
        Of the edited map.

    Raises
    ------
    OutcropError
        If there is no such result, or ``out`` cannot be written; nothing is left behind.
    """
    from outcrop.result import Result
    from outcrop.web.export import export_to

    folder = result.folder if isinstance(result, Result) else Path(result)
    return export_to(folder, out, overwrite=overwrite)
