"""A made-up geological map: folded and faulted strata, an intrusion, alluvium.

Strata are level surfaces of one function of the ground, the height in the section, as in
Lajaunie, Courrioux and Manuel 1997 (Mathematical Geology 29:571); folds shape it, faults
displace it, and what is younger overprints what is older (as in the event histories of
Jessell and Valenta 1996, Noddy).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from outcrop.simulate.spectra import LITHOLOGIES, Lithology
from outcrop.simulate.terrain import (
    ROUGHNESS,
    Field,
    Terrain,
    carve,
    fractal_noise,
    standardised,
)

Labels = NDArray[np.intp]

STRATA = (
    "quartz sandstone",
    "siltstone",
    "limestone",
    "red sandstone",
    "black shale",
    "mica schist",
    "feldspathic sandstone",
    "dolomite",
    "basalt",
    "marl",
    "ferricrete",
    "rhyolite",
    "andesite",
)
"""Lithologies of the strata, in the order in which a map with more units takes them."""

INTRUSION, COVER = "kaolinised granite", "alluvium"
MOST_UNITS = len(STRATA) + 2
RIDGE_FOOT_M = 100.0
"""How far the foot of a ridge reaches into softer rock."""


class GeologicalMap(NamedTuple):
    """A map and the ground under it.

    Parameters
    ----------
    labels : array, shape (y, x)
        Unit of each pixel, from 0: strata from the bottom up, then the
        intrusion, then the alluvium.
    rocks : tuple of Lithology
        One per unit.
    bedding : array, shape (y, x)
        Height in the section, for texture along the beds; 0 where there is none.
    terrain : Terrain
        Relief and drainage.
    """

    labels: Labels
    rocks: tuple[Lithology, ...]
    bedding: Field
    terrain: Terrain


def _plane(shape: tuple[int, int]) -> tuple[Field, Field]:
    """Coordinates of pixels to the right and down, in units of the shorter side."""
    down, right = np.indices(shape, dtype=np.float32) / np.float32(min(shape))
    return right, down


def _faulted(
    rng: np.random.Generator, x: Field, y: Field, strike: float, bend: Field
) -> tuple[Field, Field, Field]:
    """Displace the ground back along faults; the third field is what they raised it by."""
    raised = np.zeros_like(x)
    # A thrust runs along the folds and lifts; two tear faults cross them and shift.
    plans = ((0.1, 0.0, rng.uniform(0.8, 1.3)), (1.25, 0.12, 0.1), (1.8, -0.09, 0.2))
    for turn, slip, throw in plans:
        angle = strike + turn + rng.uniform(-0.15, 0.15)
        along = np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)
        at = rng.uniform(0.25, 0.75, 2) * (float(x.max()), float(y.max()))
        side = (y - at[1]) * along[0] - (x - at[0]) * along[1] + 0.05 * bend
        beyond = (side > 0).astype(np.float32)
        x, y = x - slip * along[0] * beyond, y - slip * along[1] * beyond
        raised += np.float32(throw) * beyond
    return x, y, raised


def _folded(rng: np.random.Generator, u: Field, v: Field) -> Field:
    """Height of a bed over the ground: folds across `v` that plunge along `u`."""
    length = rng.uniform(0.42, 0.6)
    phase, swell = rng.uniform(0, 2 * np.pi, 2)
    turn = 2 * np.pi * v / length + phase
    # Steep on one side, as folds in front of a thrust are.
    turn = turn + 0.45 * np.sin(turn)
    height = (1.0 + 0.45 * np.sin(2 * np.pi * u / 1.5 + swell)) * np.cos(turn)
    height += 0.22 * np.cos(2.7 * turn + rng.uniform(0, 2 * np.pi))
    return np.asarray(height + 1.1 * u + 0.5 * v, dtype=np.float32)


def _section(rng: np.random.Generator, strata: int) -> tuple[Labels, NDArray[np.float64]]:
    """Beds from the bottom up: the unit of each and its share of the ground.

    Some units come back as thin members between others.
    """
    order = rng.permutation(strata)
    beds = list(order)
    for unit in rng.permutation(order)[: strata // 2]:
        spots = [i for i in range(1, len(beds)) if unit not in (beds[i - 1], beds[i])]
        if spots:
            beds.insert(int(rng.choice(spots)), unit)
    units = np.array(beds, dtype=np.intp)
    first = np.zeros(units.size, dtype=bool)
    first[np.unique(units, return_index=True)[1]] = True
    share = np.where(first, rng.uniform(0.6, 1.6, units.size), rng.uniform(0.15, 0.3, units.size))
    return units, share / share.sum()


def _strata(
    rng: np.random.Generator, shape: tuple[int, int], strata: int, ground: Field
) -> tuple[Labels, Field]:
    """Units of the strata at the ground, and the height in the section, 0-1."""
    x, y = _plane(shape)
    strike = rng.uniform(-0.9, -0.3)
    bend = fractal_noise(rng, shape, 0.6 * min(shape), 4.5)
    x, y, raised = _faulted(rng, x, y, strike, bend)
    u = x * np.cos(strike) + y * np.sin(strike)
    v = y * np.cos(strike) - x * np.sin(strike) + 0.035 * bend
    # Valleys cut down into older beds: contacts wander with the relief.
    height = _folded(rng, u, v) + raised + 0.15 * ground
    rank = np.empty(height.size, dtype=np.float32)
    rank[np.argsort(height, axis=None)] = np.linspace(0, 1, height.size, dtype=np.float32)
    rank = rank.reshape(shape)
    units, share = _section(rng, strata)
    bed = np.searchsorted(np.cumsum(share)[:-1], rank)
    return units[bed], rank


def _intruded(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels of an intrusion and the dykes around it."""
    x, y = _plane(shape)
    size = np.array([float(x.max()), float(y.max())])
    centre = rng.uniform(0.25, 0.75, 2) * size
    ragged = fractal_noise(rng, shape, 0.3 * min(shape), 3.9)
    angle = rng.uniform(0, np.pi)
    dx, dy = x - centre[0], y - centre[1]
    a = dx * np.cos(angle) + dy * np.sin(angle)
    b = dy * np.cos(angle) - dx * np.sin(angle)
    inside = np.hypot(a / 1.35, b) < 0.135 + 0.028 * ragged
    for _ in range(2):
        angle += rng.uniform(0.7, 1.2)
        a = dx * np.cos(angle) + dy * np.sin(angle)
        b = dy * np.cos(angle) - dx * np.sin(angle) + 0.012 * ragged
        half = max(0.005, 0.6 / min(shape))
        inside |= (np.abs(b) < half) & (a > 0) & (a < rng.uniform(0.35, 0.6))
    return np.asarray(inside)


def _alluvial(rng: np.random.Generator, catchment: Field) -> NDArray[np.bool_]:
    """Pixels of the fill along streams, wider the more ground they drain."""
    shape = (catchment.shape[0], catchment.shape[1])
    uneven = fractal_noise(rng, shape, 0.1 * min(shape), 3.4)
    wide = min(shape) * np.clip(1.0 + 0.45 * uneven, 0.2, 2.5)
    fill = np.zeros(shape, dtype=bool)
    for share in np.geomspace(0.003, 0.3, 14):
        stream = catchment > share * catchment.size
        if stream.any():
            width = 0.055 * share**0.55
            fill |= ndimage.distance_transform_edt(~stream) <= width * wide
    return fill


def generate_map(
    rng: np.random.Generator,
    shape: tuple[int, int],
    units: int,
    relief_m: float,
    blur: float,
    *,
    rocks: Sequence[Lithology] | None = None,
    relief: Field | None = None,
) -> GeologicalMap:
    """Make a geological map of folded, faulted strata, an intrusion and alluvium.

    Sizes on the map follow the shorter side of the image, so that a map of any
    shape shows whole structures.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    shape : tuple of int
        Rows and columns.
    units : int
        Number of units, 2 to `MOST_UNITS`: from three on, one of them is
        alluvium, and from four on one is an intrusion.
    relief_m, blur : float
        As in `outcrop.simulate.terrain.carve`.
    rocks : sequence of Lithology, optional
        One per unit, the intrusion and the alluvium last, in place of the usual ones.
    relief : array, shape (y, x), optional
        Relief that owes nothing to the rock, such as a real one, in place of a made-up one.

    Returns
    -------
    GeologicalMap
    """
    strata = units - (units > 2) - (units > 3)
    if rocks is None:
        usual = [*STRATA[:strata], *[INTRUSION][: units > 3], *[COVER][: units > 2]]
        rocks = [LITHOLOGIES[name] for name in usual]
    if relief is None:
        x, y = _plane(shape)
        tilt = rng.uniform(0, 2 * np.pi)
        ground = fractal_noise(rng, shape, 0.5 * min(shape), ROUGHNESS)
        ground += 1.0 * (np.cos(tilt) * x + np.sin(tilt) * y)
    else:
        ground = standardised(relief)
    labels, bedding = _strata(rng, shape, strata, ground)
    if units > 3:
        inside = _intruded(rng, shape)
        labels = np.where(inside, strata, labels)
        bedding = np.where(inside, np.float32(0), bedding)
    hardness = np.array([rock.hardness for rock in rocks], dtype=np.float32)
    ridges = hardness[labels] + 0.3 * bed_texture(rng, bedding)
    terrain = carve(ridges, ground, relief_m, blur)
    if units > 2:
        fill = _alluvial(rng, terrain.catchment)
        labels = np.where(fill, len(rocks) - 1, labels)
        bedding = np.where(fill, np.float32(0), bedding)
    return GeologicalMap(labels, tuple(rocks), bedding, terrain)


def province(rng: np.random.Generator, shape: tuple[int, int], units: int) -> Labels:
    """Make a map of units that lie in ragged bodies, as plutons, flows and their cover do.

    A plurigaussian map (Armstrong et al. 2011): each unit has a random field, and the highest
    has the ground. Some units are common and some are rare.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    shape : tuple of int
        Rows and columns.
    units : int
        2 or more.

    Returns
    -------
    array, shape (y, x)
        Units from 0.
    """
    size = 0.6 * min(shape)
    fields = [fractal_noise(rng, shape, size, rng.uniform(4.2, 5.0)) for _ in range(units)]
    return np.asarray(np.argmax(fields + rng.normal(0, 0.35, (units, 1, 1)), axis=0))


def bed_texture(rng: np.random.Generator, bedding: Field, beds: int = 120) -> Field:
    """Random values that run along the beds, of about unit size; 0 where there are none."""
    values = ndimage.gaussian_filter1d(rng.standard_normal(beds), 0.8)
    values = (values - values.mean()) / values.std()
    at = np.linspace(0, 1, beds)
    return np.where(bedding > 0, np.interp(bedding, at, values), 0.0).astype(np.float32)
