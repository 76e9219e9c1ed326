"""Does a deep code help? Six attempts with the stacked autoencoder beside their linear twins.

    python benchmarks/depth.py DATA [--only d1,g1] [--seeds 1] [--rows 12000]

DATA is the folder that holds ``mutawintji/`` and ``zion/``. Prints Markdown tables. Only the
development halves are looked at (scenes.py).

Protocol: every contender gets the features of the default recipe (logarithm, bilateral smoothing),
the same fit rows of a scene and the true number of units; it makes a code of all pixels, clusters
it, and its evidence goes through Potts updates. A twin has a code of the same width in the same
place, by whitened principal components; where all of them are kept, it differs from the default in
where the mixture starts and in nothing else. Scored as in recipes.py. The intervals are of the mean
paired difference, scenes drawn again 10,000 times with replacement; seeds of a scene are averaged
before.
"""

from __future__ import annotations

import argparse
import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from outcrop.clustering.kmeans import KMeans
from outcrop.clustering.student import StudentMixture
from outcrop.config import load_recipe
from outcrop.engine import limited_threads
from outcrop.fitting import fit_front
from outcrop.reduction.dense import Dense
from outcrop.reduction.pca import PCA
from outcrop.reduction.stacked import StackedAutoencoder
from outcrop.refinement.potts import Potts
from outcrop.sample import draw
from recipes import scores, source_of
from scenes import SETS

#: Pixels around each that the patches hold, on each side.
REACH = 1
NETS = 3
DEC_EPOCHS = 10
#: With the reducer's own batches of 1024, and so few rows, the networks stop short of what
#: principal components keep.
TRAINING = {"batch_size": 256, "epochs": 30}

Rows = np.ndarray


@dataclass
class View:
    """One scene as the contenders see it.

    ``rows`` (n, d) are the features of all pixels, ``fit`` the numbers of those to learn from,
    ``noise`` (d, d) the matrix that makes their noise white.
    """

    rows: Rows
    shape: tuple[int, int]
    fit: Rows
    noise: Rows
    units: int
    seed: int

    @property
    def width(self) -> int:
        return min(5, self.rows.shape[1] - 1)

    def white(self, rows: Rows, width: int) -> Rows:
        return PCA(width, whiten=True).fit(rows[self.fit]).transform(rows)

    def net(self, rows: Rows, width: int, *, number: int = 0, **how) -> StackedAutoencoder:
        seed = 100 * self.seed + number
        net = StackedAutoencoder(n_components=width, random_state=seed, **TRAINING, **how)
        return net.fit(rows[self.fit])

    @cached_property
    def patches(self) -> Rows:
        """The features of the window around each pixel, (n, columns); edges are repeated."""
        planes = self.rows.reshape(*self.shape, -1)
        wide = np.pad(planes, ((REACH, REACH), (REACH, REACH), (0, 0)), mode="edge")
        size = 2 * REACH + 1
        windows = np.lib.stride_tricks.sliding_window_view(wide, (size, size), axis=(0, 1))
        return np.ascontiguousarray(windows.reshape(len(self.rows), -1))

    @cached_property
    def quiet(self) -> Rows:
        """The features with white noise of variance one."""
        return np.asarray(self.rows @ self.noise, np.float32)

    @cached_property
    def narrow(self) -> Rows:
        """A code of 2 of the features."""
        return self.net(self.rows, 2).transform(self.rows)

    @cached_property
    def wide(self) -> StackedAutoencoder:
        """A net whose code is as wide as its noise-whitened features."""
        return self.net(self.quiet, self.rows.shape[1])

    def mixture(self, codes: Rows) -> Rows:
        """Return the evidence (n, units) of the default's mixture."""
        found = StudentMixture(self.units, random_state=self.seed)
        rows, columns = np.unravel_index(self.fit, self.shape)
        places = np.stack([np.zeros_like(rows), rows, columns], axis=1)
        return found.fit(codes[self.fit], places=places).evidence(codes)

    def spheres(self, codes: Rows) -> Rows:
        """Return the evidence (n, units) of k-means."""
        return KMeans(self.units, random_state=self.seed).fit(codes[self.fit]).evidence(codes)


def averaged(view: View) -> Rows:
    """Return the leading components, as many as features, of several nets' codes."""
    width = view.rows.shape[1]
    nets = [view.wide, *(view.net(view.quiet, width, number=n) for n in range(1, NETS))]
    return view.white(np.hstack([net.transform(view.quiet) for net in nets]), width)


def embedded(view: View) -> Rows:
    """Return evidence after training code and units together (DEC, Xie et al. 2016).

    From the units of attempt 3: their means in the whitened code are the first centres.
    """
    reducer = view.wide
    codes = reducer.transform(view.quiet)
    start = view.mixture(codes)[view.fit].argmax(axis=1)
    centres = np.array([codes[view.fit][start == unit].mean(axis=0) for unit in np.unique(start)])
    net = Dense.from_facts(reducer.nets_[0])
    weights = [
        torch.tensor(part).requires_grad_()
        for matrix, biases, _ in net.layers(reducer.weights_)
        for part in (matrix, biases)
    ]
    middle = torch.tensor(centres, dtype=torch.float32).requires_grad_()
    mean, axes = torch.tensor(reducer.code_mean_), torch.tensor(reducer.code_axes_)

    def shares(rows: torch.Tensor) -> torch.Tensor:
        for matrix, biases in zip(weights[:-2:2], weights[1:-2:2], strict=True):
            rows = torch.tanh(rows @ matrix + biases)
        codes = (rows @ weights[-2] + weights[-1] - mean) @ axes
        return (1 + torch.cdist(codes, middle) ** 2).reciprocal()

    def parts(values: torch.Tensor) -> torch.Tensor:
        return values / values.sum(dim=1, keepdim=True)

    given = torch.tensor((view.quiet - reducer.input_mean_) / reducer.input_scale_)
    learnt = given[view.fit]
    steps = torch.optim.Adam([*weights, middle], 1e-3)
    order = torch.Generator().manual_seed(view.seed)
    for _ in range(DEC_EPOCHS):
        with torch.no_grad():
            now = parts(shares(learnt))
            goal = parts(now**2 / now.sum(dim=0))
        for part in torch.randperm(len(learnt), generator=order).split(1024):
            found = parts(shares(learnt[part]))
            loss = (goal[part] * (goal[part] / found).log()).sum(dim=1).mean()
            steps.zero_grad()
            loss.backward()
            steps.step()
    with torch.no_grad():
        return shares(given).log().numpy()


DEFAULT, WHITE = "default", "all whitened components, mixture"
TWO, FIVE = "2 whitened components, k-means", "5 whitened components, mixture"
PATCHES = "5 of 3 × 3 patches, mixture"
#: Evidence (n, units) of what the attempts are held against.
TWINS: dict[str, Callable[[View], Rows]] = {
    DEFAULT: lambda v: v.mixture(v.rows),
    WHITE: lambda v: v.mixture(v.white(v.rows, v.rows.shape[1])),
    TWO: lambda v: v.spheres(v.white(v.rows, 2)),
    FIVE: lambda v: v.mixture(v.white(v.rows, v.width)),
    PATCHES: lambda v: v.mixture(v.white(v.patches, v.width)),
}
#: Of each attempt its twin and its evidence.
ATTEMPTS: dict[str, tuple[str, Callable[[View], Rows]]] = {
    "1: code of 2, k-means": (TWO, lambda v: v.spheres(v.narrow)),
    "2: code of 5, mixture": (
        FIVE,
        lambda v: v.mixture(v.net(v.rows, v.width).transform(v.rows)),
    ),
    "3: noise-whitened, wide code, mixture": (
        WHITE,
        lambda v: v.mixture(v.wide.transform(v.quiet)),
    ),
    "4: codes of three such nets, mixture": (WHITE, lambda v: v.mixture(averaged(v))),
    "5: code of 5 of 3 × 3 patches, mixture": (
        PATCHES,
        lambda v: v.mixture(v.net(v.patches, v.width, layers=(64, 32)).transform(v.patches)),
    ),
    "6a: code of 2 beside the features, mixture": (
        WHITE,
        lambda v: v.mixture(np.hstack([v.rows, v.narrow])),
    ),
    "6b: wide code and units trained together": (WHITE, embedded),
}
CONTENDERS = {**TWINS, **{name: evidence for name, (_, evidence) in ATTEMPTS.items()}}


def view_of(scene, seed: int, rows: int) -> View:
    source, recipe = source_of(scene), load_recipe("default")
    sample = draw([source], rows, seed=seed, threads=1)
    front = fit_front(sample, source.bands, recipe)
    planes = front(np.asarray(scene.reflectance, np.float32))
    if not np.isfinite(planes).all():
        raise SystemExit(
            "a scene has gaps; this comparison takes only scenes that have data everywhere"
        )
    shape = planes.shape[1:]
    features = np.ascontiguousarray(planes.reshape(len(planes), -1).T)
    fit = np.ravel_multi_index(tuple(sample.positions[:, -2:].T), shape)
    white = front.smoother.whitening_
    return View(features, shape, fit, white, len(scene.unit_names), seed)


def map_from(view: View, evidence: Rows) -> Rows:
    planes = np.ascontiguousarray(evidence.T, np.float32).reshape(-1, *view.shape)
    numbers = np.arange(1, len(planes) + 1, dtype=np.uint8)
    return Potts()((planes.argmax(axis=0) + 1).astype(np.uint8), planes, numbers)


def judged(case, options) -> dict[str, Rows]:
    """Return of each contender accuracy, AMI and processor seconds, means of the seeds."""
    scene = case.make(options.data)
    maps: dict[str, list[Rows]] = {name: [] for name in CONTENDERS}
    spent = dict.fromkeys(CONTENDERS, 0.0)
    for seed in range(options.seeds):
        view = view_of(scene, seed, options.rows)
        for name, evidence in CONTENDERS.items():
            began = time.process_time()
            maps[name].append(map_from(view, evidence(view)))
            spent[name] += time.process_time() - began
    return {
        name: np.array(
            [*np.mean([scores(scene.truth, m) for m in made], axis=0), spent[name] / options.seeds]
        )
        for name, made in maps.items()
    }


def tell(names: list[str], found: list[dict[str, Rows]]) -> None:
    heads = [*names, "mean", "processor s"]
    print("| code |", " | ".join(heads), "|\n|---|" + "---|" * len(heads))
    for name in CONTENDERS:
        table = np.array([f[name] for f in found])
        a, m, spent = table.mean(axis=0)
        cells = [f"{x:.2f} / {y:.2f}" for x, y in table[:, :2]]
        print(f"| {name} |", " | ".join(cells), f"| {a:.3f} / {m:.3f} | {spent:.1f} |")


def tell_differences(found: list[dict[str, Rows]]) -> None:
    heads = [f"{s}, less {o}" for o in ("its twin", "the default") for s in ("accuracy", "AMI")]
    print("\n| attempt |", " | ".join(heads), "|\n|---|" + "---|" * len(heads))
    draws = np.random.default_rng(0).integers(len(found), size=(10_000, len(found)))
    for name, (twin, _) in ATTEMPTS.items():
        cells = []
        for other in (twin, DEFAULT):
            gains = np.array([f[name][:2] - f[other][:2] for f in found])
            low, high = np.quantile(gains[draws].mean(axis=1), (0.025, 0.975), axis=0)
            cells += [
                f"{g:+.3f} ({a:+.3f} to {b:+.3f})"
                for g, a, b in zip(gains.mean(axis=0), low, high, strict=True)
            ]
        print(f"| {name} |", " | ".join(cells), "|")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", help="some of the scenes, by commas")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rows", type=int, default=12_000, help="to fit on")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    cases = [c for name in ("early", "ground") for c in SETS[name] if c.half == "development"]
    if options.only:
        cases = [c for c in cases if c.name in options.only.split(",")]
    found = []
    with limited_threads():
        for case in cases:
            found.append(judged(case, options))
            told = {name: found[-1][name].round(3).tolist() for name in CONTENDERS}
            print(case.name, told, flush=True)
    tell([c.name for c in cases], found)
    tell_differences(found)


if __name__ == "__main__":
    main()
