"""Scenes and recipes for tests of runs that are cut off."""

import dataclasses
import json

import numpy as np

from outcrop.config import Preprocess, Recipe, Run, Step
from rasters import blobs, write

#: Slow enough to be cut off in the middle: nine blocks of half a second.
SLOW = Recipe(
    preprocess=Preprocess("log"),
    smooth=Step("bilateral", {"radius": 16}),
    reducer=Step("pca", {"n_components": 3}),
    clusterer=Step("kmeans", {"n_units": 4}),
    refine=(Step("potts", {"updates": 4}),),
    run=Run(block=512, threads=1, sample=4000),
)


def scene(folder, shape=(1300, 1400)):
    data, _ = blobs(shape, bands=5, units=4, spread=0.15)
    data[:, :40, :90] = 0
    return write(folder / "scene.tif", np.round(data * 1e4).astype("i2"), nodata=0,
                 tiled=True, blockxsize=512, blockysize=512)  # fmt: skip


def with_run(recipe, **changes):
    return dataclasses.replace(recipe, run=dataclasses.replace(recipe.run, **changes))


def finished(partial):
    """Count the blocks that a state says are finished."""
    try:
        spans = json.loads((partial / "state.json").read_text())["finished"]
    except FileNotFoundError:
        return 0
    return sum(last - first + 1 for first, last in spans)


class Watch:
    """Counts blocks; raises what it is given once so many of them are mapped."""

    def __init__(self, stop_at=None, error=KeyboardInterrupt):
        self.stop_at, self.error, self.mapped = stop_at, error, []

    def __call__(self, stage):
        return self.tell if stage == "Mapping" else None

    def tell(self, done, total):
        self.mapped.append(done)
        if done == self.stop_at:
            raise self.error
