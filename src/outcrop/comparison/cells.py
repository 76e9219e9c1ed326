"""One cell: a recipe on a scene with a seed, fitted, mapped and scored at several numbers of units.

It leaves ``cells/KEY.npz`` (units of the labelled pixels, and what stability is measured on) and,
last, ``cells/KEY.json``: where that is, the cell is finished.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import math
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from outcrop import durable
from outcrop.comparison.measures import agreement, boundary_agreement, inner_scores
from outcrop.comparison.memory import peak_mib, reset_peak
from outcrop.comparison.scenes import Scene
from outcrop.config import Recipe, recipe_to_toml, with_step
from outcrop.engine import versions
from outcrop.errors import InputError, OutcropError

if TYPE_CHECKING:
    from outcrop.model import Model
    from outcrop.pipeline import Prepared
    from outcrop.sample import Sample
    from outcrop.source import Source

FORMAT = 1
CELLS, MAPS, WORK = "cells", "maps", "work"
#: Numbers of units: as many as classes, times as many, and what the recipe chooses.
NUMBERS = ("classes", "1.5 x", "2 x", "auto")
#: Pixels that maps of bootstrapped fits are compared on.
STABILITY_PIXELS = 50_000


@dataclass(frozen=True)
class Cell:
    """What one worker does.

    Parameters
    ----------
    scene : Scene
    contender : str
    recipe : Recipe
        With the seed and the scene's input.
    classes : tuple of int or str
        Of the reference.
    truth : str
        File of the reference's codes.
    truth_digest : str
    identity : object
        What tells the scene from any other, as JSON holds it.
    boundary : int
        Pixels that boundaries may be off.
    stability : bool
        Whether to fit once more, to a bootstrapped sample.
    wanted : tuple of str
        Numbers of units, as in `NUMBERS`; ``classes`` the first.
    """

    scene: Scene
    contender: str
    recipe: Recipe
    classes: tuple[int | str, ...]
    truth: str
    truth_digest: str
    identity: Any
    boundary: int = 2
    stability: bool = True
    wanted: tuple[str, ...] = NUMBERS

    @property
    def seed(self) -> int:
        """Of everything random in it."""
        return self.recipe.run.seed

    @property
    def key(self) -> str:
        """Name of its files: the same for the same scene, reference, recipe, seed and versions."""
        facts = [
            FORMAT, self.identity, self.truth_digest, recipe_to_toml(_timeless(self.recipe)),
            self.boundary, self.stability, self.wanted,
            versions(),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:20]

    def numbers(self) -> dict[str, int | str]:
        """Return the numbers of units to map with, by what they are called."""
        n = len(self.classes)
        times = {name: 1.0 if name == "classes" else _times(name) for name in self.wanted}
        return {
            name: "auto" if t is None else min(max(math.ceil(t * n), 2), 254)
            for name, t in times.items()
        }


def _times(name: str) -> float | None:
    return None if name == "auto" else float(name.partition(" ")[0])


def numbers_of(text: str) -> tuple[str, ...]:
    """Read numbers of units as ``classes,1.5,2,auto``; ``classes`` always comes first.

    Raises
    ------
    InputError
        If one is neither of these words nor a number over 0.
    """
    names = ["classes"]
    for part in (p.strip().lower() for p in text.split(",")):
        if part in ("", "classes"):
            continue
        if part != "auto":
            try:
                times = float(part.removesuffix("x"))
            except ValueError:
                times = 0.0
            if not 0 < times < 100:
                raise InputError(
                    f"--numbers {text}: {part!r} is neither classes, auto, nor how many times as "
                    "many units as classes: 1.5"
                )
            part = f"{times:g} x"
        names.append(part)
    return tuple(dict.fromkeys(names))


def _timeless(recipe: Recipe) -> Recipe:
    """Leave out what changes the speed alone."""
    return dataclasses.replace(recipe, run=dataclasses.replace(recipe.run, threads=0))


def run_cell(cell: Cell, folder: Path) -> dict[str, Any]:
    """Do a cell in a worker process, and return what it leaves in its JSON file.

    A recipe that fails on the scene leaves no file; what is returned then holds ``error``.
    """
    reset_peak()
    try:
        with tempfile.TemporaryDirectory(dir=folder / WORK) as work, _quiet():
            facts, arrays = _measure(cell, folder, Path(work))
    except OutcropError as error:
        return {"error": str(error), **named(cell)}
    facts["peak_memory_mib"] = peak_mib()
    _save_arrays(folder / CELLS / f"{cell.key}.npz", arrays)
    durable.replace_text(folder / CELLS / f"{cell.key}.json", json.dumps(facts, indent=1) + "\n")
    return facts


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep notes and warnings of single fits to their result."""
    log = logging.getLogger("outcrop")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def read_cell(cell: Cell, folder: Path) -> dict[str, Any] | None:
    """Return the result of a finished cell; None if it is not finished or can't be read."""
    try:
        facts: dict[str, Any] = json.loads((folder / CELLS / f"{cell.key}.json").read_text("utf-8"))
        with np.load(folder / CELLS / f"{cell.key}.npz") as stored:
            whole = set(facts["numbers"]) <= set(stored.files)
        # The same cell may have been done under another name.
        return {**facts, **named(cell)} if whole else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def read_units(cell_key: str, folder: Path) -> dict[str, NDArray[np.uint8]]:
    """Return the units of the labelled pixels (in the order of rows) by what k is called."""
    with np.load(folder / CELLS / f"{cell_key}.npz") as stored:
        return {name: stored[name] for name in stored.files}


def map_path(cell: Cell, number: str, folder: Path) -> Path:
    """Return where the map of a cell lies, if it was kept."""
    return folder / MAPS / f"{cell.key}-{number.replace(' ', '')}.tif"


def named(cell: Cell) -> dict[str, Any]:
    """Return scene, contender and seed, as results have them."""
    return {"scene": cell.scene.name, "contender": cell.contender, "seed": cell.seed}


def _measure(
    cell: Cell, folder: Path, work: Path
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    from outcrop.pipeline import open_scenes, prepare

    started = time.perf_counter()
    source = open_scenes(list(cell.scene.paths), cell.recipe)
    prepared = prepare(source, cell.recipe)
    codes = np.load(cell.truth)["codes"]
    preparing = time.perf_counter() - started
    found: dict[str, Any] = {}
    arrays: dict[str, NDArray[Any]] = {}
    reducer = None
    for name, asked in cell.numbers().items():
        began = time.perf_counter()
        model = _fitted(prepared, source, asked, reducer=reducer)
        fitted = time.perf_counter()
        reducer = model.reducer
        units = _map(model, source, work)
        mapped = time.perf_counter()
        found[name] = {
            **_score(cell, codes, units),
            "asked": asked,
            "units": len(model.numbers),
            "fit_seconds": round(fitted - began + preparing * (name == "classes"), 3),
            "map_seconds": round(mapped - fitted, 3),
            "unit_pixels": np.bincount(units.ravel(), minlength=256).tolist(),
        }
        if name in ("classes", "auto"):
            found[name]["internal"] = _internal(model, prepared, cell.seed)
        arrays[name] = units[codes > 0]
        if cell.seed == 0:
            _keep(work / "units.tif", map_path(cell, name, folder))
    if cell.stability:
        arrays["bootstrapped"] = _bootstrapped(cell, prepared, source, work)
    facts = {
        "outcrop comparison": FORMAT,
        **named(cell),
        "recipe": recipe_to_toml(prepared.recipe),
        "versions": versions(),
        "classes": list(cell.classes),
        "fitted_pixels": len(prepared.sample.rows),
        "scored_pixels": int((codes > 0).sum()),
        "scene_pixels": int(codes.size),
        "code_size": model.width,
        "stability": cell.stability,
        "notes": list(prepared.notes),
        "numbers": found,
        "seconds": round(time.perf_counter() - started, 2),
    }
    return facts, arrays


def _fitted(prepared: Prepared, source: Source, units: int | str, reducer: Any = None) -> Model:
    """Fit for a number of units; a reducer that was fitted for another is the same."""
    from outcrop.engine import limited_threads
    from outcrop.fitting import fit_model

    clusterer = with_step(prepared.recipe.clusterer, n_units=units)
    recipe = dataclasses.replace(prepared.recipe, clusterer=clusterer)
    with limited_threads():
        return fit_model(
            prepared.sample, prepared.features, prepared.front, source.bands, recipe,
            reducer=reducer,
        )  # fmt: skip


def _internal(model: Model, prepared: Prepared, seed: int) -> dict[str, Any]:
    from outcrop.engine import limited_threads

    with limited_threads():
        codes = model.codes(prepared.features.rows)
        return inner_scores(codes, prepared.sample.rows, model.clusterer.labels_, seed)


def _map(model: Model, source: Source, work: Path) -> NDArray[np.uint8]:
    """Map the whole scene into the working folder, as `outcrop map` does, and read the units."""
    import rasterio

    from outcrop.applying import apply_model

    apply_model(model, source, work, threads=1, min_area=model.recipe.products.min_area)
    with rasterio.open(work / "units.tif") as raster:
        units: NDArray[np.uint8] = raster.read(1)
    return units


def _score(cell: Cell, codes: NDArray[Any], units: NDArray[np.uint8]) -> dict[str, Any]:
    labelled = codes > 0
    scores = agreement(codes[labelled], units[labelled], cell.classes)
    if math.isnan(scores["kappa"]):
        scores["kappa"] = None  # JSON has no NaN
    scores["assignment"] = {str(unit): label for unit, label in scores["assignment"].items()}
    return {**scores, "boundary": boundary_agreement(codes, units, cell.boundary)}


def _bootstrapped(cell: Cell, prepared: Prepared, source: Source, work: Path) -> NDArray[np.uint8]:
    """Map with a fit to pixels drawn anew, with replacement; k = classes."""
    rng = np.random.default_rng([cell.seed, 0xB007])
    n = len(prepared.sample.rows)
    rows = np.sort(rng.integers(0, n, n))
    sample, features = (_taken(s, rows) for s in (prepared.sample, prepared.features))
    drawn = dataclasses.replace(prepared, sample=sample, features=features)
    units = _map(_fitted(drawn, source, len(cell.classes)), source, work).ravel()
    some = np.random.default_rng(0x57AB).choice(
        len(units), min(STABILITY_PIXELS, len(units)), replace=False
    )
    return units[np.sort(some)]


def _taken(sample: Sample, rows: NDArray[np.intp]) -> Sample:
    parts = {n: getattr(sample, n)[rows] for n in ("rows", "neighbours", "positions")}
    return dataclasses.replace(sample, **parts)


def _keep(raster: Path, path: Path) -> None:
    """Keep the map of a cell; it is small beside the scene."""
    path.parent.mkdir(exist_ok=True)
    raster.replace(path)


def _save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    draft = path.with_suffix(".tmp.npz")
    with contextlib.suppress(OSError):
        draft.unlink()
    np.savez_compressed(draft, **arrays)  # type: ignore[arg-type]
    durable.put(draft, path)
