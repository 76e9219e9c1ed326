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
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.measuring import Run, Settings, command

#: Module of `outcrop.pipeline`, a function that it calls, and the part of a run that it is.
PARTS = (
    ("preparing", "draw", "drawing the sample"),
    ("preparing", "features_of", "its smoothed features"),
    ("preparing", "fit_front", "fit"),
    ("fitting", "fit_model", "fit"),
    ("fitting", "internal_scores", "internal scores"),
    ("mapping", "apply_model", "`units.tif`"),
    ("mapping", "write_styles", "styles"),
    ("mapping", "write_layers", "`units.gpkg`"),
    ("mapping", "write_item", "`item.json`"),
    ("mapping", "write_pictures", "`map.png`, `report.html`"),
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
    for module, name, part in PARTS:
        _time(import_module(f"outcrop.pipeline.{module}"), name, part, spent)
    from outcrop.__main__ import main as run

    code = run(argv)
    times.write_text(json.dumps(spent))
    return code


def _time(module: ModuleType, name: str, part: str, spent: dict[str, float]) -> None:
    function: Callable[..., Any] = getattr(module, name)

    @functools.wraps(function)
    def wrapped(*given: Any, **named: Any) -> Any:
        started = time.perf_counter()
        try:
            return function(*given, **named)
        finally:
            spent[part] += time.perf_counter() - started

    setattr(module, name, wrapped)


if __name__ == "__main__":
    sys.exit(main())
