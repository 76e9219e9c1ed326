"""From bands to the features that the reducer sees: transform, scaling, smoothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.estimator import BATCH_ROWS, Estimator
from outcrop.features import TRANSFORMS
from outcrop.source import valid_mask

#: Rows that are scaled at once before they are compressed: whole batches.
_ROWS = 8 * BATCH_ROWS


@dataclass(frozen=True)
class Front:
    """What turns a block of a scene into features.

    Parameters
    ----------
    transform : str
        Entry of `TRANSFORMS`.
    scaler, smoother, compressor : Estimator
        Fitted. The compressor brings many bands down to a few features before smoothing.
    """

    transform: str
    scaler: Estimator
    smoother: Any
    compressor: Any = None

    @property
    def halo(self) -> int:
        """Pixels of context that the features of a block need on each side."""
        return int(self.smoother.halo)

    def scaled(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Transform, scale and compress rows (n, bands), each by itself."""
        if self.compressor is None:
            return self._scaled(rows)
        out = np.empty((len(rows), self.compressor.n_components_), np.float32)
        for start in range(0, len(rows), _ROWS):  # or hundreds of bands would be held four times
            part = self._scaled(rows[start : start + _ROWS])
            out[start : start + _ROWS] = self.compressor.transform(part)
        return out

    def _scaled(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        features: NDArray[np.float32] = self.scaler.transform(TRANSFORMS.load(self.transform)(rows))
        return features

    def __call__(self, data: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn bands (band, y, x) into features (feature, y, x), NaN where a band has none."""
        mask = valid_mask(data)
        width = len(data) if self.compressor is None else self.compressor.n_components_
        cube = np.full((*mask.shape, width), np.nan, np.float32)
        if mask.any():
            cube[mask] = self.scaled(np.ascontiguousarray(data[:, mask].T))
            cube = self.smoother(cube)
        return cube.transpose(2, 0, 1)
