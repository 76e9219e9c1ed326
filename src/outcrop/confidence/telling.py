"""What is said of a map's confidence: facts for ``metrics.json``, and notes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.confidence.rating import UNLIKE, Confidence

#: A model is foreign to a scene where more than this share of it is unlike any unit, and more
#: than `TIMES` the share in the fit.
LARGE, TIMES = 0.02, 5.0


def facts_of(counts: NDArray[np.int64]) -> dict[str, Any]:
    """Say how sure a map is, from pixels by label and value of ``confidence.tif`` (256, 256).

    Returns
    -------
    dict
        ``mean`` percent of the mapped pixels (those unlike any unit count as 0), ``deciles``
        (share of the mapped pixels at 1-9, 10-19, …, 90-100 percent), ``unlike`` (pixels and
        share), ``units`` (mean by number).
    """
    given = counts[1:, :101]
    percent, total = np.arange(101), max(int(given.sum()), 1)
    by_unit, by_value = given.sum(axis=1), given.sum(axis=0)
    means = given @ percent / np.maximum(by_unit, 1)
    pixels = int(by_value[UNLIKE])
    tens = np.bincount(np.minimum(percent // 10, 9), weights=by_value, minlength=10)
    tens[0] -= pixels
    return {
        "mean": float(by_value @ percent / total),
        "deciles": (tens / total).tolist(),
        "unlike": {"pixels": pixels, "share": pixels / total},
        "units": {str(n + 1): float(means[n]) for n in np.flatnonzero(by_unit)},
    }


def source_of(confidence: Confidence) -> dict[str, Any]:
    """Say where a model's percentages come from, and how much of its fit was unlike any unit."""
    return {
        "calibration": confidence.calibration,
        "calibrated": confidence.calibrated,
        "unlike_in_fit": confidence.unlike,
    }


def confidence_notes(facts: Mapping[str, Any] | None, *, elsewhere: bool) -> list[str]:
    """Say what the user should know of a map's confidence.

    Parameters
    ----------
    facts : mapping or None
        See `facts_of`; None where the model knows no confidence.
    elsewhere : bool
        Whether the model was fitted to another scene.
    """
    if facts is None:
        return [
            "the model is of a version of Outcrop without confidence, so there is no "
            "confidence.tif; fit it again"
        ]
    share, fitted = facts["unlike"]["share"], facts["unlike_in_fit"]
    if not elsewhere:
        return []
    said = (
        f"{share:.2%} of the mapped pixels are unlike any unit of the model "
        f"({fitted:.2%} in its fit)"
    )
    if share > max(LARGE, TIMES * fitted):
        said += (
            ": the model is foreign to this scene, and its units may mean nothing here; fit one "
            "to this scene with outcrop map"
        )
    return [said]
