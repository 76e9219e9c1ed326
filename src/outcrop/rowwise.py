"""Products of rows and a matrix whose bits don't depend on the row's company."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def times(rows: NDArray[Any], matrix: NDArray[Any]) -> NDArray[Any]:
    """Return ``rows @ matrix``, each row by itself and its terms in their order.

    BLAS has other code for the last rows of a matrix than for the first, and on some
    processors it rounds otherwise: there a pixel would depend on its place in the batch.

    Parameters
    ----------
    rows : ndarray of float32 or float64, shape (n, columns)
        As many as a cache holds at a time, for speed.
    matrix : ndarray of float32 or float64, shape (columns, width)

    Returns
    -------
    ndarray of the wider type of the two, shape (n, width)
    """
    columns = np.ascontiguousarray(rows.T)
    out = np.zeros((matrix.shape[1], len(rows)), np.result_type(rows, matrix))
    product = np.empty_like(out)
    for column, weights in zip(columns, matrix, strict=True):
        np.multiply(weights[:, None], column, out=product)
        out += product
    return np.ascontiguousarray(out.T)
