"""The experiment of Nagar et al. (2024), on scenes simulated over real rock units.

Three sensors x PCA, canonical and stacked autoencoder, with k-means and a majority filter of
7 x 7 pixels; beside it the same with a filter of the same size on the ground, since 7 pixels are
210 m for Landsat 8, 105 m for ASTER and 70 m for Sentinel-2.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from outcrop.comparison.contenders import Contender, baseline_name, code_contenders
from outcrop.comparison.scenes import Scene
from outcrop.config import Input, load_recipe, with_step
from outcrop.errors import InputError

NAMES = ("nagar2024",)
#: Pixel sizes in metres that the paper maps at, of the sensors it uses.
SENSORS = {"landsat8": 30.0, "aster": 15.0, "sentinel2": 10.0}
REDUCERS = ("pca", "autoencoder", "stacked")
#: Most pixels of a scene.
PIXELS = 250_000
#: Metres that the filter of 7 x 7 pixels covers on Landsat 8.
GROUND_M = 210.0
#: Seeds of the recipes whose networks take minutes to train.
PAPER_SEEDS = 2


def preset_scenes(
    geology: Path, *, pixels: int = PIXELS, seed: int = 0
) -> Callable[[Path], list[Scene]]:
    """Return what makes the scenes: one ground, as the three sensors see it at their pixel sizes.

    The ground is the square of the raster with the most diverse rock units (the largest entropy of
    their shares), as large as ``pixels`` of the finest sensor allow.

    Parameters
    ----------
    geology : Path
        Raster of rock units in metres.
    pixels : int
        Most pixels of a scene, 10,000 to 250,000.
    seed : int
        Of the simulation.

    Raises
    ------
    InputError
        If the raster is missing or no raster, or the number of pixels out of range.
    """
    if not 10_000 <= pixels <= PIXELS:
        raise InputError(f"--pixels {pixels}: a scene of the preset has 10000 to {PIXELS}")
    if not Path(geology).is_file():
        raise InputError(f"--geology {geology}: no such file; give a raster of rock units")

    def make(folder: Path) -> list[Scene]:
        window = _window(geology, pixels)
        return [_scene(folder, geology, window, name, seed) for name in SENSORS]

    return make


def _window(geology: Path, pixels: int) -> tuple[int, int, int, int]:
    """Return the most diverse square: row, column, rows and columns of the raster."""
    from outcrop.evaluation.grid import open_raster

    raster = open_raster(geology)
    if raster is None:
        raise InputError(f"--geology {geology} is no raster that GDAL opens")
    with raster:
        side = int(pixels**0.5 * min(SENSORS.values()) / abs(raster.transform.a))
        side = min(side, raster.height, raster.width)
        codes, nodata = raster.read(1), raster.nodata
    step = max(1, side // 4)
    best, chosen = -1.0, (0, 0)
    for row in range(0, codes.shape[0] - side + 1, step):
        for column in range(0, codes.shape[1] - side + 1, step):
            part = codes[row : row + side, column : column + side]
            counts = np.unique(part, return_counts=True)
            shares = counts[1] / part.size
            there = counts[0] != nodata if nodata is not None else np.ones(len(shares), bool)
            whole = shares[there].sum() > 0.999
            diverse = float(-(shares[there] * np.log(shares[there])).sum())
            if whole and diverse > best:
                best, chosen = diverse, (row, column)
    return (*chosen, side, side)


def _scene(
    folder: Path,
    geology: Path,
    window: tuple[int, int, int, int],
    sensor: str,
    seed: int,
) -> Scene:
    from outcrop.simulate import simulate_from_map, write_scene

    size = SENSORS[sensor]
    origin = {
        "simulated": sensor, "geology": geology.name, "bytes": geology.stat().st_size,
        "window": list(window), "pixel_m": size, "seed": seed,
    }  # fmt: skip
    place = folder / "scenes" / sensor
    mark = place / "simulation.json"
    text = json.dumps({"outcrop": "simulated scene", **origin}) + "\n"
    if not mark.is_file() or mark.read_text("utf-8") != text:
        scene = simulate_from_map(geology, sensor, pixel_size=size, window=window, seed=seed)
        write_scene(scene, place)
        mark.write_text(text, "utf-8")
    return Scene(
        f"{sensor}, {size:.0f} m", (str(place / "scene.tif"),), str(place / "truth.tif"),
        Input(sensor=sensor), origin=origin,
    )  # fmt: skip


def preset_contenders(*, codes: bool = True) -> list[Contender]:
    """Return the paper's three methods with both filters, Outcrop's own, and what all have to beat.

    With ``codes`` every reducer at equal code size, too.
    """
    paper = load_recipe("nagar2024")
    made = []
    for reducer in REDUCERS:
        recipe = dataclasses.replace(paper, reducer=with_step(paper.reducer, reducer))
        for name, ground in (("7 px", None), (f"{GROUND_M:.0f} m", GROUND_M)):
            made.append(
                Contender(
                    f"nagar2024:{reducer}, {name}", recipe, seeds=PAPER_SEEDS, filter_m=ground
                )
            )
    equal = [c for c in code_contenders() if codes or c.name == baseline_name()]
    return [*made, Contender("default", load_recipe("default")), *equal]
