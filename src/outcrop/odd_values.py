"""Values that no reflectance can have: whether they are clipped, and how many there were."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.config import Recipe
from outcrop.measuring import KINDS
from outcrop.sensors.base import Band

#: Part of the mapped pixels from which on the user is told.
MATTERS = 0.01
#: Bands that a note names; a spectrometer has hundreds.
MOST_NAMED = 12
_SAID = {
    "above_1": "above 1",
    "not_positive": "0 or below",
    "floored": "too low for a logarithm or a ratio and raised to a floor",
}


def settle_clip(
    recipe: Recipe, rows: NDArray[np.float32], bands: Sequence[Band]
) -> tuple[Recipe, list[str]]:
    """Switch clipping off where most of a band lies above 1: then its scale is wrong.

    Parameters
    ----------
    recipe : Recipe
    rows : ndarray, shape (n, bands)
        A sample.
    bands : sequence of Band

    Returns
    -------
    Recipe
    list of str
        What the user should know.
    """
    if not recipe.preprocess.clip:
        return recipe, []
    share = (rows > 1).mean(axis=0)
    odd = [
        band.name
        for band, part in zip(bands, share, strict=True)
        if band.quantity == "reflectance" and part > 0.5
    ]
    if not odd:
        return recipe, []
    note = (
        f"most values of {', '.join(odd)} are above 1, so that they are no reflectance (check "
        "--scale and --offset); nothing is clipped"
    )
    kept = dataclasses.replace(recipe.preprocess, clip=False)
    return dataclasses.replace(recipe, preprocess=kept), [note]


def fill_notes(rows: NDArray[np.float32]) -> list[str]:
    """Name a number at either end of all values that many pixels have in every band, as -9999.

    It is not taken for fill unasked: clouds saturate every band, too. 0 is counted elsewhere.

    Parameters
    ----------
    rows : ndarray, shape (n, bands)
        A sample.
    """
    same = rows[(rows == rows[:, :1]).all(axis=1), 0]
    notes = []
    for value in filter(None, (rows.min(), rows.max())):
        share = np.count_nonzero(same == value) / len(rows)
        if share >= MATTERS:
            notes.append(
                f"{share:.1%} of the pixels are {value:g} in every band and count as data; if that "
                "is fill, give --nodata with the number that the file stores for it"
            )
    return notes


def value_facts(
    counts: NDArray[np.int64], bands: Sequence[Band], mapped: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Return, for ``metrics.json``, pixels and share by kind and band, of those there were any."""
    facts = {
        kind: {
            band.name: {"pixels": int(n), "share": int(n) / max(mapped, 1)}
            for band, n in zip(bands, row, strict=True)
            if n and _can_be_odd(kind, band)
        }
        for kind, row in zip(KINDS, counts, strict=True)
    }
    return {kind: found for kind, found in facts.items() if found}


def _can_be_odd(kind: str, band: Band) -> bool:
    """Tell whether a value of that kind is odd in a band: a model's features have either sign."""
    return band.quantity == "reflectance" or (kind != "above_1" and band.quantity != "feature")


def value_notes(facts: dict[str, dict[str, dict[str, float]]], *, clip: bool) -> list[str]:
    """Say what is so frequent that it matters."""
    notes = []
    for kind, found in facts.items():
        many = [f"{name} {f['share']:.1%}" for name, f in found.items() if f["share"] >= MATTERS]
        if many:
            held = " and taken as 1" if kind == "above_1" and clip else ""
            more = f" and {len(many) - MOST_NAMED} more bands" if len(many) > MOST_NAMED else ""
            named = ", ".join(many[:MOST_NAMED])
            wrong = kind == "not_positive" and max(f["share"] for f in found.values()) > 0.5
            doubt = " (check --scale and --offset)" if wrong else ""
            notes.append(f"pixels whose value is {_SAID[kind]}{held}{doubt}: {named}{more}")
    return notes


def value_rows(metrics: Mapping[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """Return rows of a table: band, haze subtracted, and the shares by kind, as texts."""
    haze = [scene["bands"] for scene in metrics.get("haze", [])]
    odd = metrics.get("odd_values", {})
    names = dict.fromkeys(
        [*(n for bands in haze for n in bands), *(n for found in odd.values() for n in found)]
    )
    return [
        (
            name,
            ", ".join(f"{b[name]['subtracted']:.4f}" for b in haze if name in b),
            *(_share(odd.get(kind, {}).get(name)) for kind in KINDS),
        )
        for name in names
    ]


def _share(facts: dict[str, float] | None) -> str:
    if not facts:
        return ""
    return "< 0.01%" if facts["share"] < 1e-4 else f"{facts['share']:.2%}"
