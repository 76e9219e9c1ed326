"""ENVI headers: text beside a raw file that says how its numbers are laid out.

Source: the format is described in NV5 Geospatial's "ENVI Header Files".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from outcrop.errors import SceneError

#: A header is text of a few hundred kilobytes at most.
MOST_BYTES = 32 * 2**20
#: What data files beside a header are called; the empty one is a name without an ending.
DATA_SUFFIXES = ("", ".img", ".dat", ".bin", ".raw", ".bsq", ".bil", ".bip", ".sli", ".slb", ".lib")
#: ENVI's numbers of data types, as NumPy writes them.
DATA_TYPES = {
    1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4", 14: "i8", 15: "u8",
}  # fmt: skip

_TO_UM = {
    "nanometers": 1e-3, "nanometer": 1e-3, "nanometres": 1e-3, "nm": 1e-3,
    "micrometers": 1.0, "micrometer": 1.0, "micrometres": 1.0, "microns": 1.0, "um": 1.0,
    "µm": 1.0, "millimeters": 1e3, "mm": 1e3, "centimeters": 1e4, "cm": 1e4, "meters": 1e6,
    "m": 1e6, "angstroms": 1e-4,
}  # fmt: skip
_PER_CM = ("wavenumber", "wavenumbers", "cm-1", "1/cm")
#: Sunlight that a sensor of reflectance sees, with margin: numbers in this range are nanometres
#: or micrometres beyond doubt.
_SUNLIT_UM = (0.2, 3.0)


def read_header(path: Path) -> dict[str, str]:
    """Read a header; keys in lower case, values as text, those in braces without them.

    Raises
    ------
    SceneError
        If it is missing, or no ENVI header.
    """
    try:
        with path.open("rb") as stream:
            text = stream.read(MOST_BYTES).decode("utf-8-sig", "replace")
    except OSError as error:
        raise SceneError(f"{path} cannot be read ({error.strerror or error})") from None
    if not text.lstrip().upper().startswith("ENVI"):
        raise SceneError(f"{path} is no ENVI header: its first line must be ENVI")
    return _fields(text)


def _fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    lines = iter(text.splitlines()[1:])
    for line in lines:
        key, equals, value = line.partition("=")
        if not equals or line.lstrip().startswith(";"):
            continue
        value = value.strip()
        if value.startswith("{"):
            while "}" not in value:
                more = next(lines, None)
                if more is None:
                    break
                value += " " + more.strip()
            value = value[1:].split("}")[0].strip()
        fields[key.strip().lower().replace("_", " ")] = value
    return fields


def items(text: str | None) -> list[str]:
    """Return the entries of a list in a header."""
    stripped = (text or "").strip().strip("{}")
    return [part.strip() for part in stripped.split(",")] if stripped.strip() else []


def numbers(fields: Mapping[str, str], key: str, count: int, where: str) -> list[float] | None:
    """Return a list of so many numbers, or None where the header has none.

    Raises
    ------
    SceneError
        If it has another length, or an entry is no number.
    """
    found = items(fields.get(key))
    if not found:
        return None
    try:
        values = [float(v) for v in found]
    except ValueError as error:
        raise SceneError(f"{where}: '{key}' holds what is no number ({error})") from None
    if len(values) != count:
        raise SceneError(
            f"{where}: '{key}' lists {len(values)} numbers for {count} bands; mend the header"
        )
    return values


def in_micrometres(
    values: Sequence[float], widths: Sequence[float] | None, unit: str | None
) -> tuple[list[float] | None, list[float] | None, str | None]:
    """Turn wavelengths and widths of any of ENVI's units into micrometres.

    Wavenumbers (per cm) become their wavelengths. Without a unit, numbers that as nanometres
    or as micrometres all lie in sunlight are taken for that.

    Returns
    -------
    wavelengths, widths : list of float or None
        None where the unit cannot be known.
    note : str or None
        What the user should know of how the unit was found.
    """
    name = (unit or "").strip().lower()
    if name in _PER_CM and all(v > 0 for v in values):
        spread = widths and [1e4 * w / v**2 for w, v in zip(widths, values, strict=True)]
        return [1e4 / v for v in values], list(spread) if spread else None, None
    factor, note = _TO_UM.get(name), None
    if factor is None:
        factor = _guessed(values)
        span = f"wavelengths of {min(values):g} to {max(values):g} in unit {unit or 'unknown'!r}"
        if factor is None:
            return None, None, f"{span} mean nothing to Outcrop, so bands have no wavelength"
        note = f"{span} are taken for {'nanometres' if factor == 1e-3 else 'micrometres'}"
    scaled = [round(v * factor, 9) for v in values]
    return scaled, [round(w * factor, 9) for w in widths] if widths else None, note


def _guessed(values: Sequence[float]) -> float | None:
    low, high = _SUNLIT_UM
    return next((f for f in (1e-3, 1.0) if all(low <= v * f <= high for v in values)), None)


def data_file(header: Path) -> Path | None:
    """Return the data file beside a header: ``a.hdr`` or ``a.img.hdr`` for ``a.img``."""
    stem = header.with_suffix("")
    for suffix in DATA_SUFFIXES:
        for ending in (suffix, suffix.upper()):
            candidate = stem.with_name(stem.name + ending)
            if candidate.is_file():
                return candidate
    return None


def header_file(data: Path) -> Path | None:
    """Return the header beside a data file."""
    for candidate in (data.with_name(data.name + ".hdr"), data.with_suffix(".hdr")):
        for found in (candidate, candidate.with_suffix(".HDR")):
            if found.is_file():
                return found
    return None
