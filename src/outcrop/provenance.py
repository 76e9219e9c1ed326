"""What a result was made from and with."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from outcrop import __version__
from outcrop.config import Recipe
from outcrop.model import Model
from outcrop.source import Source, file_paths

PACKAGES = ("numpy", "scikit-learn", "scipy", "torch", "numba", "rasterio")
#: Bytes at a file's head that its quick hash covers.
HEAD = 2**20


def collect(
    source: Source,
    model: Model,
    recipe: Recipe,
    scenes: Sequence[str] = (),
    *,
    checksum: bool = False,
) -> dict[str, Any]:
    """Return versions, input files, bands and grid for the ``[provenance]`` of ``run.toml``.

    Parameters
    ----------
    source : Source
    model : Model
    recipe : Recipe
        As run; the files that it names are inputs too.
    scenes : sequence of str
        As they can be opened again; none of a cube in memory.
    checksum : bool
        Hash whole files too; by default their size and first megabyte identify them.
    """
    import rasterio

    return {
        "outcrop": __version__,
        "python": platform.python_version(),
        "gdal": rasterio.__gdal_version__,
        "packages": {name: version(name) for name in PACKAGES},
        "scenes": list(scenes),
        "bands": [b.name for b in source.bands],
        "wavelengths_um": [b.wavelength_um or 0.0 for b in source.bands],
        "quantity": sorted({b.quantity for b in source.bands}),
        "crs": str(source.grid.crs) if source.grid.crs is not None else "none",
        "shape": list(source.grid.shape),
        "units": len(model.numbers),
        "inputs": [_file(path, checksum) for path in (*file_paths(source), *_named(recipe))],
    }


def _named(recipe: Recipe) -> list[str]:
    return [p for p in (recipe.input.aoi, recipe.run.like) if p]


def _file(name: str, checksum: bool) -> dict[str, Any]:
    path = Path(name)
    if not path.is_file():
        return {"path": name}
    with path.open("rb") as stream:
        facts: dict[str, Any] = {
            "path": name,
            "bytes": path.stat().st_size,
            "head_sha256": hashlib.sha256(stream.read(HEAD)).hexdigest(),
        }
        if checksum:
            stream.seek(0)
            facts["sha256"] = hashlib.file_digest(stream, "sha256").hexdigest()
    return facts
