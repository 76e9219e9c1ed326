"""Write Jasper Ridge (AVIRIS, 198 bands) and its reference as GeoTIFF.

    python benchmarks/jasper.py DATA OUT

The reference is the largest of the four published abundances of a pixel: 1 trees, 2 water, 3 soil,
4 roads. Wavelengths are those of the AVIRIS channels in the USGS library beside it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import rasterio
from scipy.io import loadmat


def main(data: str, out: str) -> None:
    """Write ``scene.tif`` and ``reference.tif``."""
    mat = loadmat(Path(data) / "hyperspectral" / "jasperRidge2_R198.mat")
    library = loadmat(Path(data) / "speclib" / "USGS_1995_Library.mat")["datalib"]
    side = int(mat["nRow"].item())
    channels = np.sort(mat["SlectBands"].ravel().astype(int)) - 1
    # The file counts down the columns first.
    cube = mat["Y"].reshape(len(channels), side, side).transpose(0, 2, 1)
    units = mat["A"].reshape(4, side, side).transpose(0, 2, 1).argmax(axis=0) + 1
    Path(out).mkdir(parents=True, exist_ok=True)
    shape = {"driver": "GTiff", "height": side, "width": side}
    with rasterio.open(
        Path(out) / "scene.tif", "w", count=len(channels), dtype="float32", **shape
    ) as sink:
        sink.write(cube.astype("float32"))
        for i, um in enumerate(np.sort(library[:, 0])[channels], start=1):
            sink.update_tags(i, ns="IMAGERY", CENTRAL_WAVELENGTH_UM=f"{um:.4f}", FWHM_UM="0.0100")
    with rasterio.open(Path(out) / "reference.tif", "w", count=1, dtype="uint8", **shape) as sink:
        sink.write(units.astype("uint8"), 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
