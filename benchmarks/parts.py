"""Where the apply pass spends its time: nanoseconds a pixel of one thread, part by part."""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from typing import Any

from benchmarks.floor import _apply, _fit
from benchmarks.measuring import Settings, say, table
from benchmarks.simulated import WHOLE, Scene, scene
from outcrop.applying import _Label
from outcrop.clustering.student import StudentMixture
from outcrop.front import Front
from outcrop.labelling import Labelled
from outcrop.products.parts import Parts
from outcrop.rasters import RasterSource
from outcrop.smoothing import bilateral, kernels

#: Whose method or function is timed, its name, and the part that it is; none calls another.
PARTS: tuple[tuple[Any, str, str], ...] = (
    (RasterSource, "read", "reading"),
    (Front, "planes", "scaling"),
    (bilateral, "prepare", "margins and guide of the smoothing"),
    (kernels, "smooth", "smoothing"),
    (StudentMixture, "planes", "log densities and labels"),
    (Labelled, "refined", "Potts updates"),
    (_Label, "_facts", "sums by unit, indices, odd values"),
    (Parts, "write", "part on the disk"),
)


def main(settings: Settings) -> None:
    """Print the parts of the second of two passes by the default recipe, the longest first."""
    made = scene(settings, settings.size(WHOLE))
    model, out = settings.out("floor-model"), settings.out("floor")
    say("fitting")
    _fit(made, model, settings.units)
    spent: dict[str, float] = defaultdict(float)
    for owner, name, part in PARTS:
        _time(owner, name, part, spent)
    for _ in range(2):
        say("mapping")
        spent.clear()
        _apply(made, model, out)
    _print(made, spent)


def _print(made: Scene, spent: dict[str, float]) -> None:
    print(f"{made}, processor time of the threads together:")
    rows = sorted(spent.items(), key=lambda part: -part[1])
    table(("part", "ns a pixel"), [(part, took / made.megapixels * 1e3) for part, took in rows])


def _time(owner: Any, name: str, part: str, spent: dict[str, float]) -> None:
    function = getattr(owner, name)

    @functools.wraps(function)
    def timed(*given: Any, **named: Any) -> Any:
        started = time.thread_time()
        try:
            return function(*given, **named)
        finally:
            spent[part] += time.thread_time() - started

    setattr(owner, name, timed)
