"""A run for the workbench's tests: small, with a CRS or without, and known to the pixel."""

from pathlib import Path

import numpy as np
import pytest

from outcrop.__main__ import main
from rasters import blobs, write

#: Rows, columns and units of the run: stripes of equal width.
SHAPE, UNITS = (60, 90), 3


def make_run(folder: Path, name: str = "out", **how) -> Path:
    """Map a scene of stripes into ``folder/name``."""
    data, _ = blobs(SHAPE, bands=6, units=UNITS)
    scene = write(folder / f"{name}-scene.tif", np.round(data * 1e4).astype("u2"), nodata=0, **how)
    out = folder / name
    argv = ["map", scene, "-o", str(out), "--units", str(UNITS), "--sensor", "landsat8", "-q"]
    assert main([*argv, "--scale", "0.0001"]) == 0
    return out


def need_web() -> None:
    """Skip where the extra ``web`` is not installed."""
    for module in ("fastapi", "titiler.core", "uvicorn"):
        pytest.importorskip(module, reason="the workbench needs the extra web")
