"""From finished cells to what is published: ranking, notes, tables and the page."""

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
from outcrop import __version__
from outcrop.comparison.cells import Cell, read_units
from outcrop.comparison.contenders import CODE, Contender, baseline_name
from outcrop.comparison.grounds import Ground
from outcrop.comparison.groups import Groups, group
from outcrop.comparison.intervals import LEAST_GROUPS, Draws, Resampling, replicate
from outcrop.comparison.page import render
from outcrop.comparison.settings import Settings
from outcrop.comparison.summary import (
    cell_rows,
    class_rows,
    ranking,
    ranking_rows,
    stability,
)
from outcrop.comparison.tables import parquet_note, write_table
from outcrop.errors import InputError
from outcrop.evaluation.scores import match


@dataclass(frozen=True)
class Done:
    """All that was run."""

    contenders: tuple[Contender, ...]
    settings: Settings
    grounds: tuple[Ground, ...]
    cells: list[Cell]
    results: list[dict[str, Any]]

    def of(self, scene: str) -> list[tuple[Cell, dict[str, Any]]]:
        """Return the cells of a scene that came to an end."""
        both = zip(self.cells, self.results, strict=True)
        return [(c, r) for c, r in both if c.scene.name == scene and "error" not in r]


def publish(done: Done, folder: Path) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Score and rank what was run, and write tables, page and notes into the folder.

    Returns
    -------
    ranked : list of dict
        See `outcrop.comparison.summary.ranking`.
    notes : tuple of str

    Raises
    ------
    InputError
        If every recipe failed.
    """
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
    ground: Ground, done: Done, units: dict[tuple[str, int], dict[str, NDArray[np.uint8]]]
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
    ground: Ground,
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
    ground: Ground, done: Done, units: dict[tuple[str, int], dict[str, NDArray[np.uint8]]]
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


def _notes(done: Done, resampled: dict[str, tuple[Groups, str | None]]) -> tuple[str, ...]:
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
    done: Done,
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


def _scene_facts(ground: Ground, groups: Groups, why: str | None) -> dict[str, Any]:
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
