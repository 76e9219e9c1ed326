"""What ASTER's metadata say, in the forms that they come in.

ODL inside the HDF file (``coremetadata.0``, ``productmetadata.0``, ``.v``, ``.s``, ``.t``), XML
beside it (``.hdf.xml``, versions 3 and 3.1), and JSON beside the GeoTIFFs of version 4
(``.cmr.json``, UMM-G).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from outcrop.errors import SceneError
from outcrop.sensors.aster_calibration import UNIT_CONVERSION
from outcrop.sensors.container import Container, parse_xml
from outcrop.sensors.hdf4 import Hdf4File
from outcrop.sensors.odl import Odl, parse_odl

#: The XML of the LP DAAC names a document type of its own, without content: it alone is let pass.
_DOCTYPE = re.compile(rb'<!DOCTYPE\s+GranuleMetaDataFile\s+SYSTEM\s+"[^"<>\[\]]{0,300}"\s*>')


@dataclass(frozen=True)
class AsterMetadata:
    """What is needed of a scene's metadata.

    Parameters
    ----------
    where : str
        For messages.
    product : str or None
        ``"AST_L1T"``, ``"AST_07XT"`` and so on.
    day : date or None
        When it was taken (UTC).
    azimuth, elevation : float or None
        Of the sun, in degrees: clockwise from north, and above the horizon.
    gains : mapping of str to str
        By band: HGH, NOR, LOW, LO1, LO2 or OFF.
    coefficients : mapping of str to float
        Unit conversion coefficients that the file itself states.
    corners : tuple of float or None
        Northing and easting of the centres of the first and the last pixel, in metres.
    epsg : int or None
        Of the UTM zone.
    """

    where: str
    product: str | None = None
    day: date | None = None
    azimuth: float | None = None
    elevation: float | None = None
    gains: Mapping[str, str] = field(default_factory=dict)
    coefficients: Mapping[str, float] = field(default_factory=dict)
    corners: tuple[float, float, float, float] | None = None
    epsg: int | None = None

    def coefficient(self, band: str) -> float:
        """Return the unit conversion coefficient of a band.

        Raises
        ------
        SceneError
            If its gain is not known.
        """
        if band in self.coefficients:
            return self.coefficients[band]
        table = UNIT_CONVERSION[band]
        gain = "" if "" in table else self.gains.get(band, "not given")
        if gain not in table:
            raise SceneError(
                f"{self.where}: the gain of {band} is {gain}, where it must be one of "
                f"{', '.join(table)} to know its radiance; fetch the metadata again, or leave the "
                "band out with --bands"
            )
        return table[gain]

    def sun(self) -> tuple[float, date]:
        """Return the sun's elevation and the day.

        Raises
        ------
        SceneError
            If either is not known, or the sun is down.
        """
        if self.elevation is None or self.day is None or not 0 < self.elevation <= 90:
            raise SceneError(
                f"{self.where}: the sun's elevation is {self.elevation} and the day {self.day}; "
                "reflectance needs both, and the sun above the horizon: choose a scene of the day, "
                "or the thermal bands with --bands B10,B11,B12,B13,B14"
            )
        return self.elevation, self.day


def from_hdf(file: Hdf4File) -> AsterMetadata:
    """Read what an HDF file says of itself.

    Raises
    ------
    SceneError
        If a value is there and no number.
    """
    core = parse_odl(file.text("coremetadata."), file.path)
    more = parse_odl(file.text("productmetadata."), file.path)
    both = Odl(file.path, {**core.values, **more.values})
    sun = both.numbers("SOLARDIRECTION", 2)
    return AsterMetadata(
        where=file.path,
        product=short_name(core),
        day=_day(both.get("CALENDARDATE")),
        azimuth=sun[0] if sun else None,
        elevation=sun[1] if sun else None,
        gains={_band(g[0]): g[1].upper() for g in more.all("GAIN") if len(g) == 2},
        coefficients=_coefficients(more),
        corners=_corners(both),
        epsg=_epsg(both),
    )


def short_name(core: Odl) -> str | None:
    """Return the product's name in the metadata of an HDF file, as file names write it."""
    name = core.get("SHORTNAME")
    return re.sub(r"^AST_?(?=[0L])", "AST_", name.upper()) if name else None


def _coefficients(odl: Odl) -> dict[str, float]:
    found = {}
    for band in UNIT_CONVERSION:
        label = band.removeprefix("B").lstrip("0")
        value = odl.numbers(f"INCL{label}", 1)
        if value is not None and value[0] > 0:
            found[band] = value[0]
    return found


def _corners(odl: Odl) -> tuple[float, float, float, float] | None:
    first, last = odl.numbers("UPPERLEFTM", 2), odl.numbers("LOWERRIGHTM", 2)
    return (first[0], first[1], last[0], last[1]) if first and last else None


def _epsg(odl: Odl) -> int | None:
    """South of the equator northings are counted from it and negative; the CRS's are not."""
    zone = odl.numbers("UTMZONENUMBER", 1) or odl.numbers("UTMZONECODE1", 1)
    if zone is None or not 1 <= abs(zone[0]) <= 60:
        return None
    north = odl.numbers("NORTHBOUNDINGCOORDINATE", 1)
    south = zone[0] < 0 or (north is not None and north[0] < 0)
    return (32700 if south else 32600) + int(abs(zone[0]))


def read_beside(container: Container, name: str) -> AsterMetadata:
    """Read a metadata file: ``.xml`` or ``.json``; see `parse_beside`."""
    return parse_beside(container.read_bytes(name), name, str(container.path / name))


def parse_beside(data: bytes, name: str, where: str) -> AsterMetadata:
    """Understand a metadata file, ``.xml`` or ``.json`` by its name.

    Raises
    ------
    SceneError
        If it is damaged.
    """
    try:
        facts = _from_json(data) if name.lower().endswith("json") else _from_xml(data, where)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SceneError(
            f"{where} cannot be read as ASTER metadata ({type(error).__name__}: {error}); fetch "
            "it again"
        ) from None
    return AsterMetadata(
        where=where,
        product=facts.get("shortname", "").upper() or None,
        day=_day(facts.get("day")),
        azimuth=_finite(facts.get("solarazimuthangle")),
        elevation=_finite(facts.get("solarelevationangle")),
        gains=_gains(facts.get("astergains", "")),
    )


def _from_xml(data: bytes, where: str) -> dict[str, str]:
    root = parse_xml(_DOCTYPE.sub(b"", data, count=1), where)
    facts = {}
    for item in root.iter("PSA"):
        facts[_plain(item.findtext("PSAName") or "")] = item.findtext("PSAValue") or ""
    facts["shortname"] = root.findtext(".//CollectionMetaData/ShortName") or ""
    facts["day"] = root.findtext(".//SingleDateTime/CalendarDate") or ""
    return facts


def _from_json(data: bytes) -> dict[str, str]:
    content = json.loads(data)
    content = content.get("umm", content)
    facts = {}
    for item in content.get("AdditionalAttributes", []):
        facts[_plain(str(item["Name"]))] = str(item["Values"][0])
    facts["shortname"] = str(content["CollectionReference"]["ShortName"])
    facts["day"] = str(content.get("TemporalExtent", {}).get("SingleDateTime", ""))[:10]
    return facts


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _gains(text: str) -> dict[str, str]:
    """Read ``01 HGH, 02 HGH, 3N NOR``."""
    return {_band(b): gain.upper() for b, gain in re.findall(r"(\d\w)\s+(\w+)", text)}


def _band(label: str) -> str:
    """``01``, ``1`` and ``3N`` are B01, B01 and B3N."""
    return f"B{label}" if label.upper() == "3N" else f"B{label.zfill(2)}"


def _day(text: str | None) -> date | None:
    found = re.fullmatch(r"(\d{4})-?(\d\d)-?(\d\d)", (text or "").strip())
    try:
        return date(*(int(part) for part in found.groups())) if found else None
    except ValueError:
        return None


def _finite(text: str | None) -> float | None:
    try:
        number = float(text) if text else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
