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


@dataclass(frozen=True)
class _Sum:
    """The work on one block: sums by tile of the bands under the labels of a raster."""

    path: Path
    areas: NDArray[np.float64] = field(repr=False)

    def __call__(
        self, data: NDArray[np.float32], block: Block
    ) -> list[tuple[tuple[int, int], NDArray[np.float64]]]:
        from rasterio.windows import Window as RasterWindow

        core = block.core
        where = RasterWindow(core.col, core.row, core.width, core.height)
        with open_quietly(str(self.path)) as dataset:
            labels = dataset.read(1, window=where)
        result = []
        for place, tile in engine.tiles(core):
            inside = tile.inside(core)
            rows = self.areas[tile.row : tile.row + tile.height]
            sums = UnitSums.of_tile(data[:, *inside], labels[inside], rows)
            result.append((place, sums.used))
        return result


def sum_units(
    source: Source,
    path: Path,
    *,
    threads: int = 0,
    block: int = 1024,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> UnitSums:
    """Sum a scene by the labels of a raster on its grid; arguments as `engine.run`."""
    sums = TileSums(source.grid.shape)

    def sink(_block: Block, parts: list[tuple[tuple[int, int], NDArray[np.float64]]]) -> None:
        for place, part in parts:
            sums.add(place, part)

    work = _Sum(path.absolute(), row_areas(source.grid))
    engine.run(
        source, work, sink, size=block, threads=threads, executor=executor, progress=progress
    )
    return sums.total()
