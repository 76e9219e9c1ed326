"""Sentinel-2 Level 2A and 1C as ESA delivers them: SAFE folders and their zip archives.

Source: ESA, Sentinel-2 Products Specification Document, S2-PDGS-TAS-DI-PSD: 0 is no data and 65535
saturated; classes of the scene classification (SCL); layers of ``MSK_CLASSI`` (baseline 04.00).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

from outcrop.config import Input
from outcrop.errors import SceneError
from outcrop.quality import DecodedSource, Masks, QualitySource, untold
from outcrop.rasters import BandFile, RasterSource
from outcrop.reasons import CLOUD, FILL, SATURATED, SHADOW, SNOW, WATER, Flag
from outcrop.regrid import StackedSource, grid_at, interpolated, regrid
from outcrop.sensors.base import Band
from outcrop.sensors.container import Container
from outcrop.sensors.naming import FileBand, name_bands
from outcrop.sensors.products import ignored, require_sensor, the_only
from outcrop.sensors.raster_file import inspect_raster
from outcrop.sensors.safe import SafeMetadata, read_safe, read_sun
from outcrop.sensors.sentinel2 import MSI
from outcrop.sensors.sentinel2_clouds import read_clouds
from outcrop.source import Source

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

RESOLUTIONS = (10.0, 20.0, 60.0)
DEFAULT_RESOLUTION = 20.0
#: The numbers that are measurements: 0 is no data and 65535 saturated.
VALID = (1.0, 65534.0)

#: Who corrects Level 2A for relief; no metadata says it of a single product.
RELIEF = "ESA's processor (Sen2Cor), which works with an elevation model"

#: Dark areas (2) and unclassified pixels (7) stay whatever is masked: the first are often basalt.
SCL = (
    Flag(FILL, 0, 8, (0,)),
    Flag(SATURATED, 0, 8, (1,)),
    Flag(SHADOW, 0, 8, (3,)),
    Flag(WATER, 0, 8, (6,)),
    Flag(CLOUD, 0, 8, (8, 9, 10)),
    Flag(SNOW, 0, 8, (11,)),
)
#: Layers of MSK_CLASSI_B00.jp2: opaque clouds, cirrus, snow.
CLASSI = ((1, Flag(CLOUD, 0, 1)), (2, Flag(CLOUD, 0, 1)), (3, Flag(SNOW, 0, 1)))


@dataclass(frozen=True)
class SafeReader:
    """Reads one level of Sentinel-2 products."""

    title: str
    level: Literal["L2A", "L1C"]

    def find(self, container: Container) -> str | None:
        """Return the product's metadata file if the container has one."""
        found = container.find(rf"MTD_MSI{self.level}\.xml")
        return the_only(str(container.path), self.title, found)

    def open(
        self, container: Container, metadata: str, options: Input, masks: Masks
    ) -> QualitySource:
        """Open the product; see `outcrop.sensors.products.Reader`."""
        require_sensor(str(container.path / metadata), MSI, options)
        size = _resolution(options)
        meta = read_safe(container, metadata, self.level)
        product = _Product(container, metadata, meta)
        sources = [product.band(file, band) for file, band in product.choose(options.bands)]
        grid = grid_at(sources[0].grid, size)
        name = meta.uri or PurePosixPath(metadata).parent.name or container.path.name
        base = StackedSource(name, tuple(regrid(s, grid) for s in sources))
        layers, notes = _quality(product, self.level, grid, masks)
        return QualitySource(
            base=base,
            layers=layers,
            masks=masks,
            product=f"{self.title}, baseline {meta.baseline or 'not given'}",
            notes=(*_notes(self.level, sources, size), *notes, *ignored(options, metadata)),
            paths=(container.path / metadata if container.kind == "folder" else container.path,),
            toa=self.level == "L1C",
            acquired=meta.acquired,
            sun=read_sun(container, metadata, meta.images[0]),
            relief=RELIEF if self.level == "L2A" else "",
        )


L2A = SafeReader("Sentinel-2 Level 2A (SAFE)", "L2A")
L1C = SafeReader("Sentinel-2 Level 1C (SAFE)", "L1C")


@dataclass(frozen=True)
class _Product:
    container: Container
    metadata: str
    meta: SafeMetadata

    def choose(self, labels: Sequence[str] | None) -> list[tuple[str, Band]]:
        """Return the images and bands asked for."""
        files = self._best()
        if not files:
            raise SceneError(
                f"{self.meta.where}: none of the images that it lists lies beside it; this is "
                "metadata only, so fetch the whole product"
            )
        missing = [n for n in MSI.default if n not in files]
        if labels is None and missing:
            raise SceneError(
                f"{self.meta.where}: the images of {', '.join(missing)} are missing; fetch the "
                "whole product, or choose among the others with --bands"
            )
        names = [b.name for b in MSI.bands if b.name in files]
        chosen = name_bands(self.meta.where, [FileBand(n) for n in names], MSI, labels)
        return [(files[names[i]], replace(b, quantity="reflectance")) for i, b in chosen]

    def _best(self) -> dict[str, str]:
        """For each band its image nearest to the resolution that it was measured in.

        Level 2A repeats bands at coarser resolutions; Outcrop averages itself, by one rule.
        """
        best: dict[str, tuple[float, str]] = {}
        for band, size, member in self.images():
            native = next((b.gsd_m or 0 for b in MSI.bands if b.name == band), None)
            if native is not None:
                off = abs((size or native) - native)
                best[band] = min(best.get(band, (off, member)), (off, member))
        return {band: member for band, (_, member) in best.items()}

    def images(self) -> Iterator[tuple[str, float | None, str]]:
        """Yield band or layer, resolution (m) if the name has one, and member."""
        for image in self.meta.images:
            found = re.search(r"_(B\d[\dA]|SCL)(?:_(\d\d)m)?(?:\.jp2)?$", image)
            name = image if image.endswith(".jp2") else f"{image}.jp2"
            member = self.container.member(self.metadata, name)
            if found and member:
                yield found[1], float(found[2]) if found[2] else None, member

    def quality_file(self, name: str) -> str | None:
        """Return a file of the tile's quality folder, if it is there."""
        granule = "/".join(self.meta.images[0].split("/")[:2])
        return self.container.member(self.metadata, f"{granule}/QI_DATA/{name}")

    def band(self, member: str, band: Band) -> RasterSource:
        """Return one band on its own grid, as reflectance."""
        scale, offset = self.meta.scale(band.name)
        file = BandFile("", 1, None, scale, offset, VALID)
        return open_layer(self.container, member, band, file)


def open_layer(container: Container, member: str, band: Band, file: BandFile) -> RasterSource:
    """Return one layer of an image as a source on its own grid.

    Raises
    ------
    SceneError
        If the image is damaged or has no such layer.
    """
    raster = inspect_raster(container.gdal_path(member), plain=True)
    path = raster.bands[0].path
    if len(raster.bands) < file.index:
        raise SceneError(
            f"{path} has {len(raster.bands)} layers where layer {file.index} is needed; fetch the "
            "product again"
        )
    name, file = PurePosixPath(member).name, replace(file, path=path)
    return RasterSource(name, raster.grid, (band,), (file,), False)


def _resolution(options: Input) -> float:
    """Return the size at which the bands meet; what was asked for is made of it later."""
    wanted = DEFAULT_RESOLUTION if options.resolution is None else options.resolution
    return max((r for r in RESOLUTIONS if r <= wanted), default=RESOLUTIONS[0])


def _quality(
    product: _Product, level: str, grid: GeoBox, masks: Masks
) -> tuple[tuple[Source, ...], list[str]]:
    """Return the quality layers on the grid, each masking by the flags asked for."""
    found = list(_scl(product) if level == "L2A" else _classi(product))
    layers: list[Source] = [
        regrid(
            DecodedSource.masking(
                open_layer(product.container, member, Band(member), BandFile("", index)),
                flags,
                masks,
            ),
            grid,
            "reasons",
        )
        for member, index, flags in found
    ]
    told = {f.reason for _, _, flags in found for f in flags}
    old = None if found or level == "L2A" else product.quality_file("MSK_CLOUDS_B00.gml")
    if old:
        told = {CLOUD}
        layers = [read_clouds(product.container, old, grid)] if CLOUD in masks.codes else []
    lost = {
        "L2A": "without its scene classification (SCL) clouds and shadows are not masked",
        "L1C": "with neither MSK_CLASSI_B00.jp2 nor MSK_CLOUDS_B00.gml clouds are not masked",
    }
    notes = [] if told else [f"{product.meta.where}: {lost[level]}"]
    if level == "L1C" and told and "shadow" in masks.names:
        notes.append("Level 1C has no mask of cloud shadows: they stay in")
    if told:
        notes += untold(masks, told)
    return tuple(layers), notes


def _scl(product: _Product) -> Iterator[tuple[str, int, tuple[Flag, ...]]]:
    found = sorted((size or 0, m) for name, size, m in product.images() if name == "SCL")
    if found:
        yield found[0][1], 1, SCL


def _classi(product: _Product) -> Iterator[tuple[str, int, tuple[Flag, ...]]]:
    member = product.quality_file("MSK_CLASSI_B00.jp2")
    if member:
        for index, flag in CLASSI:
            yield member, index, (flag,)


def _notes(level: str, sources: Sequence[Source], size: float) -> list[str]:
    notes = interpolated(sources, size)
    if level == "L1C":
        notes.append(
            "Level 1C is reflectance at the top of the atmosphere: do not compare it with surface "
            "reflectance"
        )
    return notes
