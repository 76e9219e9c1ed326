"""The table of sensors: each a record, found by name."""

from __future__ import annotations

from outcrop.registry import Registry
from outcrop.sensors.base import QUANTITIES, Band, Quantity, Sensor

SENSORS = Registry(
    "sensor",
    {
        "landsat5": "outcrop.sensors.landsat:TM",
        "landsat7": "outcrop.sensors.landsat:ETM",
        "landsat8": "outcrop.sensors.landsat:OLI8",
        "landsat9": "outcrop.sensors.landsat:OLI9",
        "sentinel2": "outcrop.sensors.sentinel2:MSI",
        "aster": "outcrop.sensors.aster:ASTER",
    },
)

#: Models whose embeddings are read as if they were bands.
MODELS = Registry(
    "model",
    {
        "alphaearth": "outcrop.sensors.embeddings:ALPHAEARTH",
        "tessera": "outcrop.sensors.embeddings:TESSERA",
        "embedding": "outcrop.sensors.embeddings:EMBEDDING",
    },
)


def get_sensor(name: str) -> Sensor:
    """Return the sensor of that name, such as ``"landsat8"``.

    Raises
    ------
    RecipeError
        If there is no such sensor; the message lists those there are.
    """
    sensor: Sensor = SENSORS.load(name.lower())
    return sensor


__all__ = ["MODELS", "QUANTITIES", "SENSORS", "Band", "Quantity", "Sensor", "get_sensor"]
