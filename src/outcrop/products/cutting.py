"""Edits in pixels: what a polygon split off gets its number, and units are merged and left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from outcrop.products.edits import Edited, Split

if TYPE_CHECKING:
    from affine import Affine
    from odc.geo.geobox import GeoBox


def edited_labels(
    labels: NDArray[np.uint8], state: Edited, grid: GeoBox, *, row: int = 0, col: int = 0,
    step: int = 1,
) -> NDArray[np.uint8]:  # fmt: skip
    """Return what the edits make of labels as they were mapped: a unit's number, 0 = nothing.

    Parameters
    ----------
    labels : ndarray of uint8, shape (y, x)
        Part of ``units.tif``, or every ``step``-th pixel of it.
    state : Edited
    grid : GeoBox
        Of the whole map.
    row, col : int
        Where the part begins in the map.
    step : int
        Pixels of the map that one label stands for, along each side.
    """
    drawn: NDArray[np.uint8] = state.table()[
        cut(labels.copy(), state.splits, grid, row=row, col=col, step=step)
    ]
    return drawn


def cut(
    labels: NDArray[np.uint8], splits: Sequence[Split], grid: GeoBox, *, row: int = 0,
    col: int = 0, step: int = 1,
) -> NDArray[np.uint8]:  # fmt: skip
    """Give what lies in the splits' polygons their numbers, in place; see `edited_labels`."""
    for split in splits:
        pixels = to_pixels(np.asarray(split.ring, np.float64), grid)
        cut_one(labels, split, (pixels - (col, row)) / step)
    return labels


def cut_one(labels: NDArray[np.uint8], split: Split, pixels: NDArray[np.float64]) -> None:
    """Give what lies in a split's polygon, a ring of (column, row), its number, in place."""
    inside = ring_mask(pixels, labels.shape)
    if inside is not None:
        labels[inside & np.isin(labels, split.labels)] = split.number


def to_pixels(points: NDArray[np.float64], grid: GeoBox) -> NDArray[np.float64]:
    """Bring points of a map's CRS to (column, row), fractions included; as they are without one."""
    return points if grid.crs is None else transformed(~grid.affine, points)


def transformed(affine: Affine, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply an affine transform to points (n, 2)."""
    a, b, c, d, e, f = affine[:6]
    x, y = points.T
    with np.errstate(invalid="ignore"):  # infinite is what a projection cannot place
        return np.column_stack([a * x + b * y + c, d * x + e * y + f])


def ring_mask(pixels: NDArray[np.float64], shape: Sequence[int]) -> NDArray[np.bool_] | None:
    """Return which pixels of an array have their centre in a ring of (column, row).

    None where none can have.
    """
    from rasterio.features import rasterize

    (left, top), (right, bottom) = pixels.min(axis=0), pixels.max(axis=0)
    if right < 0 or bottom < 0 or left > shape[1] or top > shape[0]:
        return None
    polygon = {"type": "Polygon", "coordinates": [pixels.tolist()]}
    found: NDArray[np.uint8] = rasterize([(polygon, 1)], out_shape=shape, dtype="uint8")
    return found.astype(bool)
