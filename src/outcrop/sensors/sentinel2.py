"""Sentinel-2 MSI."""

from __future__ import annotations

from outcrop.sensors.base import Sensor, table

_BANDS = table(
    ("B01", "coastal", 0.4427, 0.021, 60.0),
    ("B02", "blue", 0.4924, 0.066, 10.0),
    ("B03", "green", 0.5598, 0.036, 10.0),
    ("B04", "red", 0.6646, 0.031, 10.0),
    ("B05", "rededge071", 0.7041, 0.015, 20.0),
    ("B06", "rededge075", 0.7405, 0.015, 20.0),
    ("B07", "rededge078", 0.7828, 0.020, 20.0),
    ("B08", "nir", 0.8328, 0.106, 10.0),
    ("B8A", "nir08", 0.8647, 0.021, 20.0),
    ("B09", "nir09", 0.9451, 0.020, 60.0),
    ("B10", "cirrus", 1.3735, 0.031, 60.0),
    ("B11", "swir16", 1.6137, 0.091, 20.0),
    ("B12", "swir22", 2.2024, 0.175, 20.0),
)
_NAMES = tuple(b.name for b in _BANDS)
_SURFACE = tuple(n for n in _NAMES if n not in ("B01", "B09", "B10"))

MSI = Sensor(
    name="sentinel2",
    title="Sentinel-2 MSI",
    bands=_BANDS,
    default=_SURFACE,
    stacks=(_SURFACE, tuple(n for n in _NAMES if n != "B10"), _NAMES),
    source="ESA, Sentinel-2 spectral response functions (S2A)",
)
