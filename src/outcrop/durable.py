"""Files that survive a power cut: on the disk before anything says that they are there."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: Seconds that `alone` waits for its turn, and after which a lock is one that was left behind:
#: what is done under it takes a fraction of a second.
PATIENCE, STALE = 20.0, 10.0


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    folder = path.is_dir()
    if folder and os.name == "nt":  # Windows opens no folders, and writes names through
        return
    handle = os.open(path, os.O_RDONLY if folder or os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def put(temporary: Path, path: Path) -> None:
    """Move a finished file to its place, so that it is there whole or not at all."""
    sync(temporary)
    os.replace(temporary, path)


def replace_text(path: Path, text: str) -> None:
    """Replace a text file as a whole, and wait until it is on the disk."""
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        temporary.write_text(text, "utf-8")
        put(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    sync(path.parent)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep other processes from changing a file while it is read, changed and replaced.

    A file beside it, ``NAME.lock``, stands for that: making one that is there fails on every
    system and on shared disks. One that a process left behind, as a power cut leaves it, holds
    nobody for longer than `STALE` seconds.

    Raises
    ------
    FileExistsError
        If others had it all of `PATIENCE` seconds.
    OSError
        If the folder cannot be written to.
    """
    lock = path.with_name(path.name + ".lock")
    until = time.monotonic() + PATIENCE
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            break
        except FileExistsError:
            if time.monotonic() > until:
                raise
            with suppress(OSError):  # gone meanwhile
                if time.time() - lock.stat().st_mtime > STALE:
                    lock.unlink()
            time.sleep(0.02)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def sync_tree(folder: Path) -> None:
    """Wait until every file in a folder, and the folder, are on the disk."""
    for path in folder.iterdir():
        sync(path)
    sync(folder)
