"""From bare ground to what a sensor records: plants, point spread, noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from outcrop.sensors import Band
from outcrop.simulate.spectra import DRY, GREEN, band_reflectance
from outcrop.simulate.terrain import Field


def grow(cube: Field, bands: Sequence[Band], green: Field, dry: Field) -> None:
    """Cover the ground with plants, in place, mixing by area.

    Parameters
    ----------
    cube : array, shape (band, y, x)
        Reflectance of bare ground; changed.
    bands : sequence of Band
        One per plane.
    green, dry : array, shape (y, x)
        Cover of green plants and of dry grass, together below 1.
    """
    leaf, straw = band_reflectance([GREEN, DRY], bands)
    for b, plane in enumerate(cube):
        plane *= 1.0 - green - dry
        plane += leaf[b] * green + straw[b] * dry


def noise_factor(band: Band) -> float:
    """Noise of a band relative to one 0.06 um wide at 0.56 um: photons come in sqrt(n).

    Sunlight is that of a black body of 5772 K (IAU 2015 resolution B3).
    """
    wavelength, width = band.wavelength_um or 0.56, band.fwhm_um or 0.06
    hot = 14387.77 / 5772.0  # second radiation constant, um K (CODATA 2018)

    def photons(um: float) -> float:
        return float(um**-4.0 / np.expm1(hot / um))

    ratio = photons(wavelength) * width / (photons(0.56) * 0.06)
    return float(np.clip(ratio**-0.5, 0.5, 3.0))


def observe(
    rng: np.random.Generator, cube: Field, bands: Sequence[Band], pixel_size: float, noise: float
) -> None:
    """Blur by the sensor's point spread and add its noise, in place.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    cube : array, shape (band, y, x)
        Reflectance at the sensor's input; changed, and clipped to 0.001-0.999.
    bands : sequence of Band
        One per plane.
    pixel_size : float
        Metres.
    noise : float
        Standard deviation in the band that `noise_factor` refers to.
    """
    for plane, band in zip(cube, bands, strict=True):
        # The pixel's own area is averaged already: only what a coarser detector adds is left.
        spread = (band.gsd_m or pixel_size) / pixel_size / 2.3548
        if spread > 0.15:
            ndimage.gaussian_filter(plane, spread, output=plane, mode="nearest", truncate=3.0)
        sd = np.float32(noise * noise_factor(band))
        plane += sd * rng.standard_normal(plane.shape, dtype=np.float32)
    np.clip(cube, 0.001, 0.999, out=cube)
