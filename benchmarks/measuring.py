"""What every benchmark shares: settings, timing, memory of a process tree, and Markdown tables."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

OUTCROP = (sys.executable, "-m", "outcrop")
#: Seconds between two looks at the memory of a process tree.
PAUSE = 0.2


@dataclass(frozen=True)
class Settings:
    """How to measure.

    ``megapixels`` and ``sizes`` are None for a benchmark's own; ``rounds`` is how many runs count,
    after one that doesn't.
    """

    data: Path | None = None
    cache: Path = Path(tempfile.gettempdir()) / "outcrop-benchmarks"
    megapixels: float | None = None
    sizes: tuple[float, ...] | None = None
    units: str = "auto"
    rounds: int = 2
    quick: bool = False

    def size(self, usual: float) -> float:
        """Return the megapixels of a benchmark that usually takes so many."""
        return self.megapixels or (min(usual, 1.3) if self.quick else usual)

    def out(self, name: str) -> Path:
        """Return where a run may write; whoever asks again writes over it."""
        folder = self.cache / "out" / name
        folder.parent.mkdir(parents=True, exist_ok=True)
        return folder


@dataclass(frozen=True)
class Run:
    """What a run took: seconds, processor seconds of all its processes, largest PSS in bytes."""

    seconds: float
    processor: float
    peak: int = 0


def timed(work: Callable[[], object]) -> Run:
    """Run something here, or what it starts and waits for."""
    clock, processor = time.perf_counter(), _processor()
    work()
    return Run(time.perf_counter() - clock, _processor() - processor)


def _processor() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def command(words: Iterable[object], *, memory: bool = False) -> Run:
    """Run a command, from its start to its end; with its memory if asked for.

    Raises
    ------
    subprocess.CalledProcessError
        If it fails; what it printed has then been printed.
    """
    words, peaks = [str(word) for word in words], [0]

    def work() -> None:
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(words, stdout=said, stderr=subprocess.STDOUT)
            watcher = threading.Thread(target=_watch, args=(process.pid, peaks), daemon=True)
            if memory:
                watcher.start()
            if process.wait():
                said.seek(0)
                sys.stderr.write(said.read().decode(errors="replace"))
                raise subprocess.CalledProcessError(process.returncode, words)
            if memory:
                watcher.join()

    run = timed(work)
    return Run(run.seconds, run.processor, max(peaks))


def _watch(pid: int, peaks: list[int]) -> None:
    """Sum the memory of a process and all below it until it ends; pages they share count once."""
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        while root.is_running() and root.status() != psutil.STATUS_ZOMBIE:
            peaks.append(sum(map(_pss, [root, *root.children(recursive=True)])))
            time.sleep(PAUSE)


def _pss(process: psutil.Process) -> int:
    try:
        found = process.memory_full_info()
    except psutil.Error:  # it has just ended
        return 0
    return getattr(found, "pss", None) or found.uss


def best(runs: Mapping[str, Callable[[], Run]], rounds: int = 2) -> dict[str, Run]:
    """Return the fastest of several rounds by name, after one that doesn't count.

    What is compared takes turns, so that a machine that gets busier or hotter slows all alike.
    With 0 rounds the one run counts: enough to see that it works, and nothing to quote.
    """
    taken: dict[str, list[Run]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            say(f"{name}: " + (f"round {number}" if number else "warming up"))
            found = run()
            if number or not rounds:
                taken[name].append(found)
    return {name: min(found, key=lambda run: run.seconds) for name, found in taken.items()}


def outcrop(*words: object, memory: bool = False) -> Run:
    """Run Outcrop's command line in a process of its own."""
    return command([*OUTCROP, *words], memory=memory)


def say(text: str) -> None:
    """Tell how far we are, beside the tables."""
    print(f"[{datetime.datetime.now():%H:%M:%S}] {text}", file=sys.stderr, flush=True)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a Markdown table; numbers are rounded to what can be told apart."""
    print("\n| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(map(_cell, row)) + " |")
    print(flush=True)


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else (
        f"{value:.2f}"
    )  # fmt: skip


def machine() -> str:
    """Describe what this runs on, and how busy it is."""
    memory = psutil.virtual_memory().total / 2**30
    packages = ("outcrop", "numpy", "numba", "rasterio", "torch")
    versions = ", ".join(f"{name} {_version(name)}" for name in packages)
    return (
        f"{datetime.datetime.now():%Y-%m-%d %H:%M}: {_processor_name()}, {os.cpu_count()} cores, "
        f"{memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}, {versions}; "
        + load()
    )


def load() -> str:
    """Say how many processes wanted to run in the last minute."""
    return f"load {psutil.getloadavg()[0]:.1f}"


def _version(package: str) -> str:
    if package == "outcrop":
        from outcrop import __version__

        return __version__
    return importlib.metadata.version(package)


def _processor_name() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
