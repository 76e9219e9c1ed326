"""What can be computed of the bands of a sensor or a scene, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from outcrop.config import Input
from outcrop.indices import INDICES, available
from outcrop.opening import open_source
from outcrop.sensors import get_sensor
from outcrop.sensors.base import Band, Sensor


def index_list(scene: str | None, options: Input) -> list[dict[str, str]]:
    """Return every index with its ``name``, ``title``, ``formula``, ``source`` and ``caution``.

    Each has ``bands`` too, what it is made of in the scene or, without one, by the sensor that
    the options name, and ``missing``, why it cannot be; empty where neither is given.

    Raises
    ------
    OutcropError
        If the scene cannot be opened or the sensor is unknown.
    """
    bands = _bands(scene, options)
    ready, missing = available(bands) if bands else ((), {})
    said = {index.name: index.said(bands) for index in ready}
    return [
        {
            "name": index.name,
            "title": index.title,
            "formula": index.formula,
            "source": index.source,
            "caution": index.caution,
            "bands": said.get(index.name, ""),
            "missing": missing.get(index.name, ""),
        }
        for index in INDICES.values()
    ]


def _bands(scene: str | None, options: Input) -> Sequence[Band]:
    if scene is not None:
        return open_source(scene, options).bands
    return _as_delivered(get_sensor(options.sensor)) if options.sensor else ()


def _as_delivered(sensor: Sensor) -> tuple[Band, ...]:
    """Return a sensor's bands in what its products hold: reflectance, and radiance of heat."""
    return tuple(
        replace(b, quantity="reflectance" if (b.wavelength_um or 0) < 3 else "radiance")
        for b in sensor.bands
    )
