"""Memory and seconds of `outcrop map` by the size of the scene, and of one megapixel more."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.measuring import Settings, best, outcrop, table
from benchmarks.simulated import sized

SIZES = (1.0, 12.0, 40.0, 120.0)
QUICK = (0.3, 0.6, 1.2)
#: As many units for all sizes: what a pixel costs depends on it.
UNITS = 13


def main(settings: Settings) -> None:
    """Print a row for each size."""
    sizes = settings.sizes or (QUICK if settings.quick else SIZES)
    made = [sized(settings, size) for size in sizes]
    units = UNITS if settings.units == "auto" else int(settings.units)
    outs = [settings.out(f"memory-{scene.shape[0]}") for scene in made]
    found = best(
        {
            str(scene): lambda scene=scene, out=out: outcrop(
                "map", scene.path, "-o", out, "--overwrite", "-q", "--units", units, memory=True
            )
            for scene, out in zip(made, outs, strict=True)
        },
        settings.rounds,
    )
    print(f"`outcrop map` with all products, {units} units:")
    rows, before = [], None
    for scene, out in zip(made, outs, strict=True):
        run = found[str(scene)]
        more = ""
        if before is not None:
            small, then = before
            pixels = scene.megapixels - small.megapixels
            more = f"{(run.seconds - then.seconds) / pixels:.2f} / " + (
                f"{(run.processor - then.processor) / pixels:.2f}"
            )
        rows.append((scene, run.seconds, run.processor, more, run.peak / 2**30, _left_out(out)))
        before = scene, run
    table(
        ("scene", "seconds", "processor seconds", "a megapixel more: seconds / processor seconds",
         "largest PSS, GiB", "left out"), rows,
    )  # fmt: skip


def _left_out(out: Path) -> str:
    left = json.loads((out / "metrics.json").read_text())["left_out"]
    return ", ".join(name for name in left if name != "item.json")
