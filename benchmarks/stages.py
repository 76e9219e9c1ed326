"""Run Outcrop's command line and write down, as JSON, how long each part of the run took.

    python -m benchmarks.stages TIMES.json map scene.tif -o out

Only the functions named here are timed, from outside, and none of them inside another.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measuring import Run, Settings, command

#: Function of `outcrop.pipeline`, and the part of a run that it is.
PARTS = (
    ("draw", "drawing the sample"),
    ("features_of", "its smoothed features"),
    ("fit_front", "fit"),
    ("fit_model", "fit"),
    ("internal_scores", "internal scores"),
    ("apply_model", "`units.tif`"),
    ("write_styles", "styles"),
    ("write_layers", "`units.gpkg`"),
    ("write_item", "`item.json`"),
    ("write_pictures", "`map.png`, `report.html`"),
)
REST = "interpreter, imports, opening, the rest"


def staged(
    settings: Settings, *words: object, name: str = "stages"
) -> tuple[Run, dict[str, float]]:
    """Run a command of Outcrop; return what it took and the seconds of its parts, which add up."""
    times = settings.out(f"{name}.json")
    run = command([sys.executable, "-m", "benchmarks.stages", times, *words])
    parts = json.loads(times.read_text())
    return run, {**parts, REST: run.seconds - sum(parts.values())}


def main() -> int:
    """Time the parts of one command."""
    times, argv = Path(sys.argv[1]), sys.argv[2:]
    spent: dict[str, float] = defaultdict(float)
    for name, part in PARTS:
        _time(name, part, spent)
    from outcrop.__main__ import main as run

    code = run(argv)
    times.write_text(json.dumps(spent))
    return code


def _time(name: str, part: str, spent: dict[str, float]) -> None:
    from outcrop import pipeline

    function: Callable[..., Any] = getattr(pipeline, name)

    @functools.wraps(function)
    def wrapped(*given: Any, **named: Any) -> Any:
        started = time.perf_counter()
        try:
            return function(*given, **named)
        finally:
            spent[part] += time.perf_counter() - started

    setattr(pipeline, name, wrapped)


if __name__ == "__main__":
    sys.exit(main())
