"""How long a user waits for a program that has nothing to do."""

from __future__ import annotations

import sys

from benchmarks.measuring import Settings, best, command, table

RUNS = 7


def main(settings: Settings) -> None:
    """Print start-up times and their ratio to that of a bare interpreter."""
    words = {
        "python -c pass": ["-c", "pass"],
        "import outcrop": ["-c", "import outcrop"],
        "outcrop --version": ["-m", "outcrop", "--version"],
        "outcrop --help": ["-m", "outcrop", "--help"],
    }
    runs = {n: lambda w=w: command([sys.executable, *w]) for n, w in words.items()}
    found = best(runs, 2 if settings.quick else RUNS)
    bare = found["python -c pass"].seconds
    table(
        ("command", "seconds", "over a bare interpreter"),
        [(f"`{n}`", run.seconds, run.seconds / bare) for n, run in found.items()],
    )
