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
from outcrop.refinement.sieve import sieve
from outcrop.source import Source, Window, open_quietly
from outcrop.unitstats import TileSums, UnitSums


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


@dataclass(frozen=True)
class _Sum:
    """The work on one block: sums by tile of the bands under the labels of a raster."""

    path: Path
    areas: NDArray[np.float64] = field(repr=False)
    gauge: Gauge

    def __call__(self, data: NDArray[np.float32], block: Block) -> list[_Part]:
        from rasterio.windows import Window as RasterWindow

        core = block.core
        where = RasterWindow(core.col, core.row, core.width, core.height)
        with open_quietly(str(self.path)) as dataset:
            labels = dataset.read(1, window=where)
        result = []
        for place, tile in engine.tiles(core):
            inside = tile.inside(core)
            rows = self.areas[tile.row : tile.row + tile.height]
            part = data[:, *inside], labels[inside], rows
            result.append((place, UnitSums.of_tile(*part).used, self.gauge.sums(*part).used))
        return result


def sum_units(
    source: Source,
    path: Path,
    gauge: Gauge,
    *,
    threads: int = 0,
    block: int = 1024,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[UnitSums, UnitSums]:
    """Sum a scene's bands, and its indices, by the labels of a raster on its grid.

    Arguments as `engine.run`; all workers of an executor must see ``path``.
    """
    sums, indices = TileSums(source.grid.shape), TileSums(source.grid.shape)

    def sink(_block: Block, parts: list[_Part]) -> None:
        for place, bands, of_indices in parts:
            sums.add(place, bands)
            indices.add(place, of_indices)

    work = _Sum(path.absolute(), row_areas(source.grid), gauge)
    engine.run(
        source, work, sink, size=block, threads=threads, executor=executor, progress=progress
    )
    return sums.total(), indices.total()
