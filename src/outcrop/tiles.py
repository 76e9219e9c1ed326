"""Decoded tiles of rasters, so that what blocks share with their neighbours is decoded once.

A block is read with a margin, which lies in the tiles of the blocks around it: without memory,
a block of 2 x 2 tiles would decode 4 x 4 of them. GDAL's own memory is of no help, since each
thread has its own handle and GDAL remembers by handle.
"""

from __future__ import annotations

import threading
import uuid
import weakref
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Side of what is decoded at once; more where a file's own tiles are larger.
SIDE = 512
#: The largest side: a strip of a wide raster is no tile.
LARGEST = 2048
#: Bytes that are remembered in each process, as they are stored: 16 bits a value, most often.
BYTES = 256 * 2**20

Pixels = NDArray[Any]


class Owner:
    """Stands for a source: what was decoded for it is forgotten when the source is.

    A copy of it, also one that was sent to another process, has the same name, and what the
    copies of a process decode is one another's until the last of them is gone.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name or uuid.uuid4().hex
        TILES.owned(self.name)
        weakref.finalize(self, TILES.forget, self.name)

    def __reduce__(self) -> tuple[Any, ...]:
        return Owner, (self.name,)


class Tiles:
    """The tiles that were used last, for all threads of a process.

    Parameters
    ----------
    most : int
        Bytes to remember.
    """

    def __init__(self, most: int = BYTES) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[Any, ...], Future[Pixels]] = OrderedDict()
        self._owners: Counter[str] = Counter()
        self._gone: list[str] = []
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: tuple[Any, ...], decode: Callable[[], Pixels]) -> Pixels:
        """Return a tile, decoded now if need be; it is not to be written to.

        Who asks for a tile that another thread is decoding waits for it. ``key`` begins with
        the name of the tile's `Owner`.
        """
        with self._lock:
            tile = self._kept.get(key)
            mine = tile is None
            if tile is None:
                tile = self._kept[key] = Future()
            else:
                self._kept.move_to_end(key)
        if mine:
            self._decode(key, tile, decode)
        return tile.result()

    def _decode(
        self, key: tuple[Any, ...], tile: Future[Pixels], decode: Callable[[], Pixels]
    ) -> None:
        try:
            tile.set_result(decode())
        except BaseException as error:
            tile.set_exception(error)
            with self._lock:
                del self._kept[key]
            return
        with self._lock:
            self._bytes += tile.result().nbytes
            self._clear()
            for old in list(self._kept):
                if self._bytes <= self._most:
                    break
                self._drop(old)

    def _drop(self, key: tuple[Any, ...]) -> None:
        """Forget a tile, unless somebody is at it."""
        if self._kept[key].done():
            self._bytes -= self._kept.pop(key).result().nbytes

    def owned(self, name: str) -> None:
        """Count one more owner of that name."""
        with self._lock:
            self._owners[name] += 1

    def forget(self, name: str) -> None:
        """Forget what belongs to an owner, if it is the last: now, or with the next tile.

        Python may call it anywhere, also where this thread holds the lock.
        """
        self._gone.append(name)
        if self._lock.acquire(blocking=False):
            try:
                self._clear()
            finally:
                self._lock.release()

    def empty(self) -> None:
        """Forget all that is not being decoded: nothing will be read for now."""
        with self._lock:
            for key in list(self._kept):
                self._drop(key)

    def _clear(self) -> None:
        while self._gone:
            name = self._gone.pop()
            self._owners[name] -= 1
            if self._owners[name] <= 0:
                del self._owners[name]
                for key in [k for k in self._kept if k[0] == name]:
                    self._drop(key)


#: The tiles of this process.
TILES = Tiles()


def tile_shape(block: tuple[int, int], pixel_bytes: int) -> tuple[int, int] | None:
    """Return height and width of what to decode at once of a raster, None if it has no tiles.

    Parameters
    ----------
    block : tuple of int
        Height and width of the file's own tiles.
    pixel_bytes : int
        Bytes that a pixel takes in all bands that are read.
    """
    height, width = (side * -(-SIDE // side) for side in block)
    large = max(height, width) > LARGEST or height * width * pixel_bytes > BYTES // 8
    return None if large else (height, width)


Slices = tuple[slice, slice]


def pieces(
    where: tuple[int, int, int, int], tile: tuple[int, int], shape: tuple[int, int]
) -> Iterator[tuple[tuple[int, int, int, int], Slices, Slices]]:
    """Cut a window where tiles meet.

    Parameters
    ----------
    where : tuple of int
        First row and column, height and width of the window.
    tile, shape : tuple of int
        Height and width of the tiles, and of the raster.

    Yields
    ------
    tuple of int
        First row and column, height and width of a tile.
    tuple of slice
        The piece's rows and columns in the tile.
    tuple of slice
        And in the window.
    """
    rows = list(_spans(where[0], where[2], tile[0], shape[0]))
    cols = list(_spans(where[1], where[3], tile[1], shape[1]))
    for (row, height), within_rows, rows_out in rows:
        for (col, width), within_cols, cols_out in cols:
            yield (row, col, height, width), (within_rows, within_cols), (rows_out, cols_out)


def _spans(
    first: int, count: int, side: int, whole: int
) -> Iterator[tuple[tuple[int, int], slice, slice]]:
    for start in range(first - first % side, first + count, side):
        low, high = max(first, start), min(first + count, start + side)
        yield (
            (start, min(side, whole - start)),
            slice(low - start, high - start),
            slice(low - first, high - first),
        )


def to_values(
    stored: Pixels,
    out: NDArray[np.float32],
    *,
    scale: float,
    offset: float,
    nodata: float | None,
    valid: tuple[float, float] | None,
) -> None:
    """Write what stored numbers of a band mean: value x scale + offset, NaN for no data.

    Parameters
    ----------
    stored : ndarray
    out : ndarray of float32, same shape
    scale, offset : float
    nodata : float or None
    valid : tuple of float or None
        Numbers below the first are no data, those above the second +inf.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        out[...] = stored
        if (scale, offset) != (1.0, 0.0):
            out *= np.float32(scale)
            out += np.float32(offset)
    if not _stays_finite(stored.dtype, scale, offset):
        out[~np.isfinite(out)] = np.nan
    if (missing := _as_stored(nodata, stored.dtype)) is not None:
        np.copyto(out, np.float32(np.nan), where=stored == missing)
    if valid is not None:
        out[stored < valid[0]] = np.nan
        out[stored > valid[1]] = np.inf


def _stays_finite(dtype: np.dtype[Any], scale: float, offset: float) -> bool:
    """Tell whether no stored number can become infinite, so that nobody need look."""
    largest = abs(scale) * 2.0**64 + abs(offset)
    return dtype.kind in "iu" and largest < float(np.finfo(np.float32).max)


def _as_stored(nodata: float | None, dtype: np.dtype[Any]) -> Any:
    """Return a number as whole numbers are stored, to be compared with; None if none equals it."""
    if nodata is None or dtype.kind not in "iu":
        return nodata
    limits = np.iinfo(dtype)
    whole = float(nodata).is_integer() and limits.min <= nodata <= limits.max
    return dtype.type(int(nodata)) if whole else None
