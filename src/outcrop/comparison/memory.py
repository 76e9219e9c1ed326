"""The most memory that a worker process takes."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path


def reset_peak() -> None:
    """Forget the most memory that this process had, where Linux lets it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", "ascii")


def peak_mib() -> float | None:
    """Return the most resident memory of this process, in MiB; None where nothing tells it."""
    try:
        status = Path("/proc/self/status").read_text("ascii", errors="replace")
        return round(int(status.partition("VmHWM:")[2].split()[0]) / 1024, 1)
    except (OSError, ValueError, IndexError):
        pass
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(most / (2**20 if sys.platform == "darwin" else 2**10), 1)
