"""`outcrop map`, with all it writes by default, against the method of Nagar et al. (2024)."""

from __future__ import annotations

import json

from benchmarks import nagar
from benchmarks.measuring import Run, Settings, best, say, table
from benchmarks.simulated import WHOLE, scene
from benchmarks.stages import staged


def main(settings: Settings) -> None:
    """Print where the time of a map goes, and what the paper's notebooks would take."""
    made = scene(settings, settings.size(WHOLE))
    out, parts = settings.out("paper"), {}

    def run() -> Run:
        words = ("map", made.path, "-o", out, "--overwrite", "-q", "--units", settings.units)
        found, taken = staged(settings, *words, name="paper")
        parts[found] = taken
        return found

    ours = best({"map": run}, settings.rounds)["map"]
    metrics = json.loads((out / "metrics.json").read_text())
    print(
        f"`outcrop map` of {made}, {metrics['units']} units ({settings.units}), from the start of "
        f"the interpreter to the last byte: {ours.seconds:.1f} s, {ours.processor:.1f} processor "
        "seconds."
    )
    rows = sorted(parts[ours].items(), key=lambda part: -part[1])
    shares = [(name, spent, f"{spent / ours.seconds:.0%}") for name, spent in rows]
    table(("part of `outcrop map`", "seconds", "share"), shares)

    say("the paper's method, slice by slice")
    steps = nagar.steps(made, metrics["units"], quick=settings.quick)
    total = sum(step.seconds for step in steps)
    table(
        (f"the paper's method, {nagar.backend()}", "hours for the scene", "measured on"),
        [(s.name, s.seconds / 3600, s.measured) for s in steps],
    )
    print(
        f"Projected: {total / 3600:.2f} hours; `outcrop map` takes 1/{total / ours.seconds:.0f} "
        "of it. Not counted of the paper's: reading labels, scores, the elbow's curve, figures, "
        "and writing anything."
    )
