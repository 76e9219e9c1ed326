"""Which asset of an item holds which band: names of Earth Search, Planetary Computer, USGS, DEA.

odc-stac says which assets are rasters, which bands they hold and what these are called; it is
given no more of the item than that, so that what is wrong elsewhere in it does no harm.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from outcrop.errors import SceneError
from outcrop.sensors.base import Band, Sensor
from outcrop.stac.document import Document, asked_to_pay, require_extra

_EXTENSIONS = [
    f"https://stac-extensions.github.io/{name}/v1.1.0/schema.json" for name in ("eo", "raster")
]
#: Assets that are pictures, or containers that hold no band of their own.
_NOT_BANDS = re.compile(r"^(visual|tci|pvi|preview|overview|thumbnail|browse|rendered)", re.I)
_NOT_ROLES = {"thumbnail", "overview", "visual"}
_INSTRUMENT = re.compile(r"^(oli|tirs|tm|etm|msi|vnir|swir|tir|nbart|nbar)_", re.I)
_IN_FILE_NAME = re.compile(r"(?:^|_)(B\d[\dA]?N?|band\d\d)(?:_\d\dm)?\.(?:tif|tiff|jp2)$", re.I)
#: What platforms call bands whose common names are ambiguous.
_ALSO = {"rededge1": "B05", "rededge2": "B06", "rededge3": "B07"}


@dataclass(frozen=True)
class AssetBand:
    """A band of an asset.

    Parameters
    ----------
    key : str
        The asset's key in the item.
    index : int
        From 1.
    path : str
        By which GDAL opens the asset.
    labels : tuple of str
        What it is called, the strongest first.
    asset, described, stated : mapping
        What the item says of the asset; of the band (``eo:bands``); and of how it is stored
        (``raster:bands``).
    nodata : float or None
    saved : bool
        Whether it lies with the item and not on a server.
    """

    key: str
    index: int
    path: str
    labels: tuple[str, ...]
    asset: Mapping[str, Any]
    described: Mapping[str, Any]
    stated: Mapping[str, Any]
    nodata: float | None
    saved: bool

    @property
    def roles(self) -> set[str]:
        """What the asset is for."""
        roles = self.asset.get("roles")
        return {r for r in roles if isinstance(r, str)} if isinstance(roles, list) else set()

    @property
    def original(self) -> bool:
        """Whether it is the product's own JPEG 2000, which no platform has changed."""
        return self.key.endswith("-jp2")

    @property
    def size(self) -> float | None:
        """Pixel size that the item states, in metres."""
        transform = self.asset.get("proj:transform")
        first = transform[0] if isinstance(transform, list) and transform else None
        found = re.search(r"_(\d\d)m$", self.key)
        named = found[1] if found else None
        sizes = (first, self.stated.get("spatial_resolution"), self.asset.get("gsd"), named)
        return next((s for v in sizes if (s := number(v)) and s > 0), None)


def number(value: Any) -> float | None:
    """Return a finite number, or None for anything else."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def asset_bands(item: Document) -> list[AssetBand]:
    """Return the bands of an item's rasters that can be opened.

    Those saved with the item, and then only those; without any, those on servers. Of these the
    originals (``-jp2``), which lie where the reader pays, only if there is nothing else.

    Raises
    ------
    SceneError
        If the item cannot be understood.
    """
    found = [band for band in _parsed(item) if not _is_picture(band)]
    saved = [band for band in found if band.saved]
    return saved or [band for band in found if not band.original] or found


def _is_picture(band: AssetBand) -> bool:
    file = PurePosixPath(urlsplit(band.path).path).name
    looks = _NOT_BANDS.match(band.key) or file.lower().endswith((".hdf", ".png", ".jpg", ".jpeg"))
    return bool(looks or band.roles & _NOT_ROLES)


def _parsed(item: Document) -> Iterator[AssetBand]:
    require_extra()
    from odc.stac import parse_items
    from pystac import Item

    assets = _assets(item)
    minimal = {
        "type": "Feature", "stac_version": "1.0.0", "id": item.name, "geometry": None,
        "properties": {"datetime": "2000-01-01T00:00:00Z"}, "links": [],
        "stac_extensions": _EXTENSIONS,
        "assets": {k: {**a, "href": urlsplit(a["href"]).path} for k, a in assets.items()},
    }  # fmt: skip
    try:
        parsed = next(iter(parse_items([Item.from_dict(minimal)], asset_absolute_paths=False)))
    except Exception as error:  # what pystac raises on odd JSON is any of a dozen kinds
        raise SceneError(
            f"{item.where} cannot be understood as a STAC item ({type(error).__name__}: {error}); "
            "fetch it again"
        ) from None
    names: dict[tuple[str, int], list[str]] = {}
    for alias, places in parsed.collection.aliases.items():
        for place in places:
            names.setdefault(place, []).append(alias)
    for (key, index), source in parsed.bands.items():
        meta: Any = source.meta
        href = _href(item, assets[key])
        saved = item.saved(href)
        path = saved or item.served(href)
        if path is not None:
            labels = (*names.get((key, index), ()), key, *_in_file_name(href))
            yield AssetBand(
                key, index, path, labels, assets[key],
                assets[key]["eo:bands"][index - 1], assets[key]["raster:bands"][index - 1],
                number(meta.nodata), saved is not None,
            )  # fmt: skip


def _href(item: Document, asset: Mapping[str, Any]) -> str:
    """Return where an asset lies: on S3 if the user pays for that and it is not saved."""
    href = str(asset["href"])
    alternates = asset.get("alternate")
    s3 = alternates.get("s3") if isinstance(alternates, dict) else None
    other = s3.get("href") if isinstance(s3, dict) else None
    pay = asked_to_pay() and isinstance(other, str) and item.saved(href) is None
    return str(other) if pay else href


def _in_file_name(href: str) -> tuple[str, ...]:
    found = _IN_FILE_NAME.search(PurePosixPath(urlsplit(href).path).name)
    return (found[1],) if found else ()


def _assets(item: Document) -> dict[str, dict[str, Any]]:
    """Return the assets in one form, whichever version of STAC the item is written in.

    Before 1.0 an asset gave the places of its bands in a list of the item; since 1.1 ``bands``
    holds what ``eo:bands`` and ``raster:bands`` did.
    """
    common = _records(item.properties.get("eo:bands"))
    given = item.content.get("assets")
    out = {}
    for key, asset in given.items() if isinstance(given, dict) else ():
        if not isinstance(asset, dict) or not isinstance(asset.get("href"), str):
            continue
        described, stated = _bands(asset, common)
        count = max(len(described), len(stated), 1)
        kept = ("href", "roles", "gsd", "alternate", "proj:transform")
        plain = {k: asset[k] for k in kept if k in asset}
        media = asset.get("type")
        if isinstance(media, str):
            plain["type"] = media
        if not isinstance(plain.get("roles"), list):
            plain.pop("roles", None)
        out[str(key)] = {
            **plain,
            "eo:bands": described + [{"name": ""} for _ in range(count - len(described))],
            "raster:bands": stated + [{} for _ in range(count - len(stated))],
        }
    return out


def _bands(
    asset: Mapping[str, Any], common: Sequence[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    listed = asset.get("eo:bands")
    eo = [
        common[b]
        if isinstance(b, int) and 0 <= b < len(common)
        else b
        if isinstance(b, dict)
        else {}
        for b in (listed if isinstance(listed, list) else ())
    ]
    raster = _records(asset.get("raster:bands"))
    new = _records(asset.get("bands"))
    whole = {k: v for k, v in asset.items() if k.startswith("raster:") and k != "raster:bands"}
    whole |= {k: asset[k] for k in ("nodata", "unit") if k in asset}
    described = eo or [_without_prefix(b, "eo:") for b in new]
    stated = raster or [
        _without_prefix({**whole, **b}, "raster:") for b in new or [{}] if whole | b
    ]
    return [_texts(b) for b in described], [_storage(b) for b in stated]


def _records(value: Any) -> list[dict[str, Any]]:
    """Return a list of records; what is none stands as an empty one, so that places hold."""
    listed = value if isinstance(value, list) else []
    return [v if isinstance(v, dict) else {} for v in listed]


def _without_prefix(band: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {k.removeprefix(prefix): v for k, v in band.items()}


def _texts(band: Mapping[str, Any]) -> dict[str, Any]:
    out = {k: band[k] for k in ("name", "common_name") if isinstance(band.get(k), str)}
    out.setdefault("name", "")
    numbers = {k: number(band.get(k)) for k in ("center_wavelength", "full_width_half_max")}
    return out | {k: v for k, v in numbers.items() if v is not None}


def _storage(band: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("scale", "offset", "spatial_resolution")
    nodata = number(band.get("nodata"))
    return {k: band[k] for k in kept if k in band} | ({} if nodata is None else {"nodata": nodata})


def band_of(asset: AssetBand, sensor: Sensor) -> Band | None:
    """Find out which band of a sensor an asset's band is; None for what is none of them.

    The sensor's own names go before common names, which several bands may share.
    """
    labels = [_plain(label) for label in asset.labels if label]
    own = {_folded(b.name): b for b in sensor.bands}
    common = {b.common_name: b for b in sensor.bands if b.common_name}
    for label in labels:
        if (band := own.get(_folded(_ALSO.get(label, label)))) is not None:
            return band
    return next((common[label] for label in labels if label in common), None)


def _plain(label: str) -> str:
    """``VNIR_Band3N``, ``SR_B2.TIF``, ``blue_20m`` and ``red-jp2`` to the name in them."""
    text = re.sub(r"\.(tif|tiff|jp2)$", "", label.lower())
    text = re.sub(r"(_\d\dm|-jp2)$", "", text)
    text = _INSTRUMENT.sub("", text)
    return re.sub(r"^(sr|st)_(?=b\d)", "", re.sub(r"^band_?(?=\d)", "b", text))


def _folded(name: str) -> str:
    return re.sub(r"^b0*(?=\d)", "b", name.lower())


def best(candidates: Sequence[AssetBand], native: float | None) -> AssetBand:
    """Return the asset to read a band from: nearest to how it was measured, not the original."""

    def rank(asset: AssetBand) -> tuple[float, bool, int, str]:
        off = abs(asset.size - native) if asset.size and native else 0.0
        return off, asset.original, len(asset.asset["eo:bands"]), asset.key

    return min(candidates, key=rank)
