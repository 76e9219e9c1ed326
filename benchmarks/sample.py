"""How the map depends on the size of the sample: what the default size was chosen by.

For each size a recipe is fitted with two seeds, and the same pixels are labelled by each, before
refinement. Two maps agree on what they call alike, one to one.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import rasterio

from benchmarks.measuring import Settings, say, table
from benchmarks.simulated import WHOLE, scene
from outcrop.config import load_recipe, with_step
from outcrop.engine import limited_threads
from outcrop.evaluation.scores import score_labels
from outcrop.fitting import fit_model
from outcrop.pipeline import features_of, open_scenes, prepare
from outcrop.sample import draw

SIZES = (2_000, 5_000, 20_000, 50_000, 200_000, 400_000)
QUICK = (2_000, 10_000)
SEEDS = (0, 1)
#: Pixels that the maps are compared on, and the seed that they are drawn with.
COMPARED, APART = 100_000, 1_000


def main(settings: Settings) -> None:
    """Print a row for each size."""
    made = scene(settings, settings.size(WHOLE))
    recipe = load_recipe()
    source = open_scenes([str(made.path)], recipe)
    pixels = draw([source], COMPARED, seed=APART)
    with rasterio.open(made.truth) as dataset:
        truth = dataset.read(1)[tuple(pixels.positions[:, 1:].T)]
    units = len(np.unique(truth[truth > 0])) if settings.units == "auto" else int(settings.units)
    recipe = replace(recipe, clusterer=with_step(recipe.clusterer, n_units=units))
    rows = []
    for size in QUICK if settings.quick else SIZES:
        labels = []
        for seed in SEEDS:
            say(f"{size:,} pixels, seed {seed}")
            run = replace(recipe.run, sample=size, seed=seed)
            ready = prepare(source, replace(recipe, run=run))
            fitted = ready.recipe, ready.sample, ready.front, ready.features
            labels.append(_labels(source, pixels, *fitted))
        right = [_right(truth, found) for found in labels]
        alike = [_right(one, other) for one, other in combinations(labels, 2)]
        rows.append((f"{size:,}", np.mean(right), min(right), np.mean(alike), min(alike)))
    print(f"{made}, {units} units given, {COMPARED:,} pixels compared, {len(SEEDS)} seeds:")
    table(("pixels in the sample", "right, mean", "worst", "agreement of two seeds, mean",
           "worst"), rows)  # fmt: skip


def _labels(source, pixels, recipe, sample, front, features) -> np.ndarray:
    with limited_threads():
        model = fit_model(sample, features, front, source.bands, recipe)
        rows = features_of(source, pixels, front, recipe).rows
        return model.assign(model.codes(rows)).astype(int)


def _right(truth: np.ndarray, labels: np.ndarray) -> float:
    return score_labels(truth, labels, invalid=truth == 0)["overall_accuracy"]
