"""What a correction of the light on slopes did to the units: the scores, and when to doubt it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.relief.dependence import measure
from outcrop.relief.source import LitSource
from outcrop.source import Source, leaves

#: Share of the units' entropy that where slopes face may tell before it is said.
MOST_ASPECT = 0.05
#: The same for the side of the sun's azimuth, among slopes of the same light.
MOST_ACROSS = 0.02

#: Units of pixels: numbers (n,), and scene, row and column (n, 3).
Units = tuple[NDArray[np.integer[Any]], NDArray[np.int64]]


def lit_part(source: Source) -> LitSource | None:
    """Return the corrected scene that a source is made from, None without a correction."""
    return next((leaf for leaf in leaves(source) if isinstance(leaf, LitSource)), None)


def light_scores(lit: LitSource, before: Units, after: Units) -> tuple[dict[str, Any], list[str]]:
    """Measure how units depend on the light, without and with the correction.

    Parameters
    ----------
    lit : LitSource
    before, after : tuple of ndarray
        Units of sampled pixels from uncorrected and from corrected bands.

    Returns
    -------
    dict
        What ``metrics.json`` holds: the facts of the correction, and of each of the two what
        `outcrop.relief.dependence.measure` measures.
    list of str
        What the user should know.
    """
    azimuth = lit.light.sun.azimuth
    scores = {
        name: measure(units, lit.light.at(positions[:, 1:]), azimuth)
        for name, (units, positions) in (("before", before), ("after", after))
    }
    return {**lit.facts, **scores}, _doubts(scores["after"])


def _doubts(after: dict[str, float] | None) -> list[str]:
    if after is None:
        return [
            "too little of the scene is steeper than 5 degrees to tell whether units depend on "
            "the light"
        ]
    aspect, across = after["aspect_share"], after["across_share"]
    if aspect <= MOST_ASPECT and across <= MOST_ACROSS:
        return []
    return [
        "units depend on where slopes face "
        f"({aspect:.1%} of what units tell, {across:.1%} among slopes of the same light): where "
        "beds dip one way, as on cuestas, slopes of one aspect are of one rock, and a correction "
        "that is fitted to the scene takes some of that rock's own brightness out; compare with a "
        "map made without --dem"
    ]
