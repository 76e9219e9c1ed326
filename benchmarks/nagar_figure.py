"""Draw and print the paper's experiment from a finished `outcrop compare --preset nagar2024`.

    python benchmarks/nagar_figure.py OUT figure.png grounds.png

OUT is the folder of the comparison. A dot is a seed: one-to-one accuracy with as many units as
there are rocks, on all pixels. The second picture shows the grounds: bands near 2.2, 0.83 and
0.56 um as red, green and blue, and the rocks.
"""

from __future__ import annotations

import csv
import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib as mpl
import numpy as np
import rasterio
from PIL import Image

from outcrop.comparison.preset import GROUNDS, SENSORS
from outcrop.comparison.scenes import SCENES
from outcrop.sensors import get_sensor
from sheet import false_colour

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


def grounds(folder: Path, path: str) -> None:
    """Draw each ground as its sensors see it, beside its rocks."""
    from matplotlib import pyplot

    names = [ground.name for ground in GROUNDS if (folder / f"{ground.name}.json").is_file()]
    shown, axes = pyplot.subplots(
        len(names), len(SENSORS) + 1, figsize=(11, 3 * len(names)), dpi=75, squeeze=False
    )
    for row, name in zip(axes, names, strict=True):
        for axis, sensor in zip(row, SENSORS, strict=False):
            with rasterio.open(folder / f"{name}-{sensor}" / "scene.tif") as source:
                cube = source.read()
            bands = get_sensor(sensor).default_bands
            axis.imshow(false_colour(cube, [b.wavelength_um for b in bands]))
            axis.set_title(f"{name}: {sensor}, {SENSORS[sensor]:.0f} m", fontsize=9)
        with rasterio.open(folder / f"{name}-sentinel2" / "truth.tif") as source:
            row[-1].imshow(source.read(1), cmap="tab10", interpolation="nearest", vmin=1, vmax=10)
        row[-1].set_title("rocks", fontsize=9)
    for axis in axes.ravel():
        axis.set(xticks=[], yticks=[])
    shown.tight_layout(pad=0.4)
    shown.canvas.draw()
    pixels = np.asarray(shown.canvas.buffer_rgba())[..., :3]
    Image.fromarray(pixels).quantize(160).save(path)  # a palette makes a file of a third the size


def main(folder: str, path: str, sheet: str) -> None:
    """Print Markdown tables and write the pictures."""
    facts = json.loads((Path(folder) / "comparison.json").read_text("utf-8"))
    found = accuracies(Path(folder))
    table(found, {row["contender"]: row for row in facts["ranked"]})
    figure(found, path)
    grounds(Path(folder) / SCENES, sheet)


if __name__ == "__main__":
    main(*sys.argv[1:])
