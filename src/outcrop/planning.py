"""What a run will take, before it is run: blocks, memory, disk and time.

Time is measured: the recipe is fitted to some pixels of one tile of the scene, and that tile is
mapped, here and now. Memory and disk are reckoned with constants that were measured on whole runs
(see ``docs/scaling.md``).
"""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from outcrop import engine
from outcrop.applying import apply_model, halo_of
from outcrop.config import Recipe
from outcrop.engine import TILE, limited_threads
from outcrop.fitting import fit_front, fit_model
from outcrop.model import Model
from outcrop.pipeline import features_of, open_scenes
from outcrop.sample import LEAST_TILES, PER_TILE, draw
from outcrop.source import Source, SourceOver, Window, valid_mask

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

#: Pixels that the calibration fits on.
PIXELS = 10_000
#: Tiles that are looked at for one with data.
TRIES = 9
#: Bytes of the process before blocks: libraries, decoded tiles, GDAL's cache, compiled code.
FIXED_BYTES = 528 * 2**20
#: Arrays of float32 of a block's size that are alive at once, by band and by unit.
PLANES_BY_BAND, PLANES_BY_UNIT = 6, 2
#: Copies of the sample that a fit holds.
COPIES = 8
#: Seconds that Python and what it loads take to start.
STARTING_SECONDS = 4.5
#: Seconds that pictures and page take, whatever the size, and polygons for a million pixels.
DRAWING_SECONDS, POLYGON_SECONDS = 3.0, 0.1
#: Bytes of a pixel of labels and confidence, in their parts and in the COGs, compressed.
LABEL_BYTES = 1.2


@dataclass(frozen=True)
class Plan:
    """What a run will take.

    Parameters
    ----------
    name : str
    shape : tuple of int
    bands : int
    blocks : int
    block : tuple of int
        Rows and columns of a block's core.
    halo : int
        Pixels that are read around it.
    workers : int
        Threads or processes.
    memory : int
        Bytes at the peak, of all processes.
    disk : int
        Bytes that ``OUT.partial`` needs at most, roughly.
    seconds : dict of str to float
        By stage: starting, sampling, fitting, mapping, drawing.
    measured : int
        Pixels that the time was measured on.
    """

    name: str
    shape: tuple[int, int]
    bands: int
    blocks: int
    block: tuple[int, int]
    halo: int
    workers: int
    memory: int
    disk: int
    seconds: dict[str, float]
    measured: int

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        rows, cols = self.shape
        total = sum(self.seconds.values())
        stages = ", ".join(f"{k} {_clock(v)}" for k, v in self.seconds.items())
        lines = [
            f"{self.name}",
            f"  pixels  {rows * cols:,} ({rows} rows x {cols} columns), {self.bands} bands",
            f"  blocks  {self.blocks} of {self.block[0]} x {self.block[1]}, and {self.halo} pixels "
            f"around each; {self.workers} at a time",
            f"  memory  about {self.memory / 2**30:.1f} GiB at the peak (measured constants)",
            f"  disk    about {self.disk / 2**20:,.0f} MiB while it runs",
            f"  time    about {_clock(total)}: {stages} (measured on {self.measured:,} pixels)",
        ]
        if self.memory > 2 * 2**30 and self.block[0] > TILE:
            lines.append("  --block 512 needs less memory, and gives the same map")
        return "\n".join(lines)


def plan_run(scenes: Sequence[str] | Source, recipe: Recipe, *, workers: int = 0) -> Plan:
    """Plan a run without running it.

    Parameters
    ----------
    scenes, recipe
        As `outcrop.pipeline.map_scenes` takes them.
    workers : int
        Threads or processes; 0 is as the recipe says, one a core.

    Raises
    ------
    OutcropError
        If the scene or the recipe cannot be used, as a run would.
    """
    source = open_scenes(scenes, recipe)
    workers = workers or recipe.run.threads or os.cpu_count() or 1
    crop = _some_tile(source)
    model, rates = _calibrate(crop, recipe, workers)
    halo = halo_of(model)
    blocks = engine.cut(source.grid.shape, recipe.run.block, halo=halo, striped=source.striped)
    pixels = source.grid.shape[0] * source.grid.shape[1]
    largest = max(b.outer.height * b.outer.width for b in blocks)
    at_once = min(workers, len(blocks))
    return Plan(
        source.name, (source.grid.shape[0], source.grid.shape[1]), len(source.bands), len(blocks),
        (blocks[0].core.height, blocks[0].core.width), halo, workers,
        _memory(len(source.bands), len(model.numbers), largest, at_once, recipe),
        int(2 * pixels * LABEL_BYTES),
        _seconds(rates, pixels, recipe, at_once),
        crop.window.height * crop.window.width,
    )  # fmt: skip


@dataclass(frozen=True)
class _Crop(SourceOver):
    """A window of a scene."""

    base: Source
    window: Window

    @property
    def grid(self) -> GeoBox:
        return self.base.grid[self.window.slices]

    def read(self, window: Window) -> NDArray[np.float32]:
        row, col = self.window.row + window.row, self.window.col + window.col
        return self.base.read(Window(row, col, window.height, window.width))


def _some_tile(source: Source) -> _Crop:
    """Return the fullest of some tiles, the middle of the scene first."""
    shape = source.grid.shape
    tiles = [b.core for b in engine.cut(shape, TILE)]
    middle = len(tiles) // 2
    order = [middle, *np.linspace(0, len(tiles) - 1, TRIES).astype(int).tolist()]
    best, most = tiles[middle], -1
    for i in dict.fromkeys(order):
        count = int(valid_mask(source.read(tiles[i])).sum())
        if count > most:
            best, most = tiles[i], count
        if count > best.height * best.width // 2:
            break
    return _Crop(source, best)


@dataclass(frozen=True)
class _Rates:
    """Seconds: to read and to smooth a pixel, to fit to a row, to map a pixel.

    A fit to more rows than ``rows`` takes no longer.
    """

    read: float
    smooth: float
    fit: float
    rows: float
    label: float


def _calibrate(crop: _Crop, recipe: Recipe, workers: int) -> tuple[Model, _Rates]:
    """Fit to a tile as a run would, map it in one thread, and take the times."""
    run = dataclasses.replace(recipe.run, sample=PIXELS, threads=1, block=TILE)
    products = dataclasses.replace(recipe.products, min_area=0.0)
    small = dataclasses.replace(recipe, run=run, products=products)
    pixels = crop.window.height * crop.window.width
    started = time.perf_counter()
    sample = draw([crop], PIXELS, seed=run.seed, threads=1)
    read = (time.perf_counter() - started) / pixels
    with limited_threads(run.fit_threads):
        front = fit_front(sample, crop.bands, small)
        features_of(crop, sample, front, small)  # compiles
        started = time.perf_counter()
        features = features_of(crop, sample, front, small)
        smooth = (time.perf_counter() - started) / pixels if front.halo else 0.0
    with limited_threads(run.fit_threads, beside=workers):
        started = time.perf_counter()
        model = fit_model(sample, features, front, crop.bands, small)
        fit = (time.perf_counter() - started) / len(sample.rows)
    label = min(_time_to_map(model, crop, small) for _ in range(2)) / pixels
    return model, _Rates(read, smooth, fit, _most_rows(model), label)


def _most_rows(model: Model) -> float:
    """Return the rows beyond which a fit hardly takes longer.

    A mixture compares numbers of units on some of the rows it is given, and begins with mixtures
    of fewer; what reduces them, and k-means, sees all.
    """
    if model.recipe.reducer.name != "none" or not hasattr(model.clusterer, "n_fit_rows"):
        return math.inf
    return float(model.clusterer.n_curve_rows)


def _time_to_map(model: Model, crop: _Crop, recipe: Recipe) -> float:
    started = time.perf_counter()
    with TemporaryDirectory() as folder:
        apply_model(
            model, crop, Path(folder),
            threads=1, block=TILE, save_code=recipe.products.save_code,
        )  # fmt: skip
    return time.perf_counter() - started


def _seconds(rates: _Rates, pixels: int, recipe: Recipe, at_once: int) -> dict[str, float]:
    wanted = pixels if recipe.run.sample == "all" else recipe.run.sample
    visited = min(pixels, TILE * TILE * max(LEAST_TILES, -(-wanted // PER_TILE)))
    again = rates.label if recipe.products.min_area else 0.0  # generous: sums alone
    return {
        "starting": STARTING_SECONDS,
        "sampling": visited * (rates.read + rates.smooth) / at_once,
        "fitting": rates.fit * min(wanted, pixels, rates.rows),
        "mapping": pixels * (rates.label + again) / at_once,
        "drawing": DRAWING_SECONDS + POLYGON_SECONDS * pixels / 1e6,
    }


def _memory(bands: int, units: int, largest: int, at_once: int, recipe: Recipe) -> int:
    block = 4 * largest * (PLANES_BY_BAND * bands + PLANES_BY_UNIT * units)
    wanted = 0 if recipe.run.sample == "all" else recipe.run.sample
    return FIXED_BYTES + at_once * block + COPIES * 4 * bands * wanted


def _clock(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
