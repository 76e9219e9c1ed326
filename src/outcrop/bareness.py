"""How bare the ground is in each of several observations of a pixel, as weights of a composite.

A composite that is weighted to bare ground shows soil and rock where plants come and go, as in
the barest-earth mosaic of Australia (Roberts, Wilford and Ghattas 2019), which is a weighted
geometric median too. The weights here are Outcrop's own, of published indices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.errors import SceneError
from outcrop.indices import BLUE, NIR, RED, SWIR1
from outcrop.sensors.base import Band

#: An observation that is less bare than the barest by this much of the index counts 1/e.
SOFTNESS = 0.05


@dataclass(frozen=True)
class Bareness:
    """Which bands the index is computed from: red and near infrared, blue and SWIR or None."""

    red: int
    nir: int
    blue: int | None = None
    swir: int | None = None

    @property
    def index(self) -> str:
        """What is computed."""
        return "negative NDVI" if self.blue is None else "bare-soil index"

    def __call__(self, stack: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return weights (scene, y, x), 1 for the barest observation of each pixel, 0 for no data.

        ``exp((index - highest index) / SOFTNESS)``: observations about as bare as the barest
        share the say, so that a single one, which may be a shadow or a cloud's rim, has not
        all of it.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            index = self._index(stack)
        known = np.isfinite(index) & np.isfinite(stack).all(axis=1)
        index = np.where(known, index, np.float32(-np.inf))
        best = index.max(axis=0, initial=-np.inf)
        best[~np.isfinite(best)] = 0
        weights: NDArray[np.float32] = np.exp((index - best) / np.float32(SOFTNESS))
        return weights

    def _index(self, stack: NDArray[np.float32]) -> NDArray[np.float32]:
        red, nir = stack[:, self.red], stack[:, self.nir]
        if self.blue is None or self.swir is None:
            return np.asarray((red - nir) / (red + nir))
        blue, swir = stack[:, self.blue], stack[:, self.swir]
        return np.asarray(((swir + red) - (nir + blue)) / ((swir + red) + (nir + blue)))


def bareness_of(bands: Sequence[Band], name: str) -> Bareness:
    """Choose the index that the bands allow.

    The bare-soil index ((SWIR + red) - (NIR + blue)) over their sum (Rikimaru, Roy and Miyatake
    2002), or, without blue or SWIR, the negative NDVI.

    Raises
    ------
    SceneError
        If there is no red or near-infrared band in reflectance.
    """
    red, nir, blue, swir = (p.nearest(bands, ("reflectance",)) for p in (RED, NIR, BLUE, SWIR1))
    if red is None or nir is None:
        raise SceneError(
            f"--composite barest: {name} has no band {RED} or none {NIR} in reflectance, by which "
            "bare ground is told from plants; take --composite geomedian (or see --sensor, "
            "--bands, --scale)"
        )
    return Bareness(red, nir) if blue is None or swir is None else Bareness(red, nir, blue, swir)
