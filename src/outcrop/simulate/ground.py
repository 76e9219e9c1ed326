"""Scenes of the proving ground: what works on them should work on real ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from outcrop.sensors import get_sensor
from outcrop.simulate.detector import detect
from outcrop.simulate.geology import RIDGE_FOOT_M, GeologicalMap, Labels, generate_map, province
from outcrop.simulate.law import Law
from outcrop.simulate.light import real_relief
from outcrop.simulate.maps import chart_of_codes, common_units, read_units
from outcrop.simulate.scene import SimulatedScene
from outcrop.simulate.scenery import lay_out
from outcrop.simulate.spectra import band_reflectance
from outcrop.simulate.terrain import fractal_noise

GEOLOGY = "mutawintji/Wilcannia_RockUnits_15m.tif"
RELIEF = "zion/srtm.tif"

_MAP_PIXEL_M = 15.0
_EDGE_PIXELS = 2  # that a geologist's polygons keep away from contacts
_CORNER = (300000.0, 4100000.0)  # made up, UTM 12 N


def simulate_ground(law: Law, data: Path, realisation: int = 0) -> SimulatedScene:
    """Make a scene of the proving ground.

    Parameters
    ----------
    law : Law
        What it follows from.
    data : Path
        Folder that holds the real relief (`RELIEF`) and the real geological map (`GEOLOGY`).
    realisation : int
        Layout, relief, haze's law and labels are the same in all; what varies within the units, the
        plants and the noise are drawn anew.

    Returns
    -------
    SimulatedScene
        Units that a geologist has mapped are numbered from 1; ``truth`` is 0 without a label.

    Raises
    ------
    InputError
        If a file is missing, or the law asks for what there is not.
    """
    bands = tuple(replace(b, quantity="reflectance") for b in get_sensor(law.sensor).default_bands)
    place, labelling = (np.random.default_rng(s) for s in np.random.SeedSequence(law.seed).spawn(2))
    streams = np.random.SeedSequence([law.seed, 1 + realisation]).spawn(4)
    surface, plants, grain, noise = (np.random.default_rng(s) for s in streams)
    chart = _chart(place, law, data)
    seen = lay_out(law, chart, bands, place, surface, plants, grain)
    detect(
        noise, seen.cube, law.sensor, bands, law.pixel_size, law.sun[0],
        stripes=law.stripes, dead=law.dead,
    )  # fmt: skip
    truth, mapped = _labels(labelling, law, chart.labels)
    spectra = band_reflectance(chart.rocks, bands)
    return SimulatedScene(
        reflectance=seen.cube,
        truth=truth,
        unit_names=tuple(law.units[u].name for u in mapped),
        bands=bands,
        transform=(law.pixel_size, 0.0, _CORNER[0], 0.0, -law.pixel_size, _CORNER[1]),
        crs="EPSG:32612",
        sensor=law.sensor,
        spectra=spectra[mapped],
        purity=seen.purity,
        vegetation=seen.green,
        dry_grass=seen.dry,
        illumination=seen.light[len(bands) // 2],
        elevation=chart.terrain.elevation,
    )


def _chart(rng: np.random.Generator, law: Law, data: Path) -> GeologicalMap:
    relief = real_relief(data / RELIEF, rng, law.shape, law.pixel_size, law.dem, law.roughness_m)
    foot, rocks = RIDGE_FOOT_M / law.pixel_size, [unit.lithology() for unit in law.units]
    if law.layout == "folded":
        return generate_map(
            rng, law.shape, len(rocks), law.relief_m, foot, rocks=rocks, relief=relief
        )
    codes = province(rng, law.shape, len(rocks)) if law.layout == "province" else _real(law, data)
    chart, _, _ = chart_of_codes(rng, codes, None, rocks, law.relief_m, foot, relief)
    return chart


def _real(law: Law, data: Path) -> Labels:
    """Return the codes of a window of the real map; what is rarer than 1% joins its neighbours."""
    row, column, step = law.window or (0, 0, 1)
    side = (law.shape[0] * step, law.shape[1] * step)
    return common_units(read_units(data / GEOLOGY, step * _MAP_PIXEL_M, (row, column, *side)).codes)


def _labels(
    rng: np.random.Generator, law: Law, units: Labels
) -> tuple[NDArray[np.uint8], list[int]]:
    """Labels from 1 where there is one, and the unit that each stands for."""
    mapped = [u for u, unit in enumerate(law.units) if unit.labelled and (units == u).any()]
    truth = np.zeros(units.shape, dtype=np.uint8)
    size = 2 * _EDGE_PIXELS + 1
    inside = ndimage.minimum_filter(units, size) == ndimage.maximum_filter(units, size)
    field = fractal_noise(rng, law.shape, 0.12 * min(law.shape), 5.0)
    for code, unit in enumerate(mapped, start=1):
        ground = units == unit
        if law.labelled < 1:
            clear = ground & inside
            ground = clear if clear.sum() > 0.2 * ground.sum() else ground
            ground = ground & (field >= np.quantile(field[ground], 1.0 - law.labelled))
        truth[ground] = code
    return truth, mapped
