"""Sunlight and air over real relief: shadows that are cast, a blue sky, haze."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from scipy import ndimage

from outcrop.errors import InputError
from outcrop.simulate.terrain import Field, fractal_noise, gradient

_METRES_PER_DEGREE = 111_195.0  # of latitude, on a sphere of 6371 km
_SKY_AT_UM = 0.55  # where the share of skylight is given
_SKY_POWER = -2.0  # how it falls with wavelength: between clean air's -4 and dust's -1


def real_relief(
    path: str | PathLike[str],
    rng: np.random.Generator,
    shape: tuple[int, int],
    pixel_size: float,
    corner: tuple[int, int],
    roughness_m: float,
) -> Field:
    """Read relief from an elevation model and add what is finer than its grid.

    Parameters
    ----------
    path : path
        Raster of metres, in degrees or metres.
    rng : Generator
        Of the roughness.
    shape : tuple of int
        Rows and columns to give.
    pixel_size : float
        Metres.
    corner : tuple of int
        Row and column of the raster at the upper left.
    roughness_m : float
        Standard deviation of the roughness, up to three of the raster's pixels wide.

    Returns
    -------
    array, shape (y, x)
        Metres.

    Raises
    ------
    InputError
        If the file is missing, cannot be read, has gaps there, or ends before the scene does.
    """
    if not Path(path).is_file():
        raise InputError(f"there is no elevation model {str(path)!r}; give the folder that has it")
    with _opened(path) as source:
        heights, empty = source.read(1).astype(np.float32), source.nodata
        down, right = _steps(source)
    rows = corner[0] + np.arange(shape[0]) * pixel_size / down
    columns = corner[1] + np.arange(shape[1]) * pixel_size / right
    if min(corner) < 0 or rows[-1] > heights.shape[0] - 1 or columns[-1] > heights.shape[1] - 1:
        raise InputError(
            f"{shape[0]} x {shape[1]} pixels of {pixel_size:g} m from row {corner[0]}, column "
            f"{corner[1]} reach beyond {str(path)!r}; choose another corner"
        )
    there = heights[int(rows[0]) : int(rows[-1]) + 2, int(columns[0]) : int(columns[-1]) + 2]
    if empty is not None and (there == empty).any():
        raise InputError(f"{str(path)!r} has gaps from row {corner[0]}, column {corner[1]}")
    grid = np.meshgrid(rows, columns, indexing="ij")
    relief = ndimage.map_coordinates(heights, grid, order=3, mode="nearest")
    fine = fractal_noise(rng, shape, 3.0 * down / pixel_size, 3.4)
    return np.asarray(relief + np.float32(roughness_m) * fine, dtype=np.float32)


def relief_between(
    path: str | PathLike[str],
    rng: np.random.Generator,
    shape: tuple[int, int],
    pixel_size: float,
    place: tuple[float, float],
    roughness_m: float,
) -> Field:
    """Read relief as `real_relief` does, from where ``place`` says: 0-1 of the room there is.

    Raises
    ------
    InputError
        As `real_relief` does, and if the elevation model is smaller than the scene.
    """
    with _opened(path) as source:
        size, steps = source.shape, _steps(source)
    room = [
        n - 2 - many * pixel_size / metres
        for n, many, metres in zip(size, shape, steps, strict=True)
    ]
    if min(room) < 0:
        raise InputError(
            f"{str(path)!r} is smaller than the {shape[0] * pixel_size / 1000:.1f} km of the "
            "scene; give another elevation model, or fewer pixels"
        )
    corner = (int(place[0] * room[0]), int(place[1] * room[1]))
    return real_relief(path, rng, shape, pixel_size, corner, roughness_m)


@contextmanager
def _opened(path: str | PathLike[str]) -> Iterator[rasterio.DatasetReader]:
    try:
        with rasterio.open(path) as source:
            yield source
    except RasterioError as error:
        raise InputError(f"{str(path)!r} cannot be read as a raster: {error}") from error


def _steps(source: rasterio.DatasetReader) -> tuple[float, float]:
    """Return the metres between the rows and between the columns of a raster."""
    right, down = source.res
    if source.crs is None or not source.crs.is_geographic:
        return down, right
    middle = (source.bounds.top + source.bounds.bottom) / 2
    return down * _METRES_PER_DEGREE, right * _METRES_PER_DEGREE * np.cos(np.radians(middle))


def cast_shadow(elevation: Field, pixel_size: float, sun: tuple[float, float]) -> Field:
    """Share of direct sun that other ground leaves, 0-1, with soft edges.

    Parameters
    ----------
    elevation : array, shape (y, x)
        Metres; north is up.
    pixel_size : float
        Metres.
    sun : tuple of float
        Elevation and azimuth in degrees.

    Returns
    -------
    array, shape (y, x)
    """
    height, azimuth = np.radians(sun[0]), np.radians(sun[1])
    rise = np.tan(height) * pixel_size
    reach = int(min(float(np.ptp(elevation)) / rise + 1, max(elevation.shape)))
    rows, columns = np.indices(elevation.shape, dtype=np.float32)
    above = np.full(elevation.shape, -np.inf, dtype=np.float32)
    for step in range(1, reach + 1):
        there = (rows - step * np.cos(azimuth), columns + step * np.sin(azimuth))
        horizon = ndimage.map_coordinates(elevation, there, order=1, mode="nearest")
        above = np.maximum(above, horizon - np.float32(step * rise))
    lit = (above <= elevation).astype(np.float32)
    return np.asarray(ndimage.gaussian_filter(lit, 0.5, mode="nearest"))


def light_by_band(
    elevation: Field,
    pixel_size: float,
    sun: tuple[float, float],
    wavelengths_um: list[float],
    sky: float = 0.12,
) -> Field:
    """Light on slopes relative to flat ground in the open, in each band.

    Shadows are blue: what lights them is the sky.

    Parameters
    ----------
    elevation : array, shape (y, x)
        Metres.
    pixel_size : float
        Metres.
    sun : tuple of float
        Elevation and azimuth in degrees.
    wavelengths_um : list of float
        Of the bands.
    sky : float
        Share of the light on flat ground at 0.55 um that the sky gives.

    Returns
    -------
    array, shape (band, y, x)
    """
    south, east = gradient(elevation, pixel_size)
    height, azimuth = np.radians(sun[0]), np.radians(sun[1])
    upright = 1.0 / np.sqrt(1.0 + south**2 + east**2)
    toward = np.sin(height) + np.cos(height) * (np.cos(azimuth) * south - np.sin(azimuth) * east)
    direct = np.maximum(toward * upright, 0.0) / np.sin(height)
    direct = direct * cast_shadow(elevation, pixel_size, sun)
    shares = [min(0.5, sky * (um / _SKY_AT_UM) ** _SKY_POWER) for um in wavelengths_um]
    # Ground in front of a slope gives back some of the light, at all wavelengths alike.
    scattered = (1.0 + upright) / 2.0 + 0.25 * (1.0 - upright) / 2.0
    planes = [(1.0 - s) * direct + max(s, 0.02) * scattered for s in shares]
    return np.asarray(planes, dtype=np.float32)


def haze(
    rng: np.random.Generator, shape: tuple[int, int], wavelengths_um: list[float], amount: float
) -> Field:
    """Light of the air that a correction has left, thicker towards one side of the scene.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    shape : tuple of int
        Rows and columns.
    wavelengths_um : list of float
        Of the bands.
    amount : float
        Reflectance added at 0.48 um where it is thickest; it falls as wavelength ** -2.

    Returns
    -------
    array, shape (band, y, x)
    """
    turn = rng.uniform(0, 2 * np.pi)
    y, x = np.indices(shape, dtype=np.float32) / np.float32(max(shape))
    slant = np.cos(turn) * x + np.sin(turn) * y + 0.15 * fractal_noise(rng, shape, max(shape), 4.0)
    thick = (slant - slant.min()) / max(float(np.ptp(slant)), 1e-6)
    return np.asarray(
        [amount * (um / 0.48) ** -2.0 * thick for um in wavelengths_um], dtype=np.float32
    )
