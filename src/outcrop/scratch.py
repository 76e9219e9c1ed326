"""Arrays that are used again: fresh memory costs more to get than to fill."""

from __future__ import annotations

import ctypes
import threading
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray


class _Rooms(threading.local):
    """The arrays of a thread, by name."""

    def __init__(self) -> None:
        self.kept: dict[str, NDArray[np.float32]] = {}


_rooms = _Rooms()


def scratch(shape: tuple[int, ...], name: str) -> NDArray[np.float32]:
    """Return an array of float32 with anything in it.

    It belongs to the thread, whose next call with this name gives the same memory.
    """
    size = int(np.prod(shape))
    room = _rooms.kept.get(name)
    if room is None or room.size < size:
        room = _rooms.kept[name] = np.empty(size, np.float32)
    return room[:size].reshape(shape)


def give_back() -> None:
    """Give the system what was freed and glibc keeps: hundreds of MiB after a pass over a scene.

    For the end of a stage, since the next block or stage may want it again. Other C libraries
    give back by themselves.
    """
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
