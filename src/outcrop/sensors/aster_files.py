"""The files of an ASTER product, and the planes in them: HDF4 or GeoTIFF, whatever the version.

Names: ``AST_L1T_00305032000040446_20150409135350_78838.hdf`` is product, version and time (month,
day, year, hour, minute, second), time of production, number (LP DAAC, ASTER naming conventions).
Level 2 comes in two files that differ in the time of production, so that plays no part here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from outcrop.errors import SceneError
from outcrop.rasters import BandFile, RasterSource
from outcrop.sensors.aster import ASTER
from outcrop.sensors.aster_grid import mended, north_up, turned
from outcrop.sensors.aster_metadata import (
    AsterMetadata,
    from_hdf,
    read_beside,
    short_name,
)
from outcrop.sensors.base import Band
from outcrop.sensors.container import Container
from outcrop.sensors.hdf4 import Hdf4File, Hdf4Source, inspect_hdf4, is_hdf4, read_plane
from outcrop.sensors.odl import parse_odl
from outcrop.sensors.raster_file import RasterFile, inspect_raster
from outcrop.source import Source, Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

SUBSYSTEMS: Mapping[str, tuple[str, ...]] = {
    "VNIR": ("B01", "B02", "B3N"),
    "SWIR": ("B04", "B05", "B06", "B07", "B08", "B09"),
    "TIR": ("B10", "B11", "B12", "B13", "B14"),
}
#: HDF files of a folder that are looked into when none is named as a product is.
MOST_HDF = 20

_GRANULE = re.compile(r"(AST_(?:L1T|07XT|05))_(\d{3})(\d{2})(\d{2})(\d{4})(\d{6})(?=\D|$)", re.I)
_BAND = re.compile(r"[._-](?:[A-Z]+_)?(?:ImageData|Band|B)0?(\d{1,2}N?)\.tiff?$", re.I)
_STACK = re.compile(r"[._-](VNIR|SWIR|TIR)\.tiff?$", re.I)
_QUALITY = re.compile(r"(VNIR|SWIR|TIR)?[._-]QA_DataPlane\.tiff?$", re.I)
_IN_HDF = re.compile(r"(?:ImageData|Band)(\d{1,2}N?)$")


def subsystem(band: str) -> str:
    """Return VNIR, SWIR or TIR."""
    return next(name for name, bands in SUBSYSTEMS.items() if band in bands)


def granule(name: str) -> tuple[str, str] | None:
    """Return product and scene from the name of a file, or None if it is named otherwise."""
    found = _GRANULE.match(PurePosixPath(name).name)
    return (found[1].upper(), "".join(found.groups()[1:])) if found else None


@dataclass(frozen=True)
class Plane:
    """One plane of a file: of HDF4 by its name, of a raster by its index from 1."""

    file: str
    plane: str | int
    grid: GeoBox

    def source(
        self, band: Band, scale: float, offset: float, valid: tuple[float, float] | None
    ) -> Source:
        """Return it as a source of one band, on its own grid."""
        if isinstance(self.plane, str):
            return Hdf4Source(self.file, self.plane, self.grid, (band,), scale, offset, valid)
        file = BandFile(self.file, self.plane, None, scale, offset, valid)
        return RasterSource(PurePosixPath(self.file).name, self.grid, (band,), (file,))


@dataclass(frozen=True)
class AsterFiles:
    """A product: its metadata, its planes by band, and its quality planes by subsystem."""

    meta: AsterMetadata
    bands: Mapping[str, Plane]
    quality: Mapping[str, Plane]
    notes: tuple[str, ...] = ()


def find_product(container: Container, product: str) -> dict[str, str]:
    """Find the scenes of a product: for each the file that says most of it."""
    near = (container.only,) if container.only else container.names
    found: dict[str, str] = {}
    for name in sorted(near, key=_telling):
        parts = granule(name)
        if parts and parts[0] == product and _telling(name) < len(_ORDER):
            found.setdefault(parts[1], name)
    if not found and container.kind == "folder":
        renamed = [n for n in near if n.lower().endswith(".hdf") and granule(n) is None]
        found = {n: n for n in renamed[:MOST_HDF] if _is_inside(container, n, product)}
    return found


#: Other JSON of that name is a STAC item, which says nothing of gains.
_BESIDE = (".xml", ".cmr.json")
_ORDER = (*_BESIDE, ".hdf", ".tif", ".tiff", ".txt")


def _telling(name: str) -> int:
    return next((i for i, end in enumerate(_ORDER) if name.lower().endswith(end)), len(_ORDER))


def _is_inside(container: Container, name: str, product: str) -> bool:
    """Tell by its content whether an HDF file of any name is such a product."""
    path = container.path / name
    if not is_hdf4(path):
        return False
    file = inspect_hdf4(str(path))
    return short_name(parse_odl(file.text("coremetadata."), file.path)) == product


def read_files(container: Container, metadata: str) -> AsterFiles:
    """Read what is needed of a product's files besides the pixels.

    Raises
    ------
    SceneError
        If one is damaged, or none has a band.
    """
    names = list(_of_scene(container, metadata))
    rasters = [n for n in names if n.lower().endswith((".tif", ".tiff"))]
    beside = next((n for n in names if n.lower().endswith(_BESIDE)), None)
    meta = read_beside(container, beside) if beside else None
    where = str(container.path / metadata)
    planes = _from_rasters(container, rasters)
    if not planes.bands:
        planes = _from_hdf(container, [n for n in names if n.lower().endswith(".hdf")])
    if not planes.bands:
        says = "none of the bands lies beside it, as HDF or as GeoTIFF; this is metadata only"
        if metadata.lower().endswith(".hdf"):
            says = "none of the bands is in it (ImageData1, Band1 and so on)"
        raise SceneError(f"{where}: {says}, so fetch the whole product")
    known = planes.meta if meta is None or planes.meta.product else meta
    return AsterFiles(_dated(known, where, metadata), planes.bands, planes.quality, planes.notes)


def _dated(meta: AsterMetadata, where: str, name: str) -> AsterMetadata:
    """Fill in the day, and the place for messages, by the name of the file where they miss."""
    from dataclasses import replace

    found = _GRANULE.match(PurePosixPath(name).name)
    day = meta.day
    if day is None and found:
        try:
            day = date(int(found[5]), int(found[3]), int(found[4]))
        except ValueError:
            day = None
    return replace(meta, day=day, where=meta.where or where)


def _of_scene(container: Container, metadata: str) -> Iterator[str]:
    """Yield the files of the scene that lie in the folder of its metadata."""
    mine, folder = granule(metadata), PurePosixPath(metadata).parent
    for name in container.names:
        if name == metadata or (
            mine is not None and granule(name) == mine and PurePosixPath(name).parent == folder
        ):
            yield name


def _from_rasters(container: Container, names: list[str]) -> AsterFiles:
    bands: dict[str, Plane] = {}
    quality: dict[str, Plane] = {}
    notes: dict[str, None] = {}
    for name in names:
        stack, single, checked = _STACK.search(name), _BAND.search(name), _QUALITY.search(name)
        if not (stack or single or checked):
            continue  # the full-resolution browse images, for one
        raster = inspect_raster(container.gdal_path(name), plain=True)
        path = raster.bands[0].path
        if checked:
            quality[(checked[1] or "TIR").upper()] = Plane(path, 1, raster.grid)
            continue
        labels = _stacked(name, stack[1].upper(), raster) if stack else [_named(single)]
        for index, label in enumerate(labels, start=1):
            if label is None:
                continue
            grid = mended(raster.grid, ASTER.band(label).gsd_m or 0.0)
            if grid is not raster.grid:
                notes[STRETCHED] = None
            bands[label] = Plane(path, index, grid)
    return AsterFiles(AsterMetadata(""), bands, quality, tuple(notes))


STRETCHED = (
    "the GeoTIFFs take the centres of their outermost pixels for their edges, so that they lie "
    "half a pixel off: mended to pixels of 15, 30 and 90 m"
)


def _named(found: re.Match[str] | None) -> str | None:
    label = f"B{found[1].upper()}" if found else ""
    label = label if label == "B3N" else f"B{label[1:].zfill(2)}"
    return label if label in {b.name for b in ASTER.bands} else None


def _stacked(name: str, kind: str, raster: RasterFile) -> list[str | None]:
    """Name the bands of one subsystem in one file, which come in their order."""
    expected = SUBSYSTEMS[kind]
    if len(raster.bands) != len(expected):
        raise SceneError(
            f"{name} has {len(raster.bands)} bands, where {kind} has {len(expected)} "
            f"({', '.join(expected)}); fetch the product again"
        )
    return list(expected)


def _from_hdf(container: Container, names: list[str]) -> AsterFiles:
    bands: dict[str, Plane] = {}
    quality: dict[str, Plane] = {}
    meta = AsterMetadata("")
    for name in names:
        file = inspect_hdf4(container.gdal_path(name))
        meta = from_hdf(file)
        for plane, shape in file.shapes.items():
            label = _named(_IN_HDF.fullmatch(plane))
            if label:
                size = ASTER.band(label).gsd_m or 0.0
                bands[label] = Plane(file.path, plane, _grid(file, meta, shape, size))
        checked = file.shapes.get("QA_DataPlane")
        inside = [b for b in bands if bands[b].file == file.path]
        if checked and inside:
            size = ASTER.band(inside[0]).gsd_m or 0.0
            grid = _grid(file, meta, checked, size)
            quality[subsystem(inside[0])] = Plane(file.path, "QA_DataPlane", grid)
    return AsterFiles(meta, bands, quality)


def _grid(file: Hdf4File, meta: AsterMetadata, shape: tuple[int, int], size: float) -> GeoBox:
    lattice = [file.shapes.get(n) for n in ("GeodeticLatitude", "Longitude")]
    if meta.corners is not None or None in lattice:
        return north_up(meta, shape, size)
    whole = Window(0, 0, *(lattice[0] or (0, 0)))
    latitude, longitude = (
        read_plane(file.path, n, whole).astype(float) for n in ("GeodeticLatitude", "Longitude")
    )
    return turned(latitude, longitude, meta, shape, size)
