"""PRISMA Level 2D: geocoded reflectance in two cubes, of a VNIR and a SWIR detector.

A product is an HDF-EOS5 file. Source: ASI, PRISMA Products Specification Document, issue 2.3:
reflectance is ``min + number × (max − min) / 65535`` with the limits of each cube in the
attributes; the corners in the attributes are the centres of the corner pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from outcrop.config import Input
from outcrop.errors import SceneError
from outcrop.quality import Masks, QualitySource, untold
from outcrop.sensors.base import Band, Sun
from outcrop.sensors.container import Container
from outcrop.sensors.hdf import Handles, find_hdf, number, reading, reading_rows, text
from outcrop.sensors.naming import FileBand, choose_spectral, with_quantity
from outcrop.sensors.products import ignored, refuse_sensor
from outcrop.source import Window
from outcrop.timespan import told

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

_NAME = r"PRS_L\d[A-D]?_STD_.*\.he5"
_CUBE = "HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields/{}_Cube"
_DETECTORS = ("Vnir", "Swir")
_LARGEST = 65535
#: Pixels of the product, in metres.
PIXEL_M = 30.0


@dataclass(frozen=True)
class PrismaReader:
    """Reads the hyperspectral cubes; the panchromatic one lies on another grid."""

    title: str

    def find(self, container: Container) -> str | None:
        """Return the HDF-EOS file."""
        return find_hdf(container, self.title, _NAME, ".he5", _is_one)

    def open(
        self, container: Container, metadata: str, options: Input, masks: Masks
    ) -> QualitySource:
        """Open the product; see `outcrop.sensors.products.Reader`."""
        path = container.gdal_path(metadata)
        refuse_sensor(path, self.title, options)
        with reading(path) as file:
            _require_l2d(path, file)
            grid, sun = _grid(file), _sun(file)
            when = told(*(text(file.attrs.get(f"Product_{k}Time", "")) for k in ("Start", "Stop")))
            found = [b for d in _DETECTORS for b in _described(file, d)]
        found.sort(key=lambda pair: pair[0].wavelength_um or 0.0)
        second = {i for i, (_, plane) in enumerate(found) if plane.detector == _DETECTORS[1]}
        described = [band for band, _ in found]
        chosen, left_out = choose_spectral(path, described, options.bands, second)
        base = PrismaSource(
            name=PurePosixPath(metadata).stem,
            grid=grid,
            bands=tuple(with_quantity(band, scaled=True) for _, band in chosen),
            path=path,
            planes=tuple(found[i][1] for i, _ in chosen),
        )
        return QualitySource(
            base=base,
            masks=masks,
            product=self.title,
            notes=(*left_out, *untold(masks, ()), *ignored(options, metadata)),
            paths=(path,),
            sun=sun,
            acquired=when,
        )


L2D = PrismaReader("PRISMA Level 2D")


@dataclass(frozen=True)
class Plane:
    """Where a band lies in its detector's cube, and how its numbers become reflectance."""

    detector: str
    index: int
    scale: float
    offset: float


@dataclass(frozen=True)
class PrismaSource:
    """Planes of the two cubes, each (row, band, column)."""

    name: str
    grid: GeoBox
    bands: tuple[Band, ...]
    path: str
    planes: tuple[Plane, ...]
    striped: bool = True
    _open: Handles = field(default_factory=Handles, repr=False, compare=False)

    def read(self, window: Window) -> NDArray[np.float32]:
        """Return (band, height, width), NaN where all bands hold 0, which is no measurement.

        A single 0 among numbers is what the atmospheric correction leaves of a dark pixel, and
        stays.
        """
        out = np.empty((len(self.planes), window.height, window.width), np.float32)
        empty = np.ones((window.height, window.width), bool)
        with reading_rows(self.path, window):
            for detector in _DETECTORS:
                places = [i for i, p in enumerate(self.planes) if p.detector == detector]
                if places:
                    self._fill(out, empty, detector, places, window)
        out[:, empty] = np.nan
        return out

    def _fill(
        self,
        out: NDArray[np.float32],
        empty: NDArray[np.bool_],
        detector: str,
        places: Sequence[int],
        window: Window,
    ) -> None:
        planes = [self.planes[i] for i in places]
        first, last = (f(p.index for p in planes) for f in (min, max))
        rows, cols = window.slices
        cube = self._open.of(self.path)[_CUBE.format(detector.upper())]
        stored = cube[rows, first : last + 1, cols]
        for place, plane in zip(places, planes, strict=True):
            numbers = stored[:, plane.index - first]
            empty &= numbers == 0
            out[place] = numbers * np.float32(plane.scale) + np.float32(plane.offset)

    def __reduce__(self) -> tuple[Any, ...]:
        fields = (self.name, self.grid, self.bands, self.path, self.planes, self.striped)
        return PrismaSource, fields


def _is_one(file: Any) -> bool:
    return any(str(name).startswith("PRS_L") for name in file.get("HDFEOS/SWATHS", ()))


def _require_l2d(path: str, file: Any) -> None:
    if _CUBE.format("VNIR") not in file:
        level = text(file.attrs.get("Processing_Level", "unknown"))
        raise SceneError(
            f"{path} is PRISMA of level {level}; Outcrop reads L2D, which is reflectance on a map "
            "grid, so order that"
        )


def _grid(file: Any) -> GeoBox:
    """Return the grid by the corners; the size of the pixels tells if they are centres or edges."""
    from affine import Affine
    from odc.geo.geobox import GeoBox

    rows, _, cols = file[_CUBE.format("VNIR")].shape
    west, north, east, south = (
        number(file.attrs[f"Product_{k}"])
        for k in (
            "ULcorner_easting",
            "ULcorner_northing",
            "LRcorner_easting",
            "LRcorner_northing",
        )
    )
    for steps in ((cols - 1, rows - 1), (cols, rows)):
        x, y = (east - west) / max(steps[0], 1), (north - south) / max(steps[1], 1)
        if abs(x / PIXEL_M - 1) < 1e-3 and abs(y / PIXEL_M - 1) < 1e-3:
            half = 0.5 if steps[0] == cols - 1 else 0.0
            corner = Affine(x, 0, west - half * x, 0, -y, north + half * y)
            return GeoBox((rows, cols), corner, f"EPSG:{int(number(file.attrs['Epsg_Code']))}")
    raise ValueError(
        f"corners {west:g}, {north:g} to {east:g}, {south:g} that {rows} x {cols} pixels of "
        f"{PIXEL_M:g} m do not fill"
    )


def _sun(file: Any) -> Sun | None:
    if "Sun_zenith_angle" not in file.attrs or "Sun_azimuth_angle" not in file.attrs:
        return None
    zenith, azimuth = (number(file.attrs[f"Sun_{k}_angle"]) for k in ("zenith", "azimuth"))
    return Sun.of(azimuth, 90 - zenith)


def _described(file: Any, detector: str) -> list[tuple[FileBand, Plane]]:
    """Return a detector's bands; those of wavelength 0 or flagged 0 were not transmitted."""
    attrs = file.attrs
    um = np.asarray(attrs[f"List_Cw_{detector}"], float) / 1000
    fwhm = np.asarray(attrs[f"List_Fwhm_{detector}"], float) / 1000
    flags = np.asarray(attrs.get(f"List_Cw_{detector}_Flags", np.ones(len(um))))
    cube = file[_CUBE.format(detector.upper())]
    if not len(um) == len(fwhm) == len(flags) == cube.shape[1]:
        raise ValueError(f"wavelengths of {detector} that do not fit its cube")
    low, high = (number(attrs[f"L2Scale{detector}{k}"]) for k in ("Min", "Max"))
    scale = (high - low) / _LARGEST
    return [
        (
            FileBand(f"{detector.upper()}{i + 1:03d}", round(float(w), 6), round(float(f), 6)),
            Plane(detector, i, scale, low),
        )
        for i, (w, f, used) in enumerate(zip(um, fwhm, flags, strict=True))
        if w > 0 and used
    ]
