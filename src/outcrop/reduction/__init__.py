"""The table of reducers: bands in, a shorter code out."""

from __future__ import annotations

from outcrop.registry import Registry

REDUCERS = Registry(
    "reducer",
    {
        "none": "outcrop.reduction.identity:Identity",
        "pca": "outcrop.reduction.pca:PCA",
        "mnf": "outcrop.reduction.mnf:MNF",
        "autoencoder": "outcrop.reduction.autoencoder:Autoencoder",
        "stacked": "outcrop.reduction.stacked:StackedAutoencoder",
    },
)

__all__ = ["REDUCERS"]
