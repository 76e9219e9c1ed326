"""From the bands of a block to its units: the hot part of every map.

A block is done in strips of rows, whose features and codes stay in the processor's cache and
are never held for the whole block; only labels, and the evidence where a filter asks for it, are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.confidence import Evidence
from outcrop.confidence.kernels import REACH
from outcrop.model import Model
from outcrop.source import valid_mask

#: Rows that are done at once.
STRIP = 64


@dataclass(frozen=True)
class Labelled:
    """What a model makes of a block.

    Parameters
    ----------
    labels : ndarray of uint8, shape (y, x)
        0 = no data.
    evidence : Evidence or None
        Where it was asked for.
    codes : ndarray of float32, shape (d, y, x), or None
        NaN where there is no data.
    """

    labels: NDArray[np.uint8]
    evidence: Evidence | None
    codes: NDArray[np.float32] | None

    def rows(self, rows: slice) -> Labelled:
        """Return views of some rows."""
        return Labelled(
            self.labels[rows],
            None if self.evidence is None else self.evidence.rows(rows),
            None if self.codes is None else self.codes[:, rows],
        )

    def refined(self, filters: Sequence[Any], numbers: Sequence[int]) -> NDArray[np.uint8]:
        """Return the labels after filters, as `outcrop.refinement` has them, one by one."""
        labels, places = self.labels, np.asarray(numbers, np.uint8)
        for step in filters:
            if self.evidence is not None and getattr(step, "needs_evidence", False):
                labels = step(labels, self.evidence.log, places)
            else:
                labels = step(labels)
        return labels


def label(
    model: Model,
    data: NDArray[np.float32],
    mask: NDArray[np.bool_],
    *,
    evidence: bool = False,
    codes: bool = False,
) -> Labelled:
    """Assign the pixels of a block to units.

    Parameters
    ----------
    model : Model
    data : ndarray of float32, shape (band, y, x)
    mask : ndarray of bool, shape (y, x)
        Where every band has a value.
    evidence, codes : bool
        Whether these are wanted besides the labels.

    Returns
    -------
    Labelled
    """
    made = Labelled(
        np.zeros(mask.shape, np.uint8),
        Evidence.room(len(model.numbers), mask.shape) if evidence else None,
        np.full((model.width, *mask.shape), np.nan, np.float32) if codes else None,
    )
    work = _by_planes if _has_planes(model) else _by_rows
    for rows, features in _strips(model, data, mask):
        work(model, features, mask[rows], made.rows(rows))
    return made


def rated(
    model: Model, labels: NDArray[np.uint8], made: Labelled, core: tuple[slice, slice]
) -> NDArray[np.uint8]:
    """Return the confidence of a block's core; ``labels`` are the final ones of the block."""
    if model.confidence is None:
        raise RuntimeError("confidence needs a model that knows it")
    if made.evidence is None:
        raise RuntimeError("confidence needs evidence")
    return model.confidence(labels, made.labels, made.evidence, model.numbers, core)


@dataclass(frozen=True)
class Rate:
    """The confidence of labels that came of something else than the model's filters."""

    model: Model

    @property
    def halo(self) -> int:
        """Pixels of context that it needs on each side."""
        return int(self.model.front.halo) + REACH

    def __call__(
        self, data: NDArray[np.float32], labels: NDArray[np.uint8], core: tuple[slice, slice]
    ) -> NDArray[np.uint8]:
        """Return the confidence of a block's core; data is (band, y, x), labels (y, x)."""
        data = data[: len(self.model.bands)]
        made = label(self.model, data, valid_mask(data), evidence=True)
        return rated(self.model, labels, made, core)


def _strips(
    model: Model, data: NDArray[np.float32], mask: NDArray[np.bool_]
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield rows with data, strip by strip, and their features (feature, rows, x)."""
    front = model.front
    for top in range(0, len(mask), STRIP):
        rows = slice(top, min(top + STRIP, len(mask)))
        if mask[rows].any():
            first = max(0, top - front.halo)
            around = data[:, first : rows.stop + front.halo]
            yield rows, front(around, slice(top - first, rows.stop - first))


def _has_planes(model: Model) -> bool:
    return hasattr(model.clusterer, "planes") and model.recipe.reducer.name == "none"


def _by_planes(
    model: Model, features: NDArray[np.float32], mask: NDArray[np.bool_], into: Labelled
) -> None:
    """Do all pixels, with data or not, in the order that they lie in."""
    evidence = into.evidence
    units = model.clusterer.planes(features, None if evidence is None else evidence.log)
    np.multiply(np.asarray(model.numbers, np.uint8)[units], mask, out=into.labels)
    if evidence is not None:
        evidence.compare(model.clusterer.limits())
    if into.codes is not None:
        into.codes[:, mask] = features[:, mask]


def _by_rows(
    model: Model, features: NDArray[np.float32], mask: NDArray[np.bool_], into: Labelled
) -> None:
    """Take the pixels with data out, as rows, and put the results back."""
    rows = model.codes(np.ascontiguousarray(features[:, mask].T))
    into.labels[mask] = model.assign(rows)
    if into.evidence is not None:
        into.evidence.log[:, mask] = model.evidence(rows).T
        into.evidence.compare(np.full(len(model.numbers), -np.inf, np.float32))
        into.evidence.unlike[mask] = model.clusterer.outside(rows)
    if into.codes is not None:
        into.codes[:, mask] = rows.T
