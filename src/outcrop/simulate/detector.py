"""What a real detector adds: noise at its published level, its own grid, stripes.

Noise is published as a signal-to-noise ratio at a reference radiance, or as the change of
reflectance that equals it:

- Landsat 8 OLI: requirements at the typical radiance, Irons, Dwyer and Barsi 2012, Remote Sens.
  Environ. 122:11 (in orbit it is two to three times better: Morfitt et al. 2015,
  Remote Sens. 7:2208);
- Sentinel-2 MSI: Drusch et al. 2012, Remote Sens. Environ. 120:25;
- ASTER: noise-equivalent change of reflectance, Yamaguchi, Kahle, Tsu, Kawakami and Pniel 1998,
  IEEE Trans. Geosci. Remote Sens. 36:1062.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from outcrop.errors import InputError
from outcrop.sensors import Band
from outcrop.simulate.terrain import Field

#: Reference radiance in W/m2/sr/um and the signal-to-noise ratio there.
SNR: dict[str, dict[str, tuple[float, float]]] = {
    "landsat8": {
        "B1": (40.0, 130.0), "B2": (40.0, 130.0), "B3": (30.0, 100.0), "B4": (22.0, 90.0),
        "B5": (14.0, 90.0), "B6": (4.0, 100.0), "B7": (1.7, 100.0),
    },
    "sentinel2": {
        "B02": (128.0, 154.0), "B03": (128.0, 168.0), "B04": (108.0, 142.0),
        "B05": (74.5, 117.0), "B06": (68.0, 89.0), "B07": (67.0, 105.0), "B08": (103.0, 174.0),
        "B8A": (52.5, 72.0), "B11": (4.0, 100.0), "B12": (1.5, 100.0),
    },
}  # fmt: skip
#: Noise-equivalent change of reflectance at high input radiance.
NOISE_REFLECTANCE: dict[str, dict[str, float]] = {
    "aster": {
        "B01": 0.005, "B02": 0.005, "B3N": 0.005, "B04": 0.005, "B05": 0.013, "B06": 0.013,
        "B07": 0.013, "B08": 0.010, "B09": 0.013,
    },
}  # fmt: skip
SENSORS = (*SNR, *NOISE_REFLECTANCE)

_SUN_K = 5772.0  # IAU 2015 resolution B3
_SUN_RADII = 6.957e8 / 1.495978707e11  # its radius in astronomical units


def sunlight(wavelength_um: float) -> float:
    """Sunlight above the atmosphere, of a black body, in W/m2/um."""
    first, second = 1.19104e8, 14387.77  # 2hc2 in W um4/m2/sr, and hc/k in um K (CODATA 2018)
    radiance = first * wavelength_um**-5.0 / np.expm1(second / (wavelength_um * _SUN_K))
    return float(np.pi * radiance * _SUN_RADII**2)


def noise_at(sensor: str, band: Band, reflectance: Field, sun_elevation: float) -> Field:
    """Return the standard deviation of a band's noise, as reflectance.

    Parameters
    ----------
    sensor : str
        One of `SENSORS`.
    band : Band
        Of that sensor.
    reflectance : array
        What the detector sees, 0-1. Noise is that of photons: it grows as its square root.
    sun_elevation : float
        Degrees; a low sun leaves the same noise on less light.

    Returns
    -------
    array
        Of the shape of `reflectance`.

    Raises
    ------
    InputError
        If there is no published noise of that sensor or band.
    """
    fixed = NOISE_REFLECTANCE.get(sensor, {}).get(band.name)
    if fixed is not None:
        return np.full_like(reflectance, fixed)
    known = SNR.get(sensor, {}).get(band.name)
    if known is None or band.wavelength_um is None:
        raise InputError(
            f"no published noise of band {band.name} of {sensor!r}; "
            f"scenes with published noise are of {', '.join(SENSORS)}"
        )
    radiance, ratio = known
    full = sunlight(band.wavelength_um) * np.sin(np.radians(sun_elevation)) / np.pi
    reference = radiance / full
    return np.asarray(
        reference / ratio * np.sqrt(np.maximum(reflectance, 0.0) / reference), dtype=np.float32
    )


def detect(
    rng: np.random.Generator,
    cube: Field,
    sensor: str,
    bands: Sequence[Band],
    pixel_size: float,
    sun_elevation: float,
    *,
    stripes: float = 0.0,
    dead: int = 0,
) -> None:
    """Record a scene band by band on the detector's grid, in place.

    A band whose detector is coarser than the grid is averaged to its own pixels, gets its noise
    there, and is brought back by bilinear interpolation, as the 20 m bands of Sentinel-2 are. A
    detector is a column: the three sensors sweep many at once along the track.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    cube : array, shape (band, y, x)
        Reflectance at the sensor; changed, and clipped to 0.001-0.999.
    sensor : str
        One of `SENSORS`.
    bands : sequence of Band
        One per plane.
    pixel_size : float
        Metres.
    sun_elevation : float
        Degrees.
    stripes : float
        Standard deviation of the detectors' gains around their mean.
    dead : int
        Detectors of each band that give nothing; their neighbour's values stand in, as in the
        products.
    """
    for plane, band in zip(cube, bands, strict=True):
        step = max(1, round((band.gsd_m or pixel_size) / pixel_size))
        seen = _coarser(plane, step)
        # The optics smear a little over the edge of a pixel: 0.45 of one at half height.
        ndimage.gaussian_filter(seen, 0.45 / 2.3548, output=seen, mode="nearest")
        seen *= 1.0 + np.float32(stripes) * rng.standard_normal(seen.shape[1], dtype=np.float32)
        noise = noise_at(sensor, band, seen, sun_elevation)
        seen += noise * rng.standard_normal(seen.shape, dtype=np.float32)
        gone = rng.choice(np.arange(1, seen.shape[1]), dead, replace=False)
        seen[:, gone] = seen[:, gone - 1]
        plane[:] = _finer(seen, step, (plane.shape[0], plane.shape[1]))
    np.clip(cube, 0.001, 0.999, out=cube)


def _coarser(plane: Field, step: int) -> Field:
    if step == 1:
        return plane.copy()
    rows, columns = (-(-n // step) * step for n in plane.shape)
    full = np.pad(plane, ((0, rows - plane.shape[0]), (0, columns - plane.shape[1])), mode="edge")
    return np.asarray(full.reshape(rows // step, step, columns // step, step).mean(axis=(1, 3)))


def _finer(seen: Field, step: int, shape: tuple[int, int]) -> Field:
    if step == 1:
        return seen
    wide = ndimage.zoom(seen, step, order=1, mode="nearest", grid_mode=True)
    return np.asarray(wide[: shape[0], : shape[1]])
