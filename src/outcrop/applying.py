"""Applying a model: one pass over a scene, every block by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop import engine
from outcrop.engine import Block
from outcrop.grid import row_areas
from outcrop.indices import Ready, require, stack
from outcrop.measuring import KINDS, Gauge
from outcrop.model import Model
from outcrop.products.figure import choose_composite
from outcrop.products.indices import index_writer
from outcrop.products.mask import mask_writer
from outcrop.products.raster import block_writer, cog_writer, overview_step
from outcrop.products.style import colour_table
from outcrop.quality import WithReasons
from outcrop.sieving import sieve_raster, sum_units
from outcrop.source import Source, Window, has_reasons, valid_mask
from outcrop.unitstats import TileSums, UnitSums


@dataclass(frozen=True)
class Applied:
    """What one pass over a scene leaves in memory.

    Parameters
    ----------
    sums : UnitSums
        Of the final labels.
    composite : ndarray of float32, shape (3, y, x)
        Every ``step``-th pixel of the three bands shown.
    composite_bands : tuple of int
    step : int
    reasons : ndarray of int64 or None
        Pixels by code of `outcrop.reasons`, where the scene knows why pixels are missing.
    gauge : Gauge
        What was measured besides.
    indices : UnitSums
        Of its indices.
    counts : ndarray of int64, shape (`KINDS`, bands)
        Odd values of mapped pixels.
    """

    sums: UnitSums
    composite: NDArray[np.float32]
    composite_bands: tuple[int, ...]
    step: int
    reasons: NDArray[np.int64] | None
    gauge: Gauge
    indices: UnitSums
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class _Result:
    labels: NDArray[np.uint8]
    sums: list[tuple[tuple[int, int], UnitSums]]
    composite: NDArray[np.float32]
    code: NDArray[np.float32]
    reasons: NDArray[np.uint8]
    indices: list[tuple[tuple[int, int], UnitSums]]
    layers: NDArray[np.float32]
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class _Label:
    """The work on one block: bands in, final labels of the core out."""

    model: Model
    filters: tuple[Any, ...]
    areas: NDArray[np.float64] = field(repr=False)
    shown: tuple[int, ...]
    step: int
    code_width: int
    gauge: Gauge
    layers: tuple[Ready, ...]

    def __call__(self, data: NDArray[np.float32], block: Block) -> _Result:
        # Planes beyond the model's bands: the reasons, or none.
        data, reasons = data[: len(self.model.bands)], data[len(self.model.bands) :]
        mask = valid_mask(data)
        labels = np.zeros(mask.shape, np.uint8)
        code = np.full((self.code_width, *mask.shape), np.nan, np.float32)
        if mask.any():
            codes = self._codes(data, mask)
            labels[mask] = self.model.assign(codes)
            if self.code_width:
                code[:, mask] = codes.T
            labels = self._refined(labels, codes, mask)
        cut = block.core.inside(block.outer)
        core, final = data[:, *cut], np.ascontiguousarray(labels[cut])
        return _Result(
            labels=final,
            sums=[
                (place, UnitSums.of_tile(*self._part(core, final, tile, block)))
                for place, tile in engine.tiles(block.core)
            ],
            composite=core[list(self.shown), :: self.step, :: self.step].copy(),
            code=code[:, *cut],
            reasons=reasons[:, *cut].astype(np.uint8),
            indices=[
                (place, self.gauge.sums(*self._part(core, final, tile, block)))
                for place, tile in engine.tiles(block.core)
            ],
            layers=stack(self.layers, np.where(final > 0, core, np.float32(np.nan))),
            counts=self.gauge.counts(core, final),
        )

    def _codes(self, data: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        features = self.model.front(data)
        return self.model.codes(np.ascontiguousarray(features[:, mask].T))

    def _refined(
        self, labels: NDArray[np.uint8], codes: NDArray[np.float32], mask: NDArray[np.bool_]
    ) -> NDArray[np.uint8]:
        evidence, numbers = None, np.asarray(self.model.numbers, np.uint8)
        for step in self.filters:
            if not getattr(step, "needs_evidence", False):
                labels = step(labels)
                continue
            if evidence is None:
                evidence = np.zeros((*mask.shape, len(numbers)), np.float32)
                evidence[mask] = self.model.evidence(codes)
            labels = step(labels, evidence, numbers)
        return labels

    def _part(
        self, data: NDArray[np.float32], labels: NDArray[np.uint8], tile: Window, block: Block
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.float64]]:
        """Return a tile's data, labels and areas of its rows."""
        inside = tile.inside(block.core)
        return data[:, *inside], labels[inside], self.areas[tile.row : tile.row + tile.height]


def apply_model(
    model: Model,
    source: Source,
    folder: Path,
    *,
    threads: int = 0,
    block: int = 1024,
    save_code: bool = False,
    min_area: float = 0.0,
    layers: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Applied:
    """Write ``units.tif`` (and ``mask.tif``, ``code.tif``, ``indices.tif``) into a folder.

    The result depends on the model and the pixels alone: not on ``threads``, not on ``block``.
    With a ``min_area`` (square metres, or pixels without a CRS) a sieve takes what is smaller
    out of the labels before they become ``units.tif``, and the scene is read a second time for
    the sums of what is left. ``layers`` are the indices of ``indices.tif``.

    Raises
    ------
    SceneError, OutputError
        If the scene cannot be read to its end or the rasters cannot be written.
    """
    grid = source.grid
    step = overview_step(grid.shape)
    shown = tuple(choose_composite(model.bands))
    composite = np.full((3, -(-grid.shape[0] // step), -(-grid.shape[1] // step)), np.nan, "f4")
    width = _code_width(model) if save_code else 0
    areas = row_areas(grid)
    gauge = Gauge.of(model.bands, grid.shape, model.front.floors(len(model.bands)))
    wanted = require(layers, model.bands, source.name) if layers else ()
    work = _Label(model, model.filters, areas, shown, step, width, gauge, wanted)
    sums, index_sums = TileSums(), TileSums()
    counts = np.zeros((len(KINDS), len(model.bands)), np.int64)
    layer_file = index_writer(folder, grid, wanted) if wanted else None
    codes = _code_writer(folder, grid, width) if save_code else None
    masks = mask_writer(folder, grid) if has_reasons(source) else None
    reasons = np.zeros(256, np.int64) if masks else None
    colours = colour_table(model.legend)
    first = folder / ("units.unsieved.tif" if min_area else "units.tif")
    labels = block_writer(first, grid) if min_area else cog_writer(first, grid, colours=colours)
    with (
        labels as write,
        codes or nullcontext() as write_code,
        masks or nullcontext() as write_mask,
        layer_file or nullcontext() as write_layers,
    ):

        def sink(block: Block, result: _Result) -> None:
            write(block.core, result.labels)
            if write_code is not None:
                write_code(block.core, result.code)
            if write_mask is not None and reasons is not None:
                write_mask(block.core, result.reasons)
                reasons[:] += np.bincount(result.reasons.ravel(), minlength=256)
            if write_layers is not None:
                write_layers(block.core, result.layers)
            for place, part in result.sums:
                sums.add(place, part)
            for place, part in result.indices:
                index_sums.add(place, part)
            counts[:] += result.counts
            row, col = block.core.row // step, block.core.col // step
            height, width = result.composite.shape[1:]
            composite[:, row : row + height, col : col + width] = result.composite

        engine.run(
            WithReasons(source) if masks else source, work, sink,
            halo=model.front.halo + sum(f.halo for f in model.filters), size=block, threads=threads,
            progress=progress,
        )  # fmt: skip
    total, of_indices = sums.total(), index_sums.total()
    if min_area:
        with cog_writer(folder / "units.tif", grid, colours=colours) as write:
            sieve_raster(first, write, areas, min_area)
        first.unlink()
        total, of_indices = sum_units(
            source, folder / "units.tif", gauge, threads=threads, block=block
        )
    return Applied(total, composite, shown, step, reasons, gauge, of_indices, counts)


def _code_width(model: Model) -> int:
    return int(vars(model.reducer)["n_components_"])


def _code_writer(folder: Path, grid: Any, width: int) -> Any:
    names = [f"code {i + 1}" for i in range(width)]
    return cog_writer(
        folder / "code.tif", grid, bands=width, dtype="float32", nodata=float("nan"),
        resampling="average", names=names,
    )  # fmt: skip
