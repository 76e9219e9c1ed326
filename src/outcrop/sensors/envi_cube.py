"""ENVI cubes given by their folder or archive: the data file beside a header."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from outcrop import envi
from outcrop.config import Input
from outcrop.quality import Masks
from outcrop.sensors.container import Container
from outcrop.sensors.generic import open_raster
from outcrop.sensors.products import the_only
from outcrop.source import Source

#: Headers that are looked into.
MOST_HEADERS = 20


@dataclass(frozen=True)
class EnviReader:
    """Finds a cube, which is then read as the raster that it is."""

    title: str

    def find(self, container: Container) -> str | None:
        """Return the data file of the one cube in the container."""
        if container.only:
            return None
        headers = container.find(r".*\.hdr")[:MOST_HEADERS]
        found = [data for h in headers if (data := _data_of(container, h)) is not None]
        return the_only(str(container.path), self.title, found)

    def open(self, container: Container, metadata: str, options: Input, masks: Masks) -> Source:
        """Open the cube; plain rasters have no masks of their own."""
        del masks
        return open_raster(container.gdal_path(metadata), options)


CUBE = EnviReader("ENVI cube")


def _data_of(container: Container, header: str) -> str | None:
    """Return the data file of a header of a cube; spectral libraries are none."""
    text = container.read_bytes(header).decode("utf-8", "replace")
    is_envi = text.lstrip("\ufeff \n").upper().startswith("ENVI")
    if not is_envi or "spectral library" in text.lower():
        return None
    stem = PurePosixPath(header).stem
    near = (container.member(header, stem + suffix) for suffix in envi.DATA_SUFFIXES)
    return next((data for data in near if data is not None), None)
