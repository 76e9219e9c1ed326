"""Spectral libraries: ENVI's `.sli`, the USGS library of 1995 as a matrix, ECOSTRESS text files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop import envi
from outcrop.errors import SceneError

Floats = NDArray[np.float64]
#: Values below it mean that nothing was measured: USGS writes -1.23e34, others -9999 or -1e30.
LEAST = -100.0
#: Mean reflectance above which a library is in percent and not 0-1.
PERCENT = 2.0
#: More numbers than any library has.
MOST_VALUES = 2**28


@dataclass(frozen=True)
class SpectralLibrary:
    """Spectra of known materials on one axis of wavelengths.

    Parameters
    ----------
    names : tuple of str
        One a spectrum; not always unique.
    wavelengths_um : ndarray of float64, shape (w,)
        Rising, in micrometres.
    fwhm_um : ndarray of float64, shape (w,), or None
        Full width at half maximum of each channel, where the library tells.
    reflectance : ndarray of float64, shape (n, w)
        0-1; NaN where a spectrum was not measured.
    source : str
        The file it was read from.
    """

    names: tuple[str, ...]
    wavelengths_um: Floats
    fwhm_um: Floats | None
    reflectance: Floats
    source: str = ""

    def __len__(self) -> int:
        """Return the number of spectra."""
        return len(self.names)

    def __post_init__(self) -> None:
        shape = (len(self.names), len(self.wavelengths_um))
        if self.reflectance.shape != shape or not shape[0] or not shape[1]:
            raise SceneError(
                f"{self.source or 'the library'}: {shape[0]} names and {shape[1]} wavelengths do "
                f"not fit reflectance of shape {self.reflectance.shape}"
            )
        if not (np.diff(self.wavelengths_um) > 0).all():
            raise SceneError(
                f"{self.source or 'the library'}: wavelengths must rise and none come twice"
            )


def read_library(path: str | Path) -> SpectralLibrary:
    """Read a spectral library.

    Parameters
    ----------
    path : str or Path
        An ENVI library (data file or header), the USGS library of 1995 as a MATLAB matrix
        (``.mat`` with ``datalib`` and ``names``), one ECOSTRESS or ASTER spectrum
        (``.spectrum.txt``) or a folder of them.

    Returns
    -------
    SpectralLibrary
        With rising wavelengths, values of 0-1, and NaN where nothing was measured.

    Raises
    ------
    SceneError
        If it is none of these, damaged, or does not say its wavelengths.
    """
    where = Path(path)
    if not where.exists():
        raise SceneError(f"{where} does not exist; check the path of the spectral library")
    if where.is_dir():
        return _read_folder(where)
    if where.suffix.lower() == ".mat":
        return _read_matrix(where)
    if where.name.lower().endswith(".txt"):
        return _read_ecostress([where], str(where))
    return _read_envi(where)


def _library(names: list[str], um: Any, fwhm: Any, values: Floats, source: str) -> SpectralLibrary:
    """Put channels in order, leave out those that come twice, and mark what is missing."""
    um = np.asarray(um, float)
    _, order = np.unique(um, return_index=True)
    values = np.where(np.isfinite(values) & (values > LEAST), values, np.nan)[:, order]
    width = None if fwhm is None else np.asarray(fwhm, float)[order]
    if not np.isfinite(values).any():
        raise SceneError(f"{source}: no spectrum holds a number")
    return SpectralLibrary(tuple(names), um[order], width, values, source)


def _read_envi(path: Path) -> SpectralLibrary:
    header, data = (
        (path, envi.data_file(path))
        if path.suffix.lower() == ".hdr"
        else (envi.header_file(path), path)
    )
    if header is None:
        raise SceneError(
            f"{path} is no spectral library that Outcrop reads: an ENVI library has its header "
            f"{path.name}.hdr beside it; others are .mat (USGS 1995) and .spectrum.txt (ECOSTRESS)"
        )
    fields = envi.read_header(header)
    if "spectral library" not in fields.get("file type", "").lower():
        raise SceneError(
            f"{header}: file type is {fields.get('file type', 'not given')!r}, not 'ENVI Spectral "
            "Library'; a cube is a scene, for `outcrop map`"
        )
    if data is None:
        raise SceneError(f"{header}: the data file of the library is not beside its header")
    values = _values(fields, header, data)
    n, channels = values.shape
    found = envi.numbers(fields, "wavelength", channels, str(header))
    if found is None:
        raise SceneError(f"{header} has no 'wavelength', so its spectra cannot be used")
    widths = envi.numbers(fields, "fwhm", channels, str(header))
    um, fwhm, note = envi.in_micrometres(found, widths, fields.get("wavelength units"))
    if um is None:
        raise SceneError(f"{header}: {note}")
    names = envi.items(fields.get("spectra names"))
    if len(names) != n:
        names = [f"spectrum {i + 1}" for i in range(n)]
    ignore = _number(fields, "data ignore value", header)
    values = values if ignore is None else np.where(values == ignore, np.nan, values)
    factor = _number(fields, "reflectance scale factor", header)
    good = values[np.isfinite(values) & (values > LEAST)]
    if (factor is None or factor == 1) and good.size and good.mean() > PERCENT:
        factor = 100.0 if good.mean() <= 100 else 10_000.0
    return _library(names, um, fwhm, values / (factor or 1.0), str(path))


def _number(fields: Mapping[str, str], key: str, header: Path) -> float | None:
    try:
        return float(fields[key]) if key in fields else None
    except ValueError:
        raise SceneError(f"{header}: '{key}' is {fields[key]!r}, which is no number") from None


def _values(fields: Mapping[str, str], header: Path, data: Path) -> Floats:
    try:
        channels, n = int(fields["samples"]), int(fields["lines"])
        kind = envi.DATA_TYPES[int(fields["data type"])]
        offset = int(fields.get("header offset", 0))
        order = ">" if int(fields.get("byte order", 0)) else "<"
    except (KeyError, ValueError) as error:
        raise SceneError(
            f"{header}: {error} is missing, or no whole number that ENVI knows"
        ) from None
    dtype = np.dtype(order + kind)
    needed = offset + n * channels * dtype.itemsize
    if channels < 1 or n < 1 or n * channels > MOST_VALUES or data.stat().st_size < needed:
        raise SceneError(
            f"{data} is truncated or its header wrong: {n} spectra of {channels} channels are "
            f"{needed:,} bytes and it has {data.stat().st_size:,}"
        )
    values = np.fromfile(data, dtype, n * channels, offset=offset)
    return values.reshape(n, channels).astype(float)


def _read_matrix(path: Path) -> SpectralLibrary:
    """Read ``datalib``: three columns of wavelength, resolution and channel, then the spectra."""
    from scipy.io import loadmat

    try:
        content = loadmat(path, variable_names=["datalib", "names"])
        table = np.asarray(content["datalib"], float)
        names = content["names"]
    except (OSError, ValueError, KeyError, NotImplementedError, TypeError) as error:
        raise SceneError(
            f"{path} is not the USGS library as a matrix with datalib and names ({error!r})"
        ) from None
    if table.ndim != 2 or table.shape[1] < 4:
        raise SceneError(f"{path}: datalib has the shape {table.shape}, without a spectrum")
    text = [_text(row) for row in names]
    labels = text[3:] if len(text) == table.shape[1] else [f"spectrum {i}" for i in range(1, 10**4)]
    um, fwhm = table[:, 0], table[:, 1]
    return _library(labels[: table.shape[1] - 3], um, fwhm, table[:, 3:].T, str(path))


def _text(row: Any) -> str:
    """Return a name: MATLAB stores rows of character codes, or strings."""
    row = np.asarray(row).ravel()
    if row.dtype.kind in "US":
        return "".join(row.tolist()).strip()
    return bytes(row.astype(np.uint8)).decode("latin-1").strip("\0 \n\r")


def _read_folder(folder: Path) -> SpectralLibrary:
    files = sorted(p for p in folder.iterdir() if p.name.lower().endswith(".spectrum.txt"))
    if not files:
        raise SceneError(
            f"{folder} holds no .spectrum.txt files of ECOSTRESS; give the file of another library"
        )
    return _read_ecostress(files, str(folder))


def _read_ecostress(files: list[Path], source: str) -> SpectralLibrary:
    """Read spectra of the ECOSTRESS (earlier ASTER) library onto the axis of the finest.

    Percent over micrometres, in either direction, below a heading of ``Key: value`` lines
    (Meerdink et al. 2019).
    """
    spectra = [_ecostress(path) for path in files]
    sunlit = [(n, um[um <= 3.0], v[um <= 3.0]) for n, um, v in spectra]
    sunlit = [(n, um, v) for n, um, v in sunlit if len(um) > 1]
    if not sunlit:
        raise SceneError(f"{source}: no spectrum below 3 um, where sunlight is reflected")
    axis = max((um for _, um, _ in sunlit), key=len)
    values = [np.interp(axis, um, v, left=np.nan, right=np.nan) for _, um, v in sunlit]
    return _library([n for n, _, _ in sunlit], axis, None, np.stack(values), source)


def _ecostress(path: Path) -> tuple[str, Floats, Floats]:
    try:
        lines = path.read_text("latin-1").splitlines()
    except OSError as error:
        raise SceneError(f"{path} cannot be read ({error.strerror or error})") from None
    heading = dict(line.split(":", 1) for line in lines if ":" in line)
    heading = {k.strip().lower(): v.strip() for k, v in heading.items()}
    pairs = [p for p in map(_pair, lines) if p is not None]
    if len(pairs) < 2 or "name" not in heading:
        raise SceneError(
            f"{path} is no ECOSTRESS spectrum: it needs a line 'Name: …' and two columns of "
            "wavelength and reflectance"
        )
    um, values = np.array(sorted(dict(pairs).items())).T
    if "reflectance" not in heading.get("y units", "reflectance").lower():
        raise SceneError(
            f"{path}: Y Units are {heading['y units']!r}; only reflectance can be used"
        )
    percent = "percent" in heading.get("y units", "percent").lower()
    fine = "nano" in heading.get("x units", "").lower()
    return heading["name"], um / (1000 if fine else 1), values / (100 if percent else 1)


def _pair(line: str) -> tuple[float, float] | None:
    parts = line.split()
    try:
        return (float(parts[0]), float(parts[1])) if len(parts) == 2 else None
    except ValueError:
        return None
