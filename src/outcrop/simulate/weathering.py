"""Ground whose units are not bell-shaped clouds: modes, coatings, albedo of their own.

What a unit reflects in the field depends as much on what the weather made of its surface as on
the rock: varnish darkens and reddens it, clay and salt brighten it, and how much of it there is
varies with slope, age and position (Rivard, Arvidson, Duncan, Sultan and El Kaliouby 1992,
Geology 20:295; Hunt and Ashley 1979, Economic Geology 74:1613).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from outcrop.sensors import Band
from outcrop.simulate.law import Law, UnitLaw
from outcrop.simulate.spectra import (
    DUST,
    GROUPS,
    Lithology,
    band_reflectance,
    group_sensitivity,
)
from outcrop.simulate.terrain import Field, fractal_noise, standardised

COATINGS: dict[str, Lithology] = {
    "varnish": Lithology(
        "desert varnish", 0.14, 0.75, 0.0, {"hematite": 0.35, "goethite": 0.25, "smectite": 0.03}
    ),
    "iron": Lithology(
        "iron oxide stain", 0.33, 0.40, 0.0, {"hematite": 0.90, "goethite": 0.35, "kaolinite": 0.05}
    ),
    "clay": Lithology(
        "clay skin", 0.44, 0.30, 0.0, {"smectite": 0.12, "kaolinite": 0.06, "hydration": 0.30}
    ),
    "salt": Lithology("salt crust", 0.58, 0.05, 0.0, {"gypsum": 0.16, "hydration": 0.20}),
}
"""What covers rock, by name."""

_LONG_M, _SHORT_M = 900.0, 150.0  # over which surfaces vary within a unit


def weathered_ground(
    rng: np.random.Generator, law: Law, shares: Field, bands: Sequence[Band], beds: Field
) -> Field:
    """Reflectance of bare ground, units mixed by area.

    Parameters
    ----------
    rng : Generator
        Source of randomness; each unit has a stream of its own.
    law : Law
        The scene's.
    shares : array, shape (unit, y, x)
        From `outcrop.simulate.surface.abundances`.
    bands : sequence of Band
        With wavelength and width.
    beds : array, shape (y, x)
        Texture along the beds, of about unit size.

    Returns
    -------
    array, shape (band, y, x)
    """
    shape = (shares.shape[1], shares.shape[2])
    common, *streams = rng.spawn(len(law.units) + 1)
    cube = np.zeros((len(bands), *shape), dtype=np.float32)
    for unit, share, stream in zip(law.units, shares, streams, strict=True):
        there = share > 1e-4
        bare = _unit(stream, unit, law, bands, beds, there)
        cube[:, there] += share[there] * bare
    glare = law.glare * _patches(common, shape, law.pixel_size)
    tilt = 0.15 * np.log([(band.wavelength_um or 1.6) / 1.6 for band in bands])
    cube *= np.exp(glare * (1.0 - tilt[:, None, None])).astype(np.float32)
    dust = _cover(common, shape, law.pixel_size, *law.dust)
    powder = band_reflectance([DUST], bands)[0]
    return np.asarray(cube + dust * (powder[:, None, None] - cube), dtype=np.float32)


def _unit(
    rng: np.random.Generator,
    unit: UnitLaw,
    law: Law,
    bands: Sequence[Band],
    beds: Field,
    there: np.ndarray,
) -> Field:
    """Reflectance of one unit where it is, shape (band, pixel)."""
    shape, size = (beds.shape[0], beds.shape[1]), law.pixel_size
    bright = unit.albedo * _patches(rng, shape, size) + 0.5 * unit.albedo * beds
    slope = 0.2 * unit.spread * fractal_noise(rng, shape, _LONG_M / size, 2.8)
    amounts = [unit.spread * fractal_noise(rng, shape, _LONG_M / size, 2.6)[there] for _ in GROUPS]
    log_um = np.log([(band.wavelength_um or 1.6) / 1.6 for band in bands]).astype(np.float32)
    change = bright[there] + slope[there] * log_um[:, None]
    modes = unit.modes()
    means, response = band_reflectance(modes, bands), group_sensitivity(modes, bands)
    faces = [
        mean[:, None]
        * np.exp(change + sum(r[:, None] * a for r, a in zip(rs.T, amounts, strict=True)))
        for mean, rs in zip(means, response, strict=True)
    ]
    bare = faces[0]
    if len(faces) > 1:
        other = _second(rng, shape, size, unit.second_share)[there]
        bare = bare + other * (faces[1] - bare)
    for name, (mean, spread) in unit.coats.items():
        skin = band_reflectance([COATINGS[name]], bands)[0]
        cover = _cover(rng, shape, size, mean, spread)[there]
        # The skin is as bright and as dark in places as what lies under it.
        bare = bare + cover * (skin[:, None] * np.exp(0.5 * bright[there]) - bare)
    return np.asarray(bare, dtype=np.float32)


def _patches(rng: np.random.Generator, shape: tuple[int, int], size: float) -> Field:
    """Return a skewed field of mean 0 and deviation 1: many dull places and a few bright ones."""
    long = fractal_noise(rng, shape, _LONG_M / size, 2.8)
    short = fractal_noise(rng, shape, _SHORT_M / size, 2.2)
    return standardised(np.exp(0.45 * (0.9 * long + 0.45 * short)))


def _second(rng: np.random.Generator, shape: tuple[int, int], size: float, share: float) -> Field:
    """Share of a unit's second mode: patches with edges, not a smooth mixture."""
    field = fractal_noise(rng, shape, 0.6 * _LONG_M / size, 2.8)
    edge = np.quantile(field, 1.0 - share)
    return np.asarray(1.0 / (1.0 + np.exp(-6.0 * (field - edge))), dtype=np.float32)


def _cover(
    rng: np.random.Generator, shape: tuple[int, int], size: float, mean: float, spread: float
) -> Field:
    """Cover of a coating, 0-1: logistic, so that it crowds against none and all."""
    if mean <= 0:
        return np.zeros(shape, dtype=np.float32)
    long = fractal_noise(rng, shape, _LONG_M / size, 2.8)
    short = fractal_noise(rng, shape, _SHORT_M / size, 2.0)
    middle = np.log(mean / (1.0 - mean))
    field = middle + spread * (0.9 * long + 0.45 * short)
    return np.asarray(1.0 / (1.0 + np.exp(-field)), dtype=np.float32)
