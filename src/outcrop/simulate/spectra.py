"""Reflectance of rocks, soils and plants, built from published absorption features.

A spectrum is a continuum, a power of the wavelength, and Gaussian absorptions that
are subtracted from its logarithm, as Beer's law has it (Clark and Roush 1984,
J. Geophys. Res. 89:6329). Nothing is copied from a spectral library: the positions
come from the papers below. A width marked C93 was measured on that public-domain library,
as full width at half depth under a straight continuum in log reflectance; the other widths
and all depths, levels and slopes are choices of ours that keep the spectra in the range
of natural surfaces.

=========  ==========================================================================
A74        Adams 1974, J. Geophys. Res. 79:4829
C90        Clark, King, Klejwa, Swayze and Vergo 1990, J. Geophys. Res. 95:12653
C93        Clark, Swayze, Gallagher, King and Calvin 1993, USGS Open-File Report 93-592
C99        Clark 1999, Spectroscopy of rocks and minerals, Manual of Remote Sensing 3
CR97       Cudahy and Ramanaidou 1997, Austral. J. Earth Sci. 44:411
CU89       Curran 1989, Remote Sens. Environ. 30:271
E90        Elvidge 1990, Int. J. Remote Sens. 11:1775
G86        Gaffey 1986, American Mineralogist 71:151
H77        Hunt 1977, Geophysics 42:501
HA79       Hunt and Ashley 1979, Economic Geology 74:1613
KC89       King and Clark 1989, J. Geophys. Res. 94:13997
SW85       Sherman and Waite 1985, American Mineralogist 70:1262
=========  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from outcrop.errors import InputError, unknown_name
from outcrop.sensors import Band

GRID_UM: NDArray[np.float64] = np.round(np.arange(0.38, 2.6001, 0.002), 3)
"""Wavelengths on which spectra are computed before a sensor sees them, in micrometres."""

_LEVEL_AT_UM = 1.6  # a shortwave-infrared window without mineral absorptions (C99)


class Absorption(NamedTuple):
    """A Gaussian in log reflectance.

    Parameters
    ----------
    centre_um, fwhm_um : float
        Position and full width at half maximum, in micrometres.
    share : float
        Depth as a share of the depth of the mineral's main feature.
    edge : bool
        Whether it keeps its full depth at all shorter wavelengths, as the
        wing of a charge-transfer band in the ultraviolet does.
    """

    centre_um: float
    fwhm_um: float
    share: float = 1.0
    edge: bool = False


ABSORBERS: dict[str, tuple[Absorption, ...]] = {
    "hematite": (
        Absorption(0.535, 0.110, edge=True),  # Fe3+ pair transition and charge transfer: SW85
        Absorption(0.650, 0.060, 0.06),  # Fe3+ 6A1-4T2: SW85, width C93
        Absorption(0.865, 0.170, 0.45),  # Fe3+ 6A1-4T1: CR97, width C93
    ),
    "goethite": (
        Absorption(0.480, 0.150, edge=True),  # Fe3+ pair transition and charge transfer: SW85
        Absorption(0.660, 0.065, 0.08),  # Fe3+ 6A1-4T2: SW85, width C93
        Absorption(0.920, 0.260, 0.45),  # Fe3+ 6A1-4T1: CR97, width C93
    ),
    "pyroxene": (
        Absorption(1.020, 0.190),  # Fe2+ in M2 of augite: A74, width C93
        Absorption(2.250, 0.500, 0.6),  # the second Fe2+ band of clinopyroxene: A74
    ),
    "amphibole": (
        Absorption(1.030, 0.200),  # Fe2+: H77, width C93
        Absorption(2.315, 0.040, 0.8),  # Mg-OH: C90, width C93
    ),
    "white mica": (
        Absorption(2.200, 0.040),  # Al-OH: C90, width C93
        Absorption(2.350, 0.040, 0.4),  # the weaker Al-OH band: C90
    ),
    "kaolinite": (
        Absorption(2.205, 0.045),  # Al-OH, stronger of the doublet: C90, width C93
        Absorption(2.165, 0.030, 0.5),  # its shoulder: C90
    ),
    "smectite": (Absorption(2.208, 0.035),),  # Al-OH of montmorillonite: C90, width C93
    "calcite": (Absorption(2.340, 0.080),),  # CO3: G86, width C93
    "dolomite": (Absorption(2.320, 0.080),),  # CO3: G86, width C93
    "chlorite": (
        Absorption(2.330, 0.100),  # Mg-OH: KC89, width C93
        Absorption(2.255, 0.040, 0.35),  # Fe-OH: KC89
    ),
    "alunite": (
        Absorption(2.170, 0.060),  # Al-OH: HA79, C90
        Absorption(1.765, 0.040, 0.4),  # OH: HA79, C90
    ),
    "gypsum": (
        Absorption(1.750, 0.060, 0.8),  # H2O: H77, C90
        Absorption(2.215, 0.080),  # H2O: H77, C90
        Absorption(2.950, 1.000, 1.2),  # wing of the H2O fundamentals: H77
    ),
    "epidote": (
        Absorption(2.340, 0.060),  # Fe-OH: C90
        Absorption(2.256, 0.040, 0.4),  # Fe-OH: C90
        Absorption(1.050, 0.220, 0.3),  # Fe3+: H77
    ),
    "jarosite": (
        Absorption(0.430, 0.100, edge=True),  # Fe3+: HA79, C90
        Absorption(0.915, 0.200, 0.5),  # Fe3+: HA79, C90
        Absorption(2.265, 0.040, 0.35),  # Fe-OH: C90
    ),
    "hydration": (Absorption(2.950, 1.000),),  # wing of the H2O fundamentals: H77, C99
    "chlorophyll": (
        Absorption(0.460, 0.110),  # pigments in the blue: CU89
        Absorption(0.660, 0.090),  # chlorophyll a and b in the red: CU89
        Absorption(0.560, 0.200, 0.55),  # what the two leave of the green peak: CU89
    ),
    "leaf water": (
        Absorption(0.970, 0.060, 0.08),  # CU89
        Absorption(1.200, 0.080, 0.15),  # CU89
        Absorption(1.450, 0.200, 1.0),  # CU89
        Absorption(1.940, 0.220, 1.4),  # CU89
        Absorption(2.950, 1.300, 1.7),  # wing of the fundamentals: CU89
    ),
    "lignin and cellulose": (
        Absorption(0.400, 0.500, 4.0, edge=True),  # the slope from red into the blue: E90
        Absorption(1.730, 0.100, 0.4),  # E90, width C93
        Absorption(2.100, 0.080),  # E90, width C93
        Absorption(2.300, 0.090, 0.9),  # E90, width C93
    ),
}
"""Minerals and plant matter by name, each with its absorptions."""

GROUPS: dict[str, tuple[str, ...]] = {
    "ferric": ("hematite", "goethite", "jarosite"),
    "mafic": ("pyroxene", "amphibole", "chlorite", "epidote"),
    "clay": ("white mica", "kaolinite", "smectite", "alunite"),
    "carbonate": ("calcite", "dolomite"),
    "hydration": ("hydration", "gypsum"),
}
"""Minerals whose abundance varies together inside a unit."""


@dataclass(frozen=True)
class Lithology:
    """A rock or a cover: what it reflects and how it weathers.

    Parameters
    ----------
    name : str
        As a legend would have it.
    level : float
        Reflectance of the continuum at 1.6 um, 0-1.
    slope : float
        Exponent of the continuum: reflectance rises as wavelength ** slope.
    hardness : float
        Resistance to erosion, 0 (alluvium) to 1 (quartzite).
    depths : mapping of str to float
        Depth of the main feature of each absorber, in log reflectance.
    """

    name: str
    level: float
    slope: float
    hardness: float
    depths: dict[str, float] = field(default_factory=dict)


_TABLE: tuple[Lithology, ...] = (
    # Which minerals a rock holds is textbook petrography. That iron oxides and clays colour
    # the surface of rocks that hold little of either is what HA79 and H77 find.
    # Levels, slopes, depths and hardness are choices, and some pairs are alike on purpose.
    Lithology("quartz sandstone", 0.46, 0.40, 0.90, {"hematite": 0.30, "kaolinite": 0.08}),
    Lithology(
        "colluvium", 0.34, 0.28, 0.20, {"goethite": 0.45, "hematite": 0.25, "white mica": 0.12}
    ),
    Lithology("red sandstone", 0.36, 0.38, 0.75, {"hematite": 1.00, "kaolinite": 0.12}),
    Lithology(
        "siltstone", 0.30, 0.32, 0.35, {"hematite": 0.50, "white mica": 0.16, "hydration": 0.20}
    ),
    Lithology(
        "alluvium",
        0.44,
        0.42,
        0.00,
        {"hematite": 0.30, "goethite": 0.25, "smectite": 0.14, "hydration": 0.40},
    ),
    Lithology("basalt", 0.16, 0.15, 0.60, {"pyroxene": 0.15, "goethite": 0.15}),
    Lithology(
        "limestone", 0.45, 0.25, 0.70, {"calcite": 0.30, "goethite": 0.20, "hydration": 0.15}
    ),
    Lithology("kaolinised granite", 0.47, 0.35, 0.50, {"kaolinite": 0.28, "hematite": 0.20}),
    Lithology("feldspathic sandstone", 0.37, 0.42, 0.65, {"hematite": 0.55, "white mica": 0.10}),
    Lithology("sand plain", 0.49, 0.60, 0.10, {"hematite": 0.85, "kaolinite": 0.06}),
    Lithology(
        "ferricrete", 0.27, 0.45, 0.60, {"goethite": 0.90, "hematite": 0.35, "kaolinite": 0.10}
    ),
    Lithology("dolomite", 0.38, 0.20, 0.75, {"dolomite": 0.28, "goethite": 0.25}),
    Lithology("mica schist", 0.29, 0.20, 0.45, {"white mica": 0.25, "goethite": 0.25}),
    Lithology("black shale", 0.16, 0.15, 0.20, {"white mica": 0.06, "hydration": 0.10}),
    Lithology(
        "andesite", 0.21, 0.10, 0.60, {"chlorite": 0.14, "amphibole": 0.08, "hematite": 0.15}
    ),
    Lithology("calcrete", 0.50, 0.40, 0.25, {"calcite": 0.15, "smectite": 0.06, "hematite": 0.25}),
    Lithology("rhyolite", 0.36, 0.28, 0.70, {"hematite": 0.30, "white mica": 0.06}),
    Lithology("marl", 0.40, 0.30, 0.25, {"calcite": 0.14, "smectite": 0.12, "hydration": 0.25}),
    Lithology("chlorite schist", 0.22, 0.05, 0.45, {"chlorite": 0.28, "amphibole": 0.06}),
    Lithology("gabbro", 0.13, 0.05, 0.65, {"pyroxene": 0.30, "chlorite": 0.05}),
)
LITHOLOGIES: dict[str, Lithology] = {rock.name: rock for rock in _TABLE}
"""Rocks and covers by name; the codes of a given map count them in this order."""

DUST = Lithology("dust", 0.42, 0.45, 0.0, {"hematite": 0.45, "goethite": 0.15, "hydration": 0.1})
GREEN = Lithology("green plants", 0.50, 0.05, 0.0, {"chlorophyll": 1.8, "leaf water": 0.60})
DRY = Lithology("dry grass", 0.42, 0.10, 0.0, {"lignin and cellulose": 0.16, "hydration": 0.40})


def find_lithologies(names: Sequence[str | Lithology]) -> tuple[Lithology, ...]:
    """Look lithologies up by name; records pass through.

    Raises
    ------
    InputError
        If a name is not in the table.
    """
    for name in names:
        if isinstance(name, str) and name not in LITHOLOGIES:
            raise InputError(unknown_name("lithology", name, LITHOLOGIES))
    return tuple(LITHOLOGIES[n] if isinstance(n, str) else n for n in names)


def log_spectrum(
    rock: Lithology,
    wavelength_um: NDArray[np.float64] = GRID_UM,
    scale: dict[str, float] | None = None,
) -> NDArray[np.float64]:
    """Natural logarithm of a lithology's reflectance.

    Parameters
    ----------
    rock : Lithology
        The rock, soil or plant.
    wavelength_um : array, shape (n,)
        Wavelengths in micrometres.
    scale : mapping of str to float, optional
        Factors on the depths of some absorbers.

    Returns
    -------
    array, shape (n,)
    """
    total = np.log(rock.level) + rock.slope * np.log(wavelength_um / _LEVEL_AT_UM)
    for name, depth in rock.depths.items():
        factor = (scale or {}).get(name, 1.0)
        for line in ABSORBERS[name]:
            offset = (wavelength_um - line.centre_um) / line.fwhm_um
            if line.edge:
                offset = np.maximum(offset, 0.0)
            total = total - factor * depth * line.share * np.exp(-4.0 * np.log(2.0) * offset**2)
    return np.asarray(total)


def band_response(bands: Sequence[Band]) -> NDArray[np.float64]:
    """Gaussian responses of bands on `GRID_UM`, each of sum 1.

    Returns
    -------
    array, shape (band, wavelength)

    Raises
    ------
    InputError
        If a band has no wavelength or width, or lies outside reflected sunlight.
    """
    rows = []
    for band in bands:
        centre, width = band.wavelength_um, band.fwhm_um
        if centre is None or width is None:
            raise InputError(f"band {band.name!r} has no wavelength and width; give both")
        if not GRID_UM[0] <= centre <= GRID_UM[-1] - width / 2:
            raise InputError(
                f"band {band.name!r} at {centre:g} um is outside the sunlight simulated, "
                f"{GRID_UM[0]:g}-{GRID_UM[-1]:g} um; leave it out"
            )
        rows.append(np.exp(-4.0 * np.log(2.0) * ((GRID_UM - centre) / width) ** 2))
    weights = np.array(rows)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def band_reflectance(rocks: Sequence[Lithology], bands: Sequence[Band]) -> NDArray[np.float32]:
    """Mean reflectance of lithologies in bands.

    Returns
    -------
    array, shape (rock, band)
    """
    spectra = np.exp([log_spectrum(rock) for rock in rocks])
    return np.asarray(spectra @ band_response(bands).T, dtype=np.float32)


def group_sensitivity(rocks: Sequence[Lithology], bands: Sequence[Band]) -> NDArray[np.float32]:
    """Change of log band reflectance as the minerals of a group become twice as abundant.

    Returns
    -------
    array, shape (rock, band, group)
        Negative where the group absorbs; groups in the order of `GROUPS`.
    """
    response = band_response(bands).T
    plain = np.log(np.exp([log_spectrum(rock) for rock in rocks]) @ response)
    steps = []
    for minerals in GROUPS.values():
        # A small step and not a doubling: the response is wanted around the mean.
        more = dict.fromkeys(minerals, 1.25)
        richer = np.exp([log_spectrum(rock, scale=more) for rock in rocks]) @ response
        steps.append((np.log(richer) - plain) / 0.25)
    return np.stack(steps, axis=-1).astype(np.float32)
