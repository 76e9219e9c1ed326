"""Threads against worker processes on Dask: one, two and four of them, or one a core."""

from __future__ import annotations

import importlib.util
import os

from benchmarks.measuring import Run, Settings, best, table
from benchmarks.simulated import WHOLE, scene, sized
from benchmarks.stages import staged

NUMBERS = (1, 2, 4)
#: Parts of a run that workers share in.
PASSES = ("drawing the sample", "its smoothed features", "`units.tif`")


def main(settings: Settings) -> None:
    """Print runs and their passes over the scene, and what Dask costs over threads."""
    if importlib.util.find_spec("distributed") is None:
        print("Dask is not installed.")
        return
    size = settings.size(WHOLE)
    large = size > WHOLE  # minutes a run
    made = sized(settings, size) if large else scene(settings, size)
    out, passes = settings.out("workers"), {}

    def run(option: str, number: int) -> Run:
        found, parts = staged(
            settings, "map", made.path, "-o", out, "--overwrite", "-q", "--units", settings.units,
            option, number, name="workers",
        )  # fmt: skip
        passes[found] = sum(parts[part] for part in PASSES)
        return found

    numbers = (os.cpu_count() or 1,) if large else NUMBERS[:2] if settings.quick else NUMBERS
    found = best(
        {
            f"{option} {number}": lambda option=option, number=number: run(option, number)
            for number in numbers
            for option in ("--threads", "--workers")
        },
        settings.rounds,
    )
    print(f"`outcrop map` of {made} on {os.cpu_count()} cores; the passes read blocks: the sample, "
          "its smoothed features, `units.tif`:")  # fmt: skip
    rows = []
    for number in numbers:
        threads, workers = found[f"--threads {number}"], found[f"--workers {number}"]
        rows.append((
            number, threads.seconds, workers.seconds, workers.seconds / threads.seconds,
            passes[threads], passes[workers], passes[workers] / passes[threads],
        ))  # fmt: skip
    table(
        ("threads, or worker processes", "run, threads: s", "run, workers: s", "ratio",
         "passes, threads: s", "passes, workers: s", "ratio"), rows,
    )  # fmt: skip
