"""The table of indices. A new one is an entry, and a formula where none of these does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.indices.places import (
    A5,
    A6,
    A7,
    A8,
    A9,
    A10,
    A11,
    A12,
    A13,
    A14,
    BLUE,
    GREEN,
    NIR,
    R2020,
    R2100,
    R2200,
    RED,
    SWIR1,
    SWIR2,
    Place,
)  # fmt: skip

Floats = NDArray[np.float32]


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
        Only where no more than one band lies in `places.SWIR2_RANGE`: two tell more.
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
