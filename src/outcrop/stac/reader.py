"""Reads a STAC item, wherever it and its assets lie, as a scene with its masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from outcrop.config import Input
from outcrop.errors import SceneError
from outcrop.quality import DecodedSource, Masks, QualitySource, untold
from outcrop.rasters import BandFile, RasterSource
from outcrop.reasons import CLOUD, FILL, SHADOW, SNOW, WATER, Flag
from outcrop.regrid import StackedSource, grid_at, interpolated, meeting_size, regrid
from outcrop.remote import plain
from outcrop.sensors import get_sensor
from outcrop.sensors.base import Band, Sun
from outcrop.sensors.container import Container
from outcrop.sensors.landsat_quality import QA_PIXEL, radsat
from outcrop.sensors.naming import FileBand, name_bands
from outcrop.sensors.products import ignored, require_sensor, the_only
from outcrop.sensors.raster_file import RasterFile, StoredBand, inspect_raster
from outcrop.sensors.sentinel2_product import DEFAULT_RESOLUTION, RELIEF, SCL
from outcrop.source import Source
from outcrop.stac.aster import open_l1t
from outcrop.stac.bands import AssetBand, asset_bands, band_of, best, number
from outcrop.stac.document import Document, of_item
from outcrop.stac.query import sun_of
from outcrop.stac.scaling import Product, is_thermal, product_of, scaling
from outcrop.timespan import told

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

#: JSON files of a folder that are looked into.
MOST_JSON = 20
#: Geoscience Australia's fmask: 0 no data, 1 clear, 2 cloud, 3 shadow, 4 snow, 5 water.
FMASK = (
    Flag(FILL, 0, 8, (0,)),
    Flag(CLOUD, 0, 8, (2,)),
    Flag(SHADOW, 0, 8, (3,)),
    Flag(SNOW, 0, 8, (4,)),
    Flag(WATER, 0, 8, (5,)),
)
#: What is lost without a quality layer.
COST = {
    "scl": "clouds and shadows are not masked",
    "qa_pixel": "clouds and shadows are not masked",
    "qa_radsat": "saturation is not masked",
    "fmask": "clouds and shadows are not masked",
}


@dataclass(frozen=True)
class ItemReader:
    """Reads the item in a folder, an archive or a file."""

    title: str

    def find(self, container: Container) -> str | None:
        """Return the item if the container has one."""
        names = container.find(r".*\.(geo)?json")[:MOST_JSON]
        found = [n for n in names if of_item(container, n) is not None]
        return the_only(str(container.path), self.title, found)

    def open(
        self, container: Container, metadata: str, options: Input, masks: Masks
    ) -> QualitySource:
        """Open the item; see `outcrop.sensors.products.Reader`."""
        item = of_item(container, metadata)
        if item is None:
            raise SceneError(f"{container.path / metadata} is no STAC item any more; try again")
        return open_item(item, options, masks)


ITEM = ItemReader("STAC item")


def open_item(item: Document, options: Input, masks: Masks) -> QualitySource:
    """Open an item as a scene: its bands as reflectance on one grid, and its masks.

    Raises
    ------
    SceneError
        If it has no bands that can be read, or contradicts itself beyond the rules.
    """
    scene = _Scene(item, _with_sensor(product_of(item), item, options), options)
    if scene.product.family == "aster-l1t":
        found = open_l1t(item, scene.rasters, options, masks)
        return replace(found, product=scene.product.title, paths=(*_paths(item), *found.paths))
    chosen = scene.choose()
    own = [scene.source(asset, band) for asset, band in chosen]
    grid = scene.grid(own)
    layers = list(scene.layers(masks, [band.name for _, band in chosen]))
    flags = {f.reason for layer in layers for f in layer.flags}
    kept = [DecodedSource.masking(layer.base, layer.flags, masks) for layer in layers]
    return QualitySource(
        base=_stacked(item.name, [regrid(s, grid) for s in own]),
        layers=tuple(regrid(layer, grid, "reasons") for layer in kept),
        masks=masks,
        product=scene.product.title,
        notes=(*scene.notes(chosen, own, grid), *_untold(scene, masks, layers, flags)),
        paths=_paths(item),
        sun=Sun.of(*angles_of(item)),
        acquired=_when(item),
        relief=RELIEF if scene.product.level == "L2A" else "",
        toa=scene.product.level == "L1C",
    )


def _when(item: Document) -> str:
    """Return the time of an item, or its start and end."""
    ends = (item.properties.get(f"{k}_datetime") for k in ("start", "end"))
    return told(item.properties.get("datetime")) or told(*ends)


def _stacked(name: str, sources: Sequence[Source]) -> Source:
    """Put bands on one grid together: as one source where they are rasters that lie on it."""
    rasters = [s for s in sources if isinstance(s, RasterSource)]
    if len(rasters) < len(sources):
        return StackedSource(name, tuple(sources))
    return RasterSource(
        name, rasters[0].grid, tuple(b for r in rasters for b in r.bands),
        tuple(f for r in rasters for f in r.files), all(r.striped for r in rasters),
        all(r.masked for r in rasters),
    )  # fmt: skip


def _with_sensor(product: Product, item: Document, options: Input) -> Product:
    if product.sensor is not None:
        require_sensor(item.where, product.sensor, options)
        return product
    return replace(product, sensor=get_sensor(options.sensor)) if options.sensor else product


def _paths(item: Document) -> tuple[str, ...]:
    """Return the file or the address that provenance lists."""
    if item.container is None:
        return (item.where,)
    inside = item.container.kind == "folder"
    return (str(item.container.path / item.member if inside else item.container.path),)


@dataclass(frozen=True)
class _Scene:
    item: Document
    product: Product
    options: Input

    @cached_property
    def rasters(self) -> list[AssetBand]:
        """Every band of every raster that can be opened."""
        return asset_bands(self.item)

    def choose(self) -> list[tuple[AssetBand, Band]]:
        """Return the bands asked for and the assets that they are read from."""
        sensor = self.product.sensor
        if sensor is None:
            return self._described()
        found: dict[str, list[AssetBand]] = {}
        for asset in self.rasters:
            band = band_of(asset, sensor)
            if band is not None:
                found.setdefault(band.name, []).append(asset)
        here = [b for b in sensor.bands if b.name in found]
        self._require(here)
        labels = self.options.bands
        chosen = name_bands(self.item.where, [FileBand(b.name) for b in here], sensor, labels)
        return [(best(found[band.name], band.gsd_m), band) for _, band in chosen]

    def _described(self) -> list[tuple[AssetBand, Band]]:
        """Return the bands of an unknown sensor, as the item itself describes them."""
        data = [a for a in self.rasters if "center_wavelength" in a.described] or [
            a for a in self.rasters if a.roles & {"data", "reflectance"}
        ]
        self._require(data)
        files = [
            FileBand(
                a.described.get("name") or (a.key if a.index == 1 else f"{a.key} {a.index}"),
                a.described.get("center_wavelength"),
                a.described.get("full_width_half_max"),
            )
            for a in data
        ]
        chosen = name_bands(self.item.where, files, None, self.options.bands)
        return [
            (data[i], replace(band, common_name=data[i].described.get("common_name")))
            for i, band in chosen
        ]

    def _require(self, found: Sequence[object]) -> None:
        if found:
            return
        what = "beside it" if self.item.container is not None else "where it says"
        raise SceneError(
            f"{self.item.where} is a STAC item, and none of its bands lies {what}; save the assets "
            "(B02.tif, B03.tif, ...) in its folder, or give an item whose assets are on a server"
        )

    def source(self, asset: AssetBand, band: Band) -> RasterSource:
        """Return one band on its own grid."""
        rule = scaling(self.item, self.product, asset, band)
        raster = inspect_raster(asset.path, plain=True)
        stored = self._stored(raster, asset)
        scale, offset, known = rule.scale, rule.offset, rule.known
        if not known:
            tagged = (stored.scale, stored.offset) != (1.0, 0.0)
            given = self.options.scale is not None or self.options.offset is not None
            scale, offset = (
                (self.options.scale or 1.0, self.options.offset or 0.0)
                if given
                else (stored.scale, stored.offset)
            )
            known = tagged or given
        nodata = stored.nodata if rule.nodata is None else rule.nodata
        nodata = nodata if self.options.nodata is None or rule.known else self.options.nodata
        file = BandFile(stored.path, stored.index, nodata, scale, offset, rule.valid)
        return RasterSource(
            asset.key, raster.grid, (self._quantified(band, known),), (file,), raster.striped,
            raster.masked,
        )  # fmt: skip

    def _stored(self, raster: RasterFile, asset: AssetBand) -> StoredBand:
        if len(raster.bands) < asset.index:
            raise SceneError(
                f"{plain(asset.path)} has {len(raster.bands)} layers where the item says that "
                f"layer {asset.index} is one of its bands; fetch the item and the asset again"
            )
        return raster.bands[asset.index - 1]

    def _quantified(self, band: Band, known: bool) -> Band:
        if is_thermal(band):
            heat = known and self.product.family == "landsat-c2l2"
            return replace(band, quantity="temperature" if heat else "unknown")
        return replace(band, quantity="reflectance" if known else "unknown")

    def grid(self, own: Sequence[RasterSource]) -> GeoBox:
        """Return the grid of the scene: that of its bands, or the one asked for."""
        sizes = [abs(s.grid.affine.a) for s in own]
        asked = meeting_size(self.options.resolution, sizes)
        if self.product.family == "sentinel2":
            return grid_at(own[0].grid, asked or max(DEFAULT_RESOLUTION, min(sizes)))
        if asked is None and all(s.grid == own[0].grid for s in own):
            return own[0].grid
        return grid_at(own[0].grid, asked or max(sizes))

    def layers(self, masks: Masks, bands: Sequence[str]) -> Iterator[DecodedSource]:
        """Yield the quality layers; none where nothing is to be masked."""
        if not masks.names:
            return
        for name, flags in _quality(self.product, bands):
            found = [a for a in self.rasters if _is_named(a, name)]
            if found:
                asset = best(found, DEFAULT_RESOLUTION)
                raster = inspect_raster(asset.path, plain=True)
                file = BandFile(raster.bands[0].path, 1)
                layer = RasterSource(name, raster.grid, (Band(name),), (file,), raster.striped)
                yield DecodedSource(layer, flags)

    def notes(
        self, chosen: Sequence[tuple[AssetBand, Band]], own: Sequence[RasterSource], grid: GeoBox
    ) -> Iterator[str]:
        """Say what the user should know of the bands."""
        sensor, used = self.product.sensor, {band.name for _, band in chosen}
        missing = [n for n in sensor.default if n not in used] if sensor else []
        if self.options.bands is None and missing:
            where = "lie beside the item" if chosen[0][0].saved else "are in the item"
            yield f"{', '.join(missing)} do not {where}: mapped without them".replace(
                "do not are", "are not"
            )
        yield from dict.fromkeys(
            n for a, b in chosen if (n := scaling(self.item, self.product, a, b).note)
        )
        yield from self._sizes(chosen, own)
        yield from interpolated(own, abs(grid.affine.a))
        if self.product.level == "L1C":
            yield (
                "Level 1C is reflectance at the top of the atmosphere: haze and atmosphere are "
                "still in it, so do not compare it with surface reflectance"
            )
        raw = [b.name for s in own for b in s.bands if b.quantity == "unknown"]
        if raw:
            yield (
                f"{', '.join(raw)}: neither the item nor the rasters say how their numbers are "
                "scaled, so they are taken as stored; give --scale and --offset if you know"
            )
        elif scaling(self.item, self.product, *chosen[0]).known:
            yield from ignored(self.options, "the item")

    def _sizes(
        self, chosen: Sequence[tuple[AssetBand, Band]], own: Sequence[RasterSource]
    ) -> Iterator[str]:
        finest = min(abs(s.grid.affine.a) for s in own)
        said = [size for a, b in chosen if (size := a.size or b.gsd_m)]
        if said and abs(finest / min(said) - 1) > 0.01:
            yield (
                f"pixels are {finest:g} m in the rasters, where the item says {min(said):g} m: the "
                "rasters are taken at their word"
            )


def angles_of(item: Document) -> tuple[float | None, float | None]:
    """Return azimuth and elevation of the sun, in degrees; see `outcrop.stac.query.sun_of`."""
    facts = item.properties
    keys = ("view:sun_azimuth", "eo:sun_azimuth", "s2:mean_solar_azimuth")
    azimuths = [a for k in keys if (a := number(facts.get(k))) is not None]
    return next(iter(azimuths), None), sun_of(item)


def _quality(product: Product, bands: Sequence[str]) -> Iterator[tuple[str, tuple[Flag, ...]]]:
    """Yield the quality layers of a product: name and what their numbers mean."""
    if product.level == "L2A":
        yield "scl", SCL
    elif product.family == "landsat-c2l2":
        yield "qa_pixel", QA_PIXEL
        yield "qa_radsat", radsat(bands)
    elif product.family == "ga-landsat":
        yield "fmask", FMASK


def _is_named(asset: AssetBand, name: str) -> bool:
    """Tell whether an asset is the quality layer of a name, by its key or its file's name."""
    file = PurePosixPath(urlsplit(asset.path).path).name
    words = "".join(c if c.isalnum() else "_" for c in f"_{asset.key}_{file}_".lower())
    return f"_{name}_" in words


def _untold(
    scene: _Scene, masks: Masks, layers: Sequence[DecodedSource], told: set[int]
) -> list[str]:
    if not masks.names:
        return []
    found = {layer.name for layer in layers}
    lost = [f"{n.upper()} {COST[n]}" for n, _ in _quality(scene.product, ()) if n not in found]
    without = lost or ([] if layers else ["a quality layer clouds are not masked"])
    return [f"{scene.item.where}: without {what}" for what in without] + untold(masks, told)
