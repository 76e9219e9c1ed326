"""What a composite of imagery is made of: bands or ratios of bands, each stretched."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from outcrop.errors import InputError
from outcrop.rasters import open_quietly

#: A channel: a band, or a band over another, counted from 1.
CHANNEL = re.compile(r"([1-9]\d{0,3})(?:/([1-9]\d{0,3}))?")
#: Pixels on the longer side of the overview that a stretch is taken from.
LOOKED_AT = 700

Channel = tuple[int, int | None]


def parse_channels(text: str, count: int) -> tuple[Channel, Channel, Channel]:
    """Read red, green and blue: ``3,2,1`` or ``5/6,4,1``; empty is the first three bands.

    Parameters
    ----------
    text : str
    count : int
        How many bands there are.

    Raises
    ------
    InputError
        If there are not three, or one names no band.
    """
    parts = text.split(",") if text else [str(min(i, count)) for i in (1, 2, 3)]
    if len(parts) != 3:
        raise InputError(f"channels {text!r} are not three, such as 3,2,1 or 5/6,4,1")
    red, green, blue = (_channel(part, count) for part in parts)
    return red, green, blue


def _channel(text: str, count: int) -> Channel:
    found = CHANNEL.fullmatch(text)
    over = [int(n) for n in found.groups() if n] if found else []
    if not over or max(over) > count:
        raise InputError(f"channel {text!r} is no band from 1 to {count}, nor a ratio such as 5/6")
    return over[0], over[1] if len(over) > 1 else None


def values_of(planes: dict[int, NDArray[np.floating]], channel: Channel) -> NDArray[np.float64]:
    """Return a channel's values, NaN where there are none."""
    band, over = channel
    values = planes[band].astype(np.float64)
    if over is None:
        return values
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = values / planes[over]
    return np.where(np.isfinite(ratio), ratio, np.nan)


@lru_cache(maxsize=4096)
def stretch(path: Path, _changed: int, channel: Channel) -> tuple[float, float]:
    """Return the values that become black and full: the 2nd and the 98th percentile.

    Parameters
    ----------
    path : Path
    _changed : int
        Time of the file's last change, so that a new file is looked at anew.
    channel : Channel
    """
    bands = [b for b in channel if b]
    with open_quietly(str(path)) as dataset:
        shrink = max(1.0, max(dataset.shape) / LOOKED_AT)
        shape = tuple(max(1, round(side / shrink)) for side in dataset.shape)
        raw = dataset.read(bands, out_shape=(len(bands), *shape), masked=True)
        scales = np.array([(dataset.scales[b - 1], dataset.offsets[b - 1]) for b in bands])
    planes = raw * scales[:, 0, None, None] + scales[:, 1, None, None]
    filled = np.ma.filled(planes.astype(float), np.nan)
    values = values_of(dict(zip(bands, filled, strict=True)), channel)
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0
    low, high = np.percentile(known, [2, 98]).tolist()
    # A constant is mid-grey, as in the report.
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def coloured(
    planes: dict[int, NDArray[np.floating]], channels: tuple[Channel, ...], path: Path
) -> np.ma.MaskedArray:
    """Stretch channels to 0-255: (3, y, x) of uint8, masked where any has no value."""
    changed = path.stat().st_mtime_ns
    values = np.stack([values_of(planes, channel) for channel in channels])
    limits = np.array([stretch(path, changed, channel) for channel in channels])[:, :, None, None]
    with np.errstate(invalid="ignore"):
        level = np.clip((values - limits[:, 0]) / (limits[:, 1] - limits[:, 0]), 0, 1)
    empty = ~np.isfinite(values).all(axis=0)
    colours = np.where(empty, 0, np.nan_to_num(level) * 255).astype(np.uint8)
    return np.ma.MaskedArray(colours, np.broadcast_to(empty, colours.shape))
