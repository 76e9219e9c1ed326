"""From a scene to what a recipe is fitted to: a sample of its pixels, and their features."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from outcrop.config import Recipe
from outcrop.engine import Executor, limited_threads
from outcrop.errors import SceneError, listed
from outcrop.features.columns import Columns
from outcrop.fitting import fit_front, needs_neighbours, scaled_pairs
from outcrop.front import Front
from outcrop.odd_values import fill_notes, settle_clip
from outcrop.pipeline.reporting import Reporter, silent
from outcrop.pipeline.scenes import scene_notes
from outcrop.sample import Sample, draw, prepared
from outcrop.source import Source
from outcrop.suiting import suited


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
    notes = scene_notes(source)
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
