"""Noise, from how much neighbouring pixels differ."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Directions with less noise than this part of the noisiest are taken to have it: a band that
#: repeats another would otherwise have none, and be worth infinitely much.
LEAST_NOISE = 1e-6


def noise_covariance(
    rows: NDArray[np.float32], neighbours: NDArray[np.float32] | None
) -> NDArray[np.float64]:
    """Return the covariance (d, d) of the noise.

    Half the covariance of the differences between neighbours (Green et al. 1988): what
    neighbours share is the ground, what they don't is noise and grain. Contacts between units
    add to it, but most pixels have a neighbour of their own unit.

    Parameters
    ----------
    rows : ndarray, shape (n, d)
    neighbours : ndarray, shape (n, d), or None
        A neighbouring pixel of each; NaN where there is none. Without two such pairs the rows
        are taken to have uncorrelated noise in proportion to their variance.

    References
    ----------
    Green, Berman, Switzer & Craig (1988), "A transformation for ordering multispectral data in
    terms of image quality with implications for noise removal", IEEE Trans. Geosci. Remote
    Sensing 26(1).
    """
    if neighbours is not None:
        apart = (rows - neighbours)[np.isfinite(neighbours).all(axis=1)].astype(np.float64)
        if len(apart) > 1 and apart.any():
            # About zero and not about their mean: there is no reason for one side to be brighter.
            return np.asarray(apart.T @ apart / (2 * len(apart)))
    return np.diag(np.where(rows.var(axis=0, dtype=np.float64) > 0, rows.var(axis=0), 0.0))


def noise_whitening(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix (d, d) for ``rows @ matrix``, whose noise has identity covariance."""
    variances, axes = np.linalg.eigh(covariance)
    floor = LEAST_NOISE * max(float(variances[-1]), 0.0)
    return np.asarray(axes / np.sqrt(np.maximum(variances, floor or 1.0)))
