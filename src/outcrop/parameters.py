"""What a parameter of a step may be: of its default's kind, and in range.

Written once, for recipes (before a scene is read) and for estimators (before they are fitted).
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

from outcrop.errors import InputError

#: Parameters of estimators that the run sets for all of them.
OF_THE_RUN = ("random_state", "device")


def parameters_of(step: type) -> dict[str, Any]:
    """Return the parameters that a recipe may set in a step, and their defaults."""
    found = inspect.signature(step).parameters
    return {name: p.default for name, p in found.items() if name not in OF_THE_RUN}


def check_values(step: type, values: Mapping[str, Any]) -> None:
    """Check values by the kinds of their defaults; a step's ``_least`` holds what is not 1.

    Numbers of units are the clusterers' own matter.

    Raises
    ------
    InputError
        If one is of another kind or out of range.
    """
    defaults = parameters_of(step)
    for name, value in values.items():
        if name.endswith("_units") or value is None is defaults[name]:
            continue
        least = getattr(step, "_least", {}).get(name, 1)
        if rule := _broken_rule(value, defaults[name], least):
            raise InputError(f"{name} = {value!r}; it must be {rule}")


def _broken_rule(value: Any, default: Any, least: int) -> str | None:
    """Return what a parameter must be where it isn't."""
    kind = bool if default is None and isinstance(value, bool) else type(default)
    holds, rule = {
        bool: (isinstance(value, bool), "true or false"),
        float: (_is_number(value) and 0 <= value < math.inf, "a number, 0 or more"),
        str: (isinstance(value, str), "a text in quotes"),
        tuple: (
            isinstance(value, list | tuple) and all(_is_whole(v, 1) for v in value),
            "a list of whole numbers, each 1 or more",
        ),
    }.get(kind, (_is_whole(value, least), f"a whole number, {least} or more"))
    return None if holds else rule


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least
