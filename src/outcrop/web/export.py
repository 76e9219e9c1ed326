"""The edited map as a result of its own: GeoTIFF, GeoPackage, styles, legend and report."""

from __future__ import annotations

import logging
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.confidence import NO_DATA, facts_of
from outcrop.config import recipe_to_toml
from outcrop.engine import TILE
from outcrop.errors import InputError, OutcropError
from outcrop.products.confidence import confidence_layer, write_confidence_styles
from outcrop.products.edits import Edited
from outcrop.products.imagery import choose_composite
from outcrop.products.legend import Legend, with_confidence
from outcrop.products.raster import cog_writer, overview_step, row_reader
from outcrop.products.style import colour_table
from outcrop.products.write import (
    write_facts,
    write_item,
    write_layers,
    write_pictures,
    write_styles,
)
from outcrop.publish import staged
from outcrop.rasters import open_quietly
from outcrop.source import Window
from outcrop.unitstats import count_values
from outcrop.web.imagery import open_scene_of, pixels_of
from outcrop.web.measure import Labels
from outcrop.web.runs import Run, open_runs

log = logging.getLogger("outcrop")

#: What is said of the map before it was edited, and no longer true of it.
_OF_THE_MAP = ("confidence", "indices", "internal_scores", "selection")


def export_to(folder: Path | str, out: Path | str, *, overwrite: bool = False) -> Legend:
    """Do as `outcrop.export_map`, for the folder of a run."""
    run = next(iter(open_runs([folder]).values()))
    if Path(out).resolve() == run.folder.resolve():
        raise InputError(f"{out} is the run itself, which stays as it was mapped; choose another")
    with staged(Path(out), overwrite=overwrite) as partial:
        return export_into(partial, run)


def export_zip(run: Run, into: Path) -> Path:
    """Write the edited map into an archive in a folder, and return its path."""
    work = into / f"{run.id}-edited"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        export_into(work, run)
        archive = into / f"{run.id}-edited.zip"
        new = archive.with_suffix(".part")
        with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
            for path in sorted(work.iterdir()):
                packed.write(path, f"{work.name}/{path.name}")
        return new.replace(archive)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def write_report(run: Run, into: Path) -> Path:
    """Write the report of the edited map into a folder of its own, and return its path.

    It is written again only after another edit.
    """
    folder = into / f"{run.id}-report"
    page = folder / f"{(run.folder / 'legend.json').stat().st_mtime_ns}.html"
    if not page.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        export_into(folder, run, polygons=False)
        (folder / "report.html").replace(page)
        for path in folder.iterdir():
            if path != page:
                path.unlink()
    return page


def export_into(folder: Path, run: Run, *, polygons: bool = True) -> Legend:
    """Write the edited map into an empty folder; polygons are what takes time."""
    state = run.edited()
    edits = len(run.read()[1].done)
    _write_labels(folder, run, state, state.legend)
    metrics = _metrics(run, state, edits) | _with_confidence(folder, run)
    legend = with_confidence(state.legend, metrics.get("confidence", {}).get("units", {}))
    write_styles(folder, legend)
    left_out = {}
    if polygons:
        left_out = write_layers(folder, legend, run.grid, run.recipe.products.simplify)
    for name in ("mask.tif", "mask.tif.aux.xml", "mask.qml"):
        if (run.folder / name).is_file():
            shutil.copyfile(run.folder / name, folder / name)
    left_out |= write_item(folder, legend, run.grid, metrics, run.recipe)
    metrics["left_out"] = left_out
    proof = {**run.settings.get("provenance", {}), "edits": edits, "units": len(legend.units)}
    settings = recipe_to_toml(run.recipe, proof)
    write_facts(folder, legend, metrics, settings)
    shown = choose_composite(legend.bands)
    write_pictures(
        folder, legend, run.grid, composite_of(run, shown), shown, metrics, run.recipe, settings
    )
    return legend


def _write_labels(folder: Path, run: Run, state: Edited, legend: Legend) -> None:
    """Write ``units.tif`` with the splits cut, and units merged and hidden."""
    table, labels, (rows, cols) = state.table(), Labels(run, state.splits), run.grid.shape
    colours = colour_table(legend)
    with (
        open_quietly(str(run.folder / "units.tif")) as units,
        cog_writer(folder / "units.tif", run.grid, colours=colours) as write,
    ):
        for row in range(0, rows, TILE):
            for col in range(0, cols, 4 * TILE):
                window = Window(row, col, min(TILE, rows - row), min(4 * TILE, cols - col))
                write(window, table[labels.read(units, window)])


def _with_confidence(folder: Path, run: Run) -> dict[str, Any]:
    """Write ``confidence.tif`` of the edited map and say how sure it is, if the run knows.

    It is that of the labels as they were mapped, where they are still shown.
    """
    known, path = run.metrics.get("confidence"), run.layer("confidence")
    if known is None or path is None:
        return {}
    layer, counts, (rows, cols) = confidence_layer(), np.zeros((256, 256), np.int64), run.grid.shape
    with (
        row_reader(folder / "units.tif") as labels,
        row_reader(path) as values,
        cog_writer(
            folder / "confidence.tif", run.grid, nodata=layer.nodata, resampling=layer.resampling
        ) as write,
    ):
        for row in range(0, rows, TILE):
            height = min(TILE, rows - row)
            shown, sure = labels(row, height), values(row, height)
            sure = np.where(shown > 0, sure, NO_DATA).astype(np.uint8)
            write(Window(row, 0, height, cols), sure)
            part = count_values(shown, sure)
            counts[: len(part)] += part
    write_confidence_styles(folder)
    return {"confidence": {**known, **facts_of(counts)}}


def _metrics(run: Run, state: Edited, edits: int) -> dict[str, Any]:
    """Return the run's measures as far as they are true of the edited map."""
    facts: Mapping[str, Any] = {k: v for k, v in run.metrics.items() if k not in _OF_THE_MAP}
    counted = "1 edit" if edits == 1 else f"{edits} edits"
    note = f"edited by a geologist ({counted} of the map {run.folder.name})"
    if state.hidden:
        names = ", ".join(state.units[n].name for n in sorted(state.hidden))
        note += f"; left out of it: {names}"
    legend = state.legend
    if "matches" in facts:
        facts = {**facts, "matches": _still_true(facts["matches"], legend)}
    return {
        **facts,
        "units": sum(u.pixels > 0 for u in legend.units),
        "coverage": legend.mapped_pixels / max(int(facts["pixels"]), 1),
        "notes": [*([note] if edits else []), *facts.get("notes", [])],
    }


def _still_true(matches: Mapping[str, Any], legend: Legend) -> dict[str, Any]:
    """Keep what units are like where their spectra are those that were compared."""
    # A unit that was merged or split has lost the entry in its legend, as it has another mean.
    same = {str(u.number) for u in legend.units if "matches" in u.extra}
    return {**matches, "units": {n: m for n, m in matches["units"].items() if n in same}}


def composite_of(run: Run, shown: tuple[int, ...]) -> NDArray[np.float32] | None:
    """Read three bands at the size of the report's map; None if there is no imagery any more."""
    rows, cols = run.grid.shape
    step = overview_step((rows, cols))
    if run.image.is_file():
        with pixels_of(run.image) as read:
            image = read(None, (-(-rows // step), -(-cols // step)))
        return image[list(shown)].astype(np.float32)  # type: ignore[no-any-return]
    try:
        source = open_scene_of(run)
    except OutcropError as error:
        log.warning("the report is without imagery: %s", error)
        return None
    height = max(TILE // step, 1) * step
    strips = (
        source.read(Window(row, 0, min(height, rows - row), cols))[list(shown), ::step, ::step]
        for row in range(0, rows, height)
    )
    return np.concatenate(list(strips), axis=1)
