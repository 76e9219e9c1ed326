"""Indices as layers to look at, and what they are in each unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from outcrop.indices import COVERS, INDICES, Ready, missing
from outcrop.products.legend import Legend
from outcrop.products.parts import Layer
from outcrop.sensors.base import Band
from outcrop.unitstats import UnitSums

#: Why the cover of dry plants is not told from broad bands.
NOT_DRY = (
    "not from these bands: dry plants are told by the absorption of cellulose at 2.1 µm, which "
    "needs narrow bands at 2.02, 2.10 and 2.20 µm; in one broad band they look like clay and "
    "carbonate"
)


def index_layer(indices: Sequence[Ready]) -> Layer:
    """Describe ``indices.tif``: a named band an index."""
    names = tuple(i.name for i in indices)
    return Layer("indices", len(names), "float32", float("nan"), "average", names=names)


def index_facts(indices: Sequence[Ready], sums: UnitSums, bands: Sequence[Band]) -> dict[str, Any]:
    """Return, for ``metrics.json``, the mean of each index in each unit and in the whole scene.

    Parameters
    ----------
    indices : sequence of Ready
    sums : UnitSums
        Of the indices, by unit.
    bands : sequence of Band

    Returns
    -------
    dict
        ``scene`` and ``units`` with mean and standard deviation by index, ``bands`` with what
        each was computed of, and ``missing`` with why the others were not.
    """
    numbers = np.flatnonzero(sums.pixels[1:]) + 1
    whole = UnitSums(np.vstack([np.zeros_like(sums.table[:1]), sums.table[1:].sum(0)[None]]))
    return {
        "pixels": int(sums.pixels[1:].sum()),
        "scene": _by_name(indices, whole, 1),
        "units": {str(n): _by_name(indices, sums, int(n)) for n in numbers},
        "bands": {i.name: i.said(bands) for i in indices},
        "missing": {name: why for name in INDICES if (why := missing(INDICES[name], bands))},
    }


def _by_name(indices: Sequence[Ready], sums: UnitSums, unit: int) -> dict[str, dict[str, float]]:
    means, sds = sums.mean_and_sd(unit)
    return {
        index.name: {"mean": float(mean), "sd": float(sd)}
        for index, mean, sd in zip(indices, means, sds, strict=True)
        if np.isfinite(mean)
    }


def with_indices(legend: Legend, facts: dict[str, Any]) -> Legend:
    """Return a legend whose units carry the means of their indices, for ``legend.json``."""
    units = []
    for unit in legend.units:
        found = facts["units"].get(str(unit.number), {})
        means = {name: both["mean"] for name, both in found.items()}
        extra = {**unit.extra, "indices": means} if means else unit.extra
        units.append(replace(unit, extra=extra))
    return replace(legend, units=tuple(units))


def covers(facts: Mapping[str, Any], unit: int) -> dict[str, float | None]:
    """Return the share of a unit under green and dry plants; None where it cannot be told."""
    means = facts["units"].get(str(unit), {})
    return {name: means.get(name, {}).get("mean") for name in COVERS}
