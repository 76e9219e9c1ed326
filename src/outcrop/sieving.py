"""The sieve on files, and the sums of what it leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop import engine
from outcrop.engine import Block, Executor
from outcrop.grid import row_areas
from outcrop.measuring import Gauge
from outcrop.products.raster import row_reader
from outcrop.rasters import open_quietly
from outcrop.refinement.sieve import sieve
from outcrop.source import Source, Window
from outcrop.unitstats import UNITS, TileSums, UnitSums, count_values


def sieve_raster(
    path: Path,
    write: Callable[[Window, NDArray[Any]], None],
    areas: NDArray[np.float64],
    min_area: float,
) -> int:
    """Sieve a label raster; ``areas`` are those of a pixel of each row.

    Returns
    -------
    int
        How many pixels changed their label.
    """
    with open_quietly(str(path)) as dataset:
        shape = dataset.shape

    def write_rows(row: int, labels: NDArray[np.uint8]) -> None:
        write(Window(row, 0, *labels.shape), labels)

    with row_reader(path) as read:
        return sieve(read, write_rows, shape, areas, min_area)


#: Place of a tile, sums of its bands, sums of its indices.
_Part = tuple[tuple[int, int], NDArray[np.float64], NDArray[np.float64]]
#: ``rate(data, labels, core)`` gives the confidence of a block's core and has a ``halo``.
_Rate = Any


@dataclass(frozen=True)
class Summed:
    """What was summed under the labels of a raster.

    Parameters
    ----------
    sums, indices : UnitSums
        Of the bands and of the indices.
    confidence : ndarray of int64, shape (256, 256), or None
        Pixels by label and confidence.
    """

    sums: UnitSums
    indices: UnitSums
    confidence: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class _Sum:
    """The work on one block: sums by tile of the bands under the labels of a raster."""

    path: Path
    areas: NDArray[np.float64] = field(repr=False)
    gauge: Gauge
    rate: _Rate = None

    def __call__(
        self, data: NDArray[np.float32], block: Block
    ) -> tuple[list[_Part], NDArray[np.uint8] | None, NDArray[np.int64] | None]:
        outer, cut = block.outer, block.core.inside(block.outer)
        with open_quietly(str(self.path)) as dataset:
            around = dataset.read(1, window=outer.to_rasterio())
        labels, bands, parts = around[cut], data[:, *cut], []
        for place, tile in engine.tiles(block.core):
            inside = tile.inside(block.core)
            rows = self.areas[tile.row : tile.row + tile.height]
            part = bands[:, *inside], labels[inside], rows
            parts.append((place, UnitSums.of_tile(*part).used, self.gauge.sums(*part).used))
        if self.rate is None:
            return parts, None, None
        sure = self.rate(data, around, cut)
        return parts, sure, count_values(labels, sure)


def sum_units(
    source: Source,
    path: Path,
    gauge: Gauge,
    *,
    rate: _Rate = None,
    write: Callable[[Window, NDArray[Any]], None] | None = None,
    threads: int = 0,
    block: int = 1024,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Summed:
    """Sum a scene's bands, and its indices, by the labels of a raster on its grid.

    Arguments as `engine.run`; all workers of an executor must see ``path``. With ``rate`` the
    confidence of the labels is handed to ``write``, window by window.
    """
    sums, indices = TileSums(source.grid.shape), TileSums(source.grid.shape)
    confidence = np.zeros((UNITS, 256), np.int64)

    def sink(done: Block, result: Any) -> None:
        parts, sure, counts = result
        for place, bands, of_indices in parts:
            sums.add(place, bands)
            indices.add(place, of_indices)
        if write is not None and sure is not None:
            write(done.core, sure)
            confidence[: len(counts)] += counts

    work = _Sum(path.absolute(), row_areas(source.grid), gauge, rate)
    engine.run(
        source, work, sink, size=block, halo=0 if rate is None else rate.halo, threads=threads,
        executor=executor, progress=progress,
    )  # fmt: skip
    counts = confidence if rate is not None else None
    return Summed(sums.total(), indices.total(), counts)
