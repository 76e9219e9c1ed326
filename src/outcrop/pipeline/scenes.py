"""What is to be mapped, opened as its recipe has it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from outcrop.config import Recipe
from outcrop.cover import cover_notes
from outcrop.describing import reading_notes
from outcrop.engine import Executor
from outcrop.errors import SceneError
from outcrop.indices import require
from outcrop.opening import open_sources
from outcrop.pipeline.reporting import Reporter, silent
from outcrop.quality import Masks
from outcrop.relief.fitting import without_relief
from outcrop.source import Source, file_paths


def open_scenes(scenes: Sequence[str] | Source, recipe: Recipe) -> Source:
    """Open what a recipe is to map, as `outcrop.pipeline.map_scenes` does before it fits.

    Raises
    ------
    OutcropError
        If the scenes cannot be opened, or the recipe does not fit them.
    """
    source = opened(scenes, recipe)
    require(recipe.products.indices, source.bands, source.name)
    scene_notes(source)
    return source


def opened(
    scenes: Sequence[str] | Source,
    recipe: Recipe,
    executor: Executor | None = None,
    report: Reporter = silent,
) -> Source:
    """Open scenes, with the light on slopes taken out where the recipe says so."""

    def light(scene: Source) -> Source:
        return without_relief(scene, recipe, report("Measuring the light"))

    if isinstance(scenes, Source):
        return light(scenes) if recipe.input.dem else scenes
    if executor is not None:  # other processes may have another working directory
        scenes = absolute(scenes)
    masks = Masks(recipe.preprocess.mask, recipe.preprocess.ndvi)
    return open_sources(
        scenes, recipe.input, masks, recipe.preprocess.haze, recipe.run.seed,
        light if recipe.input.dem else None,
    )  # fmt: skip


def absolute(scenes: Sequence[str] | Source) -> tuple[str, ...]:
    """Return scenes as a user would name them from any folder; none for a cube in memory."""
    if isinstance(scenes, Source):
        return ()
    return tuple(",".join(map(_absolute, scene.split(","))) for scene in scenes)


def _absolute(path: str) -> str:
    return str(Path(path).absolute()) if Path(path).exists() else path


def check_executor(executor: Executor | None, source: Source, folder: Path) -> None:
    """Find out before the work that workers can do it."""
    if executor is not None:
        executor.check([str(path) for path in file_paths(source)], folder)


def scene_notes(source: Source) -> list[str]:
    """Return what the user should know of a scene; SceneError where there is nothing to map."""
    notes = reading_notes(source)
    if len(source.bands) == 1:
        raise SceneError(
            f"{source.name} has a single band ({source.bands[0].name}); spectral units need at "
            "least 2, so join band files by commas or check --bands"
        )
    return notes + cover_notes(source)
