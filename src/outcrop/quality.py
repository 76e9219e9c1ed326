"""Bands and quality layers of a product as one source: masked pixels are NaN, and it says why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from outcrop.errors import SceneError, listed
from outcrop.indices import NIR, RED
from outcrop.reasons import (
    CLEAR,
    CODES,
    DEFAULT,
    FILL,
    NDVI,
    SATURATED,
    VEGETATION,
    Flag,
)
from outcrop.sensors.base import Band, Sun
from outcrop.source import (
    PixelwiseSource,
    ReasonedSource,
    Source,
    Window,
    read_observed,
    read_reasons,
    valid_mask,
)

#: Quality layers are of 16 bits at most.
LARGEST = 65535


@dataclass(frozen=True)
class Masks:
    """What is masked: names of `outcrop.reasons.SWITCHES`, and the NDVI that is vegetation."""

    names: tuple[str, ...] = DEFAULT
    ndvi: float = NDVI

    @property
    def codes(self) -> tuple[int, ...]:
        """Codes of what is masked; fill always is."""
        return (FILL, *(CODES[n] for n in self.names))


def decode(stored: NDArray[np.float32], flags: Sequence[Flag]) -> NDArray[np.uint8]:
    """Turn a quality layer into reasons.

    Parameters
    ----------
    stored : ndarray of float32
        Whole numbers up to 65535, NaN where the layer has none.
    flags : sequence of Flag

    Returns
    -------
    ndarray of uint8
        The lowest reason that holds, 0 where none does; ``FILL`` where there is no number.
    """
    known = (stored >= 0) & (stored <= LARGEST)
    codes = _table(tuple(flags))[np.where(known, stored, 0).astype(np.uint16)]
    codes[~known] = FILL
    return codes


@lru_cache(maxsize=64)
def _table(flags: tuple[Flag, ...]) -> NDArray[np.uint8]:
    """Return the reason of every number that a layer can hold: faster than testing pixels."""
    values = np.arange(LARGEST + 1)
    table = np.zeros(len(values), np.uint8)
    for flag in sorted(flags, key=lambda f: -f.reason):
        field = (values >> flag.shift) & ((1 << flag.bits) - 1)
        table[np.isin(field, flag.values)] = flag.reason
    return table


def lowest(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Join the reasons of two layers: the lowest code that is not 0."""
    # 0 - 1 wraps round to 255, so that clear is the highest.
    return np.asarray(np.minimum(a - np.uint8(1), b - np.uint8(1)) + np.uint8(1))


@dataclass(frozen=True)
class DecodedSource(PixelwiseSource):
    """A layer whose numbers say what is wrong with a pixel, read as codes of reasons.

    ``flags`` are those that are masked, ``others`` what it tells besides.
    """

    base: Source
    flags: tuple[Flag, ...]
    others: tuple[Flag, ...] = ()

    @classmethod
    def masking(cls, base: Source, flags: Sequence[Flag], masks: Masks) -> Self:
        """Take from a layer's flags those that are masked."""
        wanted = tuple(f for f in flags if f.reason in masks.codes)
        return cls(base, wanted, tuple(f for f in flags if f not in wanted))

    def read(self, window: Window) -> NDArray[np.float32]:
        """Return the codes (1, height, width)."""
        return decode(self.base.read(window), self.flags).astype(np.float32)


@dataclass(frozen=True)
class QualitySource(ReasonedSource, PixelwiseSource):
    """A scene and what is known of its quality.

    Parameters
    ----------
    base : Source
        The bands; NaN where there is no measurement, +inf where it was saturated.
    layers : tuple of Source
        Codes of reasons on the grid of the bands: `DecodedSource`, or one of them regridded.
    masks : Masks
    product : str
        What it was recognised as; empty for a plain raster.
    notes : tuple of str
        What the user should know of it.
    paths : tuple of Path or str
        Files and addresses besides those of the bands that provenance lists.
    sun : Sun or None
        Where the sun stood, by the metadata.
    relief : str
        Who took the light on slopes out of the bands already; empty if nobody did.
    toa : bool
        Whether it is reflectance at the top of the atmosphere, with haze in it.
    acquired : str
        When it was taken, as `outcrop.timespan.told` returns it; empty if it is not told.
    """

    base: Source
    layers: tuple[Source, ...] = ()
    masks: Masks = Masks()
    product: str = ""
    notes: tuple[str, ...] = ()
    paths: tuple[Path | str, ...] = ()
    sun: Sun | None = None
    relief: str = ""
    toa: bool = False
    acquired: str = ""

    def read_reasons(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return the bands, NaN where masked too, and why pixels (height, width) are missing."""
        data = self.base.read(window)
        reasons = np.full(data.shape[1:], CLEAR, np.uint8)
        saturated = np.isposinf(data).any(axis=0)
        reasons[saturated] = SATURATED
        reasons[~valid_mask(data) & ~saturated] = FILL
        for layer in self.layers:
            reasons = lowest(reasons, layer.read(window)[0].astype(np.uint8))
        if "vegetation" in self.masks.names:
            reasons[(reasons == CLEAR) & self._green(data)] = VEGETATION
        data[:, reasons != CLEAR] = np.nan
        return data, reasons

    def _green(self, data: NDArray[np.float32]) -> NDArray[np.bool_]:
        red, nir = (data[i] for i in vegetation_bands(self.bands, self.name))
        # Multiplied out, so that sums of 0 and below, where the index means nothing, are not green.
        with np.errstate(invalid="ignore"):
            return np.asarray((nir + red > 0) & (nir - red > self.masks.ndvi * (nir + red)))


def vegetation_bands(bands: Sequence[Band], name: str) -> tuple[int, int]:
    """Find the red and the near-infrared band by wavelength.

    Raises
    ------
    SceneError
        If there is none of the kind, or they are not reflectance.
    """
    red, nir = (place.nearest(bands, ("reflectance",)) for place in (RED, NIR))
    if red is None or nir is None:
        raise SceneError(
            f"{name}: vegetation cannot be masked without a red band ({RED.low:g}-{RED.high:g} um) "
            f"and one in the near infrared ({NIR.low:g}-{NIR.high:g} um) in reflectance; the bands "
            f"are {listed([b.name for b in bands])} (see --sensor, --bands, --scale, --mask)"
        )
    return red, nir


def with_masks(source: Source, masks: Masks) -> Source:
    """Apply to a plain raster what can be masked without quality layers: vegetation."""
    if "vegetation" in masks.names:
        vegetation_bands(source.bands, source.name)
    notes = untold(masks, ())
    if isinstance(source, QualitySource) or not (notes or "vegetation" in masks.names):
        return source
    kept = tuple(n for n in masks.names if n == "vegetation")
    return QualitySource(source, masks=replace(masks, names=kept), notes=tuple(notes))


def untold(masks: Masks, told: Collection[int]) -> list[str]:
    """Say which masks were asked for, beyond the default, that no quality layer tells."""
    asked = [n for n in masks.names if n not in (*DEFAULT, "vegetation")]
    unmet = [n for n in asked if CODES[n] not in told]
    return [f"not masked, since nothing in the scene tells: {', '.join(unmet)}"] if unmet else []


@dataclass(frozen=True)
class WithReasons(PixelwiseSource):
    """A source with planes for the reasons and, with ``clear``, the number of clear observations.

    So one pass reads bands, reasons and counts.
    """

    base: Source
    clear: bool = False

    @property
    def bands(self) -> tuple[Band, ...]:
        """The scene's bands, and the planes beyond them."""
        more = ("mask", "clear") if self.clear else ("mask",)
        return (*self.base.bands, *(Band(name, quantity="feature") for name in more))

    def read(self, window: Window) -> NDArray[np.float32]:
        """Return (band + 1 or 2, height, width)."""
        if not self.clear:
            data, reasons = read_reasons(self.base, window)
            return np.concatenate([data, reasons[None].astype(np.float32)])
        data, reasons, clear = read_observed(self.base, window)
        return np.concatenate([data, np.stack([reasons, clear]).astype(np.float32)])
