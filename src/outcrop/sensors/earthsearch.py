"""Sentinel-2 Level 2A as Earth Search serves it: a STAC item with its assets saved beside it.

How numbers become reflectance, where an item contradicts itself (``boa_offset_applied: true``
beside ``offset: -0.1`` is common):

1. Where ``earthsearch:boa_offset_applied`` is true, the offset has been taken off the GeoTIFF
   assets already and the one that the asset states is not used. (Assets in the original
   JPEG 2000, whose keys end in ``-jp2``, are untouched: rule 2.)
2. Otherwise the offset of the asset's ``raster:bands`` holds.
3. Without one there is no offset before processing baseline 04.00, and from then on, or where
   the baseline is not known, the item is refused.

The scale is that of ``raster:bands``, or 1/10000, which it has been in all baselines.

Source: Element 84, Earth Search v1, properties of the collection sentinel-2-l2a; STAC raster
extension v1.1.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from outcrop.config import Input
from outcrop.errors import SceneError
from outcrop.quality import DecodedSource, Masks, QualitySource, untold
from outcrop.regrid import StackedSource, grid_at, regrid
from outcrop.sensors.base import Band, Sun
from outcrop.sensors.container import Container
from outcrop.sensors.naming import FileBand, name_bands
from outcrop.sensors.products import ignored, require_sensor, the_only
from outcrop.sensors.safe import OFFSET_BASELINE
from outcrop.sensors.sentinel2 import MSI
from outcrop.sensors.sentinel2_product import (
    DEFAULT_RESOLUTION,
    RELIEF,
    SCL,
    VALID,
    interpolated,
    open_layer,
)
from outcrop.source import BandFile, Source

#: JSON files of a folder that are looked into.
MOST_JSON = 20
_APPLIED = "earthsearch:boa_offset_applied"


@dataclass(frozen=True)
class EarthSearchReader:
    """Reads an item and the assets that lie beside it."""

    title: str

    def find(self, container: Container) -> str | None:
        """Return the item if the container has one."""
        names = container.find(r".*\.json")[:MOST_JSON]
        found = [n for n in names if _item(container, n) is not None]
        return the_only(str(container.path), self.title, found)

    def open(
        self, container: Container, metadata: str, options: Input, masks: Masks
    ) -> QualitySource:
        """Open the item; see `outcrop.sensors.products.Reader`."""
        require_sensor(str(container.path / metadata), MSI, options)
        item = _Item(container, metadata, _item(container, metadata) or {})
        chosen = item.choose(options.bands)
        own: list[Source] = [item.band(asset, band) for asset, band in chosen]
        finest = min(abs(s.grid.affine.a) for s in own)
        size = _meeting(options.resolution, own) or max(DEFAULT_RESOLUTION, finest)
        grid = grid_at(own[0].grid, size)
        flags = tuple(f for f in SCL if f.reason in masks.codes)
        layers = [DecodedSource(s, flags) for s in item.classification()]
        return QualitySource(
            base=StackedSource(item.name, tuple(regrid(s, grid) for s in own)),
            layers=tuple(regrid(layer, grid, "reasons") for layer in layers),
            masks=masks,
            product=self.title,
            notes=(
                *item.notes([band for _, band in chosen], finest, options.bands),
                *interpolated(own, size),
                *(untold(masks, {f.reason for f in SCL}) if layers else [item.without_mask()]),
                *ignored(options, metadata),
            ),
            paths=(container.path / metadata if container.kind == "folder" else container.path,),
            sun=item.sun(),
            relief=RELIEF,
        )


L2A = EarthSearchReader("Sentinel-2 Level 2A (Earth Search)")


def _meeting(wanted: float | None, bands: Sequence[Source]) -> float | None:
    """Return a size asked for if the bands can meet at it; what cannot be is made later."""
    sizes = [abs(band.grid.affine.a) for band in bands]
    whole = [max(s, wanted) / min(s, wanted) % 1 for s in sizes] if wanted else [1.0]
    return wanted if not any(whole) else None


def _item(container: Container, name: str) -> Mapping[str, Any] | None:
    """Return the STAC item in a file if it is one of Earth Search's Sentinel-2 Level 2A."""
    try:
        item = json.loads(container.read_bytes(name))
        properties = item["properties"] if item["type"] == "Feature" else {}
        known = item["collection"] == "sentinel-2-l2a" and isinstance(item["assets"], dict)
        mine = known and any(str(k).startswith("earthsearch:") for k in properties)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return item if mine else None


@dataclass(frozen=True)
class _Asset:
    key: str
    member: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class _Item:
    container: Container
    metadata: str
    content: Mapping[str, Any]

    @property
    def where(self) -> str:
        return str(self.container.path / self.metadata)

    @property
    def name(self) -> str:
        return str(self.content.get("id") or PurePosixPath(self.metadata).stem)

    def assets(self) -> Iterator[tuple[str, _Asset]]:
        """Yield the name in the file's name and the asset, for those that lie beside the item.

        Links lead elsewhere; a saved asset is found by its file name.
        """
        for key, facts in self.content["assets"].items():
            href = facts.get("href", "") if isinstance(facts, dict) else ""
            file = PurePosixPath(urlsplit(str(href)).path).name
            found = re.search(r"(?:^|_)(B\d[\dA]|SCL)(?:_\d\dm)?\.(tif|jp2)$", file)
            member = self.container.member(self.metadata, file) if found else None
            if found and member:
                yield found[1], _Asset(str(key), member, facts)

    def choose(self, labels: Sequence[str] | None) -> list[tuple[_Asset, Band]]:
        """Return the assets and bands asked for."""
        here: dict[str, _Asset] = {}
        for name, asset in self.assets():
            here.setdefault(name, asset)
        names = [b.name for b in MSI.bands if b.name in here]
        if not names:
            raise SceneError(
                f"{self.where} is a STAC item, and none of its bands lies beside it; save the "
                "assets (B02.tif, B03.tif, ...) in its folder"
            )
        chosen = name_bands(self.where, [FileBand(n) for n in names], MSI, labels)
        return [(here[names[i]], replace(b, quantity="reflectance")) for i, b in chosen]

    def band(self, asset: _Asset, band: Band) -> Source:
        """Return one band on its own grid, as reflectance."""
        scale, offset = self.scale(asset)
        file = BandFile("", 1, None, scale, offset, VALID)
        return open_layer(self.container, asset.member, band, file)

    def scale(self, asset: _Asset) -> tuple[float, float]:
        """Return scale and offset of an asset by the rule at the head of this module."""
        stated = asset.facts.get("raster:bands")
        first = stated[0] if isinstance(stated, list) and stated else {}
        first = first if isinstance(first, dict) else {}
        scale = _finite(first.get("scale", 1e-4))
        properties = self.content["properties"]
        if properties.get(_APPLIED) is True and not asset.key.endswith("-jp2"):
            offset: float | None = 0.0
        elif "offset" in first:
            offset = _finite(first["offset"])
        else:
            baseline = _finite(properties.get("s2:processing_baseline"))
            offset = 0.0 if baseline is not None and baseline < OFFSET_BASELINE else None
        if not scale or offset is None:
            raise SceneError(
                f"{self.where}: the asset {asset.key} has scale {first.get('scale')} and offset "
                f"{first.get('offset')}, from which reflectance cannot be computed; fetch the item "
                "again, or join the band files by commas with --scale and --offset"
            )
        return scale, offset

    def sun(self) -> Sun | None:
        """Return where the sun stood (STAC view extension)."""
        facts = self.content["properties"]
        return Sun.of(*(_finite(facts.get(f"view:sun_{k}")) for k in ("azimuth", "elevation")))

    def classification(self) -> list[Source]:
        """Return the scene classification, if it lies beside the item."""
        found = [a.member for name, a in self.assets() if name == "SCL"][:1]
        return [open_layer(self.container, m, Band(m), BandFile("", 1)) for m in found]

    def without_mask(self) -> str:
        """Say what is lost without the scene classification."""
        return f"{self.where}: without SCL.tif beside it clouds are not masked"

    def notes(
        self, used: Sequence[Band], finest: float, labels: Sequence[str] | None
    ) -> Iterator[str]:
        """Say what is not there and what the item says wrongly."""
        missing = [n for n in MSI.default if n not in {b.name for b in used}]
        if labels is None and missing:
            yield f"{', '.join(missing)} do not lie beside the item: mapped without them"
        sharpest = min(b.gsd_m or math.inf for b in used)
        if abs(finest / sharpest - 1) > 0.01:
            yield (
                f"pixels are {finest:g} m in the rasters, where the item says {sharpest:g} m: the "
                "rasters are taken at their word"
            )


def _finite(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
