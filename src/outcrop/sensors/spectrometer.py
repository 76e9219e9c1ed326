"""Imaging spectrometers: which of their many bands hold no ground, and how bands are told apart."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from outcrop.errors import listed
from outcrop.sensors.base import Band

#: More bands of known wavelength than this are a spectrometer's, with narrow bands in the gaps.
MANY = 40
#: Where water vapour takes all the light, in micrometres: what the L2A product of EMIT flags as no
#: good wavelengths (Green et al. 2020; bands at 1.3275-1.4318 and 1.7741-1.9598), and within it
#: the bands at 1.38 and 1.88 that no correction gets through (Gao et al. 2009).
WATER_VAPOUR_UM = ((1.325, 1.435), (1.770, 1.965))
#: The word for every band, bad ones too.
ALL = "all"


def in_water_vapour(wavelength_um: float | None) -> bool:
    """Tell whether a band lies where the air is opaque."""
    um = wavelength_um or 0.0
    return any(low <= um <= high for low, high in WATER_VAPOUR_UM)


def without_bad(
    bands: Sequence[tuple[int, Band]], flagged: Collection[int]
) -> tuple[list[tuple[int, Band]], list[str]]:
    """Leave out bands that a file flags, and a spectrometer's in the water vapour.

    Parameters
    ----------
    bands : sequence of (int, Band)
        Position in the file, and the band.
    flagged : collection of int
        Positions that the file calls bad.

    Returns
    -------
    bands : list of (int, Band)
    notes : list of str
        What was left out and why.
    """
    many = sum(band.wavelength_um is not None for _, band in bands) > MANY
    bad = [i for i, _ in bands if i in flagged]
    wet = [i for i, b in bands if i not in flagged and many and in_water_vapour(b.wavelength_um)]
    kept = [pair for pair in bands if pair[0] not in (*bad, *wet)]
    if not kept:
        return list(bands), ["every band is flagged as bad, so all are used"]
    return kept, [
        f"{len(found)} of {len(bands)} bands left out, {why}: {_ranges(found, bands)} "
        f"(--bands {ALL} keeps them)"
        for found, why in ((bad, "flagged as bad"), (wet, "in the water vapour of the air"))
        if found
    ]


def without_overlap(
    bands: Sequence[tuple[int, Band]], second: Collection[int]
) -> tuple[list[tuple[int, Band]], list[str]]:
    """Put the bands of two detectors in the order of wavelength, each up to half the overlap.

    One spectrum must not jump to and fro between two calibrations, and each detector is at
    its noisiest at its end.

    Parameters
    ----------
    bands : sequence of (int, Band)
    second : collection of int
        Positions of the second detector's, which measures the longer wavelengths.
    """
    ordered = sorted(bands, key=lambda pair: pair[1].wavelength_um or 0.0)
    first = [b.wavelength_um or 0.0 for i, b in ordered if i not in second]
    other = [b.wavelength_um or 0.0 for i, b in ordered if i in second]
    if not first or not other or min(other) > max(first):
        return ordered, []
    middle = (min(other) + max(first)) / 2
    kept = [p for p in ordered if (p[0] in second) == ((p[1].wavelength_um or 0.0) > middle)]
    double = [b for i, b in ordered if all(i != j for j, _ in kept)]
    return kept, [
        f"the detectors overlap at {min(other):.3f}-{max(first):.3f} um: the first is used up to "
        f"{middle:.3f} um and the second beyond, so {len(double)} bands are left out "
        f"(--bands {ALL} keeps them)"
    ]


def _ranges(places: Sequence[int], bands: Sequence[tuple[int, Band]]) -> str:
    """Word which bands are meant, those that lie side by side as one range."""
    groups: list[list[Band]] = []
    for before, (i, band) in zip([None, *(i for i, _ in bands)], bands, strict=False):
        if i in places and groups and before in places:
            groups[-1].append(band)
        elif i in places:
            groups.append([band])
    return listed([_place(g[0]) + (f" to {_place(g[-1])}" if len(g) > 1 else "") for g in groups])


def _place(band: Band) -> str:
    return f"{band.wavelength_um:.3f} um" if band.wavelength_um else band.name
