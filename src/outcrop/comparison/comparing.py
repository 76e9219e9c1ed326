"""A whole comparison: scenes x contenders x seeds, scored, ranked and published."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcrop.comparison.cells import CELLS, MAPS, WORK, Cell
from outcrop.comparison.contenders import Contender
from outcrop.comparison.grounds import REFERENCES, Ground, cells_of, distinct, read_ground
from outcrop.comparison.publishing import Done, publish
from outcrop.comparison.running import project, run_cells
from outcrop.comparison.scenes import SCENES, Scene
from outcrop.comparison.settings import Settings, check
from outcrop.pipeline import Reporter, silent
from outcrop.publish import check_free, staged


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
    check(settings, contenders)
    check_free(out, kind="comparison", overwrite=overwrite or resume)
    with staged(out, kind="comparison", overwrite=overwrite or resume, resume=resume) as folder:
        if resume:
            _take_over(out, folder)
        for name in (CELLS, MAPS, REFERENCES, WORK):
            (folder / name).mkdir(exist_ok=True)
        given = scenes(folder) if callable(scenes) else scenes
        grounds = [read_ground(scene, settings, folder) for scene in distinct(given)]
        cells = cells_of(grounds, contenders, settings)
        results = _run(cells, grounds, folder, settings, report, say)
        shutil.rmtree(folder / WORK)
        done = Done(tuple(contenders), settings, tuple(grounds), cells, results)
        report("Scoring")
        ranked, notes = publish(done, folder)
    return Comparison(out, ranked, notes)


def _take_over(out: Path, folder: Path) -> None:
    """Take what a finished comparison can lend, unless there is some already."""
    for name in (CELLS, MAPS, SCENES):
        if (out / name).is_dir() and not (folder / name).exists():
            shutil.copytree(out / name, folder / name)


def _run(
    cells: Sequence[Cell],
    grounds: Sequence[Ground],
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
        side_by_side = min(workers, len(waiting))
        say(
            f"{before}{len(waiting)} cells to do (scenes x recipes x seeds), about "
            f"{_duration(seconds)} with {side_by_side} process{'es' if side_by_side > 1 else ''}"
        )
    else:
        say(f"all {len(cells)} cells are finished")
    return run_cells(cells, folder, workers=workers, progress=report("Comparing"))


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
