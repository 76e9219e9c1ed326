"""Light on slopes: from an elevation model to what the sun gave each pixel, and its correction.

The table is of corrections. One is a class without state: ``fit`` finds a band's coefficient on
a sample, and ``gain`` says what each pixel is multiplied with.
"""

from __future__ import annotations

from outcrop.registry import Registry

CORRECTIONS = Registry(
    "illumination correction",
    {
        "c": "outcrop.relief.correction:C",
        "minnaert": "outcrop.relief.correction:Minnaert",
        "scs+c": "outcrop.relief.correction:ScsC",
    },
)
#: C, unless the product is corrected for relief already.
AUTO = "auto"

__all__ = ["AUTO", "CORRECTIONS"]
