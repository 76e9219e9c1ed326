"""From the bands of a block to its units: the hot part of every map.

A block is done in strips of rows, whose features and codes stay in the processor's cache and
are never held for the whole block; only labels, and the evidence where a filter asks for it, are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.confidence.kernels import REACH, lead
from outcrop.model import Model
from outcrop.scratch import scratch
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
    evidence : ndarray of float32, shape (k, y, x), or None
        Log evidence of each unit, without meaning where there is no data. Belongs to the thread,
        whose next block overwrites it.
    ahead : ndarray of float32, shape (y, x), or None
        Evidence of the label less that of the second unit; as the evidence.
    unlike : ndarray of bool, shape (y, x), or None
        Outside every unit's ellipsoid; as the evidence.
    codes : ndarray of float32, shape (d, y, x), or None
        NaN where there is no data.
    """

    labels: NDArray[np.uint8]
    evidence: NDArray[np.float32] | None
    ahead: NDArray[np.float32] | None
    unlike: NDArray[np.bool_] | None
    codes: NDArray[np.float32] | None

    def rows(self, rows: slice) -> Labelled:
        """Return views of some rows."""

        def cut(plane: Any) -> Any:
            return None if plane is None else plane[..., rows, :]

        planes = (self.evidence, self.ahead, self.unlike, self.codes)
        return Labelled(self.labels[rows], *map(cut, planes))


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
        Whether these are wanted besides the labels; with evidence comes how far the label is
        ahead, and what is unlike any unit.

    Returns
    -------
    Labelled
    """
    made = Labelled(
        np.zeros(mask.shape, np.uint8),
        scratch((len(model.numbers), *mask.shape), "evidence") if evidence else None,
        scratch(mask.shape, "ahead") if evidence else None,
        np.zeros(mask.shape, np.bool_) if evidence else None,
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
    if made.evidence is None or made.ahead is None or made.unlike is None:
        raise RuntimeError("confidence needs evidence")
    return model.confidence(
        labels, made.labels, made.evidence, made.ahead, made.unlike, model.numbers, core
    )


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
    units = model.clusterer.planes(features, into.evidence)
    np.multiply(np.asarray(model.numbers, np.uint8)[units], mask, out=into.labels)
    if into.evidence is not None and into.ahead is not None and into.unlike is not None:
        lead(into.evidence, model.clusterer.limits(), into.ahead, into.unlike)
    if into.codes is not None:
        into.codes[:, mask] = features[:, mask]


def _by_rows(
    model: Model, features: NDArray[np.float32], mask: NDArray[np.bool_], into: Labelled
) -> None:
    """Take the pixels with data out, as rows, and put the results back."""
    rows = model.codes(np.ascontiguousarray(features[:, mask].T))
    into.labels[mask] = model.assign(rows)
    if into.evidence is not None and into.ahead is not None and into.unlike is not None:
        into.evidence[:, mask] = model.evidence(rows).T
        unlimited = np.full(len(into.evidence), -np.inf, np.float32)
        lead(into.evidence, unlimited, into.ahead, into.unlike)
        into.unlike[mask] = model.clusterer.outside(rows)
    if into.codes is not None:
        into.codes[:, mask] = rows.T
