"""Ground that follows a law, in the light and under the air: what any sensor would see of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from outcrop.sensors import Band
from outcrop.simulate.geology import GeologicalMap, bed_texture
from outcrop.simulate.law import Law
from outcrop.simulate.light import haze, light_by_band
from outcrop.simulate.observe import grow
from outcrop.simulate.surface import abundances, fine_grain, plant_cover
from outcrop.simulate.terrain import Field
from outcrop.simulate.weathering import weathered_ground


@dataclass(frozen=True)
class Scenery:
    """What lies before the sensor.

    Parameters
    ----------
    cube : array, shape (band, y, x)
        Reflectance at the sensor, without its noise.
    purity : array, shape (y, x)
        Share of the pixel's own unit in its rock and debris, 0-1.
    green, dry : array, shape (y, x)
        Cover of green plants and of dry grass, 0-1.
    light : array, shape (band, y, x)
        Sunlight relative to flat ground.
    """

    cube: Field
    purity: Field
    green: Field
    dry: Field
    light: Field


def lay_out(
    law: Law,
    chart: GeologicalMap,
    bands: Sequence[Band],
    place: np.random.Generator,
    surface: np.random.Generator,
    plants: np.random.Generator,
    grain: np.random.Generator | None = None,
) -> Scenery:
    """Cover a map's ground with what its law says, and light it.

    Parameters
    ----------
    law : Law
    chart : GeologicalMap
        On the grid of the law's pixels.
    bands : sequence of Band
    place : Generator
        The place's own: beds and haze are the same in every realisation.
    surface, plants : Generator
        Of the realisation.
    grain : Generator, optional
        Of the grain within pixels, where these are the sensor's own.
    """
    elevation = chart.terrain.elevation
    shares = abundances(chart.labels, len(law.units), elevation, law.pixel_size)
    cube = weathered_ground(surface, law, shares, bands, bed_texture(place, chart.bedding))
    if grain is not None:
        fine_grain(grain, cube, law.grain)
    green, dry = plant_cover(
        plants, chart.labels, chart.rocks, chart.terrain, law.pixel_size, law.vegetation
    )
    grow(cube, bands, green, dry)
    wavelengths = [band.wavelength_um or 0.56 for band in bands]
    light = light_by_band(elevation, law.pixel_size, law.sun, wavelengths)
    cube *= light
    cube += haze(place, law.shape, wavelengths, law.haze)
    purity = np.take_along_axis(shares, chart.labels[None], axis=0)[0]
    return Scenery(cube, purity, green, dry, light)
