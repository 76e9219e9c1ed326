"""The pass that writes `units.tif`, over reading the same bands and writing one byte band."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import rasterio
from rasterio.windows import Window

from benchmarks.measuring import Run, Settings, best, table, timed
from benchmarks.simulated import Scene, pass_alone, sized

WHOLE_TILE = 10980**2 / 1e6
#: Side of what a thread reads at once, as large as Outcrop's blocks.
BLOCK = 1024


def main(settings: Settings) -> None:
    """Print what the pass takes as a multiple of the least that anything could take."""
    made = sized(settings, settings.size(WHOLE_TILE))
    model, out = settings.out("floor-model"), settings.out("floor")
    _fit(made, model, settings.units)
    pass_alone(made, model, out)
    with rasterio.open(out / "units.tif") as dataset:
        units = dataset.read(1)
    found = best(
        {
            "apply pass": lambda: timed(lambda: pass_alone(made, model, out)),
            "floor": lambda: timed(lambda: _floor(made, units, out / "floor.tif")),
        },
        settings.rounds,
    )
    floor = found["floor"]
    print(f"{made}, {os.cpu_count()} threads each:")
    table(("", "seconds", "over the floor", "processor seconds", "over the floor"),
          [_row(name, run, floor) for name, run in found.items()])  # fmt: skip


def _row(name: str, run: Run, floor: Run) -> tuple[object, ...]:
    return (
        name, run.seconds, run.seconds / floor.seconds, run.processor,
        run.processor / floor.processor,
    )  # fmt: skip


def _fit(scene: Scene, model_folder: Path, units: str) -> None:
    from outcrop.config import load_recipe, with_step
    from outcrop.pipeline import fit_scenes

    recipe = load_recipe()
    number = units if units == "auto" else int(units)
    recipe = replace(recipe, clusterer=with_step(recipe.clusterer, n_units=number))
    fit_scenes([str(scene.path)], recipe, model_folder, overwrite=True)


def _floor(scene: Scene, units: np.ndarray, path: Path) -> None:
    """Decode every band, and write the same units in tiles of the same compression."""
    threads = os.cpu_count() or 1
    handles: SimpleQueue[rasterio.DatasetReader] = SimpleQueue()
    with rasterio.open(scene.path) as dataset:
        profile = {**dataset.profile, "count": 1, "dtype": "uint8", "predictor": 1}
    for _ in range(threads):
        handles.put(rasterio.open(scene.path))

    def read(window: Window) -> Window:
        handle = handles.get()
        handle.read(window=window)
        handles.put(handle)
        return window

    rows, columns = (range(0, n, BLOCK) for n in scene.shape)
    windows = [
        Window(c, r, min(BLOCK, scene.shape[1] - c), min(BLOCK, scene.shape[0] - r))
        for r in rows
        for c in columns
    ]
    with (
        ThreadPoolExecutor(threads) as pool,
        rasterio.open(path, "w", **profile, num_threads=threads) as sink,
    ):
        for window in pool.map(read, windows):
            sink.write(units[window.toslices()], 1, window=window)
    for _ in range(threads):
        handles.get().close()
