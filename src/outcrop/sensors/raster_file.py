"""What one raster file says of itself: grid, bands, wavelengths, scale, mask."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from outcrop import envi, remote
from outcrop.errors import SceneError
from outcrop.gcps import Gcps, fit_gcps
from outcrop.rasters import open_quietly
from outcrop.sensors.naming import FileBand
from outcrop.sensors.unpacked import size_of

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

_TO_UM = {"nanometers": 1e-3, "nm": 1e-3, "micrometers": 1.0, "um": 1.0, "microns": 1.0}
#: What GDAL puts behind the name of an ENVI band: its wavelength and unit.
_BEHIND_NAME = re.compile(r"\s*\(([\d.]+) *[A-Za-z]*\)\s*$")
_LIBRARY = "{} is a spectral library and no scene; `outcrop.spectra.read_library` reads it"


@dataclass(frozen=True)
class StoredBand:
    """One band as it lies in a file."""

    path: str
    index: int
    described: FileBand
    nodata: float | None
    scale: float
    offset: float
    #: Whether the file itself says that scale, which for 1 GDAL doesn't tell from silence.
    stated: bool = False


@dataclass(frozen=True)
class RasterFile:
    """What is needed of one file, read once."""

    grid: GeoBox
    bands: tuple[StoredBand, ...]
    striped: bool
    masked: bool = True
    notes: tuple[str, ...] = ()
    gcps: Gcps | None = None
    dtype: str = ""


def inspect_raster(path: str, plain: bool = False) -> RasterFile:
    """Read what is needed of a raster file besides its pixels.

    With ``plain``, which products ask for, a list of other files (VRT), whatever its name is, is
    no raster: by it a product could lead to any file of this machine.

    Raises
    ------
    SceneError
        If it is missing, damaged, or no raster of numbers.
    """
    from rasterio.errors import RasterioError

    if remote.is_remote(path):
        return remote.once_more(path, lambda opened: _inspect(path, opened, plain))
    path = _beside_header(path)
    if not Path(path).exists() and not path.startswith("/vsi"):
        raise SceneError(f"{path} does not exist; check the path")
    if Path(path).is_dir():
        raise SceneError(f"{path} is a folder; give the raster files inside it, joined by commas")
    _require_no_json(path)
    try:
        return _inspect(path, path, plain)
    except (RasterioError, OSError) as error:
        if "Spectral Library" in str(error):
            raise SceneError(_LIBRARY.format(path)) from None
        raise SceneError(
            f"{path} cannot be opened as a raster ({_brief(error, path)}); "
            f"it must be a format that {'holds its own pixels' if plain else 'GDAL reads'}"
        ) from None


def _inspect(path: str, opened: str, plain: bool) -> RasterFile:
    with open_quietly(opened, plain) as dataset:
        if dataset.count == 0:
            raise SceneError(f"{path} holds no band of its own; give one of its layers")
        _require_numbers(path, dataset)
        _require_whole(path, dataset)
        spectral = _envi_spectra(path, dataset)
        alpha = _alpha(dataset)
        is_mask = alpha is not None and _is_mask(dataset, alpha)
        return RasterFile(
            _grid(path, dataset),
            tuple(
                _stored(path, dataset, i, spectral)
                for i in dataset.indexes
                if not (is_mask and i == alpha)
            ),
            _is_striped(dataset),
            masked=alpha is None or is_mask,
            notes=(spectral.note,) if spectral.note else (),
            gcps=_gcps(dataset),
            dtype=dataset.dtypes[0],
        )


def _grid(path: str, dataset: Any) -> GeoBox:
    """Return the grid, whose pixels must have a size."""
    from odc.geo.geobox import GeoBox

    affine = dataset.transform
    if not (np.isfinite(affine).all() and affine.determinant):
        raise SceneError(
            f"{path}: its geotransform ({', '.join(f'{v:g}' for v in affine[:6])}) gives pixels no "
            "size; set it right, for example with gdal_edit.py -a_ullr LEFT TOP RIGHT BOTTOM"
        )
    return GeoBox(dataset.shape, affine, crs_name(dataset.crs))


def _require_no_json(path: str) -> None:
    """Refuse a STAC item that was saved without its suffix, which GDAL takes for a raster."""
    file = Path(path)
    if file.is_file() and not file.suffix:
        with file.open("rb") as stream:
            if stream.read(64).lstrip().startswith(b"{"):
                raise SceneError(
                    f"{path} is JSON, and no raster; if it is a STAC item, name it {file.name}.json"
                )


def _beside_header(path: str) -> str:
    """Return the data file where its ENVI header was given."""
    header = Path(path)
    if header.suffix.lower() != ".hdr" or not header.is_file():
        return path
    data = envi.data_file(header)
    if data is None:
        raise SceneError(f"{path}: the data file of this header is not beside it")
    return str(data)


@dataclass(frozen=True)
class _Spectral:
    """What an ENVI header says of all bands."""

    um: list[float] | None = None
    fwhm: list[float] | None = None
    bad: list[bool] | None = None
    note: str | None = None


def _envi_spectra(path: str, dataset: Any) -> _Spectral:
    """Read what GDAL hands on of an ENVI header: it knows two units of wavelength, and no bbl."""
    tags = dataset.tags(ns="ENVI")
    fields = {k.lower().replace("_", " "): v for k, v in tags.items()}
    um = envi.numbers(fields, "wavelength", dataset.count, path)
    fwhm = envi.numbers(fields, "fwhm", dataset.count, path)
    bad = envi.numbers(fields, "bbl", dataset.count, path)
    flags = None if bad is None else [b == 0 for b in bad]
    if um is None:
        return _Spectral(bad=flags)
    known, widths, note = envi.in_micrometres(um, fwhm, fields.get("wavelength units"))
    return _Spectral(known, widths, flags, note and f"{path}: {note}")


def _gcps(dataset: Any) -> Gcps | None:
    points, crs = dataset.gcps
    if dataset.crs is not None or crs is None:
        return None
    return fit_gcps([(p.col, p.row, p.x, p.y) for p in points], crs_name(crs) or "")


def _alpha(dataset: Any) -> int | None:
    from rasterio.enums import ColorInterp

    kinds = dataset.colorinterp
    return kinds.index(ColorInterp.alpha) + 1 if ColorInterp.alpha in kinds else None


def _is_mask(dataset: Any, alpha: int) -> bool:
    """Tell an alpha band from a fourth band that GDAL takes for one.

    A plain file of blue, green, red and near infrared bytes says "alpha" of its last band
    unless somebody set it right. A mask is all or nothing.
    """
    shape = (min(dataset.height, 512), min(dataset.width, 512))
    values = np.unique(dataset.read(alpha, out_shape=shape))
    top = np.iinfo(dataset.dtypes[alpha - 1]).max if values.dtype.kind in "iu" else 1
    return bool(np.isin(values, (0, 1, 255, top)).all())


def _brief(error: Exception, path: str) -> str:
    text = str(error).replace(f"'{path}' ", "").replace(f"{path}: ", "").replace(path, "it")
    return text.splitlines()[0].rstrip(". ")


def _require_numbers(path: str, dataset: Any) -> None:
    odd = [t for t in dataset.dtypes if "complex" in t]
    if odd:
        raise SceneError(f"{path} holds {odd[0]} numbers; Outcrop maps integers and floats")


def _require_whole(path: str, dataset: Any) -> None:
    """Refuse a cut-off ENVI file: GDAL reads what is missing of a raw raster as zeros."""
    if dataset.driver != "ENVI":
        return
    head = int(_float(dataset.tags(ns="ENVI").get("header_offset")) or 0)
    size = np.dtype(dataset.dtypes[0]).itemsize
    expected = head + dataset.width * dataset.height * dataset.count * size
    actual = size_of(path)
    if actual < expected:
        raise SceneError(
            f"{path} is truncated: its header promises {expected:,} bytes and it has {actual:,}; "
            "fetch or export it again"
        )


def crs_name(crs: Any) -> str | None:
    """Return the EPSG code where there is one, which reads better than WKT."""
    if not crs:
        return None
    epsg = crs.to_epsg()
    return f"EPSG:{epsg}" if epsg else str(crs.to_wkt())


def _is_striped(dataset: Any) -> bool:
    rows, cols = dataset.block_shapes[0]
    return bool(cols >= dataset.width and rows < dataset.height)


def _stored(path: str, dataset: Any, index: int, spectral: _Spectral) -> StoredBand:
    nodata = dataset.nodatavals[index - 1]
    return StoredBand(
        path=path,
        index=index,
        described=_describe(path, dataset, index, spectral),
        nodata=nodata,
        scale=_envi_scale(dataset) or dataset.scales[index - 1],
        offset=dataset.offsets[index - 1],
        stated=_states_scale(dataset, index),
    )


def _describe(path: str, dataset: Any, index: int, spectral: _Spectral) -> FileBand:
    tags = dataset.tags(index)
    imagery = dataset.tags(ns="IMAGERY", bidx=index)
    unit = _TO_UM.get(tags.get("wavelength_units", "").strip().lower())
    # The header itself before what GDAL makes of it, which is rounded to a nanometre.
    wavelength = spectral.um[index - 1] if spectral.um else None
    if wavelength is None:
        wavelength = _float(imagery.get("CENTRAL_WAVELENGTH_UM"))
    if wavelength is None and unit:
        wavelength = _scaled(tags.get("wavelength"), unit)
    fwhm = spectral.fwhm[index - 1] if spectral.fwhm else None
    if fwhm is None:
        fwhm = _float(imagery.get("FWHM_UM"))
    if fwhm is None and unit:
        fwhm = _scaled(tags.get("fwhm"), unit)
    text = _without_wavelength(dataset.descriptions[index - 1], tags.get("wavelength"))
    if not text and dataset.count == 1:
        text = _name_in_file_name(path)
    bad = bool(spectral.bad and spectral.bad[index - 1])
    return FileBand(text or None, wavelength, fwhm, bad)


def _without_wavelength(text: str | None, wavelength: str | None) -> str | None:
    """Take off the wavelength that GDAL appends to an ENVI band's name, and ENVI before it."""
    for _ in range(2):
        behind = _BEHIND_NAME.search(text or "")
        if text and behind and wavelength and _float(behind[1]) == _float(wavelength):
            text = text[: behind.start()]
    return text


def _name_in_file_name(path: str) -> str | None:
    """``LC08_..._SR_B2.TIF``, ``T54JXN_..._B8A_20m.jp2`` and ``landsat_b2.tif`` say their band."""
    found = re.findall(r"(?<![A-Za-z0-9])(B\d{1,2}[AN]?)(?![A-Za-z0-9])", Path(path).stem, re.I)
    found = found or re.findall(r"_(B\d{1,2}[AN]?)(?=_|$)", Path(path).stem, re.I)
    return str(found[-1]).upper() if found else None


def _envi_scale(dataset: Any) -> float | None:
    factor = _float(dataset.tags(ns="ENVI").get("reflectance_scale_factor"))
    return 1.0 / factor if factor else None


def _states_scale(dataset: Any, index: int) -> bool:
    """Tell whether an ENVI header or netCDF attributes hold a scale, though it be 1."""
    netcdf = {key.lower() for key in dataset.tags(index)}
    return _envi_scale(dataset) is not None or bool(netcdf & {"scale_factor", "add_offset"})


def _scaled(text: str | None, unit: float) -> float | None:
    value = _float(text)
    return None if value is None else round(value * unit, 9)


def _float(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None


def require_one_grid(rasters: Sequence[RasterFile]) -> None:
    """Refuse rasters that do not lie on one grid; SceneError names the first two that differ."""
    first = rasters[0]
    for raster in rasters[1:]:
        if raster.grid != first.grid:
            a, b = first.bands[0].path, raster.bands[0].path
            raise SceneError(
                f"{a} {_say(first.grid)} and {b} {_say(raster.grid)} are not on one grid; give "
                "each as a scene of its own with --stack, or warp the bands of a scene to one grid "
                "first (gdalwarp -tr X Y -te …)"
            )


def _say(grid: GeoBox) -> str:
    rows, cols = grid.shape
    a = grid.affine
    return f"({rows} rows x {cols} columns, pixel {a.a:g} x {a.e:g}, {grid.crs or 'no CRS'})"
