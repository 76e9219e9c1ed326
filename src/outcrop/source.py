"""Where pixels come from: the one read path of every scene.

A `Source` reads a window of a scene as float32 with NaN where there is no data. It can be
pickled, so a thread, a process or another machine can read its own blocks.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from outcrop import remote
from outcrop.errors import SceneError
from outcrop.gcps import Gcps
from outcrop.reasons import CLEAR, FILL
from outcrop.sensors.base import Band, Sun
from outcrop.tiles import TILES, Owner, pieces, tile_shape, to_values
from outcrop.timespan import joined

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox


@dataclass(frozen=True, order=True)
class Window:
    """A rectangle of pixels: first row and column, height and width."""

    row: int
    col: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices into the whole."""
        return (
            slice(self.row, self.row + self.height),
            slice(self.col, self.col + self.width),
        )

    def grown(self, halo: int, shape: tuple[int, int]) -> Window:
        """Return the window with a margin, cut at the edges of a grid of this shape."""
        row, col = max(0, self.row - halo), max(0, self.col - halo)
        bottom = min(shape[0], self.row + self.height + halo)
        right = min(shape[1], self.col + self.width + halo)
        return Window(row, col, bottom - row, right - col)

    def inside(self, outer: Window) -> tuple[slice, slice]:
        """Slices that cut this window out of an array that covers ``outer``."""
        row, col = self.row - outer.row, self.col - outer.col
        return slice(row, row + self.height), slice(col, col + self.width)

    def to_rasterio(self) -> Any:
        """Return the window as rasterio takes it."""
        from rasterio.windows import Window as RasterWindow

        return RasterWindow(self.col, self.row, self.width, self.height)


@runtime_checkable
class Source(Protocol):
    """A scene that can be read window by window.

    Attributes
    ----------
    name : str
        For messages and provenance.
    grid : GeoBox
        Shape, transform and CRS (or None).
    bands : tuple of Band
    striped : bool
        Whether full-width row groups are cheaper to read than square blocks.

    A source may also have ``read_reasons(window)``, see the function of that name.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def grid(self) -> GeoBox: ...  # noqa: D102
    @property
    def bands(self) -> tuple[Band, ...]: ...  # noqa: D102
    @property
    def striped(self) -> bool: ...  # noqa: D102

    def read(self, window: Window) -> NDArray[np.float32]:
        """Return (band, height, width), NaN where there is no data."""
        ...


class SourceOver:
    """What a source has from the one it is made of: name, bands, and how that is stored.

    The grid is each one's own to say.
    """

    base: Source

    @property
    def name(self) -> str:
        """The scene's name."""
        return self.base.name

    @property
    def bands(self) -> tuple[Band, ...]:
        """The scene's bands."""
        return self.base.bands

    @property
    def striped(self) -> bool:
        """As the scene is stored."""
        return self.base.striped


def read_reasons(source: Source, window: Window) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Read a window and why its pixels are missing.

    Returns
    -------
    data : ndarray of float32, shape (band, height, width)
        As ``source.read``.
    reasons : ndarray of uint8, shape (height, width)
        Codes of `outcrop.reasons`: 0 where there is data in every band. A source that knows
        nothing of reasons calls everything else fill.
    """
    reader = getattr(source, "read_reasons", None)
    if reader is not None:
        return reader(window)  # type: ignore[no-any-return]
    data = source.read(window)
    return data, np.where(valid_mask(data), CLEAR, FILL).astype(np.uint8)


def read_observed(
    source: Source, window: Window
) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint16]]:
    """Read a window as `read_reasons`, and how many scenes have each of its pixels clear."""
    reader = getattr(source, "read_observed", None)
    if reader is not None:
        return reader(window)  # type: ignore[no-any-return]
    data, reasons = read_reasons(source, window)
    return data, reasons, (reasons == CLEAR).astype(np.uint16)


def valid_mask(data: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell where every band of (band, y, x) has a value. Derived, never stored."""
    if not len(data):
        return np.ones(data.shape[1:], bool)
    mask: NDArray[np.bool_] = np.isfinite(data[0])
    for plane in data[1:]:  # one by one, to stay in the processor's cache
        mask &= np.isfinite(plane)
    return mask


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


@dataclass(frozen=True)
class ArraySource:
    """A scene that is in memory already: (band, y, x) with NaN where there is no data."""

    name: str
    grid: GeoBox
    bands: tuple[Band, ...]
    data: NDArray[np.float32]
    striped: bool = False

    def read(self, window: Window) -> NDArray[np.float32]:
        """Return (band, height, width)."""
        rows, cols = window.slices
        out: NDArray[np.float32] = np.array(self.data[:, rows, cols], dtype=np.float32)
        out[~np.isfinite(out)] = np.nan
        return out


def leaves(source: Any) -> Iterator[Any]:
    """Every source that a source is put together from, itself first."""
    yield source
    below = (getattr(source, "base", None), *getattr(source, "sources", ()))
    for base in (*below, *getattr(source, "layers", ())):
        if base is not None:
            yield from leaves(base)


def replaced(source: Any, change: Callable[[Any], Any]) -> Any:
    """Put other sources in the place of some that a source is put together from.

    Parameters
    ----------
    source : Source
    change : callable
        Returns what is to stand in the place of a source, or the source itself to look below it.
    """
    new = change(source)
    if new is not source:
        return new
    if (base := getattr(source, "base", None)) is not None:
        below = replaced(base, change)
        return source if below is base else replace(source, base=below)
    if parts := getattr(source, "parts", ()):
        changed = tuple((replaced(part, change), *place) for part, *place in parts)
        same = all(a[0] is b[0] for a, b in zip(changed, parts, strict=True))
        return source if same else replace(source, parts=changed)
    return source


def file_paths(source: Source) -> Iterator[str]:
    """Every file that a source reads, or its address, once each, for provenance."""
    seen: dict[str, None] = {}
    for leaf in leaves(source):
        files = leaf.files if isinstance(leaf, RasterSource) else ()
        seen |= dict.fromkeys(
            [f.path for f in files] + [str(p) for p in getattr(leaf, "paths", ())]
        )
    yield from dict.fromkeys(remote.plain(path) for path in seen)


def notes_of(source: Source) -> list[str]:
    """Return what the readers of a source's products want the user to know, once each."""
    return list(
        dict.fromkeys(note for leaf in leaves(source) for note in getattr(leaf, "notes", ()))
    )


def has_reasons(source: Source) -> bool:
    """Tell whether a source knows more of a missing pixel than that it is missing."""
    return any(hasattr(leaf, "masks") for leaf in leaves(source))


def suns_of(source: Source) -> tuple[Sun, ...]:
    """Return where the sun stood, by the metadata of a source's products, once each."""
    found = (getattr(leaf, "sun", None) for leaf in leaves(source))
    return tuple(dict.fromkeys(sun for sun in found if sun is not None))


def acquired(source: Source) -> str | None:
    """Return when a source's products were taken; None where one of its scenes doesn't tell."""
    found = [leaf.acquired for leaf in leaves(source) if hasattr(leaf, "acquired")]
    return joined(found) if all(found) else None


def has_counts(source: Source) -> bool:
    """Tell whether a source's pixels are made of several observations, which are counted."""
    return any(getattr(leaf, "counts", False) for leaf in leaves(source))


def radiometry_of(source: Source) -> list[dict[str, Any]]:
    """Return how scenes were brought to one radiometry, for each sensor whose scenes were."""
    found = (getattr(leaf, "radiometry", None) for leaf in leaves(source))
    return [facts for facts in found if facts]


def products_of(source: Source) -> tuple[str, ...]:
    """Return what a source's products were recognised as, once each; empty for plain rasters."""
    found = (getattr(leaf, "product", "") for leaf in leaves(source))
    return tuple(dict.fromkeys(title for title in found if title))
