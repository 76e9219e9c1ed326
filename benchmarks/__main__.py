"""`python -m benchmarks`: what a user waits for, measured on this machine in one run."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time

RUNS = 7


def best(command: list[str]) -> float:
    """Seconds of the fastest of several runs, after one that doesn't count."""
    times = []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return min(times[1:])


def main() -> None:
    """Print a table of start-up times and their ratio to that of a bare interpreter."""
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
          f"Python {platform.python_version()}; best of {RUNS}")  # fmt: skip
    bare = best([sys.executable, "-c", "pass"])
    print("\n| command | seconds | over a bare interpreter |\n|---|---|---|")
    for name, command in {
        "python -c pass": ["-c", "pass"],
        "import outcrop": ["-c", "import outcrop"],
        "outcrop --version": ["-m", "outcrop", "--version"],
        "outcrop --help": ["-m", "outcrop", "--help"],
    }.items():
        seconds = best([sys.executable, *command])
        print(f"| `{name}` | {seconds:.2f} | {seconds / bare:.1f} |")


if __name__ == "__main__":
    main()
