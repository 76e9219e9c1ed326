"""Applying a model: one pass over a scene, every block by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop import engine
from outcrop.engine import Block, Executor
from outcrop.grid import row_areas
from outcrop.model import Model
from outcrop.products.figure import choose_composite
from outcrop.products.mask import mask_layer
from outcrop.products.parts import Layer, Parts
from outcrop.products.raster import cog_writer, overview_step
from outcrop.products.style import colour_table
from outcrop.publish import PARTS
from outcrop.quality import WithReasons
from outcrop.resuming import Journal
from outcrop.sieving import sieve_raster, sum_units
from outcrop.source import Source, has_reasons, valid_mask
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
    """

    sums: UnitSums
    composite: NDArray[np.float32]
    composite_bands: tuple[int, ...]
    step: int
    reasons: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class _Label:
    """The work on one block: bands in, and its part of the map on the disk.

    Nothing of the size of the block is returned: where it is done by another process, no pixel
    travels.
    """

    model: Model
    filters: tuple[Any, ...]
    areas: NDArray[np.float64] = field(repr=False)
    shown: tuple[int, ...]
    step: int
    layers: Mapping[str, Layer]
    parts: Parts

    def __call__(self, data: NDArray[np.float32], block: Block) -> None:
        # Planes beyond the model's bands: the reasons, or none.
        data, reasons = data[: len(self.model.bands)], data[len(self.model.bands) :]
        mask = valid_mask(data)
        labels = np.zeros(mask.shape, np.uint8)
        cut = block.core.inside(block.outer)
        pixels: dict[str, NDArray[Any]] = {}
        if "code" in self.layers:
            pixels["code"] = np.full((self.layers["code"].bands, *mask.shape), np.nan, np.float32)
        if mask.any():
            codes = self._codes(data, mask)
            labels[mask] = self.model.assign(codes)
            if "code" in pixels:
                pixels["code"][:, mask] = codes.T
            labels = self._refined(labels, codes, mask)
        pixels["units"] = labels
        if "mask" in self.layers:
            pixels["mask"] = reasons[0].astype(np.uint8)
        cores = {n: np.ascontiguousarray(p[..., cut[0], cut[1]]) for n, p in pixels.items()}
        facts = self._facts(data[:, *cut], cores, block)
        layers = [(self.layers[name], core) for name, core in cores.items()]
        self.parts.write(block.index, layers, facts)

    def _facts(
        self, core: NDArray[np.float32], cores: Mapping[str, NDArray[Any]], block: Block
    ) -> dict[str, NDArray[Any]]:
        """Return what is kept of a block beside its pixels: sums by tile, imagery, reasons."""
        facts: dict[str, NDArray[Any]] = {
            "composite": core[list(self.shown), :: self.step, :: self.step]
        }
        for (row, col), tile in engine.tiles(block.core):
            inside = tile.inside(block.core)
            rows = self.areas[tile.row : tile.row + tile.height]
            sums = UnitSums.of_tile(core[:, *inside], cores["units"][inside], rows)
            facts[f"sums {row} {col}"] = sums.used
        if "mask" in cores:
            facts["reasons"] = np.bincount(cores["mask"].ravel(), minlength=256)
        return facts

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


def apply_model(
    model: Model,
    source: Source,
    folder: Path,
    *,
    threads: int = 0,
    block: int = 1024,
    save_code: bool = False,
    min_area: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
    executor: Executor | None = None,
    journal: Journal | None = None,
) -> Applied:
    """Write ``units.tif`` (and ``mask.tif``, ``code.tif``) of a scene into a folder.

    The result depends on the model and the pixels alone: not on ``threads``, ``block``, the
    executor, or on how often the run was cut off. With a ``min_area`` (square metres, or pixels
    without a CRS) a sieve takes what is smaller out of the labels before they become
    ``units.tif``, and the scene is read a second time for the sums of what is left.

    Parameters
    ----------
    executor : Executor, optional
        Where blocks are done instead of in threads of this process; all its workers must see
        ``folder``.
    journal : Journal, optional
        What is finished already, and where to note what is.

    Raises
    ------
    SceneError, OutputError
        If the scene cannot be read to its end or the rasters cannot be written.
    """
    grid = source.grid
    parts = Parts((folder / PARTS).absolute())
    parts.folder.mkdir(exist_ok=True)
    layers = _layers(model, source, save_code)
    shown, step = tuple(choose_composite(model.bands)), overview_step(grid.shape)
    areas = row_areas(grid)
    work = _Label(model, model.filters, areas, shown, step, layers, parts)
    blocks = engine.cut(grid.shape, block, halo=halo_of(model), striped=source.striped)
    _map_blocks(
        WithReasons(source) if "mask" in layers else source, work, blocks,
        journal, threads, executor, progress,
    )  # fmt: skip
    cores = [b.core for b in blocks]
    for name, layer in layers.items():
        if name != "units" or not min_area:
            parts.assemble(layer, cores, grid, folder / f"{name}.tif")
    applied = _gathered(parts, blocks, grid.shape, shown, step)
    if not min_area:
        return applied
    unsieved = parts.mosaic(layers["units"], cores, grid)
    with cog_writer(folder / "units.tif", grid, colours=layers["units"].colours) as write:
        sieve_raster(unsieved, write, areas, min_area)
    total = sum_units(
        source, folder / "units.tif",
        threads=threads, block=block, executor=executor, progress=progress,
    )  # fmt: skip
    return replace(applied, sums=total)


def halo_of(model: Model) -> int:
    """Return how many pixels around a block decide over its labels."""
    return int(model.front.halo + sum(f.halo for f in model.filters))


def _map_blocks(
    source: Source,
    work: _Label,
    blocks: Sequence[Block],
    journal: Journal | None,
    threads: int,
    executor: Executor | None,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Do the blocks that are not finished, and note those that are."""
    if journal is not None:
        # The disk has the last word.
        kept = {b.index for b in blocks if work.parts.holds(b.index, work.layers.values())}
        journal.finished &= kept
    finished = journal.finished if journal is not None else set()
    before = len(finished)
    waiting = [b for b in blocks if b.index not in finished]

    def sink(block: Block, _: None) -> None:
        if journal is not None:
            journal.add(block.index)

    def tell(done: int, _: int) -> None:
        if progress is not None:
            progress(before + done, len(blocks))

    try:
        engine.run(
            source, work, sink,
            blocks=waiting, threads=threads, executor=executor, progress=tell,
        )  # fmt: skip
    finally:
        if journal is not None:
            journal.save()


def _gathered(
    parts: Parts, blocks: Sequence[Block], shape: Sequence[int], shown: tuple[int, ...], step: int
) -> Applied:
    """Read what the blocks left beside their pixels, one after the other."""
    composite = np.full((3, -(-shape[0] // step), -(-shape[1] // step)), np.nan, np.float32)
    sums, reasons = TileSums(shape), np.zeros(256, np.int64)
    for block in blocks:
        facts = parts.facts(block.index)
        for name, array in facts.items():
            if name.startswith("sums "):
                sums.add(_place(name), array)
        row, col = block.core.row // step, block.core.col // step
        height, width = facts["composite"].shape[1:]
        composite[:, row : row + height, col : col + width] = facts["composite"]
        reasons += facts.get("reasons", 0)
    return Applied(sums.total(), composite, shown, step, reasons if reasons.any() else None)


def _place(name: str) -> tuple[int, int]:
    _, row, col = name.split()
    return int(row), int(col)


def _layers(model: Model, source: Source, save_code: bool) -> dict[str, Layer]:
    """Return what is written of a scene, by name."""
    layers = [Layer("units", colours=colour_table(model.legend))]
    if has_reasons(source):
        layers.append(mask_layer())
    if save_code:
        width = int(vars(model.reducer)["n_components_"])
        names = tuple(f"code {i + 1}" for i in range(width))
        layers.append(Layer("code", width, "float32", float("nan"), "average", names=names))
    return {layer.name: layer for layer in layers}
