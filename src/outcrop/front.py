"""From bands to the features that the reducer sees: transform, scaling, smoothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.estimator import BATCH_ROWS, Estimator
from outcrop.features.columns import Columns
from outcrop.source import valid_mask

#: Rows that are scaled at once before they are compressed: whole batches.
_ROWS = 8 * BATCH_ROWS


@dataclass(frozen=True)
class Front:
    """What turns a block of a scene into features.

    Parameters
    ----------
    columns : Columns
        What is made of the bands before scaling.
    scaler, smoother, compressor : Estimator
        Fitted. The compressor brings many features down to a few before smoothing.
    """

    columns: Columns
    scaler: Estimator
    smoother: Any
    compressor: Any = None

    @property
    def halo(self) -> int:
        """Pixels of context that the features of a block need on each side."""
        return int(self.smoother.halo)

    @property
    def width(self) -> int:
        """How many features there are."""
        if self.compressor is not None:
            return int(self.compressor.n_components_)
        return self.columns.bands + len(self.columns.indices)

    def floors(self, bands: int) -> NDArray[np.float32]:
        """Return, by band, what smaller values are raised to before a logarithm or a ratio."""
        return self.columns.floors(bands, getattr(self.scaler, "floor_", None))

    def scaled(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn rows (n, bands) into scaled features (n, columns), each by itself."""
        if self.compressor is None:
            return self._scaled(rows)
        out = np.empty((len(rows), self.width), np.float32)
        for start in range(0, len(rows), _ROWS):  # or hundreds of bands would be held four times
            part = self._scaled(rows[start : start + _ROWS])
            out[start : start + _ROWS] = self.compressor.transform(part)
        return out

    def _scaled(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        features: NDArray[np.float32] = self.scaler.transform(self.columns(rows))
        return features

    def planes(self, data: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn bands (band, y, x) into scaled features (feature, y, x), not smoothed.

        To the bit what `scaled` gives. Missing values stay missing; where a pixel misses some,
        its other features mean nothing.
        """
        if self.compressor is None and not self.columns.indices:
            made = np.empty(data.shape, np.float32)
            for band, plane in enumerate(data):
                self.scaler.plane(*self.columns.plane(plane, band), made[band])
            return made
        mask = valid_mask(data)
        out = np.full((self.width, *mask.shape), np.nan, np.float32)
        if mask.any():
            out[:, mask] = self.scaled(np.ascontiguousarray(data[:, mask].T)).T
        return out

    def __call__(self, data: NDArray[np.float32], rows: slice | None = None) -> NDArray[np.float32]:
        """Turn bands (band, y, x) into features (feature, y, x), or those of some rows.

        As `planes`, smoothed.
        """
        features: NDArray[np.float32] = self.smoother(self.planes(data), rows)
        return features

    def at(
        self, data: NDArray[np.float32], row: NDArray[np.intp], col: NDArray[np.intp]
    ) -> NDArray[np.float32]:
        """Return the features of some pixels with data in bands (band, y, x), as rows (n, d)."""
        features: NDArray[np.float32] = self.smoother.at(self.planes(data), row, col)
        return features
