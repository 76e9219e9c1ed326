"""Check the rule for the number of units on simulated scenes of 3 to 15 units.

    python benchmarks/units.py DATA [--scenes 24] [--first-seed 300] [--ground development|test]

DATA is the folder that holds ``mutawintji/``; ``--ground`` takes a half of the proving ground
instead of scenes made up by the way, and needs ``zion/`` too. Prints a Markdown table.

Protocol: each scene's bands are brought to the default recipe's features (no labels), and its
mixture is fitted for every number of units from 2 to 20, to the halves of a sample of 16,000
pixels, which are paired with any of the scene's. Scored is the mixture of one half, no Potts, on
the sampled pixels: the adjusted mutual information (AMI) with the true units. A rule is as good as
the AMI at the number that it takes, and is compared with taking the same number for every scene,
the best such number being chosen after the fact.

Three truths are told for how many there are, all of units that hold 1/200 of the scene or more:

- units: all of them;
- apart: as many of them as can all be told apart from one another: the largest set of units no
  two of which a quadratic classifier, fitted to half of the labelled pixels' features, confuses
  in 10% of the other half's pixels, both alike frequent;
- groups: of two units that it confuses more often (frequent as they are) the two become one, the
  most confused first, until none are left. One long chain of units, each like the next, is one
  group.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import warnings
from pathlib import Path

import networkx
import numpy as np
from scipy.stats import spearmanr
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.metrics import adjusted_mutual_info_score

from outcrop.clustering.selection import Subsample, deciding
from outcrop.clustering.student import StudentMixture
from outcrop.config import load_recipe
from outcrop.engine import limited_threads
from outcrop.fitting import fit_front
from outcrop.pipeline import features_of
from outcrop.sample import draw
from recipes import source_of
from scenes import GROUND, Case, Ground

NUMBERS = range(2, 21)
ROWS = 16_000  #: that numbers are compared on
EVERY = 3  #: of the scene's pixels, how many units can be told apart is found on
SMALLEST = 1 / 200


def cases(count: int, first_seed: int) -> list[Case]:
    """Scenes of three sensors, with more or less plants, noise and patches; a quarter real maps."""
    rng = np.random.default_rng(first_seed)
    found = []
    for i in range(count):
        how = {
            "vegetation": float(rng.choice([0.05, 0.12, 0.25])),
            "noise": float(rng.choice([0.003, 0.006])),
            "patchy": float(rng.choice([0, 0, 0.2])),
        }
        sensor = ("landsat8", "aster", "sentinel2")[i % 3]
        if i % 4 == 3:
            side, pixel = ((960, 60.0), (1440, 90.0))[int(rng.integers(2))]
            place = (int(rng.integers(3738 - side)), int(rng.integers(3224 - side)), side, side)
            how |= {"window": place, "pixel_size": pixel}
        else:
            how["units"] = int(rng.integers(3, 16))
        found.append(Case(f"u{i}", "units", sensor, first_seed + i, **how))
    return found


def features(case: Case | Ground, data: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features, places and true unit of the scene's pixels."""
    scene, recipe = case.make(data), load_recipe("default")
    source = source_of(scene)
    run = dataclasses.replace(recipe.run, threads=1, sample="all")
    recipe = dataclasses.replace(recipe, run=run)
    sample = draw([source], "all", threads=1)
    with limited_threads():
        front = fit_front(sample, source.bands, recipe)
    rows = features_of(source, sample, front, recipe).rows
    return rows, sample.positions, scene.truth[tuple(sample.positions[:, 1:].T)]


def curves(rows: np.ndarray, places: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return net likelihood, what decides, and AMI at each number of units, (3, numbers)."""
    sample = Subsample(rows, ROWS, np.random.default_rng(0), places)
    truth = truth[sample.chosen]
    with limited_threads():
        found = list(StudentMixture()._candidates(sample, {k: k for k in NUMBERS}))
    there = truth > 0  # what nobody has labelled is clustered, and not scored
    ami = [adjusted_mutual_info_score(truth[there], c.labels[there]) for c in found]
    decides = deciding(NUMBERS, [c._asdict() for c in found])
    return np.array([[c.net_likelihood for c in found], decides, ami])


def sizeable(truth: np.ndarray) -> list[int]:
    units, counts = np.unique(truth, return_counts=True)
    return [int(u) for u, n in zip(units, counts, strict=True) if u and n >= SMALLEST * len(truth)]


def told_apart(rows: np.ndarray, truth: np.ndarray, confused: float = 0.1) -> int:
    """Return how many units can all be told apart from one another."""
    there = np.isin(truth, sizeable(truth))
    rows, truth = rows[there].astype(float), truth[there]
    fitted = QuadraticDiscriminantAnalysis(reg_param=1e-3).fit(rows[::2], truth[::2])
    likely = fitted.decision_function(rows[1::2]) - np.log(fitted.priors_)
    own = np.searchsorted(fitted.classes_, truth[1::2])
    units = networkx.Graph()
    units.add_nodes_from(range(likely.shape[1]))
    for other in range(likely.shape[1]):
        for one in range(other):
            away = (likely[own == one, other] > likely[own == one, one]).mean()
            back = (likely[own == other, one] >= likely[own == other, other]).mean()
            if (away + back) / 2 < confused:
                units.add_edge(one, other)
    return max(len(clique) for clique in networkx.find_cliques(units))


def groups(rows: np.ndarray, truth: np.ndarray, confused: float = 0.1) -> int:
    """Return how many groups of units can be told apart."""
    there = np.isin(truth, sizeable(truth))
    rows, truth = rows[there].astype(float), truth[there]
    fitted = QuadraticDiscriminantAnalysis(reg_param=1e-3).fit(rows[::2], truth[::2])
    shares = fitted.predict_proba(rows[1::2])
    own = np.searchsorted(fitted.classes_, truth[1::2])
    while shares.shape[1] > 1:
        error, one, other = most_confused(shares, own)
        if error < confused:
            break
        shares[:, one] += shares[:, other]
        shares = np.delete(shares, other, axis=1)
        own = np.where(own == other, one, own)
        own -= own > other
    return shares.shape[1]


def most_confused(shares: np.ndarray, own: np.ndarray) -> tuple[float, int, int]:
    worst = (-1.0, 0, 0)
    for other in range(shares.shape[1]):
        for one in range(other):
            wrong_one = (shares[own == one, other] > shares[own == one, one]).mean()
            wrong_other = (shares[own == other, one] >= shares[own == other, other]).mean()
            worst = max(worst, (float(wrong_one + wrong_other) / 2, one, other))
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--scenes", type=int, default=24)
    parser.add_argument("--first-seed", type=int, default=300)
    parser.add_argument("--ground", choices=["development", "test"])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    found, units, apart, chained = [], [], [], []
    half = [case for case in GROUND if case.half == options.ground]
    for case in half or cases(options.scenes, options.first_seed):
        rows, places, truth = features(case, options.data)
        found.append(curves(rows, places, truth))
        units.append(len(sizeable(truth)))
        apart.append(told_apart(rows[::EVERY], truth[::EVERY]))
        chained.append(groups(rows[::EVERY], truth[::EVERY]))
    _, _, ami = table = np.array(found).transpose(1, 0, 2)
    print(f"{len(ami)} scenes; units {units}; apart {apart}; groups {chained}\n")
    print(
        "| rule | AMI | found | Spearman with units | apart | groups |\n|---|---|---|---|---|---|"
    )
    print(f"| each scene's own best number | {ami.max(axis=1).mean():.3f} | | | | |")
    best = ami.mean(axis=0).argmax()
    print(f"| {NUMBERS[best]} for all, the best such | {ami[:, best].mean():.3f} | | | | |")
    rules = {"held-out likelihood, net": table[0], "and continuity (`auto`)": table[1]}
    for rule, score in rules.items():
        taken = score.argmax(axis=1)
        right = ami[np.arange(len(ami)), taken].mean()
        numbers = np.array(NUMBERS)[taken]
        alike = " | ".join(f"{spearmanr(numbers, t)[0]:.2f}" for t in (units, apart, chained))
        print(f"| {rule} | {right:.3f} | {', '.join(map(str, numbers))} | {alike} |", flush=True)


if __name__ == "__main__":
    main()
