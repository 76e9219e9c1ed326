"""The whole road from scenes to published results. Only this module knows all the stages."""

from __future__ import annotations

import dataclasses
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from outcrop import provenance
from outcrop.applying import Applied, apply_model, observations
from outcrop.confidence import confidence_notes, facts_of, source_of
from outcrop.config import Input, Recipe, recipe_to_toml, with_step
from outcrop.dates import date_facts, date_notes
from outcrop.describing import reading_notes
from outcrop.engine import Executor, limited_threads
from outcrop.errors import OPTIONS, InputError, SceneError, listed
from outcrop.features.columns import Columns
from outcrop.front import Front
from outcrop.haze import haze_facts
from outcrop.indices import require
from outcrop.lighting import Units, light_scores, lit_parts, unlit
from outcrop.matching import match_spectra, open_library, with_matches
from outcrop.model import Model, fit_front, fit_model, needs_neighbours, scaled_pairs
from outcrop.odd_values import fill_notes, settle_clip, value_facts, value_notes
from outcrop.opening import open_sources
from outcrop.products import mask
from outcrop.products.confidence import write_confidence_styles
from outcrop.products.edits import edited_legend
from outcrop.products.indices import index_facts, with_indices
from outcrop.products.legend import Legend, with_confidence
from outcrop.products.write import write_item, write_layers, write_pictures, write_styles
from outcrop.publish import check_free, staged
from outcrop.quality import Masks
from outcrop.recipe_checks import check_recipe
from outcrop.relief.fitting import without_relief
from outcrop.result import Result
from outcrop.resuming import Journal, is_resumable, request
from outcrop.sample import Sample, draw, prepared
from outcrop.scoring import internal_scores
from outcrop.scratch import give_back
from outcrop.source import Source, acquired, file_paths, products_of, radiometry_of
from outcrop.spectra import SpectralLibrary
from outcrop.suiting import suited
from outcrop.tiles import TILES

log = logging.getLogger("outcrop")

Progress = Callable[[int, int], None]


class Reporter(Protocol):
    """Shows what is being done; returns a function to call with blocks done and of all."""

    def __call__(self, stage: str, /) -> Progress | None: ...  # noqa: D102


def silent(_stage: str) -> None:
    """Report nothing."""


def map_scenes(
    scenes: Sequence[str] | Source,
    recipe: Recipe,
    out: Path | str,
    *,
    overwrite: bool = False,
    resume: bool = False,
    checksum: bool = False,
    executor: Executor | None = None,
    report: Reporter = silent,
) -> Result:
    """Fit a recipe to scenes, map them, and publish the result as a folder.

    Parameters
    ----------
    scenes : sequence of str, or Source
        Scenes of one mosaic, as `outcrop.open_scene` takes them.
    recipe : Recipe
    out : Path
        The folder to make.
    overwrite : bool
        Replace a result that Outcrop wrote there earlier.
    resume : bool
        Go on with a run of the same scenes and recipe that was cut off, if there is one.
    checksum : bool
        Store the SHA-256 of each input file.
    executor : Executor, optional
        Where to read and map blocks instead of in threads of this process.
    report : callable, optional
        Called with the name of each stage; may return a progress function.

    Returns
    -------
    Result

    Raises
    ------
    OutcropError
        Of the kind that fits; nothing is left behind but finished blocks, to be resumed.
    """
    out = Path(out)
    check_free(out, overwrite=overwrite)
    started = time.perf_counter()
    legend = _legend_to_match(recipe.run.like)
    library = open_library(recipe.products.library)
    source = _open(scenes, recipe, executor, report)
    require(recipe.products.indices, source.bands, source.name)
    with staged(out, overwrite=overwrite, resume=resume) as folder:
        _check_executor(executor, source, folder)
        journal = _journal(folder, source, recipe)
        if journal and journal.fitted:
            model = Model.load(folder / "model")
            notes, facts = journal.fitted["notes"], journal.fitted["facts"]
        else:
            model, notes, facts = _fit(source, recipe, legend, report, executor)
            model.save(folder / "model")
            if journal:
                journal.begin({"notes": notes, "facts": facts}, folder / "model")
        job = _Job(
            out, source, model.recipe, tuple(notes), facts, started, checksum, executor, journal,
            library, _typed(scenes),
        )  # fmt: skip
        return _map_into(folder, job, model, report)


def fit_scenes(
    scenes: Sequence[str] | Source,
    recipe: Recipe,
    out: Path | str,
    *,
    overwrite: bool = False,
    executor: Executor | None = None,
    report: Reporter = silent,
) -> Model:
    """Fit a recipe to scenes and publish the model as a folder; arguments as `map_scenes`."""
    out = Path(out)
    check_free(out, kind="model", overwrite=overwrite)
    legend = _legend_to_match(recipe.run.like)
    source = _open(scenes, recipe, executor, report)
    with staged(out, kind="model", overwrite=overwrite) as folder:
        _check_executor(executor, source, folder)
        model, _, _ = _fit(source, recipe, legend, report, executor)
        model.save(folder)
    return model


def apply_to_scenes(
    model_folder: Path | str,
    scenes: Sequence[str] | Source,
    out: Path | str,
    *,
    options: Input | None = None,
    preprocess: Mapping[str, Any] | None = None,
    indices: Sequence[str] = (),
    threads: int | None = None,
    datetime: str | None = None,
    library: str | None = None,
    overwrite: bool = False,
    resume: bool = False,
    checksum: bool = False,
    executor: Executor | None = None,
    report: Reporter = silent,
) -> Result:
    """Map scenes with a model that was fitted elsewhere; arguments as `map_scenes`.

    ``options`` says what the scene's files do not, and ``preprocess`` what is masked (``mask``,
    ``ndvi``) and whether ``haze`` is taken off; what they leave open is taken from the fit. Haze
    is estimated anew: it belongs to the scene. ``datetime`` says when the scene was taken; that
    of the fit is another's. ``indices`` are the layers of ``indices.tif``, and ``library`` is a
    spectral library to compare with.

    Raises
    ------
    ModelError
        If the model is missing or was fitted on other bands or another quantity.
    """
    out = Path(out)
    check_free(out, overwrite=overwrite)
    started = time.perf_counter()
    model = Model.load(model_folder)
    known = open_library(library)
    given = options or Input()
    kept = {
        f: getattr(model.recipe.input, f)
        for f in (
            "sensor",
            "bands",
            "scale",
            "offset",
            "nodata",
            "resampling",
            "composite",
            "radiometry",
            "stack",
        )
    }
    merged = {f: v for f, v in kept.items() if getattr(given, f) is None}
    recipe = dataclasses.replace(
        model.recipe,
        input=dataclasses.replace(given, **merged),
        preprocess=dataclasses.replace(model.recipe.preprocess, **(preprocess or {})),
        products=dataclasses.replace(
            model.recipe.products, datetime=datetime, indices=tuple(indices), library=library
        ),
        run=model.recipe.run
        if threads is None
        else dataclasses.replace(model.recipe.run, threads=threads),
    )
    check_recipe(recipe, OPTIONS)
    source = _open(scenes, recipe, executor, report)
    model.require_bands(source.bands, source.name)
    require(recipe.products.indices, source.bands, source.name)
    with staged(out, overwrite=overwrite, resume=resume) as folder:
        _check_executor(executor, source, folder)
        journal = _journal(folder, source, recipe, model=model)
        if journal and journal.fitted:
            notes, facts = journal.fitted["notes"], journal.fitted["facts"]
        else:
            model.save(folder / "model")
            notes, facts = _told_of(source, model, recipe, report)
            facts = {"model": str(model_folder), **facts}
            if journal:
                journal.begin({"notes": notes, "facts": facts}, folder / "model")
        job = _Job(
            out, source, recipe, tuple(notes), facts, started, checksum, executor, journal, known,
            _typed(scenes),
        )  # fmt: skip
        return _map_into(folder, job, model, report)


def open_scenes(scenes: Sequence[str] | Source, recipe: Recipe) -> Source:
    """Open what a recipe is to map, as `map_scenes` does before it fits.

    Raises
    ------
    OutcropError
        If the scenes cannot be opened, or the recipe does not fit them.
    """
    source = _open(scenes, recipe)
    require(recipe.products.indices, source.bands, source.name)
    _notes(source)
    return source


def _told_of(
    source: Source, model: Model, recipe: Recipe, report: Reporter
) -> tuple[list[str], dict[str, Any]]:
    """Return notes and facts of a scene that a model is applied to."""
    lit = bool(lit_parts(source))
    notes = _notes(source) + _unlike_fit(model, lit=lit)
    if not lit:
        return notes, {}
    units = (_assigned(s, model, recipe, report) for s in (unlit(source), source))
    scores, doubts = light_scores(source, *units)
    return notes + doubts, {"illumination": scores}


def _journal(
    folder: Path, source: Source, recipe: Recipe, *, model: Model | None = None
) -> Journal | None:
    """Take up or begin the journal of a run; None if its scene can't be recognised again."""
    if not is_resumable(source):
        return None
    extra = {} if model is None else {"model": model.digest()}
    return Journal.open(folder, request(source, recipe, extra))


def _open(
    scenes: Sequence[str] | Source,
    recipe: Recipe,
    executor: Executor | None = None,
    report: Reporter = silent,
) -> Source:
    def light(scene: Source) -> Source:
        return without_relief(scene, recipe, report("Measuring the light"))

    if isinstance(scenes, Source):
        return light(scenes) if recipe.input.dem else scenes
    if executor is not None:  # other processes may have another working directory
        scenes = _typed(scenes)
    masks = Masks(recipe.preprocess.mask, recipe.preprocess.ndvi)
    return open_sources(
        scenes, recipe.input, masks, recipe.preprocess.haze, recipe.run.seed,
        light if recipe.input.dem else None,
    )  # fmt: skip


def _typed(scenes: Sequence[str] | Source) -> tuple[str, ...]:
    """Return scenes as a user would name them from any folder; none for a cube in memory."""
    if isinstance(scenes, Source):
        return ()
    return tuple(",".join(map(_absolute, scene.split(","))) for scene in scenes)


def _absolute(path: str) -> str:
    return str(Path(path).absolute()) if Path(path).exists() else path


def _check_executor(executor: Executor | None, source: Source, folder: Path) -> None:
    """Find out before the work that workers can do it."""
    if executor is not None:
        executor.check([str(path) for path in file_paths(source)], folder)


def _legend_to_match(like: str | None) -> Legend | None:
    if like is None:
        return None
    path = Path(like)
    path = path / "legend.json" if path.is_dir() else path
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--like {like} cannot be read as a legend ({error})") from None
    return edited_legend(text)


@dataclass(frozen=True)
class Prepared:
    """What a recipe is fitted to.

    Parameters
    ----------
    recipe : Recipe
        As it suits the scene.
    sample : Sample
        Of the bands.
    front : Front
        Fitted to it.
    features : Sample
        The same pixels' features.
    notes : tuple of str
        What the user should know.
    """

    recipe: Recipe
    sample: Sample
    front: Front
    features: Sample
    notes: tuple[str, ...]


def prepare(
    source: Source, recipe: Recipe, report: Reporter = silent, executor: Executor | None = None
) -> Prepared:
    """Draw the sample of a scene that a recipe is fitted to, and make features of it.

    Raises
    ------
    OutcropError
        If the scene holds nothing to fit, or the recipe does not suit its bands.
    """
    notes = _notes(source)
    recipe, changes = suited(recipe, source.bands)
    notes += changes
    run = recipe.run
    Columns.of(recipe, source.bands, source.name)  # before anything is read
    progress = report("Sampling")
    sample = draw(
        [source], run.sample, seed=run.seed, threads=run.threads, progress=progress,
        executor=executor,
    )  # fmt: skip
    notes += _sample_notes(source, sample)
    recipe, said = settle_clip(recipe, sample.rows, source.bands)
    notes += said
    with limited_threads(run.fit_threads):
        front = fit_front(sample, source.bands, recipe)
    features = features_of(source, sample, front, recipe, report, executor)
    return Prepared(recipe, sample, front, features, tuple(notes))


def _fit(
    source: Source,
    recipe: Recipe,
    like: Legend | None,
    report: Reporter,
    executor: Executor | None = None,
) -> tuple[Model, list[str], dict[str, Any]]:
    ready = prepare(source, recipe, report, executor)
    sample, front, features = ready.sample, ready.front, ready.features
    recipe, notes, run = ready.recipe, list(ready.notes), ready.recipe.run
    report("Fitting")
    started = time.perf_counter()
    with limited_threads(run.fit_threads, beside=run.threads):
        model = fit_model(sample, features, front, source.bands, recipe, like=like)
        seconds = time.perf_counter() - started
        scores = internal_scores(model.codes(features.rows), model.clusterer.labels_, run.seed)
    facts = {
        "fitted_pixels": len(sample.rows),
        "fit_seconds": round(seconds, 2),
        "internal_scores": scores,
        "selection": getattr(model.clusterer, "selection_", None),
        "training": getattr(model.reducer, "history_", []),
    }
    if lit_parts(source):
        before = _unlit_units(unlit(source), model, report)
        after = model.clusterer.labels_, sample.positions
        facts["illumination"], doubts = light_scores(source, before, after)
        notes += doubts
    return model, notes, facts


def _unlit_units(source: Source, model: Model, report: Reporter) -> Units:
    """Fit the recipe once more, to the bands with the light left in, for as many units."""
    run = model.recipe.run
    clusterer = with_step(model.recipe.clusterer, n_units=len(model.numbers))
    recipe = dataclasses.replace(model.recipe, clusterer=clusterer)
    progress = report("Sampling without the correction")
    sample = draw([source], run.sample, seed=run.seed, threads=run.threads, progress=progress)
    with limited_threads(run.fit_threads):
        front = fit_front(sample, source.bands, recipe)
    features = features_of(source, sample, front, recipe, report)
    with limited_threads(run.fit_threads):
        plain = fit_model(sample, features, front, source.bands, recipe)
    return plain.clusterer.labels_, sample.positions


def _assigned(source: Source, model: Model, recipe: Recipe, report: Reporter) -> Units:
    """Return the units that a model gives to sampled pixels of a scene, before refinement."""
    run = recipe.run
    progress = report("Sampling")
    sample = draw([source], run.sample, seed=run.seed, threads=run.threads, progress=progress)
    features = features_of(source, sample, model.front, recipe, report)
    return model.assign(model.codes(features.rows)), sample.positions


def _unlike_fit(model: Model, *, lit: bool) -> list[str]:
    fitted = model.recipe.input.dem is not None
    if fitted == lit:
        return []
    words = (
        ("a correction of", "has none: give --dem")
        if fitted
        else ("no correction of", "has one: its units may not be the model's")
    )
    return [f"the model was fitted with {words[0]} the light on slopes, and this scene {words[1]}"]


def features_of(
    source: Source,
    sample: Sample,
    front: Front,
    recipe: Recipe,
    report: Reporter = silent,
    executor: Executor | None = None,
) -> Sample:
    """Return the features of a sample's pixels: with smoothing, from the scene around them."""
    run = recipe.run
    if front.halo:
        return prepared(
            source, sample, front, neighbours=needs_neighbours(recipe), threads=run.threads,
            progress=report("Smoothing"), executor=executor,
        )  # fmt: skip
    rows, neighbours = scaled_pairs(front, sample)
    return dataclasses.replace(sample, rows=rows, neighbours=neighbours)


def _notes(source: Source) -> list[str]:
    notes = reading_notes(source)
    if len(source.bands) == 1:
        raise SceneError(
            f"{source.name} has a single band ({source.bands[0].name}); spectral units need at "
            "least 2, so join band files by commas or check --bands"
        )
    return notes


def _sample_notes(source: Source, sample: Sample) -> list[str]:
    notes = []
    constant = [
        b.name for b, low, high in zip(source.bands, sample.rows.min(0), sample.rows.max(0),
                                       strict=True) if low == high
    ]  # fmt: skip
    if len(constant) == len(source.bands):
        raise SceneError(
            f"{source.name}: every band is constant, so there is nothing to tell apart"
        )
    if constant:
        notes.append(f"constant, so without a say in the units: {listed(constant)}")
    if sample.zero > 0.001 * sample.valid:
        notes.append(
            f"{sample.zero / sample.valid:.1%} of the pixels are 0 in every band and count as "
            "data; if that is fill, add --nodata 0"
        )
    return notes + fill_notes(sample.rows)


@dataclass(frozen=True)
class _Job:
    """What a map is made from, besides the model."""

    out: Path
    source: Source
    recipe: Recipe
    notes: tuple[str, ...]
    facts: dict[str, Any]
    started: float
    checksum: bool
    executor: Executor | None = None
    journal: Journal | None = None
    library: SpectralLibrary | None = None
    scenes: tuple[str, ...] = ()


def _map_into(folder: Path, job: _Job, model: Model, report: Reporter) -> Result:
    for note in job.notes:
        log.warning(note)
    recipe, source, run = job.recipe, job.source, job.recipe.run
    applied = apply_model(
        model, source, folder,
        threads=run.threads, block=run.block, save_code=recipe.products.save_code,
        min_area=recipe.products.min_area, layers=recipe.products.indices,
        progress=report("Mapping"), executor=job.executor, journal=job.journal,
    )  # fmt: skip
    TILES.empty()  # the scene is not read again
    give_back()
    report("Drawing")
    legend = mapped_legend(model.legend, applied, georeferenced=source.grid.crs is not None)
    if not legend.mapped_pixels:
        if job.journal:
            job.journal.forget()
        raise SceneError(f"{source.name}: no pixel has data in every band; check --nodata, --aoi")
    sure = _confidence(folder, model, applied)
    if sure:
        legend = with_confidence(legend, sure["units"])
    write_styles(folder, legend)
    left_out = write_layers(folder, legend, source.grid, recipe.products.simplify)
    give_back()
    total = int(applied.sums.pixels.sum())
    odd = value_facts(applied.counts, model.bands, legend.mapped_pixels)
    dates = date_facts(source)
    late = (
        *value_notes(odd, clip=recipe.preprocess.clip),
        *date_notes(dates),
        *confidence_notes(sure, elsewhere="model" in job.facts),
    )
    for note in late:
        log.warning(note)
    notes = (*job.notes, *late)
    metrics = {
        "scene": source.name,
        "units": sum(u.pixels > 0 for u in legend.units),
        "pixels": total,
        "coverage": 1 - int(applied.sums.pixels[0]) / total,
        "seconds": round(time.perf_counter() - job.started, 2),
        "notes": list(notes),
        **job.facts,
        "confidence": sure,
        "odd_values": odd,
        "haze": haze_facts(source),
        "masks_by_date": dates,
        "indices": index_facts(applied.gauge.indices, applied.indices, model.bands),
    }
    legend = with_indices(legend, metrics["indices"])
    matches = _matches(legend, job.library)
    legend = dataclasses.replace(legend, units=with_matches(legend.units, matches))
    metrics |= {"matches": matches} if matches else {}
    metrics |= _origin(source, applied, recipe.products.datetime)
    if applied.reasons is not None:
        metrics["masked"] = mask.shares(applied.reasons.tolist())
        mask.write_mask_styles(folder, applied.reasons.tolist())
    proof = provenance.collect(source, model, recipe, job.scenes, checksum=job.checksum)
    if "illumination" in job.facts:
        proof["illumination"] = job.facts["illumination"]
    if matches:
        proof["library"] = matches["library"]
    settings = recipe_to_toml(recipe, proof)
    left_out |= write_item(folder, legend, source.grid, metrics, recipe)
    for name, why in left_out.items():
        # Few runs are for a catalogue, so that only who asks for more is told of the item.
        log.log(logging.INFO if name == "item.json" else logging.WARNING, f"no {name}: {why}")
    metrics["left_out"] = left_out
    (folder / "legend.json").write_text(legend.to_json() + "\n", "utf-8")
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", "utf-8")
    (folder / "run.toml").write_text(settings, "utf-8")
    write_pictures(
        folder, legend, source.grid, applied.composite, applied.composite_bands, metrics, recipe,
        settings,
    )  # fmt: skip
    return Result(job.out, legend, metrics, notes)


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


def _origin(source: Source, applied: Applied, when: str | None) -> dict[str, Any]:
    """Say what the scenes are, when they were taken, and how several became one."""
    facts: dict[str, Any] = {}
    if products := products_of(source):
        facts["product"] = list(products)
    if taken := when or acquired(source):
        facts["acquired"] = taken
    if radiometry := radiometry_of(source):
        facts["radiometry"] = radiometry
    if applied.clear is not None:
        facts["clear_observations"] = observations(applied.clear)
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
