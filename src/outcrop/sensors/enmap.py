"""EnMAP Level 2A: orthorectified reflectance, a raster beside an XML file.

Source: DLR, EnMAP HSI Level 1B, 1C and 2A Product Specification, EN-PCV-ICD-2009-2: band
characterisation (wavelength, FWHM, gain and offset of each band), the detectors' lists of
channels, and the values of the quality layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from outcrop import timespan
from outcrop.config import Input
from outcrop.errors import SceneError
from outcrop.quality import DecodedSource, Masks, QualitySource, untold
from outcrop.rasters import BandFile, RasterSource
from outcrop.reasons import CLOUD, FILL, SHADOW, SNOW, WATER, Flag
from outcrop.sensors.base import Band, Sun
from outcrop.sensors.container import Container, parse_xml
from outcrop.sensors.naming import FileBand, choose_spectral, with_quantity
from outcrop.sensors.products import ignored, refuse_sensor, the_only
from outcrop.sensors.raster_file import RasterFile, inspect_raster, require_one_grid

_METADATA = "METADATA.XML"
#: The raster comes in the format that was ordered.
_FORMATS = (".TIF", ".BSQ", ".BIL", ".BIP", ".JP2", "_COG.TIF", "_COG.TIFF", ".TIFF")
#: Quality layers and what their numbers mean. Thin cirrus (1) and haze stay: the ground shows.
_QUALITY = (
    ("QL_QUALITY_CLOUD", (Flag(CLOUD, 0, 8, (1,)),)),
    ("QL_QUALITY_CIRRUS", (Flag(CLOUD, 0, 8, (2, 3)),)),
    ("QL_QUALITY_CLOUDSHADOW", (Flag(SHADOW, 0, 8, (1,)),)),
    ("QL_QUALITY_SNOW", (Flag(SNOW, 0, 8, (1,)),)),
    ("QL_QUALITY_CLASSES", (Flag(WATER, 0, 8, (2,)), Flag(FILL, 0, 8, (3,)))),
)


@dataclass(frozen=True)
class EnmapReader:
    """Reads the spectral image with the metadata of its bands, and the quality layers."""

    title: str

    def find(self, container: Container) -> str | None:
        """Return the metadata file of the product."""
        found = container.find(r"ENMAP.*L2A.*-" + _METADATA.replace(".", r"\."))
        return the_only(str(container.path), self.title, found)

    def open(
        self, container: Container, metadata: str, options: Input, masks: Masks
    ) -> QualitySource:
        """Open the product; see `outcrop.sensors.products.Reader`."""
        where = str(container.path / metadata)
        refuse_sensor(where, self.title, options)
        root = parse_xml(container.read_bytes(metadata), where)
        image = inspect_raster(container.gdal_path(_image(container, metadata)), plain=True)
        found, second = _bands(root, where, len(image.bands)), _second(root, where)
        described = [band for band, _, _ in found]
        chosen, left_out = choose_spectral(where, described, options.bands, second)
        base = RasterSource(
            name=PurePosixPath(metadata).name[: -len(_METADATA) - 1],
            grid=image.grid,
            bands=tuple(with_quantity(band, scaled=True) for _, band in chosen),
            files=tuple(
                BandFile(image.bands[i].path, i + 1, image.bands[i].nodata, *found[i][1:])
                for i, _ in chosen
            ),
            striped=image.striped,
        )
        layers, told, missing = _layers(container, metadata, image, masks)
        return QualitySource(
            base=base,
            layers=tuple(layers),
            masks=masks,
            product=self.title,
            notes=(*left_out, *missing, *untold(masks, told), *ignored(options, metadata)),
            paths=(container.path / metadata,) if container.kind == "folder" else (container.path,),
            acquired=timespan.told(
                *(root.findtext(f"base/temporalCoverage/{k}Time") for k in _ENDS)
            ),
            sun=Sun.of(*(_angle(root, f"sun{k}Angle") for k in ("Azimuth", "Elevation"))),
        )


_ENDS = ("start", "stop")
L2A = EnmapReader("EnMAP Level 2A")


def _beside(container: Container, metadata: str, name: str, endings: tuple[str, ...]) -> str | None:
    prefix = PurePosixPath(metadata).name[: -len(_METADATA)]
    members = (container.member(metadata, prefix + name + ending) for ending in endings)
    return next((m for m in members if m is not None), None)


def _image(container: Container, metadata: str) -> str:
    found = _beside(container, metadata, "SPECTRAL_IMAGE", _FORMATS)
    if found is None:
        raise SceneError(
            f"{container.path / metadata}: no SPECTRAL_IMAGE lies beside it (as "
            f"{', '.join(_FORMATS[:5])}); fetch the whole product"
        )
    return found


def _bands(root: Any, where: str, count: int) -> list[tuple[FileBand, float, float]]:
    """Return the bands of the image with scale and offset, in the order of their number."""
    entries = root.findall("specific/bandCharacterisation/bandID")
    silent = _without_data(root)
    try:
        table = {
            int(e.attrib["number"]): [
                float(e.findtext(tag) or "")
                for tag in ("wavelengthCenterOfBand", "FWHMOfBand", "GainOfBand", "OffsetOfBand")
            ]
            for e in entries
        }
        rows = [table[i] for i in range(1, count + 1)]
    except (KeyError, ValueError) as error:
        raise SceneError(
            f"{where}: bandCharacterisation does not give wavelength, FWHM, gain and offset of all "
            f"{count} bands of the image ({error}); fetch the product again"
        ) from None
    return [
        (FileBand(f"B{i:03d}", round(um / 1000, 6), round(fwhm / 1000, 6), i in silent), gain, off)
        for i, (um, fwhm, gain, off) in enumerate(rows, start=1)
    ]


def _without_data(root: Any) -> set[int]:
    """Return the numbers of bands whose statistics say that nothing in them varies."""
    found = set()
    for entry in root.findall("product/bandStatistics/bandID"):
        deviation = entry.findtext("stdDeviation")
        if deviation is not None and deviation.strip() in ("0", "0.0"):
            found.add(int(entry.attrib.get("number", 0)))
    return found


def _second(root: Any, where: str) -> set[int]:
    """Return the positions of the bands of the SWIR detector."""
    listed = root.findtext("specific/swirProductQuality/expectedChannelsList") or ""
    try:
        return {int(n) - 1 for n in listed.split(",") if n.strip()}
    except ValueError as error:
        raise SceneError(f"{where}: expectedChannelsList holds no numbers ({error})") from None


def _angle(root: Any, name: str) -> float | None:
    """Return an angle at the middle of the scene."""
    found = root.findtext(f"specific/{name}/center")
    try:
        return None if found is None else float(found)
    except ValueError:
        return None


def _layers(
    container: Container, metadata: str, image: RasterFile, masks: Masks
) -> tuple[list[DecodedSource], set[int], list[str]]:
    """Return the quality layers with the flags that are asked for, what they tell, and notes."""
    layers: list[DecodedSource] = []
    told: set[int] = set()
    missing: list[str] = []
    for name, flags in _QUALITY:
        member = _beside(container, metadata, name, _FORMATS)
        wanted = tuple(f for f in flags if f.reason in masks.codes)
        if member is None:
            missing += [name] if wanted else []
            continue
        told |= {f.reason for f in flags}
        if not wanted:
            continue
        raster = inspect_raster(container.gdal_path(member), plain=True)
        require_one_grid([image, raster])
        file = BandFile(raster.bands[0].path, 1)
        source = RasterSource(member, raster.grid, (Band(member),), (file,), raster.striped)
        layers.append(DecodedSource(source, wanted))
    notes = [f"not masked, since the files are missing: {', '.join(missing)}"] if missing else []
    return layers, told, notes
