"""Internal scores of a clustering in its own space: they need no truth, and prove none."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Rows that the scores are taken on; the silhouette, quadratic in rows, on a part of them.
ROWS, SILHOUETTE_ROWS = 100_000, 5_000


def internal_scores(
    codes: NDArray[np.float32], labels: NDArray[np.integer[Any]], seed: int = 0
) -> dict[str, Any]:
    """Score clusters by Calinski-Harabasz, Davies-Bouldin and silhouette.

    Values are comparable only within one feature space and for one number of units.

    Parameters
    ----------
    codes : ndarray, shape (n, d)
    labels : ndarray of int, shape (n,)
    seed : int
        Chooses the rows that are scored.

    Returns
    -------
    dict
        The scores (None where fewer than two clusters are met), and the rows they were taken on.
    """
    from sklearn.metrics import (
        calinski_harabasz_score,
        davies_bouldin_score,
        silhouette_score,
    )

    rng = np.random.default_rng([seed, 0x5C0])
    chosen = rng.permutation(len(codes))[:ROWS]
    few = chosen[:SILHOUETTE_ROWS]

    def score(function: Any, rows: NDArray[np.intp]) -> float | None:
        count = len(np.unique(labels[rows]))
        return float(function(codes[rows], labels[rows])) if 1 < count < len(rows) else None

    return {
        "calinski_harabasz": score(calinski_harabasz_score, chosen),
        "davies_bouldin": score(davies_bouldin_score, chosen),
        "silhouette": score(silhouette_score, few),
        "rows": len(chosen),
        "silhouette_rows": len(few),
    }
