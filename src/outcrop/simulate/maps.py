"""Maps of rock units that are given, as an array or as a raster on disk."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.windows import Window
from scipy import ndimage

from outcrop.errors import InputError
from outcrop.simulate.geology import GeologicalMap, Labels
from outcrop.simulate.spectra import LITHOLOGIES, Lithology, find_lithologies
from outcrop.simulate.terrain import ROUGHNESS, Field, carve, fractal_noise, standardised

MOST_CODES = 254
"""Rock units that a map has at most: 0 is nodata in the truth, and 255 is left free."""


class UnitRaster(NamedTuple):
    """Codes of rock units on a grid.

    Parameters
    ----------
    codes : array, shape (y, x)
        Integers.
    nodata : int or None
        Code that is no unit.
    transform : tuple of float
        As ``affine.Affine[:6]``.
    crs : str
        Empty if the raster has none.
    """

    codes: NDArray[np.integer]
    nodata: int | None
    transform: tuple[float, ...]
    crs: str


def read_units(
    path: str | PathLike[str],
    pixel_size: float,
    window: tuple[int, int, int, int] | None = None,
) -> UnitRaster:
    """Read a raster of rock units at a pixel size.

    Parameters
    ----------
    path : path
        Band 1 is read.
    pixel_size : float
        Metres. What does not fill a whole pixel at the right and lower edge
        is left out.
    window : tuple of int, optional
        First row, first column, rows and columns, in pixels of the raster.

    Returns
    -------
    UnitRaster

    Raises
    ------
    InputError
        If the file is missing or unreadable, holds no integers, is in degrees,
        or does not contain the window.
    """
    if not Path(path).is_file():
        raise InputError(f"there is no map {str(path)!r}; give the path of a raster of rock units")
    try:
        with rasterio.open(path) as source:
            return _read(source, str(path), pixel_size, window)
    except RasterioError as error:
        raise InputError(f"{str(path)!r} cannot be read as a raster: {error}") from error


def _read(
    source: Any, path: str, pixel_size: float, window: tuple[int, int, int, int] | None
) -> UnitRaster:
    if not np.issubdtype(np.dtype(source.dtypes[0]), np.integer):
        raise InputError(
            f"{path!r} holds {source.dtypes[0]}, rock units are integers; convert it first"
        )
    if source.crs is not None and source.crs.is_geographic:
        raise InputError(f"{path!r} is in degrees; reproject it to metres, such as UTM, first")
    row, column, rows, columns = window or (0, 0, source.height, source.width)
    inside = row >= 0 and column >= 0 and rows > 0 and columns > 0
    if not (inside and row + rows <= source.height and column + columns <= source.width):
        raise InputError(
            f"window {window} (row, column, rows, columns) is not inside {path!r}, "
            f"which has {source.height} rows and {source.width} columns"
        )
    width, height = source.res
    step = (pixel_size / height, pixel_size / width)  # map pixels in a pixel, down and right
    shape = (int(rows / step[0] + 1e-6), int(columns / step[1] + 1e-6))
    if min(shape) < 1:
        raise InputError(
            f"pixel_size {pixel_size:g} is larger than the map {path!r} or its window; "
            "choose smaller pixels"
        )
    part = Window(column, row, shape[1] * step[1], shape[0] * step[0])
    method = Resampling.mode if min(step) > 1 else Resampling.nearest
    codes = source.read(1, window=part, out_shape=shape, resampling=method)
    a, b, c, d, e, f = source.transform[:6]
    corner = c + a * column + b * row, f + d * column + e * row
    place = (a * step[1], b * step[0], corner[0], d * step[1], e * step[0], corner[1])
    nodata = None if source.nodata is None else int(source.nodata)
    crs = "" if source.crs is None else source.crs.to_string()
    return UnitRaster(codes, nodata, place, crs)


def common_units(codes: NDArray[np.integer], least: float = 0.01) -> Labels:
    """Give units that are rarer than a share of the map to their neighbours.

    Parameters
    ----------
    codes : array of integers, shape (y, x)
    least : float

    Returns
    -------
    array of int, shape (y, x)
    """
    values, counts = np.unique(codes, return_counts=True)
    rare = np.isin(codes, values[counts < least * codes.size])
    near = ndimage.distance_transform_edt(rare, return_distances=False, return_indices=True)
    return np.asarray(codes[tuple(near)], dtype=np.intp)


def chart_of_codes(
    rng: np.random.Generator,
    geology: NDArray[np.integer],
    nodata: int | None,
    lithologies: Sequence[str | Lithology] | None,
    relief_m: float,
    foot: float,
    relief: Field | None = None,
) -> tuple[GeologicalMap, NDArray[np.bool_], tuple[str, ...]]:
    """Make a geological map of an array of codes, with relief that follows its rocks.

    Parameters
    ----------
    rng : Generator
        Source of randomness for the relief.
    geology : array of integers, shape (y, x)
        Codes of rock units.
    nodata : int or None
        Code that is no unit.
    lithologies : sequence of str or Lithology, or None
        One per code, in rising order.
    relief_m, foot : float
        As in `outcrop.simulate.terrain.carve`.
    relief : array, shape (y, x), optional
        Relief that owes nothing to the rock, in place of a made-up one.

    Returns
    -------
    chart : GeologicalMap
        Units are numbered from 0 in the order of their codes.
    valid : array of bool, shape (y, x)
        Pixels that have a unit.
    names : tuple of str
        Lithology and code of each unit.

    Raises
    ------
    InputError
        If the codes or the lithologies cannot be used.
    """
    codes = np.asarray(geology)
    if codes.ndim != 2 or not np.issubdtype(codes.dtype, np.integer):
        raise InputError(
            f"geology must be a (y, x) array of integers, got {codes.ndim} dimensions "
            f"of {codes.dtype}; convert it"
        )
    valid = np.ones(codes.shape, dtype=bool) if nodata is None else codes != nodata
    known = np.unique(codes[valid])
    rocks = _rocks_of(known, nodata, lithologies)
    labels: Labels = np.searchsorted(known, codes).clip(0, known.size - 1)
    if not valid.all():
        # Ground without data goes on as its neighbour does, so that no edge shows beside it.
        near = ndimage.distance_transform_edt(~valid, return_distances=False, return_indices=True)
        labels = labels[tuple(near)]
    shape = (codes.shape[0], codes.shape[1])
    hardness = np.array([rock.hardness for rock in rocks], dtype=np.float32)[labels]
    if relief is None:
        relief = fractal_noise(rng, shape, 0.5 * min(shape), ROUGHNESS)
    else:
        relief = standardised(relief)
    terrain = carve(hardness, relief, relief_m, foot)
    chart = GeologicalMap(labels, rocks, np.zeros(shape, dtype=np.float32), terrain)
    names = tuple(f"{rock.name} ({code})" for rock, code in zip(rocks, known, strict=True))
    return chart, valid, names


def _rocks_of(
    known: NDArray[np.integer],
    nodata: int | None,
    lithologies: Sequence[str | Lithology] | None,
) -> tuple[Lithology, ...]:
    """Lithology of each code of a map."""
    if known.size < 2:
        raise InputError(
            f"the map holds {known.size} rock units besides nodata (= {nodata}); it needs 2 or more"
        )
    if known.size > MOST_CODES:
        raise InputError(f"the map holds {known.size} rock units, {MOST_CODES} at most; merge some")
    if lithologies is not None:
        rocks = find_lithologies(lithologies)
        if len(rocks) != known.size:
            raise InputError(
                f"{len(rocks)} lithologies for {known.size} rock units (codes "
                f"{', '.join(map(str, known))}); give one each"
            )
        return rocks
    if known.size > len(LITHOLOGIES):
        raise InputError(
            f"the map holds {known.size} rock units and there are {len(LITHOLOGIES)} lithologies; "
            "merge units, or pass lithologies"
        )
    # By code and not by rank, so that a unit is the same rock in any window of its map.
    ring = list(LITHOLOGIES) * 2
    chosen: list[str] = []
    for code in known:
        start = int(code) % len(LITHOLOGIES)
        chosen.append(next(name for name in ring[start:] if name not in chosen))
    return tuple(LITHOLOGIES[name] for name in chosen)
