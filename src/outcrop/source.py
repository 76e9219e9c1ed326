"""Where pixels come from: the one read path of every scene.

A `Source` reads a window of a scene as float32 with NaN where there is no data. It can be
pickled, so a thread, a process or another machine can read its own blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from outcrop import remote
from outcrop.reasons import CLEAR, FILL
from outcrop.sensors.base import Band, Sun
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

    def shifted(self, down: int, right: int) -> Window:
        """Return a window of the same size, so many rows and columns on."""
        return Window(self.row + down, self.col + right, self.height, self.width)

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


class PixelwiseSource(SourceOver):
    """A source over another, pixel on pixel: of its grid, too."""

    @property
    def grid(self) -> GeoBox:
        """The scene's grid."""
        return self.base.grid


class ReasonedSource:
    """A source that knows why pixels are missing: `read` follows from ``read_reasons``."""

    def read(self, window: Window) -> NDArray[np.float32]:
        """Return (band, height, width), NaN where there is no data."""
        return self.read_reasons(window)[0]

    def read_reasons(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return the bands, and why pixels (height, width) are missing."""
        raise NotImplementedError


class ObservedSource(ReasonedSource):
    """A source that counts clear observations, too: all follows from ``read_observed``."""

    def read_reasons(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return the bands, and why pixels (height, width) are missing."""
        data, reasons, _ = self.read_observed(window)
        return data, reasons

    def read_observed(
        self, window: Window
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint16]]:
        """Return the same, and how many observations (height, width) are clear."""
        raise NotImplementedError


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
        stored = [file.path for file in getattr(leaf, "files", ())]
        seen |= dict.fromkeys([*stored, *map(str, getattr(leaf, "paths", ()))])
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
