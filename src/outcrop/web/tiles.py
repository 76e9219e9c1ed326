"""Tiles: raw unit numbers and confidences, which the browser colours, and composites of imagery.

titiler registers the route; what it reads is found by the run's id and the layer's name, never by
a path or an address from the client.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import numpy as np
from affine import Affine
from fastapi import HTTPException, Query
from morecantile import Tile, TileMatrixSets, tms
from morecantile.errors import InvalidIdentifier
from numpy.typing import NDArray
from PIL import Image
from rasterio.crs import CRS
from rasterio.windows import Window as RasterWindow
from rio_tiler.io import Reader
from rio_tiler.models import ImageData
from titiler.core.dependencies import DefaultDependency
from titiler.core.factory import TilerFactory

from outcrop.products.cutting import cut_one
from outcrop.rasters import open_quietly
from outcrop.web.composites import coloured, parse_channels
from outcrop.web.place import Place
from outcrop.web.runs import Run

GRID = "WebMercatorQuad"
SIZE = 256
#: Along each side of a tile, where pixels are projected exactly.
NODES = 17
#: An overview may be so much coarser than the tile, as GDAL has it.
OVER = 1.2
#: Tiles are asked for in parallel: one takes one thread.
ENVIRONMENT = {"GDAL_NUM_THREADS": "1", "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}
MERCATOR_TILES = tms.get(GRID)
#: What stands for an unknown confidence.
UNKNOWN = 255
Layer = Literal["units", "confidence", "image", "code"]


class OneGrid(TileMatrixSets):
    """A set of grids whose grids are shared by all threads.

    morecantile gives each tile a deep copy, which takes milliseconds, and fails where another
    thread fills the grid's caches meanwhile.
    """

    def get(self, identifier: str) -> Any:
        """Return a grid, which nobody changes; raises InvalidIdentifier."""
        if identifier not in self.tilematrixsets:
            raise InvalidIdentifier(identifier)
        return self.tilematrixsets[identifier]


def _outside() -> HTTPException:
    return HTTPException(404, "the tile lies outside the map")


@dataclass(frozen=True)
class Asked:
    """What a tile is asked of: a run, one of its layers, and the channels of a composite."""

    run: Run
    layer: Layer
    channels: str = ""

    @property
    def path(self) -> Path:
        """The layer's file; raises HTTPException (404) if the run does not have it."""
        path = self.run.layer(self.layer)
        if path is None:
            raise HTTPException(404, f"this run has no {self.layer}")
        return path


class LayerReader(Reader):
    """Reads tiles of a layer of a run; its ``input`` is what is `Asked`."""

    @property
    def asked(self) -> Asked:
        """What titiler was told to open."""
        return cast(Asked, self.input)

    def __attrs_post_init__(self) -> None:
        """Open the file."""
        self.dataset = self._ctx_stack.enter_context(open_quietly(str(self.asked.path)))
        super().__attrs_post_init__()  # type: ignore[no-untyped-call]
        self.colormap = None  # the browser colours

    def tile(self, tile_x: int, tile_y: int, tile_z: int, *_: Any, **__: Any) -> ImageData:
        """Return a tile: one plane of raw numbers, or three of colour."""
        asked = self.asked
        where = (tile_x, tile_y, tile_z)
        if asked.layer == "units":
            return _cut(asked.run, self._read(where, [1]))
        if asked.layer == "confidence":
            image = self._read(where, [1])
            image.array = np.ma.MaskedArray(image.array.filled(UNKNOWN), False)
            return image
        channels = parse_channels(asked.channels, cast(Any, self.dataset).count)
        bands = sorted({band for channel in channels for band in channel if band})
        image = self._read(where, bands, unscale=True)
        planes = np.ma.filled(image.array.astype(np.float64), np.nan)
        image.array = coloured(dict(zip(bands, planes, strict=True)), channels, asked.path)
        return image

    def _read(self, where: tuple[int, int, int], bands: list[int], **how: Any) -> ImageData:
        place = self.asked.run.place
        if not place.on_earth:
            return _plane_tile(self.dataset, place.plane, where, bands, **how)
        return _warped_tile(self.dataset, place, where, bands, **how)


def _warped_tile(
    dataset: Any, place: Place, where: tuple[int, int, int], bands: list[int], unscale: bool = False
) -> ImageData:
    """Read a tile of a map on the Earth: each pixel from the nearest of the map.

    Where pixels lie is computed at some of them and interpolated between, which is right to a
    tenth of a pixel for maps of up to half a continent; a warp by GDAL takes three times as long.
    """
    bounds = MERCATOR_TILES.xy_bounds(Tile(*where))
    left, bottom, right, top = place.bounds_in_metres
    size = (bounds.right - bounds.left) / SIZE
    cols = _between((left - bounds.left) / size, (right - bounds.left) / size)
    rows = _between((bounds.top - top) / size, (bounds.top - bottom) / size)
    if cols.start >= cols.stop or rows.start >= rows.stop:
        raise _outside()
    x = bounds.left + np.linspace(cols.start + 0.5, cols.stop - 0.5, NODES) * size
    y = bounds.top - np.linspace(rows.start + 0.5, rows.stop - 0.5, NODES) * size
    nodes = place.pixels_of_metres(np.stack(np.meshgrid(x, y), axis=2).reshape(-1, 2))
    col, row = (_spread(_spread(part.reshape(NODES, NODES), rows).T, cols).T for part in nodes.T)
    inside = (row >= 0) & (row < dataset.height) & (col >= 0) & (col < dataset.width)
    if not inside.any():
        raise _outside()
    area = abs(np.linalg.det(nodes[[NODES - 1, -NODES]] - nodes[0])) / inside.size
    shrink = max([1, *(n for n in dataset.overviews(bands[0]) if n <= OVER * np.sqrt(area))])
    i, height = _window(row[inside], shrink, dataset.height)
    j, width = _window(col[inside], shrink, dataset.width)
    read = _values(
        dataset, bands, RasterWindow(width[0], height[0], width[1], height[1]), shrink, unscale
    )
    # Values and mask one by one: an index of a masked array takes several times as long.
    values, empty = np.zeros((len(bands), SIZE, SIZE), read.dtype), np.ones((SIZE, SIZE), bool)
    at = i * read.shape[2] + j
    values[:, rows, cols][:, inside] = read.data.reshape(len(bands), -1).take(at, axis=1)
    nothing = np.ma.getmaskarray(read).any(axis=0)
    empty[rows, cols][inside] = nothing.take(at) if nothing.any() else False
    tile = np.ma.MaskedArray(values, np.broadcast_to(empty, values.shape))
    return ImageData(tile, bounds=tuple(bounds), crs=CRS.from_epsg(3857))


def _between(first: float, last: float) -> slice:
    """Return the pixels of a tile that lie between two places, those cut by them included."""
    return slice(max(0, int(np.floor(first))), min(SIZE, int(np.ceil(last))))


def _spread(nodes: NDArray[np.float64], pixels: slice) -> NDArray[np.float64]:
    """Interpolate from the rows of an array to every pixel, linearly."""
    count = pixels.stop - pixels.start
    at = np.arange(count) / max(count - 1, 1) * (len(nodes) - 1)
    before = np.minimum(at.astype(int), len(nodes) - 2)
    rest = (at - before)[:, None]
    spread: NDArray[np.float64] = nodes[before] * (1 - rest) + nodes[before + 1] * rest
    return spread


def _window(
    places: NDArray[np.float64], shrink: int, whole: int
) -> tuple[NDArray[np.intp], tuple[int, int]]:
    """Return which row (or column) of an overview each place is in, and where to read it from."""
    first = int(places.min()) // shrink * shrink
    count = min(whole, (int(places.max()) // shrink + 1) * shrink) - first
    return (places.astype(np.intp) - first) // shrink, (first, count)


def _values(
    dataset: Any, bands: list[int], window: RasterWindow, shrink: int, unscale: bool
) -> Any:
    shape = (len(bands), -(-window.height // shrink), -(-window.width // shrink))
    read = dataset.read(bands, window=window, out_shape=shape, masked=True)
    if not unscale:
        return read
    scales, offsets = (
        np.array([values[b - 1] for b in bands])[:, None, None]
        for values in (dataset.scales, dataset.offsets)
    )
    return read * scales + offsets


def _plane_tile(
    dataset: Any,
    plane: Affine,
    where: tuple[int, int, int],
    bands: list[int],
    unscale: bool = False,
) -> ImageData:
    """Read a tile of a map that lies on its plane pixel by pixel: nothing is warped."""
    bounds = MERCATOR_TILES.xy_bounds(Tile(*where))
    (left, top), (right, _) = ~plane * (bounds.left, bounds.top), ~plane * (bounds.right, 0)
    step = (right - left) / SIZE
    down, across = _inside(top, step, dataset.height), _inside(left, step, dataset.width)
    if down is None or across is None:
        raise _outside()
    (rows, first_row, last_row), (cols, first_col, last_col) = down, across
    window = RasterWindow(first_col, first_row, last_col - first_col, last_row - first_row)
    shape = (len(bands), rows.stop - rows.start, cols.stop - cols.start)
    read = dataset.read(bands, window=window, out_shape=shape, masked=True)
    if unscale:
        scales, offsets = (
            np.array([values[b - 1] for b in bands])[:, None, None]
            for values in (dataset.scales, dataset.offsets)
        )
        read = read * scales + offsets
    blank = np.zeros((len(bands), SIZE, SIZE), read.dtype)
    tile: Any = np.ma.MaskedArray(blank, True)
    tile[:, rows, cols] = read
    return ImageData(tile, bounds=tuple(bounds), crs=CRS.from_epsg(3857))


def _inside(start: float, step: float, size: int) -> tuple[slice, float, float] | None:
    """Return which pixels of a tile lie on a side of the raster, and from where to where."""
    first = max(0, int(np.ceil(-start / step - 0.5)))
    last = min(SIZE, int(np.ceil((size - start) / step - 0.5)))
    if first >= last:
        return None
    return slice(first, last), max(0.0, start + first * step), min(size, start + last * step)


def _cut(run: Run, image: ImageData) -> ImageData:
    """Give the pixels of a tile that were split off their new numbers."""
    splits = run.edited().splits
    if not splits:
        return image
    labels = image.array.data[0]
    height, width = labels.shape
    left, bottom, right, top = cast(Any, image.bounds)
    for split in splits:
        ring = run.place.to_tile_metres(np.array(split.ring))
        x, y = (ring[:, 0] - left) / (right - left), (top - ring[:, 1]) / (top - bottom)
        cut_one(labels, split, np.column_stack([x * width, y * height]))
    image.array = np.ma.MaskedArray(labels[None], np.ma.getmaskarray(image.array))
    return image


def _render(image: ImageData, **_: Any) -> tuple[bytes, str]:
    """Return a PNG: grey of the raw numbers, or colours with what is empty transparent."""
    raw = image.count == 1
    if raw:
        image.array = np.ma.MaskedArray(image.array.filled(0), False)
    planes = image.array.data
    if not raw:
        planes = np.concatenate(
            [planes, np.where(np.ma.getmaskarray(image.array)[:1], 0, 255).astype(np.uint8)]
        )
    picture, buffer = Image.fromarray(planes[0] if raw else planes.transpose(1, 2, 0)), io.BytesIO()
    picture.save(buffer, "png", compress_level=1)  # GDAL's driver takes three times as long
    return buffer.getvalue(), "image/png"


class Tiles(TilerFactory):
    """titiler's tile route and none of its others: they open what a client names."""

    def register_routes(self) -> None:
        """Register ``/tiles/WebMercatorQuad/{z}/{x}/{y}.png``."""
        self.tile()  # type: ignore[no-untyped-call]


def tiler(runs: dict[str, Run]) -> Tiles:
    """Return the tiles of runs; its ``router`` belongs under ``/runs/{run}/{layer}``."""

    def asked(
        run: str,
        layer: Layer,
        channels: Annotated[str, Query(max_length=40, description="3,2,1 or 5/6,4,1")] = "",
    ) -> Asked:
        if run not in runs:
            raise HTTPException(404, f"there is no run {run!r}")
        return Asked(runs[run], layer, channels)

    nothing: Callable[[], None] = lambda: None  # noqa: E731
    return Tiles(
        reader=LayerReader,
        path_dependency=asked,
        layer_dependency=DefaultDependency,
        dataset_dependency=DefaultDependency,
        tile_dependency=DefaultDependency,
        render_dependency=DefaultDependency,
        process_dependency=nothing,
        colormap_dependency=nothing,
        environment_dependency=lambda: ENVIRONMENT,
        supported_tms=OneGrid({GRID: MERCATOR_TILES}),
        render_func=_render,
    )
