"""Where two recipes differ on a scene of the proving ground: which units each takes for which.

    python benchmarks/confused.py DATA g8 figure.png [--recipes "default;2 whitened components"]
        [--keep FOLDER]

Prints a Markdown table and draws the maps, each unit in the colour of the rock that it is matched
with (Hungarian), as in `paired.py`; one seed, k given. To explain, not to choose by.
"""

from __future__ import annotations

import argparse
import logging
import warnings
from functools import partial
from pathlib import Path

import matplotlib as mpl
import numpy as np
from scipy.optimize import linear_sum_assignment

from paired import kept
from recipes import map_of, named, source_of
from scenes import GROUND
from sheet import composite


def counted(truth: np.ndarray, units: np.ndarray, k: int) -> np.ndarray:
    """Count labelled pixels by rock and unit, units in the order of the rocks they stand for."""
    counts = table_of(truth, units, k)
    return counts[:, linear_sum_assignment(-counts)[1]]


def table_of(truth: np.ndarray, units: np.ndarray, k: int) -> np.ndarray:
    there = truth > 0
    counts = np.zeros((k, k), int)
    np.add.at(counts, (truth[there] - 1, units[there] - 1), 1)
    return counts


def told(names: tuple[str, ...], found: dict[str, np.ndarray]) -> None:
    heads = [f"{name}: right | else mostly in the unit of" for name in found]
    print("| rock | share |", " | ".join(heads), "|")
    print("|---|---|" + "---|---|" * len(found))
    sizes = next(iter(found.values())).sum(axis=1)
    for i in np.argsort(-sizes):
        cells = []
        for counts in found.values():
            shares = counts[i] / sizes[i]
            rest = [j for j in np.argsort(-shares) if j != i and shares[j] >= 0.1][:2]
            other = ", ".join(f"{names[j]} {shares[j]:.0%}" for j in rest) or "none"
            cells += [f"{shares[i]:.2f}", other]
        print(f"| {names[i]} | {sizes[i] / sizes.sum():.0%} |", " | ".join(cells), "|")


def drawn(scene, maps: dict[str, np.ndarray], path: Path) -> None:
    mpl.use("agg")
    from matplotlib import pyplot
    from matplotlib.patches import Patch

    k = len(scene.unit_names)
    colours = mpl.colormaps["tab20"](np.arange(k) / 20)
    table = np.vstack([[0, 0, 0, 1], colours])
    panels = {"bands": composite(scene), "rocks": table[scene.truth]}
    for name, units in maps.items():
        rocks, own = linear_sum_assignment(-table_of(scene.truth, units, k))
        place = np.zeros(k + 1, int)
        place[own + 1] = rocks + 1
        panels[name] = table[place[units]]
    figure, axes = pyplot.subplots(1, len(panels), figsize=(3.1 * len(panels), 3.9), dpi=80)
    for axis, (name, image) in zip(axes, panels.items(), strict=True):
        axis.imshow(image, interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        axis.set_title(name, fontsize=9)
    handles = [Patch(color=c, label=n) for c, n in zip(colours, scene.unit_names, strict=True)]
    figure.legend(handles=handles, loc="lower center", ncols=5, fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.12, 1, 1))
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("scene")
    parser.add_argument("figure", type=Path)
    parser.add_argument("--recipes", default="default;2 whitened components")
    parser.add_argument("--keep", type=Path, help="folder that keeps maps for another run")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    case = next(c for c in GROUND if c.name == options.scene)
    scene = case.make(options.data)
    source, k = source_of(scene), len(scene.unit_names)
    maps = {
        name: kept(options.keep, f"{case.name} {name}",
                   partial(map_of, source, named()[name], k, 0))
        for name in options.recipes.split(";")
    }  # fmt: skip
    told(scene.unit_names, {n: counted(scene.truth, units, k) for n, units in maps.items()})
    drawn(scene, maps, options.figure)


if __name__ == "__main__":
    main()
