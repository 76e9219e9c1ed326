"""The table of band scalers."""

from __future__ import annotations

from outcrop.registry import Registry

SCALERS = Registry(
    "scaling",
    {
        "none": "outcrop.preprocess.scale:NoScaler",
        "minmax": "outcrop.preprocess.scale:MinMaxScaler",
        "standard": "outcrop.preprocess.scale:StandardScaler",
        "log": "outcrop.preprocess.log:LogScaler",
    },
)

__all__ = ["SCALERS"]
