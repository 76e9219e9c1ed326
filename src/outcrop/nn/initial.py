"""Starting weights of dense networks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray


def glorot(widths: Sequence[int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw Glorot-uniform weights (Glorot & Bengio 2010) and set zero biases.

    Parameters
    ----------
    widths : sequence of int
        Units of each layer, the input included.
    rng : numpy.random.Generator
        Where the numbers come from.

    Returns
    -------
    ndarray of float32, shape (p,)
        Layer after layer, the (in, out) weights in C order and then the biases.
    """
    parts: list[NDArray[Any]] = []
    for n_in, n_out in pairwise(widths):
        limit = np.sqrt(6.0 / (n_in + n_out))
        parts += [rng.uniform(-limit, limit, n_in * n_out), np.zeros(n_out)]
    return np.concatenate(parts).astype(np.float32)
