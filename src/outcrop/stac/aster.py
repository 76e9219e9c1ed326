"""Items of ASTER L1T: their rasters are the product's, and so are the gains in their metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from outcrop.config import Input
from outcrop.errors import SceneError
from outcrop.quality import Masks, QualitySource
from outcrop.sensors.aster import ASTER
from outcrop.sensors.aster_files import STRETCHED, AsterFiles, Plane
from outcrop.sensors.aster_grid import mended
from outcrop.sensors.aster_metadata import AsterMetadata, parse_beside
from outcrop.sensors.aster_product import L1T, AsterReader
from outcrop.sensors.raster_file import inspect_raster
from outcrop.stac.bands import AssetBand, band_of, number
from outcrop.stac.document import Document
from outcrop.stac.query import sun_of

#: What metadata assets are called: those of version 3, and of version 4.
_METADATA = (".xml", ".cmr.json")


def open_l1t(
    item: Document, rasters: Sequence[AssetBand], options: Input, masks: Masks
) -> QualitySource:
    """Open an item of L1T on its mended grids, as reflectance where its metadata can be had.

    Without them, or with ``--scale``, numbers are taken as they are stored.

    Raises
    ------
    SceneError
        If no band can be read, or the metadata that the item names cannot.
    """
    files = _files(item, rasters)
    if not files.bands:
        raise SceneError(
            f"{item.where} is a STAC item of ASTER, and none of its bands lies beside it or where "
            "it says; save its assets (...-VNIR.tif, ...-SWIR.tif) in its folder"
        )
    given = options.scale is not None or options.offset is not None
    meta = None if given else _metadata(item, saved=rasters[0].saved)
    if meta is not None:
        found = L1T.assembled(item.name, item.where, replace(files, meta=meta), options, masks)
        return replace(found, paths=(meta.where,))
    scale = (options.scale or 1.0, options.offset or 0.0)
    reader = AsterReader(L1T.title, L1T.product, "reflectance" if given else "unknown", scale)
    found = reader.assembled(item.name, item.where, files, options, masks)
    return found if given else replace(found, notes=(*found.notes, _STORED.format(item.name)))


_STORED = (
    "{}: the gains are in the product's metadata (.hdf.xml), which the item does not have, so "
    "numbers are taken as stored; give the product itself for reflectance, or --scale and --offset"
)


def _files(item: Document, rasters: Sequence[AssetBand]) -> AsterFiles:
    bands: dict[str, Plane] = {}
    notes: dict[str, None] = {}
    for asset in rasters:
        band = band_of(asset, ASTER)
        if band is None or band.name in bands:
            continue
        raster = inspect_raster(asset.path, plain=True)
        grid = mended(raster.grid, band.gsd_m or 0.0)
        if grid is not raster.grid:
            notes[STRETCHED] = None
        bands[band.name] = Plane(raster.bands[0].path, asset.index, grid)
    return AsterFiles(_of_properties(item), bands, {}, tuple(notes))


def _of_properties(item: Document) -> AsterMetadata:
    """Return what the item itself says."""
    try:
        day = date.fromisoformat(str(item.properties.get("datetime", ""))[:10])
    except ValueError:
        day = None
    azimuth = number(item.properties.get("view:sun_azimuth"))
    return AsterMetadata(item.where, L1T.product, day, azimuth, sun_of(item))


def _metadata(item: Document, *, saved: bool) -> AsterMetadata | None:
    """Return the metadata with the gains; None where the item has none that can be looked for."""
    assets = item.content.get("assets")
    for asset in assets.values() if isinstance(assets, dict) else ():
        href = asset.get("href") if isinstance(asset, dict) else None
        if not isinstance(href, str) or not href.partition("?")[0].lower().endswith(_METADATA):
            continue
        found = _content(item, href, saved=saved)
        if found is None:
            continue
        own, meta = _of_properties(item), parse_beside(found[0], href.partition("?")[0], found[1])
        return replace(
            meta,
            day=meta.day or own.day,
            azimuth=own.azimuth if meta.azimuth is None else meta.azimuth,
            elevation=own.elevation if meta.elevation is None else meta.elevation,
        )
    return None


def _content(item: Document, href: str, *, saved: bool) -> tuple[bytes, str] | None:
    try:
        return item.content_of(href, saved=saved)
    except SceneError as error:
        raise SceneError(
            f"{error}; it has the gains, without which there is no reflectance: --scale 1 takes "
            "the numbers as stored"
        ) from None
