"""The table of what is computed from a pixel's bands before they are scaled."""

from __future__ import annotations

from outcrop.registry import Registry

TRANSFORMS = Registry(
    "feature transform",
    {
        "none": "outcrop.features.transforms:identity",
        "log": "outcrop.features.transforms:logarithm",
    },
)

__all__ = ["TRANSFORMS"]
