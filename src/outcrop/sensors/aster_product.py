"""ASTER as NASA delivers it: L1T, and of Level 2 AST_07XT and AST_05, as HDF4 or as GeoTIFF.

Sources: Abrams and Hook, ASTER User Handbook, version 2 (JPL, 2002): numbers 0 (no data) and 255
or 4095 (saturated) of Level 1, scale 0.001 of Level 2; AST_L1T Product User's Guide (USGS, 2015):
one centre of the first pixel in all subsystems, corners as centres; LP DAAC, SWIR user advisory
(2009); Iwasaki and Tonooka (2005) on the crosstalk of the short-wave infrared. Of the quality plane
of Level 2 only that 0 means no known defect is used: its bits could not be verified.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from outcrop import timespan
from outcrop.config import Input
from outcrop.errors import SceneError
from outcrop.quality import DecodedSource, Masks, QualitySource, untold
from outcrop.reasons import SUSPECT, Flag
from outcrop.regrid import StackedSource, grid_at, interpolated, regrid
from outcrop.sensors.aster import ASTER
from outcrop.sensors.aster_calibration import (
    MOST_SATURATED,
    SWIR_FAILED,
    radiance_scale,
    reflectance_scale,
)
from outcrop.sensors.aster_files import (
    SUBSYSTEMS,
    AsterFiles,
    Plane,
    find_product,
    granule,
    read_files,
    subsystem,
)
from outcrop.sensors.aster_grid import snapped
from outcrop.sensors.base import Band, Quantity, Sun
from outcrop.sensors.container import Container
from outcrop.sensors.naming import FileBand, name_bands
from outcrop.sensors.products import ignored, require_sensor, the_only
from outcrop.source import Source, Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

RESOLUTIONS = (15.0, 30.0, 90.0)
SWIR_RESOLUTION = 30.0
#: Numbers of Level 1 that are measurements: 0 is no data, the highest of 8 or 12 bits saturated.
VALID_L1T = {"VNIR": (1.0, 254.0), "SWIR": (1.0, 254.0), "TIR": (1.0, 4094.0)}
#: Thousandths of Level 2. Below 1 lie background and replacement values, above nothing that the
#: ground reflects or emits.
VALID_LEVEL2 = {"reflectance": (1.0, 2000.0), "emissivity": (1.0, 1000.0)}
LEVEL2_SCALE = 0.001
#: The quality plane is a byte of which 0 is good.
DOUBTED = Flag(SUSPECT, 0, 8, tuple(range(1, 256)))
#: Rows that are looked at to find a dead band.
ROWS = 64


@dataclass(frozen=True)
class AsterReader:
    """Reads one ASTER product.

    Parameters
    ----------
    title, product : str
    quantity : str
        Of its bands of sunlight, and of all in Level 2.
    scale : tuple of float or None
        Scale and offset of all its numbers; None: by the metadata of the scene.
    """

    title: str
    product: str
    quantity: Quantity
    scale: tuple[float, float] | None = None

    def find(self, container: Container) -> str | None:
        """Return the file that says most of the scene, if the container has one."""
        found = find_product(container, self.product)
        return the_only(str(container.path), self.title, list(found.values()))

    def open(
        self, container: Container, metadata: str, options: Input, masks: Masks
    ) -> QualitySource:
        """Open the product; see `outcrop.sensors.products.Reader`."""
        where = str(container.path / metadata)
        require_sensor(where, ASTER, options)
        named = granule(where)
        name = "_".join(named) if named else PurePosixPath(where).stem
        path = container.path / metadata if container.kind == "folder" else container.path
        found = self.assembled(name, where, read_files(container, metadata), options, masks)
        notes = (*found.notes, *ignored(options, metadata))
        return replace(found, product=f"{ASTER.title}, {self.title}", notes=notes, paths=(path,))

    def assembled(
        self, name: str, where: str, files: AsterFiles, options: Input, masks: Masks
    ) -> QualitySource:
        """Put the planes of a product together, wherever they lie.

        Parameters
        ----------
        name : str
            Of the scene.
        where : str
            For messages.
        files : AsterFiles
        options : Input
            ``bands`` and ``resolution``.
        masks : Masks
        """
        scene = _Scene(self, name, where, files)
        chosen, dropped = scene.choose(options.bands)
        scene = scene.placed(chosen)
        sources = [scene.band(band) for band in chosen]
        grid = _grid(sources, options.resolution, self.product == "AST_L1T")
        layers = list(scene.quality(chosen, masks))
        told = {SUSPECT} if layers else set()
        return QualitySource(
            base=StackedSource(scene.name, tuple(regrid(s, grid) for s in sources)),
            layers=tuple(regrid(s, grid, "reasons") for s in layers),
            masks=masks,
            notes=(
                *dropped,
                *scene.notes(chosen, masks),
                *interpolated(sources, _size(grid)),
                *untold(masks, told),
            ),
            acquired=timespan.told(scene.files.meta.day),
            sun=Sun.of(scene.files.meta.azimuth, scene.files.meta.elevation),
            toa=self.product == "AST_L1T" and self.quantity == "reflectance",
        )


L1T = AsterReader("ASTER L1T (HDF4 or GeoTIFF)", "AST_L1T", "reflectance")
SURFACE = AsterReader(
    "ASTER AST_07XT surface reflectance", "AST_07XT", "reflectance", (LEVEL2_SCALE, 0.0)
)
EMISSIVITY = AsterReader(
    "ASTER AST_05 surface emissivity", "AST_05", "emissivity", (LEVEL2_SCALE, 0.0)
)


@dataclass(frozen=True)
class _Scene:
    reader: AsterReader
    name: str
    where: str
    files: AsterFiles

    def choose(self, labels: Sequence[str] | None) -> tuple[list[Band], list[str]]:
        """Return the bands to read, and what to say of those left out."""
        names = [b.name for b in ASTER.bands if b.name in self.files.bands]
        found = name_bands(self.where, [FileBand(n) for n in names], ASTER, labels)
        bands = [replace(b, quantity=self._quantity(b.name)) for _, b in found]
        dead = {b.name: why for b in bands if (why := self._dead(b))}
        alive = [b for b in bands if b.name not in dead]
        if dead and (labels is not None or not alive):
            name, why = next(iter(dead.items()))
            raise SceneError(
                f"{self.where}: {name} cannot be used: {why}; leave {', '.join(dead)} out of "
                "--bands"
            )
        says = [f"{', '.join(n)} left out: {why}" for why, n in _grouped(dead).items()]
        if labels is None and self.reader.quantity == "reflectance" and alive[0].name != "B10":
            missing = [n for n in ASTER.default if n not in names]
            if missing:
                says.append(f"{', '.join(missing)} are not among its files: mapped without them")
        return alive, says

    def placed(self, chosen: Sequence[Band]) -> _Scene:
        """Put every subsystem in its exact relation to the finest one in use."""
        files = self.files
        fine = min((files.bands[b.name].grid for b in chosen), key=_size)

        def moved(planes: Mapping[str, Plane]) -> dict[str, Plane]:
            return {
                k: replace(p, grid=snapped(p.grid, fine, _size(p.grid))) for k, p in planes.items()
            }

        return replace(
            self, files=replace(files, bands=moved(files.bands), quality=moved(files.quality))
        )

    def _quantity(self, band: str) -> Quantity:
        thermal = band in SUBSYSTEMS["TIR"] and self.reader.scale is None
        return "radiance" if thermal else self.reader.quantity

    def _dead(self, band: Band) -> str | None:
        """Say why a band's detectors had failed, by the date or by its numbers; None if not."""
        day = self.files.meta.day
        if band.name not in SUBSYSTEMS["SWIR"]:
            return None
        if day is not None and day >= SWIR_FAILED:
            return (
                f"the scene is of {day}, and since April 2008 the detectors of the short-wave "
                "infrared have been too warm to measure"
            )
        if _saturated(self.files.bands[band.name], self.valid(band)[1]) > MOST_SATURATED:
            return f"more than {MOST_SATURATED:.0%} of its numbers are saturated"
        return None

    def valid(self, band: Band) -> tuple[float, float]:
        """Return the lowest and the highest number of a band that is a measurement."""
        if self.reader.product == "AST_L1T":
            return VALID_L1T[subsystem(band.name)]
        return VALID_LEVEL2[self.reader.quantity]

    def band(self, band: Band) -> Source:
        """Return a band on its own grid, in its quantity."""
        scale, offset = self._scale(band)
        return self.files.bands[band.name].source(band, scale, offset, self.valid(band))

    def _scale(self, band: Band) -> tuple[float, float]:
        if self.reader.scale is not None:
            return self.reader.scale
        meta = self.files.meta
        if band.quantity == "radiance":
            return radiance_scale(meta.coefficient(band.name))
        return reflectance_scale(band.name, meta.coefficient(band.name), *meta.sun())

    def quality(self, chosen: Sequence[Band], masks: Masks) -> Iterator[Source]:
        """Yield the quality planes of the subsystems in use, if the masks ask for them."""
        if SUSPECT not in masks.codes:
            return
        for kind in dict.fromkeys(subsystem(b.name) for b in chosen):
            plane = self.files.quality.get(kind)
            if plane is not None:
                named = Band(f"{kind} QA_DataPlane")
                yield DecodedSource(plane.source(named, 1.0, 0.0, None), (DOUBTED,))

    def notes(self, chosen: Sequence[Band], masks: Masks) -> Iterator[str]:
        """Say what the user should know of the product."""
        yield from self.files.notes
        heat = [b.name for b in chosen if b.quantity != "reflectance"]
        if 0 < len(heat) < len(chosen):
            yield (
                f"heat is measured in {', '.join(heat)} and sunlight in the others: recipes that "
                "take brightness for common to all bands, as the default does, suit one kind alone"
            )
        swir = any(b.name in SUBSYSTEMS["SWIR"] for b in chosen)
        if self.reader.product == "AST_L1T":
            if any(b.quantity == "reflectance" for b in chosen):
                yield (
                    "L1T is reflectance at the top of the atmosphere: haze and atmosphere are "
                    "still in it, so do not compare it with surface reflectance"
                )
            if swir:
                yield (
                    "light of B04 leaks into the other short-wave bands, most into B05 and B09 "
                    "(crosstalk): L1T is not corrected for it, AST_07XT is"
                )
            yield "L1T has no mask of clouds: they stay in"
        elif self.files.quality and SUSPECT not in masks.codes:
            yield (
                "its quality plane is not used, so clouds stay in: --mask saturated,suspect leaves "
                "out every pixel that the plane does not call good"
            )


def _grouped(dead: dict[str, str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, why in dead.items():
        groups.setdefault(why, []).append(name)
    return groups


def _size(grid: GeoBox) -> float:
    return round(math.hypot(grid.affine.a, grid.affine.d), 3)


def _saturated(plane: Plane, highest: float) -> float:
    """Return the share of saturated numbers among those that are data, on evenly spread rows."""
    rows, cols = plane.grid.shape
    source = plane.source(Band("number"), 1.0, 0.0, (1.0, highest))
    step = max(1, rows // ROWS)
    lines = [source.read(Window(row, 0, 1, cols)) for row in range(step // 2, rows, step)]
    numbers = np.concatenate(lines, axis=1)
    data = ~np.isnan(numbers)
    return float(np.isposinf(numbers).sum() / max(data.sum(), 1))


def _grid(sources: Sequence[Source], wanted: float | None, centred: bool) -> GeoBox:
    """Return the grid to bring the bands onto.

    That of the short-wave infrared where it is used (30 m): it tells minerals apart, and what is
    finer in it is not measured. Otherwise that of the finest band.
    """
    fine = min((s.grid for s in sources), key=_size)
    if wanted is None:
        swir = any(b.name in SUBSYSTEMS["SWIR"] for s in sources for b in s.bands)
        wanted = SWIR_RESOLUTION if swir else _size(fine)
    # What is none of ASTER's own sizes is made later of the nearest finer one.
    size = max((r for r in RESOLUTIONS if r <= wanted), default=RESOLUTIONS[0])
    own = next((s.grid for s in sources if _size(s.grid) == size), None)
    return own if own is not None else grid_at(fine, size, centred)
