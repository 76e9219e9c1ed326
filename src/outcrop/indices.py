"""Band ratios and indices, chosen by wavelength: what each needs, what it says, who published it.

An index names places in the spectrum and never bands. A place takes the mean of all bands
whose centres lie within its width, so that the narrow bands of a spectrometer do what a
satellite's broad band does, or else the nearest band within its range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.errors import RecipeError, SceneError, unknown_name
from outcrop.sensors.base import Band

Floats = NDArray[np.float32]

#: Smaller values are raised to it before they are divided: reflectance of a thousandth is noise.
FLOOR = np.float32(1e-3)
#: Where absorptions of hydroxyl and carbonate lie, in micrometres.
SWIR2_RANGE = (2.1, 2.4)
ALL = "all"


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
        within = tuple(sorted(i for off, i in known if off <= self.width / 2))
        return within or tuple(i for _, i in known[:1])

    def nearest(self, bands: Sequence[Band], quantities: Sequence[str]) -> int | None:
        """Return the position of the band nearest to the best wavelength, if one is in range."""
        known = self._inside(bands, quantities)
        return known[0][1] if known else None

    def _inside(self, bands: Sequence[Band], quantities: Sequence[str]) -> list[tuple[float, int]]:
        """Return distance and position of the bands in range, the nearest first."""
        return sorted(
            (abs(b.wavelength_um - self.best), i)
            for i, b in enumerate(bands)
            if b.wavelength_um
            and self.low <= b.wavelength_um <= self.high
            and b.quantity in quantities
        )

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


def _ratio(a: Floats, b: Floats) -> Floats:
    return a / b


def _difference(a: Floats, b: Floats) -> Floats:
    return (a - b) / (a + b)


def _depth(left: Floats, right: Floats, centre: Floats) -> Floats:
    depth: Floats = (left + right) / centre
    return depth


def _ferrous(swir2: Floats, nir: Floats, green: Floats, red: Floats) -> Floats:
    return swir2 / nir + green / red


def _quartz(a: Floats, b: Floats, c: Floats) -> Floats:
    return b * b / (a * c)


def _mafic(a12: Floats, a13: Floats, a14: Floats) -> Floats:
    carbonate = a14 / a13
    mafic: Floats = a12 / a13 * carbonate * carbonate * carbonate
    return mafic


def _cellulose(left: Floats, right: Floats, centre: Floats) -> Floats:
    depth: Floats = np.float32(100) * (np.float32(0.5) * (left + right) - centre)
    return depth


#: NDVI of bare ground and of leaves that hide it. Ground: between minerals (0.02 in the median
#: and 0.17 at the 95th percentile of 481 in the USGS library of 1995, in the bands of OLI) and
#: soils (0.21 +- 0.1, Montandon and Small 2008); leaves: lawn grass, maple and aspen there.
NDVI_BARE, NDVI_FULL = np.float32(0.15), np.float32(0.88)
#: Cellulose index of dry plants: dry long grass and dry tumbleweed of the same library.
CAI_DRY = np.float32(2.8)


def _within(part: Floats) -> Floats:
    held: Floats = np.clip(part, np.float32(0), np.float32(1))
    return held


def _green_cover(nir: Floats, red: Floats) -> Floats:
    return _within((_difference(nir, red) - NDVI_BARE) / (NDVI_FULL - NDVI_BARE))


def _dry_cover(left: Floats, right: Floats, centre: Floats) -> Floats:
    return _within(_cellulose(left, right, centre) / CAI_DRY)


@dataclass(frozen=True)
class Index:
    """One index.

    Parameters
    ----------
    name : str
        In recipes and files.
    title : str
        What it is read as, for people.
    formula : str
        In the names of its places.
    needs : tuple of Place
    compute : callable
        Of the planes of the places, in their order.
    source : str
        Who published it.
    caution : str
        What else it may mean.
    quantities : tuple of str
        What the bands may hold.
    signed : bool
        Whether it can be 0 or below, so that it has no logarithm.
    alone : bool
        Only where no more than one band lies in `SWIR2_RANGE`: two tell more.
    """

    name: str
    title: str
    formula: str
    needs: tuple[Place, ...]
    compute: Callable[..., Floats]
    source: str
    caution: str = ""
    quantities: tuple[str, ...] = ("reflectance",)
    signed: bool = False
    alone: bool = False


_THERMAL = ("radiance", "emissivity")
_NINOMIYA = "Ninomiya, Fu and Cudahy 2005, Remote Sens. Environ. 99:127"
_KALINOWSKI = "Kalinowski and Oliver 2004, ASTER Mineral Index Processing Manual"
_ROWAN = "Rowan and Mars 2003, Remote Sens. Environ. 84:350"
_WERFF = "van der Werff and van der Meer 2016, Remote Sens. 8:883"

INDICES: dict[str, Index] = {
    index.name: index
    for index in (
        Index(
            "ferric", "Ferric iron", "red / green", (RED, GREEN), _ratio,
            f"{_ROWAN}; {_WERFF}", "dry plants raise it",
        ),
        Index(
            "iron_oxide", "Iron oxide", "red / blue", (RED, BLUE), _ratio,
            "Sabins 1999, Ore Geology Reviews 14:157", "haze in the blue band lowers it",
        ),
        Index(
            "ferrous", "Ferrous iron", "swir2 / nir + green / red", (SWIR2, NIR, GREEN, RED),
            _ferrous, f"{_KALINOWSKI}; {_WERFF}", "green plants lower it",
        ),
        Index(
            "hydroxyl_carbonate", "Hydroxyl/carbonate, confounded by vegetation",
            "swir1 / swir2", (SWIR1, SWIR2), _ratio, "Sabins 1999, Ore Geology Reviews 14:157",
            "clay, mica, carbonate, sulphate and plants all raise it", alone=True,
        ),
        Index(
            "al_oh", "Al-OH (mica, smectite, illite)", "(r2.17 + r2.26) / r2.21", (A5, A7, A6),
            _depth, f"{_ROWAN}; {_KALINOWSKI}",
        ),
        Index(
            "kaolinite_alunite", "Kaolinite, alunite, pyrophyllite", "(swir1 + r2.21) / r2.17",
            (SWIR1, A6, A5), _depth, f"{_ROWAN}; {_KALINOWSKI}", "plants raise it",
        ),
        Index(
            "mg_oh_carbonate", "Mg-OH/CO3 (chlorite, epidote, carbonate)",
            "(r2.26 + r2.40) / r2.33", (A7, A9, A8), _depth, f"{_ROWAN}; {_KALINOWSKI}",
            "Mg-OH and carbonate absorb at the same place; dry plants raise it",
        ),
        Index(
            "quartz", "Silica (quartz)", "e8.6 * e8.6 / (e8.3 * e9.1)", (A10, A11, A12), _quartz,
            _NINOMIYA, "lower over gypsum; clouds and water vapour change it",
            quantities=_THERMAL,
        ),
        Index(
            "carbonate", "Carbonate (thermal)", "e10.7 / e11.3", (A13, A14), _ratio, _NINOMIYA,
            "plants and water vapour change it", quantities=_THERMAL,
        ),
        Index(
            "mafic", "Mafic silicates", "e9.1 / e10.7 * (e11.3 / e10.7)^3", (A12, A13, A14),
            _mafic, _NINOMIYA, "temperature changes it a little", quantities=_THERMAL,
        ),
        Index(
            "ndvi", "Green plants (NDVI)", "(nir - red) / (nir + red)", (NIR, RED), _difference,
            "Tucker 1979, Remote Sens. Environ. 8:127", signed=True,
        ),
        Index(
            "ndti", "Dry plants or clay (NDTI)", "(swir1 - swir2) / (swir1 + swir2)",
            (SWIR1, SWIR2), _difference,
            "van Deventer, Ward, Gowda and Lyon 1997, Photogramm. Eng. Remote Sens. 63:87",
            "clay and carbonate look the same", signed=True, alone=True,
        ),
        Index(
            "cellulose", "Dry plants (cellulose absorption, CAI)",
            "100 * ((r2.02 + r2.20) / 2 - r2.10)", (R2020, R2200, R2100), _cellulose,
            "Daughtry 2001, Agronomy J. 93:125", "carbon dioxide at 2.0 um leaves its trace",
            signed=True,
        ),
        Index(
            "green_cover", "Share of ground under green plants",
            f"(NDVI - {NDVI_BARE:g}) / ({NDVI_FULL:g} - {NDVI_BARE:g}), in 0-1", (NIR, RED),
            _green_cover, "Gutman and Ignatov 1998, Int. J. Remote Sens. 19:1533",
            "ground with another NDVI than 0.15 makes it wrong by up to 0.2", signed=True,
        ),
        Index(
            "dry_cover", "Share of ground under dry plants", f"CAI / {CAI_DRY:g}, in 0-1",
            (R2020, R2200, R2100), _dry_cover,
            "Daughtry 2001, Agronomy J. 93:125; endmember of the USGS library of 1995",
            "green plants hide dry ones", signed=True,
        ),
    )
}  # fmt: skip
#: What a unit's plants are told by; kept out of the list of ratios.
COVERS = ("green_cover", "dry_cover")


@dataclass(frozen=True)
class Ready:
    """An index and the positions of the bands that make each of its places."""

    index: Index
    positions: tuple[tuple[int, ...], ...]

    @property
    def name(self) -> str:
        """The index's name."""
        return self.index.name

    def __call__(self, data: Floats) -> Floats:
        """Compute it of bands along the first axis; values are floored at `FLOOR` first.

        NaN stays NaN. Each value depends on its own pixel alone, bit for bit.
        """
        return self.index.compute(*(_mean(data, places) for places in self.positions))

    def said(self, bands: Sequence[Band]) -> str:
        """Say which bands make which place."""
        return ", ".join(
            f"{place.name} = {_names([bands[i] for i in found])}"
            for place, found in zip(self.index.needs, self.positions, strict=True)
        )


def _mean(data: Floats, positions: Sequence[int]) -> Floats:
    total: Floats = np.maximum(data[positions[0]], FLOOR)
    for i in positions[1:]:  # one after the other: the order of a sum decides its last bits
        total = total + np.maximum(data[i], FLOOR)
    return total if len(positions) == 1 else total / np.float32(len(positions))


def _names(bands: Sequence[Band]) -> str:
    return bands[0].name if len(bands) == 1 else f"mean of {bands[0].name} to {bands[-1].name}"


def get_index(name: str) -> Index:
    """Return an index by name; RecipeError names those there are."""
    if name not in INDICES:
        raise RecipeError(unknown_name("index", name, INDICES))
    return INDICES[name]


def missing(index: Index, bands: Sequence[Band]) -> str:
    """Say why an index cannot be computed of bands; empty where it can."""
    if not any(b.wavelength_um for b in bands):
        return "the wavelengths of the bands are not known (give --sensor or --bands)"
    places = [p for p in index.needs if not p.find(bands, index.quantities)]
    if places:
        unscaled = [b for b in bands if b.quantity == "unknown"]
        there = [p for p in places if p.find(unscaled, ("unknown",))]
        if there:
            return (
                f"{' and '.join(p.name for p in there)} must be {' or '.join(index.quantities)}, "
                "and the scale of the values is not known (give --scale and --offset)"
            )
        return f"no band in {', '.join(str(p) for p in places)}"
    if index.alone:
        low, high = SWIR2_RANGE
        near = [b.name for b in bands if b.wavelength_um and low <= b.wavelength_um <= high]
        if len(near) > 1:
            return (
                f"{', '.join(near[:6])}{', ...' if len(near) > 6 else ''} lie in {low}-{high} um "
                "and tell hydroxyl and carbonate apart: see al_oh and mg_oh_carbonate"
            )
    return ""


def available(bands: Sequence[Band]) -> tuple[tuple[Ready, ...], dict[str, str]]:
    """Return the indices that can be computed of bands, and why the others cannot, by name."""
    why = {name: missing(index, bands) for name, index in INDICES.items()}
    ready = tuple(_ready(INDICES[name], bands) for name in INDICES if not why[name])
    return ready, {name: text for name, text in why.items() if text}


def require(names: Iterable[str], bands: Sequence[Band], scene: str) -> tuple[Ready, ...]:
    """Return indices by name, in the order of the table; ``all`` is every one there can be.

    Raises
    ------
    SceneError
        If one cannot be computed of the bands; the message says what is missing.
    RecipeError
        If there is no such index.
    """
    wanted = set(names)
    if ALL in wanted:
        ready = available(bands)[0]
        if not ready:
            raise SceneError(f"{scene}: no index can be computed; {_first_reason(bands)}")
        return ready
    for name in sorted(wanted):
        why = missing(get_index(name), bands)
        if why:
            raise SceneError(f"{scene}: the index {name} cannot be computed: {why}")
    return tuple(_ready(index, bands) for name, index in INDICES.items() if name in wanted)


def _first_reason(bands: Sequence[Band]) -> str:
    return f"ndvi, for one: {missing(INDICES['ndvi'], bands)}"


def _ready(index: Index, bands: Sequence[Band]) -> Ready:
    return Ready(index, tuple(p.find(bands, index.quantities) for p in index.needs))


def stack(indices: Sequence[Ready], data: Floats) -> Floats:
    """Compute indices of bands (band, ...) as (index, ...)."""
    out: Any = np.empty((len(indices), *data.shape[1:]), np.float32)
    for plane, index in zip(out, indices, strict=True):
        plane[...] = index(data)
    return out  # type: ignore[no-any-return]
