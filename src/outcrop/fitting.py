"""Fitting the steps of a recipe to a sample, one after the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.clustering import CLUSTERERS
from outcrop.confidence import Confidence
from outcrop.config import Recipe, Step
from outcrop.errors import InputError, OutcropError, RecipeError, listed
from outcrop.estimator import Estimator
from outcrop.features.columns import Columns
from outcrop.front import Front
from outcrop.model import COMPRESSOR, Model
from outcrop.parameters import OF_THE_RUN
from outcrop.preprocess import SCALERS
from outcrop.products.legend import Legend
from outcrop.products.numbering import number_units
from outcrop.reduction import REDUCERS
from outcrop.registry import Registry
from outcrop.sample import Sample
from outcrop.sensors.base import Band
from outcrop.smoothing import SMOOTHERS


def fit_front(sample: Sample, bands: tuple[Band, ...], recipe: Recipe) -> Front:
    """Fit scaling and smoothing to a sample of the bands.

    Raises
    ------
    InputError
        If the transform needs reflectance and the bands are not.
    """
    transform = recipe.features.transform
    if transform != "none":
        _require_reflectance(bands, transform)
    columns = Columns.of(recipe, bands)
    scaler = _build(
        SCALERS, Step(recipe.preprocess.scale), recipe.run.seed, linear=columns.linear
    ).fit(columns(sample.rows))
    front = Front(columns, scaler, None)
    scaled, neighbours = scaled_pairs(front, sample)
    if recipe.features.compresses(len(bands)):
        compressor = REDUCERS.load(COMPRESSOR)(recipe.features.compress_to)
        compressor.fit(scaled, neighbours=neighbours)
        front = dataclasses.replace(front, compressor=compressor)
        scaled, neighbours = scaled_pairs(front, sample)
    smoother = _build(SMOOTHERS, recipe.smooth, recipe.run.seed)
    return dataclasses.replace(front, smoother=smoother.fit(scaled, neighbours=neighbours))


def scaled_pairs(front: Front, sample: Sample) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a sample's rows and neighbours as scaled features, not smoothed."""
    rows = front.scaled(sample.rows)
    neighbours = np.full_like(rows, np.nan)
    known = np.isfinite(sample.neighbours).all(axis=1)
    if known.any():
        neighbours[known] = front.scaled(sample.neighbours[known])
    return rows, neighbours


def fit_model(
    sample: Sample,
    features: Sample,
    front: Front,
    bands: tuple[Band, ...],
    recipe: Recipe,
    *,
    like: Legend | None = None,
    reducer: Estimator | None = None,
) -> Model:
    """Fit a recipe to a sample.

    Parameters
    ----------
    sample : Sample
        Of the bands.
    features : Sample
        The same pixels' features, as ``front`` gives them.
    front : Front
        See `fit_front`.
    bands : tuple of Band
    recipe : Recipe
    like : Legend, optional
        Units of another run, whose numbers, names and colours the nearest units take over.
    reducer : Estimator, optional
        Fitted by this recipe to these rows before, where only the units are sought anew.

    Raises
    ------
    InputError
        If a step needs what the bands do not have, or there are fewer rows than units.
    """
    seed = recipe.run.seed
    if reducer is None:
        reducer = _build(REDUCERS, recipe.reducer, seed, device=recipe.run.device)
        beside = {"neighbours": features.neighbours} if needs_neighbours(recipe) else {}
        reducer = _fitted(reducer, recipe.reducer, features.rows, **beside)
    clusterer = _build(CLUSTERERS, recipe.clusterer, seed)
    codes = reducer.transform(features.rows)
    clusterer = _fitted(clusterer, recipe.clusterer, codes, places=sample.positions)
    labels = clusterer.labels_
    means = [sample.rows[labels == k].mean(axis=0, dtype=float) for k in range(labels.max() + 1)]
    order, legend = number_units(np.stack(means), np.bincount(labels), bands, like)
    clusterer.reorder(order)
    numbers = tuple(u.number for u in legend.units)
    resolved = dataclasses.replace(
        recipe,
        smooth=_resolved(recipe.smooth, front.smoother),
        reducer=_resolved(recipe.reducer, reducer),
        clusterer=_resolved(recipe.clusterer, clusterer),
    )
    fitted = (front.scaler, front.smoother, reducer, clusterer)
    confidence = Confidence.of(clusterer, codes, resolved)
    return Model(bands, resolved, *fitted, numbers, legend, front.compressor, confidence)


def _resolved(step: Step, estimator: Estimator) -> Step:
    """Return a step with every parameter written out: a later version's defaults may differ."""
    params = estimator.get_params(deep=False)
    return Step(step.name, {k: v for k, v in params.items() if k not in OF_THE_RUN})


def _build(table: Registry, step: Step, seed: int, **extra: Any) -> Estimator:
    """Make an estimator, giving it the seed and whatever else of the run it takes."""
    kind = table.load(step.name)
    known = kind().get_params(deep=False)
    run = {k: v for k, v in {"random_state": seed, **extra}.items() if k in known}
    try:
        estimator: Estimator = kind(**{**run, **step.params})
    except TypeError as error:
        raise InputError(f"{table.kind} {step.name}: {error}") from None
    return estimator


def needs_neighbours(recipe: Recipe) -> bool:
    """Tell whether a recipe's reducer is fitted on neighbours besides rows."""
    return bool(getattr(REDUCERS.load(recipe.reducer.name), "needs_neighbours", False))


def _fitted(
    estimator: Estimator, step: Step, rows: NDArray[np.float32], **beside: Any
) -> Estimator:
    """Fit, and turn what the libraries say of a bad parameter into one of our errors."""
    try:
        fitted: Estimator = estimator.fit(rows, **beside)
    except OutcropError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        given = ", ".join(f"{k} = {v!r}" for k, v in step.params.items()) or "its defaults"
        raise RecipeError(
            f"{step.name} cannot be fitted with {given} to {len(rows)} rows of "
            f"{rows.shape[1]} columns: {error}"
        ) from error
    return fitted


def _require_reflectance(bands: Sequence[Band], step: str) -> None:
    known = [b for b in bands if b.quantity not in ("reflectance", "unknown")]
    if known:
        names = ", ".join(f"{b.name} ({b.quantity})" for b in known)
        raise InputError(
            f"features.transform = {step!r} needs reflectance, which {names} cannot be; leave "
            f"{'it' if len(known) == 1 else 'them'} out with --bands"
        )
    unknown = [b.name for b in bands if b.quantity == "unknown"]
    if unknown:
        raise InputError(
            f"features.transform = {step!r} needs reflectance, but the quantity of "
            f"{listed(unknown)} is unknown; give --scale and --offset (1 and 0 if the "
            "values are reflectance already)"
        )
