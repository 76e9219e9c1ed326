"""What a user would pick instead, on the same file, where it is installed.

Each is given the number of units, and makes a filtered map of them as its manual suggests; how
right the maps are is told too, since a fast wrong map is no bargain.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio

from benchmarks.measuring import Run, Settings, best, command, outcrop, table
from benchmarks.simulated import WHOLE, Scene, scene
from outcrop.evaluation.scores import score_labels

#: Components that the bands become.
COMPONENTS = 5
GRASS = """
set -e
r.in.gdal input={scene} output=band memory=1000 --quiet
bands=$(g.list type=raster pattern='band.*' separator=comma)
g.region raster=band.1
i.group group=all subgroup=all input=$bands --quiet
i.cluster group=all subgroup=all signaturefile=found classes={units} --quiet
i.maxlik group=all subgroup=all signaturefile=found output=classes --quiet
r.neighbors input=classes output=filtered method=mode size=7 nprocs={cores} memory=1000 --quiet
tiles=TILED=YES,COMPRESS=DEFLATE
r.out.gdal input=filtered output={out} type=Byte nodata=0 createopt=$tiles -f --quiet
"""


def main(settings: Settings) -> None:
    """Print what each takes over `outcrop map`, and how well it finds the rocks."""
    made = scene(settings, settings.size(WHOLE))
    with rasterio.open(made.truth) as dataset:
        truth = dataset.read(1)
    units = len(np.unique(truth[truth > 0]))
    runs, maps = {}, {}
    for name, make in _tools().items():
        folder = settings.out(f"alternatives-{name.split()[0]}")
        maps[name] = folder / "units.tif"
        runs[name] = lambda make=make, folder=folder: make(made, folder, units)
    found = best(runs, settings.rounds)
    ours = found["outcrop map"]
    print(f"{made}, {units} units given to each; truth is what the scene was simulated from:")
    rows = []
    for name, run in found.items():
        scores = _scores(truth, maps[name])
        rows.append((name, run.seconds, run.seconds / ours.seconds, run.processor, *scores))
    table(("", "seconds", "over outcrop", "processor seconds", "accuracy", "AMI"), rows)


def _tools() -> dict[str, Callable[[Scene, Path, int], Run]]:
    tools: dict[str, Callable[[Scene, Path, int], Run]] = {"outcrop map": _outcrop}
    if shutil.which("grass"):
        tools["GRASS i.cluster, i.maxlik, r.neighbors"] = _grass
    else:
        print("GRASS is not installed.\n")
    if shutil.which("otbcli"):
        tools[f"OTB pca, {_otb_clusterer()}, regularization"] = _otb
    else:
        print("Orfeo ToolBox is not installed.\n")
    tools["scikit-learn PCA, k-means, majority by scipy"] = _sklearn
    return tools


def _outcrop(scene: Scene, out: Path, units: int) -> Run:
    return outcrop("map", scene.path, "-o", out, "--overwrite", "-q", "--units", units)


def _grass(scene: Scene, out: Path, units: int) -> Run:
    _emptied(out)
    script = out / "map.sh"
    script.write_text(
        GRASS.format(
            scene=shlex.quote(str(scene.path)), out=shlex.quote(str(out / "units.tif")),
            units=units, cores=os.cpu_count() or 1,
        )
    )  # fmt: skip
    return command(["grass", "--tmp-location", scene.path, "--exec", "bash", script])


def _otb(scene: Scene, out: Path, units: int) -> Run:
    _emptied(out)
    reduced, classes, filtered = out / "pca.tif", out / "classes.tif", out / "units.tif"
    if _otb_clusterer() == "KMeansClassification":
        clusterer = ["-nc", units, "-ts", 200_000]
    else:  # a map of neurons: as many as units, or a few more
        side = max(2, round(units**0.5))
        clusterer = ["-sx", side, "-sy", -(-units // side), "-ts", 200_000]
    steps = (
        ["DimensionalityReduction", "-in", scene.path, "-out", reduced, "float", "-method", "pca",
         "-nbcomp", COMPONENTS],
        [_otb_clusterer(), "-in", reduced, "-out", classes, "uint8", *clusterer],
        # All labels are classes, 0 too: those for no data and ties are beyond them.
        ["ClassificationMapRegularization", "-io.in", classes, "-io.out", filtered, "uint8",
         "-ip.radius", 3, "-ip.nodatalabel", 255, "-ip.undecidedlabel", 254],
    )  # fmt: skip
    runs = [command(["otbcli", *step]) for step in steps]
    return Run(sum(run.seconds for run in runs), sum(run.processor for run in runs))


def _otb_clusterer() -> str:
    kmeans = shutil.which("otbcli_KMeansClassification")
    return "KMeansClassification" if kmeans else "SOMClassification"


def _sklearn(scene: Scene, out: Path, units: int) -> Run:
    _emptied(out)
    words = ["-m", "benchmarks.plain_script", scene.path, out / "units.tif", units, COMPONENTS]
    return command([sys.executable, *words])


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _scores(truth: np.ndarray, path: Path) -> tuple[float, float]:
    """Return one-to-one accuracy and AMI; 0 in a map is a class of its own here."""
    with rasterio.open(path) as dataset:
        labels = dataset.read(1).astype(int) + 1
    scores = score_labels(truth, labels, invalid=truth == 0)
    return scores["overall_accuracy"], scores["ami"]
