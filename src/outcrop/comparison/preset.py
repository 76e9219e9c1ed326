"""The experiment of Nagar et al. (2024), on scenes simulated over real rock units.

Three sensors x PCA, canonical and stacked autoencoder, with k-means and a majority filter of
7 x 7 pixels; beside it the same with a filter of the same size on the ground, since 7 pixels are
210 m for Landsat 8, 105 m for ASTER and 70 m for Sentinel-2. The three sensors see the same two
grounds, which follow one law (``nagar2024.toml``), one of them with more plants.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.comparison.contenders import Contender, baseline_name, code_contenders
from outcrop.comparison.scenes import SCENES, Scene
from outcrop.config import Input, load_recipe, with_step
from outcrop.errors import InputError, unknown_name
from outcrop.information import entropy

NAMES = ("nagar2024",)
LAW = Path(__file__).with_name("nagar2024.toml")
#: Pixel sizes in metres that the paper maps at, of the sensors it uses.
SENSORS = {"landsat8": 30.0, "aster": 15.0, "sentinel2": 10.0}
REDUCERS = ("pca", "autoencoder", "stacked")
#: Most pixels of a scene.
PIXELS = 250_000
#: Metres that the filter of 7 x 7 pixels covers on Landsat 8.
GROUND_M = 210.0
#: Seeds of the recipes whose networks take minutes to train.
PAPER_SEEDS = 2

Window = tuple[int, int, int, int]


@dataclass(frozen=True)
class Ground:
    """What a ground has of its own: a name, its plants, and its place in an elevation model."""

    name: str
    vegetation: float
    place: tuple[float, float]


GROUNDS = (Ground("bare", 0.05, (0.3, 0.3)), Ground("scrub", 0.20, (0.7, 0.7)))


def preset_scenes(
    geology: Path,
    *,
    relief: Path | None = None,
    pixels: int = PIXELS,
    grounds: Sequence[str] = (),
    realisation: int = 0,
) -> Callable[[Path], list[Scene]]:
    """Return what makes the scenes: two grounds, as the three sensors see each of them.

    The grounds are the squares of the raster with the most diverse rock units (the largest entropy
    of their shares) that do not overlap, as large as ``pixels`` of the finest sensor allow. Where
    there is room for one alone, there is one.

    Parameters
    ----------
    geology : Path
        Raster of rock units in metres.
    relief : Path, optional
        Elevation model that slopes and shadows come from; made up unless given.
    pixels : int
        Most pixels of a scene, 10,000 to 250,000.
    grounds : sequence of str
        Names among `GROUNDS`; all unless given.
    realisation : int
        What varies within the units, the plants and the noise are drawn anew for each.

    Raises
    ------
    InputError
        If a raster is missing or no raster, the number of pixels out of range, or a ground unknown.
    """
    names = [ground.name for ground in GROUNDS]
    for name in grounds:
        if name not in names:
            raise InputError("--grounds: " + unknown_name("ground", name, names))
    if not 10_000 <= pixels <= PIXELS:
        raise InputError(f"--pixels {pixels}: a scene of the preset has 10000 to {PIXELS}")
    for option, path in (("geology", geology), ("relief", relief)):
        if path is not None and not Path(path).is_file():
            what = "rock units" if option == "geology" else "elevations"
            raise InputError(f"--{option} {path}: no such file; give a raster of {what}")

    def make(folder: Path) -> list[Scene]:
        windows = ground_windows(geology, pixels)
        return [
            scene
            for ground, window in zip(GROUNDS, windows, strict=False)
            if not grounds or ground.name in grounds
            for scene in _scenes(folder, geology, relief, ground, window, realisation)
        ]

    return make


def ground_windows(geology: Path, pixels: int) -> list[Window]:
    """Return a window of the raster for each of `GROUNDS`: row, column, rows and columns.

    Raises
    ------
    InputError
        If it is no raster, or no square of it has two rock units and is whole.
    """
    from outcrop.evaluation.grid import open_raster

    raster = open_raster(geology)
    if raster is None:
        raise InputError(f"--geology {geology} is no raster that GDAL opens")
    with raster:
        side = int(pixels**0.5 * min(SENSORS.values()) / abs(raster.transform.a))
        side = min(side, raster.height, raster.width)
        codes, nodata = raster.read(1), raster.nodata
    step = max(1, side // 4)
    corners = [
        (row, column)
        for row in range(0, codes.shape[0] - side + 1, step)
        for column in range(0, codes.shape[1] - side + 1, step)
    ]
    diverse = {(r, c): _diversity(codes[r : r + side, c : c + side], nodata) for r, c in corners}
    chosen: list[tuple[int, int]] = []
    for row, column in sorted(corners, key=lambda corner: -diverse[corner]):
        apart = all(abs(row - r) >= side or abs(column - c) >= side for r, c in chosen)
        if diverse[row, column] > 0 and apart and len(chosen) < len(GROUNDS):
            chosen.append((row, column))
    if not chosen:
        raise InputError(
            f"--geology {geology}: no square of {side} x {side} pixels has two rock units and no "
            "gap; give a larger map, or fewer --pixels"
        )
    return [(*corner, side, side) for corner in chosen]


def _diversity(codes: NDArray[Any], nodata: float | None) -> float:
    """Return the entropy of the units' shares; 0 where the map has gaps."""
    values, counts = np.unique(codes, return_counts=True)
    if nodata is not None:
        counts = counts[values != nodata]
    return entropy(counts) if counts.sum() > 0.999 * codes.size else 0.0


def _scenes(
    folder: Path, geology: Path, relief: Path | None, ground: Ground, window: Window, real: int
) -> list[Scene]:
    """Write the scenes of a ground, unless they are there, and return them."""
    origin = {
        "simulated": ground.name,
        "law": hashlib.sha256(LAW.read_bytes()).hexdigest()[:16],
        "geology": [geology.name, geology.stat().st_size],
        "relief": [relief.name, relief.stat().st_size] if relief else None,
        "window": list(window),
        "ground": list(dataclasses.astuple(ground)),
        "realisation": real,
    }
    places = {name: folder / SCENES / f"{ground.name}-{name}" for name in SENSORS}
    mark = folder / SCENES / f"{ground.name}.json"
    text = json.dumps({"outcrop": "simulated scenes", **origin}) + "\n"
    if not mark.is_file() or mark.read_text("utf-8") != text:
        mark.unlink(missing_ok=True)
        _simulate(places, geology, relief, ground, window, real)
        mark.write_text(text, "utf-8")
    return [
        Scene(
            f"{ground.name}, {sensor}, {SENSORS[sensor]:.0f} m",
            (str(place / "scene.tif"),), str(place / "truth.tif"), Input(sensor=sensor),
            origin={**origin, "sensor": sensor, "pixel_m": SENSORS[sensor]},
        )
        for sensor, place in places.items()
    ]  # fmt: skip


def _simulate(
    places: dict[str, Path],
    geology: Path,
    relief: Path | None,
    ground: Ground,
    window: Window,
    real: int,
) -> None:
    from outcrop.simulate import write_scene
    from outcrop.simulate.views import simulate_views

    made = simulate_views(
        ground_law(ground), geology, window, SENSORS,
        relief=relief, place=ground.place, realisation=real,
    )  # fmt: skip
    for sensor, scene in made.items():
        write_scene(scene, places[sensor])


def ground_law(ground: Ground) -> Any:
    """Return the law of a ground."""
    from outcrop.simulate.law import read_law

    law = read_law(LAW)
    seed = law.seed + GROUNDS.index(ground)
    return dataclasses.replace(law, seed=seed, vegetation=ground.vegetation)


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
