"""The metadata of a Sentinel-2 product in ESA's SAFE layout.

Source: ESA, Sentinel-2 Products Specification Document, S2-PDGS-TAS-DI-PSD: product metadata of
Level-1C and Level-2A; radiometric offsets since version 14.9 (processing baseline 04.00).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outcrop.errors import SceneError
from outcrop.sensors.base import Sun
from outcrop.sensors.container import Container, parse_xml
from outcrop.sensors.sentinel2 import MSI
from outcrop.timespan import told

#: From this processing baseline on stored numbers have an offset, which the metadata gives.
OFFSET_BASELINE = 4.0
_QUANTIFICATION = {
    "L2A": ("BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE"),
    "L1C": ("QUANTIFICATION_VALUE",),
}
_OFFSET = {"L2A": "BOA_ADD_OFFSET", "L1C": "RADIO_ADD_OFFSET"}


@dataclass(frozen=True)
class SafeMetadata:
    """What a product's metadata says.

    Parameters
    ----------
    where : str
        The file, for messages.
    uri, baseline : str
        Name of the product and processing baseline; empty if not given.
    quantification : float
        Reflectance = (number + offset) / quantification.
    offsets : mapping of str to float
        By band, ``"B8A"``; empty before baseline 04.00.
    images : tuple of str
        Paths of the images beside the metadata, without their ending.
    acquired : str
        Start and end of sensing; see `outcrop.timespan.told`.
    """

    where: str
    uri: str
    baseline: str
    quantification: float
    offsets: Mapping[str, float]
    images: tuple[str, ...]
    acquired: str = ""

    def scale(self, band: str) -> tuple[float, float]:
        """Return scale and offset from numbers to reflectance.

        Raises
        ------
        SceneError
            If other bands have an offset and this one does not.
        """
        if self.offsets and band not in self.offsets:
            raise SceneError(
                f"{self.where} gives offsets for {', '.join(sorted(self.offsets))} but none for "
                f"{band}; the metadata is damaged, so fetch the product again"
            )
        return 1 / self.quantification, self.offsets.get(band, 0.0) / self.quantification


def read_safe(container: Container, name: str, level: str) -> SafeMetadata:
    """Read ``MTD_MSIL2A.xml`` or ``MTD_MSIL1C.xml``.

    Raises
    ------
    SceneError
        If it is damaged, or the metadata of something else.
    """
    where = str(container.path / name)
    root = parse_xml(container.read_bytes(name), where)
    kind = _plain(root.tag)
    if kind != f"Level-{level[1:]}_User_Product":
        what = " of a single tile" if "Tile" in kind else ""
        raise SceneError(
            f"{where} holds the metadata{what} ({kind}) where that of a Level-{level[1:]} product "
            "is expected; fetch the product again, whole, or join its band files by commas"
        )
    items = _items(root)
    baseline = _text(items, "PROCESSING_BASELINE")
    offsets = _offsets(items, _OFFSET[level], where)
    if not offsets and (_number(baseline) or 0) >= OFFSET_BASELINE:
        raise SceneError(
            f"{where} is of processing baseline {baseline} but has no {_OFFSET[level]}, without "
            "which its numbers cannot be read; fetch the product again"
        )
    images = [
        e.text.strip() for t in ("IMAGE_FILE", "IMAGE_FILE_2A") for e in items.get(t, ()) if e.text
    ]
    if not images:
        raise SceneError(
            f"{where} lists no IMAGE_FILE, as products before December 2016 do not; fetch the "
            "scene in the layout of today"
        )
    granules = {image.split("/")[1] for image in images if image.count("/") > 1}
    if len(granules) > 1:
        raise SceneError(f"{where} holds {len(granules)} tiles; fetch the tiles one by one")
    return SafeMetadata(
        where=where,
        uri=re.sub(r"\.SAFE$", "", _text(items, "PRODUCT_URI")),
        baseline=baseline,
        quantification=_quantification(items, level, where),
        offsets=offsets,
        images=tuple(images),
        acquired=told(*(_text(items, f"PRODUCT_{k}_TIME") for k in ("START", "STOP"))),
    )


def read_sun(container: Container, metadata: str, image: str) -> Sun | None:
    """Return the mean position of the sun from ``MTD_TL.xml`` of an image's tile, if it is there.

    Raises
    ------
    SceneError
        If the file is damaged.
    """
    granule = "/".join(image.split("/")[:2])
    member = container.member(metadata, f"{granule}/MTD_TL.xml")
    if member is None:
        return None
    root = parse_xml(container.read_bytes(member), str(container.path / member))
    angles = next((e for e in root.iter() if _plain(e.tag) == "Mean_Sun_Angle"), None)
    if angles is None:
        return None
    zenith, azimuth = (_number(angles.findtext(f"{name}_ANGLE")) for name in ("ZENITH", "AZIMUTH"))
    return Sun.of(azimuth, None if zenith is None else 90 - zenith)


def _plain(tag: str) -> str:
    return tag.rsplit("}", 1)[-1]


def _items(root: Any) -> dict[str, list[Any]]:
    items: dict[str, list[Any]] = {}
    for element in root.iter():
        items.setdefault(_plain(element.tag), []).append(element)
    return items


def _text(items: Mapping[str, list[Any]], tag: str) -> str:
    found = items.get(tag)
    return (found[0].text or "").strip() if found else ""


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _quantification(items: Mapping[str, list[Any]], level: str, where: str) -> float:
    text = next((t for tag in _QUANTIFICATION[level] if (t := _text(items, tag))), "")
    value = _number(text)
    if value is None or value <= 0:
        raise SceneError(
            f"{where}: {_QUANTIFICATION[level][0]} = {text or 'missing'}; without it the numbers "
            "cannot be read, so fetch the product again"
        )
    return value


def _offsets(items: Mapping[str, list[Any]], tag: str, where: str) -> dict[str, float]:
    names = {str(i): band.name for i, band in enumerate(MSI.bands)}
    for element in items.get("Spectral_Information", ()):
        label = element.get("physicalBand") or ""
        if element.get("bandId") and label:
            names[element.get("bandId")] = MSI.band(label).name
    offsets = {}
    for element in items.get(tag, ()):
        name, value = names.get(element.get("band_id") or ""), _number(element.text)
        if name is None or value is None:
            raise SceneError(
                f"{where}: {tag} of band_id {element.get('band_id')} = {element.text} is no offset "
                "of a band; fetch the product again"
            )
        offsets[name] = value
    return offsets
