"""Scenes with what was read of them, and the cells that they make with the contenders."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import outcrop.comparison.design as designs
from outcrop.comparison.cells import Cell
from outcrop.comparison.contenders import Contender
from outcrop.comparison.scenes import Scene, Truth, identity, read_strata, read_truth
from outcrop.comparison.settings import Settings
from outcrop.errors import SceneError
from outcrop.grid import row_areas
from outcrop.pipeline import open_scenes
from outcrop.source import Source, file_paths

REFERENCES = "references"


@dataclass(frozen=True)
class Ground:
    """A scene with what was read of it."""

    scene: Scene
    truth: Truth
    pixels: int
    pixel_area: float | None
    file: Path
    identity: Any
    strata: NDArray[np.int64] | None


def distinct(scenes: Sequence[Scene]) -> list[Scene]:
    """Give scenes of one name a number."""
    if not scenes:
        raise SceneError("no scene was given; name at least one raster")
    names = [scene.name for scene in scenes]
    return [
        dataclasses.replace(s, name=f"{s.name} {names[: i + 1].count(s.name)}")
        if names.count(s.name) > 1
        else s
        for i, s in enumerate(scenes)
    ]


def read_ground(scene: Scene, settings: Settings, folder: Path) -> Ground:
    """Open a scene and read its reference, so that what can't be done is known at once."""
    from outcrop.config import load_recipe

    recipe = dataclasses.replace(load_recipe(), input=scene.input)
    source = open_scenes(list(scene.paths), recipe)
    truth = read_truth(scene, source)
    strata = None
    if settings.design:
        designs.check_design(truth.codes, scene.reference)
        strata = read_strata(settings.strata, source) if settings.strata else None
    path = reference_file(folder, scene.name)
    truth.save(path)
    known = json.loads(json.dumps(identity(scene, list(file_paths(source)))))
    pixels = int(np.prod(source.grid.shape))
    return Ground(scene, truth, pixels, _pixel_area(source), path, known, strata)


def reference_file(folder: Path, scene: str) -> Path:
    """Return where a comparison keeps the reference of a scene of that name."""
    name = "".join(c if c.isalnum() or c in "-_" else "_" for c in scene)
    return folder / REFERENCES / f"{name}.npz"


def _pixel_area(source: Source) -> float | None:
    """Return the area of a pixel in square metres (in degrees: the mean one)."""
    return None if source.grid.crs is None else float(np.mean(row_areas(source.grid)))


def cells_of(
    grounds: Sequence[Ground], contenders: Sequence[Contender], settings: Settings
) -> list[Cell]:
    """Return every cell, first seeds first: a comparison cut off early has something of all."""
    cells = []
    for seed in range(settings.seeds):
        for ground in grounds:
            for contender in contenders:
                if seed >= min(contender.seeds or settings.seeds, settings.seeds):
                    continue
                recipe = contender.on(ground.pixel_area and ground.pixel_area**0.5)
                run = dataclasses.replace(recipe.run, seed=seed, threads=1)
                recipe = dataclasses.replace(recipe, run=run, input=ground.scene.input)
                cells.append(
                    Cell(
                        ground.scene,
                        contender.name,
                        recipe,
                        ground.truth.classes,
                        str(ground.file),
                        ground.truth.digest(),
                        ground.identity,
                        settings.boundary,
                        settings.stability,
                        settings.numbers,
                    )
                )
    return cells
