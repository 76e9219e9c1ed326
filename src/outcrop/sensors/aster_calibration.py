"""From ASTER's numbers to radiance and to reflectance at the top of the atmosphere.

Radiance = (number - 1) x unit conversion coefficient; reflectance = pi x radiance x d^2 /
(irradiance x sine of the sun's elevation). Sources: Abrams and Hook, ASTER User Handbook, version 2
(JPL, 2002), tables of gains and of unit conversion coefficients; Thome, Arai, Tsuchida and Biggar
(2001), solar irradiance by MODTRAN integrated over the bands, as the LP DAAC uses it for L1T.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date

#: W m-2 sr-1 um-1 a number, by gain. The coefficients that a file states come before these.
UNIT_CONVERSION: Mapping[str, Mapping[str, float]] = {
    "B01": {"HGH": 0.676, "NOR": 1.688, "LOW": 2.25, "LO1": 2.25},
    "B02": {"HGH": 0.708, "NOR": 1.415, "LOW": 1.89, "LO1": 1.89},
    "B3N": {"HGH": 0.423, "NOR": 0.862, "LOW": 1.15, "LO1": 1.15},
    "B04": {"HGH": 0.1087, "NOR": 0.2174, "LO1": 0.2900, "LO2": 0.2900},
    "B05": {"HGH": 0.0348, "NOR": 0.0696, "LO1": 0.0925, "LO2": 0.4090},
    "B06": {"HGH": 0.0313, "NOR": 0.0625, "LO1": 0.0830, "LO2": 0.3900},
    "B07": {"HGH": 0.0299, "NOR": 0.0597, "LO1": 0.0795, "LO2": 0.3320},
    "B08": {"HGH": 0.0209, "NOR": 0.0417, "LO1": 0.0556, "LO2": 0.2450},
    "B09": {"HGH": 0.0159, "NOR": 0.0318, "LO1": 0.0424, "LO2": 0.2650},
    "B10": {"": 6.822e-3},
    "B11": {"": 6.780e-3},
    "B12": {"": 6.590e-3},
    "B13": {"": 5.693e-3},
    "B14": {"": 5.225e-3},
}
#: Of the sun at one astronomical unit, W m-2 um-1 (Thome et al., 2001).
IRRADIANCE: Mapping[str, float] = {
    "B01": 1848.0,
    "B02": 1549.0,
    "B3N": 1114.0,
    "B04": 225.4,
    "B05": 86.63,
    "B06": 81.85,
    "B07": 74.85,
    "B08": 66.49,
    "B09": 59.85,
}
#: From here on the detectors of the short-wave infrared are too warm: its numbers are saturated
#: and striped (LP DAAC, ASTER SWIR user advisory of 12 January 2009).
SWIR_FAILED = date(2008, 4, 1)
#: A band with a larger share of saturated numbers than this is dead, whatever its date.
MOST_SATURATED = 0.5


def sun_distance(day: date) -> float:
    """Return the distance of earth and sun in astronomical units, by the handbook's formula."""
    return 1 - 0.01672 * math.cos(math.radians(0.9856 * (day.timetuple().tm_yday - 4)))


def radiance_scale(coefficient: float) -> tuple[float, float]:
    """Return scale and offset that make radiance of numbers; 1 is no light."""
    return coefficient, -coefficient


def reflectance_scale(
    band: str, coefficient: float, elevation: float, day: date
) -> tuple[float, float]:
    """Return scale and offset that make reflectance at the top of the atmosphere of numbers.

    Parameters
    ----------
    band : str
        A band of sunlight, such as ``"B3N"``.
    coefficient : float
        Unit conversion coefficient, W m-2 sr-1 um-1.
    elevation : float
        Of the sun, in degrees above the horizon, more than 0.
    day : date
    """
    light = IRRADIANCE[band] * math.sin(math.radians(elevation)) / sun_distance(day) ** 2
    factor = math.pi * coefficient / light
    return factor, -factor
