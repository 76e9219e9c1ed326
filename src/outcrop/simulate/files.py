"""Scenes written to disk."""

from __future__ import annotations

from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import CRSError, RasterioError

from outcrop.errors import OutputError
from outcrop.simulate.scene import SimulatedScene

SCALE = 0.0001
"""Reflectance of one digital number in a written scene; 0 is nodata."""


def write_scene(scene: SimulatedScene, folder: str | PathLike[str]) -> tuple[Path, Path]:
    """Write a scene and its truth as GeoTIFF.

    ``scene.tif`` holds digital numbers (uint16, 0 is nodata) with the scale that makes
    them reflectance, band names as descriptions, and wavelengths in GDAL's IMAGERY
    metadata. ``truth.tif`` holds rock units (uint8, 0 is nodata) with a tag
    ``UNIT_n`` for the name of each.

    Parameters
    ----------
    scene : SimulatedScene
        The scene.
    folder : path
        Made if it is not there.

    Returns
    -------
    scene_path, truth_path : Path

    Raises
    ------
    OutputError
        If the folder cannot be written to.
    """
    target = Path(folder)
    paths = target / "scene.tif", target / "truth.tif"
    drafts = [path.with_suffix(".tif.part") for path in paths]
    try:
        target.mkdir(parents=True, exist_ok=True)
        _write_reflectance(scene, drafts[0])
        _write_truth(scene, drafts[1])
        for draft, path in zip(drafts, paths, strict=True):
            draft.replace(path)
    except (OSError, RasterioError, CRSError) as error:
        for draft in drafts:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
        raise OutputError(
            f"the scene cannot be written to {str(target)!r}: {error}; choose another folder"
        ) from error
    return paths


def _profile(scene: SimulatedScene, count: int, dtype: str) -> dict[str, Any]:
    return {
        "driver": "GTiff",
        "height": scene.truth.shape[0],
        "width": scene.truth.shape[1],
        "count": count,
        "dtype": dtype,
        "nodata": 0,
        "crs": scene.crs or None,
        "transform": rasterio.Affine(*scene.transform),
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "compress": "deflate",
        "predictor": 2,
        "interleave": "band",
    }


def _write_reflectance(scene: SimulatedScene, path: Path) -> None:
    numbers = np.rint(scene.reflectance / np.float32(SCALE)).clip(1, 65535)
    numbers = np.nan_to_num(numbers, nan=0).astype(np.uint16)
    with rasterio.open(path, "w", **_profile(scene, len(scene.bands), "uint16")) as sink:
        sink.write(numbers)
        sink.scales = [SCALE] * len(scene.bands)
        sink.offsets = [0.0] * len(scene.bands)
        sink.descriptions = [band.name for band in scene.bands]
        sink.update_tags(SENSOR=scene.sensor, QUANTITY="reflectance")
        for i, band in enumerate(scene.bands, start=1):
            sink.update_tags(
                i,
                ns="IMAGERY",
                CENTRAL_WAVELENGTH_UM=band.wavelength_um,
                FWHM_UM=band.fwhm_um,
            )


def _write_truth(scene: SimulatedScene, path: Path) -> None:
    with rasterio.open(path, "w", **_profile(scene, 1, "uint8")) as sink:
        sink.write(scene.truth, 1)
        sink.descriptions = ["rock unit"]
        sink.update_tags(1, **{f"UNIT_{i}": n for i, n in enumerate(scene.unit_names, start=1)})
