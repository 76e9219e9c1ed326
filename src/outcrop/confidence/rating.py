"""Confidence of a fitted model's labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from outcrop.confidence.calibration import choose, distinctness
from outcrop.confidence.evidence import Evidence
from outcrop.confidence.kernels import rate
from outcrop.config import Recipe

#: Values of ``confidence.tif`` that are no percentage.
UNLIKE, NO_DATA = 0, 255
WORD_UNLIKE = "unlike any unit"
#: Rows of the sample, about, that units are rated on.
ROWS = 50_000
#: What an agreeing neighbour is worth where no Potts refinement says it.
STRENGTH = 1.0


@dataclass(frozen=True)
class Confidence:
    """What turns evidence and final labels into confidence.

    Parameters
    ----------
    table : ndarray of uint8, shape (k, 25, 128)
        Percent by unit, alike neighbours and odds; see `outcrop.confidence.kernels.rate`.
    strength : float
        What an agreeing neighbour is worth, in units of evidence.
    calibration : str
        The recipe whose calibration it is.
    calibrated : bool
        Whether it was learnt for recipes like this one.
    unlike : float
        Share of the rows of the fit outside every unit's ellipsoid.
    distinctness : tuple of float
        Of each unit; see `outcrop.confidence.calibration.distinctness`.
    """

    table: NDArray[np.uint8] = field(repr=False)
    strength: float
    calibration: str
    calibrated: bool
    unlike: float
    distinctness: tuple[float, ...] = ()

    @classmethod
    def of(cls, clusterer: Any, codes: NDArray[np.float32], recipe: Recipe) -> Self:
        """Rate the units of a fitted clusterer on the codes (n, d) that it was fitted on."""
        some = np.ascontiguousarray(codes[:: max(1, len(codes) // ROWS)])
        calibration, known = choose(recipe)
        own = distinctness(rate_units(clusterer.evidence(some)))
        steps = [s for s in recipe.refine if s.name == "potts"]
        strength = float(steps[-1].params.get("strength", STRENGTH)) if steps else STRENGTH
        unlike = float(clusterer.outside(some).mean())
        facts = (strength, calibration.name, known, unlike, tuple(own.tolist()))
        return cls(calibration.table(own), *facts)

    def to_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what JSON can hold, and the table, as `Estimator.to_state`."""
        names = ("strength", "calibration", "calibrated", "unlike", "distinctness")
        return {n: getattr(self, n) for n in names}, {"table": self.table}

    @classmethod
    def from_state(cls, facts: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Self:
        """Restore what `to_state` returned."""
        facts = {**facts, "distinctness": tuple(facts["distinctness"])}
        return cls(table=arrays["table"], **facts)

    def __call__(
        self,
        labels: NDArray[np.uint8],
        leading: NDArray[np.uint8],
        evidence: Evidence,
        numbers: Sequence[int],
        core: tuple[slice, slice],
    ) -> NDArray[np.uint8]:
        """Return the confidence of a part of a block.

        Parameters
        ----------
        labels, leading : ndarray of uint8, shape (y, x)
            The final ones, 0 = no data, and those of the most evidence.
        evidence : Evidence
        numbers : sequence of int
            The label of each unit.
        core : tuple of slice
            The rows and columns that are asked for. What lies `kernels.REACH` pixels around
            them counts too.

        Returns
        -------
        ndarray of uint8
            1-100 percent, `UNLIKE` or `NO_DATA`.
        """
        place = np.zeros(256, np.uint8)
        place[list(numbers)] = np.arange(len(numbers))
        rows, columns = core
        out = np.empty((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
        rate(
            labels, leading, evidence.ahead, evidence.log, place, np.float32(self.strength),
            (rows.start, columns.start), self.table, evidence.unlike, out,
        )  # fmt: skip
        return out


def rate_units(evidence: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean probability of each unit at the rows (n, k) that are its own, (k,).

    By evidence alone, as the mixture sees itself; 1 for a unit without rows.
    """
    log = evidence.astype(np.float64)
    odds = np.exp(log - log.max(axis=1, keepdims=True))
    own = odds.argmax(axis=1)
    probability = odds.max(axis=1) / odds.sum(axis=1)
    units = evidence.shape[1]
    rows = np.bincount(own, minlength=units)
    sums = np.bincount(own, weights=probability, minlength=units)
    return np.where(rows > 0, sums / np.maximum(rows, 1), 1.0)
