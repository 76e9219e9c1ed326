"""Places in the spectrum that indices are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from outcrop.sensors.base import Band, bands_within

#: Where absorptions of hydroxyl and carbonate lie, in micrometres.
SWIR2_RANGE = (2.1, 2.4)


@dataclass(frozen=True)
class Place:
    """A part of the spectrum, in micrometres: the range a centre may lie in, the best, a width."""

    name: str
    low: float
    high: float
    best: float
    width: float = 0.03

    def find(self, bands: Sequence[Band], quantities: Sequence[str]) -> tuple[int, ...]:
        """Return the positions of the bands that make it; none if there is no such band."""
        known = self._inside(bands, quantities)
        off = {i: abs((bands[i].wavelength_um or 0.0) - self.best) for i in known}
        return tuple(sorted(i for i in known if off[i] <= self.width / 2)) or tuple(known[:1])

    def nearest(self, bands: Sequence[Band], quantities: Sequence[str]) -> int | None:
        """Return the position of the band nearest to the best wavelength, if one is in range."""
        known = self._inside(bands, quantities)
        return known[0] if known else None

    def _inside(self, bands: Sequence[Band], quantities: Sequence[str]) -> list[int]:
        """Return the positions of the bands in range, the nearest first."""
        there = bands_within(bands, self.low, self.best, self.high)
        return [i for i in there if bands[i].quantity in quantities]

    def __str__(self) -> str:
        return f"{self.name} ({self.low:g}-{self.high:g} um)"


BLUE = Place("blue", 0.44, 0.52, 0.48)
GREEN = Place("green", 0.52, 0.60, 0.56)
#: Red is the absorption of chlorophyll, near infrared the plateau of leaves (Tucker 1979).
RED = Place("red", 0.60, 0.70, 0.66)
NIR = Place("nir", 0.76, 0.90, 0.86)
SWIR1 = Place("swir1", 1.55, 1.75, 1.63, 0.05)
SWIR2 = Place("swir2", 2.08, 2.32, 2.17, 0.04)
R2020 = Place("r2.02", 1.99, 2.05, 2.02, 0.03)
R2100 = Place("r2.10", 2.08, 2.13, 2.10, 0.03)
R2200 = Place("r2.20", 2.18, 2.23, 2.20, 0.03)
# Centres and widths of ASTER's bands, for which these ratios were published.
A5 = Place("r2.17", 2.13, 2.19, 2.167, 0.035)
A6 = Place("r2.21", 2.19, 2.23, 2.209, 0.040)
A7 = Place("r2.26", 2.23, 2.30, 2.262, 0.047)
A8 = Place("r2.33", 2.30, 2.37, 2.336, 0.070)
A9 = Place("r2.40", 2.37, 2.45, 2.400, 0.068)
A10 = Place("e8.3", 8.10, 8.45, 8.291, 0.3)
A11 = Place("e8.6", 8.46, 8.80, 8.634, 0.3)
A12 = Place("e9.1", 8.90, 9.30, 9.075, 0.3)
A13 = Place("e10.7", 10.40, 10.85, 10.657, 0.4)
A14 = Place("e11.3", 11.10, 11.60, 11.318, 0.5)
