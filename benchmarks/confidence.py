"""Learn how often a label is right, and check it on scenes that were not learnt from.

    python benchmarks/confidence.py learn DATA CACHE --recipe default --scenes 24 [--write]
    python benchmarks/confidence.py check DATA CACHE --recipe default --scenes 12 [--ground 12]
    python benchmarks/confidence.py cost DATA CACHE

DATA is the folder that holds ``mutawintji/``, and ``zion/`` for scenes of laws; CACHE keeps what is
found out about each scene, so that a run that was cut off goes on. ``learn --write`` puts the
calibration into the package.

Protocol: scenes are drawn as in ``units.py`` (three sensors, 3 to 15 classes, more or less plants,
noise and patches, a quarter with the real layout of Mutawintji), with the first seeds `LEARNT` and
`CHECKED`; with ``--laws`` scenes of drawn laws (``laws.py``) besides. The check has the test half
of the early scenes of ``scenes.py``, and with ``--ground`` as many of the proving ground. Each is
mapped by the recipe as it is, the number of units chosen. A unit is named by the class that most of
its pixels belong to, and a pixel is right if it is of its unit's class; with "one to one" a class
can name one unit only (Hungarian), so that a class in two units is wrong in one of them. Every
scene counts alike.

Learnt is an additive model of the log odds of being right, by logistic regression: broken lines
that only rise over the odds of the label against its strongest rival, the share of alike
neighbours (5 × 5), and the mean probability of a unit's own pixels, and one that only falls over
the unit's share of the map. Pixels outside every unit's ellipsoid have no percentage, and nothing
is learnt from them; what they are is told apart.

``cost`` prints the processor seconds of the apply pass over four megapixels, a simulated scene four
times side by side, with and without confidence, in turns: the least of three.
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
from scipy.optimize import linear_sum_assignment, minimize

from laws import Drawn, drawn
from outcrop.applying import apply_model
from outcrop.confidence import calibration
from outcrop.confidence.kernels import AROUND, BINS, LEAST, STEPS
from outcrop.config import load_recipe, with_step
from outcrop.engine import limited_threads
from outcrop.labelling import label
from outcrop.model import fit_model
from outcrop.pipeline import prepare
from outcrop.simulate import simulate_scene
from outcrop.source import valid_mask
from recipes import source_of
from scenes import EARLY, GROUND, Case, Ground
from units import cases

LEARNT, CHECKED = 5000, 9000
#: Knots of the lines: odds in nats, share of neighbours, log odds of a unit's own pixels.
KNOTS = {
    "odds": (0.0, 2.0, 4.0, 7.0, 10.0, 15.0, 20.0, 28.0),
    "alike": (0.0, 0.25, 0.5, 0.75, 0.9, 1.0),
    "unit": (0.0, 1.5, 2.5, 3.5, 5.0),
    "share": (0.0, 0.03, 0.1, 0.2, 0.4),
}
#: Whether a line rises or falls.
SIGNS = {"odds": 1, "alike": 1, "unit": 1, "share": -1}
#: What a line's steps are held back by, so that a few scenes don't make a cliff.
RIDGE = 2.0
#: Weight of a scene, in pixels that tell something by themselves.
WEIGHT = 100.0
#: Part of a scene's map from which on it counts in the spread between scenes.
SOME = 0.02
Facts = dict[str, np.ndarray]


def look(case: Case | Drawn | Ground, name: str, data: Path) -> Facts:
    """Map a scene with a recipe; return what is asked of the calibration, and the truth."""
    scene, recipe = case.make(data), load_recipe(name)
    source = source_of(scene)
    recipe = dataclasses.replace(recipe, run=dataclasses.replace(recipe.run, threads=1))
    ready = prepare(source, recipe)
    with limited_threads():
        model = fit_model(ready.sample, ready.features, ready.front, source.bands, ready.recipe)
        mask = valid_mask(scene.reflectance)
        made = label(model, scene.reflectance, mask, evidence=True)
        units = made.labels
        for step in model.filters:
            numbers = np.asarray(model.numbers, np.uint8)
            needs = getattr(step, "needs_evidence", False)
            units = step(units, made.evidence, numbers) if needs else step(units)
        bins = [np.arange(BINS), np.arange(AROUND + 1)[:, None]]
        odds, alike = (told(model, units, made, what) for what in bins)
    there = (units > 0) & (scene.truth > 0)
    facts = {"unit": units, "truth": scene.truth, "odds": odds, "alike": alike,
             "unlike": made.unlike}  # fmt: skip
    own = np.zeros(256)
    own[list(model.numbers)] = model.confidence.distinctness
    pixels = np.bincount(units.ravel(), minlength=256)
    pixels[0] = 0
    of_units = {"distinctness": own, "shares": pixels / pixels.sum()}
    return {**{n: a[there] for n, a in facts.items()}, **of_units}


def told(model, units, made, what) -> np.ndarray:
    """Return what the table is asked for: the bins of the odds, or the alike neighbours."""
    shape = (len(model.numbers), AROUND + 1, BINS)
    table = np.ascontiguousarray(np.broadcast_to(what, shape), np.uint8)
    asked = dataclasses.replace(model.confidence, table=table)
    whole = tuple(slice(0, n) for n in units.shape)
    planes = made.labels, made.evidence, made.ahead, np.zeros_like(made.unlike)
    return asked(units, *planes, model.numbers, whole)


def kept(case: Case | Drawn | Ground, name: str, data: Path, cache: Path) -> Facts:
    """Return what `look` finds, from the cache if it is there."""
    seed = case.law.seed if isinstance(case, Ground) else case.seed
    path = cache / f"{name}-{case.half}-{case.name}-{seed}.npz"
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


def asked(facts: Facts) -> tuple[np.ndarray, ...]:
    """Return what the lines of a calibration are over, pixel by pixel, in their order."""
    unit = facts["unit"]
    return (
        LEAST + (facts["odds"] + 0.5) / STEPS, facts["alike"] / AROUND,
        facts["distinctness"][unit], facts["shares"][unit],
    )  # fmt: skip


def learn(scenes: list[Facts], name: str) -> dict:
    """Return a calibration as the package holds it."""
    rows, right, weights = [], [], []
    for facts in scenes:
        like = ~facts["unlike"]
        steps = [
            SIGNS[line] * _steps(values[like], KNOTS[line])
            for line, values in zip(KNOTS, asked(facts), strict=True)
        ]
        cells, of = np.unique(np.hstack(steps).round(4), axis=0, return_inverse=True)
        good = np.bincount(of.ravel(), weights=rightness(facts)[like])
        total = np.bincount(of.ravel())
        rows.append(cells)
        right.append(good / total)
        weights.append(total * WEIGHT / total.sum())
    found = _fitted(np.concatenate(rows), np.concatenate(right), np.concatenate(weights))
    sizes = [len(knots) - 1 for knots in KNOTS.values()]
    parts = np.split(found[1:], np.cumsum(sizes)[:-1])
    return {
        "parts": calibration.parts_of(load_recipe(name)),
        "scenes": len(scenes),
        "constant": round(float(found[0]), 4),
        **{
            line: {
                "at": list(KNOTS[line]),
                "worth": [round(float(v), 4) for v in SIGNS[line] * np.cumsum([0, *steps])],
            }
            for line, steps in zip(KNOTS, parts, strict=True)
        },
    }


def _fitted(rows: np.ndarray, right: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return constant and steps, 0 or more, of a logistic regression of shares that are right."""

    def loss(found: np.ndarray) -> tuple[float, np.ndarray]:
        odds = found[0] + rows @ found[1:]
        off = weights * (1 / (1 + np.exp(-odds)) - right)
        value = (weights * (np.logaddexp(0, odds) - right * odds)).sum()
        slope = np.concatenate([[off.sum()], off @ rows + 2 * RIDGE * found[1:]])
        return value + RIDGE * (found[1:] ** 2).sum(), slope

    bounds = [(None, None), *[(0, None)] * rows.shape[1]]
    start = np.zeros(len(bounds))
    return minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x


def _steps(values: np.ndarray, knots: tuple[float, ...]) -> np.ndarray:
    """Return how much of each step between knots values have climbed, (n, knots - 1)."""
    low, high = np.array(knots[:-1]), np.array(knots[1:])
    return np.clip((values[:, None] - low) / (high - low), 0, 1)


def percentages(known: calibration.Calibration, facts: Facts) -> np.ndarray:
    """Return the confidence of pixels."""
    table = known.table(facts["distinctness"], facts["shares"])
    return table[facts["unit"], facts["alike"], facts["odds"]]


def check(scenes: dict[str, Facts], name: str) -> None:
    """Print, by ten percent of confidence, how many pixels are right, and by scene."""
    known = next(c for c in calibration.calibrations() if c.name == name)
    tens, raw, unlike, rows = [], [], np.zeros(2), []
    for case, facts in scenes.items():
        sure = percentages(known, facts)
        right, single = rightness(facts), rightness(facts, one_to_one=True)
        like = ~facts["unlike"]
        unlike += np.array([(~like).mean(), (~like & right).mean()])
        odds = LEAST + (facts["odds"] + 0.5) / STEPS
        tens.append(_by_ten(sure[like].astype(float), right[like], single[like], len(sure)))
        raw.append(_by_ten(100 / (1 + np.exp(-odds[like])), right[like], single[like], len(sure)))
        eighties = like & (sure // 10 == 8)
        rows.append(
            (case, len(np.unique(facts["unit"])), sure[like].mean(), 100 * right[like].mean(),
             100 * single[like].mean(), 100 * right[eighties].mean(), 100 * eighties.mean())
        )  # fmt: skip
    _show("confidence", np.array(tens))
    share, good = unlike / len(scenes)
    print(f"\nUnlike any unit: {share:.2%} of the map, of which {good / share:.0%} right.\n")
    _show("odds as they are", np.array(raw))
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


def _show(what: str, scenes: np.ndarray) -> None:
    """Print what `_by_ten` says of scenes, (scenes, 10, 4).

    The spread is the standard deviation, over the scenes with `SOME` of their map there, of what
    is right.
    """
    print(f"| {what} | share of the map | mean | right | right, one to one | spread | scenes |")
    print("|---|---|---|---|---|---|---|")
    for i, (share, *sums) in enumerate(scenes.mean(axis=0)):
        if share > 0:
            span = f"{10 * i}-{10 * i + 9}" if i < 9 else "90-100"
            said, good, alone = (v / share for v in sums)
            some = scenes[scenes[:, i, 0] >= SOME, i]
            spread = np.std(some[:, 2] / some[:, 0]) if len(some) > 1 else 0.0
            print(f"| {span} | {share:.1%} | {said:.1f} | {good:.1f} | {alone:.1f} | "
                  f"{spread:.1f} | {len(some)} |")  # fmt: skip


def cost() -> None:
    """Print what confidence adds to the apply pass."""
    scene = simulate_scene("landsat8", shape=(1024, 1024), units=9, seed=3)
    source, recipe = source_of(scene), load_recipe("default")
    recipe = dataclasses.replace(recipe, clusterer=with_step(recipe.clusterer, n_units=9))
    ready = prepare(source, recipe)
    with limited_threads():
        model = fit_model(ready.sample, ready.features, ready.front, source.bands, recipe)
    four = {
        "truth": np.tile(scene.truth, (2, 2)),
        "reflectance": np.tile(scene.reflectance, (2, 2)),
    }
    source = source_of(dataclasses.replace(scene, **four))
    models = {"with": model, "without": dataclasses.replace(model, confidence=None)}
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(4):
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
    parser.add_argument("--ground", type=int, default=0, help="scenes of the proving ground too")
    parser.add_argument("--laws", type=int, default=0, help="scenes of drawn laws too")
    parser.add_argument("--write", action="store_true", help="put it into the package")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    if options.what == "cost":
        cost()
        return
    learning = options.what == "learn"
    first = LEARNT if learning else CHECKED
    made_up = [*cases(options.scenes, first), *drawn(options.laws, first)]
    fixed = [] if learning else [*[c for c in EARLY if c.half == "test"], *GROUND[: options.ground]]
    scenes = {
        c.name: kept(c, options.recipe, options.data, options.cache) for c in [*fixed, *made_up]
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
