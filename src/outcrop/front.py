"""From bands to the features that the reducer sees: transform, scaling, smoothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.estimator import Estimator
from outcrop.features.columns import Columns
from outcrop.source import valid_mask


@dataclass(frozen=True)
class Front:
    """What turns a block of a scene into features.

    Parameters
    ----------
    columns : Columns
        What is made of the bands before scaling.
    scaler, smoother : Estimator
        Fitted.
    """

    columns: Columns
    scaler: Estimator
    smoother: Any

    @property
    def halo(self) -> int:
        """Pixels of context that the features of a block need on each side."""
        return int(self.smoother.halo)

    @property
    def width(self) -> int:
        """How many features there are."""
        return self.columns.bands + len(self.columns.indices)

    def floors(self, bands: int) -> NDArray[np.float32]:
        """Return, by band, what smaller values are raised to before a logarithm or a ratio."""
        return self.columns.floors(bands, getattr(self.scaler, "floor_", None))

    def scaled(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn rows (n, bands) into scaled features (n, columns), each by itself."""
        features: NDArray[np.float32] = self.scaler.transform(self.columns(rows))
        return features

    def __call__(self, data: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn bands (band, y, x) into features (feature, y, x), NaN where a band has none."""
        mask = valid_mask(data)
        cube = np.full((*mask.shape, self.width), np.nan, np.float32)
        if mask.any():
            cube[mask] = self.scaled(np.ascontiguousarray(data[:, mask].T))
            cube = self.smoother(cube)
        return cube.transpose(2, 0, 1)
