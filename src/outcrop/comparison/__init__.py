"""Comparing recipes on scenes with references, in a way that can be checked."""

from __future__ import annotations

from outcrop.comparison.comparing import Comparison, compare
from outcrop.comparison.contenders import Contender, code_contenders, find_recipes
from outcrop.comparison.scenes import Scene
from outcrop.comparison.settings import Settings

__all__ = [
    "Comparison",
    "Contender",
    "Scene",
    "Settings",
    "code_contenders",
    "compare",
    "find_recipes",
]
