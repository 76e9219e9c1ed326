"""What is measured of a map against its reference, and beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.evaluation.scores import Contingency, match, score_table, table_of
from outcrop.information import entropy
from outcrop.scoring import internal_scores

Counts = NDArray[np.int64]


def contingency(codes: NDArray[Any], units: NDArray[Any], classes: int) -> Counts:
    """Count labelled pixels by class and unit, shape (classes, 256); column 0 is unmapped.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        Classes from 1.
    units : ndarray of uint8, shape (n,)
    classes : int
        How many there are.
    """
    cells = (codes.astype(np.int64) - 1) * 256 + units
    counts: Counts = np.bincount(cells, minlength=classes * 256).reshape(classes, 256)
    return counts


def agreement(
    codes: NDArray[Any], units: NDArray[Any], classes: tuple[int | str, ...]
) -> dict[str, Any]:
    """Score labelled pixels: all of `outcrop.evaluation.scores.score_table`, and more.

    Returns
    -------
    dict
        Besides: ``homogeneity`` and ``completeness`` (Rosenberg & Hirschberg 2007, EMNLP), and
        ``by_class``, a dict for each class with producer's and user's accuracy and F1 under the
        one-to-one matching, and the same with every unit named by its commonest class.
    """
    counts = contingency(codes, units, len(classes))
    table = table_of(
        (classes[i], int(j) or None, int(counts[i, j])) for i, j in np.argwhere(counts > 0)
    )
    scores = score_table(table)
    scores["homogeneity"], scores["completeness"] = _purities(
        np.column_stack([table.counts, table.unmapped])
    )
    scores["by_class"] = _by_class(table)
    return scores


def _purities(counts: Counts) -> tuple[float, float]:
    """Return homogeneity and completeness, 1 where there is nothing to tell."""
    by = entropy(counts.sum(axis=1)), entropy(counts.sum(axis=0))
    mutual = max(sum(by) - entropy(counts), 0.0)
    first, second = (mutual / h if h > 0 else 1.0 for h in by)
    return first, second


def _by_class(table: Contingency) -> list[dict[str, Any]]:
    counts = table.counts
    sizes = counts.sum(axis=1) + table.unmapped
    pairs = match(counts)
    one = np.zeros_like(counts)
    for i, j in pairs:
        one[i, j] = 1
    named = np.zeros_like(counts)
    if counts.shape[1]:
        named[counts.argmax(axis=0), np.arange(counts.shape[1])] = 1
    return [
        {
            "class": label,
            "pixels": int(sizes[i]),
            **_accuracies(counts, sizes, one, i),
            **{f"named_{k}": v for k, v in _accuracies(counts, sizes, named, i).items()},
        }
        for i, label in enumerate(table.classes)
    ]


def _accuracies(counts: Counts, sizes: Counts, given: Counts, i: int) -> dict[str, float | None]:
    """Return the accuracies of a class where the units ``given[i] > 0`` stand for it."""
    hits = int((counts[i] * given[i]).sum())
    claimed = int((counts.sum(axis=0) * given[i]).sum())
    producer, user = hits / int(sizes[i]), hits / claimed if claimed else None
    both = 2 * hits / (int(sizes[i]) + claimed)
    return {"producer": producer, "user": user, "f1": both}


def boundary_agreement(
    codes: NDArray[Any], units: NDArray[Any], within: int
) -> dict[str, float | None]:
    """Say how near the map's boundaries lie to those of the reference.

    A boundary runs between two pixels that share a side, are both labelled (and mapped), and
    differ; both pixels are boundary pixels. Where polygons of a reference do not touch, it has
    none.

    Parameters
    ----------
    codes : ndarray of int, shape (y, x)
        Classes; 0 = not labelled.
    units : ndarray of int, shape (y, x)
        Units; 0 = not mapped.
    within : int
        Pixels (Euclidean) that a boundary may be off.

    Returns
    -------
    dict
        ``found`` (share of the reference's boundary pixels with one of the map within reach),
        ``true`` (share of the map's with one of the reference) and ``f1`` of the two; None
        where there is no boundary to look for.

    References
    ----------
    Csurka, Larlus & Perronnin (2013), BMVC: the boundary F1.
    """
    from scipy.ndimage import distance_transform_edt

    labelled = codes > 0
    reference, mapped = _edges(codes, labelled), _edges(units, labelled & (units > 0))
    if not reference.any():
        return {"found": None, "true": None, "f1": None}
    if not mapped.any():
        return {"found": 0.0, "true": None, "f1": 0.0}
    found = float((distance_transform_edt(~mapped)[reference] <= within).mean())
    true = float((distance_transform_edt(~reference)[mapped] <= within).mean())
    both = 2 * found * true / (found + true) if found + true else 0.0
    return {"found": found, "true": true, "f1": both}


def _edges(labels: NDArray[Any], usable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    edges = np.zeros(labels.shape, bool)
    for first, second in (
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
    ):
        differ = (labels[first] != labels[second]) & usable[first] & usable[second]
        edges[first] |= differ
        edges[second] |= differ
    return edges


def inner_scores(
    codes: NDArray[np.float32],
    rows: NDArray[np.float32],
    labels: NDArray[np.integer[Any]],
    seed: int,
) -> dict[str, Any]:
    """Score a clustering without truth: in the recipe's own space, and in standardised bands."""
    spread = rows.std(axis=0, dtype=np.float64)
    bands = (rows - rows.mean(axis=0, dtype=np.float64)) / np.where(spread > 0, spread, 1.0)
    return {
        "own": internal_scores(codes, labels, seed),
        "bands": internal_scores(bands.astype(np.float32), labels, seed),
    }
