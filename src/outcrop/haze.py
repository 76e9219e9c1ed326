"""Haze: what the darkest objects of a scene show of the air above them, taken off every pixel.

Dark-object subtraction as Chavez (1988, Remote Sens. Environ. 24:459) improved it: the haze of
the band of the shortest wavelength is what its darkest pixels have beyond the 1% that a dark
object itself reflects (Chavez 1996, Photogramm. Eng. Remote Sens. 62:1025), and that of the other
bands falls with a power of the wavelength that depends on how hazy it is. No band loses
more than its own darkest pixels allow: a scene without anything dark is not made darker in
the infrared. Only what the air adds is taken off; what it swallows stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.engine import TILE, Block, cut, run, some_of
from outcrop.errors import SceneError
from outcrop.quality import QualitySource
from outcrop.sensors.base import Band
from outcrop.source import PixelwiseSource, Source, Window, leaves

#: What a dark object reflects (Chavez 1996).
DARK_REFLECTANCE = 0.01
#: The darkest pixels: this part of all, and this many at least, so that a dead pixel is none.
DARKEST, LEAST = 1e-4, 10
#: Tiles that are looked at, at most; which ones is fixed.
TILES = 64
#: Longest wavelength, in micrometres, from which the haze of other bands may be told.
START_UM = 0.60
#: Highest dark value of the first band and exponent of the wavelength: very clear, clear,
#: moderate, hazy, and beyond them very hazy. Chavez (1988) gives them as numbers of TM's band 1
#: (55, 75, 95, 115); here as reflectance at the top of the atmosphere with the sun 45 degrees
#: high, by his gain and offset (0.602 and -1.5 W m-2 sr-1 um-1; 1957 W m-2 um-1 from the sun).
CLEARNESS = ((0.072, 4.0), (0.099, 2.0), (0.126, 1.0), (0.154, 0.7))
VERY_HAZY = 0.5
#: Reflectance is counted in steps of `STEP` from `BOTTOM` to 1.
BOTTOM, STEP = -0.1, 1e-4
_BINS = round((1.0 - BOTTOM) / STEP)


@dataclass(frozen=True)
class HazeSource(PixelwiseSource):
    """A scene less its haze.

    Parameters
    ----------
    base : Source
        In reflectance.
    haze : tuple of float
        What is subtracted, by band; 0 where there is none.
    dark : tuple of float
        Reflectance of the darkest pixels, by band; NaN where none was looked for.
    exponent : float
        Of the wavelength.
    """

    base: Source
    haze: tuple[float, ...]
    dark: tuple[float, ...]
    exponent: float

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know."""
        taken = ", ".join(
            f"{b.name} {h:.4f}" for b, h in zip(self.bands, self.haze, strict=True) if h > 0
        )
        first = self.dark[_start(self.bands)]
        notes = [f"haze taken off by dark-object subtraction (Chavez 1988): {taken or 'none'}"]
        if first > CLEARNESS[-1][0]:
            notes.append(
                f"the darkest ground of {self.name} has a reflectance of {first:.3f} in "
                f"{self.bands[_start(self.bands)].name}: very hazy, or nothing dark is in the "
                "scene, and then too much is taken off (see --haze none)"
            )
        return tuple(notes)

    def read(self, window: Window) -> NDArray[np.float32]:
        """Return (band, height, width), NaN where there is no data."""
        data = self.base.read(window)
        data -= np.asarray(self.haze, np.float32)[:, None, None]
        return data


def with_haze(source: Source, method: str) -> Source:
    """Subtract a scene's own haze.

    Parameters
    ----------
    source : Source
    method : {"auto", "none", "dark-object"}
        ``auto`` does it for products in reflectance at the top of the atmosphere alone.

    Raises
    ------
    SceneError
        If it is asked for and the bands are not in reflectance, or none is blue or green.
    """
    toa = bool(getattr(source, "toa", False))
    if method == "none" or (method == "auto" and not toa):
        return source
    if _start(source.bands) < 0:
        if method == "auto":
            return source
        raise SceneError(
            f"{source.name}: haze cannot be told without a band in reflectance under "
            f"{START_UM:g} um; the bands are {', '.join(b.name for b in source.bands)} (see "
            "--sensor, --bands, --scale)"
        )
    if isinstance(source, QualitySource):
        # Under the masks: water and shadows are the dark objects, whatever is masked.
        return replace(source, base=_without_haze(source.base))
    return _without_haze(source)


def _without_haze(base: Source) -> HazeSource:
    dark = darkest(base)
    haze, exponent = estimate(base.bands, dark)
    return HazeSource(base, haze, tuple(float(v) for v in dark), exponent)


def _start(bands: Sequence[Band]) -> int:
    """Return the position of the band of the shortest wavelength, -1 if that is too long."""
    found = [
        (b.wavelength_um, i)
        for i, b in enumerate(bands)
        if b.wavelength_um and b.quantity == "reflectance" and b.wavelength_um < START_UM
    ]
    return min(found)[1] if found else -1


def estimate(bands: Sequence[Band], dark: NDArray[np.float64]) -> tuple[tuple[float, ...], float]:
    """Tell the haze of each band, and the exponent, from the reflectance of the darkest pixels."""
    start = _start(bands)
    first, origin = float(dark[start]), bands[start].wavelength_um or 1.0
    exponent = next((power for top, power in CLEARNESS if first <= top), VERY_HAZY)
    haze = []
    for band, value in zip(bands, dark, strict=True):
        known = band.wavelength_um is not None and band.quantity == "reflectance"
        model = (first - DARK_REFLECTANCE) * ((band.wavelength_um or 1.0) / origin) ** -exponent
        most = np.minimum(model, value - DARK_REFLECTANCE)  # NaN where either is
        haze.append(float(max(0.0, most)) if known and np.isfinite(most) else 0.0)
    return tuple(haze), exponent


def darkest(source: Source) -> NDArray[np.float64]:
    """Return the reflectance of the darkest pixels, by band; NaN for a band without any.

    The histogram of up to `TILES` tiles, whole numbers that add up in any order, so that it is
    the same for every block size and number of threads.
    """
    counts = np.zeros((len(source.bands), _BINS + 1), np.int64)

    def sink(_: Block, part: NDArray[np.int64]) -> None:
        counts[:] += part

    blocks = cut(source.grid.shape, TILE, striped=source.striped)
    run(source, _histogram, sink, blocks=some_of(blocks, TILES, 0xDA2C))
    total = counts.sum(axis=1)
    rank = np.maximum(LEAST, np.ceil(DARKEST * total))
    place = (np.cumsum(counts, axis=1) >= rank[:, None]).argmax(axis=1)
    dark = BOTTOM + (place + 0.5) * STEP
    return np.where(total >= LEAST, dark, np.nan)


def _histogram(data: NDArray[np.float32], block: Block) -> NDArray[np.int64]:  # noqa: ARG001
    """Count values by band; what is brighter than 1 is in the last bin."""
    out = np.zeros((len(data), _BINS + 1), np.int64)
    for row, plane in zip(out, data, strict=True):
        values = plane[~np.isnan(plane)].astype(np.float64)
        place = np.floor((np.minimum(values, 1.0) - BOTTOM) / STEP)
        row += np.bincount(np.clip(place, 0, _BINS).astype(np.intp), minlength=_BINS + 1)
    return out


def haze_facts(source: Source) -> list[dict[str, Any]]:
    """Return, for ``metrics.json``, what was subtracted from each scene."""
    return [
        {
            "scene": leaf.name,
            "method": "dark-object subtraction (Chavez 1988, 1996)",
            "exponent": leaf.exponent,
            "bands": {
                b.name: {"subtracted": round(h, 5), "darkest": round(d, 5)}
                for b, h, d in zip(leaf.bands, leaf.haze, leaf.dark, strict=True)
                if np.isfinite(d)
            },
        }
        for leaf in leaves(source)
        if isinstance(leaf, HazeSource)
    ]
