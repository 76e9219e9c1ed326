"""EMIT on the space station, Level 2A: reflectance in the geometry of the sensor, made into a map.

A product is a netCDF 4 file. Its pixels lie as they were measured, and a geometry lookup table
(GLT) gives for each pixel of a map grid the measured one that is nearest. Sources: the EMIT L2A
User Guide of LP DAAC (EMITL2ARFL.001), and Green et al. (2020), "The Earth Surface Mineral Dust
Source Investigation", IEEE Aerospace.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from outcrop.config import Input
from outcrop.quality import DecodedSource, Masks, QualitySource, untold
from outcrop.reasons import CLOUD, EDGE, FILL, WATER, Flag
from outcrop.sensors.base import Band
from outcrop.sensors.container import Container
from outcrop.sensors.hdf import Handles, find_hdf, reading, reading_rows, text
from outcrop.sensors.naming import FileBand, choose_spectral, with_quantity
from outcrop.sensors.products import ignored, refuse_sensor
from outcrop.sensors.raster_file import crs_name
from outcrop.source import Window
from outcrop.timespan import told

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

_NAME = r"EMIT_L2A_RFL_.*\.nc"
#: Flags of the mask file by the beginning of their name, which differs between versions.
_FLAGS = (
    ("cloud flag", CLOUD),
    ("cirrus flag", CLOUD),
    ("dilated cloud flag", EDGE),
    ("water flag", WATER),
    ("spacecraft flag", FILL),
)
#: Side of the squares of a window that are looked up at once: what they need of the sensor's
#: pixels stays small although its rows lie aslant.
_SQUARE = 256


@dataclass(frozen=True)
class EmitReader:
    """Reads EMIT's reflectance, and its mask file where that lies beside it."""

    title: str

    def find(self, container: Container) -> str | None:
        """Return the netCDF file with reflectance."""
        return find_hdf(container, self.title, _NAME, ".nc", _is_one)

    def open(
        self, container: Container, metadata: str, options: Input, masks: Masks
    ) -> QualitySource:
        """Open the product; see `outcrop.sensors.products.Reader`."""
        path = container.gdal_path(metadata)
        refuse_sensor(path, self.title, options)
        with reading(path) as file:
            grid, described = _grid(file), _described(file)
            when = told(*(text(file.attrs.get(f"time_coverage_{k}", "")) for k in ("start", "end")))
        chosen, left_out = choose_spectral(path, described, options.bands)
        base = EmitSource(
            name=PurePosixPath(metadata).stem,
            grid=grid,
            bands=tuple(with_quantity(band, scaled=True) for _, band in chosen),
            path=path,
            lookup=path,
            variable="reflectance",
            planes=tuple(i for i, _ in chosen),
        )
        layers, mask_file, notes = _layers(container, metadata, grid, masks)
        return QualitySource(
            base=base,
            layers=tuple(layers),
            masks=masks,
            product=self.title,
            notes=(*left_out, *notes, *ignored(options, metadata)),
            paths=(path, *mask_file),
            acquired=when,
        )


L2A = EmitReader("EMIT Level 2A")


@dataclass(frozen=True)
class EmitSource:
    """Planes of one array in the geometry of the sensor, read through the table of ``lookup``."""

    name: str
    grid: GeoBox
    bands: tuple[Band, ...]
    path: str
    lookup: str
    variable: str
    planes: tuple[int, ...]
    striped: bool = False
    _open: Handles = field(default_factory=Handles, repr=False, compare=False)

    def read(self, window: Window) -> NDArray[np.float32]:
        """Return (band, height, width), NaN where no measured pixel belongs to the map's."""
        out = np.full((len(self.planes), window.height, window.width), np.nan, np.float32)
        with reading_rows(self.path, window):
            for row in range(0, window.height, _SQUARE):
                for col in range(0, window.width, _SQUARE):
                    part = out[:, row : row + _SQUARE, col : col + _SQUARE]
                    self._fill(part, window.row + row, window.col + col)
        return out

    def _fill(self, out: NDArray[np.float32], row: int, col: int) -> None:
        file, table = self._open.of(self.path), self._open.of(self.lookup)
        here = np.s_[row : row + out.shape[1], col : col + out.shape[2]]
        # Counted from 1; 0 where there is nothing, and negative where the nearest was filled in.
        across = np.abs(np.asarray(table["location/glt_x"][here], np.int64))
        down = np.abs(np.asarray(table["location/glt_y"][here], np.int64))
        there = (across > 0) & (down > 0)
        if not there.any():
            return
        x, y = across[there] - 1, down[there] - 1
        first, last = min(self.planes), max(self.planes)
        needed = np.s_[y.min() : y.max() + 1, x.min() : x.max() + 1, first : last + 1]
        values = file[self.variable][needed]
        picked = values[y - y.min(), x - x.min()][:, [p - first for p in self.planes]]
        picked = np.where(picked > _least(file[self.variable]), picked, np.nan)
        out[:, there] = picked.T

    def __reduce__(self) -> tuple[Any, ...]:
        where = (self.path, self.lookup, self.variable, self.planes)
        return EmitSource, (self.name, self.grid, self.bands, *where, self.striped)


def _least(array: Any) -> float:
    """Return what values must exceed: no data is -9999."""
    fill = array.attrs.get("_FillValue")
    return -9999.0 if fill is None else float(np.ravel(fill)[0])


def _is_one(file: Any) -> bool:
    return "reflectance" in file and "location/glt_x" in file


def _grid(file: Any) -> GeoBox:
    from affine import Affine
    from odc.geo.geobox import GeoBox
    from rasterio.crs import CRS

    transform = [float(v) for v in np.ravel(file.attrs["geotransform"])]
    shape = file["location/glt_x"].shape
    if file["reflectance"].ndim != 3 or file["location/glt_y"].shape != shape:
        raise ValueError("reflectance or lookup table of another shape")
    crs = crs_name(CRS.from_wkt(text(file.attrs["spatial_ref"])))
    return GeoBox(shape, Affine.from_gdal(*transform), crs)


def _described(file: Any) -> list[FileBand]:
    parameters = file["sensor_band_parameters"]
    um = np.asarray(parameters["wavelengths"], float) / 1000
    fwhm = np.asarray(parameters["fwhm"], float) / 1000
    good = parameters.get("good_wavelengths")
    flags = np.ones(len(um)) if good is None else np.asarray(good)
    if not len(um) == len(fwhm) == len(flags) == file["reflectance"].shape[2]:
        raise ValueError("wavelengths do not fit the bands")
    return [
        FileBand(f"B{i + 1:03d}", round(float(w), 6), round(float(f), 6), bool(g == 0))
        for i, (w, f, g) in enumerate(zip(um, fwhm, flags, strict=True))
    ]


def _layers(
    container: Container, metadata: str, grid: GeoBox, masks: Masks
) -> tuple[list[DecodedSource], list[str], list[str]]:
    """Return a layer for each flag of the mask file that the masks ask for."""
    name = re.sub("_RFL_", "_MASK_", PurePosixPath(metadata).name, flags=re.I)
    member = container.member(metadata, name)
    if member is None or name == PurePosixPath(metadata).name:
        return [], [], [f"nothing is masked but fill: the mask file {name} is not beside it"]
    path = container.gdal_path(member)
    with reading(path) as file:
        names = [text(n).strip().lower() for n in file["sensor_band_parameters/mask_bands"]]
        mask = file["mask"]
        if mask.ndim != 3 or mask.shape[2] != len(names):
            raise ValueError("a mask of another shape")
    found = [(names.index(n), reason) for n, reason in _FLAGS if n in names]
    table = container.gdal_path(metadata)
    layers = [
        DecodedSource(
            EmitSource(name, grid, (Band(names[i]),), path, table, "mask", (i,)),
            (Flag(reason, 0, 16),),
        )
        for i, reason in found
        if reason in masks.codes
    ]
    return layers, [path], untold(masks, {reason for _, reason in found})
