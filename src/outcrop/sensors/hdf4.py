"""HDF4 files, which the GDAL inside rasterio's wheels cannot read: through pyhdf.

pyhdf is the extra ``aster``. The HDF4 library underneath is not made for threads, so one lock
stands before every call; it works on real files alone, so members of archives are copied first.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from outcrop.errors import SceneError
from outcrop.sensors.base import Band
from outcrop.sensors.unpacked import local
from outcrop.source import Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

MAGIC = b"\x0e\x03\x13\x01"
#: More rows or columns than a swath of any satellite has.
LARGEST = 65_535

#: Files that are kept open.
MOST_OPEN = 8

_LOCK = threading.RLock()
_OPEN: dict[str, tuple[tuple[int, int, int], Any]] = {}
T = TypeVar("T")


@dataclass(frozen=True)
class Hdf4File:
    """What a file holds: its texts by name, and the shape of each of its planes."""

    path: str
    texts: Mapping[str, str]
    shapes: Mapping[str, tuple[int, int]]

    def text(self, prefix: str) -> str:
        """Return a text that was cut into ``prefix.0``, ``prefix.1`` and so on, joined."""
        parts = sorted((n, t) for n, t in self.texts.items() if n.lower().startswith(prefix))
        return "\n".join(text for _, text in parts)


@dataclass(frozen=True)
class Hdf4Source:
    """One plane of an HDF4 file, read as number × scale + offset.

    ``valid`` are the lowest and the highest number that is a measurement, as for
    `outcrop.rasters.BandFile`: below is no data (NaN), above was saturated (+inf).
    """

    file: str
    plane: str
    grid: GeoBox
    bands: tuple[Band, ...]
    scale: float = 1.0
    offset: float = 0.0
    valid: tuple[float, float] | None = None
    striped: bool = True

    @property
    def name(self) -> str:
        """The plane's name, for messages."""
        return self.plane

    @property
    def paths(self) -> tuple[Path, ...]:
        """The file, for provenance."""
        return (Path(self.file),)

    def read(self, window: Window) -> NDArray[np.float32]:
        """Return (1, height, width) as float32, NaN where there is no data."""
        stored = read_plane(self.file, self.plane, window)
        data = stored.astype(np.float32)
        if (self.scale, self.offset) != (1.0, 0.0):
            data *= np.float32(self.scale)
            data += np.float32(self.offset)
        if self.valid is not None:
            data[stored < self.valid[0]] = np.nan
            data[stored > self.valid[1]] = np.inf
        return data[None]


def is_hdf4(path: Path) -> bool:
    """Tell by its first bytes whether a file is HDF4."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def inspect_hdf4(path: str) -> Hdf4File:
    """Read what is needed of a file besides its pixels.

    Raises
    ------
    SceneError
        If pyhdf is not installed, or the file is damaged or no HDF4.
    """
    _require_pyhdf(path)
    file = local(path)
    facts = file.stat() if file.exists() else None
    if facts is not None:
        _probe(str(file), facts.st_mtime_ns, facts.st_size)

    def inspect(handle: Any) -> Hdf4File:
        texts = {k: v for k, v in handle.attributes().items() if isinstance(v, str)}
        found = {name: tuple(facts[1]) for name, facts in handle.datasets().items()}
        planes = {n: (s[0], s[1]) for n, s in found.items() if len(s) == 2 and max(s) <= LARGEST}
        return Hdf4File(path, texts, planes)

    return _with(path, inspect)


def read_plane(path: str, plane: str, window: Window) -> NDArray[Any]:
    """Return a window of a plane as it is stored.

    Raises
    ------
    SceneError
        If the plane is missing or damaged.
    """

    def read(handle: Any) -> NDArray[Any]:
        selected = handle.select(plane)
        try:
            start, count = (window.row, window.col), (window.height, window.width)
            return np.asarray(selected.get(start, count)).reshape(count)
        finally:
            selected.endaccess()

    return _with(path, read)


def _with(path: str, work: Callable[[Any], T]) -> T:
    """Do something with an open file, one caller at a time."""
    _require_pyhdf(path)
    from pyhdf.error import HDF4Error

    with _LOCK:
        try:
            return work(_open(path))
        except FileNotFoundError:
            raise SceneError(f"{path} does not exist; check the path") from None
        except (HDF4Error, ValueError, UnicodeDecodeError, MemoryError) as error:
            raise SceneError(
                f"{path} cannot be read as HDF4 ({error}); it is truncated or damaged, so fetch "
                "it again"
            ) from None


def _open(path: str) -> Any:
    """Open a file once for the process: a packed plane is unpacked from where it was left.

    The library knows files by their path, so one that was replaced, or was opened before the
    process was forked, is closed first.
    """
    from pyhdf.SD import SD, SDC

    file = local(path)
    facts = file.stat()
    now = (facts.st_mtime_ns, facts.st_size, os.getpid())
    seen, handle = _OPEN.pop(path, (None, None))
    if handle is not None and seen != now:
        handle.end()
        handle = None
    if len(_OPEN) >= MOST_OPEN:
        _OPEN.pop(next(iter(_OPEN)))[1].end()
    _OPEN[path] = (now, SD(str(file), SDC.READ) if handle is None else handle)
    return _OPEN[path][1]


@lru_cache(maxsize=256)
def _probe(path: str, _changed: int, _size: int) -> None:
    """Read a file once in a process of its own.

    The library was never hardened: four of 120 files with a few bytes changed at random brought
    the process down with them, which no exception reports.
    """
    try:
        code = subprocess.run(
            [sys.executable, "-c", _PROBE, path], capture_output=True, timeout=PATIENCE, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        code = -1
    if code not in (0, 1):  # 1 is an exception, which comes again and is worded then
        raise SceneError(
            f"{path} brings the HDF4 library down; it is damaged or hostile, so fetch it again"
        )


#: Seconds after which a file that is still being opened is given up.
PATIENCE = 120
_PROBE = """
import sys
from pyhdf.SD import SD
file = SD(sys.argv[1])
file.attributes()
for name, facts in file.datasets().items():
    plane = file.select(name)
    count = [1, *facts[1][1:]] if isinstance(facts[1], tuple) else [1]
    for row in {0, (facts[1][0] if isinstance(facts[1], tuple) else facts[1]) - 1}:
        plane.get([row] + [0] * (len(count) - 1), count)
    plane.endaccess()
file.end()
"""


def _require_pyhdf(path: str) -> None:
    if find_spec("pyhdf") is None:
        raise SceneError(
            f"{path} is HDF4, for which pyhdf is needed and not installed: "
            'pip install "outcrop[aster]", or fetch the product as GeoTIFF'
        )
