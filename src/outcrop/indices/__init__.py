"""Band ratios and indices, chosen by wavelength: what each needs, what it says, who published it.

An index names places in the spectrum and never bands. A place takes the mean of all bands
whose centres lie within its width, so that the narrow bands of a spectrometer do what a
satellite's broad band does, or else the nearest band within its range.
"""

from __future__ import annotations

from outcrop.indices.choosing import (
    ALL,
    FLOOR,
    Ready,
    available,
    get_index,
    missing,
    require,
    stack,
)
from outcrop.indices.places import BLUE, NIR, RED, SWIR1, Place
from outcrop.indices.table import COVERS, INDICES, NDVI_BARE, NDVI_FULL, Index

__all__ = [
    "ALL",
    "BLUE",
    "COVERS",
    "FLOOR",
    "INDICES",
    "NDVI_BARE",
    "NDVI_FULL",
    "NIR",
    "RED",
    "SWIR1",
    "Index",
    "Place",
    "Ready",
    "available",
    "get_index",
    "missing",
    "require",
    "stack",
]
