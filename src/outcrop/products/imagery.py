"""Pictures of the ground beside the map: composites, stretched, and where each unit lies."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.sensors.base import Band, bands_within

#: Pixels of the longer side of a thumbnail.
THUMBNAIL = 180
#: Percentiles that bands are clipped to before they are decorrelated.
ENDS = (1.0, 99.0)
#: Least variance of a component next to the largest: what is below is noise or rounding.
LEAST = 1e-4
#: Grey of ground that is another unit's, and of the unit; paper between them where there is none.
PAPER, GROUND, INK = (255, 255, 255), (225, 221, 212), (38, 36, 33)
#: Shades between ground and unit.
SHADES = 8
# Range, and best wavelength between, of the colours that composites are made of; in micrometres.
_COLOURS = {
    "swir2": (2.05, 2.20, 2.40),
    "swir1": (1.50, 1.65, 1.80),
    "nir": (0.76, 0.86, 0.96),
    "red": (0.61, 0.66, 0.70),
    "green": (0.51, 0.56, 0.60),
    "blue": (0.43, 0.48, 0.51),
}
_COMMON = {"swir22": "swir2", "swir16": "swir1", "nir": "nir", "nir08": "nir", "nir09": "nir"} | {
    colour: colour for colour in ("red", "green", "blue")
}
# Best for rocks first: clay and carbonate absorb in SWIR2, iron in the blue, plants shine
# in the NIR.
_TRIPLES = (
    ("swir2", "nir", "blue"),
    ("swir2", "nir", "green"),
    ("swir2", "swir1", "blue"),
    ("swir1", "nir", "blue"),
    ("swir1", "nir", "green"),
    ("nir", "red", "green"),
    ("nir", "red", "blue"),
    ("red", "green", "blue"),
)


def composite(cube: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Stretch three bands into an image, each from its 2nd to its 98th percentile.

    Parameters
    ----------
    cube : ndarray of float, shape (3, y, x)
        Red, green and blue; NaN = no data.

    Returns
    -------
    ndarray of uint8, shape (y, x, 4)
        Transparent where any band has no data; a constant band is mid-grey.
    """
    valid = np.isfinite(cube).all(axis=0)
    image = np.zeros((*cube.shape[1:], 4), np.uint8)
    image[..., 3] = np.where(valid, 255, 0)
    for i, band in enumerate(cube):
        if not valid.any():
            break
        low, high = np.percentile(band[valid].astype(np.float64), [2, 98])
        if high > low:
            level = np.clip((band[valid].astype(np.float64) - low) / (high - low), 0, 1)
        else:
            level = np.full(int(valid.sum()), 0.5)
        image[valid, i] = np.rint(level * 255).astype(np.uint8)
    return image


def choose_composite(bands: Sequence[Band]) -> tuple[int, int, int]:
    """Choose the bands to show as red, green and blue.

    Parameters
    ----------
    bands : sequence of Band
        One or more. Wavelengths decide, then common names.

    Returns
    -------
    tuple of int
        SWIR2, NIR and blue where there are such bands, else the next best for geology, else
        three bands spread over those there are; fewer than three are repeated.
    """
    found = {name: _find(bands, name) for name in _COLOURS}
    for red, green, blue in _TRIPLES:
        picked = found[red], found[green], found[blue]
        if None not in picked:
            return picked  # type: ignore[return-value]
    if len(bands) < 3:
        return 0, len(bands) - 1, len(bands) - 1
    if all(band.wavelength_um for band in bands):
        order = sorted(range(len(bands)), key=lambda i: -(bands[i].wavelength_um or 0))
        return order[0], order[len(order) // 2], order[-1]
    return 0, 1, 2


def _find(bands: Sequence[Band], colour: str) -> int | None:
    """Return the band nearest to a colour's best wavelength, if one is in its range."""
    if fits := bands_within(bands, *_COLOURS[colour]):
        return fits[0]
    named = [
        i
        for i, band in enumerate(bands)
        if band.wavelength_um is None and _COMMON.get((band.common_name or "").lower()) == colour
    ]
    return named[0] if named else None


def decorrelation_stretch(cube: NDArray[np.floating[Any]]) -> NDArray[np.uint8] | None:
    """Stretch three bands along their principal components, so that alike bands show colour.

    Each band is brought to mean 0 and deviation 1, the components of their correlation to the
    same variance, and all back to the bands: hues stay about those of a composite of the same
    bands, and become far stronger.

    Parameters
    ----------
    cube : ndarray of float, shape (3, y, x)
        Red, green and blue; NaN = no data.

    Returns
    -------
    ndarray of uint8, shape (y, x, 4), or None
        Transparent where any band has no data. None if no three bands differ.

    References
    ----------
    Gillespie, Kahle and Walker (1986), Remote Sens. Environ. 20:209.
    """
    valid = np.isfinite(cube).all(axis=0)
    rows = cube[:, valid].T.astype(np.float64)
    if len(rows) < 4:
        return None
    low, high = np.percentile(rows, ENDS, axis=0)
    rows = np.clip(rows, low, high)
    spread = rows.std(axis=0)
    if not (spread > 0).all():
        return None
    rows = (rows - rows.mean(axis=0)) / spread
    variances, axes = np.linalg.eigh(np.cov(rows.T))
    if variances[0] < 1e-9 * variances[-1]:
        return None
    weights = 1 / np.sqrt(np.maximum(variances, LEAST * variances[-1]))
    stretched = rows @ (axes * weights) @ axes.T
    image = np.zeros((*valid.shape, 4), np.uint8)
    # Two and a half deviations to either side fill the range.
    image[valid, :3] = np.rint(np.clip(127.5 + 51 * stretched, 0, 255)).astype(np.uint8)
    image[valid, 3] = 255
    return image


def thumbnails(labels: NDArray[np.uint8], numbers: list[int]) -> dict[int, bytes]:
    """Draw where each unit lies: dark on the grey of all others' ground.

    Parameters
    ----------
    labels : ndarray of uint8, shape (y, x)
        0 = no data.
    numbers : list of int
        The units to draw.

    Returns
    -------
    dict of int to bytes
        PNG by number. A cell that holds the unit at all is seen.
    """
    step = max(1, -(-max(labels.shape) // THUMBNAIL))
    high, wide = (-(-n // step) for n in labels.shape)
    padded = np.zeros((high * step, wide * step), np.uint8)
    padded[: labels.shape[0], : labels.shape[1]] = labels
    cells = padded.reshape(high, step, wide, step).swapaxes(1, 2).reshape(high, wide, -1)
    mapped = (cells > 0).sum(axis=2)
    return {n: _shaded((cells == n).sum(axis=2), mapped) for n in numbers}


def _shaded(inside: NDArray[np.intp], mapped: NDArray[np.intp]) -> bytes:
    """Return a PNG of the share of each cell that is the unit's, the least of it visible."""
    from PIL import Image

    share = inside / np.maximum(mapped, 1)
    level = np.where(inside > 0, np.maximum(2, np.ceil(share * SHADES)), 1)
    level = np.where(mapped > 0, level, 0).astype(np.uint8)
    steps = np.linspace(GROUND, INK, SHADES).round().astype(np.uint8)
    picture = Image.fromarray(level, mode="P")
    picture.putpalette([*PAPER, *steps.ravel().tolist()])
    target = io.BytesIO()
    picture.save(target, "png", optimize=True)
    return target.getvalue()
