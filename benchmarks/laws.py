"""Scenes of the kind of the proving ground, whose laws are drawn: to learn from, not to judge on.

The twelve scenes of ``ground/`` are what recipes and the calibration of confidence are judged by.
What is learnt is learnt from these: other rocks in other layouts, other places, light and cover,
in the ranges that the twelve span.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.simulate import LITHOLOGIES, SimulatedScene
from outcrop.simulate.ground import real_codes, simulate_ground
from outcrop.simulate.law import COATS, LAYOUTS, Law, UnitLaw

SENSORS = {"landsat8": 30.0, "aster": 15.0, "sentinel2": 10.0}
#: Of the elevation model, in degrees a twelve-hundredth each: corners that leave room for a scene.
DEM = (380, 380)
MAP = (3738, 3224)
MINERALS = ("hematite", "goethite", "white mica", "kaolinite", "smectite", "calcite", "chlorite",
            "epidote", "alunite", "gypsum", "jarosite", "pyroxene")  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """One scene of a drawn law."""

    name: str
    seed: int
    half: str = "drawn"

    def make(self, data: Path) -> SimulatedScene:
        """Simulate the scene; ``data`` is the folder that holds ``mutawintji/`` and ``zion/``."""
        return simulate_ground(drawn_law(self.name, self.seed, data), data)


def drawn(count: int, first_seed: int) -> list[Drawn]:
    """Scenes of drawn laws."""
    return [Drawn(f"l{i}", first_seed + i) for i in range(count)]


def drawn_law(name: str, seed: int, data: Path) -> Law:
    """Draw a law; its sensor and layout go round with the seed."""
    rng = np.random.default_rng([seed, 0x1A3])
    sensor, layout = list(SENSORS)[seed % 3], LAYOUTS[seed // 3 % 3]
    count = int(rng.integers(4, 17 if layout == "province" else 14))
    facts: dict[str, Any] = {
        "name": name, "half": "drawn", "sensor": sensor, "seed": seed, "layout": layout,
        "pixel_size": SENSORS[sensor], "dem": tuple(int(rng.integers(n)) for n in DEM),
        "relief_m": float(rng.uniform(60, 400) * SENSORS[sensor] / 30),
        "sun": (float(rng.uniform(28, 62)), float(rng.uniform(40, 160))),
        "vegetation": float(rng.choice([0.03, 0.06, 0.1, 0.2, 0.35])),
        "dust": (float(rng.uniform(0.05, 0.15)), float(rng.uniform(0.5, 0.9))),
        "glare": float(rng.uniform(0.05, 0.24)),
        "haze": float(rng.choice([0.0, 0.01, 0.03])),
        "labelled": float(rng.choice([1.0, 1.0, 0.7])),
    }  # fmt: skip
    if sensor == "aster":
        facts |= {"stripes": float(rng.uniform(0, 0.015)), "dead": int(rng.integers(3))}
    if layout == "map":
        step = int(rng.integers(3, 9))
        side = step * Law.shape[0]
        facts["window"] = (*(int(rng.integers(n - side)) for n in MAP), step)
        two = tuple(_unit(rng, n) for n in list(LITHOLOGIES)[:2])
        count = len(np.unique(real_codes(Law(units=two, **facts), data)))
    return Law(units=_units(rng, count), **facts)


def _units(rng: np.random.Generator, count: int) -> tuple[UnitLaw, ...]:
    """Draw rocks, some of them nearly another's, and a few that nobody has mapped."""
    rocks = rng.permutation(list(LITHOLOGIES)).tolist()
    units = [_unit(rng, rocks[i % len(rocks)]) for i in range(count)]
    for i in range(1, count):
        if rng.random() < 0.15:
            twin = units[int(rng.integers(i))]
            units[i] = _unit(rng, twin.rock, about=twin)
    for i in range(2, count):
        if rng.random() < 0.08:
            units[i] = UnitLaw(**{**vars(units[i]), "labelled": False})
    return tuple(units)


def _unit(rng: np.random.Generator, rock: str, about: UnitLaw | None = None) -> UnitLaw:
    """Draw a unit of a rock; ``about`` another a like one, a shade and a mineral off."""
    base = LITHOLOGIES[rock]
    level, slope = base.level, base.slope
    minerals = {n: d * float(np.exp(rng.normal(0, 0.35))) for n, d in base.depths.items()}
    off = 1.0
    if about is not None:
        level, slope = about.level or level, base.slope if about.slope is None else about.slope
        minerals, off = dict(about.minerals), 0.4
    if rng.random() < 0.35:
        minerals[str(rng.choice(MINERALS))] = float(rng.uniform(0.15, 0.6))
    level = float(np.clip(level * np.exp(rng.normal(0, 0.22 * off)), 0.1, 0.68))
    coats = {n: (float(rng.uniform(0.1, 0.45)), float(rng.uniform(0.8, 1.5))) for n in COATS
             if rng.random() < 0.15}  # fmt: skip
    second = None
    if rng.random() < 0.2:
        other = float(np.clip(level * np.exp(rng.normal(0, 0.25)), 0.1, 0.68))
        second = {"share": float(rng.uniform(0.25, 0.45)), "level": other}
    return UnitLaw(
        name=rock, rock=rock, level=level, slope=float(slope + rng.normal(0, 0.12 * off)),
        minerals=minerals, coats=coats, second=second, albedo=float(rng.uniform(0.05, 0.18)),
        spread=float(rng.uniform(0.25, 0.5)),
    )  # fmt: skip
