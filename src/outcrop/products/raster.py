"""GeoTIFFs written block by block and finished as Cloud-Optimised GeoTIFFs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from outcrop.engine import CACHE_BYTES
from outcrop.errors import OutputError
from outcrop.grid import gis_transform
from outcrop.rasters import open_quietly
from outcrop.source import Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

Colours = Mapping[int, tuple[int, int, int, int]]


@contextmanager
def cog_writer(
    path: Path,
    grid: GeoBox,
    *,
    bands: int = 1,
    dtype: str = "uint8",
    nodata: float = 0,
    resampling: str = "mode",
    colours: Colours | None = None,
    names: Sequence[str] = (),
    level: int | None = None,
) -> Iterator[Callable[[Window, NDArray[Any]], None]]:
    """Give a function that writes a window; on leaving, the file is a COG.

    Blocks go to a tiled GeoTIFF beside ``path``, which GDAL's COG driver then copies with
    overviews, in bounded memory.

    Parameters
    ----------
    path : Path
    grid : GeoBox
    bands, dtype, nodata
        Of the raster.
    resampling : str
        Of the overviews: ``"mode"`` for labels, ``"average"`` for measurements.
    colours : mapping of int to (r, g, b, a), optional
        Colour table.
    names : sequence of str
        Band descriptions.
    level : int, optional
        How hard it is compressed, 1-9; GDAL's own if it is not said.

    Yields
    ------
    callable
        ``write(window, array)`` with an array (y, x) or (band, y, x).

    Raises
    ------
    OutputError
        If the disk is full or the file cannot be written.
    """
    blocks = path.with_suffix(".blocks.tif")
    try:
        with block_writer(
            blocks, grid, bands=bands, dtype=dtype, nodata=nodata, colours=colours, names=names
        ) as write:
            yield write
        with saying_why(path):
            to_cog(blocks, path, resampling, level)
            check_written(path, grid)
    finally:
        blocks.unlink(missing_ok=True)


@contextmanager
def block_writer(
    path: Path,
    grid: GeoBox,
    *,
    bands: int = 1,
    dtype: str = "uint8",
    nodata: float = 0,
    colours: Colours | None = None,
    names: Sequence[str] = (),
    scales: Sequence[tuple[float, float]] = (),
    apart: bool = False,
) -> Iterator[Callable[[Window, NDArray[Any]], None]]:
    """Give a function that writes a window of a tiled GeoTIFF; as `cog_writer` otherwise.

    ``scales`` are scale and offset of each band's values, for who reads the file. With ``apart``
    each band has tiles of its own, so that who shows three of many doesn't decode them all.
    """
    import rasterio

    # BIGTIFF by need: a failed guess would only show after hours of writing.
    profile = {
        "driver": "GTiff", "dtype": dtype, "count": bands, "nodata": nodata,
        "height": grid.shape[0], "width": grid.shape[1], "transform": gis_transform(grid),
        "crs": str(grid.crs) if grid.crs is not None else None, "tiled": True,
        "blockxsize": 512, "blockysize": 512, "compress": "deflate", "zlevel": 1,
        "BIGTIFF": "IF_SAFER", "SPARSE_OK": True, "interleave": "band" if apart else "pixel",
    }  # fmt: skip
    with saying_why(path), rasterio.open(path, "w", **profile) as dataset:
        if colours:
            dataset.write_colormap(1, dict(colours))
        for i, name in enumerate(names, start=1):
            dataset.set_band_description(i, name)
        if scales:
            dataset.scales, dataset.offsets = zip(*scales, strict=True)
        yield _window_writer(dataset)


@contextmanager
def saying_why(path: Path) -> Iterator[None]:
    """Turn what GDAL raises while writing into an error with the way out."""
    from rasterio.errors import RasterioError

    try:
        yield
    except (RasterioError, OSError) as error:
        raise OutputError(
            f"{str(path).replace('.blocks', '')} cannot be written "
            f"({str(error).splitlines()[0]}); is the disk full? "
            "Free some space or choose another folder"
        ) from error


@contextmanager
def row_reader(path: Path) -> Iterator[Callable[[int, int], NDArray[np.uint8]]]:
    """Give a function ``read(row, height)`` of a raster's full-width rows, (height, width)."""
    import rasterio
    from rasterio.windows import Window as RasterWindow

    with open_quietly(str(path)) as dataset:
        rows = min(CACHE_BYTES, max(CACHE_BYTES // 8, 4 * 512 * dataset.width))
    # GDAL's own measure is a share of the machine's memory, and would hold the whole raster.
    with rasterio.Env(GDAL_CACHEMAX=rows), rasterio.open(path) as dataset:
        yield lambda row, height: dataset.read(
            1, window=RasterWindow(0, row, dataset.width, height)
        )


def _window_writer(dataset: Any) -> Callable[[Window, NDArray[Any]], None]:
    def write(window: Window, array: NDArray[Any]) -> None:
        planes = array.reshape(-1, window.height, window.width)
        dataset.write(planes, window=window.to_rasterio())

    return write


def to_cog(blocks: Path, path: Path, resampling: str, level: int | None = None) -> None:
    """Copy a raster as a Cloud-Optimised GeoTIFF with overviews, in bounded memory."""
    import rasterio
    import rasterio.shutil

    how = {"predictor": "YES" if resampling == "average" else "NO"}
    if level is not None:
        how["level"] = str(level)
    with rasterio.Env(
        GDAL_TIFF_INTERNAL_MASK=True, GDAL_NUM_THREADS=os.cpu_count() or 1,
        GDAL_CACHEMAX=CACHE_BYTES,
    ):  # fmt: skip
        rasterio.shutil.copy(
            blocks, path, driver="COG", compress="DEFLATE", blocksize=512,
            overview_resampling=resampling, BIGTIFF="IF_SAFER", **how,
        )  # fmt: skip


def add_overviews(path: Path, resampling: str) -> None:
    """Add overviews to a GeoTIFF, down to one tile."""
    import rasterio
    from rasterio.enums import Resampling

    with (
        rasterio.Env(GDAL_NUM_THREADS=os.cpu_count() or 1, GDAL_CACHEMAX=CACHE_BYTES),
        rasterio.open(path, "r+") as dataset,
    ):
        widest = max(dataset.shape)
        steps = [2**i for i in range(1, 20) if widest > 2 ** (i - 1) * 512]
        if steps:
            dataset.build_overviews(steps, Resampling[resampling])


def check_written(path: Path, grid: GeoBox) -> None:
    """Read the last pixel back: a full disk can show only after GDAL has closed a file."""
    import rasterio
    from rasterio.windows import Window as RasterWindow

    with rasterio.open(path) as dataset:
        dataset.read(1, window=RasterWindow(grid.shape[1] - 1, grid.shape[0] - 1, 1, 1))


def read_overview(path: Path, most: int = 1400) -> tuple[NDArray[np.uint8], int]:
    """Read a label raster at most ``most`` pixels wide and high, from its overviews.

    Returns
    -------
    labels : ndarray of uint8, shape (y, x)
    step : int
        How many pixels of the raster one of the result stands for, a power of two.
    """
    with open_quietly(str(path)) as dataset:
        step = overview_step((dataset.height, dataset.width), most)
        shape = (-(-dataset.height // step), -(-dataset.width // step))
        labels: NDArray[np.uint8] = dataset.read(1, out_shape=shape)
    return labels, step


def overview_step(shape: Sequence[int], most: int = 1400) -> int:
    """Return the smallest power of two that brings both sides under ``most``, up to 512."""
    step = 1
    while max(shape) / step > most and step < 512:
        step *= 2
    return step
