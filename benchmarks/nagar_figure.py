"""Draw and print the paper's experiment from a finished `outcrop compare --preset nagar2024`.

    python benchmarks/nagar_figure.py OUT figure.png

OUT is the folder of the comparison. A dot is a seed: one-to-one accuracy with as many units as
there are rocks, on all pixels. Differences of the paper's claims come with 95% intervals from
blocks of the scenes drawn anew (`outcrop.comparison.intervals`), the same for all methods: blocks
of a scene, or of a ground as all three sensors see it.
"""

from __future__ import annotations

import csv
import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib as mpl

Found = dict[str, dict[str, list[float]]]


def accuracies(folder: Path) -> Found:
    """Return accuracies by method and scene, one a seed."""
    found: Found = defaultdict(lambda: defaultdict(list))
    with (folder / "cells.csv").open(encoding="utf-8") as source:
        for row in csv.DictReader(source):
            if row["number"] == "classes":
                found[row["contender"]][row["scene"]].append(float(row["overall_accuracy"]))
    return found


def table(found: Found, ranked: dict[str, dict]) -> None:
    scenes = list(dict.fromkeys(scene for by in found.values() for scene in by))
    print("| method |", " | ".join(scenes), "| mean | AMI (95% interval) |")
    print("|---|" + "---|" * (len(scenes) + 2))
    for name, by in found.items():
        means = [statistics.mean(by[scene]) for scene in scenes]
        _, low, high = ranked[name]["interval"]
        shown = [f"{m:.3f}" for m in (*means, statistics.mean(means))]
        print(f"| {name} |", " | ".join(shown),
              f"| {ranked[name]['ami']:.3f} ({low:.3f} to {high:.3f}) |")  # fmt: skip


def figure(found: Found, path: str) -> None:
    mpl.use("agg")
    from matplotlib import pyplot

    scenes = list(dict.fromkeys(scene for by in found.values() for scene in by))
    grounds = list(dict.fromkeys(scene.partition(", ")[0] for scene in scenes))
    shown, axes = pyplot.subplots(
        1, len(grounds), figsize=(9, 0.7 + 0.22 * len(found)), dpi=90, sharex=True, sharey=True,
        squeeze=False,
    )  # fmt: skip
    for axis, ground in zip(axes[0], grounds, strict=True):
        seen = [scene for scene in scenes if scene.startswith(f"{ground}, ")]
        for i, scene in enumerate(seen):
            for y, name in enumerate(found):
                dots = found[name][scene]
                axis.plot(dots, [y + 0.2 * (i - 1)] * len(dots), "osD"[i % 3], color=f"C{i}", ms=4,
                          label=scene.partition(", ")[2] if y == 0 else None)  # fmt: skip
        axis.axvspan(0.866, 0.90, color="0.85", label="the paper's claim")
        axis.set(title=ground, xlabel="one-to-one accuracy")
        axis.set_yticks(range(len(found)), list(found), fontsize=7)
        axis.grid(axis="x", lw=0.4)
    axes[0, 0].invert_yaxis()
    axes[0, -1].legend(fontsize=7, loc="lower left", bbox_to_anchor=(1, 0))
    shown.tight_layout()
    shown.savefig(path)


def main(folder: str, path: str) -> None:
    """Print Markdown tables and write the picture."""
    facts = json.loads((Path(folder) / "comparison.json").read_text("utf-8"))
    found = accuracies(Path(folder))
    table(found, {row["contender"]: row for row in facts["ranked"]})
    figure(found, path)


if __name__ == "__main__":
    main(*sys.argv[1:])
