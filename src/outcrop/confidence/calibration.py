"""The calibrations in ``calibrations.json``: what odds, likeness and unit are worth.

Each is an additive model of the log odds of being right: a constant and three broken lines, over
the odds of the label, the share of alike neighbours and the distinctness of the unit. They are
made by ``benchmarks/confidence.py``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.confidence.kernels import AROUND, BINS, LEAST, STEPS
from outcrop.config import Recipe

Doubles = NDArray[np.float64]
FILE = "calibrations.json"
#: Distinctness beyond which units are alike in it: log odds, as `distinctness` gives them.
DISTINCT = (0.0, 6.0)


@dataclass(frozen=True)
class Line:
    """A broken line: its value at ascending knots, level beyond the first and the last."""

    at: tuple[float, ...]
    worth: tuple[float, ...]

    def __call__(self, values: Any) -> Doubles:
        """Return what values are worth, in log odds."""
        return np.asarray(np.interp(values, self.at, self.worth))


@dataclass(frozen=True)
class Calibration:
    """A calibration for recipes of one kind.

    Parameters
    ----------
    name : str
        The recipe that it was learnt for.
    parts : mapping
        What that recipe consists of; see `parts_of`.
    constant : float
    odds, alike, unit : Line
        Over the odds in nats, the share of alike neighbours, the unit's `distinctness`.
    """

    name: str
    parts: Mapping[str, Any]
    constant: float
    odds: Line
    alike: Line
    unit: Line

    def table(self, distinctness: Doubles) -> NDArray[np.uint8]:
        """Return confidence, 1-100, by unit, alike neighbours and odds.

        Parameters
        ----------
        distinctness : ndarray of float, shape (k,)
            Of each unit.

        Returns
        -------
        ndarray of uint8, shape (k, `AROUND` + 1, `BINS`)
        """
        log_odds = (
            self.constant
            + self.unit(distinctness)[:, None, None]
            + self.alike(np.arange(AROUND + 1) / AROUND)[:, None]
            + self.odds(LEAST + (np.arange(BINS) + 0.5) / STEPS)
        )
        percent = 100 / (1 + np.exp(-log_odds))
        return np.clip(np.rint(percent), 1, 100).astype(np.uint8)


def distinctness(probability: Doubles) -> Doubles:
    """Return the log odds of the mean probability that a unit's own pixels are its own."""
    safe = np.clip(probability, 1e-6, 1 - 1e-6)
    return np.clip(np.log(safe / (1 - safe)), *DISTINCT)


def parts_of(recipe: Recipe) -> dict[str, Any]:
    """Return the names of a recipe's parts: what a calibration is bound to."""
    return {
        "scale": recipe.preprocess.scale,
        "smooth": recipe.smooth.name,
        "reducer": recipe.reducer.name,
        "clusterer": recipe.clusterer.name,
        "refine": [step.name for step in recipe.refine],
    }


def choose(recipe: Recipe) -> tuple[Calibration, bool]:
    """Return the calibration for a recipe, and whether it was learnt for such a one.

    Of a recipe that none was learnt for, the one of the most parts in common, the clusterer
    first.
    """
    parts = parts_of(recipe)

    def common(calibration: Calibration) -> tuple[bool, int]:
        same = {k for k, v in parts.items() if calibration.parts[k] == v}
        return "clusterer" in same, len(same)

    best = max(calibrations(), key=common)  # the first of equals
    return best, best.parts == parts


@cache
def calibrations() -> Sequence[Calibration]:
    """Read the calibrations that are shipped, the default's first."""
    text = (files("outcrop.confidence") / FILE).read_text("utf-8")
    return tuple(
        Calibration(
            name, entry["parts"], entry["constant"],
            *(Line(tuple(entry[n]["at"]), tuple(entry[n]["worth"]))
              for n in ("odds", "alike", "unit")),
        )
        for name, entry in json.loads(text).items()
    )  # fmt: skip
