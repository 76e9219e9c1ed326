"""A whole comparison: scenes x contenders x seeds, scored, ranked and published."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import outcrop.comparison.design as designs
from outcrop import __version__
from outcrop.comparison.cells import CELLS, MAPS, NUMBERS, WORK, Cell, read_units
from outcrop.comparison.contenders import CODE, Contender, baseline_name
from outcrop.comparison.groups import Groups, group
from outcrop.comparison.intervals import LEAST_GROUPS, Draws, Resampling, replicate
from outcrop.comparison.page import render
from outcrop.comparison.running import project, run_cells
from outcrop.comparison.scenes import Scene, Truth, identity, read_strata, read_truth
from outcrop.comparison.summary import (
    cell_rows,
    class_rows,
    ranking,
    ranking_rows,
    stability,
)
from outcrop.comparison.tables import parquet_note, write_table
from outcrop.errors import InputError, SceneError
from outcrop.evaluation.scores import match
from outcrop.grid import row_areas
from outcrop.pipeline import Reporter, open_scenes, silent
from outcrop.publish import check_free, staged
from outcrop.source import Source, file_paths

REFERENCES = "references"


@dataclass(frozen=True)
class Settings:
    """How a comparison is carried out.

    Parameters
    ----------
    seeds : int
        For each contender, but for those that get fewer.
    workers : int
        Processes, of one thread each; 0: one a core.
    boundary : int
        Pixels that boundaries may be off.
    stability : bool
        Whether every recipe is fitted once more to a bootstrapped sample.
    resample : {"auto", "polygons", "blocks"}
        What intervals are made of; see `outcrop.comparison.groups.group`.
    design : {"random", "stratified"}, optional
        Of the sample that the reference is; without it no areas are estimated.
    strata : str, optional
        The map that a stratified sample was drawn by.
    code_size : int
        Of the reducers that are compared with all else the same.
    numbers : tuple of str
        Of units; see `outcrop.comparison.cells.numbers_of`.
    """

    seeds: int = 5
    workers: int = 0
    boundary: int = 2
    stability: bool = True
    resample: str = "auto"
    design: str | None = None
    strata: str | None = None
    code_size: int = 2
    numbers: tuple[str, ...] = NUMBERS


@dataclass(frozen=True)
class Comparison:
    """A finished comparison.

    Parameters
    ----------
    folder : Path
    ranked : list of dict
        See `outcrop.comparison.summary.ranking`.
    notes : tuple of str
    """

    folder: Path
    ranked: list[dict[str, Any]]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Ground:
    """A scene with what was read of it."""

    scene: Scene
    truth: Truth
    pixels: int
    pixel_area: float | None
    file: Path
    identity: Any
    strata: NDArray[np.int64] | None


def compare(
    scenes: Sequence[Scene] | Callable[[Path], Sequence[Scene]],
    contenders: Sequence[Contender],
    out: Path | str,
    settings: Settings | None = None,
    *,
    overwrite: bool = False,
    resume: bool = False,
    report: Reporter = silent,
    say: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Compare recipes on scenes with references, and publish tables and a page.

    Parameters
    ----------
    scenes : sequence of Scene, or callable
        A callable is given the folder to write scenes into, and returns them.
    contenders : sequence of Contender
    out : Path
        The folder to make.
    settings : Settings, optional
    overwrite : bool
        Begin anew where there is a comparison already.
    resume : bool
        Take over the finished cells of a comparison there, whole or cut off.
    report, say : callable
        Told of stages, and given lines to show.

    Returns
    -------
    Comparison

    Raises
    ------
    OutcropError
        Of the kind that fits; finished cells are kept, to be resumed.
    """
    out, settings = Path(out), settings or Settings()
    _check(settings, contenders)
    check_free(out, kind="comparison", overwrite=overwrite or resume)
    with staged(out, kind="comparison", overwrite=overwrite or resume, resume=resume) as folder:
        if resume:
            _take_over(out, folder)
        for name in (CELLS, MAPS, REFERENCES, WORK):
            (folder / name).mkdir(exist_ok=True)
        given = scenes(folder) if callable(scenes) else scenes
        grounds = [_read(scene, settings, folder) for scene in _distinct(given)]
        cells = _cells(grounds, contenders, settings)
        results = _run(cells, grounds, folder, settings, report, say)
        shutil.rmtree(folder / WORK)
        done = _Done(tuple(contenders), settings, tuple(grounds), cells, results)
        report("Scoring")
        ranked, notes = _publish(done, folder)
    return Comparison(out, ranked, notes)


def _check(settings: Settings, contenders: Sequence[Contender]) -> None:
    """Refuse what can't be meant, before anything is done."""
    from outcrop.errors import unknown_name

    if settings.seeds < 1 or settings.workers < 0 or settings.boundary < 0:
        raise InputError(
            f"--seeds {settings.seeds} must be 1 or more, --workers {settings.workers} and "
            f"--boundary {settings.boundary} 0 or more"
        )
    if not contenders:
        raise InputError("there is nothing to compare; name recipes with --recipes")
    ways = ("auto", "polygons", "blocks")
    if settings.resample not in ways:
        raise InputError("--resample: " + unknown_name("way", settings.resample, ways))
    if settings.design not in (None, *designs.DESIGNS):
        raise InputError("--design: " + unknown_name("design", settings.design, designs.DESIGNS))
    if (settings.design == "stratified") != (settings.strata is not None):
        raise InputError(
            "--design stratified and --strata MAP go together: the map says how much ground each "
            "point stands for"
        )


def _take_over(out: Path, folder: Path) -> None:
    """Take the cells and maps of a finished comparison, unless there are some already."""
    for name in (CELLS, MAPS):
        if (out / name).is_dir() and not (folder / name).exists():
            shutil.copytree(out / name, folder / name)


def _distinct(scenes: Sequence[Scene]) -> list[Scene]:
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


def _read(scene: Scene, settings: Settings, folder: Path) -> _Ground:
    """Open a scene and read its reference, so that what can't be done is known at once."""
    from outcrop.config import load_recipe

    recipe = dataclasses.replace(load_recipe(), input=scene.input)
    source = open_scenes(list(scene.paths), recipe)
    truth = read_truth(scene, source)
    strata = None
    if settings.design:
        designs.check_design(truth.codes, scene.reference)
        strata = read_strata(settings.strata, source) if settings.strata else None
    name = "".join(c if c.isalnum() or c in "-_" else "_" for c in scene.name)
    path = folder / REFERENCES / f"{name}.npz"
    truth.save(path)
    known = json.loads(json.dumps(identity(scene, list(file_paths(source)))))
    pixels = int(np.prod(source.grid.shape))
    return _Ground(scene, truth, pixels, _pixel_area(source), path, known, strata)


def _pixel_area(source: Source) -> float | None:
    """Return the area of a pixel in square metres (in degrees: the mean one)."""
    return None if source.grid.crs is None else float(np.mean(row_areas(source.grid)))


def _cells(
    grounds: Sequence[_Ground], contenders: Sequence[Contender], settings: Settings
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


def _run(
    cells: Sequence[Cell],
    grounds: Sequence[_Ground],
    folder: Path,
    settings: Settings,
    report: Reporter,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    from outcrop.comparison.cells import read_cell

    workers = settings.workers or os.cpu_count() or 1
    found = {cell.key: read_cell(cell, folder) for cell in cells}
    done = [facts for facts in found.values() if facts is not None]
    waiting = [cell for cell in cells if found[cell.key] is None]
    if waiting:
        pixels = {g.scene.name: g.pixels for g in grounds}
        seconds = project(waiting, pixels, done) / min(workers, len(waiting))
        before = f"{len(done)} cells are finished; " if done else ""
        say(
            f"{before}{len(waiting)} cells to do (scenes x recipes x seeds), about "
            f"{_duration(seconds)} with {min(workers, len(waiting))} processes"
        )
    else:
        say(f"all {len(cells)} cells are finished")
    return run_cells(cells, folder, workers=workers, progress=report("Comparing"))


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@dataclass(frozen=True)
class _Done:
    """All that was run."""

    contenders: tuple[Contender, ...]
    settings: Settings
    grounds: tuple[_Ground, ...]
    cells: list[Cell]
    results: list[dict[str, Any]]

    def of(self, scene: str) -> list[tuple[Cell, dict[str, Any]]]:
        """Return the cells of a scene that came to an end."""
        both = zip(self.cells, self.results, strict=True)
        return [(c, r) for c, r in both if c.scene.name == scene and "error" not in r]


def _publish(done: _Done, folder: Path) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    if all("error" in r for r in done.results):
        first = done.results[0]
        raise InputError(
            f"no recipe could be run: {first['contender']} on {first['scene']}: {first['error']}"
        )
    replicates: dict[tuple[str, str, int, str], dict[str, Draws]] = {}
    steady: dict[str, list[Any]] = {c.name: [] for c in done.contenders}
    resampled, areas = {}, []
    for ground in done.grounds:
        units = {
            (c.contender, c.seed): read_units(c.key, folder) for c, _ in done.of(ground.scene.name)
        }
        groups, why = _groups(ground, done, units)
        resampled[ground.scene.name] = groups, why
        if why is None:
            replicates |= _replicates(ground, groups, units)
        for name, found in steady.items():
            found.append(
                stability([u["bootstrapped"] for (c, _), u in units.items()
                           if c == name and "bootstrapped" in u])
            )  # fmt: skip
        if done.settings.design:
            areas += _areas(ground, done, units)
    baseline = baseline_name(done.settings.code_size)
    names = [c.name for c in done.contenders]
    ranked = ranking(
        done.contenders, done.results, replicates,
        {name: _joined(found) for name, found in steady.items()},
        baseline if baseline in names else None,
    )  # fmt: skip
    notes = _notes(done, resampled)
    _write(done, ranked, notes, areas, resampled, folder)
    return ranked, notes


def _groups(
    ground: _Ground, done: _Done, units: dict[tuple[str, int], dict[str, NDArray[np.uint8]]]
) -> tuple[Groups, str | None]:
    """Return what is resampled in a scene, and why intervals would tell nothing, if so."""
    codes = ground.truth.codes
    labels = codes[ground.truth.labelled]
    errors = [
        _errors(labels, found["classes"], len(ground.truth.classes))
        for (_, seed), found in units.items()
        if seed == 0
    ]
    groups = group(codes, errors, done.settings.resample)  # type: ignore[arg-type]
    if groups.count < LEAST_GROUPS:
        return groups, (
            f"{ground.scene.name}: no intervals, since the reference has {groups.count} "
            f"{groups.kind}; whole {groups.kind} are resampled, and {LEAST_GROUPS} are the least"
        )
    return groups, None


def _errors(
    labels: NDArray[np.uint16], units: NDArray[np.uint8], classes: int
) -> NDArray[np.bool_]:
    """Return where a map is wrong under its best one-to-one matching."""
    from outcrop.comparison.measures import contingency

    counts = contingency(labels, units, classes)
    counts[:, 0] = 0
    wrong = np.ones(len(labels), bool)
    for i, j in match(counts):
        wrong &= ~((labels == i + 1) & (units == j))
    return wrong


def _replicates(
    ground: _Ground,
    groups: Groups,
    units: dict[tuple[str, int], dict[str, NDArray[np.uint8]]],
) -> dict[tuple[str, str, int, str], dict[str, Draws]]:
    labels, classes = ground.truth.codes[ground.truth.labelled], len(ground.truth.classes)
    resampling = Resampling.of(groups)
    return {
        (ground.scene.name, contender, seed, name): replicate(
            resampling, groups, labels, labelled, classes
        )
        for (contender, seed), found in units.items()
        for name, labelled in found.items()
        if name != "bootstrapped"
    }


def _joined(found: Sequence[Any]) -> Any:
    some = [s for s in found if s is not None]
    if not some:
        return None
    mean = float(np.mean([s.mean for s in some]))
    return dataclasses.replace(some[0], mean=mean, least=min(s.least for s in some))


def _areas(
    ground: _Ground, done: _Done, units: dict[tuple[str, int], dict[str, NDArray[np.uint8]]]
) -> list[dict[str, Any]]:
    """Estimate accuracy and areas of the first seed's maps, at each number of units."""
    labelled = ground.truth.labelled
    codes = ground.truth.codes[labelled].astype(np.int64)
    rows = []
    for cell, facts in done.of(ground.scene.name):
        if cell.seed:
            continue
        for name, scored in facts["numbers"].items():
            at = units[cell.contender, 0][name].astype(np.int64)
            pixels = np.asarray(scored["unit_pixels"])
            strata = at
            if ground.strata is not None:
                strata, pixels = ground.strata[labelled], np.bincount(ground.strata.ravel())
            weights = designs.shares(pixels)
            area = float(pixels[1:].sum()) * (ground.pixel_area or 1.0)
            sampled = designs.Sampled(codes, at, strata, weights)
            rows.append(
                {
                    "scene": ground.scene.name,
                    "contender": cell.contender,
                    "number": name,
                    "area_unit": "m2" if ground.pixel_area else "pixel",
                    **designs.estimate(sampled, ground.truth.classes, area),
                }
            )
    return rows


def _notes(done: _Done, resampled: dict[str, tuple[Groups, str | None]]) -> tuple[str, ...]:
    notes = []
    for ground in done.grounds:
        notes += [f"{ground.scene.name}: {note}" for note in ground.truth.notes]
        groups, why = resampled[ground.scene.name]
        notes += [why] if why else [f"{ground.scene.name}: {note}" for note in groups.notes]
    for cell, facts in zip(done.cells, done.results, strict=True):
        notes += [f"{cell.scene.name}, {cell.contender}: {n}" for n in facts.get("notes", ())]
        if "error" in facts:
            notes.append(f"{cell.contender} failed on {cell.scene.name}: {facts['error']}")
    if done.settings.design is None:
        notes.append(designs.REFUSED)
    if note := parquet_note():
        notes.append(note)
    return tuple(dict.fromkeys(notes))


def _write(
    done: _Done,
    ranked: list[dict[str, Any]],
    notes: Sequence[str],
    areas: list[dict[str, Any]],
    resampled: dict[str, tuple[Groups, str | None]],
    folder: Path,
) -> None:
    write_table(folder, "cells", cell_rows(done.results))
    write_table(folder, "classes", class_rows(done.results))
    write_table(folder, "ranking", ranking_rows(ranked))
    if areas:
        write_table(folder, "areas", designs.flat_rows(areas))
    scenes = [_scene_facts(g, *resampled[g.scene.name]) for g in done.grounds]
    facts = {
        "outcrop comparison": __version__,
        "settings": dataclasses.asdict(done.settings),
        "scenes": scenes,
        "contenders": [c.name for c in done.contenders],
        "baseline": baseline_name(done.settings.code_size)
        if any(c.kind == CODE for c in done.contenders)
        else None,
        "ranked": [
            {**row, "stability": row.get("stability") and dataclasses.asdict(row["stability"])}
            for row in ranked
        ],
        "areas": areas,
        "notes": list(notes),
    }
    (folder / "comparison.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    maps = {
        g.scene.name: (g.truth, [(c, r) for c, r in done.of(g.scene.name) if c.seed == 0])
        for g in done.grounds
    }
    (folder / "report.html").write_text(render(facts, maps, folder), "utf-8")


def _scene_facts(ground: _Ground, groups: Groups, why: str | None) -> dict[str, Any]:
    codes = ground.truth.codes
    return {
        "name": ground.scene.name,
        "paths": list(ground.scene.paths) if ground.scene.origin is None else [],
        "origin": ground.scene.origin,
        "reference": ground.scene.reference if ground.scene.origin is None else "its own geology",
        "shape": list(codes.shape),
        "classes": list(ground.truth.classes),
        "class_pixels": np.bincount(codes.ravel())[1:].tolist(),
        "labelled": int((codes > 0).sum()),
        "groups": groups.count,
        "group_kind": groups.kind,
        "block_pixels": groups.side,
        "error_range_pixels": groups.error_range,
        "no_intervals": why,
    }
