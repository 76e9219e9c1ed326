"""Members of archives as files, for libraries that read files alone: HDF4 and HDF5.

A source keeps the name that says archive and member (`Container.gdal_path`), so that provenance
names the archive, and every machine unpacks its own copy: where it first reads it, once a process,
into a folder of its own among the system's temporary files, which goes when the process ends.
"""

from __future__ import annotations

import atexit
import logging
import os
import re
import shutil
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from outcrop.errors import SceneError
from outcrop.sensors.container import open_tar

log = logging.getLogger("outcrop")

#: The largest member that is unpacked; the largest products are files of 4 GB.
MOST_BYTES = 8 * 2**30
#: What must be left on the disk of temporary files.
SPARE_BYTES = 2**28
_PIECE = 2**22

_INSIDE = re.compile(r"/vsi(zip|tar)/\{(.+)\}/([^{}]+)", re.DOTALL)
_LOCK = threading.Lock()
_DONE: dict[tuple[str, int, int], Path] = {}
_FOLDERS: dict[int, Path] = {}


def local(path: Path | str) -> Path:
    """Return a file on this machine: the path itself, or a copy of the member that it names.

    Raises
    ------
    SceneError
        If the archive or its member cannot be read, or the copy has no room.
    """
    named = _named(path)
    if named is None:
        return Path(path)
    with _reading(*named[1:]), _LOCK:
        facts = named[1].stat()
        key = (str(path), facts.st_mtime_ns, facts.st_size)
        if key not in _DONE:
            _DONE[key] = _copy(*named)
        return _DONE[key]


def size_of(path: Path | str) -> int:
    """Return the bytes of a file, or those that an archive says its member has.

    Raises
    ------
    SceneError
        If the archive cannot be read.
    """
    named = _named(path)
    if named is None:
        return Path(path).stat().st_size
    with _reading(*named[1:]), _member(*named) as (_, size):
        return size


def _named(path: Path | str) -> tuple[str, Path, str] | None:
    """Return kind, archive and member of a path into an archive, None for other paths."""
    found = _INSIDE.fullmatch(str(path))
    return (found[1], Path(found[2]), found[3]) if found else None


@contextmanager
def _reading(archive: Path, inner: str) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise SceneError(
            f"{archive}: {inner} cannot be unpacked ({error}); fetch the archive again, or unpack "
            "it and give the file"
        ) from None


def _copy(kind: str, archive: Path, inner: str) -> Path:
    folder = Path(tempfile.mkdtemp(dir=_folder()))
    target = folder / PurePosixPath(inner).name
    with _member(kind, archive, inner) as (stream, size):
        _require_room(archive, inner, size, folder)
        log.info("%s: unpacking %s (%d MB) for this run", archive, inner, size >> 20)
        try:
            with target.open("wb") as sink:
                # What is said of the size is not trusted: no more than that is copied.
                left = size
                while left and (piece := stream.read(min(left, _PIECE))):
                    sink.write(piece)
                    left -= len(piece)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
    if left:
        raise EOFError(f"{left} of its {size} bytes are missing")
    return target


@contextmanager
def _member(kind: str, archive: Path, inner: str) -> Iterator[tuple[IO[bytes], int]]:
    """Open a member by its name without ``./``; give its stream and the size that it claims."""
    if kind == "zip":
        with zipfile.ZipFile(archive) as packed:
            for entry in packed.infolist():
                if PurePosixPath(entry.orig_filename).as_posix() == inner:
                    with packed.open(entry) as stream:
                        yield stream, entry.file_size
                    return
    else:
        with open_tar(archive) as tar:
            for member in tar:
                if member.isreg() and PurePosixPath(member.name).as_posix() == inner:
                    found = tar.extractfile(member)
                    assert found is not None  # regular files have a stream
                    yield found, member.size
                    return
    raise EOFError("it is not in the archive")


def _require_room(archive: Path, inner: str, size: int, folder: Path) -> None:
    if size > MOST_BYTES:
        raise SceneError(
            f"{archive}: {inner} claims {size >> 20:,} MB, and at most {MOST_BYTES >> 20:,} MB are "
            "unpacked; unpack it yourself and give the file"
        )
    free = shutil.disk_usage(folder).free
    if size + SPARE_BYTES > free:
        raise SceneError(
            f"{archive}: {inner} needs {size >> 20:,} MB among the temporary files, where "
            f"{free >> 20:,} MB are free; set TMPDIR to another disk, or unpack it yourself"
        )


def _folder() -> Path:
    """Return this process's folder: a forked one leaves that of its parent alone."""
    process = os.getpid()
    if process not in _FOLDERS:
        _FOLDERS[process] = Path(tempfile.mkdtemp(prefix="outcrop-"))
        atexit.register(_remove, process)
    return _FOLDERS[process]


def _remove(process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(_FOLDERS[process], ignore_errors=True)
