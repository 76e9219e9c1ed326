"""Growing batches over constant ones: processor seconds to the same held-out loss."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measuring import Settings, say, table
from benchmarks.simulated import scene
from outcrop.engine import limited_threads

#: Rows a step to begin with, and at most.
SIZES = ((1024, 1024), (256, 256), (256, 4096), (1024, 8192))
#: The first is what the others are compared with; its best loss, and a part more, is the aim.
MORE = 1.01
CANON_CITY = Path("canon_city_tm") / "can_tmr.img"
PIXELS = 60_000


def main(settings: Settings) -> None:
    """Train the recipe `stacked` on two scenes with two seeds."""
    scenes = [scene(settings, 1.3 if settings.quick else 12).path]
    if settings.data is not None and (settings.data / CANON_CITY).is_file():
        scenes.append(settings.data / CANON_CITY)
    names = ["constant" if a == b else "growing" for a, b in SIZES]
    heading = [f"{a:,} to {b:,}" if a != b else f"{a:,}" for a, b in SIZES]
    rows = []
    for path in scenes:
        features = _features(path)
        for seed in (0,) if settings.quick else (0, 1):
            say(f"{path.name}, seed {seed}")
            traces = [_trace(features, seed, *sizes) for sizes in SIZES]
            aim = MORE * min(loss for _, loss in traces[0])
            for name, size, trace in zip(names, heading, traces, strict=True):
                hit = next((spent for spent, loss in trace if loss <= aim), None)
                rows.append((
                    f"{path.parent.name}, {features.shape[1]} features", seed, f"{name}, {size}",
                    "never" if hit is None else hit, trace[-1][0], len(trace),
                    f"{min(loss for _, loss in trace):.5f}",
                ))  # fmt: skip
    print(f"The recipe `stacked`, {PIXELS:,} pixels, one thread, processor seconds of the whole "
          "network's epochs:")  # fmt: skip
    table(("scene", "seed", "batches", "to the aim", "to the end", "epochs", "loss"), rows)


def _features(path: Path) -> Any:
    from outcrop.config import load_recipe
    from outcrop.opening import open_source
    from outcrop.pipeline import prepare

    recipe = load_recipe("stacked")
    recipe = replace(recipe, run=replace(recipe.run, sample=PIXELS))
    return prepare(open_source(str(path)), recipe).features.rows


def _trace(rows: Any, seed: int, start: int, largest: int) -> list[tuple[float, float]]:
    """Return processor seconds since the beginning, and the held-out loss, after each epoch."""
    from outcrop.nn import train
    from outcrop.reduction.stacked import StackedAutoencoder

    trace: list[tuple[float, float]] = []
    judge = train._error

    def watched(network: Any, held_out: Any) -> float:
        spent, loss = time.process_time() - began, judge(network, held_out)
        trace.append((spent, loss))
        return loss

    model = StackedAutoencoder(
        batch_size=start, largest_batch=largest, pretrain_epochs=1, random_state=seed
    )
    train._error = watched
    try:
        with limited_threads():
            began = time.process_time()
            model.fit(np.asarray(rows))
    finally:
        train._error = judge
    before = len(model.history_) - sum(h["stage"] == "whole" for h in model.history_)
    return [(spent - trace[before - 1][0], loss) for spent, loss in trace[before:]]
