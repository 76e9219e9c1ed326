"""Embeddings of geospatial foundation models as rasters: features, and no reflectance.

What the numbers are:

- AlphaEarth Foundations (Google, "AlphaEarth Foundations GCS data", Earth Engine guide, with the
  files): 64 signed bytes, ``value = (n / 127.5)² × sign(n)``, −128 masked; each pixel's vector has
  the length 1. Exports of Earth Engine hold the values themselves.
- Tessera (Feng et al. 2025, arXiv 2506.20380; the geotessera package): 128 signed bytes, each pixel
  to be multiplied by its own number in a raster of scales; exports hold the values themselves.
- Others (Clay, Prithvi, and so on) are taken as they are stored, with as many features as bands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from outcrop.errors import SceneError
from outcrop.sensors import MODELS
from outcrop.sensors.base import Band, Sensor
from outcrop.source import PixelwiseSource, Source, Window

#: The largest quantised number of AlphaEarth, as the formula has it.
QUANTISED = 127.5
#: What masks a pixel of AlphaEarth, in every band.
MASKED = -128
_BYTES = "int8"


def _features(prefix: str, count: int, gsd_m: float | None = None) -> tuple[Band, ...]:
    digits = len(str(count - 1))
    return tuple(
        Band(f"{prefix}{i:0{digits}d}", gsd_m=gsd_m, quantity="feature") for i in range(count)
    )


def _model(name: str, title: str, bands: tuple[Band, ...], source: str) -> Sensor:
    names = tuple(band.name for band in bands)
    return Sensor(name, title, bands, names, (names,) if names else (), source)


ALPHAEARTH = _model(
    "alphaearth", "AlphaEarth Foundations embeddings", _features("A", 64, 10.0),
    "Google, AlphaEarth Foundations GCS data (Earth Engine guide)",
)  # fmt: skip
TESSERA = _model(
    "tessera", "Tessera embeddings", _features("T", 128, 10.0),
    "Feng et al. 2025, arXiv 2506.20380; geotessera",
)  # fmt: skip
#: Any other model's: `model_of` gives it the bands of a file.
EMBEDDING = _model("embedding", "Embeddings of any model, such as Clay, one feature a band", (), "")


def model_of(name: str | None, descriptions: Sequence[str | None]) -> Sensor | None:
    """Return the model that a user names, or AlphaEarth where a file names its bands so."""
    if name is None:
        return ALPHAEARTH if tuple(descriptions) == ALPHAEARTH.default else None
    if name.lower() not in MODELS:
        return None
    model: Sensor = MODELS.load(name.lower())
    return model if model.bands else _of_any(model, len(descriptions))


def _of_any(model: Sensor, count: int) -> Sensor:
    """Return an unknown model with so many features."""
    bands = _features("E", count)
    names = tuple(band.name for band in bands)
    return replace(model, bands=bands, default=names, stacks=(names,))


@dataclass(frozen=True)
class EmbeddingSource(PixelwiseSource):
    """A model's stored numbers as its features.

    Parameters
    ----------
    base : Source
        The stored numbers, NaN where there is no data.
    squared : bool
        By AlphaEarth's formula.
    scales : Source or None
        One band, or one for each of the base's, to multiply with.
    notes : tuple of str
    """

    base: Source
    squared: bool = False
    scales: Source | None = None
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def layers(self) -> tuple[Source, ...]:
        """What it reads besides, for provenance."""
        return () if self.scales is None else (self.scales,)

    def read(self, window: Window) -> NDArray[np.float32]:
        """Return (band, height, width), NaN where there is no data in every band."""
        data = self.base.read(window)
        if self.squared:
            data[data <= MASKED] = np.nan
            data = np.sign(data) * np.square(data / np.float32(QUANTISED))
        if self.scales is not None:
            scales = self.scales.read(window)
            data = data * np.where(scales > 0, scales, np.float32(np.nan))
        return np.asarray(data, np.float32)


def dequantised(source: Source, sensor: Sensor, dtype: str, scales: Source | None) -> Source:
    """Turn a raster's numbers into a model's features, if they are quantised.

    Raises
    ------
    SceneError
        If Tessera's bytes lack their scales, without which pixels cannot be compared, or those
        do not fit.
    """
    if dtype != _BYTES or sensor.name not in ("alphaearth", "tessera"):
        return EmbeddingSource(source, notes=(f"{sensor.title}: values are taken as stored",))
    if sensor.name == "alphaearth":
        note = f"{sensor.title}: bytes are read as (n / {QUANTISED})² × sign(n)"
        return EmbeddingSource(source, squared=True, notes=(note,))
    if scales is None:
        raise SceneError(
            f"{source.name} holds Tessera's bytes without their scales, which differ from pixel to "
            f"pixel; put the raster {scales_path(source.name).name} beside it, or export values"
        )
    if scales.grid != source.grid or len(scales.bands) not in (1, len(source.bands)):
        raise SceneError(
            f"{scales.name}: the scales have {len(scales.bands)} bands on another grid than "
            f"{source.name}, or neither one nor all of its {len(source.bands)}"
        )
    note = f"{sensor.title}: bytes are multiplied by the scales in {Path(scales.name).name}"
    return EmbeddingSource(source, scales=scales, notes=(note,))


def scales_path(scene: str) -> Path:
    """Return where the scales of Tessera's bytes lie: ``tile_scales.tif`` beside ``tile.tif``."""
    path = Path(scene)
    return path.with_name(f"{path.stem}_scales{path.suffix}")
