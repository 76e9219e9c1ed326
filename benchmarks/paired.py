"""Is the default better than what it is compared with? Paired differences with intervals.

    python benchmarks/paired.py DATA [--half development|test] [--scenes ground|early]
        [--only g1,g2] [--against "a;b"] [--no-stability] [--keep FOLDER]

DATA is the folder that holds ``mutawintji/`` and ``zion/``. Prints Markdown tables.

Protocol: as in recipes.py, k is the true number of units and all pixels of the final map are
scored. For the intervals square blocks of the scene (as wide as the longest range of the errors'
variogram) are drawn 400 times, units matched with classes on one half of the blocks and scored on
the other, with the same draws for every recipe (`outcrop.comparison.intervals`); what is told is
the mean over scenes. Stability is the adjusted Rand index between the default's maps of two fits,
each with another seed and on another bootstrap of half the pixels. Maps in the folder that --keep
names are not made again: leave it out after a change to what maps.
"""

from __future__ import annotations

import argparse
import logging
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.metrics import adjusted_rand_score

from outcrop.comparison.groups import group
from outcrop.comparison.intervals import Resampling, interval, replicate
from recipes import map_of, named, scores, source_of
from scenes import SETS

OURS = "default"
THEIRS = ("nagar2024, pca", "nagar2024, autoencoder", "nagar2024, stacked", "2 whitened components")
BOOTSTRAPS = (1, 2)


def wrong(truth: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Return which labelled pixels are not of the class that is the commonest in their unit."""
    there = truth > 0
    counts = np.zeros((256, 256), int)
    np.add.at(counts, (units[there], truth[there]), 1)
    return (counts.argmax(axis=1)[units] != truth)[there]


def draws(truth: np.ndarray, maps: dict[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Score each map on the same draws of blocks."""
    groups = group(truth, [wrong(truth, units) for units in maps.values()], "blocks")
    resampling, there = Resampling.of(groups), truth > 0
    return {
        name: replicate(resampling, groups, truth[there], units[there], int(truth.max()))
        for name, units in maps.items()
    }


def kept(folder: Path | None, name: str, make: Callable[[], np.ndarray]) -> np.ndarray:
    """Return a map, from the folder if it is there."""
    if folder is None:
        return make()
    path = folder / f"{name.replace(' ', '-').replace(',', '')}.npy"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        np.save(path, make())
    return np.load(path)


def judged(case, data: Path, others: list[str], stable: bool, keep: Path | None) -> dict:
    """Map one scene with every recipe."""
    scene, recipes, maps, seconds = case.make(data), named(), {}, {}
    source, k = source_of(scene), len(scene.unit_names)
    for name in (OURS, *others):
        began = time.process_time()
        maps[name] = kept(keep, f"{case.name} {name}", partial(map_of, source, recipes[name], k, 0))
        seconds[name] = time.process_time() - began
    seeds = BOOTSTRAPS if stable else ()
    twice = [map_of(source, recipes[OURS], k, s, part=0.5).ravel() for s in seeds]
    return {
        "scores": {name: scores(scene.truth, units) for name, units in maps.items()},
        "draws": draws(scene.truth, maps),
        "stability": adjusted_rand_score(*twice) if stable else None,
        "seconds": seconds,
    }


def tell(names: list[str], found: list[dict], others: list[str]) -> None:
    print(
        "| recipe |", " | ".join(names), "| mean | processor s |\n|---|" + "---|" * (len(names) + 2)
    )
    for recipe in (OURS, *others):
        table = np.array([f["scores"][recipe] for f in found])
        cells = [f"{a:.2f} / {m:.2f}" for a, m in table]
        a, m = table.mean(axis=0)
        spent = np.mean([f["seconds"][recipe] for f in found])
        print(f"| {recipe} |", " | ".join(cells), f"| **{a:.3f} / {m:.3f}** | {spent:.1f} |")
    print("\n| default less | accuracy | AMI |\n|---|---|---|")
    for recipe in others:
        cells = []
        for score in ("accuracy", "ami"):
            gains = [f["draws"][OURS][score] - f["draws"][recipe][score] for f in found]
            mean, low, high = interval(np.mean(gains, axis=0))
            cells.append(f"{mean:+.3f} ({low:+.3f} to {high:+.3f})")
        print(f"| {recipe} |", " | ".join(cells), "|")
    best = max(
        {n for n in others if n.startswith("nagar2024")} or others,
        key=lambda n: np.mean([f["scores"][n][0] for f in found]),
    )
    print(f"\nThe paper's best, of the mean accuracies: {best}")
    stable = [f["stability"] for f in found]
    if None in stable:
        return
    print("\nStability:", ", ".join(f"{n} {s:.3f}" for n, s in zip(names, stable, strict=True)),
          f"; mean {np.mean(stable):.3f}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--half", choices=["development", "test"], default="development")
    parser.add_argument("--scenes", choices=SETS, default="ground")
    parser.add_argument("--only", help="some of the half, by commas")
    parser.add_argument("--against", default=";".join(THEIRS), help="names in recipes.py")
    parser.add_argument("--no-stability", action="store_true", help="leave out the second fits")
    parser.add_argument("--keep", type=Path, help="folder that keeps maps for another run")
    options = parser.parse_args()
    others = options.against.split(";")
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    cases = [c for c in SETS[options.scenes] if c.half == options.half]
    if options.only:
        cases = [c for c in cases if c.name in options.only.split(",")]
    found = []
    for case in cases:
        found.append(judged(case, options.data, others, not options.no_stability, options.keep))
        print(case.name, found[-1]["scores"], "stability", found[-1]["stability"], flush=True)
    tell([c.name for c in cases], found, others)


if __name__ == "__main__":
    main()
