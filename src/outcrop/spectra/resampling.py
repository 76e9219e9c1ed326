"""Spectra as the bands of a sensor would measure them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from outcrop.errors import InputError
from outcrop.sensors.base import Band
from outcrop.spectra.library import Floats, SpectralLibrary

#: A Gaussian is followed to so many times its FWHM from its centre: 3.5 standard deviations.
REACH = 1.5
#: The part of a band's response that a spectrum must have been measured in.
COVERED = 0.9
#: Nodes of an integral, besides the library's own wavelengths.
_NODES = 41
_SIGMA = 1 / (2 * math.sqrt(2 * math.log(2)))


@dataclass(frozen=True)
class Response:
    """How a band answers to each wavelength.

    Parameters
    ----------
    wavelengths_um : ndarray, shape (m,)
        Rising; the answer is 0 outside.
    weights : ndarray, shape (m,)
        Of any scale, not all 0.
    """

    wavelengths_um: Floats
    weights: Floats

    def __post_init__(self) -> None:
        fits = len(self.wavelengths_um) == len(self.weights) > 1
        if not fits or not (np.diff(self.wavelengths_um) > 0).all() or not self.weights.max() > 0:
            raise InputError(
                "a response needs rising wavelengths, a weight for each, and one above 0"
            )


def gaussian(centre_um: float, fwhm_um: float) -> Response:
    """Return a Gaussian response, what is assumed of a band that tells only its FWHM."""
    if not fwhm_um > 0:
        raise InputError(
            f"the band at {centre_um:g} um has a FWHM of {fwhm_um:g} um; it must be > 0"
        )
    um = np.linspace(centre_um - REACH * fwhm_um, centre_um + REACH * fwhm_um, _NODES)
    return Response(um, np.exp(-0.5 * ((um - centre_um) / (fwhm_um * _SIGMA)) ** 2))


def resample(library: SpectralLibrary, bands: Sequence[Band | Response]) -> NDArray[np.float64]:
    """Return the spectra as bands see them.

    A band of known FWHM is a Gaussian, less in width what the library's own channels have
    smoothed already; one without a FWHM is taken at its centre; a `Response` (such as a
    tabulated one) is used as it is. Spectra are taken to be straight between their channels.

    Parameters
    ----------
    library : SpectralLibrary
    bands : sequence of Band or Response

    Returns
    -------
    ndarray of float64, shape (n, bands)
        NaN where less than `COVERED` of the band's response was measured.

    Raises
    ------
    InputError
        If a band has neither wavelength nor response.
    """
    out = np.empty((len(library), len(bands)))
    for i, band in enumerate(bands):
        out[:, i] = _seen(library, band if isinstance(band, Response) else _of(band, library))
    return out


def resampled(library: SpectralLibrary, bands: Sequence[Band]) -> SpectralLibrary:
    """Return a library on the bands of a sensor, by rising wavelength."""
    order = sorted(range(len(bands)), key=lambda i: bands[i].wavelength_um or 0.0)
    chosen = [bands[i] for i in order]
    widths = [b.fwhm_um for b in chosen]
    return replace(
        library,
        wavelengths_um=np.array([b.wavelength_um or 0.0 for b in chosen]),
        fwhm_um=None if None in widths else np.array(widths, float),
        reflectance=resample(library, chosen),
    )


def _of(band: Band, library: SpectralLibrary) -> Response:
    if band.wavelength_um is None:
        raise InputError(
            f"band {band.name} has no wavelength, so no library can be compared with it"
        )
    width = band.fwhm_um or 0.0
    if library.fwhm_um is not None:
        own = float(np.interp(band.wavelength_um, library.wavelengths_um, library.fwhm_um))
        width = math.sqrt(max(width**2 - own**2, 0.0))
    return gaussian(band.wavelength_um, max(width, 1e-6))


def _seen(library: SpectralLibrary, response: Response) -> Floats:
    """Integrate every spectrum over a response, on the nodes of both."""
    um = library.wavelengths_um
    own = response.wavelengths_um
    inner = um[(um > own[0]) & (um < own[-1])]
    nodes = np.unique(np.concatenate([own, inner]))
    steps = np.gradient(nodes)
    weights = np.interp(nodes, own, response.weights) * steps
    right = np.clip(np.searchsorted(um, nodes), 1, len(um) - 1)
    part = (nodes - um[right - 1]) / (um[right] - um[right - 1])
    values = (1 - part) * library.reflectance[:, right - 1] + part * library.reflectance[:, right]
    # A node on a channel has that channel's number, whatever its neighbour lacks.
    values = np.where(part == 1, library.reflectance[:, right], values)
    values = np.where(part == 0, library.reflectance[:, right - 1], values)
    outside = (part < 0) | (part > 1)
    measured = np.isfinite(values) & ~outside
    share = measured @ weights / weights.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(measured, values, 0.0) @ weights / (measured @ weights)
    return np.where(share >= COVERED, mean, np.nan)
