"""What the paper's experiment says of the paper's three claims, with intervals.

    python benchmarks/claims.py OUT

OUT is the folder of a finished `outcrop compare --preset nagar2024`. Prints Markdown tables of
one-to-one accuracy with as many units as rocks, 95% intervals beside it.

Intervals: square blocks of the ground are drawn 400 times with replacement, the same blocks for
every method and every sensor, so that sensors are paired too; units are matched with rocks on one
half of the blocks and scored on the other. Blocks are as wide as errors hang together (the longest
range of the errors' variogram), and 16 to a ground at least.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from outcrop.comparison.grounds import reference_file
from outcrop.comparison.groups import Groups, error_range
from outcrop.comparison.intervals import Resampling, interval, replicate
from outcrop.comparison.preset import REDUCERS, SENSORS

FILTERS = ("7 px", "210 m")
LEAST = 4  # blocks along a side

Maps = dict[tuple[str, str, str], dict[int, np.ndarray]]
Draws = dict[tuple[str, str, str], np.ndarray]


def read(folder: Path) -> tuple[dict[tuple[str, str], np.ndarray], Maps]:
    """Return rocks by ground and sensor, and units by ground, sensor and method, then seed."""
    rocks, maps, places = {}, defaultdict(dict), {}
    facts = json.loads((folder / "comparison.json").read_text("utf-8"))
    for scene in facts["scenes"]:
        place = scene["origin"]["simulated"], scene["origin"]["sensor"]
        places[scene["name"]] = place
        rocks[place] = np.load(reference_file(folder, scene["name"]))["codes"]
    for path in sorted((folder / "cells").glob("*.json")):
        facts = json.loads(path.read_text("utf-8"))
        if facts["scene"] not in places:
            continue  # of a comparison with more grounds, here before
        place = places[facts["scene"]]
        units = np.load(path.with_suffix(".npz"))["classes"].reshape(rocks[place].shape)
        maps[(*place, facts["contender"])][facts["seed"]] = units
        # On Landsat 8 the two filters are one, and so is their cell.
        method, _, filtered = facts["contender"].rpartition(", ")
        if place[1] == "landsat8" and filtered in FILTERS:
            for same in FILTERS:
                maps[(*place, f"{method}, {same}")][facts["seed"]] = units
    return rocks, maps


def blocks(rocks: dict[tuple[str, str], np.ndarray], maps: Maps, ground: str) -> int:
    """Return how many blocks go along a side of a ground."""
    widest = 0.0
    for (name, sensor, _), seeds in maps.items():
        if name != ground:
            continue
        codes, units = rocks[ground, sensor], seeds[min(seeds)]
        counts = np.zeros((256, 256), int)
        np.add.at(counts, (units, codes), 1)
        wrong = counts.argmax(axis=1)[units] != codes
        widest = max(widest, error_range(codes, wrong.ravel()) / len(codes))
    return max(LEAST, int(1 / widest))


def draws(rocks: dict[tuple[str, str], np.ndarray], maps: Maps) -> Draws:
    """Return accuracies of every draw, means over seeds."""
    found = {}
    for ground in dict.fromkeys(key[0] for key in maps):
        many = blocks(rocks, maps, ground)
        print(f"{ground}: {many} x {many} blocks")
        for (name, sensor, method), seeds in maps.items():
            if name != ground:
                continue
            codes = rocks[ground, sensor]
            at = np.arange(len(codes)) * many // len(codes)
            ids = (at[:, None] * many + at).ravel()
            groups = Groups(ids, "blocks")
            resampling = Resampling.of(groups)
            parts = [
                replicate(resampling, groups, codes.ravel(), units.ravel(), int(codes.max()))
                for units in seeds.values()
            ]
            found[name, sensor, method] = np.mean([p["accuracy"] for p in parts], axis=0)
    return found


def over(found: Draws, method: str, sensors: tuple[str, ...] = tuple(SENSORS)) -> np.ndarray:
    """Return the draws of a method, means over grounds and sensors."""
    grounds = dict.fromkeys(key[0] for key in found)
    return np.mean([found[g, s, method] for g in grounds for s in sensors], axis=0)


def told(draw: np.ndarray, *, sign: bool = True) -> str:
    mean, low, high = interval(draw)
    shown = "{:+.3f} ({:+.3f} to {:+.3f})" if sign else "{:.3f} ({:.3f} to {:.3f})"
    return shown.format(mean, low, high)


def main(folder: str) -> None:
    rocks, maps = read(Path(folder))
    found = draws(rocks, maps)
    print("\n| held out, means over grounds and sensors |", " | ".join(FILTERS), "|\n|---|---|---|")
    pairs = (("stacked", "autoencoder"), ("autoencoder", "pca"), ("stacked", "pca"))
    for one, other in pairs:
        cells = [
            told(over(found, f"nagar2024:{one}, {f}") - over(found, f"nagar2024:{other}, {f}"))
            for f in FILTERS
        ]
        print(f"| {one} less {other} |", " | ".join(cells), "|")
    methods = [f"nagar2024:{r}, {f}" for r in REDUCERS for f in FILTERS]
    print("\n| held out, means over grounds | Sentinel-2 less ASTER | Sentinel-2 less Landsat 8 |")
    print("|---|---|---|")
    for method in methods:
        best = over(found, method, ("sentinel2",))
        cells = [told(best - over(found, method, (s,))) for s in ("aster", "landsat8")]
        print(f"| {method} |", " | ".join(cells), "|")
    print("\n| held out |", " | ".join(SENSORS), "| all |\n|---|" + "---|" * (len(SENSORS) + 1))
    for method in dict.fromkeys(key[2] for key in maps):
        cells = [told(over(found, method, (s,)), sign=False) for s in SENSORS]
        print(f"| {method} |", " | ".join(cells), f"| {told(over(found, method), sign=False)} |")
    print("\n| over all | less two whitened components | less the default |\n|---|---|---|")
    for method in methods:
        rivals = ("pca, 2, whitened", "default")
        print(f"| {method} |", " | ".join(told(over(found, method) - over(found, r))
                                          for r in rivals), "|")  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
