"""The method of Nagar et al. (2024) as its notebooks do it, timed on slices and projected.

Their stack of three autoencoders (ADR 3) is trained on every pixel in Keras, with batches of 64,
32 and 16, predicted from in Keras's usual batches of 32, clustered by scikit-learn's k-means, and
filtered by `scipy.ndimage.generic_filter` with `scipy.stats.mode`. Without Keras, it is the same
networks, batches and loss in torch; the table says which it was.
"""

from __future__ import annotations

import importlib.util
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import rasterio
from rasterio.windows import Window

from benchmarks.simulated import Scene
from outcrop.reduction.stacked import NAGAR2024, Stage

#: Rows a call of `predict` takes in Keras unless told otherwise.
PREDICTED = 32
PENALTY, RATE, EPSILON = 1e-4, 1e-3, 1e-7


@dataclass(frozen=True)
class Step:
    """A step of the method: seconds for the whole scene, and on what they were measured."""

    name: str
    seconds: float
    measured: str


def backend() -> str:
    """Say what trains the networks."""
    return f"Keras on {_keras().backend.backend()}" if _has_keras() else "networks in torch"


def steps(scene: Scene, units: int, *, quick: bool) -> list[Step]:
    """Time each step on a slice of a scene and project it to all pixels."""
    height, width = scene.shape
    slice_rows = max(1, min(height, (20_000 if quick else 400_000) // width))
    pixels = height * width
    rows, read = _clocked(lambda: _scaled_rows(scene, slice_rows))
    found = [Step("read, scale", read * pixels / len(rows), f"{len(rows):,} pixels")]
    for number, stage in enumerate(NAGAR2024, 1):
        rows, *taken = _stack(rows, stage, number, pixels, 100 if quick else 1000)
        found += taken
    code = rows[:, : NAGAR2024[-1].hidden[NAGAR2024[-1].used - 1]]
    labels, seconds = _clocked(lambda: _kmeans(code, units))
    found.append(Step(f"k-means, {units} units, one start", seconds * pixels / len(code),
                      f"{len(code):,} pixels"))  # fmt: skip
    side = 30 if quick else 150
    part = labels[: side * width].reshape(-1, width)[:side, :side]
    _, seconds = _clocked(lambda: _majority(part))
    found.append(Step("majority filter, 7 × 7", seconds * pixels / part.size,
                      f"{part.size:,} pixels"))  # fmt: skip
    return found


def _clocked(work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    made = work()
    return made, time.perf_counter() - started


def _scaled_rows(scene: Scene, count: int) -> np.ndarray:
    from sklearn.preprocessing import minmax_scale

    with rasterio.open(scene.path) as dataset:
        cube = dataset.read(window=Window(0, 0, dataset.width, count)).astype(float)
    return minmax_scale(np.moveaxis(cube, 0, -1).reshape(-1, len(cube))).astype(np.float32)


def _kmeans(code: np.ndarray, units: int) -> np.ndarray:
    from sklearn.cluster import KMeans

    return KMeans(units, n_init=1, random_state=0).fit(code).labels_


def _majority(labels: np.ndarray) -> np.ndarray:
    from scipy.ndimage import generic_filter
    from scipy.stats import mode

    return generic_filter(labels, lambda window: mode(window, axis=None)[0], size=7)


def _stack(
    rows: np.ndarray, stage: Stage, number: int, pixels: int, batches: int
) -> tuple[np.ndarray, Step, Step]:
    """Train and use one of the three networks; return what the next one gets, and both steps."""
    widths = (rows.shape[1], *stage.hidden, rows.shape[1])
    make = _Keras if _has_keras() else _Torch
    network = make(widths, stage.used)
    count = min(len(rows), batches * stage.batch_size)
    network.train(rows[: count // 4], stage.batch_size)  # what is compiled and allocated once
    _, seconds = _clocked(lambda: network.train(rows[:count], stage.batch_size))
    every = stage.epochs * math.ceil(pixels / stage.batch_size)
    train = Step(
        f"stack {number}: {stage.epochs} epochs, batches of {stage.batch_size}",
        seconds / math.ceil(count / stage.batch_size) * every,
        f"{math.ceil(count / stage.batch_size):,} of {every:,} steps",
    )
    some = rows[: min(len(rows), batches * PREDICTED)]
    network.predict(some[: len(some) // 4], PREDICTED)
    _, seconds = _clocked(lambda: network.predict(some, PREDICTED))
    predict = Step(f"stack {number}: prediction", seconds / len(some) * pixels,
                   f"{len(some):,} pixels")  # fmt: skip
    given = network.predict(rows, 65536)  # not timed
    return np.hstack([given, rows]), train, predict


class _Torch:
    """A network with the paper's loss: squared error and L1 on the output of each layer."""

    def __init__(self, widths: Sequence[int], used: int) -> None:
        import torch

        layers = [torch.nn.Linear(a, b) for a, b in pairwise(widths)]
        self.layers, self.used = torch.nn.ModuleList(layers), used
        self.optimizer = torch.optim.Adam(self.layers.parameters(), RATE, eps=EPSILON)

    def outputs(self, batch: Any, count: int) -> list[Any]:
        import torch

        made = []
        for place, layer in enumerate(self.layers[:count], 1):
            last = place == len(self.layers)
            batch = layer(batch)
            batch = torch.sigmoid(batch) if last else torch.nn.functional.selu(batch)
            made.append(batch)
        return made

    def train(self, rows: np.ndarray, size: int) -> None:
        import torch

        shuffled = torch.from_numpy(rows)[torch.randperm(len(rows))]
        for batch in torch.split(shuffled, size):
            made = self.outputs(batch, len(self.layers))
            loss = torch.nn.functional.mse_loss(made[-1], batch)
            loss = loss + PENALTY * sum(each.abs().sum() for each in made) / len(batch)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()

    def predict(self, rows: np.ndarray, size: int) -> np.ndarray:
        import torch

        with torch.no_grad():
            parts = torch.split(torch.from_numpy(rows), size)
            return np.concatenate([self.outputs(p, self.used)[-1].numpy() for p in parts])


class _Keras:
    """The same in Keras."""

    def __init__(self, widths: Sequence[int], used: int) -> None:
        keras = _keras()
        kinds = ["selu"] * (len(widths) - 2) + ["sigmoid"]
        tensor = given = keras.Input((widths[0],))
        made = []
        for width, kind in zip(widths[1:], kinds, strict=True):
            dense = keras.layers.Dense(width, activation=kind, activity_regularizer=_l1())
            made.append(tensor := dense(tensor))
        self.whole = keras.Model(given, made[-1])
        self.part = keras.Model(given, made[used - 1])
        self.whole.compile(optimizer=keras.optimizers.Adam(RATE), loss="mse")

    def train(self, rows: np.ndarray, size: int) -> None:
        self.whole.fit(rows, rows, batch_size=size, epochs=1, verbose=0)

    def predict(self, rows: np.ndarray, size: int) -> np.ndarray:
        return self.part.predict(rows, batch_size=size, verbose=0)


def _l1() -> Any:
    return _keras().regularizers.L1(PENALTY)


def _keras() -> Any:
    return importlib.import_module("keras")


def _has_keras() -> bool:
    if importlib.util.find_spec("keras") is None:
        return False
    try:
        _keras()
    except ImportError:  # without a backend
        return False
    return True
