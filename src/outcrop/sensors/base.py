"""What a band and a sensor are: records, without code of their own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from outcrop.errors import SceneError, unknown_name

Quantity = Literal["reflectance", "radiance", "emissivity", "temperature", "feature", "unknown"]
QUANTITIES: tuple[str, ...] = get_args(Quantity)


#: What people call bands, and what the STAC EO extension does.
_ALSO = {"nir": "nir08", "nir08": "nir", "swir1": "swir16", "swir2": "swir22"}


@dataclass(frozen=True)
class Band:
    """One band of an instrument or of a scene.

    Parameters
    ----------
    name : str
        The sensor's own name, such as ``"B8A"``.
    wavelength_um, fwhm_um : float or None
        Centre and full width at half maximum, in micrometres.
    gsd_m : float or None
        Ground sampling distance, in metres.
    common_name : str or None
        Common name of the STAC EO extension, such as ``"swir16"``.
    quantity : str
        What the values are once read: reflectance (0-1), radiance
        (W m-2 sr-1 um-1), emissivity (0-1), temperature (K), feature or unknown.
    """

    name: str
    wavelength_um: float | None = None
    fwhm_um: float | None = None
    gsd_m: float | None = None
    common_name: str | None = None
    quantity: Quantity = "unknown"


@dataclass(frozen=True)
class Sensor:
    """An instrument: its bands and the orders in which files usually stack them.

    Parameters
    ----------
    name, title : str
        Name on the command line, and for people.
    bands : tuple of Band
        All bands, in the order of the product.
    default : tuple of str
        Bands used unless others are asked for: those of the sunlit surface.
    stacks : tuple of tuple of str
        Usual band orders of files that do not name their bands; no two of
        one length.
    source : str
        Where the numbers come from.
    """

    name: str
    title: str
    bands: tuple[Band, ...]
    default: tuple[str, ...]
    stacks: tuple[tuple[str, ...], ...]
    source: str

    def band(self, label: str) -> Band:
        """Find a band by its own name or its common name, whatever the case.

        ``B2`` and ``B02`` are the same band, and so is ``nir`` where there is ``nir08`` alone.

        Raises
        ------
        SceneError
            If the sensor has no such band.
        """
        wanted = _plain(label)
        for name in (wanted, _ALSO.get(wanted, wanted)):
            for band in self.bands:
                if name in (_plain(band.name), _plain(band.common_name or band.name)):
                    return band
        raise SceneError(
            f"{self.title}: " + unknown_name("band", label, [b.name for b in self.bands])
        )

    @property
    def default_bands(self) -> tuple[Band, ...]:
        """The bands used unless others are asked for."""
        return tuple(self.band(name) for name in self.default)


@dataclass(frozen=True)
class Sun:
    """Where the sun stood, in degrees: clockwise from true north, and above the horizon."""

    azimuth: float
    elevation: float

    @classmethod
    def of(cls, azimuth: float | None, elevation: float | None) -> Sun | None:
        """Return the sun of a product's metadata; None where an angle is missing or no day's."""
        if azimuth is None or elevation is None:
            return None
        if not (-360 <= azimuth <= 360 and 0 < elevation <= 90):
            return None
        return cls(azimuth % 360, elevation)


def bands_within(bands: Sequence[Band], low: float, best: float, high: float) -> list[int]:
    """Return the positions of the bands whose centres lie in a range of wavelengths, in um.

    The nearest to the best wavelength comes first.
    """
    inside = [
        (abs(band.wavelength_um - best), i)
        for i, band in enumerate(bands)
        if band.wavelength_um is not None and low <= band.wavelength_um <= high
    ]
    return [i for _, i in sorted(inside)]


def _plain(label: str) -> str:
    """``B02`` and ``b2`` to the same string; ``B8A`` stays itself."""
    text = re.sub(r"^(sr|st|toa|boa|rhos|rhot)_(?=b\d)", "", label.strip().lower())
    text = text.replace("_", "").replace("-", "").replace(" ", "")
    if text.startswith("b") and text[1:2].isdigit():
        text = "b" + text[1:].lstrip("0")
    return text


def table(*rows: tuple[str, str | None, float, float, float]) -> tuple[Band, ...]:
    """Make bands of (name, common name, wavelength um, FWHM um, ground sampling m)."""
    return tuple(Band(n, w, f, g, c) for n, c, w, f, g in rows)
