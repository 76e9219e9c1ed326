"""Colours of units: similar spectra, similar hues, and still told apart by every reader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# What is searched: lightness and chroma that print well and leave black linework and text
# readable on top, as on a geological map.
LIGHTNESS = np.linspace(0.5, 0.95, 16)
CHROMA = np.array([0.035, 0.06, 0.085, 0.11])
#: Degrees that a hue may move from its place in the walk.
SWAY = np.array([0.0, -8.0, 8.0, -16.0, 16.0])
#: The walk leaves a gap, so that its two ends, the least alike, do not meet.
WALK = (20.0, 330.0)
#: Rounds of moving every colour; few where units are too many to be told apart anyway.
SWEEPS, FEW_SWEEPS, MANY_UNITS = 12, 2, 60

# Ottosson (2020), "A perceptual color space for image processing": linear sRGB -> LMS,
# and the cube roots of LMS -> OKLab.
TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
# Machado, Oliveira & Fernandes (2009), IEEE TVCG 15(6): linear sRGB as seen without the
# middle-wave (deuteranopia) and long-wave (protanopia) cones, severity 1.0.
VISIONS = {
    "normal": np.eye(3),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
}


def unit_colours(means: NDArray[np.floating[Any]]) -> list[str]:
    """Choose a colour for each unit from the mean spectra alone.

    Units are put in a row so that neighbours are alike (optimal leaf ordering of the
    standardised spectra), and the row is a walk around the hues with wider steps between
    units that differ more. Lightness follows the brightness of the rock as far as contrast
    allows: lightness, chroma and a little hue are then moved until no two colours are close
    in normal, deuteranopic or protanopic sight.

    Parameters
    ----------
    means : ndarray of float, shape (units, bands)
        Mean spectrum of each unit, finite.

    Returns
    -------
    list of str
        ``"#rrggbb"`` for each unit, no two the same. A permutation of the units permutes
        the colours with them.

    References
    ----------
    Bar-Joseph, Gifford & Jaakkola (2001), Bioinformatics 17: optimal leaf ordering.
    Ottosson (2020): OKLab. Machado et al. (2009): sight without one kind of cone.
    """
    spectra = np.asarray(means, np.float64)
    if len(spectra) == 0:
        return []
    canonical = np.lexsort((*spectra.T[::-1], spectra.mean(axis=1)))
    spectra = spectra[canonical]
    hues = _hues(_standardised(spectra))
    lightness = np.interp(np.arange(len(spectra)), [0, max(1, len(spectra) - 1)], [0.6, 0.9])
    chosen = _spread(hues, lightness)
    colours = [""] * len(spectra)
    for unit, colour in zip(canonical, chosen, strict=True):
        colours[unit] = colour
    return colours


def further_colours(taken: Sequence[str], count: int) -> list[str]:
    """Choose colours that stand apart from those taken, for units new to a legend.

    Parameters
    ----------
    taken : sequence of str
        ``"#rrggbb"`` each.
    count : int
        How many to add.

    Returns
    -------
    list of str
        ``"#rrggbb"`` for each, farthest first from all before it.
    """
    candidates = _gamut(np.arange(0.0, 360.0, 12.0))
    seen = seen_as(candidates)
    nearest = np.full(len(candidates), 2.0)
    added: list[str] = []
    for colour in [*taken, *[None] * count]:
        if colour is None:
            best = int(np.argmax(nearest))
            colour = to_hex(candidates[best])
            added.append(colour)
        nearest = np.minimum(nearest, _apart(seen_as(rgb_of([colour])), seen)[0])
    return added


def contrast(colours: Sequence[str], vision: str = "normal") -> float:
    """Return the least OKLab distance between any two colours (about 0.02 is just visible).

    Parameters
    ----------
    colours : sequence of str
        ``"#rrggbb"`` each, two or more.
    vision : str
        ``"normal"``, ``"deuteranopia"`` or ``"protanopia"``.
    """
    lab = oklab(rgb_of(colours), vision)
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
    return float(apart[np.triu_indices(len(lab), 1)].min())


def rgb_of(colours: Sequence[str]) -> Floats:
    """Return ``"#rrggbb"`` as sRGB from 0 to 1, shape (colours, 3)."""
    values = [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours]
    return np.array(values, np.float64).reshape(-1, 3) / 255


def to_hex(rgb: Floats) -> str:
    """Return sRGB from 0 to 1, shape (3,), as ``"#rrggbb"``."""
    red, green, blue = (int(v) for v in np.rint(np.clip(rgb, 0, 1) * 255))
    return f"#{red:02x}{green:02x}{blue:02x}"


def oklab(rgb: Floats, vision: str = "normal") -> Floats:
    """Return sRGB (…, 3) from 0 to 1 as OKLab, as a reader with that vision sees it."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ VISIONS[vision].T, 0, 1)
    lab: Floats = np.cbrt(seen @ TO_LMS.T) @ TO_LAB.T
    return lab


def seen_as(rgb: Floats) -> Floats:
    """Return OKLab under every vision, shape (visions, colours, 3)."""
    return np.stack([oklab(rgb, vision) for vision in VISIONS])


def _apart(some: Floats, others: Floats) -> Floats:
    """Return the least distance over visions of (visions, n, 3) to (visions, m, 3): (n, m)."""
    square = np.zeros((len(some), some.shape[1], others.shape[1]))
    for axis in range(some.shape[2]):
        square += (some[:, :, None, axis] - others[:, None, :, axis]) ** 2
    distance: Floats = np.sqrt(square.min(axis=0))
    return distance


def _standardised(spectra: Floats) -> Floats:
    """Return bands with mean 0 and deviation 1 over the units; a constant band stays 0."""
    centred = spectra - spectra.mean(axis=0)
    spread = centred.std(axis=0)
    varies = spread > 1e-12 * (np.abs(spectra).max() + 1e-300)
    scaled: Floats = centred / np.where(varies, spread, np.inf)
    return scaled


def _hues(spectra: Floats) -> Floats:
    """Return a hue in degrees for each unit: alike units near each other on the walk."""
    from scipy.cluster.hierarchy import leaves_list, linkage

    count = len(spectra)
    if count < 3:
        return np.array([60.0, 250.0])[:count]
    order = leaves_list(linkage(spectra, "average", optimal_ordering=True))
    # The row has two directions; the brighter end takes the warm hues.
    brightness = spectra[order].mean(axis=1)
    if np.polyfit(np.arange(count), brightness, 1)[0] > 0:
        order = order[::-1]
    steps = np.linalg.norm(np.diff(spectra[order], axis=0), axis=1)
    # Half by likeness, half even: a pair that is nearly one still gets a step of its own.
    steps = 0.5 * steps / max(steps.sum(), 1e-300) + 0.5 / (count - 1)
    along = np.concatenate([[0], np.cumsum(steps)]) / steps.sum()
    hues = np.empty(count)
    hues[order] = WALK[0] + (WALK[1] - WALK[0]) * along
    return hues


def _gamut(hues: Floats) -> Floats:
    """Return the sRGB colours of these hues that a screen can show, shape (n, 3)."""
    lightness, chroma, hue = (
        a.ravel() for a in np.meshgrid(LIGHTNESS, CHROMA, np.radians(hues), indexing="ij")
    )
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1)
    linear = (lab @ np.linalg.inv(TO_LAB).T) ** 3 @ np.linalg.inv(TO_LMS).T
    linear = linear[((linear >= 0) & (linear <= 1)).all(axis=1)]
    rgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    shown: Floats = np.rint(rgb * 255) / 255
    return shown


def _spread(hues: Floats, lightness: Floats) -> list[str]:
    """Move colours about their places until no two are close; the same every time."""
    choices = [_gamut(hue + SWAY) for hue in hues]
    seen = [seen_as(rgb) for rgb in choices]
    # What it costs to leave the lightness of the rock, next to what closeness costs.
    leaving = [
        0.6 * (lab[0, :, 0] - wanted) ** 2 for lab, wanted in zip(seen, lightness, strict=True)
    ]
    picked = [int(np.argmin(cost)) for cost in leaving]
    current = np.stack([lab[:, i] for lab, i in zip(seen, picked, strict=True)], axis=1)
    near = 0.35 / len(hues) ** 0.5
    for _ in range(SWEEPS if len(hues) <= MANY_UNITS else FEW_SWEEPS):
        before = list(picked)
        for unit in range(len(hues)):
            others = np.delete(current, unit, axis=1)
            distance = np.maximum(_apart(seen[unit], others), 1e-4)
            cost = leaving[unit] + 0.02 * ((near / distance) ** 6).sum(axis=1)
            picked[unit] = int(np.argmin(cost))
            current[:, unit] = seen[unit][:, picked[unit]]
        if picked == before:
            break
    return [to_hex(rgb[i]) for rgb, i in zip(choices, picked, strict=True)]
