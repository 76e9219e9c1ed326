"""Draw the scenes of the proving ground, each beside its units, in one picture.

    python benchmarks/sheet.py DATA sheet.png

Red, green and blue are the bands next to 2.2, 0.83 and 0.56 um; black has no label.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image

from outcrop.simulate import SimulatedScene
from scenes import GROUND

COMPOSITE = (2.2, 0.83, 0.56)


def composite(scene: SimulatedScene) -> np.ndarray:
    """Return a false colour image, shape (y, x, 3), 0-1."""
    return false_colour(scene.reflectance, [band.wavelength_um for band in scene.bands])


def false_colour(cube: np.ndarray, wavelengths: list[float]) -> np.ndarray:
    """Stretch three of the bands, shape (band, y, x)."""
    there = np.array(wavelengths)
    planes = [cube[np.abs(there - um).argmin()] for um in COMPOSITE]
    ends = [np.percentile(plane, (1, 99)) for plane in planes]
    scaled = [(p - low) / (high - low) for p, (low, high) in zip(planes, ends, strict=True)]
    return np.clip(np.dstack(scaled), 0, 1)


def main(data: str, path: str) -> None:
    """Write the picture."""
    mpl.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(4, 6, figsize=(12, 8.6), dpi=75)
    laws = sorted(GROUND, key=lambda case: case.law.seed)
    for (left, right), case in zip(axes.reshape(-1, 2), laws, strict=True):
        scene = case.make(Path(data))
        left.imshow(composite(scene))
        shown = np.ma.masked_equal(scene.truth, 0)
        right.imshow(shown, cmap="tab20", interpolation="nearest")
        right.set_facecolor("black")
        left.set_title(f"{case.name}: {case.law.sensor}", fontsize=8)
        right.set_title(f"{len(scene.unit_names)} units, {case.half}", fontsize=8)
    for axis in axes.ravel():
        axis.set(xticks=[], yticks=[])
    figure.tight_layout(pad=0.4)
    figure.canvas.draw()
    # A palette makes a file of a third the size.
    Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3]).quantize(160).save(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
