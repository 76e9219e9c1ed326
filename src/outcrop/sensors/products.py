"""The table of products: what satellites deliver, recognised by its metadata."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from outcrop.config import Input
from outcrop.errors import SceneError
from outcrop.quality import Masks
from outcrop.registry import Registry
from outcrop.sensors.base import Sensor
from outcrop.sensors.container import Container, open_container
from outcrop.sensors.hdf4 import is_hdf4
from outcrop.source import Source

PRODUCTS = Registry(
    "product",
    {
        "landsat-c2l2": "outcrop.sensors.landsat_product:LEVEL2",
        "landsat-l1": "outcrop.sensors.landsat_product:LEVEL1",
        "sentinel2-l2a": "outcrop.sensors.sentinel2_product:L2A",
        "sentinel2-l1c": "outcrop.sensors.sentinel2_product:L1C",
        "emit-l2a": "outcrop.sensors.emit:L2A",
        "enmap-l2a": "outcrop.sensors.enmap:L2A",
        "prisma-l2d": "outcrop.sensors.prisma:L2D",
        "aster-l1t": "outcrop.sensors.aster_product:L1T",
        "aster-07xt": "outcrop.sensors.aster_product:SURFACE",
        "aster-05": "outcrop.sensors.aster_product:EMISSIVITY",
        "stac-item": "outcrop.stac.reader:ITEM",
        "envi-cube": "outcrop.sensors.envi_cube:CUBE",
    },
)


class Reader(Protocol):
    """Knows one kind of product."""

    @property
    def title(self) -> str: ...  # noqa: D102

    def find(self, container: Container) -> str | None:
        """Return the metadata file by which the container is such a product, or None."""
        ...

    def open(self, container: Container, metadata: str, options: Input, masks: Masks) -> Source:
        """Open it; SceneError with the way out where that cannot be done."""
        ...


@dataclass(frozen=True)
class Recognised:
    """A product that was found: its name in the table, its reader, and where it lies."""

    name: str
    reader: Reader
    container: Container
    metadata: str

    def open(self, options: Input, masks: Masks) -> Source:
        """Open the product."""
        return self.reader.open(self.container, self.metadata, options, masks)


def recognise(scene: str) -> Recognised | None:
    """Find out which product a path is: its folder, its archive or its metadata file.

    Returns None for rasters and for metadata files that belong to no known product.

    Raises
    ------
    SceneError
        If a folder, an archive or an HDF4 file holds no product, or several.
    """
    if not scene.strip():
        raise SceneError("the path of the scene is empty; give a file, a folder or an archive")
    container = open_container(scene)
    if container is None:
        return None
    for name in PRODUCTS:
        reader: Reader = PRODUCTS.load(name)
        metadata = reader.find(container)
        if metadata is not None:
            return Recognised(name, reader, container, metadata)
    kinds = "; ".join(PRODUCTS.load(n).title for n in PRODUCTS)
    if container.only:
        if is_hdf4(container.path / container.only):
            raise SceneError(
                f"{scene} is HDF4 of a product that is not known (known: {kinds}); export its "
                "bands as GeoTIFF"
            )
        return None
    raise SceneError(
        f"{scene} is {'a folder' if container.kind == 'folder' else 'an archive'} in which no "
        f"product is recognised; give its raster files joined by commas{_example(container)}, or a "
        f"product as it was downloaded ({kinds})"
    )


def _example(container: Container) -> str:
    """Show how, with the files that there are."""
    tifs = [n for n in container.find(r".*\.(tif|tiff|jp2|img)") if "," not in n]
    shown = ",".join(container.gdal_path(n) for n in tifs[:3])
    return f" ({shown}{',...' if len(tifs) > 3 else ''})" if tifs else ""


def the_only(scene: str, title: str, found: list[str]) -> str | None:
    """Return the one metadata file found, or None.

    Raises
    ------
    SceneError
        If there are several: which is meant is not ours to guess.
    """
    if len(found) > 1:
        names = ", ".join(found[:4]) + (", ..." if len(found) > 4 else "")
        raise SceneError(
            f"{scene} holds {len(found)} products ({title}: {names}); give one of these files"
        )
    return found[0] if found else None


def require_sensor(where: str, sensor: Sensor, options: Input) -> None:
    """Refuse another sensor than the product's own, given or kept in a model."""
    if options.sensor and options.sensor.lower() != sensor.name:
        raise SceneError(
            f"{where} is of {sensor.title}, not of {options.sensor} as --sensor or the model says; "
            f"leave the option out or give --sensor {sensor.name}"
        )


def refuse_sensor(where: str, title: str, options: Input) -> None:
    """Refuse --sensor for a product whose file says all of its bands."""
    if options.sensor:
        raise SceneError(
            f"{where} is {title} and says its bands itself; leave out --sensor {options.sensor}"
        )


def ignored(options: Input, metadata: str) -> list[str]:
    """Say which options are not used because the product's metadata answers them."""
    given = [f"--{k}" for k in ("scale", "offset", "nodata") if getattr(options, k) is not None]
    if not given:
        return []
    return [f"{' and '.join(given)} not used: {metadata} says how the numbers are read"]
