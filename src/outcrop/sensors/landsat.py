"""Landsat 4 to 9."""

from __future__ import annotations

from outcrop.sensors.base import Sensor, table

_USGS = "USGS, Landsat missions: spectral bandpasses of TM, ETM+, OLI and TIRS"

TM = Sensor(
    name="landsat5",
    title="Landsat 4/5 TM",
    bands=table(
        ("B1", "blue", 0.485, 0.070, 30.0),
        ("B2", "green", 0.560, 0.080, 30.0),
        ("B3", "red", 0.660, 0.060, 30.0),
        ("B4", "nir08", 0.830, 0.140, 30.0),
        ("B5", "swir16", 1.650, 0.200, 30.0),
        ("B6", "lwir", 11.450, 2.100, 120.0),
        ("B7", "swir22", 2.215, 0.270, 30.0),
    ),
    default=("B1", "B2", "B3", "B4", "B5", "B7"),
    stacks=(
        ("B1", "B2", "B3", "B4", "B5", "B7"),
        ("B1", "B2", "B3", "B4", "B5", "B6", "B7"),
    ),
    source=_USGS,
)

ETM = Sensor(
    name="landsat7",
    title="Landsat 7 ETM+",
    bands=table(
        ("B1", "blue", 0.483, 0.065, 30.0),
        ("B2", "green", 0.565, 0.080, 30.0),
        ("B3", "red", 0.660, 0.060, 30.0),
        ("B4", "nir08", 0.825, 0.150, 30.0),
        ("B5", "swir16", 1.650, 0.200, 30.0),
        ("B6", "lwir", 11.450, 2.100, 60.0),
        ("B7", "swir22", 2.220, 0.260, 30.0),
        ("B8", "pan", 0.710, 0.380, 15.0),
    ),
    default=("B1", "B2", "B3", "B4", "B5", "B7"),
    stacks=(
        ("B1", "B2", "B3", "B4", "B5", "B7"),
        ("B1", "B2", "B3", "B4", "B5", "B6", "B7"),
    ),
    source=_USGS,
)

_OLI_BANDS = table(
    ("B1", "coastal", 0.443, 0.016, 30.0),
    ("B2", "blue", 0.482, 0.060, 30.0),
    ("B3", "green", 0.561, 0.057, 30.0),
    ("B4", "red", 0.655, 0.037, 30.0),
    ("B5", "nir08", 0.865, 0.028, 30.0),
    ("B6", "swir16", 1.609, 0.085, 30.0),
    ("B7", "swir22", 2.201, 0.187, 30.0),
    ("B8", "pan", 0.590, 0.172, 15.0),
    ("B9", "cirrus", 1.373, 0.020, 30.0),
    ("B10", "lwir11", 10.895, 0.590, 100.0),
    ("B11", "lwir12", 12.005, 1.010, 100.0),
)


def _oli(number: int) -> Sensor:
    surface = ("B2", "B3", "B4", "B5", "B6", "B7")
    return Sensor(
        name=f"landsat{number}",
        title=f"Landsat {number} OLI/TIRS",
        bands=_OLI_BANDS,
        default=surface,
        stacks=(surface, ("B1", *surface), tuple(b.name for b in _OLI_BANDS)),
        source=_USGS,
    )


OLI8 = _oli(8)
OLI9 = _oli(9)
