"""Compare recipes on simulated scenes at k = the true number of units.

    python benchmarks/recipes.py DATA [--half development|test] [--recipes "a;b"] [--seeds 2]
        [--scenes ground|early]

DATA is the folder that holds ``mutawintji/`` and ``zion/``. Prints Markdown tables.

Protocol: every recipe is fitted on a scene's valid pixels (a sample of 200,000 at most, all in
`nagar2024`), without labels, and told the number of units. Scored is its final map, filters
included, on every valid pixel: accuracy after matching clusters one to one with units so that
the most pixels agree (Hungarian), and adjusted mutual information (AMI). Each number is the mean
over seeds; the scenes were written down (scenes.py) before a recipe was run on them, and the test
half was not looked at while the default was chosen. Stability is the mean adjusted Rand index
between maps of fits on bootstrapped halves of the sample, each with another seed.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import logging
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from outcrop.applying import apply_model
from outcrop.config import Preprocess, Recipe, Step, load_recipe, with_step
from outcrop.engine import limited_threads
from outcrop.fitting import fit_front, fit_model
from outcrop.pipeline import features_of
from outcrop.sample import draw
from outcrop.simulate import SimulatedScene
from outcrop.source import ArraySource
from scenes import SETS

MAJORITY = (Step("majority", {"size": 7}),)


def plain(reducer: Step, clusterer: Step, scale: str = "standard", **more) -> Recipe:
    return Recipe(
        **{"preprocess": Preprocess(scale), "reducer": reducer, "clusterer": clusterer,
           "refine": MAJORITY, **more}
    )  # fmt: skip


def named() -> dict[str, Recipe]:
    """Return the recipes of the table."""
    paper, default = load_recipe("nagar2024"), load_recipe("default")
    none, kmeans = Step("none"), Step("kmeans")

    def white(n: int) -> Step:
        return Step("pca", {"n_components": n, "whiten": True})

    def of_default(**parts) -> Recipe:
        return dataclasses.replace(default, **parts)

    return {
        "nagar2024, pca": dataclasses.replace(paper, reducer=with_step(paper.reducer, "pca")),
        "nagar2024, autoencoder": dataclasses.replace(
            paper, reducer=with_step(paper.reducer, "autoencoder")
        ),
        "nagar2024, stacked": paper,
        "k-means on bands": plain(none, kmeans),
        "2 whitened components": plain(white(2), kmeans),
        "5 whitened components": plain(white(5), kmeans),
        "mixture on bands": plain(none, Step("mixture")),
        "log, MNF, mixture, Potts": plain(
            Step("mnf"), Step("mixture"), "log", refine=(Step("potts"),)
        ),
        "stacked": load_recipe("stacked"),
        "stacked, growing batches": dataclasses.replace(
            load_recipe("stacked"),
            reducer=Step("stacked", {"batch_size": 256, "largest_batch": 4096}),
        ),
        "default": default,
        "default without smoothing": of_default(smooth=Step("none")),
        "default without logarithm": of_default(preprocess=Preprocess("standard")),
        "default, Gaussian mixture": of_default(clusterer=Step("mixture")),
        "default, k-means": of_default(clusterer=kmeans),
        "default, majority 7": of_default(refine=MAJORITY),
        "default, MNF": of_default(reducer=Step("mnf")),
        "default, 2 whitened components": of_default(reducer=white(2)),
        "default, stacked": of_default(reducer=Step("stacked")),
    }


def source_of(scene: SimulatedScene, cube: np.ndarray | None = None) -> ArraySource:
    grid = GeoBox(scene.truth.shape, Affine(*scene.transform), scene.crs or None)
    data = scene.reflectance if cube is None else cube
    bands = scene.bands
    if cube is not None:
        bands = tuple(dataclasses.replace(b, quantity="unknown") for b in bands)
    return ArraySource("scene", grid, bands, np.asarray(data, np.float32))


def map_of(source: ArraySource, recipe: Recipe, units: int, seed: int, *, part: float = 0):
    """Fit and map; with ``part``, on a bootstrap of that part of the sample."""
    run = dataclasses.replace(recipe.run, seed=seed, threads=1)
    clusterer = with_step(recipe.clusterer, n_units=units)
    recipe = dataclasses.replace(recipe, clusterer=clusterer, run=run)
    sample = draw([source], run.sample, seed=seed, threads=1)
    with limited_threads():
        front = fit_front(sample, source.bands, recipe)
    features = features_of(source, sample, front, recipe)
    if part:
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.integers(0, len(sample.rows), int(part * len(sample.rows))))
        sample, features = taken(sample, rows), taken(features, rows)
    with limited_threads():
        model = fit_model(sample, features, front, source.bands, recipe)
    with tempfile.TemporaryDirectory() as folder:
        apply_model(model, source, Path(folder), threads=1)
        with rasterio.open(Path(folder) / "units.tif") as raster:
            return raster.read(1)


def taken(sample, rows):
    parts = {n: getattr(sample, n)[rows] for n in ("rows", "neighbours", "positions")}
    return dataclasses.replace(sample, **parts)


def scores(truth: np.ndarray, units: np.ndarray) -> tuple[float, float]:
    """Return one-to-one accuracy and AMI on the pixels with truth."""
    there = truth > 0
    truth, units = truth[there], units[there]
    counts = np.zeros((256, 256), int)
    np.add.at(counts, (truth, units), 1)
    match = linear_sum_assignment(-counts)
    return counts[match].sum() / len(truth), adjusted_mutual_info_score(truth, units)


def compare(recipes: dict[str, Recipe], cases, data: Path, seeds: int) -> None:
    scenes = [(case, case.make(data)) for case in cases]
    for case, scene in scenes:
        print(f"- {case.name}: {len(scene.unit_names)} units, {case.describe()}")
    print(f"\nAccuracy / AMI, means of {seeds} seeds; sd is between seeds, of accuracy.\n")
    print(
        "| recipe |", " | ".join(c.name for c, _ in scenes), "| mean | sd | processor s a scene |"
    )
    print("|---|" + "---|" * (len(scenes) + 3))
    for name, recipe in recipes.items():
        began, cells = time.process_time(), []
        for _, scene in scenes:
            source, k = source_of(scene), len(scene.unit_names)
            cells.append([scores(scene.truth, map_of(source, recipe, k, s)) for s in range(seeds)])
        table = np.array(cells)
        seconds = (time.process_time() - began) / (len(scenes) * seeds)
        row = [f"{a:.2f} / {m:.2f}" for a, m in table.mean(axis=1)]
        accuracy, ami = table.mean(axis=(0, 1))
        spread = table[..., 0].std(axis=1).mean()
        print(
            f"| {name} |", " | ".join(row),
            f"| **{accuracy:.3f} / {ami:.3f}** | {spread:.3f} | {seconds:.1f} |", flush=True,
        )  # fmt: skip


def stability(recipes: dict[str, Recipe], cases, data: Path, seeds: int) -> None:
    print("\nStability (ARI) and the same with plain numbers instead of reflectance.\n")
    print("| recipe | stability | least | accuracy, reflectance | accuracy, plain numbers |")
    print("|---|---|---|---|---|")
    scenes = [(case, case.make(data)) for case in cases]
    for name, recipe in recipes.items():
        agreed, plain_numbers, usual = [], [], []
        for _, scene in scenes:
            source, k = source_of(scene), len(scene.unit_names)
            maps = [map_of(source, recipe, k, s, part=0.5).ravel() for s in range(seeds)]
            agreed.append(
                np.mean([adjusted_rand_score(a, b) for a, b in itertools.combinations(maps, 2)])
            )
            stored = source_of(scene, np.rint(scene.reflectance * 10000))
            usual.append(scores(scene.truth, map_of(source, recipe, k, 0))[0])
            plain_numbers.append(scores(scene.truth, map_of(stored, recipe, k, 0))[0])
        print(
            f"| {name} | {np.mean(agreed):.3f} | {min(agreed):.3f} | {np.mean(usual):.3f} "
            f"| {np.mean(plain_numbers):.3f} |", flush=True,
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--scenes", choices=SETS, default="ground")
    parser.add_argument("--half", choices=["development", "test"], default="development")
    parser.add_argument("--recipes", help="some of the names, by semicolons; all unless given")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--stability", action="store_true", help="stability instead of scores")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    recipes = named()
    if options.recipes:
        recipes = {n: recipes[n] for n in (r.strip() for r in options.recipes.split(";"))}
    cases = [c for c in SETS[options.scenes] if c.half == options.half]
    work = stability if options.stability else compare
    work(recipes, cases, options.data, options.seeds)


if __name__ == "__main__":
    main()
