"""One radiometry for scenes that overlap: a gain and an offset for each band of each scene.

1. In each overlap a seeded sample is weighed by how surely it did not change: iteratively
   reweighted multivariate alteration detection (IR-MAD; Canty and Nielsen 2008), which no linear
   difference between the scenes disturbs.
2. Each band of one scene is regressed on the other's, orthogonally, since both are measured
   (Canty, Nielsen and Schmidt 2004), with these weights.
3. The relations of all overlaps are adjusted together by least squares, with the first scene as
   it is, so that rounds of scenes do not contradict themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from outcrop.engine import limited_threads
from outcrop.errors import EmptyError
from outcrop.mosaic import offsets_of, overlap
from outcrop.sample import draw
from outcrop.sensors.base import Band
from outcrop.source import PixelwiseSource, ReasonedSource, Source, Window, read_reasons

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

RADIOMETRIES = ("match", "none")
#: Pixels drawn in each overlap.
PIXELS = 20_000
#: Fewer common pixels for each band than this tell nothing.
LEAST_PER_BAND = 30
#: A band whose unchanged pixels correlate less than this between two scenes is not matched by them.
LEAST_CORRELATION = 0.5
#: Rounds of IR-MAD, and the change of the canonical correlations at which they end.
ROUNDS = 50
SETTLED = 1e-4
#: Smaller departures from gain 1 and offset 0 (of the largest value) are rounding: no change.
ROUNDING = 1e-6

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MatchedSource(ReasonedSource, PixelwiseSource):
    """A scene with each band × gain + offset."""

    base: Source
    gains: tuple[float, ...]
    offsets: tuple[float, ...]

    def read_reasons(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return the bands, and why pixels are missing."""
        data, reasons = read_reasons(self.base, window)
        gain, offset = np.array([self.gains, self.offsets], np.float32)[..., None, None]
        return data * gain + offset, reasons


@dataclass(frozen=True)
class _Pair:
    """Two scenes where they overlap, their bands one after another."""

    name: str
    grid: GeoBox
    one: Source
    other: Source
    corners: tuple[tuple[int, int], tuple[int, int]]
    striped: bool = False

    @property
    def bands(self) -> tuple[Band, ...]:
        return (*self.one.bands, *self.other.bands)

    def read(self, window: Window) -> NDArray[np.float32]:
        parts = [
            source.read(window.shifted(*corner))
            for source, corner in zip((self.one, self.other), self.corners, strict=True)
        ]
        return np.concatenate(parts)


@dataclass(frozen=True)
class Relation:
    """How the bands of two scenes relate where neither changed: ``other = slope × one + rise``.

    ``pixels`` were compared, of which ``unchanged`` (a sum of probabilities) did not change.
    """

    one: int
    other: int
    slope: Array
    rise: Array
    correlation: Array
    pixels: int
    unchanged: float


def no_change(one: Array, other: Array) -> Array:
    """Return how likely each pixel is to be the same in both scenes, but for a linear change.

    Parameters
    ----------
    one, other : ndarray of float64, shape (n, bands)

    Returns
    -------
    ndarray of float64, shape (n,)
        1 - the chi-square distribution of the squared, standardised MAD variates; any gains and
        offsets of either scene's bands leave it as it is.
    """
    from scipy.stats import chi2

    weights, last = np.ones(len(one)), np.zeros(0)
    for _ in range(ROUNDS):
        u, v, correlation = _canonical(one, other, weights)
        variance = np.maximum(2 * (1 - correlation), 1e-12)
        weights = chi2.sf(((u - v) ** 2 / variance).sum(axis=1), len(correlation))
        if len(last) == len(correlation) and np.abs(correlation - last).max() < SETTLED:
            break
        last = correlation
    return np.asarray(weights)


def _canonical(one: Array, other: Array, weights: Array) -> tuple[Array, Array, Array]:
    """Return canonical variates of unit variance and their correlations."""
    total = max(weights.sum(), 1e-12)
    a, b = (_white(v - weights @ v / total, weights / total) for v in (one, other))
    left, correlation, right = np.linalg.svd((a * weights[:, None]).T @ b / total)
    rank = len(correlation)
    return a @ left[:, :rank], b @ right[:rank].T, np.clip(correlation, 0.0, 1.0)


def _white(centred: Array, share: Array) -> Array:
    """Turn bands into uncorrelated ones of unit variance; constant directions fall away."""
    covariance = (centred * share[:, None]).T @ centred
    values, vectors = np.linalg.eigh(covariance)
    kept = values > 1e-9 * max(values[-1], 1e-30)
    return np.asarray(centred @ (vectors[:, kept] / np.sqrt(values[kept])))


def relate(one: Array, other: Array, places: tuple[int, int]) -> Relation:
    """Regress the bands of two scenes on each other, by pixels that did not change.

    Parameters
    ----------
    one, other : ndarray of float64, shape (n, bands)
    places : tuple of int
        Which scenes they are.
    """
    weights = no_change(one, other)
    total = max(weights.sum(), 1e-12)
    middle, centre = weights @ one / total, weights @ other / total
    a, b = one - middle, other - centre
    aa, bb, ab = (weights @ v / total for v in (a * a, b * b, a * b))
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (bb - aa + np.sqrt((bb - aa) ** 2 + 4 * ab**2)) / (2 * ab)
        correlation = ab / np.sqrt(aa * bb)
    return Relation(
        *places, slope, centre - slope * middle, np.nan_to_num(correlation), len(one), float(total)
    )


def adjust(relations: Sequence[Relation], scenes: int, bands: int) -> tuple[Array, Array]:
    """Return gains and offsets (scene, band) that fit all relations best; the first scene keeps.

    Scenes that no relation ties to the first are adjusted among themselves.
    """
    gains, offsets = np.ones((scenes, bands)), np.zeros((scenes, bands))
    for band in range(bands):
        usable = [r for r in relations if r.correlation[band] >= LEAST_CORRELATION]
        ties, weights = np.zeros((len(usable) + 1, scenes)), np.ones(len(usable) + 1)
        ties[-1, 0] = 1  # the first scene: gain 1, offset 0
        for row, relation in enumerate(usable):
            ties[row, relation.one], ties[row, relation.other] = 1, -1
            weights[row] = np.sqrt(relation.unchanged)
        weights[-1] = 1e3 * weights.max()
        slopes = np.array([r.slope[band] for r in usable])
        logs = _least_squares(ties, np.append(np.log(slopes), 0.0), weights)
        gains[:, band] = np.exp(logs)
        rises = [gains[r.other, band] * r.rise[band] for r in usable]
        offsets[:, band] = _least_squares(ties, np.append(rises, 0.0), weights)
    gains[0], offsets[0] = 1, 0
    return gains, offsets


def _least_squares(ties: Array, values: Array, weights: Array) -> Array:
    return np.asarray(np.linalg.lstsq(ties * weights[:, None], values * weights, rcond=None)[0])


def match(
    sources: Sequence[Source], seed: int = 0
) -> tuple[list[Source], dict[str, Any], list[str]]:
    """Bring scenes on one grid to the radiometry of the first.

    Returns
    -------
    sources : list of Source
        As they were where nothing had to change.
    facts : dict
        Gains, offsets and what they rest on, for ``metrics.json``; empty without overlaps.
    notes : list of str
    """
    relations, differences = [], []
    spans = [Window(*corner, *s.grid.shape) for corner, s in
             zip(offsets_of(sources), sources, strict=True)]  # fmt: skip
    with limited_threads():
        for one, other in _chosen(spans):
            rows = _sample(sources[one], sources[other], spans[one], spans[other], seed)
            if rows is None:
                continue
            relations.append(relate(*rows, (one, other)))
            differences.append(rows)
        gains, shifts = adjust(relations, len(sources), len(sources[0].bands))
    largest = max((float(np.abs(r).max()) for pair in differences for r in pair), default=1.0)
    off = np.maximum(np.abs(gains - 1), np.abs(shifts) / largest)
    changed = [bool(row.max() > ROUNDING) for row in off]
    matched = [
        MatchedSource(s, tuple(g.tolist()), tuple(o.tolist())) if c else s
        for s, g, o, c in zip(sources, gains, shifts, changed, strict=True)
    ]
    if not relations:
        return list(sources), {}, _apart(sources, relations)
    facts = _facts(sources, relations, differences, gains, shifts)
    said = [_note(sources, gains, shifts, sum(changed), facts)] if any(changed) else []
    return matched, facts, [*said, *_apart(sources, relations)]


def _chosen(spans: Sequence[Window]) -> list[tuple[int, int]]:
    """Choose the pairs to compare: as many as tie all together, and as many again.

    Dates of one place all overlap; to compare each with each would read everything n times.
    Larger overlaps come first, and those with the first scene.
    """
    shared = [(p, overlap(spans[p[0]], spans[p[1]])) for p in combinations(range(len(spans)), 2)]
    pairs = sorted((-o.height * o.width, p) for p, o in shared if o is not None)
    group = list(range(len(spans)))
    tree, rest = [], []
    for _, (one, other) in pairs:
        if group[one] != group[other]:
            tree.append((one, other))
            group = [group[one] if g == group[other] else g for g in group]
        else:
            rest.append((one, other))
    return sorted(tree + rest[: len(tree)])


def _sample(
    one: Source, other: Source, a: Window, b: Window, seed: int
) -> tuple[Array, Array] | None:
    common = overlap(a, b)
    if common is None:
        return None
    corners = ((common.row - a.row, common.col - a.col), (common.row - b.row, common.col - b.col))
    row, col = corners[0]
    grid = one.grid[row : row + common.height, col : col + common.width]
    pair = _Pair(f"{one.name} and {other.name}", grid, one, other, corners)
    try:
        rows = draw([pair], PIXELS, seed=seed).rows.astype(np.float64)
    except EmptyError:  # no pixel that both have
        return None
    bands = len(one.bands)
    return (rows[:, :bands], rows[:, bands:]) if len(rows) >= LEAST_PER_BAND * bands else None


def _facts(
    sources: Sequence[Source],
    relations: Sequence[Relation],
    samples: Sequence[tuple[Array, Array]],
    gains: Array,
    offsets: Array,
) -> dict[str, Any]:
    names = [b.name for b in sources[0].bands]
    pairs = []
    for r, (a, b) in zip(relations, samples, strict=True):
        after = np.abs(gains[r.one] * a + offsets[r.one] - gains[r.other] * b - offsets[r.other])
        pairs.append({
            "scenes": [r.one, r.other], "pixels": r.pixels, "unchanged": round(r.unchanged, 1),
            "correlation": _by(names, r.correlation, 4),
            "difference_before": _by(names, np.median(np.abs(a - b), axis=0), 6),
            "difference_after": _by(names, np.median(after, axis=0), 6),
        })  # fmt: skip
    return {
        "method": "IR-MAD (Canty and Nielsen 2008), orthogonal regression, least squares over "
        "all overlaps; the first scene is the reference",
        "scenes": [
            {"name": s.name, "gain": _by(names, g, 6), "offset": _by(names, o, 8)}
            for s, g, o in zip(sources, gains, offsets, strict=True)
        ],
        "pairs": pairs,
    }


def _by(names: Sequence[str], values: Array, digits: int) -> dict[str, float]:
    return {n: round(float(v), digits) for n, v in zip(names, values, strict=True)}


def _note(
    sources: Sequence[Source], gains: Array, offsets: Array, changed: int, facts: dict[str, Any]
) -> str:
    before, after = (
        float(np.mean([list(p[f"difference_{when}"].values()) for p in facts["pairs"]]))
        for when in ("before", "after")
    )
    return (
        f"{changed} of {len(sources)} scenes are brought to the radiometry of {sources[0].name}: "
        f"gains {gains[1:].min():.3f} to {gains[1:].max():.3f}, offsets {offsets[1:].min():.4g} to "
        f"{offsets[1:].max():.4g}; median difference where they overlap {before:.3g} before, "
        f"{after:.3g} after (IR-MAD, Canty and Nielsen 2008; --radiometry none keeps the values)"
    )


def _apart(sources: Sequence[Source], relations: Sequence[Relation]) -> list[str]:
    tied = {0}
    for _ in sources:
        tied |= {p for r in relations for p in (r.one, r.other) if {r.one, r.other} & tied}
    alone = [s.name for i, s in enumerate(sources) if i not in tied]
    few = ", ".join(alone[:4]) + (f" and {len(alone) - 4} more" if len(alone) > 4 else "")
    if not alone:
        return []
    return [f"too little in common with {sources[0].name} to match their radiometry: {few}"]
