"""`python -m benchmarks`: what a user waits for, measured on this machine in one run.

Each figure is the better of two runs after one that doesn't count, and a ratio is of runs that
took turns. Prints Markdown; what is being done goes to the standard error.
"""

from __future__ import annotations

import argparse
import importlib
import os
import time
from pathlib import Path

from benchmarks.measuring import Settings, load, machine, say

#: What can be measured, in this order: a module of that name, and its heading.
BENCHMARKS = {
    "startup": "Start-up",
    "paper": "A map, over the paper's method",
    "floor": "The pass, over the floor",
    "parts": "The parts of the pass",
    "alternatives": "Against other programs",
    "memory": "Memory and time by size",
    "workers": "Worker processes",
    "gpu": "A GPU over the CPU",
    "batches": "Batches that grow",
    "tiles": "Tiles of the workbench",
    "sample": "The size of the sample",
}


def main() -> None:
    """Run the benchmarks that were named, or all."""
    settings, names = _parsed()
    settings.cache.mkdir(parents=True, exist_ok=True)
    print(machine())
    for name in names:
        say(name)
        print(f"\n## {BENCHMARKS[name]}\n", flush=True)
        started, before = time.perf_counter(), load()
        importlib.import_module(f"benchmarks.{name}").main(settings)
        minutes = (time.perf_counter() - started) / 60
        print(f"(`{name}`: {minutes:.1f} minutes; {before} before, {load()} after)", flush=True)


def _parsed() -> tuple[Settings, list[str]]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    usual = Settings()
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(BENCHMARKS)}")
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("OUTCROP_DATA"),
        help="folder that holds mutawintji/; also $OUTCROP_DATA; without it, geology is made up",
    )  # fmt: skip
    parser.add_argument("--cache", type=Path, default=usual.cache, help="for scenes (up to 4 GB)")
    parser.add_argument("--megapixels", type=float, help="of the scene, instead of each one's own")
    parser.add_argument("--sizes", type=_numbers, help="megapixels of `memory`: 1,12,40,120")
    parser.add_argument("--units", default=usual.units, help="how many, or auto")
    parser.add_argument("--rounds", type=int, default=usual.rounds, help="runs that count (2)")
    parser.add_argument("--quick", action="store_true", help="small scenes, in a few minutes")
    given = vars(parser.parse_args())
    names = given.pop("names") or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        parser.error(f"no benchmark {unknown[0]!r}; choose among {', '.join(BENCHMARKS)}")
    given["data"] = None if given["data"] is None else Path(given["data"])
    return Settings(**given), names


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


if __name__ == "__main__":
    main()
