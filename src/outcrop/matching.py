"""What the spectra of units are like: the nearest of a library, and how far that can be trusted.

A likeness is a hint for whoever names the rock. It is worded as far as the sensor can see: in a
few broad bands many materials look the same, and a mineral is never said to be there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop import envi
from outcrop.errors import listed
from outcrop.sensors.base import Band
from outcrop.spectra import SpectralLibrary, read_library, resample
from outcrop.spectra.continuum import SPACING_UM, find_features, segments

Floats = NDArray[np.float64]

#: Degrees within which a runner-up makes a match ambiguous.
CLOSE = 1.0
#: Bands below which every match is ambiguous.
FEW_BANDS = 6
#: Degrees beyond which the nearest spectrum is none to name: 0.1 radians.
FAR = 5.73
#: Candidates that are told of a unit.
TOLD = 5
#: Bands that an angle needs at least.
LEAST_BANDS = 3
#: Share of a library's spectra that must have been measured in a band for it to be used.
MEASURED = 0.9
LIBRARY, BUILT_IN = "library", "built in"


def open_library(path: str | None) -> SpectralLibrary | None:
    """Read a library; None where none is asked for. Raises as `outcrop.spectra.read_library`."""
    return None if path is None else read_library(path)


def built_in() -> SpectralLibrary:
    """Return green plants, dry grass and soil, which every scene may hold and few libraries do.

    They are computed from published absorptions; see `outcrop.simulate.spectra`.
    """
    from outcrop.simulate.spectra import DRY, GREEN, GRID_UM, LITHOLOGIES, log_spectrum

    materials = {"green plants": GREEN, "dry grass": DRY, "soil": LITHOLOGIES["alluvium"]}
    spectra = np.exp([log_spectrum(m) for m in materials.values()])
    return SpectralLibrary(tuple(materials), GRID_UM, None, spectra, "Outcrop")


def match_spectra(
    means: Mapping[int, Sequence[float]], bands: Sequence[Band], library: SpectralLibrary
) -> dict[str, Any]:
    """Compare mean spectra with those of a library by their spectral angles.

    Angles ignore how bright a spectrum is, and with it the light on a slope, but neither haze nor
    plants among the rock.

    Parameters
    ----------
    means : mapping of int to sequence of float
        Mean by band of each unit.
    bands : sequence of Band
        Those of reflectance and of values of unknown scale are used, where the library covers
        them.
    library : SpectralLibrary
        Joined by `built_in`.

    Returns
    -------
    dict
        For ``metrics.json``: ``library``, ``bands`` used, ``spectra`` compared with, ``missing``
        (why there are no matches, or empty), ``features_missing`` (why no absorptions are told),
        and ``units`` with ``verdict`` (``nearest``, ``ambiguous`` or ``unlike``), ``candidates``,
        how many are ``close``, and ``features``.

    References
    ----------
    Kruse et al. (1993), Remote Sens. Environ. 44:145 (spectral angle). Clark and Roush (1984),
    J. Geophys. Res. 89:6329 (continuum removal).
    """
    facts: dict[str, Any] = {"library": identity(library), "spectra": 0, "bands": [],
                             "missing": "", "features_missing": "", "units": {}}  # fmt: skip
    usable = _usable(bands)
    known = _joined(library, [bands[i] for i in usable]) if usable else None
    if known is None or len(known[2]) < LEAST_BANDS or not len(known[0]):
        facts["missing"] = _why_not(bands, usable, library)
        return facts
    names, spectra, kept = known
    chosen = [usable[i] for i in kept]
    x = np.array([bands[i].wavelength_um for i in chosen], np.float64)
    facts |= {"spectra": len(names), "bands": [bands[i].name for i in chosen],
              "features_missing": _why_no_features(x)}  # fmt: skip
    for number, mean in means.items():
        spectrum = np.asarray(mean, np.float64)[chosen]
        if np.isfinite(spectrum).all() and np.linalg.norm(spectrum) > 0:
            found = _candidates(angles(spectrum, spectra), names, len(chosen))
            features = [] if facts["features_missing"] else find_features(x, spectrum)
            found["features"] = [
                {"um": round(f.centre_um, 4), "depth": round(f.depth, 4), "words": str(f)}
                for f in features
            ]
            facts["units"][str(number)] = found
    return facts


def angles(spectrum: Floats, others: Floats) -> Floats:
    """Return the angle in degrees between a spectrum (bands,) and each of others (n, bands)."""
    cosine = others @ spectrum / (np.linalg.norm(others, axis=1) * np.linalg.norm(spectrum))
    degrees: Floats = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    return degrees


def _candidates(degrees: Floats, names: Sequence[tuple[str, str]], bands: int) -> dict[str, Any]:
    """Return the verdict on a unit, and what it rests on."""
    order = np.argsort(degrees, kind="stable")
    best = float(degrees[order[0]])
    close = int((degrees <= best + CLOSE).sum())
    ambiguous = bands < FEW_BANDS or close > 1
    verdict = "unlike" if best > FAR else "ambiguous" if ambiguous else "nearest"
    return {
        "verdict": verdict,
        "close": close,
        "candidates": [
            {"name": names[i][0], "from": names[i][1], "degrees": round(float(degrees[i]), 3)}
            for i in order[:TOLD]
        ],
    }


def words(found: Mapping[str, Any], bands: int) -> str:
    """Say what a unit is like, as far as its bands can see.

    Parameters
    ----------
    found : mapping
        An entry of ``units`` as `match_spectra` returns it.
    bands : int
        How many bands were compared.
    """
    first, *others = found["candidates"]
    nearest = f"{first['name']} ({first['degrees']:.1f}°)"
    if found["verdict"] == "unlike":
        return f"Unlike all of the library: the nearest is {nearest}"
    if found["verdict"] == "nearest":
        rest = f"; the next, {others[0]['name']}, is {others[0]['degrees']:.1f}° away"
        return f"In {bands} bands nearest to {nearest}{rest if others else ''}"
    told = found["candidates"][: max(2, min(TOLD, found["close"]))]
    names = ", ".join(f"{c['name']} ({c['degrees']:.1f}°)" for c in told)
    more = max(0, found["close"] - len(told))
    tail = f" and {more} more within {CLOSE:g}°" if more else ""
    few = f" (only {bands} bands)" if bands < FEW_BANDS else ""
    return f"Ambiguous{few}: {names}{tail}"


def identity(library: SpectralLibrary) -> dict[str, Any]:
    """Return what tells a library from another: name, path, spectra, bytes and SHA-256."""
    path = Path(library.source)
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.name.lower().endswith(".spectrum.txt"))
    else:
        data = envi.data_file(path) if path.suffix.lower() == ".hdr" else None
        files = [path, data] if data else [path]
    digest, size = hashlib.sha256(), 0
    for file in files:
        content = file.read_bytes()
        size += len(content)
        digest.update(content)
    return {"name": path.name, "path": str(path), "spectra": len(library), "bytes": size,
            "sha256": digest.hexdigest()}  # fmt: skip


def _usable(bands: Sequence[Band]) -> list[int]:
    """Return the bands that hold reflected light, by wavelength."""
    known = [
        (band.wavelength_um, i)
        for i, band in enumerate(bands)
        if band.wavelength_um is not None and band.quantity in ("reflectance", "unknown")
    ]
    return [i for _, i in sorted(known)]


def _joined(
    library: SpectralLibrary, bands: Sequence[Band]
) -> tuple[list[tuple[str, str]], Floats, list[int]]:
    """Return names, spectra and the bands that the library and the built-in spectra cover."""
    seen, own = resample(library, bands), resample(built_in(), bands)
    covered = np.isfinite(seen).mean(axis=0) >= MEASURED
    kept = np.flatnonzero(covered & np.isfinite(own).all(axis=0)).tolist()
    names = [(n, LIBRARY) for n in library.names] + [(n, BUILT_IN) for n in built_in().names]
    spectra = np.vstack([seen, own])[:, kept]
    good = np.isfinite(spectra).all(axis=1) & (np.linalg.norm(spectra, axis=1) > 0)
    if not good[: len(library)].any():
        return [], spectra[:0], kept
    return [n for n, g in zip(names, good, strict=True) if g], spectra[good], kept


def _why_not(bands: Sequence[Band], usable: Sequence[int], library: SpectralLibrary) -> str:
    low, high = library.wavelengths_um[[0, -1]]
    if len(usable) < LEAST_BANDS:
        others = listed([b.name for i, b in enumerate(bands) if i not in usable])
        return (
            f"{len(usable)} bands have a wavelength and hold reflected light, and a spectral angle "
            f"needs {LEAST_BANDS} (without: {others}); give --sensor or --bands"
        )
    return (
        f"the library covers {low:.2f}-{high:.2f} um, and of the scene's {len(usable)} bands there "
        f"fewer than {LEAST_BANDS} were measured in whole spectra; give another library"
    )


def _why_no_features(wavelengths_um: Floats) -> str:
    if segments(wavelengths_um):
        return ""
    widest = 1000 * float(np.diff(wavelengths_um).max(initial=0.0))
    return (
        f"neighbouring bands are up to {widest:.0f} nm apart, and absorption features need bands "
        f"at most {1000 * SPACING_UM:.0f} nm apart"
    )


def with_matches(units: Sequence[Any], facts: Mapping[str, Any] | None) -> tuple[Any, ...]:
    """Return units whose entries in ``legend.json`` have their matches, and no others' any more."""
    done = []
    for unit in units:
        extra = {k: v for k, v in unit.extra.items() if k != "matches"}
        if facts and (found := facts["units"].get(str(unit.number))):
            extra["matches"] = found
        done.append(replace(unit, extra=extra))
    return tuple(done)
