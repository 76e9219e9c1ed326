"""How few features a spectrometer's bands may become: decision 9.

python benchmarks/many_bands.py DATA --side 120 --fractions 8,12,16
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np

import outcrop.simulate.scene as simulated
import scenes
from outcrop.config import load_recipe
from outcrop.sensors.base import Band, Sensor
from outcrop.sensors.spectrometer import in_water_vapour
from recipes import map_of, scores, source_of
from scenes import EARLY

NAMES = ("d1", "d4", "d5", "t1", "t6")


def emit(data: Path) -> Sensor:
    """EMIT's bands outside the water vapour, up to where the simulator's spectra end."""
    table = np.loadtxt(data / "speclib" / "rsr" / "emit.csv", delimiter=",", skiprows=1) / 1000
    bands = tuple(
        Band(f"b{i}", um, fwhm, 60)
        for i, (um, fwhm) in enumerate(table)
        if um < 2.45 and not in_water_vapour(um)
    )
    return Sensor("emit", "EMIT", bands, tuple(b.name for b in bands), (), "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--side", type=int, default=120)
    parser.add_argument("--fractions", default="8,10,12,16,20,30")
    options = parser.parse_args()
    sensor = emit(options.data)
    simulated.get_sensor = lambda _: sensor
    scenes.SHAPE = (options.side, options.side)
    made = [
        dataclasses.replace(c, sensor="emit").make(options.data) for c in EARLY if c.name in NAMES
    ]
    base = load_recipe()
    for count in map(int, options.fractions.split(",")):
        features = dataclasses.replace(base.features, compress_to=count)
        recipe = dataclasses.replace(base, features=features)
        found = [scores(s.truth, map_of(source_of(s), recipe, int(s.truth.max()), 0)) for s in made]
        mean = np.mean(found, axis=0)
        print(
            f"{count:3}",
            *(f"{a:.2f}/{m:.2f}" for a, m in found),
            f"mean {mean[0]:.3f}/{mean[1]:.3f}",
        )


if __name__ == "__main__":
    main()
