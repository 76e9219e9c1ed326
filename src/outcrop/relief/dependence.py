"""How much units and the light, or units and where slopes face, tell of each other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.information import entropy

Codes = NDArray[np.int64]

#: Classes of equal size that the cosine of incidence is cut into.
CLASSES = 16
#: Sectors of the compass.
SECTORS = 8
#: Cosine of the slope (5 degrees) above which ground faces nowhere.
SLOPING = math.cos(math.radians(5))
#: Pixels under which nothing is said.
FEWEST = 1000


def bits(codes: Codes) -> float:
    """Entropy in bits, with Miller's (1955) correction for the size of the sample."""
    counts = np.unique(codes, return_counts=True)[1]
    return (entropy(counts) + (len(counts) - 1) / (2 * len(codes))) / math.log(2)


def mutual_information(a: Codes, b: Codes) -> float:
    """Mutual information of two labellings in bits, 0 at least.

    Each entropy has Miller's correction, so that labellings that have nothing to do with each
    other come out at 0 on average instead of the more the fewer the pixels.
    """
    if not len(a):
        return 0.0
    pairs = a * (int(b.max(initial=0)) + 1) + b
    return max(bits(a) + bits(b) - bits(pairs), 0.0)


def light_classes(incidence: NDArray[np.float32]) -> Codes:
    """Cut cosines of incidence into `CLASSES` of equal size."""
    edges = np.quantile(incidence, np.arange(1, CLASSES) / CLASSES)
    return np.searchsorted(edges, incidence).astype(np.int64)


def measure(
    units: NDArray[np.integer[Any]], light: NDArray[np.float32], azimuth: float
) -> dict[str, float] | None:
    """Measure how units depend on the light and on where slopes face.

    Parameters
    ----------
    units : ndarray of int, shape (n,)
    light : ndarray of float32, shape (n, 3)
        Cosine of incidence, cosine of slope, aspect, as `Light.at` gives them.
    azimuth : float
        Of the sun, in degrees.

    Returns
    -------
    dict or None
        ``illumination``: mutual information of units and cosine of incidence, in bits.
        ``entropy``: of the units. ``illumination_share``: the one as a share of the other.
        ``aspect_share``: the same for the sector of the compass that slopes of more than 5
        degrees face. ``across_share``: the same for the side of the sun's azimuth that they
        face, among slopes of the same incidence: both sides get the same light, so that it is
        nothing the light does. ``pixels``: how many were looked at. None with too few to say.
    """
    known = np.isfinite(light).all(axis=1) & (light[:, 0] > 0)
    sloping = known & (light[:, 1] < SLOPING)
    if sloping.sum() < FEWEST:
        return None
    codes = np.unique(units, return_inverse=True)[1].astype(np.int64)
    total = bits(codes[known])
    shared = mutual_information(codes[known], light_classes(light[known, 0]))
    on = codes[sloping]
    held = max(bits(on), 1e-9)
    return {
        "pixels": int(known.sum()),
        "illumination": shared,
        "entropy": total,
        "illumination_share": shared / max(total, 1e-9),
        "aspect_share": mutual_information(on, _sectors(light[sloping, 2])) / held,
        "across_share": _across(on, light[sloping], azimuth) / held,
    }


def _sectors(aspect: NDArray[np.float32]) -> Codes:
    return np.asarray(np.floor(aspect / (2 * np.pi) * SECTORS + 0.5) % SECTORS, np.int64)


def _across(units: Codes, light: NDArray[np.float32], azimuth: float) -> float:
    """Mutual information of units and side, given the class of incidence, in bits."""
    side = (np.sin(light[:, 2] - math.radians(azimuth)) > 0).astype(np.int64)
    classes = light_classes(light[:, 0])
    parts = [classes == k for k in range(CLASSES)]
    return float(sum(p.mean() * mutual_information(units[p], side[p]) for p in parts))
