"""Runs: fit and map, fit alone, or map with a model; each leaves a whole folder or none."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from outcrop.config import Input, Recipe
from outcrop.engine import Executor
from outcrop.errors import OPTIONS, InputError
from outcrop.indices import require
from outcrop.matching import open_library
from outcrop.model import Model
from outcrop.pipeline.fitting import Fitted, fit, fitted_elsewhere
from outcrop.pipeline.mapping import Job, map_into
from outcrop.pipeline.reporting import Reporter, silent
from outcrop.pipeline.scenes import absolute, check_executor, opened
from outcrop.products.edit_log import edited_legend
from outcrop.products.legend import Legend
from outcrop.publish import check_free, staged
from outcrop.recipe_checks import check_recipe
from outcrop.result import Result
from outcrop.resuming import Journal, is_resumable, request
from outcrop.source import Source


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
    started = time.perf_counter()
    out = Path(out)
    check_free(out, overwrite=overwrite)
    legend = _legend_to_match(recipe.run.like)
    library = open_library(recipe.products.library)
    source = opened(scenes, recipe, executor, report)
    require(recipe.products.indices, source.bands, source.name)
    job = Job(out, source, recipe, started, absolute(scenes), checksum, executor, library)
    with staged(out, overwrite=overwrite, resume=resume) as folder:
        journal, fitted = _taken_up(
            folder, job, lambda: request(source, recipe),
            lambda: fit(source, recipe, legend, report, executor),
        )  # fmt: skip
        # As the fit has settled it.
        job = dataclasses.replace(job, recipe=fitted.model.recipe)
        return map_into(folder, job, fitted, journal, report)


def fit_scenes(
    scenes: Sequence[str] | Source,
    recipe: Recipe,
    out: Path | str,
    *,
    overwrite: bool = False,
    executor: Executor | None = None,
    report: Reporter = silent,
) -> Model:
    """Fit a recipe to scenes and publish the model as a folder.

    Parameters
    ----------
    scenes, recipe, overwrite, executor, report
        As for `map_scenes`.
    out : Path
        The folder to make.

    Returns
    -------
    Model

    Raises
    ------
    OutcropError
        Of the kind that fits; nothing is left behind.
    """
    out = Path(out)
    check_free(out, kind="model", overwrite=overwrite)
    legend = _legend_to_match(recipe.run.like)
    source = opened(scenes, recipe, executor, report)
    with staged(out, kind="model", overwrite=overwrite) as folder:
        check_executor(executor, source, folder)
        model = fit(source, recipe, legend, report, executor).model
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
    """Map scenes with a model that was fitted elsewhere.

    Parameters
    ----------
    model_folder : Path or str
        Of the model, or of a run.
    scenes, out, overwrite, resume, checksum, executor, report
        As for `map_scenes`.
    options : Input, optional
        What the scene's files do not say; what it leaves open is taken from the fit.
    preprocess : mapping, optional
        What is masked (``mask``, ``ndvi``) and whether ``haze`` is taken off, where it differs
        from the fit. Haze is estimated anew: it belongs to the scene.
    indices : sequence of str
        The layers of ``indices.tif``.
    threads : int, optional
        Instead of the fit's.
    datetime : str, optional
        When the scene was taken; that of the fit is another's.
    library : str, optional
        Spectral library to compare the units with.

    Returns
    -------
    Result

    Raises
    ------
    ModelError
        If the model is missing or was fitted on other bands or another quantity.
    OutcropError
        Of the kind that fits; nothing is left behind but finished blocks, to be resumed.
    """
    started = time.perf_counter()
    out = Path(out)
    check_free(out, overwrite=overwrite)
    model = Model.load(model_folder)
    known = open_library(library)
    recipe = _recipe_of(model.recipe, options or Input(), preprocess or {}, threads)
    told = dataclasses.replace(
        recipe.products, datetime=datetime, indices=tuple(indices), library=library
    )
    recipe = dataclasses.replace(recipe, products=told)
    check_recipe(recipe, OPTIONS)
    source = opened(scenes, recipe, executor, report)
    model.require_bands(source.bands, source.name)
    require(recipe.products.indices, source.bands, source.name)
    job = Job(out, source, recipe, started, absolute(scenes), checksum, executor, known)
    with staged(out, overwrite=overwrite, resume=resume) as folder:
        journal, fitted = _taken_up(
            folder, job, lambda: request(source, recipe, {"model": model.digest()}),
            lambda: fitted_elsewhere(source, model, str(model_folder), recipe, report),
        )  # fmt: skip
        return map_into(folder, job, fitted, journal, report)


def _taken_up(
    folder: Path, job: Job, asked: Callable[[], dict[str, Any]], begin: Callable[[], Fitted]
) -> tuple[Journal | None, Fitted]:
    """Go on with a run that was cut off, or begin it: the model is in the folder then.

    There is no journal of a scene that can't be recognised again.
    """
    check_executor(job.executor, job.source, folder)
    journal = Journal.open(folder, asked()) if is_resumable(job.source) else None
    if journal and journal.fitted:
        kept = journal.fitted
        return journal, Fitted(Model.load(folder / "model"), tuple(kept["notes"]), kept["facts"])
    fitted = begin()
    fitted.model.save(folder / "model")
    if journal:
        told = {"notes": list(fitted.notes), "facts": fitted.facts}
        journal.begin(told, folder / "model")
    return journal, fitted


#: What a model's recipe says of its scene, where another scene's own options do not.
_OF_THE_SENSOR = (
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


def _recipe_of(
    fitted: Recipe, options: Input, preprocess: Mapping[str, Any], threads: int | None
) -> Recipe:
    """Return the recipe of a fit for another scene, with what is said of that one."""
    kept = {f: getattr(fitted.input, f) for f in _OF_THE_SENSOR if getattr(options, f) is None}
    run = fitted.run if threads is None else dataclasses.replace(fitted.run, threads=threads)
    return dataclasses.replace(
        fitted,
        input=dataclasses.replace(options, **kept),
        preprocess=dataclasses.replace(fitted.preprocess, **preprocess),
        run=run,
    )


def _legend_to_match(like: str | None) -> Legend | None:
    if like is None:
        return None
    path = Path(like)
    path = path / "legend.json" if path.is_dir() else path
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"--like {like} cannot be read as a legend ({error}); give the folder of a run, or its "
            "legend.json"
        ) from None
    return edited_legend(text)
