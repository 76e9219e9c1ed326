"""ASTER on Terra."""

from __future__ import annotations

from outcrop.sensors.base import Sensor, table

_BANDS = table(
    ("B01", "green", 0.556, 0.080, 15.0),
    ("B02", "red", 0.661, 0.060, 15.0),
    ("B3N", "nir", 0.807, 0.100, 15.0),
    ("B04", "swir16", 1.656, 0.092, 30.0),
    ("B05", "swir22", 2.167, 0.035, 30.0),
    ("B06", None, 2.209, 0.040, 30.0),
    ("B07", None, 2.262, 0.047, 30.0),
    ("B08", None, 2.336, 0.070, 30.0),
    ("B09", None, 2.400, 0.068, 30.0),
    ("B10", None, 8.291, 0.344, 90.0),
    ("B11", None, 8.634, 0.347, 90.0),
    ("B12", None, 9.075, 0.361, 90.0),
    ("B13", "lwir11", 10.657, 0.667, 90.0),
    ("B14", "lwir12", 11.318, 0.593, 90.0),
)
_NAMES = tuple(b.name for b in _BANDS)

ASTER = Sensor(
    name="aster",
    title="ASTER (Terra)",
    bands=_BANDS,
    default=_NAMES[:9],
    stacks=(_NAMES[:9], _NAMES),
    source="ASTER Users Handbook, version 2 (JPL, 2002): spectral passbands",
)
