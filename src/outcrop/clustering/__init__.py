"""The table of clusterers: codes in, units out."""

from __future__ import annotations

from outcrop.registry import Registry

CLUSTERERS = Registry(
    "clusterer",
    {
        "kmeans": "outcrop.clustering.kmeans:KMeans",
        "mixture": "outcrop.clustering.mixture:Mixture",
        "student": "outcrop.clustering.student:StudentMixture",
    },
)

__all__ = ["CLUSTERERS"]
