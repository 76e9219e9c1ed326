"""The table of smoothers: a cube of scaled features in, the same cube with less noise out.

A smoother is an estimator that is fitted with ``fit(rows, neighbours=...)``, where
``neighbours`` has a neighbouring pixel of each row (NaN where it has none). Its call
``cube (y, x, d) float32 -> (y, x, d) float32`` is a pure function: a pixel of the result depends
on the pixels within ``halo`` of it alone, NaN (no data) stays NaN and gives nothing.
"""

from __future__ import annotations

from outcrop.registry import Registry

SMOOTHERS = Registry(
    "smoother",
    {
        "none": "outcrop.smoothing.bilateral:NoSmoother",
        "bilateral": "outcrop.smoothing.bilateral:Bilateral",
    },
)

__all__ = ["SMOOTHERS"]
