"""Draw and print the paper's experiment from a finished `outcrop compare --preset nagar2024`.

    python benchmarks/nagar_figure.py OUT/cells.csv figure.png

A dot is a seed: one-to-one accuracy with as many units as there are rocks.
"""

from __future__ import annotations

import csv
import statistics
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib as mpl


def main(table: str, path: str) -> None:
    """Print a Markdown table of means and write the picture."""
    mpl.use("agg")
    from matplotlib import pyplot

    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with Path(table).open(encoding="utf-8") as source:
        for row in csv.DictReader(source):
            if row["number"] == "classes":
                found[row["contender"]][row["scene"]].append(float(row["overall_accuracy"]))
    scenes = sorted({scene for by in found.values() for scene in by})
    print("| method |", " | ".join(scenes), "| mean |\n|---|" + "---|" * (len(scenes) + 1))
    for name, by in found.items():
        means = [statistics.mean(by[scene]) for scene in scenes]
        print(
            f"| {name} | " + " | ".join(f"{m:.3f}" for m in (*means, statistics.mean(means))), "|"
        )
    figure, axis = pyplot.subplots(figsize=(8, 3.6), dpi=90)
    for i, scene in enumerate(scenes):
        for y, name in enumerate(found):
            dots = found[name][scene]
            axis.plot(dots, [y + 0.2 * (i - 1)] * len(dots), "osD"[i % 3], color=f"C{i}", ms=5,
                      label=scene if y == 0 else None)  # fmt: skip
    axis.axvspan(0.866, 0.90, color="0.85", label="the paper's claim")
    axis.set(yticks=range(len(found)), yticklabels=list(found), xlabel="one-to-one accuracy")
    axis.invert_yaxis()
    axis.legend(fontsize=7, loc="lower left", bbox_to_anchor=(1, 0))
    figure.tight_layout()
    figure.savefig(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
