"""Bands as files hold them: any raster that GDAL opens, here, in an archive or on a server."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from outcrop import remote
from outcrop.errors import SceneError
from outcrop.gcps import Gcps
from outcrop.sensors.base import Band
from outcrop.source import Window
from outcrop.tiles import TILES, Owner, pieces, tile_shape, to_values

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox


def open_quietly(path: str, plain: bool = False) -> Any:
    """Open a raster without rasterio's warning that it has no position: Outcrop says so itself.

    With ``plain`` only a format that holds its own pixels, as always from servers and archives.

    The filter is set once for the process, since `warnings.catch_warnings` is not for threads.
    """
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning
    from rasterio.io import DatasetReader

    warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)
    # In an Env GDAL warns through logging and not on stderr; and nothing is written beside a
    # compressed archive.
    foreign = remote.is_remote(path)
    with rasterio.Env(
        CPL_VSIL_GZIP_WRITE_PROPERTIES="NO", **(remote.settings() if foreign else {})
    ):
        others = foreign or path.startswith(("/vsizip", "/vsitar"))
        if plain or (others and not path.endswith(".vrt")):  # unless it was asked for
            return DatasetReader(path, driver=list(remote.PLAIN_FORMATS))
        dataset = rasterio.open(path)
        if not foreign:
            _ = dataset.mask_flag_enums  # GDAL opens the mask when it is first asked for, and warns
        return dataset


def _cause(error: BaseException) -> str:
    """Return what GDAL said, which rasterio puts behind a general sentence."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error)


@dataclass(frozen=True)
class BandFile:
    """Where one band is stored and how its numbers are read: value × scale + offset.

    ``valid`` are the lowest and the highest stored number that is a measurement: what is below
    is no data, and what is above was saturated and reads as +inf, which `QualitySource` tells
    from no data.
    """

    path: str
    index: int
    nodata: float | None = None
    scale: float = 1.0
    offset: float = 0.0
    valid: tuple[float, float] | None = None

    def to_values(self, stored: NDArray[Any], out: NDArray[np.float32]) -> None:
        """Write what stored numbers mean to an array of their shape."""
        to_values(
            stored, out,
            scale=self.scale, offset=self.offset, nodata=self.nodata, valid=self.valid,
        )  # fmt: skip


@dataclass(frozen=True)
class RasterSource:
    """Bands of one or more rasters on one grid, in any format that GDAL reads."""

    name: str
    grid: GeoBox
    bands: tuple[Band, ...]
    files: tuple[BandFile, ...]
    striped: bool = False
    masked: bool = True
    notes: tuple[str, ...] = ()
    gcps: Gcps | None = None
    _open: Any = field(default_factory=threading.local, repr=False, compare=False)
    _owner: Owner = field(default_factory=Owner, repr=False, compare=False)

    def read(self, window: Window) -> NDArray[np.float32]:
        """Return (band, height, width) as float32, NaN where there is no data."""
        out = np.empty((len(self.files), window.height, window.width), np.float32)
        start = 0
        for path, group in groupby(self.files, key=lambda f: f.path):
            files = list(group)
            self._read_file(path, files, window, out[start : start + len(files)])
            start += len(files)
        return out

    def _read_file(
        self, path: str, files: Sequence[BandFile], window: Window, out: NDArray[np.float32]
    ) -> None:
        from rasterio.enums import MaskFlags
        from rasterio.errors import RasterioError

        def load(opened: str) -> None:
            try:
                dataset = self._dataset(opened)
                for stored, place in self._stored(dataset, path, files, window):
                    for plane, numbers, file in zip(out, stored, files, strict=True):
                        file.to_values(numbers, plane[place])
                flags = dataset.mask_flag_enums[files[0].index - 1]
                if self.masked and MaskFlags.per_dataset in flags:
                    out[:, dataset.dataset_mask(window=window.to_rasterio()) == 0] = np.nan
            except (RasterioError, OSError):
                self._open.__dict__.pop(opened, None)
                raise

        if not remote.is_remote(path):
            self._dataset(path)  # a file that is gone is not one that is damaged
        try:
            if remote.is_remote(path):
                remote.once_more(path, load)
            else:
                load(path)
        except (RasterioError, OSError) as error:
            last = window.row + window.height - 1
            raise SceneError(
                f"{path}: rows {window.row}-{last} cannot be read ({_cause(error)}); the file is "
                "truncated or damaged, so fetch or export it again"
            ) from None

    def _stored(
        self, dataset: Any, path: str, files: Sequence[BandFile], window: Window
    ) -> Iterator[tuple[NDArray[Any], tuple[slice, slice]]]:
        """Yield pieces of a window as they are stored, and their rows and columns in it."""
        indexes = [f.index for f in files]
        size = sum(np.dtype(dataset.dtypes[i - 1]).itemsize for i in indexes)
        tile = tile_shape(dataset.block_shapes[indexes[0] - 1], size)
        if tile is None:
            whole = Window(0, 0, window.height, window.width)
            yield dataset.read(indexes, window=window.to_rasterio()), whole.slices
            return
        where = window.row, window.col, window.height, window.width
        for place, inside, outside in pieces(where, tile, dataset.shape):
            key = (self._owner.name, path, *indexes, *place)
            read = partial(dataset.read, indexes, window=Window(*place).to_rasterio())
            yield TILES.get(key, read)[:, *inside], outside

    def _dataset(self, path: str) -> Any:
        """Return this thread's handle: GDAL's are not to be shared between threads."""
        handles = self._open.__dict__
        if path not in handles:
            handles[path] = open_quietly(path)
        return handles[path]

    def __reduce__(self) -> tuple[Any, ...]:
        # With its owner: what was decoded for one copy serves the next of that process too.
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "_open"}
        return partial(RasterSource, **given), ()
