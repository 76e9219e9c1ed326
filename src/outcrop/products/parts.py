"""Rasters in parts: whoever maps a block writes its own files, which become COGs in the end.

A part is a small tiled GeoTIFF per layer and an ``.npz`` of what else is known of the block. Each
is written under a name of its own, put on the disk and only then renamed, so that a part that is
there is whole, even when two processes write the same one. A VRT lays the parts side by side, and
GDAL's COG driver reads through it in bounded memory.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

from outcrop.durable import put, sync
from outcrop.grid import gis_transform
from outcrop.products.raster import Colours, check_written, saying_why, to_cog
from outcrop.rasters import open_quietly
from outcrop.source import Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

_TYPES = {"uint8": "Byte", "uint16": "UInt16", "float32": "Float32"}


@dataclass(frozen=True)
class Layer:
    """A raster that is written in parts.

    Parameters
    ----------
    name : str
        Of the file, without ``.tif``.
    bands, dtype, nodata
        Of the raster; ``dtype`` is uint8, uint16 or float32.
    resampling : str
        Of the overviews: ``"mode"`` for labels, ``"average"`` for measurements.
    colours : mapping of int to (r, g, b, a), optional
        Colour table.
    names : sequence of str
        Band descriptions.
    level : int, optional
        How hard the raster is compressed, 1-9; GDAL's own if it is not said. At 1 the parts are
        not compressed at all: it is for what hardly gets smaller.
    """

    name: str
    bands: int = 1
    dtype: str = "uint8"
    nodata: float = 0
    resampling: str = "mode"
    colours: Colours | None = field(default=None, repr=False)
    names: Sequence[str] = ()
    level: int | None = None


@dataclass(frozen=True)
class Parts:
    """Where the parts of a map lie: a folder that every process that maps can write to."""

    folder: Path

    def write(
        self,
        index: int,
        layers: Sequence[tuple[Layer, NDArray[Any]]],
        facts: Mapping[str, NDArray[Any]],
    ) -> None:
        """Write the part of a block; when this returns it is on the disk.

        Parameters
        ----------
        index : int
            Of the block.
        layers : sequence of (Layer, ndarray)
            Pixels (y, x) or (band, y, x) of the block's core.
        facts : mapping of str to ndarray
            What `facts` gives back.

        Raises
        ------
        OutputError
            If the disk is full or the folder cannot be written to.
        """
        with saying_why(self.folder):
            for layer, array in layers:
                path = self.path(index, layer)
                with _under_another_name(path) as temporary:
                    _write_tiff(temporary, layer, array.reshape(-1, *array.shape[-2:]))
            with _under_another_name(self._facts_path(index)) as temporary:
                np.savez(temporary, **dict[str, Any](facts))
            sync(self.folder)

    def holds(self, index: int, layers: Iterable[Layer]) -> bool:
        """Tell whether the part of a block is there."""
        paths = [self._facts_path(index), *(self.path(index, layer) for layer in layers)]
        return all(path.is_file() for path in paths)

    def facts(self, index: int) -> dict[str, NDArray[Any]]:
        """Return what was written of a block beside its pixels."""
        with np.load(self._facts_path(index)) as stored:
            return dict(stored)

    def path(self, index: int, layer: Layer) -> Path:
        """Return where the pixels of a block lie."""
        return self.folder / f"{index:06d}.{layer.name}.tif"

    def _facts_path(self, index: int) -> Path:
        return self.folder / f"{index:06d}.npz"

    def mosaic(self, layer: Layer, cores: Sequence[Window], grid: GeoBox) -> Path:
        """Lay the parts side by side; ``cores`` are the blocks' windows in their order.

        Returns
        -------
        Path
            A VRT of the whole. Each row of blocks is a VRT of its own, so that GDAL doesn't look
            through all parts for every tile that it reads.
        """
        rows = []
        for row, members in groupby(enumerate(cores), key=lambda item: item[1].row):
            blocks = list(members)
            height = blocks[0][1].height
            parts = [
                (self.path(i, layer).name, Window(0, core.col, core.height, core.width))
                for i, core in blocks
            ]
            name = f"{layer.name}.row{row:08d}.vrt"
            (self.folder / name).write_text(_vrt(layer, parts, (height, grid.shape[1])), "utf-8")
            rows.append((name, Window(row, 0, height, grid.shape[1])))
        whole = self.folder / f"{layer.name}.vrt"
        whole.write_text(_vrt(layer, rows, grid.shape, grid), "utf-8")
        return whole

    def assemble(self, layer: Layer, cores: Sequence[Window], grid: GeoBox, path: Path) -> None:
        """Make a Cloud-Optimised GeoTIFF of the parts of a layer; as `mosaic` otherwise.

        Raises
        ------
        OutputError
            If the disk is full or the file cannot be written.
        """
        with saying_why(path):
            to_cog(self.mosaic(layer, cores, grid), path, layer.resampling, layer.level)
            check_written(path, grid)


@contextmanager
def _under_another_name(path: Path) -> Iterator[Path]:
    """Give a name to write to; rename it to the right one once it is on the disk."""
    # The end stays the same: GDAL and NumPy go by it.
    temporary = path.with_name(f"tmp-{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        yield temporary
        put(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _write_tiff(path: Path, layer: Layer, array: NDArray[Any]) -> None:
    import rasterio

    profile = {
        "driver": "GTiff", "dtype": layer.dtype, "count": layer.bands, "nodata": layer.nodata,
        "height": array.shape[1], "width": array.shape[2], "tiled": True, "blockxsize": 512,
        "blockysize": 512, "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
    if layer.level != 1:
        profile |= {"compress": "deflate", "zlevel": 1}
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(array.astype(layer.dtype, copy=False))
    with open_quietly(str(path)) as dataset:  # a full disk can show only after closing
        dataset.read(1, window=((array.shape[1] - 1, array.shape[1]), (0, 1)))


def _vrt(
    layer: Layer,
    parts: Sequence[tuple[str, Window]],
    shape: Sequence[int],
    grid: GeoBox | None = None,
) -> str:
    """Return a VRT of files that lie beside it, each at its window."""
    lines = [f'<VRTDataset rasterXSize="{shape[1]}" rasterYSize="{shape[0]}">']
    if grid is not None:
        lines += _place(grid)
    for band in range(1, layer.bands + 1):
        lines.append(
            f'<VRTRasterBand dataType="{_TYPES[layer.dtype]}" band="{band}" '
            'blockXSize="512" blockYSize="512">'
        )
        if band <= len(layer.names):
            lines.append(f"<Description>{escape(layer.names[band - 1])}</Description>")
        lines.append(f"<NoDataValue>{layer.nodata}</NoDataValue>")
        if layer.colours and grid is not None:
            lines += _colours(layer.colours)
        lines += [line for name, window in parts for line in _source(name, window, band, layer)]
        lines.append("</VRTRasterBand>")
    return "\n".join([*lines, "</VRTDataset>\n"])


def _place(grid: GeoBox) -> Iterator[str]:
    from rasterio.crs import CRS

    if grid.crs is not None:
        yield f"<SRS>{escape(CRS.from_user_input(str(grid.crs)).to_wkt())}</SRS>"
    numbers = ", ".join(repr(float(v)) for v in gis_transform(grid).to_gdal())
    yield f"<GeoTransform>{numbers}</GeoTransform>"


def _colours(colours: Colours) -> Iterator[str]:
    yield "<ColorInterp>Palette</ColorInterp>"
    yield "<ColorTable>"
    for value in range(max(colours) + 1):
        red, green, blue, alpha = colours.get(value, (0, 0, 0, 255))
        yield f'<Entry c1="{red}" c2="{green}" c3="{blue}" c4="{alpha}"/>'
    yield "</ColorTable>"


def _source(name: str, window: Window, band: int, layer: Layer) -> Iterator[str]:
    size = f'xSize="{window.width}" ySize="{window.height}"'
    yield f'<SimpleSource><SourceFilename relativeToVRT="1">{escape(name)}</SourceFilename>'
    yield f"<SourceBand>{band}</SourceBand>"
    # With these GDAL needs not open a part before it reads from it.
    yield (
        f'<SourceProperties RasterXSize="{window.width}" RasterYSize="{window.height}" '
        f'DataType={quoteattr(_TYPES[layer.dtype])} BlockXSize="512" BlockYSize="512"/>'
    )
    yield f'<SrcRect xOff="0" yOff="0" {size}/>'
    yield f'<DstRect xOff="{window.col}" yOff="{window.row}" {size}/></SimpleSource>'
