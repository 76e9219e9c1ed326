"""The whole road from scenes to published results. Only this package knows all the stages."""

from __future__ import annotations

from outcrop.pipeline.preparing import Prepared, features_of, prepare
from outcrop.pipeline.reporting import Reporter, silent
from outcrop.pipeline.running import apply_to_scenes, fit_scenes, map_scenes
from outcrop.pipeline.scenes import open_scenes

__all__ = [
    "Prepared",
    "Reporter",
    "apply_to_scenes",
    "features_of",
    "fit_scenes",
    "map_scenes",
    "open_scenes",
    "prepare",
    "silent",
]
