"""Several sensors over one place as one cube: bands beside bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from outcrop.errors import SceneError
from outcrop.mosaic import moved_grid, offsets_of
from outcrop.quality import lowest
from outcrop.scene_names import AND
from outcrop.sensors import SENSORS, get_sensor
from outcrop.sensors.base import Band
from outcrop.sensors.naming import FileBand, name_bands
from outcrop.source import ObservedSource, Source, Window, read_observed

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox


@dataclass(frozen=True)
class SensorStack(ObservedSource):
    """Sources on one grid system, cut to what they have in common, band after band.

    ``parts`` are the sources and the row and column of each at which the common grid begins. A
    pixel has data where all of them have. ``picks`` are the bands used of all.
    """

    name: str
    grid: GeoBox
    bands: tuple[Band, ...]
    parts: tuple[tuple[Source, int, int], ...]
    picks: tuple[int, ...]
    striped: bool = False

    @property
    def sources(self) -> tuple[Source, ...]:
        """One source a sensor."""
        return tuple(source for source, _, _ in self.parts)

    def read_observed(
        self, window: Window
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint16]]:
        """Return bands, reasons, and the clear observations of the sensor that has fewest."""
        read = [read_observed(source, window.shifted(row, col)) for source, row, col in self.parts]
        reasons, clear = read[0][1], read[0][2]
        for _, codes, counts in read[1:]:
            reasons, clear = lowest(reasons, codes), np.minimum(clear, counts)
        return np.concatenate([data for data, _, _ in read])[list(self.picks)], reasons, clear


def stack(sources: Sequence[Source], labels: Sequence[str] | None = None) -> Source:
    """Lay sources of different bands on each other; they must lie on the pixels of one grid.

    Bands are named after their sensor (``sentinel2_B04``, ``aster_B05``), of which several are
    counted (``sentinel2-1_B04``, ``sentinel2-2_B04``), so that no two are alike; wavelengths tell
    them apart everywhere else. Those of one source keep their names. ``labels`` chooses by these
    names or by wavelength.

    Raises
    ------
    SceneError
        If they have no ground in common.
    """
    if len(sources) == 1 and labels is None:
        return sources[0]
    corners = offsets_of(sources)
    top, left = (max(c[k] for c in corners) for k in (0, 1))
    bottom, right = (
        min(c[k] + s.grid.shape[k] for c, s in zip(corners, sources, strict=True)) for k in (0, 1)
    )
    names = AND.join(s.name for s in sources)
    if bottom <= top or right <= left:
        raise SceneError(f"--stack: {names} have no ground in common; check their extents")
    first = sources[0]
    bands = _named(sources) if len(sources) > 1 else first.bands
    described = [FileBand(b.name, b.wavelength_um, b.fwhm_um) for b in bands]
    picks = [i for i, _ in name_bands(names, described, None, labels)]
    return SensorStack(
        name=names,
        grid=moved_grid(first.grid, (top, left), (bottom - top, right - left)),
        bands=tuple(bands[i] for i in picks),
        parts=tuple((s, top - r, left - c) for s, (r, c) in zip(sources, corners, strict=True)),
        picks=tuple(picks),
        striped=all(s.striped for s in sources),
    )


def _named(sources: Sequence[Source]) -> tuple[Band, ...]:
    sensors = [sensor_of(source.bands) or "scene" for source in sources]
    counts = [sensors[: i + 1].count(sensor) for i, sensor in enumerate(sensors)]
    prefixes = [
        f"{sensor}-{count}" if sensors.count(sensor) > 1 else sensor
        for sensor, count in zip(sensors, counts, strict=True)
    ]
    return tuple(
        replace(band, name=f"{prefix}_{band.name}")
        for prefix, source in zip(prefixes, sources, strict=True)
        for band in source.bands
    )


def sensor_of(bands: Sequence[Band]) -> str | None:
    """Return the sensor that has these bands, by names and wavelengths, or None."""
    mine = {(b.name, b.wavelength_um) for b in bands}
    for name in SENSORS:
        if mine <= {(b.name, b.wavelength_um) for b in get_sensor(name).bands}:
            return name
    return None


def by_bands(sources: Sequence[Source]) -> list[list[Source]]:
    """Group scenes of the same bands, in the order in which the first of each was named."""
    groups: dict[tuple[tuple[str, float | None, str], ...], list[Source]] = {}
    for source in sources:
        key = tuple((b.name, b.wavelength_um, b.quantity) for b in source.bands)
        groups.setdefault(key, []).append(source)
    return list(groups.values())
