"""A scene with the light on its slopes taken out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.quality import Masks
from outcrop.reasons import CAST_SHADOW, CLEAR, CODES, NO_HEIGHT
from outcrop.relief import CORRECTIONS
from outcrop.relief.correction import Correction
from outcrop.relief.light import Light
from outcrop.sensors.base import Band
from outcrop.source import (
    ObservedSource,
    PixelwiseSource,
    Source,
    Window,
    read_observed,
    read_reasons,
)


@dataclass(frozen=True)
class LitSource(ObservedSource, PixelwiseSource):
    """A scene on an elevation model.

    Parameters
    ----------
    base : Source
    light : Light
    method : str
        Entry of `outcrop.relief.CORRECTIONS`.
    coefficients : tuple of float or None
        Of each band; None: the band is left as it is.
    masks : Masks
        Whether pixels without direct sun, and those without height, are left out.
    facts : dict
        What ``metrics.json`` and ``run.toml`` hold of it.
    notes, paths
        As for `QualitySource`.
    """

    base: Source
    light: Light
    method: str
    coefficients: tuple[float | None, ...]
    masks: Masks
    facts: dict[str, Any]
    notes: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()

    @property
    def uncorrected(self) -> LitSource:
        """The same pixels with the light left in."""
        return replace(self, coefficients=(None,) * len(self.bands))

    def read_observed(
        self, window: Window
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint16]]:
        """Return the bands, why pixels are missing, and how many observations are clear."""
        data, reasons, clear = read_observed(self.base, window)
        if not (reasons == CLEAR).any():
            return data, reasons, clear
        planes = self.light.read(window)
        known = np.isfinite(planes.incidence)
        for code, holds in ((NO_HEIGHT, ~known), (CAST_SHADOW, known & ~planes.lit)):
            if code in self._masked:
                reasons[(reasons == CLEAR) & holds] = code
        correction: Correction = CORRECTIONS.load(self.method)()
        for plane, coefficient in zip(data, self.coefficients, strict=True):
            if coefficient is not None:
                gain = correction.gain(
                    coefficient, planes.incidence, planes.upright, self.light.sine
                )
                plane *= np.where(known, gain, np.float32(1))
        data[:, reasons != CLEAR] = np.nan
        return data, reasons, clear

    @property
    def _masked(self) -> tuple[int, ...]:
        return tuple(CODES[n] for n in self.masks.names)


@dataclass(frozen=True)
class NotedSource(PixelwiseSource):
    """A scene as it is, and what the user should know of it."""

    base: Source
    notes: tuple[str, ...]

    def read(self, window: Window) -> NDArray[np.float32]:
        """Return (band, height, width)."""
        return self.base.read(window)

    def read_reasons(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return the bands and the reasons (height, width) of what is missing."""
        return read_reasons(self.base, window)

    def read_observed(
        self, window: Window
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint16]]:
        """Return the same, and how many observations of a composite are clear."""
        return read_observed(self.base, window)


@dataclass(frozen=True)
class WithLight(PixelwiseSource):
    """Bands, then cosine of incidence and of slope: what a correction is fitted on.

    NaN where there is no direct sun or no height.
    """

    base: Source
    light: Light

    @property
    def bands(self) -> tuple[Band, ...]:
        """The scene's bands and the two cosines."""
        names = ("incidence", "upright")
        return (*self.base.bands, *(Band(n, quantity="feature") for n in names))

    def read(self, window: Window) -> NDArray[np.float32]:
        """Return (band + 2, height, width)."""
        planes = self.light.read(window)
        cosines = np.stack([planes.incidence, planes.upright])
        cosines[:, ~planes.lit] = np.nan
        return np.concatenate([self.base.read(window), cosines])
