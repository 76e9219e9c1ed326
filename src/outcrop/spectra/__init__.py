"""Spectral libraries, and spectra as a sensor would see them."""

from __future__ import annotations

from outcrop.spectra.library import SpectralLibrary, read_library
from outcrop.spectra.resampling import Response, gaussian, resample, resampled

__all__ = ["Response", "SpectralLibrary", "gaussian", "read_library", "resample", "resampled"]
