"""From the bands of a block to its units: the hot part of every map.

A block is done in strips of rows, whose features and codes stay in the processor's cache and
are never held for the whole block; only labels, and the evidence where a filter asks for it, are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.model import Model
from outcrop.scratch import scratch

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
    codes : ndarray of float32, shape (d, y, x), or None
        NaN where there is no data.
    """

    labels: NDArray[np.uint8]
    evidence: NDArray[np.float32] | None
    codes: NDArray[np.float32] | None


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
    labels = np.zeros(mask.shape, np.uint8)
    room = scratch((len(model.numbers), *mask.shape), "evidence") if evidence else None
    code = np.full((model.width, *mask.shape), np.nan, np.float32) if codes else None
    work = _by_planes if _has_planes(model) else _by_rows
    for rows, features in _strips(model, data, mask):
        kept = None if code is None else code[:, rows]
        work(
            model, features, mask[rows], labels[rows], None if room is None else room[:, rows], kept
        )
    return Labelled(labels, room, code)


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
    model: Model,
    features: NDArray[np.float32],
    mask: NDArray[np.bool_],
    labels: NDArray[np.uint8],
    evidence: NDArray[np.float32] | None,
    codes: NDArray[np.float32] | None,
) -> None:
    """Do all pixels, with data or not, in the order that they lie in."""
    units = model.clusterer.planes(features, evidence)
    np.multiply(np.asarray(model.numbers, np.uint8)[units], mask, out=labels)
    if codes is not None:
        codes[:, mask] = features[:, mask]


def _by_rows(
    model: Model,
    features: NDArray[np.float32],
    mask: NDArray[np.bool_],
    labels: NDArray[np.uint8],
    evidence: NDArray[np.float32] | None,
    codes: NDArray[np.float32] | None,
) -> None:
    """Take the pixels with data out, as rows, and put the results back."""
    rows = model.codes(np.ascontiguousarray(features[:, mask].T))
    labels[mask] = model.assign(rows)
    if evidence is not None:
        evidence[:, mask] = model.evidence(rows).T
    if codes is not None:
        codes[:, mask] = rows.T
