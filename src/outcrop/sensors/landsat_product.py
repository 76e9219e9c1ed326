"""Landsat 4 to 9 as USGS delivers it: Collection 2 Level 2, and Level 1 of every collection.

Sources: USGS LSDS-1619 (Landsat 8-9 Collection 2 Level 2 Science Product Guide), LSDS-1618 (the
same for Landsat 4-7), LSDS-1822 (Landsat 8-9 Collection 2 Level 1 Data Format Control Book),
LSDS-1656 (Landsat Collection 1 Level 1 Product Definition), and the Landsat 8 Data Users Handbook,
LSDS-1574 (conversion of numbers to reflectance at the top of the atmosphere).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from outcrop.config import Input
from outcrop.errors import SceneError
from outcrop.quality import DecodedSource, Masks, QualitySource, untold
from outcrop.rasters import BandFile, RasterSource
from outcrop.sensors import landsat_quality as bits
from outcrop.sensors.base import Band, Quantity, Sensor, Sun
from outcrop.sensors.container import Container
from outcrop.sensors.landsat import ETM, OLI8, OLI9, TM
from outcrop.sensors.mtl import Mtl, read_mtl
from outcrop.sensors.naming import FileBand, name_bands
from outcrop.sensors.products import ignored, require_sensor, the_only
from outcrop.sensors.raster_file import RasterFile, inspect_raster, require_one_grid
from outcrop.timespan import told

_SENSORS = {"4": TM, "5": TM, "7": ETM, "8": OLI8, "9": OLI9}
_MTL = r".*_?MTL\.(txt|xml|json)"
_CONTENTS = ("PRODUCT_CONTENTS", "PRODUCT_METADATA")
_L2_REFLECTANCE = "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS"
_L2_TEMPERATURE = "LEVEL2_SURFACE_TEMPERATURE_PARAMETERS"
_L1_SCALE = ("LEVEL1_RADIOMETRIC_RESCALING", "RADIOMETRIC_RESCALING")
_L1_RANGE = ("LEVEL1_MIN_MAX_PIXEL_VALUE", "MIN_MAX_PIXEL_VALUE")
_ANGLES = ("AZIMUTH", "ELEVATION")

#: What Collection 2 multiplies with and adds where an MTL leaves it out (LSDS-1619).
SURFACE_REFLECTANCE = (2.75e-05, -0.2)
SURFACE_TEMPERATURE = (0.00341802, 149.0)


@dataclass(frozen=True)
class LandsatReader:
    """Reads one level of Landsat products."""

    title: str
    level: Literal[1, 2]

    def find(self, container: Container) -> str | None:
        """Return the MTL file if the container is such a product."""
        found = container.find(_MTL)
        products: dict[str, str] = {}
        for name in sorted(
            found, key=lambda n: ("txt", "xml", "json").index(n.lower()[-4:].lstrip("."))
        ):
            products.setdefault(name.rsplit(".", 1)[0], name)
        name_ = the_only(str(container.path), "Landsat", list(products.values()))
        if name_ is None or _level(read_mtl(container, name_)) != self.level:
            return None
        return name_

    def open(
        self, container: Container, metadata: str, options: Input, masks: Masks
    ) -> QualitySource:
        """Open the product; see `outcrop.sensors.products.Reader`."""
        mtl = read_mtl(container, metadata)
        sensor = _sensor(mtl, options)
        product = _Product(container, metadata, mtl, sensor, self.level)
        chosen = product.choose(options.bands)
        rasters = [
            inspect_raster(container.gdal_path(product.file(name)), plain=True)
            for name, _ in chosen
        ]
        require_one_grid(rasters)
        base = RasterSource(
            name=_scene_name(mtl, metadata),
            grid=rasters[0].grid,
            bands=tuple(band for _, band in chosen),
            files=tuple(product.band_file(name) for name, _ in chosen),
            striped=all(r.striped for r in rasters),
        )
        layers, notes = product.quality(rasters, [band for _, band in chosen], masks)
        return QualitySource(
            base=base,
            layers=tuple(layers),
            masks=masks,
            product=f"{sensor.title}, {self.title}",
            notes=(*_notes(mtl, rasters[0], self.level), *notes, *ignored(options, metadata)),
            paths=(container.path / metadata,) if container.kind == "folder" else (container.path,),
            toa=self.level == 1,
            acquired=told(_center_time(mtl)),
            sun=Sun.of(*(mtl.number(f"SUN_{k}", "IMAGE_ATTRIBUTES") for k in _ANGLES)),
        )


def _center_time(mtl: Mtl) -> str:
    """Return day and time of the middle of the scene; before Collection 1 with quotes around it."""
    day, time = (mtl.get(k) or "" for k in ("DATE_ACQUIRED", "SCENE_CENTER_TIME"))
    return f"{day}T{time.strip(chr(34))}" if time else day


LEVEL2 = LandsatReader("Landsat Collection 2 Level 2", 2)
LEVEL1 = LandsatReader("Landsat Level 1", 1)


@dataclass(frozen=True)
class _Product:
    container: Container
    metadata: str
    mtl: Mtl
    sensor: Sensor
    level: int

    def choose(self, labels: Sequence[str] | None) -> list[tuple[str, Band]]:
        """Return the bands asked for, as (key of the MTL, band with its quantity)."""
        keys = [k for k in self._keys() if self._present(k)]
        if not keys:
            raise SceneError(
                f"{self.mtl.where}: none of the band files that it names lies beside it; "
                "fetch the whole product"
            )
        described = [FileBand(_band_name(k)) for k in keys]
        plain = None if labels is None else [re.sub("^(SR|ST)_", "", x, flags=re.I) for x in labels]
        chosen = name_bands(self.mtl.where, described, self.sensor, plain)
        missing = set(self.sensor.default) - {_band_name(k) for k in keys}
        if plain is None and missing:
            raise SceneError(
                f"{self.mtl.where}: the files of {', '.join(sorted(missing))} are missing; fetch "
                "the whole product, or choose among the others with --bands"
            )
        return [(keys[i], replace(band, quantity=self.quantity(keys[i]))) for i, band in chosen]

    def _keys(self) -> list[str]:
        """Keys of bands in the MTL: ``1``, ``ST_B10``, ``6_VCID_1``; only those of known bands."""
        names = {b.name for b in self.sensor.bands}
        found = []
        for group in _CONTENTS:
            for key in self.mtl.groups.get(group, {}):
                match = re.fullmatch(r"FILE_NAME_BAND_(\w+)", key)
                if match and _band_name(match[1]) in names and "VCID_2" not in key:
                    found.append(match[1])
        return found

    def _present(self, key: str) -> bool:
        name = self.mtl.get(f"FILE_NAME_BAND_{key}", *_CONTENTS)
        return name is not None and self.container.member(self.metadata, name) is not None

    def file(self, key: str) -> str:
        """Return the member of the container that holds a band."""
        name = self.mtl.get(f"FILE_NAME_BAND_{key}", *_CONTENTS) or ""
        return self.container.member(self.metadata, name) or name

    def is_thermal(self, key: str) -> bool:
        """Tell whether a band measures heat and not sunlight."""
        return (self.sensor.band(_band_name(key)).wavelength_um or 0) > 3

    def quantity(self, key: str) -> Quantity:
        """Return what a band holds once scaled."""
        if not self.is_thermal(key):
            return "reflectance"
        return "temperature" if self.level == 2 else "radiance"

    def band_file(self, key: str) -> BandFile:
        """Return where a band lies and how it is scaled."""
        path = self.container.gdal_path(self.file(key))
        scale, offset = self._scale(key)
        low, high = self._range(key)
        return BandFile(path, 1, None, scale, offset, (low, high))

    def _scale(self, key: str) -> tuple[float, float]:
        if self.level == 2:
            group, what, usual = (
                (_L2_TEMPERATURE, "TEMPERATURE", SURFACE_TEMPERATURE)
                if self.is_thermal(key)
                else (_L2_REFLECTANCE, "REFLECTANCE", SURFACE_REFLECTANCE)
            )
            scale = self.mtl.number(f"{what}_MULT_BAND_{key}", group)
            offset = self.mtl.number(f"{what}_ADD_BAND_{key}", group)
            return (usual[0] if scale is None else scale), (usual[1] if offset is None else offset)
        what = "RADIANCE" if self.is_thermal(key) else "REFLECTANCE"
        scale = self.mtl.number(f"{what}_MULT_BAND_{key}", *_L1_SCALE)
        offset = self.mtl.number(f"{what}_ADD_BAND_{key}", *_L1_SCALE)
        if scale is None or offset is None:
            raise SceneError(
                f"{self.mtl.where} has no {what}_MULT_BAND_{key}, as old products do not; fetch "
                "the scene from Collection 2, which has"
            )
        sine = 1.0 if self.is_thermal(key) else self._sine_of_sun()
        return scale / sine, offset / sine

    def _sine_of_sun(self) -> float:
        """Rescaled numbers are reflectance times the sine of the sun's elevation (LSDS-1574)."""
        elevation = self.mtl.number("SUN_ELEVATION", "IMAGE_ATTRIBUTES")
        if elevation is None or not 0 < elevation <= 90:
            raise SceneError(
                f"{self.mtl.where}: SUN_ELEVATION = {elevation}; reflectance needs the sun above "
                "the horizon, so choose a scene of the day"
            )
        return math.sin(math.radians(elevation))

    def _range(self, key: str) -> tuple[float, float]:
        """Return the lowest and highest number that is a measurement: 0 is fill everywhere.

        At Level 1 the highest number of the range is what a saturated detector gives; at
        Level 2 the radiometric saturation band says it.
        """
        if self.level == 2:
            return 1.0, 65535.0
        low = self.mtl.number(f"QUANTIZE_CAL_MIN_BAND_{key}", *_L1_RANGE)
        high = self.mtl.number(f"QUANTIZE_CAL_MAX_BAND_{key}", *_L1_RANGE)
        return (1.0 if low is None else low), (math.inf if high is None else high - 1)

    def quality(
        self, rasters: Sequence[RasterFile], bands: Sequence[Band], masks: Masks
    ) -> tuple[list[DecodedSource], list[str]]:
        """Return the quality layers, each masking by the flags that are asked for."""
        layers: list[DecodedSource] = []
        notes: list[str] = []
        told: set[int] = set()
        for keys, flags, cost in bits.layers(self.mtl, [b.name for b in bands]):
            name = next((v for k in keys if (v := self.mtl.get(k, *_CONTENTS))), None)
            member = self.container.member(self.metadata, name) if name else None
            if member is None:
                notes.append(f"{self.mtl.where}: without its file {name or keys[0]} {cost}")
                continue
            told |= {f.reason for f in flags}
            raster = inspect_raster(self.container.gdal_path(member), plain=True)
            require_one_grid([rasters[0], raster])
            file = BandFile(raster.bands[0].path, 1)
            source = RasterSource(member, raster.grid, (Band(member),), (file,), raster.striped)
            layers.append(DecodedSource.masking(source, flags, masks))
        return layers, [*notes, *untold(masks, told)]


def _level(mtl: Mtl) -> int:
    text = mtl.get("PROCESSING_LEVEL", "PRODUCT_CONTENTS") or mtl.get("DATA_TYPE", *_CONTENTS)
    return 2 if (text or "").upper().startswith("L2") else 1


def _sensor(mtl: Mtl, options: Input) -> Sensor:
    craft = mtl.get("SPACECRAFT_ID") or ""
    kind = mtl.get("SENSOR_ID") or ""
    number = re.fullmatch(r"LANDSAT_?(\d)", craft, re.IGNORECASE)
    sensor = _SENSORS.get(number[1]) if number else None
    if sensor is None or kind.upper().startswith("MSS"):
        raise SceneError(
            f"{mtl.where}: {craft} {kind} is not handled; Outcrop reads TM, ETM+ and OLI, so join "
            "the band files by commas to map it by its stored values"
        )
    require_sensor(mtl.where, sensor, options)
    return sensor


def _band_name(key: str) -> str:
    """``1``, ``ST_B10`` and ``6_VCID_1`` are B1, B10 and B6."""
    return "B" + re.sub(r"^(ST_)?B?", "", key).split("_")[0]


def _scene_name(mtl: Mtl, metadata: str) -> str:
    named = mtl.get("LANDSAT_PRODUCT_ID", *_CONTENTS, "METADATA_FILE_INFO")
    return named or mtl.get("LANDSAT_SCENE_ID") or re.sub(r"_?MTL\..*$", "", metadata)


def _notes(mtl: Mtl, raster: RasterFile, level: int) -> list[str]:
    notes = []
    stated = mtl.number("GRID_CELL_SIZE_REFLECTIVE")
    a = raster.grid.affine
    size = math.hypot(a.a, a.d), math.hypot(a.b, a.e)
    if stated and any(abs(s / stated - 1) > 0.01 for s in size):
        notes.append(
            f"pixels are {size[0]:.4g} x {size[1]:.4g} m in the rasters, where the MTL says "
            f"{stated:g} m: the rasters are taken at their word"
        )
    if level == 1:
        notes.append(
            "Level 1 is reflectance at the top of the atmosphere: do not compare it with surface "
            "reflectance"
        )
    return notes
