"""Learn how often a label is right, and check it on scenes that were not learnt from.

    python benchmarks/confidence.py learn DATA CACHE --recipe default --scenes 24 [--write]
    python benchmarks/confidence.py check DATA CACHE --recipe default --scenes 12
    python benchmarks/confidence.py cost DATA CACHE

DATA is the folder that holds ``mutawintji/``; CACHE keeps what was found out about each scene, so
that a run that was cut off goes on. ``learn --write`` puts the calibration into the package.

Protocol: scenes are drawn as in ``units.py`` (three sensors, 3 to 15 classes, more or less plants,
noise and patches, a quarter with the real layout of Mutawintji), with the first seeds `LEARNT` and
`CHECKED`; the check has the test half of ``scenes.py`` besides. Each is mapped by the recipe as it
is, the number of units chosen. A unit is named by the class that most of its pixels belong to, and
a pixel is right if it is of its unit's class; with "one to one" a class can name one unit only
(Hungarian), so that a class in two units is wrong in one of them. Every scene counts alike.

Learnt is an additive model of the log odds of being right, by logistic regression: broken lines
over the odds of the label against its strongest rival, the share of alike neighbours (5 × 5), and
the mean probability of a unit's own pixels. Pixels outside every unit's
ellipsoid have no percentage; what they are is told apart.

``cost`` prints the processor seconds of the apply pass over a simulated scene of a megapixel, with
and without confidence, in turns: the least of four.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.linear_model import LogisticRegression

from outcrop.applying import apply_model
from outcrop.confidence import calibration
from outcrop.confidence.kernels import AROUND, BINS, LEAST, STEPS
from outcrop.config import load_recipe, with_step
from outcrop.engine import limited_threads
from outcrop.fitting import fit_model
from outcrop.labelling import label
from outcrop.pipeline import prepare
from outcrop.simulate import simulate_scene
from outcrop.source import valid_mask
from recipes import source_of
from scenes import EARLY, Case
from units import cases

LEARNT, CHECKED = 5000, 9000
#: Knots of the lines: odds in nats, share of neighbours, log odds of a unit's own pixels.
KNOTS = {
    "odds": (0.0, 2.0, 4.0, 7.0, 10.0, 15.0, 20.0, 28.0),
    "alike": (0.0, 0.25, 0.5, 0.75, 0.9, 1.0),
    "unit": (0.0, 1.5, 2.5, 3.5, 5.0),
}
#: Weight of a scene, in pixels that tell something by themselves.
WEIGHT = 2000.0
Facts = dict[str, np.ndarray]


def look(case: Case, name: str, data: Path) -> Facts:
    """Map a scene with a recipe; return what is asked of the calibration, and the truth."""
    scene, recipe = case.make(data), load_recipe(name)
    source = source_of(scene)
    recipe = dataclasses.replace(recipe, run=dataclasses.replace(recipe.run, threads=1))
    ready = prepare(source, recipe)
    with limited_threads():
        model = fit_model(ready.sample, ready.features, ready.front, source.bands, ready.recipe)
        mask = valid_mask(scene.reflectance)
        made = label(model, scene.reflectance, mask, evidence=True)
        units = made.refined(model.filters, model.numbers)
        bins = [np.arange(BINS), np.arange(AROUND + 1)[:, None]]
        odds, alike = (told(model, units, made, what) for what in bins)
    there = (units > 0) & (scene.truth > 0)
    facts = {"unit": units, "truth": scene.truth, "odds": odds, "alike": alike,
             "unlike": made.evidence.unlike}  # fmt: skip
    own = np.zeros(256)
    own[list(model.numbers)] = model.confidence.distinctness
    return {**{n: a[there] for n, a in facts.items()}, "distinctness": own}


def told(model, units, made, what) -> np.ndarray:
    """Return what the table is asked for: the bins of the odds, or the alike neighbours."""
    shape = (len(model.numbers), AROUND + 1, BINS)
    table = np.ascontiguousarray(np.broadcast_to(what, shape), np.uint8)
    asked = dataclasses.replace(model.confidence, table=table)
    whole = tuple(slice(0, n) for n in units.shape)
    evidence = dataclasses.replace(made.evidence, unlike=np.zeros_like(made.evidence.unlike))
    return asked(units, made.labels, evidence, model.numbers, whole)


def kept(case: Case, name: str, data: Path, cache: Path) -> Facts:
    """Return what `look` finds, from the cache if it is there."""
    path = cache / f"{name}-{case.half}-{case.name}-{case.seed}.npz"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **look(case, name, data))
    with np.load(path) as stored:
        return dict(stored)


def rightness(facts: Facts, *, one_to_one: bool = False) -> np.ndarray:
    """Tell which pixels are of the class that their unit is named by."""
    counts = np.zeros((256, 256), int)
    np.add.at(counts, (facts["unit"], facts["truth"]), 1)
    name = counts.argmax(axis=1)
    if one_to_one:
        name = np.full(256, -1)
        units, classes = linear_sum_assignment(-counts)
        name[units] = classes
    return name[facts["unit"]] == facts["truth"]


def learn(scenes: list[Facts], name: str) -> dict:
    """Return a calibration as the package holds it."""
    asked, right, weights = [], [], []
    for facts in scenes:
        key = (facts["unit"].astype(int) * 32 + facts["alike"]) * BINS + facts["odds"]
        cells, of = np.unique(key, return_inverse=True)
        good = np.bincount(of, weights=rightness(facts))
        total = np.bincount(of)
        lines = (
            _hats(LEAST + (cells % BINS + 0.5) / STEPS, KNOTS["odds"]),
            _hats(cells // BINS % 32 / AROUND, KNOTS["alike"]),
            _hats(facts["distinctness"][cells // BINS // 32], KNOTS["unit"]),
        )
        asked += [np.hstack(lines)] * 2
        right += [np.ones(len(cells)), np.zeros(len(cells))]
        weights += [part * WEIGHT / total.sum() for part in (good, total - good)]
    rows, weight = np.concatenate(asked), np.concatenate(weights)
    some = weight > 0
    model = LogisticRegression(max_iter=1000)
    model.fit(rows[some], np.concatenate(right)[some], sample_weight=weight[some])
    worth = np.split(model.coef_[0], np.cumsum([len(k) for k in KNOTS.values()])[:-1])
    return {
        "parts": calibration.parts_of(load_recipe(name)),
        "scenes": len(scenes),
        "constant": round(float(model.intercept_[0]), 4),
        **{
            line: {"at": list(KNOTS[line]), "worth": [round(float(v), 4) for v in values]}
            for line, values in zip(KNOTS, worth, strict=True)
        },
    }


def _hats(values: np.ndarray, knots: tuple[float, ...]) -> np.ndarray:
    """Return how much of each knot of a broken line there is in values, (n, knots)."""
    return np.stack([np.interp(values, knots, unit) for unit in np.eye(len(knots))], axis=1)


def check(scenes: dict[str, Facts], name: str) -> None:
    """Print, by ten percent of confidence, how many pixels are right, and by scene."""
    known = next(c for c in calibration.calibrations() if c.name == name)
    tens, raw, unlike, rows = np.zeros((10, 4)), np.zeros((10, 4)), np.zeros(2), []
    for case, facts in scenes.items():
        sure = known.table(facts["distinctness"])[facts["unit"], facts["alike"], facts["odds"]]
        right, single = rightness(facts), rightness(facts, one_to_one=True)
        like = ~facts["unlike"]
        unlike += np.array([(~like).mean(), (~like & right).mean()])
        odds = LEAST + (facts["odds"] + 0.5) / STEPS
        tens += _by_ten(sure[like].astype(float), right[like], single[like], len(sure))
        raw += _by_ten(100 / (1 + np.exp(-odds[like])), right[like], single[like], len(sure))
        eighties = like & (sure // 10 == 8)
        rows.append(
            (case, len(np.unique(facts["unit"])), sure[like].mean(), 100 * right[like].mean(),
             100 * single[like].mean(), 100 * right[eighties].mean(), 100 * eighties.mean())
        )  # fmt: skip
    _show("confidence", tens / len(scenes))
    share, good = unlike / len(scenes)
    print(f"\nUnlike any unit: {share:.2%} of the map, of which {good / share:.0%} right.\n")
    _show("odds as they are", raw / len(scenes))
    heads = ("scene", "units", "mean confidence", "right", "right, one to one", "right at 80-89",
             "share at 80-89")  # fmt: skip
    print("\n| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|")
    for case, units, *numbers in rows:
        print(f"| {case} | {units} | " + " | ".join(f"{n:.1f}" for n in numbers) + " |")


def _by_ten(sure: np.ndarray, right: np.ndarray, single: np.ndarray, pixels: int) -> np.ndarray:
    """Return shares of the map by ten percent, and of these the sums of the three, (10, 4)."""
    ten = np.minimum(sure // 10, 9).astype(int)
    columns = (np.ones(len(sure)), sure, 100.0 * right, 100.0 * single)
    return np.stack([np.bincount(ten, c, 10) for c in columns], axis=1) / pixels


def _show(what: str, tens: np.ndarray) -> None:
    print(f"| {what} | share of the map | mean | right | right, one to one |")
    print("|---|---|---|---|---|")
    for i, (share, *sums) in enumerate(tens):
        if share > 0:
            span = f"{10 * i}-{10 * i + 9}" if i < 9 else "90-100"
            said, good, alone = (v / share for v in sums)
            print(f"| {span} | {share:.1%} | {said:.1f} | {good:.1f} | {alone:.1f} |")


def cost() -> None:
    """Print what confidence adds to the apply pass."""
    scene = simulate_scene("landsat8", shape=(1024, 1024), units=9, seed=3)
    source, recipe = source_of(scene), load_recipe("default")
    recipe = dataclasses.replace(recipe, clusterer=with_step(recipe.clusterer, n_units=9))
    ready = prepare(source, recipe)
    with limited_threads():
        model = fit_model(ready.sample, ready.features, ready.front, source.bands, recipe)
    models = {"with": model, "without": dataclasses.replace(model, confidence=None)}
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(5):
        for name, one in models.items():
            with tempfile.TemporaryDirectory() as folder:
                began = time.process_time()
                apply_model(one, source, Path(folder), threads=1)
                seconds[name].append(time.process_time() - began)
    least = {name: min(s[1:]) for name, s in seconds.items()}  # the first compiles
    share = least["with"] / least["without"] - 1
    print(f"with {least['with']:.2f} s, without {least['without']:.2f} s: {share:.0%} more")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=("learn", "check", "cost"))
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--scenes", type=int, default=24)
    parser.add_argument("--write", action="store_true", help="put it into the package")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    if options.what == "cost":
        cost()
        return
    learning = options.what == "learn"
    drawn = cases(options.scenes, LEARNT if learning else CHECKED)
    fixed = [] if learning else [c for c in EARLY if c.half == "test"]
    scenes = {
        c.name: kept(c, options.recipe, options.data, options.cache) for c in [*fixed, *drawn]
    }
    if not learning:
        check(scenes, options.recipe)
        return
    entry = learn(list(scenes.values()), options.recipe)
    print(json.dumps(entry, indent=1))
    if options.write:
        path = Path(calibration.__file__).with_name(calibration.FILE)
        known = json.loads(path.read_text("utf-8"))
        path.write_text(json.dumps({**known, options.recipe: entry}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
