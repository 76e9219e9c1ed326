"""Clouds of Sentinel-2 products before baseline 04.00, which are polygons in GML.

Source: ESA, Sentinel-2 Products Specification Document, S2-PDGS-TAS-DI-PSD: ``MSK_CLOUDS``, opaque
clouds and cirrus in the CRS of the tile, along the edges of pixels of 60 m.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from outcrop.errors import SceneError
from outcrop.reasons import CLOUD
from outcrop.sensors.base import Band
from outcrop.sensors.container import Container, parse_xml
from outcrop.source import Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

Ring = tuple[tuple[float, float], ...]
#: Kinds of features that are clouds.
_CLOUDS = ("OPAQUE", "CIRRUS")


@dataclass(frozen=True)
class CloudPolygons:
    """Polygons of clouds as a layer of codes of reasons.

    ``polygons`` are rings of (x, y) in the grid's CRS, the outer one first. A pixel is under a
    cloud where its centre is, which in pixels of 60 m and less is the whole pixel.
    """

    name: str
    grid: GeoBox
    polygons: tuple[tuple[Ring, ...], ...]
    paths: tuple[str, ...] = ()
    striped: bool = False

    @property
    def bands(self) -> tuple[Band, ...]:
        """One layer."""
        return (Band(self.name),)

    def read(self, window: Window) -> NDArray[np.float32]:
        """Return the codes (1, height, width)."""
        from rasterio.features import rasterize

        shape, a = (window.height, window.width), self.grid.affine
        codes = np.zeros(shape, np.uint8)
        (left, top), (right, bottom) = (
            a * (window.col, window.row),
            a * (window.col + window.width, window.row + window.height),
        )
        near = [
            {"type": "Polygon", "coordinates": rings}
            for rings in self.polygons
            if max(x for x, _ in rings[0]) > left and min(x for x, _ in rings[0]) < right
            and max(y for _, y in rings[0]) > bottom and min(y for _, y in rings[0]) < top
        ]  # fmt: skip
        if near:
            moved = a * a.translation(window.col, window.row)
            rasterize(near, out=codes, transform=moved, default_value=int(CLOUD))
        return codes[None].astype(np.float32)


def read_clouds(container: Container, member: str, grid: GeoBox) -> CloudPolygons:
    """Read ``MSK_CLOUDS_B00.gml``.

    Raises
    ------
    SceneError
        If it is damaged, or of another CRS than the bands.
    """
    where = str(container.path / member)
    root = parse_xml(container.read_bytes(member), where)
    polygons = tuple(_polygons(root, where))
    named = {e.get("srsName", "") for e in root.iter() if _plain(e.tag) == "Envelope"}
    codes = {found[0] for name in named if (found := re.findall(r"\d+$", name))}
    if polygons and grid.crs is not None and codes - {str(grid.crs.epsg)}:
        raise SceneError(
            f"{where} is in EPSG:{codes.pop()}, where the bands are in {grid.crs}; fetch the "
            "product again, or map it with --mask saturated"
        )
    return CloudPolygons(member, grid, polygons, (container.gdal_path(member),))


def _polygons(root: Any, where: str) -> Iterator[tuple[Ring, ...]]:
    for feature in _all(root, "MaskFeature"):
        kinds = {(e.text or "").strip() for e in _all(feature, "maskType")}
        if kinds & set(_CLOUDS):
            for polygon in _all(feature, "Polygon"):
                rings = tuple(_ring(e, where) for e in _all(polygon, "posList"))
                if rings:
                    yield rings


def _ring(element: Any, where: str) -> Ring:
    try:
        numbers = [float(t) for t in (element.text or "").split()]
    except ValueError:
        numbers = []
    if len(numbers) < 8 or len(numbers) % 2 or not np.isfinite(numbers).all():
        raise SceneError(
            f"{where}: the outline of a cloud is no list of at least four points; fetch the "
            "product again, or map it with --mask saturated"
        )
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _all(element: Any, name: str) -> list[Any]:
    """Return all elements below one of that name; the outer ring comes before the inner ones."""
    return [e for e in element.iter() if _plain(e.tag) == name]


def _plain(tag: Any) -> str:
    return str(tag).rpartition("}")[2]
