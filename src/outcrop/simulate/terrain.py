"""Correlated noise, relief, drainage and sunlight on slopes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, sparse
from scipy.sparse import csgraph

Field = NDArray[np.float32]

ROUGHNESS = 4.0
"""Exponent of the power spectrum of ground, between a rough 3 and a smooth 5."""


class Terrain(NamedTuple):
    """Relief and what runs down it.

    Parameters
    ----------
    elevation : array, shape (y, x)
        Metres.
    catchment : array, shape (y, x)
        Pixels that drain through each pixel, itself included.
    """

    elevation: Field
    catchment: Field


def fractal_noise(
    rng: np.random.Generator, shape: tuple[int, int], outer: float, exponent: float = 3.0
) -> Field:
    """Make a random field whose power falls with frequency, as that of natural surfaces does.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    shape : tuple of int
        Rows and columns.
    outer : float
        Length in pixels beyond which the field is uncorrelated.
    exponent : float
        The power spectrum falls as frequency ** -exponent: 2 is rough, 4 smooth.

    Returns
    -------
    array, shape (y, x)
        Mean 0, standard deviation 1.
    """
    # Room around the field keeps its opposite edges from being neighbours in the transform.
    room = int(min(outer, max(shape))) + 1
    padded = tuple(fft.next_fast_len(n + room, real=True) for n in shape)
    white = rng.standard_normal(padded, dtype=np.float32)
    rows = fft.fftfreq(padded[0])[:, None].astype(np.float32)
    columns = fft.rfftfreq(padded[1])[None, :].astype(np.float32)
    gain = (rows**2 + columns**2 + np.float32(1.0 / outer**2)) ** np.float32(-exponent / 4.0)
    field = fft.irfft2(fft.rfft2(white) * gain, s=padded)[: shape[0], : shape[1]]
    return standardised(field)


def standardised(field: Field) -> Field:
    """Bring a field to mean 0 and standard deviation 1."""
    return np.asarray((field - field.mean()) / max(float(field.std()), 1e-12), dtype=np.float32)


def _edges(elevation: NDArray[np.float64]) -> tuple[NDArray[np.int64], ...]:
    """Pairs of neighbours (8), lower and upper ends as flat indices, and their distances."""
    index = np.arange(elevation.size).reshape(elevation.shape)
    pairs = (
        (index[:, :-1], index[:, 1:], 1.0),
        (index[:-1], index[1:], 1.0),
        (index[:-1, :-1], index[1:, 1:], 2**0.5),
        (index[:-1, 1:], index[1:, :-1], 2**0.5),
    )
    start = np.concatenate([a.ravel() for a, _, _ in pairs])
    stop = np.concatenate([b.ravel() for _, b, _ in pairs])
    apart = np.concatenate([np.full(a.size, d) for a, _, d in pairs])
    return start, stop, apart


def _border(shape: tuple[int, int]) -> NDArray[np.int64]:
    mask = np.ones(shape, dtype=bool)
    mask[1:-1, 1:-1] = False
    return np.flatnonzero(mask)


def _receivers(elevation: NDArray[np.float64]) -> NDArray[np.int64]:
    """Flat index of the pixel that each pixel drains into; `size` stands for outside.

    The tree of least saddles that spans the image is where water would go once every
    hollow has filled and spilled, so no hollow has to be filled first.
    """
    flat = elevation.ravel()
    start, stop, apart = _edges(elevation)
    low, high = np.minimum(flat[start], flat[stop]), np.maximum(flat[start], flat[stop])
    # Of the neighbours below a pixel, the one down the steepest slope comes first.
    cost = high - 1e-3 * (high - low) / apart
    border = _border((elevation.shape[0], elevation.shape[1]))
    outlet = flat.size
    cost = np.concatenate([cost, flat[border]])
    cost = cost - cost.min() + 1.0  # zero would be read as "no edge"
    start = np.concatenate([start, border])
    stop = np.concatenate([stop, np.full(border.size, outlet)])
    graph = sparse.coo_array((cost, (start, stop)), shape=(outlet + 1, outlet + 1)).tocsr()
    tree = csgraph.minimum_spanning_tree(graph)
    _, parents = csgraph.breadth_first_order(tree, outlet, directed=False)
    parents[outlet] = outlet
    return np.asarray(parents, dtype=np.int64)


def catchment_area(elevation: Field) -> Field:
    """Count the pixels that drain through each pixel.

    Parameters
    ----------
    elevation : array, shape (y, x)
        Any unit; water leaves over the edge of the image.

    Returns
    -------
    array, shape (y, x)
        At least 1.
    """
    target = _receivers(np.asarray(elevation, dtype=np.float64))
    total = np.ones(target.size)
    total[-1] = 0.0
    # Pointer doubling: after k rounds `total` holds all that is within 2**k steps upstream.
    while True:
        inflow = np.bincount(target, weights=total, minlength=target.size)
        inflow[-1] = 0.0
        if not inflow.any():
            return total[:-1].reshape(elevation.shape).astype(np.float32)
        total += inflow
        target = target[target]


def carve(hardness: Field, ground: Field, relief_m: float, blur: float) -> Terrain:
    """Make relief in which hard rock stands up and water has cut its way down.

    Parameters
    ----------
    hardness : array, shape (y, x)
        Resistance to erosion, 0-1.
    ground : array, shape (y, x)
        Relief that owes nothing to the rock, of standard deviation 1.
    relief_m : float
        Height between the 2nd and the 98th percentile, in metres.
    blur : float
        How far a ridge's foot reaches, in pixels (standard deviation).

    Returns
    -------
    Terrain
    """
    # Half the height is a scarp at the contact, half a rise that begins far from it.
    stand = ndimage.gaussian_filter(hardness, blur, mode="nearest")
    stand = 0.5 * (stand + ndimage.gaussian_filter(hardness, 5.0 * blur, mode="nearest"))
    spread = max(float(stand.std()), 1e-6)
    height = ground + 1.3 * (stand - stand.mean()) / max(spread, 0.15)
    catchment = catchment_area(height)
    cut = np.log(catchment)
    height -= 0.22 * ndimage.gaussian_filter(cut, 0.7 * blur, mode="nearest")
    height -= 0.10 * ndimage.gaussian_filter(cut, 2.5 * blur, mode="nearest")
    height = ndimage.gaussian_filter(height, 0.5, mode="nearest")
    low, high = np.percentile(height, (2, 98))
    height = (height - height.min()) * np.float32(relief_m / max(float(high - low), 1e-6))
    return Terrain(height, catchment)


def gradient(elevation: Field, pixel_size: float) -> tuple[Field, Field]:
    """Rise towards the south and towards the east, in metres per metre, shape (y, x) each."""
    south, east = np.gradient(elevation, np.float32(pixel_size))
    return np.asarray(south), np.asarray(east)


def illumination(
    elevation: Field,
    pixel_size: float,
    sun_elevation: float = 50.0,
    sun_azimuth: float = 45.0,
    sky: float = 0.15,
) -> Field:
    """Sunlight on a slope relative to flat ground, by the cosine law.

    Parameters
    ----------
    elevation : array, shape (y, x)
        Metres; north is up.
    pixel_size : float
        Metres.
    sun_elevation, sun_azimuth : float
        Degrees above the horizon, and clockwise from north.
    sky : float
        Share of the light on flat ground that the sky gives, 0-1; it comes
        from the part of the sky that a slope sees.

    Returns
    -------
    array, shape (y, x)
        1 on flat ground. The same for all wavelengths.
    """
    south, east = gradient(elevation, pixel_size)
    height, azimuth = np.radians(sun_elevation), np.radians(sun_azimuth)
    upright = 1.0 / np.sqrt(1.0 + south**2 + east**2)  # cosine of the slope
    toward = np.sin(height) + np.cos(height) * (np.cos(azimuth) * south - np.sin(azimuth) * east)
    direct = np.maximum(toward * upright, 0.0) / np.sin(height)
    light = (1.0 - sky) * direct + sky * (1.0 + upright) / 2.0
    return np.asarray(light, dtype=np.float32)
