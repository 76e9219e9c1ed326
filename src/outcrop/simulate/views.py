"""One ground as several sensors see it: what differs between the scenes is the sensor alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from outcrop.errors import InputError
from outcrop.sensors import get_sensor
from outcrop.simulate.detector import detect
from outcrop.simulate.geology import RIDGE_FOOT_M, GeologicalMap
from outcrop.simulate.law import Law, UnitLaw
from outcrop.simulate.light import relief_between
from outcrop.simulate.maps import chart_of_codes, common_units, read_units
from outcrop.simulate.scene import SimulatedScene
from outcrop.simulate.scenery import lay_out
from outcrop.simulate.spectra import band_reflectance
from outcrop.simulate.surface import fine_grain
from outcrop.simulate.terrain import Field

#: Metres of the grid that the ground is made on.
FINE_M = 5.0


def simulate_views(
    law: Law,
    geology: Path,
    window: tuple[int, int, int, int],
    sensors: Mapping[str, float],
    *,
    relief: Path | None = None,
    place: tuple[float, float] = (0.5, 0.5),
    realisation: int = 0,
) -> dict[str, SimulatedScene]:
    """Make one ground on a fine grid, and record it with several sensors.

    Parameters
    ----------
    law : Law
        What the ground follows from, its units in the order of the map's codes: code 0 is the
        first, and so on, round and round. Layout, window, shape and pixel size are given here;
        stripes and dead detectors are ASTER's.
    geology : Path
        Raster of rock units in metres.
    window : tuple of int
        First row, first column, rows and columns of it. What is rarer than 1% there joins its
        neighbours.
    sensors : mapping of str to float
        Pixel size in metres by sensor, each a multiple of `FINE_M`.
    relief : Path, optional
        Elevation model; without one the relief is made up.
    place : tuple of float
        Where in the elevation model: 0-1 down and right.
    realisation : int
        Layout and relief are the same in all; textures, coatings, plants and noise are drawn anew.

    Returns
    -------
    dict of str to SimulatedScene
        By sensor. All cover the same ground; truth is the commonest unit of a pixel.

    Raises
    ------
    InputError
        If a file is missing or cannot be used, or a pixel size is no multiple of the fine one.
    """
    steps = {name: _step(name, size) for name, size in sensors.items()}
    bands = {
        name: tuple(replace(b, quantity="reflectance") for b in get_sensor(name).default_bands)
        for name in sensors
    }
    every = [band for own in bands.values() for band in own]
    layout, chart, law, corner, crs = _chart(law, geology, window, steps, relief, place)
    streams = np.random.SeedSequence([law.seed, 1 + realisation]).spawn(2 + len(sensors))
    surface, plants, *seen = (np.random.default_rng(s) for s in streams)
    ground = lay_out(law, chart, every, layout, surface, plants)
    scenes, first = {}, 0
    for (name, own), rng in zip(bands.items(), seen, strict=True):
        step, size = steps[name], sensors[name]
        planes = slice(first, first + len(own))
        first += len(own)
        recorded = np.stack([_means(plane, step) for plane in ground.cube[planes]])
        fine_grain(rng, recorded, law.grain)
        odd = name == "aster"
        detect(
            rng, recorded, name, own, size, law.sun[0],
            stripes=law.stripes if odd else 0.0, dead=law.dead if odd else 0,
        )  # fmt: skip
        scenes[name] = SimulatedScene(
            reflectance=recorded,
            truth=_commonest(chart.labels, len(law.units), step),
            unit_names=tuple(unit.name for unit in law.units),
            bands=own,
            transform=(size, 0.0, corner[0], 0.0, -size, corner[1]),
            crs=crs,
            sensor=name,
            spectra=band_reflectance(chart.rocks, own),
            purity=_means(ground.purity, step),
            vegetation=_means(ground.green, step),
            dry_grass=_means(ground.dry, step),
            illumination=_means(ground.light[planes][len(own) // 2], step),
            elevation=_means(chart.terrain.elevation, step),
        )
    return scenes


def _step(sensor: str, size: float) -> int:
    step = round(size / FINE_M)
    if step < 1 or abs(step * FINE_M - size) > 1e-6:
        raise InputError(
            f"pixels of {size:g} m for {sensor}: the ground is made of {FINE_M:g} m, give a "
            "multiple of it"
        )
    return step


def _chart(
    law: Law,
    geology: Path,
    window: tuple[int, int, int, int],
    steps: Mapping[str, int],
    relief: Path | None,
    place: tuple[float, float],
) -> tuple[np.random.Generator, GeologicalMap, Law, tuple[float, float], str]:
    """Return the place's random numbers, its map, the law for it, its corner and its CRS."""
    raster = read_units(geology, FINE_M, window)
    whole = math.lcm(*steps.values())  # a pixel of every sensor ends where the ground does
    rows, columns = (n // whole * whole for n in raster.codes.shape)
    if min(rows, columns) == 0:
        raise InputError(f"window {window} of {str(geology)!r} holds no whole pixel of all sensors")
    codes = common_units(raster.codes[:rows, :columns])
    known = [int(code) for code in np.unique(codes)]
    if len(known) > len(law.units):
        raise InputError(
            f"window {window} of {str(geology)!r} has {len(known)} rock units and the law "
            f"{law.name} {len(law.units)}; choose another or merge some"
        )
    law = replace(
        law, units=_units_of(known, law.units), layout="map", window=None, shape=(rows, columns),
        pixel_size=FINE_M,
    )  # fmt: skip
    rng = np.random.default_rng(law.seed)
    heights = (
        relief_between(relief, rng, law.shape, FINE_M, place, law.roughness_m) if relief else None
    )
    rocks = [unit.lithology() for unit in law.units]
    chart, _, _ = chart_of_codes(
        rng, codes, None, rocks, law.relief_m, RIDGE_FOOT_M / FINE_M, heights
    )
    return rng, chart, law, (raster.transform[2], raster.transform[5]), raster.crs


def _units_of(known: Sequence[int], units: Sequence[UnitLaw]) -> tuple[UnitLaw, ...]:
    """Return a unit for each code, by code and not by rank: it is the same in any window."""
    chosen: list[int] = []
    for code in known:
        ring = ((code + i) % len(units) for i in range(len(units)))
        chosen.append(next(i for i in ring if i not in chosen))
    return tuple(units[i] for i in chosen)


def _means(plane: NDArray[np.float32], step: int) -> Field:
    """Average squares of pixels."""
    rows, columns = plane.shape[0] // step, plane.shape[1] // step
    return np.asarray(plane.reshape(rows, step, columns, step).mean(axis=(1, 3)), np.float32)


def _commonest(labels: NDArray[np.intp], count: int, step: int) -> NDArray[np.uint8]:
    """Return the unit, from 1, that is the commonest in each square of pixels."""
    shares = np.stack([_means((labels == u).astype(np.float32), step) for u in range(count)])
    return np.asarray(shares.argmax(axis=0) + 1, dtype=np.uint8)
