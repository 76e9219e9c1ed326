"""The simulated scenes that recipes are compared on: a development half and a test half.

Written down before any recipe was run on them. `GROUND` is the proving ground, a TOML a scene
in ``ground/``. `EARLY` are the twelve simpler scenes of before; their ``patchy`` ones have,
besides what the simulator does, a brightness that varies within the units by itself (crusts,
lags, moisture): on real arid ground it does, and a recipe that lives on brightness alone should
be found out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from outcrop.simulate import SimulatedScene, simulate_from_map, simulate_scene
from outcrop.simulate.ground import simulate_ground
from outcrop.simulate.law import Law, read_law

SHAPE = (240, 240)


@dataclass(frozen=True)
class Case:
    """One simulated scene; ``window`` (row, column, rows, columns of the map) means Mutawintji."""

    name: str
    half: str
    sensor: str
    seed: int
    units: int = 0
    window: tuple[int, int, int, int] | None = None
    pixel_size: float = 30.0
    vegetation: float = 0.12
    noise: float = 0.003
    patchy: float = 0.0

    def make(self, data: Path) -> SimulatedScene:
        """Simulate the scene; ``data`` is the folder that holds ``mutawintji/``."""
        how = {"seed": self.seed, "vegetation": self.vegetation, "noise": self.noise}
        if self.window is None:
            scene = simulate_scene(
                self.sensor, shape=SHAPE, units=self.units, pixel_size=self.pixel_size, **how
            )
        else:
            scene = simulate_from_map(
                data / "mutawintji" / "Wilcannia_RockUnits_15m.tif", self.sensor,
                window=self.window, pixel_size=self.pixel_size, **how,
            )  # fmt: skip
        return replace(scene, reflectance=brightened(scene.reflectance, self.patchy, self.seed))

    def describe(self) -> str:
        """Say what the scene is, in a line."""
        window = f", Mutawintji at {self.pixel_size:.0f} m" if self.window else ""
        return (
            f"{self.sensor}{window}, vegetation {self.vegetation}, noise {self.noise}, "
            f"patchy {self.patchy}"
        )


@dataclass(frozen=True)
class Ground:
    """One scene of the proving ground."""

    law: Law

    @property
    def name(self) -> str:
        return self.law.name

    @property
    def half(self) -> str:
        return self.law.half

    def make(self, data: Path) -> SimulatedScene:
        """Simulate the scene; ``data`` is the folder that holds ``mutawintji/`` and ``zion/``."""
        return simulate_ground(self.law, data)

    def describe(self) -> str:
        """Say what the scene is, in a line."""
        return f"{self.law.sensor}, {self.law.layout}. {self.law.note}"


def brightened(cube: np.ndarray, sd: float, seed: int) -> np.ndarray:
    """Multiply all bands by one random field, of ``sd`` in its logarithm, at two sizes of patch."""
    if not sd:
        return cube
    rng = np.random.default_rng([seed, 0xA1B])
    field = np.zeros(cube.shape[1:])
    for sigma in (4.0, 15.0):
        part = ndimage.gaussian_filter(rng.standard_normal(field.shape), sigma)
        field += part / part.std()
    return np.clip(cube * np.exp(sd / np.sqrt(2) * field), 0.001, 0.999).astype(np.float32)


EARLY = (
    Case("d1", "development", "landsat8", 11, units=4),
    Case("d2", "development", "landsat8", 12, window=(700, 900, 960, 960), pixel_size=60),
    Case("d3", "development", "aster", 13, units=10, vegetation=0.25),
    Case("d4", "development", "sentinel2", 14, units=15),
    Case("d5", "development", "landsat8", 15, units=9, patchy=0.25),
    Case("d6", "development", "sentinel2", 16, window=(1500, 1200, 1440, 1440), pixel_size=90,
         patchy=0.2),
    Case("t1", "test", "landsat8", 21, units=7, noise=0.006),
    Case("t2", "test", "aster", 22, window=(1200, 300, 960, 960), pixel_size=60),
    Case("t3", "test", "sentinel2", 23, units=5, vegetation=0.3),
    Case("t4", "test", "landsat8", 24, units=12),
    Case("t5", "test", "landsat8", 25, window=(300, 1000, 1920, 1920), pixel_size=120,
         patchy=0.25),
    Case("t6", "test", "aster", 26, units=9, patchy=0.25),
)  # fmt: skip

GROUND = tuple(
    Ground(read_law(path)) for path in sorted((Path(__file__).parent / "ground").glob("*.toml"))
)
SETS = {"ground": GROUND, "early": EARLY}
