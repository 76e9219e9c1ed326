"""The demo: a scene is simulated, mapped, and compared with the rock units it was made from."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outcrop.config import load_recipe, with_step
from outcrop.pipeline import Reporter, map_scenes, silent
from outcrop.products.accuracy import add_accuracy
from outcrop.publish import check_free, staged
from outcrop.result import Result

if TYPE_CHECKING:
    from outcrop.evaluation import Evaluation


def simulate_into(
    out: Path,
    sensor: str,
    geology: Path | None = None,
    pixel_size: float = 30.0,
    seed: int = 0,
    *,
    overwrite: bool = False,
) -> tuple[Path, Path]:
    """Simulate a scene and write ``scene.tif`` and ``truth.tif`` into a folder.

    Parameters
    ----------
    out : Path
        The folder to make.
    sensor : str
        Whose bands to simulate.
    geology : Path, optional
        Raster of rock units to build on, instead of a generated geological map.
    pixel_size : float
        In metres.
    seed : int
    overwrite : bool
        Replace an earlier scene of this function.

    Returns
    -------
    tuple of Path
        Of the scene and of its truth (0 = no data).
    """
    from outcrop.simulate import simulate_from_map, simulate_scene, write_scene

    with staged(out, kind="scene", overwrite=overwrite) as folder:
        if geology is None:
            scene = simulate_scene(sensor, pixel_size=pixel_size, seed=seed)
        else:
            scene = simulate_from_map(geology, sensor, pixel_size=pixel_size, seed=seed)
        paths: tuple[Path, Path] = write_scene(scene, folder)
        (folder / "simulation.json").write_text(
            _describe(sensor=sensor, geology=str(geology) if geology else None,
                      pixel_size=pixel_size, seed=seed, units=scene.unit_names)
        )  # fmt: skip
    return out / paths[0].name, out / paths[1].name


def _describe(**facts: Any) -> str:
    return json.dumps({"outcrop": "simulated scene", **facts}, indent=1) + "\n"


def run_demo(
    out: Path, *, seed: int = 0, overwrite: bool = False, report: Reporter = silent
) -> tuple[Result, Evaluation]:
    """Simulate a Landsat 8 scene into ``OUT/scene``, map it into ``OUT/map``, and evaluate it.

    The map gets as many units as the scene has rocks, and is fitted without their labels.

    Returns
    -------
    Result
    Evaluation
        One-to-one and the other scores against the simulated rock units.
    """
    from outcrop.evaluation import evaluate

    check_free(out / "scene", kind="scene", overwrite=overwrite)
    check_free(out / "map", overwrite=overwrite)
    scene, truth = simulate_into(out / "scene", "landsat8", seed=seed, overwrite=overwrite)
    recipe = load_recipe()
    # As many units as there are rocks: with another number, one-to-one accuracy would mostly
    # tell how well the number was guessed.
    facts = json.loads((out / "scene" / "simulation.json").read_text("utf-8"))
    recipe = dataclasses.replace(
        recipe,
        clusterer=with_step(recipe.clusterer, n_units=len(facts["units"])),
        input=dataclasses.replace(recipe.input, sensor="landsat8"),
        products=dataclasses.replace(recipe.products, title="Outcrop demo: a simulated scene"),
        run=dataclasses.replace(recipe.run, seed=seed),
    )
    result = map_scenes([str(scene)], recipe, out / "map", overwrite=overwrite, report=report)
    evaluation = evaluate(result.folder / "units.tif", truth)
    add_accuracy(result.folder, evaluation.to_dict(), f"{truth.name}, the rocks simulated")
    return result, evaluation
