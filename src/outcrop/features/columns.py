"""From rows of bands to the columns that are scaled: the bands, transformed, and indices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.config import Recipe
from outcrop.features import TRANSFORMS
from outcrop.features.transforms import FLOOR
from outcrop.indices import FLOOR as INDEX_FLOOR
from outcrop.indices import Ready, require, stack
from outcrop.sensors.base import Band

#: What reflectance can be.
LOW, HIGH = np.float32(0.0), np.float32(1.0)
BANDS = "bands"


@dataclass(frozen=True)
class Columns:
    """What is made of a pixel's bands, each pixel by itself.

    Parameters
    ----------
    transform : str
        Entry of `TRANSFORMS`, for the bands.
    bands : int
        How many bands are columns: all or none.
    indices : tuple of Ready
        Further columns.
    clipped : tuple of int
        Positions of the bands that are held within 0-1.
    """

    transform: str
    bands: int
    indices: tuple[Ready, ...] = ()
    clipped: tuple[int, ...] = ()

    @classmethod
    def of(cls, recipe: Recipe, bands: Sequence[Band], scene: str = "the scene") -> Columns:
        """Return what a recipe makes of bands.

        Raises
        ------
        SceneError
            If an index cannot be computed of them.
        """
        use = recipe.features.use
        names = [n for n in use if n != BANDS]
        clip = recipe.preprocess.clip
        return cls(
            transform=recipe.features.transform,
            bands=len(bands) if BANDS in use else 0,
            indices=require(names, bands, scene) if names else (),
            clipped=tuple(i for i, b in enumerate(bands) if clip and b.quantity == "reflectance"),
        )

    @property
    def linear(self) -> tuple[int, ...]:
        """Columns that have no logarithm: they may be 0 or below."""
        return tuple(self.bands + i for i, r in enumerate(self.indices) if r.index.signed)

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn rows (n, bands) into (n, columns)."""
        held = self._held(rows)
        bands: NDArray[np.float32] = (
            TRANSFORMS.load(self.transform)(held) if self.bands else held[:, :0]
        )
        if not self.indices:
            return bands
        return np.concatenate([bands, stack(self.indices, held.T).T], axis=1)

    def plane(
        self, values: NDArray[np.float32], band: int
    ) -> tuple[NDArray[np.float32], int, tuple[float, float]]:
        """Return the column of one band, of any shape, where there are no indices.

        Returns
        -------
        values : ndarray of float32
            Transformed.
        band : int
        within : tuple of float
            What they are still to be held within.
        """
        within = (float(LOW), float(HIGH)) if band in self.clipped else (-np.inf, np.inf)
        if self.transform == "none":
            return values, band, within
        held = np.clip(values, np.float32(within[0]), np.float32(within[1]))
        return TRANSFORMS.load(self.transform)(held), band, (-np.inf, np.inf)

    def _held(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        if len(self.clipped) == rows.shape[1]:
            return np.clip(rows, LOW, HIGH)
        held = rows.copy() if self.clipped else rows
        for i in self.clipped:
            held[:, i] = np.clip(rows[:, i], LOW, HIGH)
        return held

    def floors(self, count: int, scaled: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """Return, by band, what smaller values are raised to before a logarithm or a ratio.

        Parameters
        ----------
        count : int
            How many bands there are.
        scaled : ndarray or None
            Floors of the scaler, by column, NaN where it has none.
        """
        floors = np.full(count, -np.inf, np.float32)
        if self.bands and self.transform == "log":
            floors[:] = FLOOR
        elif self.bands and scaled is not None:
            floors[:] = np.where(np.isnan(scaled[:count]), -np.inf, scaled[:count])
        for index in self.indices:
            for i in {i for places in index.positions for i in places}:
                floors[i] = max(floors[i], INDEX_FLOOR)
        return floors
