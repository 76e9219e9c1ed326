"""Absorption features: what is left of a spectrum when its continuum is divided out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Micrometres between neighbouring bands above which features are not told.
SPACING_UM = 0.020
#: Least depth of a feature, and how many times the roughness of the spectrum it must be.
DEPTH, ROUGHNESS = 0.02, 4.0
#: Bands that a feature is made of at least.
WIDTH = 3
#: Bands that a continuum is laid over at least.
SEGMENT = 8


class Window(NamedTuple):
    """Where the lowest point of a feature lies, and what such a feature is consistent with."""

    low_um: float
    high_um: float
    what: str


# Positions: Curran 1989, Remote Sens. Environ. 30:271 (plants); Sherman and Waite 1985, American
# Mineralogist 70:1262, and Cudahy and Ramanaidou 1997, Austral. J. Earth Sci. 44:411 (Fe3+);
# Adams 1974, J. Geophys. Res. 79:4829 (Fe2+); Elvidge 1990, Int. J. Remote Sens. 11:1775
# (cellulose); Clark et al. 1990, J. Geophys. Res. 95:12653 (OH); Gaffey 1986, American
# Mineralogist 71:151 (CO3). That a window is entered proves none of them.
WINDOWS = (
    Window(0.640, 0.700, "chlorophyll"),
    Window(0.840, 0.950, "ferric iron (as in haematite and goethite)"),
    Window(0.950, 0.995, "water in leaves"),
    Window(0.995, 1.120, "ferrous iron (as in pyroxene and amphibole)"),
    Window(1.150, 1.240, "water in leaves"),
    Window(2.070, 2.130, "cellulose of dry plants"),
    Window(2.155, 2.225, "Al-OH (as in white mica, smectite and kaolinite)"),
    Window(2.235, 2.275, "Fe-OH (as in chlorite and biotite)"),
    Window(
        2.290, 2.365,
        "Mg-OH or carbonate (as in chlorite, amphibole, dolomite and calcite), with Al-OH near "
        "2.35 and dry plants near 2.30",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Feature:
    """An absorption.

    Parameters
    ----------
    centre_um : float
        Where it is deepest, from a parabola through its lowest bands.
    depth : float
        One less the spectrum over its continuum there, 0-1.
    what : str
        What an absorption there is consistent with.
    """

    centre_um: float
    depth: float
    what: str

    def __str__(self) -> str:
        return (
            f"{self.centre_um:.2f} µm absorption, {self.depth:.0%} deep, consistent with "
            f"{self.what}"
        )


def segments(wavelengths_um: Floats) -> list[slice]:
    """Return the runs of rising wavelengths no two neighbours of which are too far apart."""
    cuts = np.flatnonzero(np.diff(wavelengths_um) > SPACING_UM * (1 + 1e-6)) + 1
    edges = [0, *cuts.tolist(), len(wavelengths_um)]
    runs = [slice(a, b) for a, b in pairwise(edges)]
    return [run for run in runs if run.stop - run.start >= SEGMENT]


def continuum(wavelengths_um: Floats, reflectance: Floats) -> Floats:
    """Return the convex hull over a spectrum: straight lines between the tops it rests on.

    References
    ----------
    Clark and Roush (1984), J. Geophys. Res. 89:6329.
    """
    tops: list[int] = []
    for i in range(len(wavelengths_um)):
        while len(tops) > 1 and _is_below(tops[-2], tops[-1], i, wavelengths_um, reflectance):
            tops.pop()
        tops.append(i)
    hull: Floats = np.interp(wavelengths_um, wavelengths_um[tops], reflectance[tops])
    return hull


def _is_below(a: int, b: int, c: int, x: Floats, y: Floats) -> bool:
    """Tell whether the point b lies on or below the line from a to c."""
    return bool((y[b] - y[a]) * (x[c] - x[a]) <= (y[c] - y[a]) * (x[b] - x[a]))


def find_features(wavelengths_um: Floats, reflectance: Floats) -> list[Feature]:
    """Find the absorptions of a spectrum in the `WINDOWS`, the deepest of each.

    Parameters
    ----------
    wavelengths_um : ndarray, shape (bands,)
        Rising.
    reflectance : ndarray, shape (bands,)
        Finite and positive; bands are left out where it is not.

    Returns
    -------
    list of Feature
        By wavelength; empty where neighbouring bands are more than `SPACING_UM` apart.
    """
    good = np.isfinite(reflectance) & (reflectance > 0)
    x, y = wavelengths_um[good], reflectance[good]
    found: list[Feature] = []
    for run in segments(x):
        depth = 1 - y[run] / continuum(x[run], y[run])
        least = max(DEPTH, ROUGHNESS * _roughness(depth))
        for window in WINDOWS:
            found += _deepest(x[run], depth, window, least)
    return sorted(found, key=lambda feature: feature.centre_um)


def _roughness(depth: Floats) -> float:
    """Return the noise of a curve from its second differences, which shape hardly enters."""
    second = depth[2:] - 2 * depth[1:-1] + depth[:-2]
    # 1.4826: median absolute value to standard deviation of a Gaussian; 6 = 1 + 4 + 1.
    return float(1.4826 * np.median(np.abs(second)) / 6**0.5)


def _deepest(x: Floats, depth: Floats, window: Window, least: float) -> list[Feature]:
    """Return the deepest local maximum of depth in a window, if it is deep and wide enough."""
    inner = np.arange(1, len(x) - 1)
    peaks = inner[
        (depth[inner] >= depth[inner - 1]) & (depth[inner] >= depth[inner + 1])
        & (x[inner] >= window.low_um) & (x[inner] <= window.high_um) & (depth[inner] >= least)
    ]  # fmt: skip
    if not len(peaks):
        return []
    top = int(peaks[np.argmax(depth[peaks])])
    above = depth >= depth[top] / 2
    left = top - int(np.argmin(above[top::-1])) if not above[: top + 1].all() else -1
    right = top + int(np.argmin(above[top:])) if not above[top:].all() else len(x)
    if right - left - 1 < WIDTH:
        return []
    return [Feature(_vertex(x[top - 1 : top + 2], depth[top - 1 : top + 2]), float(depth[top]),
                    window.what)]  # fmt: skip


def _vertex(x: Floats, y: Floats) -> float:
    """Return where the parabola through three points turns."""
    a, b, _ = np.polyfit(x - x[1], y, 2)
    return float(x[1] if a >= 0 else np.clip(x[1] - b / (2 * a), x[0], x[2]))
