"""How an item's numbers become reflectance: one rule, for items that contradict themselves too.

1. The scale is the one that the item states for the band (``raster:bands``, or ``raster:scale``
   since STAC 1.1); else the product's own (below); else that in the raster's own tags; else what
   the user gives with ``--scale``; else the numbers are taken as they are, and a note says so.
2. The offset likewise, with one exception: where a property ``...:boa_offset_applied`` is true, it
   has been taken off already, and 0 holds whatever the asset states. (``true`` beside
   ``offset: -0.1`` is common.) Assets in the original JPEG 2000, whose keys end in ``-jp2``, are
   untouched, so for them the exception does not hold.
3. The product's own, where its level and its processing are known from the item's properties:

   ===============================  ==========  =======================================
   Sentinel-2 L1C and L2A           1/10000     0 before processing baseline 04.00; -0.1
                                                from then on; refused where it is unknown
   Landsat Collection 2 Level 2     0.0000275   -0.2; surface temperature 0.00341802 and
                                                149 K
   Geoscience Australia, Landsat    1/10000     0
   analysis-ready data
   ===============================  ==========  =======================================

4. A scale or an offset that is no number, or a scale of 0, is refused.

Sources: STAC raster extension v1.1 and v2.0; Element 84, Earth Search v0 and v1; ESA,
S2-PDGS-TAS-DI-PSD (RADIO_ADD_OFFSET and BOA_ADD_OFFSET, -1000 in every band, since baseline
04.00); USGS LSDS-1619; Geoscience Australia, DEA Surface Reflectance (Landsat), product
description (0-10000, -999 is no data).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from outcrop.errors import SceneError
from outcrop.sensors import get_sensor
from outcrop.sensors.base import Band, Sensor
from outcrop.sensors.landsat_product import SURFACE_REFLECTANCE, SURFACE_TEMPERATURE
from outcrop.sensors.safe import OFFSET_BASELINE
from outcrop.sensors.sentinel2_product import VALID
from outcrop.stac.bands import AssetBand, number
from outcrop.stac.document import Document

Family = Literal["sentinel2", "landsat-c2l2", "ga-landsat", "aster-l1t", "other"]

_PLATFORMS = (
    (r"sentinels?2", "sentinel2"),
    (r"landsat[45]", "landsat5"),
    (r"landsat7", "landsat7"),
    (r"landsat8", "landsat8"),
    (r"landsat9", "landsat9"),
)
_TITLES: Mapping[Family, str] = {
    "sentinel2": "Sentinel-2",
    "landsat-c2l2": "Collection 2 Level 2",
    "ga-landsat": "Geoscience Australia analysis-ready data",
    "aster-l1t": "ASTER L1T",
    "other": "",
}


@dataclass(frozen=True)
class Product:
    """What an item is of: the sensor, if it is known, the family of products, and the level."""

    sensor: Sensor | None
    family: Family
    level: str

    @property
    def title(self) -> str:
        """What it is, for people."""
        sensor = self.sensor.title if self.sensor else "unknown sensor"
        level = {"L2A": "Level 2A", "L1C": "Level 1C"}.get(self.level, _TITLES[self.family])
        return f"{sensor}{', ' if level else ''}{level} (STAC)"


@dataclass(frozen=True)
class Scaling:
    """Reflectance = number × scale + offset; ``valid`` as in `outcrop.rasters.BandFile`."""

    scale: float
    offset: float
    known: bool
    valid: tuple[float, float] | None
    nodata: float | None
    note: str = ""


def product_of(item: Document) -> Product:
    """Tell what an item is of, from its properties.

    Raises
    ------
    SceneError
        If it is of a sensor that Outcrop does not read (MSS), or a map that Outcrop made.
    """
    properties = item.properties
    if "outcrop" in str(properties.get("processing:software", "")).lower():
        raise SceneError(f"{item.where} is a map that Outcrop made, not a scene; give the scene")
    sensor = _sensor(item)
    if sensor is None:
        return Product(None, "other", "")
    if sensor.name == "sentinel2":
        return Product(sensor, "sentinel2", "L1C" if _is_l1c(item) else "L2A")
    if sensor.name.startswith("landsat"):
        if str(properties.get("odc:product", "")).startswith("ga_ls"):
            return Product(sensor, "ga-landsat", "")
        if _is_c2l2(item):
            return Product(sensor, "landsat-c2l2", "")
    if sensor.name == "aster" and re.search(r"ast(er)?[-_]?l1t", _names(item)):
        return Product(sensor, "aster-l1t", "")
    return Product(sensor, "other", "")


def _sensor(item: Document) -> Sensor | None:
    properties = item.properties
    instruments = properties.get("instruments", properties.get("eo:instrument", ""))
    named = re.sub(r"[^a-z0-9]", "", str(instruments).lower())
    keys = ("platform", "eo:platform", "constellation")
    texts = (*(properties.get(key, "") for key in keys), item.content.get("collection", ""))
    for text in texts:
        platform = re.sub(r"[^a-z0-9]", "", str(text).lower())
        if platform == "terra" and "aster" in named:
            return get_sensor("aster")
        found = next((name for pattern, name in _PLATFORMS if re.match(pattern, platform)), None)
        if found == "landsat5" and "tm" not in named.replace("etm", "") and "mss" in named:
            raise SceneError(
                f"{item.where} is of the MSS, which is not handled; choose TM or later"
            )
        if found:
            return get_sensor(found)
    return None


def _names(item: Document) -> str:
    """Everything in an item that names its product, in one text."""
    keys = ("s2:product_uri", "sentinel:product_id", "s2:product_type", "landsat:product_id")
    named = [item.properties.get(k, "") for k in keys]
    return " ".join(str(n) for n in (item.name, item.content.get("collection", ""), *named)).lower()


def _is_l1c(item: Document) -> bool:
    return re.search(r"l1c", _names(item)) is not None and "l2a" not in _names(item)


def _is_c2l2(item: Document) -> bool:
    level = str(item.properties.get("landsat:correction", "")).upper()
    named = re.search(r"_l2s[pr]_|c2-?l2", _names(item)) is not None
    collection = number(item.properties.get("landsat:collection_number", 2))
    return collection == 2 and (level in ("L2SP", "L2SR") or named)


def is_thermal(band: Band) -> bool:
    """Tell whether a band measures heat and not sunlight."""
    return (band.wavelength_um or 0) > 3


def scaling(item: Document, product: Product, asset: AssetBand, band: Band) -> Scaling:
    """Return how the numbers of an asset's band are read, by the rule at the head of this module.

    Raises
    ------
    SceneError
        If what is stated is no number, or an offset must be known and is not.
    """
    usual = _usual(product, band)
    stated = {k: _stated(item, asset, k) for k in ("scale", "offset")}
    if stated["scale"] == 0:
        raise _refused(item, asset, "scale", 0)
    scale = stated["scale"] if stated["scale"] is not None else usual.scale if usual else None
    offset, note = _offset(item, product, asset, stated["offset"], usual)
    if scale is None:
        return Scaling(1.0, offset or 0.0, stated["offset"] is not None, None, asset.nodata, note)
    if offset is None and product.family == "sentinel2":
        raise SceneError(
            f"{item.where}: the asset {asset.key} states no offset and the item no processing "
            "baseline, from which reflectance cannot be computed; fetch the item again, or join "
            "the band files by commas with --scale and --offset"
        )
    fallback = usual.nodata if usual else None
    nodata = fallback if asset.nodata is None else asset.nodata
    return Scaling(scale, offset or 0.0, True, usual.valid if usual else None, nodata, note)


def _usual(product: Product, band: Band) -> Scaling | None:
    """Return what holds for a product where its items are silent."""
    if product.family == "sentinel2":
        return Scaling(1e-4, 0.0, True, VALID, None)
    if product.family == "landsat-c2l2":
        scale, offset = SURFACE_TEMPERATURE if is_thermal(band) else SURFACE_REFLECTANCE
        return Scaling(scale, offset, True, (1.0, 65535.0), None)
    if product.family == "ga-landsat" and not is_thermal(band):
        return Scaling(1e-4, 0.0, True, None, -999.0)
    return None


def _offset(
    item: Document, product: Product, asset: AssetBand, stated: float | None, usual: Scaling | None
) -> tuple[float | None, str]:
    applied = any(
        k.endswith(":boa_offset_applied") and v is True for k, v in item.properties.items()
    )
    if applied and not asset.original:
        return 0.0, ""
    if stated is not None:
        return stated, ""
    if product.family != "sentinel2":
        return (usual.offset if usual else None), ""
    found = baseline(item)
    if found is None:
        return None, ""
    if found < OFFSET_BASELINE:
        return 0.0, ""
    return -0.1, (
        f"the item states no offset: -0.1 is taken, as in all of ESA's products since processing "
        f"baseline 04.00 (this is {found:05.2f})"
    )


def baseline(item: Document) -> float | None:
    """Return the processing baseline of a Sentinel-2 item, from its properties."""
    for key in ("s2:processing_baseline", "sentinel:processing_baseline", "processing:version"):
        found = number(item.properties.get(key))
        if found is not None:
            return found
    named = re.search(r"_n(\d\d)(\d\d)_", _names(item))
    return float(f"{named[1]}.{named[2]}") if named else None


def _stated(item: Document, asset: AssetBand, key: str) -> float | None:
    value = asset.stated.get(key)
    found = number(value)
    if value is not None and found is None:
        raise _refused(item, asset, key, value)
    return found


def _refused(item: Document, asset: AssetBand, key: str, value: Any) -> SceneError:
    return SceneError(
        f"{item.where}: the asset {asset.key} has the {key} {value!r}, from which reflectance "
        "cannot be computed; fetch the item again, or join the band files by commas with --scale "
        "and --offset"
    )
