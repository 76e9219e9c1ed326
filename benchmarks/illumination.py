"""Map simulated scenes of known rocks with and without `--dem`, and score the maps.

    python benchmarks/illumination.py --relief 150 1200

Accuracy (one-to-one) and adjusted mutual information are taken on the pixels that all maps of a
scene have: those without direct sun are left out with an elevation model.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import rasterio

import outcrop
from outcrop.config import load_recipe, parse_recipe, recipe_to_toml
from outcrop.evaluation import evaluate
from outcrop.simulate import simulate_scene, write_scene

SUN = (35.0, 45.0)  # elevation and azimuth


def main() -> None:
    import tomllib

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--relief", type=float, nargs="+", default=[150.0, 1200.0])
    parser.add_argument("--methods", nargs="+", default=["none", "c", "minnaert"])
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for relief in given.relief:
        with tempfile.TemporaryDirectory() as folder:
            scene = simulate_scene("landsat8", seed=given.seed, relief_m=relief, sun=SUN)
            path, truth = write_scene(scene, folder)
            with rasterio.open(truth) as dataset:
                profile, rocks = dataset.profile, dataset.read(1)
            dem = Path(folder) / "dem.tif"
            with rasterio.open(dem, "w", **{**profile, "dtype": "float32", "nodata": None}) as sink:
                sink.write(scene.elevation, 1)
            maps = {}
            for method in given.methods:
                tables = tomllib.loads(recipe_to_toml(load_recipe()))
                if method != "none":
                    tables["preprocess"]["illumination"] = method
                light = {} if method == "none" else {"dem": dem, "sun": SUN[::-1]}
                maps[method] = outcrop.map_units(
                    outcrop.open_scene(path), parse_recipe(tables), Path(folder) / method,
                    units=len(scene.unit_names), **light,
                )  # fmt: skip
            for result in maps.values():
                with rasterio.open(result.folder / "units.tif") as units:
                    rocks = np.where(units.read(1) == 0, 0, rocks)
            with rasterio.open(truth, "w", **profile) as sink:
                sink.write(rocks.astype(np.uint8), 1)
            for method, result in maps.items():
                scores = evaluate(result.folder / "units.tif", truth).to_dict()
                print(
                    f"relief {relief:6.0f} m  {method:9} "
                    f"accuracy {scores['overall_accuracy']:.3f}  AMI {scores['ami']:.3f}  "
                    f"mapped {result.metrics['coverage']:.1%}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
