"""Ctrl-C where it does no harm.

Python raises KeyboardInterrupt between any two instructions. Some are in functions that C code has
called and whose errors it drops. While numba loads a kernel, LLVM asks such a function for the
kernel's code: an interrupt there is lost, LLVM takes an empty kernel, and the run goes on to wrong
numbers, a crash or its end. An import that is cut can fail as another error in the same way. So an
interrupt waits until such work is done, and one that was lost is raised again.
"""

from __future__ import annotations

import _thread
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

#: Seconds after which an interrupt that had to wait is tried again.
SOON = 0.05
#: Packages, and the machinery of imports, whose functions are never cut.
_HELD = ("numba", "llvmlite", "importlib", "_frozen_importlib", "_frozen_importlib_external")
#: Functions of ours that are never cut.
_WHOLE: set[CodeType] = set()


def uncut(function: F) -> F:
    """Let an interrupt wait for the end of a function."""
    _WHOLE.add(function.__code__)
    return function


@contextmanager
def careful_interrupts(
    *signals: signal.Signals, again: Callable[[], object] | None = None
) -> Iterator[None]:
    """Raise KeyboardInterrupt for Ctrl-C, and other signals, where it does no harm.

    In the main thread, where signals arrive; elsewhere, and where a program has a way of its own
    with a signal (or ignores it, as in the background), all stays as it is.

    Parameters
    ----------
    *signals : signal.Signals
        Besides SIGINT, which is Ctrl-C.
    again : callable, optional
        Called at a second signal, wherever that arrives; None raises KeyboardInterrupt there.
    """
    usual = (signal.default_int_handler, signal.SIG_DFL)
    taken = [s for s in (signal.SIGINT, *signals) if signal.getsignal(s) in usual]
    if threading.current_thread() is not threading.main_thread() or not taken:
        yield
        return
    handler = _Interrupts(again)
    before = {s: signal.signal(s, handler) for s in taken}
    sys.unraisablehook = handler.lost
    try:
        yield
    finally:
        sys.unraisablehook = handler.hook
        for number, earlier in before.items():
            signal.signal(number, earlier)
        handler.over = True
    if handler.waits:
        raise KeyboardInterrupt("all was done by then")


class _Interrupts:
    """Handles signals; knows whether one has come already, and whether it waits to be raised."""

    def __init__(self, again: Callable[[], object] | None) -> None:
        self.hook = sys.unraisablehook
        self.waits = self.over = False
        self._again = again
        self._asked = self._retrying = False

    def __call__(self, _: int, frame: FrameType | None) -> None:
        if self._asked and not self._retrying:
            if self._again:
                self._again()
            raise KeyboardInterrupt
        self._asked = True
        self._retrying = self.waits = False
        if not _is_held(frame):
            raise KeyboardInterrupt
        self._retry()

    def lost(self, unraisable: Any) -> None:
        """Raise an interrupt again that Python could only have printed."""
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            self._retry()
        else:
            self.hook(unraisable)

    def _retry(self) -> None:
        self.waits = True
        # No Thread, whose locks the main thread may hold at this moment.
        _thread.start_new_thread(self._come_again, ())

    def _come_again(self) -> None:
        time.sleep(SOON)
        if self.over:
            return
        self._retrying = True
        if hasattr(signal, "pthread_kill"):  # also wakes a thread that waits
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        else:
            _thread.interrupt_main()


def _is_held(frame: FrameType | None) -> bool:
    """Tell whether a function is being called that must come to its end first.

    What called a function of ours is no matter: a program may run us while it is imported.
    """
    ours = False
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        ours = ours or (name.startswith("outcrop.") and frame.f_code.co_name != "<module>")
        if frame.f_code in _WHOLE or (not ours and name.partition(".")[0] in _HELD):
            return True
        frame = frame.f_back
    return False
