"""Agreement between reference classes and units, all of it from one table of counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.information import information_scores

#: What a reference calls a class: a number of a raster or field, or a text.
Label = int | str
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Contingency:
    """How many labelled pixels each class shares with each unit.

    Parameters
    ----------
    classes : tuple of int or str
        Reference classes with at least one pixel.
    units : tuple of int
        Units with at least one labelled pixel.
    counts : ndarray of int64, shape (classes, units)
        Pixels of the class in the unit.
    unmapped : ndarray of int64, shape (classes,)
        Pixels of the class that the map leaves without a unit.
    """

    classes: tuple[Label, ...]
    units: tuple[int, ...]
    counts: Counts
    unmapped: Counts

    @property
    def n(self) -> int:
        """Labelled pixels, mapped or not."""
        return int(self.counts.sum() + self.unmapped.sum())


def table_of(pairs: Iterable[tuple[Label, int | None, int]]) -> Contingency:
    """Add up a table from (class, unit, pixels), the unit None where there is none.

    A pair may come more than once; classes and units are put in order.
    """
    cells: dict[tuple[Label, int | None], int] = {}
    for label, unit, pixels in pairs:
        cells[label, unit] = cells.get((label, unit), 0) + int(pixels)
    classes = sorted({label for label, _ in cells}, key=lambda v: (isinstance(v, str), v))
    units = sorted({unit for _, unit in cells if unit is not None})
    row = {label: i for i, label in enumerate(classes)}
    column: dict[int | None, int] = {unit: j for j, unit in enumerate(units)} | {None: len(units)}
    counts = np.zeros((len(classes), len(units) + 1), np.int64)
    for (label, unit), pixels in cells.items():
        counts[row[label], column[unit]] = pixels
    return Contingency(tuple(classes), tuple(units), counts[:, :-1], counts[:, -1])


def score_labels(
    truth: NDArray[Any], units: NDArray[Any], invalid: NDArray[np.bool_] | None = None
) -> dict[str, Any]:
    """Score an array of units against an array of classes.

    Parameters
    ----------
    truth : ndarray of int or str, any shape
        Reference class of each pixel; every value is a class, 0 too.
    units : ndarray of int, same shape
        Unit of each pixel; 0 = not mapped.
    invalid : ndarray of bool, same shape, optional
        True where the reference has no label.

    Returns
    -------
    dict
        As `score_table` returns.

    Raises
    ------
    ValueError
        If the shapes differ or nothing is labelled.
    """
    truth, units = np.asarray(truth), np.asarray(units)
    if truth.shape != units.shape:
        raise ValueError(f"truth has shape {truth.shape} and units {units.shape}; they must agree")
    labelled = np.ones(truth.shape, bool) if invalid is None else ~np.asarray(invalid, bool)
    classes, row = np.unique(truth[labelled], return_inverse=True)
    names, column = np.unique(units[labelled], return_inverse=True)
    cells = np.bincount(row * len(names) + column, minlength=len(classes) * len(names))
    table = table_of(
        (classes[cell // len(names)].item(), int(names[cell % len(names)]) or None, cells[cell])
        for cell in np.flatnonzero(cells)
    )
    return score_table(table)


def score_table(table: Contingency) -> dict[str, Any]:
    """Compute every score from the table of counts.

    A labelled pixel without a unit is an error in every score: it stays in all denominators
    and is one more cluster for ``nmi``, ``ami`` and ``ari``, so that leaving hard pixels
    unmapped gains nothing.

    Parameters
    ----------
    table : Contingency
        With at least one labelled pixel.

    Returns
    -------
    dict
        ``n`` (labelled pixels), ``coverage`` (those that have a unit / n),
        ``overall_accuracy`` (units matched one to one with classes so that the most pixels
        agree), ``balanced_accuracy`` (mean over classes of the share that is found, under
        that matching), ``purity`` (every unit given its commonest class), ``kappa`` (of the
        matched map; units without a class and unmapped pixels are categories of their own;
        NaN where one class meets one unit only, where it is 0/0), ``nmi``, ``ami``,
        ``ari``, ``assignment`` (dict of unit to class: pairs of the matching that share a
        pixel) and ``confusion`` (the table: ``classes``, ``units``, ``counts``,
        ``unmapped``).

    Raises
    ------
    ValueError
        If the table is empty.

    References
    ----------
    Kuhn (1955) and Munkres (1957): the one-to-one matching. Cohen (1960), Educ. Psychol.
    Meas. 20(1): kappa. Hubert & Arabie (1985), J. Classification 2: the adjusted Rand index.
    Vinh, Epps & Bailey (2010), JMLR 11: the adjusted mutual information.
    """
    n = table.n
    if n == 0:
        raise ValueError("no labelled pixel: there is nothing to score")
    pairs = match(table.counts)
    hits = np.zeros(len(table.classes), np.int64)
    for i, j in pairs:
        hits[i] = table.counts[i, j]
    sizes = table.counts.sum(axis=1) + table.unmapped
    clusters = np.column_stack([table.counts, table.unmapped])
    return {
        "n": n,
        "coverage": int(table.counts.sum()) / n,
        "overall_accuracy": int(hits.sum()) / n,
        "balanced_accuracy": float(np.mean(hits / sizes)),
        "purity": int(table.counts.max(axis=0, initial=0).sum()) / n,
        "kappa": _kappa(table.counts, sizes, pairs, n),
        **information_scores(clusters),
        "ari": _adjusted_rand(clusters),
        "assignment": {table.units[j]: table.classes[i] for i, j in pairs},
        "confusion": {
            "classes": list(table.classes),
            "units": list(table.units),
            "counts": table.counts.tolist(),
            "unmapped": table.unmapped.tolist(),
        },
    }


def match(counts: Counts) -> list[tuple[int, int]]:
    """Match rows with columns one to one so that the matched counts sum to the most.

    Parameters
    ----------
    counts : ndarray of int64, shape (rows, columns)
        Any shape, also without columns.

    Returns
    -------
    list of (row, column)
        In order of the columns; a pair that shares nothing is left out, since a matching
        of leftovers says nothing.
    """
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(counts, maximize=True)
    pairs = [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if counts[i, j] > 0]
    return sorted(pairs, key=lambda pair: pair[1])


def _kappa(counts: Counts, sizes: Counts, pairs: list[tuple[int, int]], n: int) -> float:
    """Cohen's kappa of the matched map; whole numbers until the last division."""
    agreed = sum(int(counts[i, j]) for i, j in pairs)
    by_chance = sum(int(sizes[i]) * int(counts[:, j].sum()) for i, j in pairs)
    if by_chance == n * n:
        return float("nan")
    return (agreed * n - by_chance) / (n * n - by_chance)


def _adjusted_rand(counts: Counts) -> float:
    """Return the adjusted Rand index; the pairs of 10^8 pixels overflow int64, not Python's int."""
    n = int(counts.sum())
    together = sum(int(v) ** 2 for v in counts.ravel())
    rows = sum(int(v) ** 2 for v in counts.sum(axis=1))
    columns = sum(int(v) ** 2 for v in counts.sum(axis=0))
    both, apart = together - n, n * n - rows - columns + together
    only_rows, only_columns = rows - together, columns - together
    if only_rows == only_columns == 0:
        return 1.0
    numerator = 2 * (both * apart - only_rows * only_columns)
    return numerator / (
        (both + only_rows) * (only_rows + apart) + (both + only_columns) * (only_columns + apart)
    )
