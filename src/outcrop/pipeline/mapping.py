"""A fitted model over a whole scene, and all that is published of it."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from outcrop import provenance
from outcrop.applying import Applied, apply_model, observations
from outcrop.confidence import confidence_notes, facts_of, source_of
from outcrop.config import Recipe, recipe_to_toml
from outcrop.dates import date_facts, date_notes
from outcrop.engine import Executor
from outcrop.errors import SceneError
from outcrop.haze import haze_facts
from outcrop.matching import match_spectra, with_matches
from outcrop.model import Model
from outcrop.odd_values import value_facts, value_notes
from outcrop.pipeline.fitting import Fitted
from outcrop.pipeline.reporting import Reporter
from outcrop.products import mask
from outcrop.products.confidence import write_confidence_styles
from outcrop.products.indices import index_facts, with_indices
from outcrop.products.legend import Legend, with_confidence
from outcrop.products.write import (
    write_facts,
    write_item,
    write_layers,
    write_pictures,
    write_styles,
)
from outcrop.result import Result
from outcrop.resuming import Journal
from outcrop.scratch import give_back
from outcrop.source import Source, acquired, products_of, radiometry_of
from outcrop.spectra import SpectralLibrary
from outcrop.tiles import TILES

log = logging.getLogger("outcrop")


@dataclass(frozen=True)
class Job:
    """What is mapped, and where to.

    Parameters
    ----------
    out : Path
        Where the result will stand once it is whole.
    source : Source
    recipe : Recipe
    started : float
        On the clock of `time.perf_counter`.
    scenes : tuple of str
        As they can be opened again; none of a cube in memory.
    checksum : bool
        Hash whole input files.
    executor : Executor or None
    library : SpectralLibrary or None
        To compare the units with.
    """

    out: Path
    source: Source
    recipe: Recipe
    started: float
    scenes: tuple[str, ...] = ()
    checksum: bool = False
    executor: Executor | None = None
    library: SpectralLibrary | None = None


def map_into(
    folder: Path, job: Job, fitted: Fitted, journal: Journal | None, report: Reporter
) -> Result:
    """Map a scene into a folder, and write what is published of it beside the map.

    Raises
    ------
    SceneError
        If no pixel has data in every band.
    """
    model, source, recipe = fitted.model, job.source, job.recipe
    _warn(fitted.notes)
    applied = _applied(folder, job, model, journal, report)
    TILES.empty()  # the scene is not read again
    give_back()
    report("Drawing")
    legend = mapped_legend(model.legend, applied, georeferenced=source.grid.crs is not None)
    if not legend.mapped_pixels:
        if journal:
            journal.forget()
        raise SceneError(f"{source.name}: no pixel has data in every band; check --nodata, --aoi")
    sure = _confidence(folder, model, applied)
    if sure:
        legend = with_confidence(legend, sure["units"])
    write_styles(folder, legend)
    left_out = write_layers(folder, legend, source.grid, recipe.products.simplify)
    give_back()
    if applied.reasons is not None:
        mask.write_mask_styles(folder, applied.reasons.tolist())
    metrics = _metrics(job, fitted, applied, legend, sure)
    legend = with_indices(legend, metrics["indices"])
    matches = _matches(legend, job.library)
    legend = dataclasses.replace(legend, units=with_matches(legend.units, matches))
    metrics |= {"matches": matches} if matches else {}
    metrics |= _scene_facts(source, applied, recipe.products.datetime)
    left_out |= write_item(folder, legend, source.grid, metrics, recipe)
    for name, why in left_out.items():
        # Few runs are for a catalogue, so that only who asks for more is told of the item.
        log.log(logging.INFO if name == "item.json" else logging.WARNING, f"no {name}: {why}")
    metrics["left_out"] = left_out
    settings = recipe_to_toml(recipe, _proof(job, fitted, matches))
    write_facts(folder, legend, metrics, settings)
    write_pictures(
        folder, legend, source.grid, applied.composite, applied.composite_bands, metrics, recipe,
        settings,
    )  # fmt: skip
    return Result(job.out, legend, metrics, tuple(metrics["notes"]))


def _warn(notes: Iterable[str]) -> None:
    for note in notes:
        log.warning(note)


def _applied(
    folder: Path, job: Job, model: Model, journal: Journal | None, report: Reporter
) -> Applied:
    """Map block by block; the rasters lie in the folder."""
    recipe = job.recipe
    return apply_model(
        model, job.source, folder,
        threads=recipe.run.threads, block=recipe.run.block, save_code=recipe.products.save_code,
        min_area=recipe.products.min_area, layers=recipe.products.indices,
        progress=report("Mapping"), executor=job.executor, journal=journal,
    )  # fmt: skip


def _metrics(
    job: Job, fitted: Fitted, applied: Applied, legend: Legend, sure: dict[str, Any] | None
) -> dict[str, Any]:
    """Return what is known of a map, its notes told first."""
    bands, total = fitted.model.bands, int(applied.sums.pixels.sum())
    odd = value_facts(applied.counts, bands, legend.mapped_pixels)
    dates = date_facts(job.source)
    late = (
        *value_notes(odd, clip=job.recipe.preprocess.clip),
        *date_notes(dates),
        *confidence_notes(sure, elsewhere="model" in fitted.facts),
    )
    _warn(late)
    return {
        "scene": job.source.name,
        "units": sum(u.pixels > 0 for u in legend.units),
        "pixels": total,
        "coverage": 1 - int(applied.sums.pixels[0]) / total,
        "seconds": round(time.perf_counter() - job.started, 2),
        "notes": [*fitted.notes, *late],
        **fitted.facts,
        "confidence": sure,
        "odd_values": odd,
        "haze": haze_facts(job.source),
        "masks_by_date": dates,
        "indices": index_facts(applied.gauge.indices, applied.indices, bands),
    }


def _proof(job: Job, fitted: Fitted, matches: dict[str, Any] | None) -> dict[str, Any]:
    """Return the provenance for ``run.toml``."""
    proof = provenance.collect(
        job.source, fitted.model, job.recipe, job.scenes, checksum=job.checksum
    )
    if "illumination" in fitted.facts:
        proof["illumination"] = fitted.facts["illumination"]
    if matches:
        proof["library"] = matches["library"]
    return proof


def _confidence(folder: Path, model: Model, applied: Applied) -> dict[str, Any] | None:
    """Write the styles of ``confidence.tif`` and say how sure the map is; None without one."""
    if model.confidence is None or applied.confidence is None:
        return None
    write_confidence_styles(folder)
    return {**facts_of(applied.confidence), **source_of(model.confidence)}


def _matches(legend: Legend, library: SpectralLibrary | None) -> dict[str, Any] | None:
    """Compare the units with a library, where one is given."""
    if library is None:
        return None
    means = {u.number: u.mean for u in legend.units if u.pixels}
    facts = match_spectra(means, legend.bands, library)
    if facts["missing"]:
        log.warning("no unit is compared with %s: %s", library.source, facts["missing"])
    return facts


def _scene_facts(source: Source, applied: Applied, when: str | None) -> dict[str, Any]:
    """Say what the scenes are, when they were taken, how several became one, what is masked."""
    facts: dict[str, Any] = {}
    if products := products_of(source):
        facts["product"] = list(products)
    if taken := when or acquired(source):
        facts["acquired"] = taken
    if radiometry := radiometry_of(source):
        facts["radiometry"] = radiometry
    if applied.clear is not None:
        facts["clear_observations"] = observations(applied.clear)
    if applied.reasons is not None:
        facts["masked"] = mask.shares(applied.reasons.tolist())
    return facts


def mapped_legend(legend: Legend, applied: Applied, *, georeferenced: bool) -> Legend:
    """Return the legend with pixels, areas and spectra of the whole map instead of the sample."""
    sums = applied.sums
    mapped = max(int(sums.pixels[1:].sum()), 1)
    units = []
    for unit in legend.units:
        mean, sd = sums.mean_and_sd(unit.number)
        pixels = int(sums.pixels[unit.number])
        units.append(
            dataclasses.replace(
                unit,
                pixels=pixels,
                area=float(sums.areas[unit.number]) if georeferenced else None,
                share=pixels / mapped,
                mean=tuple(np.where(np.isfinite(mean), mean, unit.mean).tolist()),
                sd=tuple(np.nan_to_num(sd).tolist()),
            )
        )
    return dataclasses.replace(legend, units=tuple(units))
