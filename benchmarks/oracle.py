"""What the best classifier can do on the scenes of the proving ground: no map is told to do more.

    python benchmarks/oracle.py DATA [--half development|test] [--scenes g1,g2]
    python benchmarks/oracle.py DATA --preset       # the scenes of the paper's experiment

DATA is the folder that holds ``mutawintji/`` and ``zion/``. Prints a Markdown table.

The oracle of a scene is a Bayes classifier that knows the law the scene follows. Four other
realisations of the same law (same map, relief and sensor; textures, coatings, plants and noise
drawn anew) give the distribution of each unit's observed spectra, slopes, shadow and mixing at
contacts included: a mixture of four Gaussians in the logarithm of the bands, with the true
shares of the units as priors. Three are told:

- pixel: a pixel's own spectrum; the scenes are kept if this one is right on 0.75 to 0.97 of the
  labelled pixels;
- context: its own and the mean of the 5 x 5 around it;
- with space: the same, and then a Potts prior whose strength is the best on a fifth realisation.

Of the paper's experiment only the first is told, from one other realisation.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
from scipy import ndimage
from sklearn.mixture import GaussianMixture

from outcrop.simulate import SimulatedScene
from outcrop.simulate.ground import GEOLOGY, RELIEF, simulate_ground
from outcrop.simulate.law import Law
from outcrop.simulate.views import simulate_views

LEAST, MOST = 0.75, 0.97
KNOWN, TUNED = (1, 2, 3, 4), 5
MODES, ROWS, UPDATES = 4, 5000, 10
STRENGTHS = (0.0, 0.5, 1.0, 2.0, 3.0)


def features(scene: SimulatedScene, context: bool) -> np.ndarray:
    """Return log bands, and with context those of the 5 x 5 mean, shape (y, x, feature)."""
    log = np.log(np.maximum(scene.reflectance, 1e-3))
    if context:
        log = np.concatenate([log, ndimage.uniform_filter(log, (1, 5, 5), mode="nearest")])
    return np.moveaxis(log, 0, -1).astype(float)


class Bayes:
    """Mixture of Gaussians for each unit, with priors."""

    def __init__(self, scenes: list[SimulatedScene], context: bool) -> None:
        self.context = context
        rng = np.random.default_rng(0)
        rows = [features(s, context) for s in scenes]
        truth = scenes[0].truth
        self.models, self.priors = [], []
        for unit in range(1, truth.max() + 1):
            own = np.concatenate([r[truth == unit] for r in rows])
            own = own[rng.permutation(len(own))[:ROWS]]
            mixture = GaussianMixture(MODES, reg_covar=1e-6, random_state=0, max_iter=60)
            self.models.append(mixture.fit(own))
            self.priors.append((truth == unit).sum() / (truth > 0).sum())

    def evidence(self, scene: SimulatedScene) -> np.ndarray:
        """Log of prior times likelihood, shape (unit, y, x)."""
        rows = features(scene, self.context)
        flat = rows.reshape(-1, rows.shape[-1])
        found = [m.score_samples(flat).reshape(rows.shape[:2]) for m in self.models]
        return np.array(found) + np.log(self.priors)[:, None, None]


def potts(evidence: np.ndarray, strength: float) -> np.ndarray:
    """Return units from 1 after updates that reward agreement with the eight neighbours."""
    ring = np.ones((3, 3))
    ring[1, 1] = 0
    units = evidence.argmax(axis=0)
    for _ in range(UPDATES if strength else 0):
        agree = [
            ndimage.convolve((units == u).astype(float), ring, mode="nearest")
            for u in range(len(evidence))
        ]
        units = (evidence + strength * np.array(agree)).argmax(axis=0)
    return units + 1


def right(units: np.ndarray, truth: np.ndarray) -> float:
    return float((units == truth)[truth > 0].mean())


def oracles(law: Law, data: Path) -> dict[str, float]:
    """Return the accuracy of the three oracles on realisation 0, which recipes are run on."""
    known = [simulate_ground(law, data, r) for r in KNOWN]
    scene, tuned = simulate_ground(law, data), simulate_ground(law, data, TUNED)
    pixel, context = Bayes(known, context=False), Bayes(known, context=True)
    held = context.evidence(tuned)
    strength = max(STRENGTHS, key=lambda s: right(potts(held, s), tuned.truth))
    evidence = context.evidence(scene)
    return {
        "pixel": right(potts(pixel.evidence(scene), 0.0), scene.truth),
        "context": right(potts(evidence, 0.0), scene.truth),
        "with space": right(potts(evidence, strength), scene.truth),
    }


def preset(data: Path) -> int:
    """Print the pixel oracle of the scenes that `outcrop compare --preset nagar2024` makes."""
    from outcrop.comparison.preset import GROUNDS, PIXELS, SENSORS, ground_law, ground_windows

    geology, outside = data / GEOLOGY, 0
    print("| ground | sensor | units | pixels | plants | pixel |\n|---|---|---|---|---|---|")
    for ground, window in zip(GROUNDS, ground_windows(geology, PIXELS), strict=True):
        scenes, known = (
            simulate_views(
                ground_law(ground), geology, window, SENSORS,
                relief=data / RELIEF, place=ground.place, realisation=r,
            )
            for r in (0, 1)
        )  # fmt: skip
        for sensor, scene in scenes.items():
            oracle = Bayes([known[sensor]], context=False)
            found = right(potts(oracle.evidence(scene), 0.0), scene.truth)
            outside += not LEAST <= found <= MOST
            units, plants = len(scene.unit_names), scene.vegetation + scene.dry_grass
            print(
                f"| {ground.name} | {sensor} | {units} | {scene.truth.size} "
                f"| {plants.mean():.0%} | {found:.3f} |", flush=True,
            )  # fmt: skip
    return int(outside > 0)


def main() -> int:
    """Print the table; 1 if a scene is too hard or too easy."""
    from scenes import GROUND

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--half", choices=["development", "test"])
    parser.add_argument("--scenes", help="some of the names, by commas; all unless given")
    parser.add_argument("--preset", action="store_true", help="the paper's experiment")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.preset:
        return preset(options.data)
    names = (options.scenes or "").split(",")
    print("| scene | sensor | units | labelled | plants | pixel | context | with space |")
    print("|---|---|---|---|---|---|---|---|")
    outside = 0
    for law in sorted((case.law for case in GROUND), key=lambda law: (law.half, law.seed)):
        if options.half not in (None, law.half) or (options.scenes and law.name not in names):
            continue
        found = oracles(law, options.data)
        scene = simulate_ground(law, options.data)
        outside += not LEAST <= found["pixel"] <= MOST
        labelled = (scene.truth > 0).mean()
        print(
            f"| {law.name} | {law.sensor} | {len(scene.unit_names)} | {labelled:.0%} "
            f"| {law.vegetation:.0%} | " + " | ".join(f"{v:.3f}" for v in found.values()) + " |",
            flush=True,
        )
    return int(outside > 0)


if __name__ == "__main__":
    sys.exit(main())
