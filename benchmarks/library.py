"""How often a spectrum of a library is nearest to another of its own material, by sensor.

`python benchmarks/library.py LIBRARY`. Each spectrum is taken out and matched with the others of
its library, as pure as it is. Its material is the first word of its name.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from outcrop.matching import CLOSE, FEW_BANDS, angles
from outcrop.sensors import get_sensor
from outcrop.sensors.base import Band
from outcrop.spectra import SpectralLibrary, read_library, resample


def main(path: str) -> None:
    """Print a row a sensor."""
    library = read_library(path)
    for name in ("landsat8", "sentinel2", "aster"):
        _measure(name, library, get_sensor(name).default_bands)
    um = [u for u in np.arange(0.41, 2.48, 0.01) if not (1.33 < u < 1.45 or 1.78 < u < 1.97)]
    _measure("10 nm", library, [Band(f"{u:.2f}", float(u), 0.01) for u in um])


def _measure(name: str, library: SpectralLibrary, bands: Sequence[Band]) -> None:
    spectra = resample(library, bands)
    whole = np.isfinite(spectra).all(axis=1)
    spectra = spectra[whole]
    words = [n.replace("_", " ").split()[0].split("+")[0].lower() for n in library.names]
    material = np.array(words)[whole]
    right, sure = [], []
    for i in range(len(spectra)):
        if (material == material[i]).sum() < 2:
            continue
        apart = angles(spectra[i], spectra)
        apart[i] = np.inf
        first, second = np.argsort(apart)[:2]
        right.append(material[first] == material[i])
        sure.append(len(bands) >= FEW_BANDS and apart[second] > apart[first] + CLOSE)
    told = np.array(right)[np.array(sure)]
    print(
        f"{name:10} {len(bands):4} bands, {len(right)} spectra: the nearest is of the same "
        f"material {np.mean(right):.0%}; ambiguous {1 - np.mean(sure):.0%}; "
        f"of the {len(told)} others right {told.mean():.0%}"
    )


if __name__ == "__main__":
    main(sys.argv[1])
