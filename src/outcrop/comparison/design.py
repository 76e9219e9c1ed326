"""Accuracy and areas for the whole map, which only a probability sample allows to estimate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.errors import ReferenceMapError

DESIGNS = ("random", "stratified")
REFUSED = (
    "Area-adjusted accuracy and areas are not estimated: they hold for references that are a "
    "probability sample alone, and this one was not said to be (--design random or stratified; "
    "`outcrop sample` draws one). Labels that somebody chose to draw say nothing of the ground "
    "between them."
)
#: Labelled pixels by themselves, of all, that a sample of points has at least.
ALONE = 0.8
LEAST_POINTS = 20
Z = 1.959964  # of a two-sided 95% interval

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sampled:
    """Points of a probability sample, and what they stand for.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        Class of each point, from 1.
    units : ndarray of int, shape (n,)
        Unit of the map at each point; 0 = not mapped.
    strata : ndarray of int, shape (n,)
        Stratum of each point.
    weights : dict of int to float
        Share of the mapped ground in each stratum.
    """

    codes: NDArray[np.int64]
    units: NDArray[np.int64]
    strata: NDArray[np.int64]
    weights: dict[int, float]


def check_design(codes: NDArray[Any], path: str) -> None:
    """Refuse a reference that can't be points drawn one by one.

    Raises
    ------
    ReferenceMapError
        If labelled pixels hang together, or there are too few.
    """
    from scipy.ndimage import label

    n = int((codes > 0).sum())
    if n < LEAST_POINTS:
        raise ReferenceMapError(
            f"--design: reference {path!r} labels {n} pixels; areas can be estimated from "
            f"{LEAST_POINTS} points or more"
        )
    areas = label(codes > 0, structure=np.ones((3, 3), int))[1]
    if areas < ALONE * n:
        raise ReferenceMapError(
            f"--design: the {n} labelled pixels of {path!r} lie in {areas} areas, so they were not "
            "drawn one by one: that is no probability sample. Leave --design out, or visit points "
            "that `outcrop sample` draws"
        )


def shares(pixels: NDArray[Any]) -> dict[int, float]:
    """Return the share of each unit or stratum in mapped pixels, from pixels by number."""
    total = float(pixels[1:].sum())
    return {int(i): float(pixels[i] / total) for i in np.flatnonzero(pixels) if i > 0}


def estimate(sample: Sampled, classes: tuple[int | str, ...], area: float) -> dict[str, Any]:
    """Estimate accuracy of the whole map, and areas of the classes, with standard errors.

    The strata may be the units of the map itself (a random sample, stratified afterwards) or of
    another map, by which the sample was drawn. A unit is named by its commonest class among one
    half of the points, and judged on the other.

    Parameters
    ----------
    sample : Sampled
    classes : tuple
    area : float
        Mapped area, in whatever unit areas are to be in.

    Returns
    -------
    dict
        ``overall`` and, for each class, ``area``, ``user`` and ``producer``: pairs of estimate
        and half the width of the 95% interval, or None; ``points`` and ``notes``.

    References
    ----------
    Olofsson et al. (2014), Remote Sens. Environ. 148: good practices; their estimators are those
    of Stehman (2014), Int. J. Remote Sens. 35, where the strata are the map's units.
    """
    strata, weights, notes = _collapsed(sample)
    named = _named(sample, len(classes))
    ones = np.ones(len(named))

    def ratio(y: NDArray[np.bool_], x: Floats) -> list[float] | None:
        return _ratio(y.astype(float), x, strata, weights)

    by_class = []
    for i, label in enumerate(classes, start=1):
        true, said = sample.codes == i, named == i
        share = ratio(true, ones)
        by_class.append(
            {
                "class": label,
                "points": int(true.sum()),
                "area": share and [area * v for v in share],
                "user": ratio(true & said, said.astype(float)),
                "producer": ratio(true & said, true.astype(float)),
            }
        )
    return {
        "overall": ratio(sample.codes == named, ones),
        "by_class": by_class,
        "points": len(named),
        "notes": notes,
    }


def flat_rows(estimates: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Flatten estimates for ``areas.csv``: a row for each map and class."""
    rows = []
    for found in estimates:
        head = {key: found[key] for key in ("scene", "contender", "number", "points", "area_unit")}
        rows.append({**head, "class": "(all)", **_two("accuracy", found["overall"])})
        for row in found["by_class"]:
            flat = {**head, "class": row["class"], "points": row["points"]}
            rows.append(flat | {k: v for n in ("area", "user", "producer")
                                for k, v in _two(n, row[n]).items()})  # fmt: skip
    columns = dict.fromkeys(key for row in rows for key in row)
    return [{key: row.get(key) for key in columns} for row in rows]


def _two(name: str, found: Sequence[float] | None) -> dict[str, float | None]:
    value, half = found or (None, None)
    return {name: value, f"{name}_plus_minus": half}


def _named(sample: Sampled, classes: int) -> NDArray[np.int64]:
    """Name the unit at each point by the points of the half that it is not in; 0 = no name."""
    order = np.random.default_rng(0x57E4).permutation(len(sample.codes))
    half = np.zeros(len(order), np.int64)
    half[order[::2]] = 1
    named = np.zeros(len(order), np.int64)
    for side in (0, 1):
        counts = np.zeros((int(sample.units.max()) + 1, classes + 1), np.int64)
        others = half != side
        np.add.at(counts, (sample.units[others], sample.codes[others]), 1)
        names = np.where(counts.any(axis=1), counts.argmax(axis=1), 0)
        names[0] = 0
        named[half == side] = names[sample.units[half == side]]
    return named


def _collapsed(sample: Sampled) -> tuple[NDArray[np.int64], dict[int, float], list[str]]:
    """Join strata of fewer than two points, which have no variance, into one."""
    strata, weights, notes = sample.strata.copy(), dict(sample.weights), []
    counts = {h: int((strata == h).sum()) for h in {*weights, *strata.tolist()}}
    few = [h for h, n in counts.items() if n < 2]
    if few:
        order = sorted(set(counts) - set(few), key=lambda h: weights.get(h, 0.0))
        # With too few points together the smallest of the others joins them.
        while sum(counts[h] for h in few) < 2 and order:
            few.append(order.pop(0))
        strata[np.isin(strata, few)] = -1
        weights = {h: w for h, w in weights.items() if h not in few} | {
            -1: sum(weights.get(h, 0.0) for h in few)
        }
        notes.append(f"{len(few)} strata with fewer than two points, or small, are taken as one")
    total = sum(weights.values())
    return strata, {h: w / total for h, w in weights.items()}, notes


def _ratio(
    y: Floats, x: Floats, strata: NDArray[np.int64], weights: dict[int, float]
) -> list[float] | None:
    """Estimate the ratio of two totals and half its 95% interval (Stehman 2014, eq. 27 and 28)."""
    parts = [(w, strata == h) for h, w in weights.items()]
    above = sum(w * y[here].mean() for w, here in parts)
    below = sum(w * x[here].mean() for w, here in parts)
    if not below:
        return None
    value = float(above / below)
    variance = sum(
        w**2 * np.var(y[here] - value * x[here], ddof=1) / here.sum() for w, here in parts
    )
    return [value, float(Z * np.sqrt(variance) / below)]
