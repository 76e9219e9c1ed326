"""Simulated scenes to measure on, kept in the cache: of the paper's area, and any larger one."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window

from benchmarks.measuring import Settings, outcrop, say

MAP = Path("mutawintji") / "Wilcannia_RockUnits_15m.tif"
#: Megapixels and pixel size of that map.
WHOLE, METRES = 3738 * 3224 / 1e6, 15.0
#: Rows that are written at once.
STRIP = 512
#: Bytes a pixel of ten bands has on the disk, about, and those of a file we want to keep free.
STORED, SPARE = 15, 2**30


@dataclass(frozen=True)
class Scene:
    """A scene on disk, and the rock units that it was made from."""

    path: Path
    truth: Path
    shape: tuple[int, int]

    @property
    def megapixels(self) -> float:
        return self.shape[0] * self.shape[1] / 1e6

    def __str__(self) -> str:
        return f"{self.shape[0]:,} × {self.shape[1]:,} pixels ({self.megapixels:.1f} Mpx)"


def scene(settings: Settings, megapixels: float = WHOLE) -> Scene:
    """Simulate ten bands over the rock units of Mutawintji; made-up units where it is missing.

    Of another number of pixels, they are larger or smaller on the ground.
    """
    geology = None if settings.data is None else settings.data / MAP
    pixel = METRES * math.sqrt(WHOLE / megapixels)
    words: list[object] = ["--sensor", "sentinel2", "--pixel-size", f"{pixel:.2f}"]
    if geology is not None and geology.is_file():
        words += ["--geology", geology]
        folder = settings.cache / f"mutawintji-{pixel:.2f}"
        if not (folder / "scene.tif").exists():
            say(f"simulating {megapixels:.1f} Mpx")
            outcrop("simulate", *words, "-o", folder)
        return _opened(folder)
    return _made_up(settings, megapixels)


def sized(settings: Settings, megapixels: float) -> Scene:
    """Return a square scene of any size: the scene above, mirrored at its edges again and again.

    Mirrored, so that no edge shows; what is far apart neither compresses together nor is known
    to be alike.
    """
    side = round(math.sqrt(megapixels * 1e6))
    base = scene(settings, min(WHOLE, settings.size(WHOLE)) if megapixels < 10 else WHOLE)
    folder = settings.cache / f"{base.path.parent.name}-mirrored-{side}"
    if not (folder / "scene.tif").exists():
        say(f"writing {side} × {side} pixels")
        folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(folder).free < STORED * side * side + SPARE:
            raise SystemExit(f"{folder}: not enough free space for {megapixels:g} Mpx; see --cache")
        for path in (base.truth, base.path):
            _mirrored(path, folder / path.name, side)
    return _opened(folder)


def pass_alone(scene: Scene, model_folder: Path, out: Path) -> None:
    """Write units.tif by a fitted model, as `outcrop map` does."""
    from outcrop.applying import apply_model
    from outcrop.model import Model
    from outcrop.pipeline import open_scenes

    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    model = Model.load(model_folder)
    apply_model(model, open_scenes([str(scene.path)], model.recipe), out)


def _opened(folder: Path) -> Scene:
    with rasterio.open(folder / "scene.tif") as dataset:
        return Scene(folder / "scene.tif", folder / "truth.tif", dataset.shape)


def _made_up(settings: Settings, megapixels: float) -> Scene:
    from outcrop.simulate import simulate_scene, write_scene

    side = round(math.sqrt(megapixels * 1e6))
    folder = settings.cache / f"made-up-{side}"
    if not (folder / "scene.tif").exists():
        say(f"simulating {side} × {side} pixels of made-up geology")
        write_scene(simulate_scene("sentinel2", shape=(side, side), units=15), folder)
    return _opened(folder)


def _mirrored(source: Path, target: Path, side: int) -> None:
    with rasterio.open(source) as base:
        kept = base.read()
        profile = {**base.profile, "height": side, "width": side, "num_threads": "all_cpus"}
        columns = _there_and_back(side, base.width)
        rows = _there_and_back(side, base.height)
        draft = target.with_suffix(".part.tif")
        with rasterio.open(draft, "w", **profile, BIGTIFF="IF_SAFER") as sink:
            _describe(base, sink)
            for row in range(0, side, STRIP):
                strip = rows[row : row + STRIP]
                part = Window(0, row, side, len(strip))
                sink.write(kept[:, strip][:, :, columns], window=part)
    draft.replace(target)


def _there_and_back(count: int, period: int) -> np.ndarray:
    place = np.arange(count) % (2 * period)
    return np.minimum(place, 2 * period - 1 - place)


def _describe(base: rasterio.DatasetReader, sink: rasterio.io.DatasetWriter) -> None:
    sink.scales, sink.offsets = base.scales, base.offsets
    sink.descriptions = base.descriptions
    sink.update_tags(**{k: v for k, v in base.tags().items() if k != "AREA_OR_POINT"})
    for band in base.indexes:
        sink.update_tags(band, ns="IMAGERY", **base.tags(band, ns="IMAGERY"))
