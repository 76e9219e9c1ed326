"""What lies on the ground: rock, its debris, dust and plants, and how each varies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from outcrop.sensors import Band
from outcrop.simulate.geology import Labels
from outcrop.simulate.spectra import (
    DUST,
    GROUPS,
    Lithology,
    band_reflectance,
    group_sensitivity,
)
from outcrop.simulate.terrain import Field, Terrain, fractal_noise, gradient

DEBRIS_REACH_M = 150.0
"""Debris of a unit lies no further down the slope than this, in metres."""

CONTACT_M = 18.0
"""Standard deviation over which a contact is smeared by mapping and soil creep, in metres."""

_MAX_STEPS = 6
_BLUR_REACH = 3.0  # standard deviations at which the smearing of contacts is cut


def mixing_reach(pixel_size: float) -> int:
    """Pixels from a contact beyond which the ground holds its own unit only."""
    sigma = CONTACT_M / pixel_size
    return _debris_steps(pixel_size) + int(_BLUR_REACH * sigma + 0.5) + 1


def _debris_steps(pixel_size: float) -> int:
    return int(np.clip(round(DEBRIS_REACH_M / pixel_size), 1, _MAX_STEPS))


def abundances(labels: Labels, count: int, elevation: Field, pixel_size: float) -> Field:
    """Share of each unit in the rock and debris of each pixel.

    Parameters
    ----------
    labels : array, shape (y, x)
        Units from 0.
    count : int
        Number of units.
    elevation : array, shape (y, x)
        Metres.
    pixel_size : float
        Metres.

    Returns
    -------
    array, shape (unit, y, x)
        Sums to 1 over the units.
    """
    steps = _debris_steps(pixel_size)
    step = DEBRIS_REACH_M / pixel_size / steps
    south, east = gradient(ndimage.gaussian_filter(elevation, 1.0), pixel_size)
    slope = np.hypot(south, east)
    # Steep ground sheds its debris: from 10 degrees on, half of what lies below is from above.
    moved = 0.5 * np.clip(slope / np.tan(np.radians(10.0)), 0.0, 1.0)
    fade = np.exp(-np.arange(1, steps + 1) / (0.5 * steps))
    weights = fade / fade.sum()
    rows, columns = np.indices(labels.shape, dtype=np.float32)
    up = (south / np.maximum(slope, 1e-6), east / np.maximum(slope, 1e-6))
    shares = np.zeros((count, *labels.shape), dtype=np.float32)
    units = np.arange(count)[:, None, None]
    shares += (labels == units) * (1.0 - moved)
    for k, weight in enumerate(weights, start=1):
        i = np.clip(np.rint(rows + k * step * up[0]), 0, labels.shape[0] - 1).astype(np.intp)
        j = np.clip(np.rint(columns + k * step * up[1]), 0, labels.shape[1] - 1).astype(np.intp)
        shares += (labels[i, j] == units) * (weight * moved)
    sigma = CONTACT_M / pixel_size
    for share in shares:
        ndimage.gaussian_filter(share, sigma, output=share, mode="nearest", truncate=_BLUR_REACH)
    return shares


def _cover(raw: Field, mean: float) -> Field:
    """Scale a field of 0 and more to fractions below 1 of a given mean."""
    if mean <= 0 or not raw.any():
        return np.zeros_like(raw)
    low, high = 0.0, 1.0
    while (1.0 - np.exp(-high * raw)).mean() < mean and high < 1e6:
        high *= 2.0
    for _ in range(20):
        middle = (low + high) / 2
        if (1.0 - np.exp(-middle * raw)).mean() < mean:
            low = middle
        else:
            high = middle
    return np.asarray(1.0 - np.exp(-high * raw), dtype=np.float32)


def plant_cover(
    rng: np.random.Generator,
    labels: Labels,
    rocks: Sequence[Lithology],
    terrain: Terrain,
    pixel_size: float,
    mean: float,
) -> tuple[Field, Field]:
    """Green plants along streams and scattered on soft ground, dry grass in patches.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    labels : array, shape (y, x)
        Units from 0.
    rocks : sequence of Lithology
        One per unit.
    terrain : Terrain
        Where the streams are.
    pixel_size : float
        Metres.
    mean : float
        Mean cover of both together, 0-1; a third of it is green.

    Returns
    -------
    green, dry : array, shape (y, x)
        Fractions of the ground, together below 1.
    """
    shape = (labels.shape[0], labels.shape[1])
    soft = 1.0 - 0.75 * np.array([r.hardness for r in rocks], dtype=np.float32)[labels]
    patches = fractal_noise(rng, shape, 1500.0 / pixel_size, 2.6)
    stream = terrain.catchment > max(0.002 * labels.size, 8.0)
    size = np.sqrt(np.maximum(terrain.catchment / labels.size, 0.0))
    banks = ndimage.gaussian_filter(
        np.where(stream, 0.3 + 2.0 * size, 0.0).astype(np.float32), max(45.0 / pixel_size, 0.6)
    )
    shrubs = 0.05 * soft * np.exp(0.7 * patches)
    green = _cover(banks * np.exp(0.5 * patches) + shrubs, mean / 3.0)
    meadow = fractal_noise(rng, shape, 6000.0 / pixel_size, 2.8)
    grass = soft * np.logaddexp(0.0, 1.6 * (meadow - 0.3)).astype(np.float32)
    dry = _cover(grass, mean * 2.0 / 3.0) * (1.0 - green)
    return green, dry


def _texture(
    rng: np.random.Generator, shape: tuple[int, int], pixel_size: float
) -> list[tuple[float, Field]]:
    """Brightness of rock at three scales: standard deviation of its logarithm, and field."""
    scales = ((0.065, 3000.0, 3.2), (0.045, 600.0, 2.6), (0.030, 120.0, 1.5))
    return [
        (sd, fractal_noise(rng, shape, outer / pixel_size, exponent))
        for sd, outer, exponent in scales
    ]


def ground_reflectance(
    rng: np.random.Generator,
    shares: Field,
    rocks: Sequence[Lithology],
    bands: Sequence[Band],
    pixel_size: float,
    beds: Field | None = None,
) -> Field:
    """Reflectance of bare ground: units mixed by area, each varying within itself.

    What varies is brightness, the slope of the continuum, how much there is of each
    group of minerals, the dust on top, and a fine grain of its own in every band.

    Parameters
    ----------
    rng : Generator
        Source of randomness; what it draws does not depend on the bands.
    shares : array, shape (unit, y, x)
        From `abundances`.
    rocks : sequence of Lithology
        One per unit.
    bands : sequence of Band
        Bands with wavelength and width.
    pixel_size : float
        Metres.
    beds : array, shape (y, x), optional
        Texture along the beds, of about unit size.

    Returns
    -------
    array, shape (band, y, x)
    """
    shape = (shares.shape[1], shares.shape[2])
    bright = np.zeros(shape, dtype=np.float32)
    for sd, part in _texture(rng, shape, pixel_size):
        bright += np.float32(sd) * part
    if beds is not None:
        bright += np.float32(0.04) * beds
    slope = 0.06 * fractal_noise(rng, shape, 2000.0 / pixel_size, 2.8)
    minerals = [0.25 * fractal_noise(rng, shape, 3000.0 / pixel_size, 2.6) for _ in GROUPS]
    dust = np.clip(0.12 + 0.07 * fractal_noise(rng, shape, 5000.0 / pixel_size, 3.0), 0.0, 0.6)

    means = band_reflectance(rocks, bands)
    powder = band_reflectance([DUST], bands)[0]
    response = group_sensitivity(rocks, bands)
    flat = shares.reshape(len(rocks), -1)
    cube = np.empty((len(bands), *shape), dtype=np.float32)
    for b, band in enumerate(bands):
        effects = (response[:, b, :].T @ flat).reshape(-1, *shape)
        change = bright + slope * np.float32(np.log((band.wavelength_um or 1.6) / 1.6))
        for effect, amount in zip(effects, minerals, strict=True):
            change += effect * amount
        rock = (means[:, b] @ flat).reshape(shape) * np.exp(change)
        cube[b] = rock + dust * (powder[b] - rock)
    return cube


def fine_grain(rng: np.random.Generator, cube: Field, sd: float = 0.008) -> None:
    """Multiply each band, in place, by a grain of its own, so that no band follows from others."""
    for plane in cube:
        plane *= 1.0 + np.float32(sd) * rng.standard_normal(plane.shape, dtype=np.float32)
