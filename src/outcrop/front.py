"""From bands to the features that the reducer sees: transform, scaling, smoothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.estimator import Estimator
from outcrop.features import TRANSFORMS


@dataclass(frozen=True)
class Front:
    """What turns a block of a scene into features.

    Parameters
    ----------
    transform : str
        Entry of `TRANSFORMS`.
    scaler, smoother : Estimator
        Fitted.
    """

    transform: str
    scaler: Estimator
    smoother: Any

    @property
    def halo(self) -> int:
        """Pixels of context that the features of a block need on each side."""
        return int(self.smoother.halo)

    def scaled(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Transform and scale rows (n, bands), each by itself."""
        features: NDArray[np.float32] = self.scaler.transform(TRANSFORMS.load(self.transform)(rows))
        return features

    def planes(self, data: NDArray[np.float32]) -> NDArray[np.float32]:
        """Transform and scale bands (band, y, x): what `scaled` does, plane by plane."""
        transformed = TRANSFORMS.load(self.transform)(data)
        return np.stack([self.scaler.plane(p, b) for b, p in enumerate(transformed)])

    def __call__(self, data: NDArray[np.float32], rows: slice | None = None) -> NDArray[np.float32]:
        """Turn bands (band, y, x) into features (feature, y, x), or those of some rows.

        Missing values stay missing; of a pixel that misses some, the others mean nothing.
        """
        features: NDArray[np.float32] = self.smoother(self.planes(data), rows)
        return features

    def at(
        self, data: NDArray[np.float32], row: NDArray[np.intp], col: NDArray[np.intp]
    ) -> NDArray[np.float32]:
        """Return the features of some pixels with data in bands (band, y, x), as rows (n, d)."""
        features: NDArray[np.float32] = self.smoother.at(self.planes(data), row, col)
        return features
