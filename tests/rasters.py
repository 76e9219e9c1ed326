"""Small rasters for tests."""

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

UTM = "EPSG:32754"


def write(path: Path, data, *, crs=UTM, pixel=30.0, origin=(600000.0, 6600000.0), names=(), **more):
    """Write (band, y, x) or (y, x) as a GeoTIFF and return its path as text."""
    data = np.asarray(data)
    data = data[None] if data.ndim == 2 else data
    transform = more.pop("transform", Affine(pixel, 0, origin[0], 0, -pixel, origin[1]))
    scale, offset = more.pop("scale", None), more.pop("offset", None)
    profile = {"driver": "GTiff", "count": len(data), "height": data.shape[1],
               "width": data.shape[2], "dtype": data.dtype, "crs": crs, **more}  # fmt: skip
    if transform is not None:
        profile["transform"] = transform
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(data)
        for i, name in enumerate(names, start=1):
            dataset.set_band_description(i, name)
        if scale is not None:
            dataset.scales = [scale] * len(data)
        if offset is not None:
            dataset.offsets = [offset] * len(data)
    return str(path)


def blobs(shape=(60, 80), bands=4, units=3, seed=0, spread=0.02):
    """A scene of stripes of distinct spectra: (reflectance (band, y, x) float32, truth (y, x))."""
    rng = np.random.default_rng(seed)
    truth = (np.arange(shape[1]) * units // shape[1]).astype(np.uint8) + 1
    truth = np.repeat(truth[None], shape[0], axis=0)
    # Far apart whatever the seed, and bright to dark, against the order of unit numbers.
    spectra = 0.7 - 0.5 * np.arange(units)[:, None] / units + 0.05 * np.eye(units, bands)
    data = spectra[truth - 1].transpose(2, 0, 1) + rng.normal(0, spread, (bands, *shape))
    return data.astype(np.float32), truth
