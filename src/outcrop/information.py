"""Entropy of a labelling, and what two tell of each other beyond chance, from counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
EPS = float(np.finfo(np.float64).eps)


def entropy(counts: Counts) -> float:
    """Entropy in nats of what is counted; an array of any shape, whose zeros do not matter."""
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log(share)).sum())


def information_scores(counts: Counts) -> dict[str, float]:
    """Normalised and adjusted mutual information, both with the mean of the two entropies.

    Parameters
    ----------
    counts : ndarray of int64, shape (classes, clusters)
        At least one pixel; empty rows and columns do not matter.

    Returns
    -------
    dict
        ``nmi`` and ``ami``. As in scikit-learn, both are 1 where one class meets one
        cluster, and 0 where one of them has more.

    References
    ----------
    Vinh, Epps & Bailey (2010), "Information theoretic measures for clusterings comparison",
    JMLR 11: eq. 24a for the expectation under random labellings of the same sizes.
    """
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if 1 in counts.shape:
        alike = float(counts.shape == (1, 1))
        return {"nmi": alike, "ami": alike}
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    mutual = _mutual_information(counts, rows, columns)
    mean_entropy = (entropy(rows) + entropy(columns)) / 2
    expected = _expected_information(rows, columns)
    gain, span = mutual - expected, mean_entropy - expected
    # Both labellings all single pixels: 0/0, and 1 as scikit-learn has it.
    gain, span = (min(v, -EPS) if v < 0 else max(v, EPS) for v in (gain, span))
    return {"nmi": mutual / mean_entropy, "ami": gain / span}


def _mutual_information(counts: Counts, rows: Counts, columns: Counts) -> float:
    """Mutual information in nats."""
    n = int(rows.sum())
    i, j = np.nonzero(counts)
    cells = counts[i, j].astype(np.float64)
    terms = cells / n * (np.log(cells / rows[i]) + np.log(n / columns[j]))
    return max(float(terms.sum()), 0.0)


def _expected_information(rows: Counts, columns: Counts) -> float:
    """Expect this mutual information of random labellings with these sizes.

    scikit-learn sums over every possible count of a cell, with tables as long as the
    largest class: gigabytes and minutes for a map of 10^8 pixels. Here only the counts are
    summed that have any probability in double precision.
    """
    n = int(rows.sum())
    return sum(
        times_a * times_b * _expected_cell(a, b, n)
        for a, times_a in _tally(rows)
        for b, times_b in _tally(columns)
    )


def _tally(sizes: Counts) -> list[tuple[int, int]]:
    """Return the distinct sizes and how often each occurs: equal cells are computed once."""
    values, times = np.unique(sizes, return_counts=True)
    return list(zip(values.tolist(), times.tolist(), strict=True))


def _expected_cell(a: int, b: int, n: int) -> float:
    """Return the expectation of x/n log(n x / (a b)) for x of the hypergeometric distribution."""
    low, high = max(0, a + b - n), min(a, b)
    mode = min(max((a + 1) * (b + 1) // (n + 2), low), high)
    # Bernstein's bound: beyond this reach lies less than 1e-20 of the probability.
    spread = min(b * (a / n) * (1 - a / n), a * (b / n) * (1 - b / n)) ** 0.5
    reach = int(10 * spread + 70)
    low, high = max(low, mode - reach), min(high, mode + reach)
    x = np.arange(low, high + 1, dtype=np.float64)
    # Neighbouring probabilities by their ratio, outwards from the mode and normalised at
    # the end: log-gamma of 10^8 would leave only half of the digits.
    ratio = (a - x[:-1]) * (b - x[:-1]) / (x[1:] * (n - a - b + x[1:]))
    at = mode - low
    weight = np.ones_like(x)
    weight[at + 1 :] = np.cumprod(ratio[at:])
    weight[:at] = np.cumprod(1 / ratio[:at][::-1])[::-1]
    held = x > 0
    terms = x[held] / n * np.log(x[held] * n / (float(a) * b))
    return float((weight[held] * terms).sum() / weight.sum())
