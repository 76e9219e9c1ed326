"""Scenes whose geology is known, as a satellite would see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike

import numpy as np
from numpy.typing import NDArray

from outcrop.errors import InputError
from outcrop.sensors import Band, get_sensor
from outcrop.simulate.geology import (
    MOST_UNITS,
    RIDGE_FOOT_M,
    GeologicalMap,
    bed_texture,
    generate_map,
)
from outcrop.simulate.maps import chart_of_codes, read_units
from outcrop.simulate.observe import grow, observe
from outcrop.simulate.spectra import Lithology, band_reflectance
from outcrop.simulate.surface import abundances, fine_grain, ground_reflectance, plant_cover
from outcrop.simulate.terrain import Field, illumination

LEAST_SIDE = 32
"""Rows and columns that a scene has at least."""

_MOST_RELIEF_M = 250.0  # of ranges in arid shield country, however wide the scene
_CORNER = (618705.0, 6569725.0)  # somewhere in the arid west of New South Wales, UTM 54 S


@dataclass(frozen=True)
class SimulatedScene:
    """A scene and what is true of it.

    Parameters
    ----------
    reflectance : array of float32, shape (band, y, x)
        Surface reflectance, 0-1; NaN where there is no data.
    truth : array of uint8, shape (y, x)
        Rock unit, from 1; 0 where there is no data.
    unit_names : tuple of str
        Name of unit 1, 2, and so on.
    bands : tuple of Band
        The sensor's solar bands.
    transform : tuple of float
        Pixel to map coordinates, in the order of ``affine.Affine[:6]``.
    crs : str
        Such as ``"EPSG:32754"``; empty if the given map has none.
    sensor : str
        Name of the sensor.
    spectra : array of float32, shape (unit, band)
        Mean reflectance of the bare, sunlit rock of each unit.
    purity : array of float32, shape (y, x)
        Share of the pixel's own unit in its rock and debris, 0-1.
    vegetation, dry_grass : array of float32, shape (y, x)
        Cover of green plants and of dry grass, 0-1.
    illumination : array of float32, shape (y, x)
        Sunlight relative to flat ground.
    elevation : array of float32, shape (y, x)
        Metres.
    """

    reflectance: Field
    truth: NDArray[np.uint8]
    unit_names: tuple[str, ...]
    bands: tuple[Band, ...]
    transform: tuple[float, float, float, float, float, float]
    crs: str
    sensor: str
    spectra: Field
    purity: Field
    vegetation: Field
    dry_grass: Field
    illumination: Field
    elevation: Field


def simulate_scene(
    sensor: str = "landsat8",
    *,
    shape: tuple[int, int] = (384, 512),
    pixel_size: float = 30.0,
    units: int = 7,
    seed: int = 0,
    geology: NDArray[np.integer] | None = None,
    nodata: int | None = None,
    lithologies: Sequence[str | Lithology] | None = None,
    noise: float = 0.003,
    vegetation: float = 0.12,
    relief_m: float | None = None,
    sun: tuple[float, float] = (50.0, 45.0),
    crs: str = "EPSG:32754",
    transform: Sequence[float] | None = None,
) -> SimulatedScene:
    """Make a scene over a generated or a given geological map.

    The seed fixes all: the same call gives the same scene, and another sensor
    sees the same ground.

    Parameters
    ----------
    sensor : str
        Name in `outcrop.sensors.SENSORS`; its default (solar) bands are used.
    shape : tuple of int
        Rows and columns of a generated map.
    pixel_size : float
        Metres; all bands come on this one grid.
    units : int
        Units of a generated map, 2-15.
    seed : int
        0 or more.
    geology : array of integers, shape (y, x), optional
        A map of rock units to use instead; `shape` and `units` are then not
        looked at. Its codes, in rising order, become units 1, 2, ...
    nodata : int, optional
        Code in `geology` that is no unit. None: every code is one, 0 too.
    lithologies : sequence of str or Lithology, optional
        What the units of `geology` are made of, in the order of their codes.
        Unless given, code 0 is the first of `outcrop.simulate.LITHOLOGIES`,
        code 1 the second, and so on, round and round; a lithology is used once.
    noise : float
        Standard deviation of the sensor noise, as reflectance, in a band
        0.06 um wide at 0.56 um; others follow from width and sunlight.
    vegetation : float
        Mean share of the ground under plants, green and dry, 0-0.8.
    relief_m : float, optional
        Height between the 2nd and the 98th percentile; 2% of the shorter
        side of the scene, 250 m at most, unless given.
    sun : tuple of float
        Elevation above the horizon and azimuth, in degrees.
    crs : str
        Coordinate system written on the scene.
    transform : sequence of 6 floats, optional
        Pixel to map coordinates; north up from a made-up corner unless given.

    Returns
    -------
    SimulatedScene

    Raises
    ------
    RecipeError
        If there is no such sensor.
    InputError
        If a number is out of range or the map cannot be used.
    """
    bands = tuple(replace(b, quantity="reflectance") for b in get_sensor(sensor).default_bands)
    _check_numbers(pixel_size, seed, noise, vegetation, relief_m, sun)
    # One stream of random numbers for each matter, so that none depends on what another drew.
    ground, surface, plants, grain = (
        np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(4)
    )
    if geology is None:
        if lithologies is not None:
            raise InputError("lithologies name the units of a given map; pass geology with them")
        chart, valid, names = _made_up(ground, shape, units, pixel_size, relief_m)
    else:
        _check_shape(np.shape(geology))
        relief = _relief(np.shape(geology), pixel_size, relief_m)
        foot = RIDGE_FOOT_M / pixel_size
        chart, valid, names = chart_of_codes(ground, geology, nodata, lithologies, relief, foot)

    elevation = chart.terrain.elevation
    shares = abundances(chart.labels, len(chart.rocks), elevation, pixel_size)
    beds = bed_texture(surface, chart.bedding)
    cube = ground_reflectance(surface, shares, chart.rocks, bands, pixel_size, beds)
    fine_grain(grain, cube)
    green, dry = plant_cover(
        plants, chart.labels, chart.rocks, chart.terrain, pixel_size, vegetation
    )
    grow(cube, bands, green, dry)
    light = illumination(elevation, pixel_size, *sun)
    cube *= light
    observe(grain, cube, bands, pixel_size, noise)
    cube[:, ~valid] = np.nan
    place = transform or (pixel_size, 0.0, _CORNER[0], 0.0, -pixel_size, _CORNER[1])
    a, b, c, d, e, f = (float(v) for v in tuple(place)[:6])  # an Affine has nine
    return SimulatedScene(
        reflectance=cube,
        truth=np.where(valid, chart.labels + 1, 0).astype(np.uint8),
        unit_names=names,
        bands=bands,
        transform=(a, b, c, d, e, f),
        crs=crs,
        sensor=sensor.lower(),
        spectra=band_reflectance(chart.rocks, bands),
        purity=np.take_along_axis(shares, chart.labels[None], axis=0)[0],
        vegetation=green,
        dry_grass=dry,
        illumination=light,
        elevation=elevation,
    )


def simulate_from_map(
    path: str | PathLike[str],
    sensor: str = "landsat8",
    *,
    pixel_size: float = 60.0,
    window: tuple[int, int, int, int] | None = None,
    seed: int = 0,
    nodata: int | None = None,
    lithologies: Sequence[str | Lithology] | None = None,
    noise: float = 0.003,
    vegetation: float = 0.12,
    relief_m: float | None = None,
    sun: tuple[float, float] = (50.0, 45.0),
) -> SimulatedScene:
    """Make a scene over a raster of rock units, on its grid at another pixel size.

    Parameters
    ----------
    path : path
        A raster of integers in a projected coordinate system.
    sensor, seed, lithologies, noise, vegetation, relief_m, sun
        As in `simulate_scene`.
    pixel_size : float
        Metres. Larger than the map's: each pixel takes the commonest unit.
    window : tuple of int, optional
        First row, first column, rows and columns, in pixels of the map.
    nodata : int, optional
        Code that is no unit, in place of the raster's own tag.

    Returns
    -------
    SimulatedScene
        Units are numbered in the order of the codes that the window holds.

    Raises
    ------
    InputError
        If the raster is missing, is not of integers, or cannot be used.
    """
    get_sensor(sensor)
    _check_numbers(pixel_size, seed, noise, vegetation, relief_m, sun)
    raster = read_units(path, pixel_size, window)
    return simulate_scene(
        sensor,
        pixel_size=pixel_size,
        seed=seed,
        geology=raster.codes,
        nodata=raster.nodata if nodata is None else nodata,
        lithologies=lithologies,
        noise=noise,
        vegetation=vegetation,
        relief_m=relief_m,
        sun=sun,
        crs=raster.crs,
        transform=raster.transform,
    )


def _check_numbers(
    pixel_size: float,
    seed: int,
    noise: float,
    vegetation: float,
    relief_m: float | None,
    sun: tuple[float, float],
) -> None:
    rules = (
        (pixel_size > 0, "pixel_size", pixel_size, "more than 0 metres"),
        (seed >= 0, "seed", seed, "0 or more"),
        (0 <= noise <= 0.2, "noise", noise, "a reflectance of 0-0.2, such as 0.003"),
        (0 <= vegetation <= 0.8, "vegetation", vegetation, "a mean share of 0-0.8"),
        (relief_m is None or relief_m >= 0, "relief_m", relief_m, "0 metres or more"),
        (0 < sun[0] <= 90, "sun elevation", sun[0], "more than 0 and at most 90 degrees"),
    )
    for holds, name, value, rule in rules:
        if not holds:
            raise InputError(f"{name} must be {rule}, got {value!r}")


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) != 2 or min(shape) < LEAST_SIDE:
        raise InputError(
            f"a scene of {' x '.join(map(str, shape))} pixels cannot hold a map; "
            f"give rows and columns, at least {LEAST_SIDE} each"
        )


def _relief(shape: tuple[int, ...], pixel_size: float, asked: float | None) -> float:
    return min(0.02 * min(shape) * pixel_size, _MOST_RELIEF_M) if asked is None else asked


def _made_up(
    rng: np.random.Generator,
    shape: tuple[int, int],
    units: int,
    pixel_size: float,
    relief_m: float | None,
) -> tuple[GeologicalMap, NDArray[np.bool_], tuple[str, ...]]:
    """Make a map, valid everywhere, and the names of its units."""
    _check_shape(shape)
    if not 2 <= units <= MOST_UNITS:
        raise InputError(f"units must be 2-{MOST_UNITS}, got {units!r}; or pass a map as geology")
    relief = _relief(shape, pixel_size, relief_m)
    chart = generate_map(rng, shape, units, relief, RIDGE_FOOT_M / pixel_size)
    return chart, np.ones(shape, dtype=bool), tuple(rock.name for rock in chart.rocks)
