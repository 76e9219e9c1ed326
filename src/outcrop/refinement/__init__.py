"""The table of filters: labels in, labels out.

A filter is a frozen dataclass of its settings with a property ``halo`` (pixels of context
that it needs on each side) and a call ``labels (y, x) uint8 -> labels (y, x) uint8`` that is
a pure function. The engine gives it each block with that halo, clipped at the edges of the
scene and nowhere else, and cuts the core out of the result. That is exact: what a filter
makes up beyond the array's edges is then either what it would make up beyond the scene's, or
touches only pixels that are cut away.

A filter with ``needs_evidence = True`` is called with (labels, evidence, numbers) instead: the
clusterer's log evidence (k, y, x) for its k units, and their labels (k,).
"""

from __future__ import annotations

from outcrop.registry import Registry

FILTERS = Registry(
    "filter",
    {
        "majority": "outcrop.refinement.majority:Majority",
        "potts": "outcrop.refinement.potts:Potts",
    },
)

__all__ = ["FILTERS"]
