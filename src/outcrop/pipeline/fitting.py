"""A recipe fitted to a scene, and a scene that a fitted model is applied to."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import Any

from outcrop.config import Recipe, with_step
from outcrop.engine import Executor, limited_threads
from outcrop.fitting import fit_front, fit_model
from outcrop.lighting import Units, light_scores, lit_parts, unlit
from outcrop.model import Model
from outcrop.pipeline.preparing import features_of, prepare
from outcrop.pipeline.reporting import Reporter
from outcrop.pipeline.scenes import scene_notes
from outcrop.products.legend import Legend
from outcrop.sample import draw
from outcrop.scoring import internal_scores
from outcrop.source import Source


@dataclass(frozen=True)
class Fitted:
    """A model, and what is told of it on a scene.

    Parameters
    ----------
    model : Model
    notes : tuple of str
        What the user should know.
    facts : dict
        What ``metrics.json`` holds of it.
    """

    model: Model
    notes: tuple[str, ...]
    facts: dict[str, Any]


def fit(
    source: Source,
    recipe: Recipe,
    like: Legend | None,
    report: Reporter,
    executor: Executor | None = None,
) -> Fitted:
    """Fit a recipe to a scene; arguments as `outcrop.pipeline.prepare` and `fit_model`."""
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
    return Fitted(model, tuple(notes), facts)


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


def fitted_elsewhere(
    source: Source, model: Model, folder: str, recipe: Recipe, report: Reporter
) -> Fitted:
    """Take a model from a folder, and say what is to be told of it on another scene."""
    lit = bool(lit_parts(source))
    notes, facts = scene_notes(source) + _unlike_fit(model, lit=lit), {"model": folder}
    if not lit:
        return Fitted(model, tuple(notes), facts)
    units = (_assigned(s, model, recipe, report) for s in (unlit(source), source))
    scores, doubts = light_scores(source, *units)
    return Fitted(model, (*notes, *doubts), {**facts, "illumination": scores})


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
