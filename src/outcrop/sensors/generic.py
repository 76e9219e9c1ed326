"""Any raster that GDAL opens: GeoTIFF and COG, ENVI with its wavelengths, VRT, JPEG 2000."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from outcrop.config import Input
from outcrop.errors import RecipeError, SceneError, unknown_name
from outcrop.rasters import BandFile, RasterSource
from outcrop.regrid import StackedSource, grid_at, interpolated, meeting_size, regrid
from outcrop.scene_names import joint_name
from outcrop.sensors import MODELS, SENSORS, embeddings, get_sensor
from outcrop.sensors.base import Band, Sensor
from outcrop.sensors.naming import name_bands, with_quantity
from outcrop.sensors.raster_file import RasterFile, StoredBand, inspect_raster, require_one_grid
from outcrop.sensors.spectrometer import without_bad
from outcrop.source import Source


def open_raster(scene: str, options: Input | None = None) -> Source:
    """Open a scene: a raster file, or band files on one grid joined by commas.

    Parameters
    ----------
    scene : str
        Path, or paths joined by commas (``B2.tif,B3.tif``).
    options : Input, optional
        What the files do not say: sensor, bands, scale, offset, nodata. The AOI is applied
        elsewhere.

    Raises
    ------
    SceneError
        If a file is missing or no raster, or the files do not fit each other.
    """
    options = options or Input()
    paths = _paths(scene)
    rasters = [inspect_raster(path) for path in paths]
    stored = [band for raster in rasters for band in raster.bands]
    where = joint_name(paths)
    described = [b.described for b in stored]
    model = embeddings.model_of(options.sensor, [b.description for b in described])
    if model is not None:
        # Numbers of a model have no scale to reflectance, whatever is asked for.
        options = replace(options, scale=None, offset=None)
        stored = [replace(b, scale=1.0, offset=0.0) for b in stored]
    sensor = model or (_instrument(options.sensor) if options.sensor else None)
    left_out: list[str] = []
    chosen = name_bands(where, described, sensor, options.bands)
    if options.bands is None:
        bad = {i for i, band in enumerate(described) if band.bad}
        chosen, left_out = without_bad(chosen, bad)
    picked = [(stored[i], band) for i, band in chosen]
    if model is None and any(r.grid != rasters[0].grid for r in rasters):
        return _meet(where, rasters, picked, options, left_out)
    require_one_grid(rasters)
    source = _source(where, rasters, picked, options, left_out)
    return source if model is None else _features(source, model, rasters[0].dtype)


def _instrument(name: str) -> Sensor:
    """Return the sensor of that name; where there is none, name the models of embeddings, too."""
    if name.lower() not in SENSORS:
        raise RecipeError(unknown_name("sensor", name, [*SENSORS, *MODELS]))
    return get_sensor(name)


_Picked = Sequence[tuple[StoredBand, Band]]


def _source(
    where: str, rasters: Sequence[RasterFile], picked: _Picked, options: Input, notes: Sequence[str]
) -> RasterSource:
    """Return bands of rasters on one grid."""
    return RasterSource(
        name=where,
        grid=rasters[0].grid,
        bands=tuple(with_quantity(band, _is_scaled(s, options)) for s, band in picked),
        files=tuple(_band_file(s, options) for s, _ in picked),
        striped=all(r.striped for r in rasters),
        masked=all(r.masked for r in rasters),
        notes=(*(note for r in rasters for note in r.notes), *notes),
        gcps=rasters[0].gcps,
    )


def _meet(
    where: str, rasters: Sequence[RasterFile], picked: _Picked, options: Input, notes: Sequence[str]
) -> Source:
    """Return bands of several resolutions at the coarsest, or the one asked for.

    Band files of Sentinel-2 are such: of 10, 20 and 60 m, with one corner.
    """
    of = {band.path: raster for raster in rasters for band in raster.bands}
    own = [
        _source(path, [of[path]], list(bands), options, notes)
        for path, bands in groupby(picked, key=lambda p: p[0].path)
    ]
    sizes = [abs(s.grid.affine.a) for s in own]
    grid = grid_at(own[0].grid, meeting_size(options.resolution, sizes) or max(sizes))
    try:
        met = [regrid(s, grid) for s in own]
    except SceneError:
        require_one_grid(rasters)
        raise
    said = (*own[0].notes, *interpolated(own, abs(grid.affine.a)))
    met[0] = regrid(replace(own[0], notes=said), grid)
    return StackedSource(where, tuple(met))


def _features(source: RasterSource, model: Sensor, dtype: str) -> Source:
    """Return a raster as a model's features, with the scales that lie beside it."""
    path = embeddings.scales_path(source.files[0].path)
    scales = None
    if path.is_file() and model.name == "tessera":
        raster = inspect_raster(str(path))
        bands = tuple(Band(f"scale {b.index}", quantity="feature") for b in raster.bands)
        files = tuple(BandFile(b.path, b.index, b.nodata) for b in raster.bands)
        scales = RasterSource(str(path), raster.grid, bands, files, raster.striped)
    return embeddings.dequantised(source, model, dtype, scales)


def _paths(scene: str) -> list[str]:
    if Path(scene).exists():  # a comma may be part of a name
        return [scene]
    return [p.strip() for p in scene.split(",") if p.strip()] or [scene]


def _is_scaled(stored: StoredBand, options: Input) -> bool:
    given = options.scale is not None or options.offset is not None
    return given or stored.stated or (stored.scale, stored.offset) != (1.0, 0.0)


def _band_file(stored: StoredBand, options: Input) -> BandFile:
    given = options.scale is not None or options.offset is not None
    scale, offset = (
        (
            1.0 if options.scale is None else options.scale,
            0.0 if options.offset is None else options.offset,
        )
        if given
        else (stored.scale, stored.offset)
    )
    if scale == 0:
        raise SceneError("--scale 0 would make every value the same; give the product's factor")
    if not (math.isfinite(scale) and math.isfinite(offset)):
        raise SceneError(
            f"{stored.path}: scale {scale:g} and offset {offset:g} would leave no number; give the "
            "product's with --scale and --offset"
        )
    nodata = stored.nodata if options.nodata is None else options.nodata
    return BandFile(stored.path, stored.index, nodata, scale, offset)
