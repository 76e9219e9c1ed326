"""The network of the recipe `stacked` trained on a GPU, over the same on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import rasterio
from sklearn.base import clone

from benchmarks.measuring import Run, Settings, best, outcrop, say, table, timed
from benchmarks.simulated import WHOLE, Scene, pass_alone, scene
from outcrop.engine import limited_threads

DEVICES = ("cpu", "cuda")
#: Rows a step.
BATCHES = (1024, 8192, 65_536)
UNITS = 15


def main(settings: Settings) -> None:
    """Print the whole command, its maps, and the training alone; or that there is no GPU."""
    import torch

    if not torch.cuda.is_available():
        print("There is no GPU here that torch could use: nothing measured.")
        return
    made = scene(settings, settings.size(WHOLE))
    print(f"`outcrop fit --recipe stacked` of {made}, on {torch.cuda.get_device_name()}:")
    found = best({device: lambda on=device: _fitted(settings, made, on) for device in DEVICES},
                 settings.rounds)  # fmt: skip
    cpu = found["cpu"].seconds
    rows = [(name, run.seconds, run.seconds / cpu) for name, run in found.items()]
    table(("device", "seconds", "over the CPU"), rows)
    print(f"\nPixels in the same unit on both models' maps: "
          f"{_alike(settings, made):.3%}")  # fmt: skip
    _training(made)


def _fitted(settings: Settings, made: Scene, device: str) -> Run:
    return outcrop(
        "fit", made.path, "-o", settings.out(f"gpu-{device}"), "--overwrite", "-q",
        "--recipe", "stacked", "--units", UNITS, "--device", device,
    )  # fmt: skip


def _alike(settings: Settings, made: Scene) -> float:
    """Return the share of pixels whose unit is the same in both models' maps."""
    maps = []
    for device in DEVICES:
        out = settings.out(f"gpu-{device}-map")
        pass_alone(made, settings.out(f"gpu-{device}"), out)
        with rasterio.open(out / "units.tif") as dataset:
            maps.append(dataset.read(1))
    return float(np.mean(maps[0] == maps[1]))


def _training(made: Scene) -> None:
    """Time the network's training on the sample of a fit."""
    from outcrop.config import load_recipe
    from outcrop.opening import open_source
    from outcrop.pipeline import prepare
    from outcrop.reduction.stacked import StackedAutoencoder

    recipe = load_recipe("stacked")
    rows: Any = prepare(open_source(str(made.path)), recipe).features.rows
    print(f"\nThe training alone, of {len(rows):,} pixels:")
    taken = []
    for batch in BATCHES:
        for device in DEVICES:
            say(f"{batch} rows on {device}")
            network = StackedAutoencoder(batch_size=batch, device=device, random_state=0)
            with limited_threads(1):
                # The first steps on a device load its libraries.
                clone(network).set_params(epochs=1, pretrain_epochs=1).fit(rows)
                run = timed(lambda network=network: network.fit(rows))
            losses = [one["held_out"] for one in network.history_ if one["stage"] == "whole"]
            epochs = len(network.history_)
            taken.append((f"{batch:,}", device, run.seconds, epochs,
                          1e3 * run.seconds / epochs, f"{min(losses):.5f}"))  # fmt: skip
    table(("rows a step", "device", "seconds", "epochs", "ms an epoch", "loss"), taken)
