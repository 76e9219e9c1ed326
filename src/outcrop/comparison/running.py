"""Cells in worker processes: what is finished is not run again, and what a run will take."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from outcrop import durable
from outcrop.comparison.cells import Cell, named, read_cell, run_cell
from outcrop.config import Recipe
from outcrop.errors import OutputError
from outcrop.publish import STATE

#: Seconds for a million rows of a fit with the number of units given, on one core of a machine
#: that does `_speed` in 0.1 s. Rough: what is
#: finished of a comparison corrects them.
FIT = {"none": 0.0, "pca": 0.2, "mnf": 0.5, "autoencoder": 30.0, "stacked": 130.0}
#: And of networks by their design.
DESIGNS = {"nagar2024": 30.0}
CLUSTER = {"kmeans": 5.0, "mixture": 40.0, "student": 3.0}
#: Seconds of such a fit that hardly depend on the rows: the robust mixture is sought on some
#: thousands.
ONCE = {"student": 3.7}
#: Seconds that choosing the number takes on a subsample, whatever the size of the scene.
AUTO = 3.5
#: Seconds for a million pixels of a map.
MAP = {"none": 1.0, "bilateral": 1.6}
#: Seconds of a cell that depend on nothing.
LEAST = 1.0
_SPEED_S = 0.1


def project(cells: Sequence[Cell], pixels: dict[str, int], done: Sequence[dict[str, Any]]) -> float:
    """Estimate the seconds that cells take on one core.

    Parameters
    ----------
    cells : sequence of Cell
        Those to be done.
    pixels : dict of str to int
        By scene.
    done : sequence of dict
        Results of cells that are finished: how long those took beside what was estimated
        corrects the estimate; without any, the speed of this machine does.
    """
    by_recipe: list[tuple[float, float]] = [
        (f["seconds"], _estimate_of(f, pixels)) for f in done if f["scene"] in pixels
    ]
    if by_recipe:
        factor = sum(real for real, _ in by_recipe) / sum(guess for _, guess in by_recipe)
    else:
        factor = _speed() / _SPEED_S
    return factor * sum(
        estimate(c.recipe, pixels[c.scene.name], c.stability, c.wanted) for c in cells
    )


def _estimate_of(facts: dict[str, Any], pixels: dict[str, int]) -> float:
    import tomllib

    from outcrop.config import parse_recipe

    recipe = parse_recipe(tomllib.loads(facts["recipe"]))
    stability = facts["stability"]
    return estimate(recipe, pixels[facts["scene"]], stability, tuple(facts["numbers"]))


def estimate(recipe: Recipe, pixels: int, stability: bool, numbers: Sequence[str]) -> float:
    """Estimate the seconds of one cell on the machine that the rates were taken on."""
    rows = pixels if recipe.run.sample == "all" else min(pixels, recipe.run.sample)
    design = str(recipe.reducer.params.get("design"))
    reducing = DESIGNS.get(design, FIT.get(recipe.reducer.name, 30.0))
    clustering = CLUSTER.get(recipe.clusterer.name, 40.0)
    mapping = MAP.get(recipe.smooth.name, 1.6)
    maps = len(numbers) + stability
    fit = (1 + stability) * reducing + maps * clustering
    once = maps * ONCE.get(recipe.clusterer.name, 0.0) + (AUTO if "auto" in numbers else 0.0)
    return LEAST + once + (rows * fit + pixels * maps * mapping) / 1e6


def _speed() -> float:
    """Time a piece of work of the kind that a cell does."""
    import numpy as np

    from outcrop.engine import limited_threads

    rows = np.random.default_rng(0).standard_normal((200_000, 8)).astype(np.float32)
    centres = rows[:16].T.copy()
    with limited_threads():
        started = time.perf_counter()
        for _ in range(8):
            (rows @ centres).argmax(axis=1)
        return time.perf_counter() - started


def run_cells(
    cells: Sequence[Cell],
    folder: Path,
    *,
    workers: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, Any]]:
    """Do what is not finished, in processes of one thread each; return every result, in order.

    Parameters
    ----------
    cells : sequence of Cell
    folder : Path
        Where their results go; ``state.json`` in it counts the finished ones, which is what
        keeps the folder when the run is cut off.
    workers : int
        Processes; with 1 the cells are done in this one, which notebooks need.
    progress : callable, optional
        Called with (cells done, cells in all).

    Raises
    ------
    OutputError
        If a worker process dies.
    """
    results = {cell.key: read_cell(cell, folder) for cell in cells}
    waiting = [c for key, c in {c.key: c for c in cells}.items() if results[key] is None]
    done = len(results) - len(waiting)

    def tell() -> None:
        _note(folder, done)
        if progress:
            progress(done, len(results))

    tell()
    for cell, facts in _done(waiting, folder, min(workers, len(waiting))):
        results[cell.key] = facts
        done += "error" not in facts
        tell()
    return [{**results[c.key], **named(c)} for c in cells]  # type: ignore[dict-item]


def _done(
    cells: Sequence[Cell], folder: Path, workers: int
) -> Iterator[tuple[Cell, dict[str, Any]]]:
    """Do cells and return each with its result as it is finished."""
    if workers <= 1:
        yield from ((cell, run_cell(cell, folder)) for cell in cells)
        return
    with _pool(workers) as pool:
        futures = {pool.submit(run_cell, cell, folder): cell for cell in cells}
        for future in _finished(futures):
            yield futures[future], future.result()


def _finished(futures: Iterable[Future[Any]]) -> Iterator[Future[Any]]:
    for future in as_completed(futures):
        if isinstance(error := future.exception(), BrokenProcessPool):
            raise OutputError(
                "a worker process died, most likely for want of memory; go on with --resume and "
                "fewer --workers, or compare on a part of the scene (--aoi)"
            ) from error
        yield future


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Give processes, and on an error or Ctrl-C end them at once: their cells are not finished."""
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        yield pool
    except BaseException:
        processes = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()
        raise
    pool.shutdown()


def _note(folder: Path, done: int) -> None:
    """Say how many cells are finished; see `outcrop.publish`."""
    finished = [[0, done - 1]] if done else []
    durable.replace_text(folder / STATE, json.dumps({"of": "cell", "finished": finished}) + "\n")
