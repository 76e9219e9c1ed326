"""Files that survive a power cut: on the disk before anything says that they are there."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path


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


def sync_tree(folder: Path) -> None:
    """Wait until every file in a folder, and the folder, are on the disk."""
    for path in folder.iterdir():
        sync(path)
    sync(folder)
