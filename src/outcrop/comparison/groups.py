"""What is resampled: whole label polygons, or blocks wider than errors hang together.

Neighbouring pixels are right or wrong together, so that intervals from single pixels would be far
too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

#: A reference that labels more of the scene than this is a map and not a set of polygons.
WALL_TO_WALL = 0.5
#: Blocks that an interval needs at least; fewer and larger ones can't be resampled.
LEAST_BLOCKS = 16
#: The share of the errors' variance at which their variogram counts as level.
LEVEL = 0.95


@dataclass(frozen=True)
class Groups:
    """What is resampled together.

    Parameters
    ----------
    ids : ndarray of int, shape (n,)
        Group of each labelled pixel, from 0, in the order of rows.
    kind : {"polygons", "blocks"}
    side : int or None
        Of a block, in pixels.
    error_range : int or None
        Of the variogram of the errors, in pixels.
    notes : tuple of str
    """

    ids: NDArray[np.int64]
    kind: str
    side: int | None = None
    error_range: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.ids.max()) + 1


def group(
    codes: NDArray[Any],
    errors: Sequence[NDArray[np.bool_]],
    how: Literal["auto", "polygons", "blocks"] = "auto",
) -> Groups:
    """Group the labelled pixels of a scene.

    Parameters
    ----------
    codes : ndarray of int, shape (y, x)
        Classes; 0 = not labelled.
    errors : sequence of ndarray of bool, shape (n,)
        Where maps are wrong, of the labelled pixels in the order of rows. Blocks are as wide as
        the longest range among their variograms.
    how : {"auto", "polygons", "blocks"}
        ``auto``: blocks where the reference labels more than half of the scene.
    """
    if how == "auto":
        how = "blocks" if (codes > 0).mean() > WALL_TO_WALL else "polygons"
    if how == "polygons":
        return Groups(_dense(label_polygons(codes)[codes > 0]), "polygons")
    ranges = [error_range(codes, error) for error in errors]
    wanted = max(ranges, default=1)
    side, notes = _side(codes.shape, wanted)
    rows, columns = np.nonzero(codes)
    across = -(-codes.shape[1] // side)
    ids = _dense((rows // side) * across + columns // side)
    return Groups(ids, "blocks", side, wanted, notes)


def _side(shape: tuple[int, ...], wanted: int) -> tuple[int, tuple[str, ...]]:
    most = max(1, int((shape[0] * shape[1] / LEAST_BLOCKS) ** 0.5))
    if wanted <= most:
        return wanted, ()
    return most, (
        f"errors hang together over {wanted} pixels, but blocks of that size would be fewer than "
        f"{LEAST_BLOCKS}: they are {most} pixels wide, and the intervals too narrow",
    )


def label_polygons(codes: NDArray[Any]) -> NDArray[np.int64]:
    """Give numbers to connected areas of one class (by sides and corners), 0 where unlabelled."""
    from scipy.ndimage import label

    found = np.zeros(codes.shape, np.int64)
    count = 0
    for value in np.unique(codes[codes > 0]):
        areas, many = label(codes == value, structure=np.ones((3, 3), int))
        found[areas > 0] = areas[areas > 0] + count
        count += many
    return found


def error_range(codes: NDArray[Any], errors: NDArray[np.bool_]) -> int:
    """Return the distance in pixels at which errors no longer hang together.

    The indicator variogram of the errors along rows and columns, at growing distances; the range
    is the first at which it reaches `LEVEL` of the errors' variance.

    Parameters
    ----------
    codes : ndarray of int, shape (y, x)
        0 = not labelled.
    errors : ndarray of bool, shape (n,)
        Of the labelled pixels in the order of rows.

    References
    ----------
    Journel (1983), Math. Geol. 15: indicator variograms.
    """
    sill = float(errors.var())
    if sill == 0:
        return 1
    field = np.full(codes.shape, np.nan, np.float32)
    field[codes > 0] = errors
    most = max(1, int(min(codes.shape)) // 2)
    lag = 1
    while lag < most:
        gaps = np.concatenate(
            [(field[:, lag:] - field[:, :-lag]).ravel(), (field[lag:] - field[:-lag]).ravel()]
        )
        gaps = gaps[np.isfinite(gaps)]
        if gaps.size and float(np.square(gaps).mean()) / 2 >= LEVEL * sill:
            return lag
        lag += max(1, lag // 4)
    return most


def _dense(ids: NDArray[Any]) -> NDArray[np.int64]:
    dense: NDArray[np.int64] = np.unique(ids, return_inverse=True)[1].astype(np.int64)
    return dense
