"""HDF5 files (and netCDF 4, which is HDF5): what products keep cubes and attributes in.

h5py reads them, and not GDAL, whose rasters take the first axis for the bands. In the cubes of
spectrometers that axis is the rows, so GDAL would unpack whole chunks for each row of a window.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.errors import SceneError
from outcrop.sensors.container import Container
from outcrop.sensors.products import the_only
from outcrop.sensors.unpacked import local
from outcrop.source import Window

#: Unpacked chunks that a file keeps at hand: one row of chunks of EMIT's largest arrays.
CACHE_BYTES = 64 * 2**20


def open_hdf(path: Path | str) -> Any:
    """Open a file to read; of a member of an archive a copy, see `outcrop.sensors.unpacked`.

    Raises
    ------
    SceneError
        If h5py is not installed, or the file is damaged.
    """
    try:
        import h5py
    except ImportError:
        raise SceneError(
            f"{path} needs h5py to be read: python -m pip install 'outcrop[hyperspectral]'"
        ) from None
    try:
        return h5py.File(local(path), "r", rdcc_nbytes=CACHE_BYTES)
    except OSError as error:
        raise SceneError(
            f"{path} cannot be opened as HDF5 ({str(error).splitlines()[0]}); fetch it again"
        ) from None


@contextmanager
def reading(path: Path | str) -> Iterator[Any]:
    """Open a file for its metadata, and name it where something is missing from it."""
    with open_hdf(path) as file:
        try:
            _require_own(path, file)
            yield file
        except (KeyError, OSError, ValueError, TypeError, IndexError) as error:
            raise SceneError(
                f"{path} lacks what its product has ({str(error).splitlines()[0]}); fetch it again"
            ) from None


def _require_own(path: Path | str, file: Any) -> None:
    """Refuse a file with arrays or links in other files, which could be any of this machine."""
    import h5py

    def links(name: str, link: Any) -> str | None:
        return name if isinstance(link, h5py.ExternalLink) else None

    def arrays(name: str, item: Any) -> str | None:
        return (
            name if isinstance(item, h5py.Dataset) and (item.external or item.is_virtual) else None
        )

    found = file.visititems_links(links) or file.visititems(arrays)
    if found:
        raise SceneError(
            f"{path}: {found} leads to another file, which no product's does; it is damaged or "
            "hostile"
        )


def find_hdf(
    container: Container, title: str, pattern: str, ending: str, holds: Callable[[Any], bool]
) -> str | None:
    """Return the file that is a product by its name or, given by itself, by what it holds.

    Parameters
    ----------
    container : Container
    title : str
        Of the product.
    pattern : str
        Of the name that it is delivered by.
    ending : str
        Of a file that was renamed.
    holds : callable
        Tells of an open file whether it is one.

    Raises
    ------
    SceneError
        If there are several.
    """
    found, only = container.find(pattern), container.only
    if not found and only and only.lower().endswith(ending):
        with suppress(SceneError), open_hdf(container.path / only) as file:
            found = [only] if holds(file) else []
    return the_only(str(container.path), title, found)


@contextmanager
def reading_rows(path: str, window: Window) -> Iterator[None]:
    """Name the rows of a window that cannot be read."""
    try:
        yield
    except (OSError, KeyError) as error:
        raise SceneError(
            f"{path}: rows {window.row}-{window.row + window.height - 1} cannot be read "
            f"({error}); the file is truncated or damaged, so fetch it again"
        ) from None


class Handles(threading.local):
    """A file of each thread, opened when it is first read."""

    def of(self, path: str) -> Any:
        """Return the thread's handle."""
        if path not in self.__dict__:
            self.__dict__[path] = open_hdf(path)
        return self.__dict__[path]


def text(value: Any) -> str:
    """Return an attribute as text, however the file stores it."""
    value = np.asarray(value).ravel()
    first = value[0] if value.size else ""
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)


def number(value: Any) -> float:
    """Return an attribute as a number.

    Raises
    ------
    ValueError
        If it is none.
    """
    return float(np.asarray(value).ravel()[0])
