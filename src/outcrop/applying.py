"""Applying a model: one pass over a scene, every block by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop import engine
from outcrop.confidence.kernels import REACH
from outcrop.engine import Block, Executor
from outcrop.grid import row_areas
from outcrop.indices import Ready, require, stack
from outcrop.labelling import Rate, label, rated
from outcrop.measuring import KINDS, Gauge
from outcrop.model import Model
from outcrop.products.confidence import confidence_layer
from outcrop.products.imagery import choose_composite
from outcrop.products.indices import index_layer
from outcrop.products.mask import mask_layer
from outcrop.products.parts import Layer, Parts
from outcrop.products.raster import cog_writer, overview_step
from outcrop.products.style import colour_table
from outcrop.publish import PARTS
from outcrop.quality import WithReasons
from outcrop.resuming import Journal
from outcrop.sieving import sieve_raster, sum_units
from outcrop.source import Source, has_counts, has_reasons, valid_mask
from outcrop.unitstats import UNITS, TileSums, UnitSums, count_values


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
    clear : ndarray of int64 or None
        Pixels by their number of clear observations, where the scene is a composite.
    gauge : Gauge
        What was measured besides.
    indices : UnitSums
        Of its indices.
    counts : ndarray of int64, shape (`KINDS`, bands)
        Odd values of mapped pixels.
    confidence : ndarray of int64, shape (256, 256)
        Pixels by label and value of ``confidence.tif``; None where the model knows none.
    """

    sums: UnitSums
    composite: NDArray[np.float32]
    composite_bands: tuple[int, ...]
    step: int
    reasons: NDArray[np.int64] | None
    clear: NDArray[np.int64] | None
    gauge: Gauge
    indices: UnitSums
    counts: NDArray[np.int64]
    confidence: NDArray[np.int64] | None = None


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
    gauge: Gauge
    wanted: tuple[Ready, ...]

    def __call__(self, data: NDArray[np.float32], block: Block) -> None:
        # Planes beyond the model's bands: none, the reasons, or reasons and clear observations.
        data, planes = data[: len(self.model.bands)], data[len(self.model.bands) :]
        mask = valid_mask(data)
        cut = block.core.inside(block.outer)
        sure = "confidence" in self.layers
        wanted = sure or any(getattr(f, "needs_evidence", False) for f in self.filters)
        made = label(self.model, data, mask, evidence=wanted, codes="code" in self.layers)
        pixels: dict[str, NDArray[Any]] = {"units": made.refined(self.filters, self.model.numbers)}
        if made.codes is not None:
            pixels["code"] = made.codes
        if "mask" in self.layers:
            pixels["mask"] = planes[0].astype(np.uint8)
        if "clear" in self.layers:
            pixels["clear"] = planes[1].astype(np.uint16)
        cores = {n: np.ascontiguousarray(p[..., cut[0], cut[1]]) for n, p in pixels.items()}
        core = data[:, *cut]
        if sure:
            cores["confidence"] = rated(self.model, pixels["units"], made, cut)
        if "indices" in self.layers:
            mapped = np.where(cores["units"] > 0, core, np.float32(np.nan))
            cores["indices"] = stack(self.wanted, mapped)
        facts = self._facts(core, cores, block)
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
            part = core[:, *inside], cores["units"][inside], rows
            facts[f"sums {row} {col}"] = UnitSums.of_tile(*part).used
            facts[f"indices {row} {col}"] = self.gauge.sums(*part).used
        facts["counts"] = self.gauge.counts(core, cores["units"])
        if "confidence" in cores:
            facts["confidence"] = count_values(cores["units"], cores["confidence"])
        if "mask" in cores:
            facts["reasons"] = np.bincount(cores["mask"].ravel(), minlength=256)
        if "clear" in cores:
            facts["clear"] = np.bincount(cores["clear"].ravel(), minlength=2**16)
        return facts


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
    executor: Executor | None = None,
    journal: Journal | None = None,
) -> Applied:
    """Write ``units.tif``, ``confidence.tif`` and what else is wanted into a folder.

    That is ``mask.tif``, ``code.tif`` and ``indices.tif``.

    The result depends on the model and the pixels alone: not on ``threads``, ``block``, the
    executor, or on how often the run was cut off. With a ``min_area`` (square metres, or pixels
    without a CRS) a sieve takes what is smaller out of the labels before they become
    ``units.tif``, and the scene is read a second time for the sums and the confidence of what
    is left. ``layers`` are the indices of ``indices.tif``.

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
    wanted = require(layers, model.bands, source.name) if layers else ()
    written = _layers(model, source, save_code, wanted, sieved=min_area > 0)
    gauge = Gauge.of(model.bands, grid.shape, model.front.floors(len(model.bands)))
    shown, step = tuple(choose_composite(model.bands)), overview_step(grid.shape)
    areas = row_areas(grid)
    work = _Label(model, model.filters, areas, shown, step, written, parts, gauge, wanted)
    blocks = engine.cut(grid.shape, block, halo=halo_of(model), striped=source.striped)
    _map_blocks(
        WithReasons(source, "clear" in written) if "mask" in written else source, work, blocks,
        journal, threads, executor, progress,
    )  # fmt: skip
    cores = [b.core for b in blocks]
    for name, layer in written.items():
        if name != "units" or not min_area:
            parts.assemble(layer, cores, grid, folder / f"{name}.tif")
    applied = _gathered(parts, blocks, grid.shape, work)
    if not min_area:
        return applied
    unsieved = parts.mosaic(written["units"], cores, grid)
    with cog_writer(folder / "units.tif", grid, colours=written["units"].colours) as write:
        sieve_raster(unsieved, write, areas, min_area)
    return _of_sieved(applied, model, source, folder, threads, block, executor, progress)


def _of_sieved(
    applied: Applied,
    model: Model,
    source: Source,
    folder: Path,
    threads: int,
    block: int,
    executor: Executor | None,
    progress: Callable[[int, int], None] | None,
) -> Applied:
    """Read the scene once more for what depends on the labels that the sieve left."""
    rate, write, layer = None, None, confidence_layer()
    with ExitStack() as stack:
        if model.confidence is not None:
            rate = Rate(model)
            written = cog_writer(
                folder / f"{layer.name}.tif", source.grid, nodata=layer.nodata,
                resampling=layer.resampling, level=layer.level,
            )  # fmt: skip
            write = stack.enter_context(written)
        summed = sum_units(
            source, folder / "units.tif", applied.gauge, rate=rate, write=write,
            threads=threads, block=block, executor=executor, progress=progress,
        )  # fmt: skip
    return replace(applied, sums=summed.sums, indices=summed.indices, confidence=summed.confidence)


def halo_of(model: Model) -> int:
    """Return how many pixels around a block decide over its labels and their confidence."""
    around = REACH if model.confidence is not None else 0
    return int(model.front.halo + sum(f.halo for f in model.filters) + around)


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
    waiting = engine.in_stripes(waiting, len(source.bands))

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


def _gathered(parts: Parts, blocks: Sequence[Block], shape: Sequence[int], work: _Label) -> Applied:
    """Read what the blocks left beside their pixels, one after the other."""
    step = work.step
    composite = np.full((3, -(-shape[0] // step), -(-shape[1] // step)), np.nan, np.float32)
    sums = {"sums": TileSums(shape), "indices": TileSums(shape)}
    reasons, clear = np.zeros(256, np.int64), np.zeros(2**16, np.int64)
    counts = np.zeros((len(KINDS), len(work.model.bands)), np.int64)
    sure = np.zeros((UNITS, 256), np.int64)
    for block in blocks:
        facts = parts.facts(block.index)
        for name, array in facts.items():
            kind, *place = name.split()
            if place:
                sums[kind].add((int(place[0]), int(place[1])), array)
        row, col = block.core.row // step, block.core.col // step
        height, width = facts["composite"].shape[1:]
        composite[:, row : row + height, col : col + width] = facts["composite"]
        counts += facts["counts"]
        reasons += facts.get("reasons", 0)
        clear += facts.get("clear", 0)
        part = facts.get("confidence", sure[:0])
        sure[: len(part)] += part
    return Applied(
        sums["sums"].total(), composite, work.shown, step, reasons if reasons.any() else None,
        clear if clear.any() else None,
        work.gauge, sums["indices"].total(), counts,
        sure if "confidence" in work.layers else None,
    )  # fmt: skip


def _layers(
    model: Model, source: Source, save_code: bool, wanted: Sequence[Ready], *, sieved: bool
) -> dict[str, Layer]:
    """Return what is written of a scene in the pass over it, by name."""
    layers = [Layer("units", colours=colour_table(model.legend))]
    if model.confidence is not None and not sieved:
        layers.append(confidence_layer())
    if has_counts(source) or has_reasons(source):
        layers.append(mask_layer())
    if has_counts(source):
        layers.append(Layer("clear", dtype="uint16", resampling="nearest"))
    if save_code:
        width = int(vars(model.reducer)["n_components_"])
        names = tuple(f"code {i + 1}" for i in range(width))
        layers.append(Layer("code", width, "float32", float("nan"), "average", names=names))
    if wanted:
        layers.append(index_layer(wanted))
    return {layer.name: layer for layer in layers}


def observations(pixels: NDArray[np.int64]) -> dict[str, Any]:
    """Say how many clear observations the mapped pixels rest on, from pixels by their number."""
    some = np.flatnonzero(pixels[1:]) + 1
    total = max(int(pixels[1:].sum()), 1)
    return {
        "most": int(some.max(initial=0)),
        "mean": float((pixels[some] * some).sum() / total),
        "pixels": {str(n): int(pixels[n]) for n in (0, *some.tolist()) if pixels[n]},
    }
