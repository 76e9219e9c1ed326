"""``image.tif``: a scene's bands on the grid of its map, fast to look at from near and far.

A scene as downloaded may have no overviews, be an archive, or several files of other grids; a view
of all of it would read every pixel. So the bands, as the map saw them, are stored once as 16-bit
integers with overviews, when the workbench first opens a run. All that it shows of the imagery,
spectra too, is read from this file.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop import engine
from outcrop.engine import Block
from outcrop.errors import OutcropError, OutputError, SceneError
from outcrop.opening import open_sources
from outcrop.products.raster import add_overviews, block_writer, check_written, saying_why
from outcrop.quality import Masks
from outcrop.rasters import open_quietly
from outcrop.relief.fitting import without_relief
from outcrop.sample import draw
from outcrop.source import Source
from outcrop.web.runs import Run

#: Pixels that the range of a band is taken from.
PIXELS = 50_000
#: Numbers that stand for values; 0 is no data.
LEVELS = 65_534


@dataclass(frozen=True)
class Encoding:
    """How values become 16-bit numbers: value = number × scale + offset, 0 = no data.

    The numbers reach beyond the range of a sample by its whole width downwards and twice upwards;
    what is farther out is cut. A step is 1/16,000 of the range.
    """

    scales: NDArray[np.float64]
    offsets: NDArray[np.float64]

    @classmethod
    def of(cls, rows: NDArray[np.floating[Any]]) -> Encoding:
        """Choose it for a sample of pixels, shape (n, bands)."""
        low, high = rows.min(axis=0).astype(float), rows.max(axis=0).astype(float)
        width = np.where(high > low, high - low, np.maximum(np.abs(high), 1.0))
        low, high = low - width, high + 2 * width
        scales = (high - low) / LEVELS
        return cls(scales, low - scales)

    def __call__(self, data: NDArray[np.float32], block: Block) -> NDArray[np.uint16]:
        """Encode (band, y, x) of any block."""
        del block
        with np.errstate(invalid="ignore"):
            numbers = np.rint((data - self.offsets[:, None, None]) / self.scales[:, None, None])
        numbers = np.clip(numbers, 1, LEVELS + 1)
        return np.where(np.isfinite(data), numbers, 0).astype(np.uint16)


def open_scene_of(run: Run) -> Source:
    """Open the scene of a run as its map saw it: masked, without haze, corrected.

    Raises
    ------
    SceneError
        If the run does not say its scene, it cannot be opened, or it has changed its grid.
    """
    if not run.scenes:
        raise SceneError(
            "run.toml does not say which files the scene was (a cube in memory, or an older "
            "version of Outcrop): map it again from files to see imagery"
        )
    recipe = run.recipe
    masks = Masks(recipe.preprocess.mask, recipe.preprocess.ndvi)
    source = open_sources(run.scenes, recipe.input, masks, recipe.preprocess.haze, recipe.run.seed)
    if tuple(source.grid.shape) != tuple(run.grid.shape):
        raise SceneError(
            f"{source.name} has {source.grid.shape[0]} x {source.grid.shape[1]} pixels and the map "
            f"{run.grid.shape[0]} x {run.grid.shape[1]}: it is another scene now"
        )
    return without_relief(source, recipe)


def write_image(run: Run, progress: Any = None) -> None:
    """Write ``image.tif`` into the folder of a run; there is none until it is whole.

    Raises
    ------
    OutcropError
        If the scene cannot be read or the file not be written.
    """
    if not run.is_writable:
        raise OutputError(
            f"it is stored beside the map, and {run.folder} cannot be written: make it writable, "
            "or copy the run and open the copy"
        )
    source = open_scene_of(run)
    encoding = Encoding.of(draw([source], PIXELS).rows)
    # The name begins so that `outcrop map --overwrite` knows what a killed process left.
    new = run.folder / f"image.{os.getpid()}.tif"
    try:
        with block_writer(
            new, run.grid, bands=len(source.bands), dtype="uint16", apart=True,
            names=[b.name for b in source.bands],
            scales=list(zip(encoding.scales, encoding.offsets, strict=True)),
        ) as write:  # fmt: skip
            engine.run(
                source, encoding, lambda block, data: write(block.core, data), progress=progress
            )
        with saying_why(run.image):
            add_overviews(new, "average")
            check_written(new, run.grid)
            os.replace(new, run.image)
    finally:
        new.unlink(missing_ok=True)


@dataclass
class Preparation:
    """Prepares the imagery of runs, one after the other, beside the server."""

    progress: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def start(self, runs: list[Run]) -> threading.Thread:
        """Begin with what is missing; returns the thread that does it."""
        missing = [run for run in runs if not run.image.is_file()]
        self.progress |= {run.id: 0.0 for run in missing}
        thread = threading.Thread(target=self._work, args=(missing,), daemon=True)
        thread.start()
        return thread

    def _work(self, runs: list[Run]) -> None:
        for run in runs:
            try:
                write_image(run, lambda done, of, id_=run.id: self._tell(id_, done / of))
            except OutcropError as error:
                self.failed[run.id] = str(error)
            except Exception as error:  # what the thread raises nobody would see
                self.failed[run.id] = f"{type(error).__name__}: {error}"
            self.progress.pop(run.id, None)

    def _tell(self, id_: str, share: float) -> None:
        self.progress[id_] = share

    def state(self, run: Run) -> dict[str, Any]:
        """Say whether the imagery is ``ready``, ``preparing`` (how far) or ``missing`` (why)."""
        if run.image.is_file():
            return {"state": "ready"}
        if run.id in self.progress:
            return {"state": "preparing", "progress": self.progress[run.id]}
        return {"state": "missing", "why": self.failed.get(run.id, "it has not been prepared")}


@contextmanager
def pixels_of(path: Path) -> Iterator[Any]:
    """Give ``read(window, shape=None)`` of decoded bands: float64 with NaN, (band, y, x)."""
    with open_quietly(str(path)) as dataset:
        scales = np.array(dataset.scales)[:, None, None]
        offsets = np.array(dataset.offsets)[:, None, None]

        def read(window: Any, shape: tuple[int, int] | None = None) -> NDArray[np.float64]:
            size = None if shape is None else (dataset.count, *shape)
            raw = dataset.read(window=window, out_shape=size)
            return np.where(raw == 0, np.nan, raw * scales + offsets)

        yield read
