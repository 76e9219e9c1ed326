"""Outcrop: geological maps from satellite images, without labels.

`open_scene` gives a lazy cube, `map_units` maps it, `evaluate` compares a map with a
reference, `apply_units` maps another scene into the same units. Nothing heavy is imported before
it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from outcrop.api import apply_units, export_map, map_units, open_result, open_scene
    from outcrop.config import Recipe, load_recipe
    from outcrop.cube import from_array
    from outcrop.errors import OutcropError
    from outcrop.evaluation import evaluate
    from outcrop.model import Model
    from outcrop.result import Result
    from outcrop.simulate import simulate_scene

_PUBLIC = {
    "Model": "outcrop.model",
    "OutcropError": "outcrop.errors",
    "Recipe": "outcrop.config",
    "Result": "outcrop.result",
    "apply_units": "outcrop.api",
    "evaluate": "outcrop.evaluation",
    "export_map": "outcrop.api",
    "from_array": "outcrop.cube",
    "load_recipe": "outcrop.config",
    "map_units": "outcrop.api",
    "open_result": "outcrop.api",
    "open_scene": "outcrop.api",
    "simulate_scene": "outcrop.simulate",
}

__all__ = [
    "Model",
    "OutcropError",
    "Recipe",
    "Result",
    "__version__",
    "apply_units",
    "evaluate",
    "export_map",
    "from_array",
    "load_recipe",
    "map_units",
    "open_result",
    "open_scene",
    "simulate_scene",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'outcrop' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
