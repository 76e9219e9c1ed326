"""What a correction of the light on slopes did to the units: the scores, and when to doubt it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.mosaic import offsets_of
from outcrop.relief.dependence import measure
from outcrop.relief.source import LitSource
from outcrop.source import Source, leaves, replaced

#: Share of the units' entropy that where slopes face may tell before it is said.
MOST_ASPECT = 0.05
#: The same for the side of the sun's azimuth, among slopes of the same light.
MOST_ACROSS = 0.02

#: Units of pixels: numbers (n,), and scene, row and column (n, 3).
Units = tuple[NDArray[np.integer[Any]], NDArray[np.int64]]


def lit_parts(source: Source) -> list[LitSource]:
    """Return the corrected scenes that a source is made from; none without a correction."""
    return [leaf for leaf in leaves(source) if isinstance(leaf, LitSource)]


def unlit(source: Source) -> Source:
    """Return a source with the light left in its scenes, and all else as it is.

    Scenes that were matched keep their gains: on flat ground, which no correction touches, they
    are right for both.
    """
    plain: Source = replaced(source, lambda s: s.uncorrected if isinstance(s, LitSource) else s)
    return plain


def light_scores(source: Source, before: Units, after: Units) -> tuple[dict[str, Any], list[str]]:
    """Measure how units depend on the light, without and with the correction.

    Parameters
    ----------
    source : Source
        With corrected scenes; see `lit_parts`.
    before, after : tuple of ndarray
        Units of sampled pixels from uncorrected and from corrected bands.

    Returns
    -------
    dict
        What ``metrics.json`` holds: for each scene the facts of its correction and, of each of
        the two, what `outcrop.relief.dependence.measure` measures under the scene's own sun, of
        the pixels within its extent; and the means over scenes, weighed by their pixels.
    list of str
        What the user should know.
    """
    lits = lit_parts(source)
    scenes = [
        {**lit.facts, "before": _measured(lit, corner, before),
         "after": _measured(lit, corner, after)}
        for lit, corner in zip(lits, offsets_of([source, *lits])[1:], strict=True)
    ]  # fmt: skip
    before_all, after_all = (_mean([s[when] for s in scenes]) for when in ("before", "after"))
    scores = {
        "dem": lits[0].light.heights.name,
        "method": lits[0].method,
        "scenes": scenes,
        "before": before_all,
        "after": after_all,
    }
    return scores, _doubts(after_all)


def _measured(lit: LitSource, corner: tuple[int, int], found: Units) -> dict[str, float] | None:
    """Measure how units depend on the light of one scene, whose corner is at a row and column."""
    units, positions = found
    own = positions[:, 1:] - corner
    inside = ((own >= 0) & (own < lit.grid.shape)).all(axis=1)
    return measure(units[inside], lit.light.at(own[inside]), lit.light.sun.azimuth)


def _mean(found: Sequence[dict[str, float] | None]) -> dict[str, float] | None:
    known = [f for f in found if f is not None]
    total = sum(f["pixels"] for f in known)
    if not known:
        return None
    return {
        key: total if key == "pixels" else sum(f[key] * f["pixels"] for f in known) / total
        for key in known[0]
    }


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
