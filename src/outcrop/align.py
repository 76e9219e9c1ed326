"""One grid for several scenes, and for one scene another grid than its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from outcrop.errors import SceneError, unknown_name
from outcrop.source import Source
from outcrop.warp import RESAMPLINGS, crs_text, gcps_of, transformer, warp

if TYPE_CHECKING:
    from affine import Affine

#: Part of a pixel by which grids may be off each other and still be taken for one.
NEAR = 0.01
#: Points along each edge of a scene by which its extent in another CRS is found.
EDGE = 33
#: A scene may become this many times as many pixels on another grid; more is a mistake.
SPARSE = 1000


@dataclass(frozen=True)
class Target:
    """The grid that scenes are brought onto, as asked for; None is the first scene's own.

    Parameters
    ----------
    crs : str or None
        Anything that pyproj understands: ``EPSG:32633``, a PROJ string, WKT.
    resolution : float or None
        Pixel size in units of the CRS.
    resampling : str
        How pixels are interpolated; see `outcrop.warp.warp`.
    """

    crs: str | None = None
    resolution: float | None = None
    resampling: str = "bilinear"

    def __post_init__(self) -> None:
        if self.resampling not in RESAMPLINGS:
            raise SceneError(
                "--resampling: " + unknown_name("resampling", self.resampling, RESAMPLINGS)
            )
        if self.resolution is not None and not 0 < self.resolution < math.inf:
            raise SceneError(f"--resolution {self.resolution:g}: a pixel size must be above 0")


def align(sources: Sequence[Source], target: Target | None = None) -> list[Source]:
    """Bring scenes onto the pixels of one grid; those that lie on it already stay as they are.

    The grid is that of the first scene. With another CRS or pixel size its pixels' edges lie at
    whole multiples of the size, so that neighbours that are mapped one by one fit each other;
    without a size a pixel in another CRS is as large as the first scene's is in its middle, to
    three digits.

    Raises
    ------
    SceneError
        If a scene has no position or the CRS is none.
    """
    target = target or Target()
    first, *others = sources
    if not others and target.crs is None and target.resolution is None:
        return [first]
    lattice, crs = _lattice(first, target)
    for source in sources:
        _require_position(source, crs, alone=not others)
    return [_onto(source, lattice, crs, target.resampling) for source in sources]


def _lattice(first: Source, target: Target) -> tuple[Affine, str | None]:
    """Return the affine of pixels that the common grid is cut from, and its CRS."""
    from affine import Affine

    own = crs_text(first.grid.crs)
    crs = own if target.crs is None else _known_crs(target.crs)
    own = _same(own, crs)
    a, size = first.grid.affine, target.resolution
    tall, wide = math.hypot(a.b, a.e), math.hypot(a.a, a.d)
    if crs == own and (size is None or np.allclose((tall, wide), size, rtol=1e-6)):
        return a, crs
    _require_position(first, crs, alone=True)
    if size is None:
        size = _size_in(first, crs)
    elif crs and size > 10 and _geographic(crs):
        raise SceneError(
            f"--resolution {size:g}: {crs} counts in degrees, so that is a pixel of {size:g} "
            "degrees; 0.00027 are about 30 m"
        )
    # Without a CRS there is no north, and rows go on as they went.
    down = size if crs is None and a.e > 0 else -size
    return Affine(size, 0, 0, 0, down, 0), crs


def _known_crs(text: str) -> str:
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        return str(_odc(CRS.from_user_input(text)))
    except CRSError:
        raise SceneError(
            f"--crs {text} is no coordinate reference system that PROJ knows; give EPSG:32633, "
            "a PROJ string or WKT"
        ) from None


def _odc(crs: Any) -> Any:
    from odc.geo.crs import CRS

    return CRS(crs)


def _same(own: str | None, crs: str | None) -> str | None:
    """Return ``crs`` itself where a scene's is the same in other words."""
    if own is None or crs is None or own == crs:
        return own
    return crs if _odc(own) == _odc(crs) else own


def _geographic(crs: str) -> bool:
    return bool(_odc(crs).geographic)


def _require_position(source: Source, crs: str | None, *, alone: bool) -> None:
    placed = source.grid.crs is not None or gcps_of(source) is not None
    if placed == (crs is not None) and (placed or alone):
        return
    if placed:
        raise SceneError(
            f"{source.name} ({source.grid.crs or 'ground control points'}) cannot be laid beside "
            "a first scene without a CRS; name it first, or give --crs"
        )
    raise SceneError(
        f"{source.name} has no CRS and no ground control points, so that it cannot be brought onto "
        f"the grid of another scene or {crs or 'a CRS'}; set it first (gdal_edit.py -a_srs EPSG:… "
        "-a_ullr …)"
    )


def _size_in(source: Source, crs: str | None) -> float:
    """Return the side of a pixel in another CRS, of the ground of the scene's middle pixel."""
    row, col = source.grid.shape[0] / 2, source.grid.shape[1] / 2
    x, y = _places(source, crs, np.array([row, row + 1, row]), np.array([col, col, col + 1]))
    area = abs((x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0]))
    if not (math.isfinite(area) and area > 0):
        raise SceneError(f"{source.name} does not lie where {crs} holds; check --crs")
    return float(f"{math.sqrt(area):.3g}")


def _places(source: Source, crs: str | None, rows: Any, cols: Any) -> tuple[Any, Any]:
    """Coordinates, in a CRS, of places in a scene."""
    gcps = gcps_of(source)
    own = gcps.crs if gcps else crs_text(source.grid.crs)
    x, y = gcps.to_map(cols, rows) if gcps else source.grid.affine * (cols, rows)
    if own is None or crs is None or _same(own, crs) == crs:
        return x, y
    return transformer(own, crs).transform(x, y)  # type: ignore[no-any-return]


def _onto(source: Source, lattice: Affine, crs: str | None, resampling: str) -> Source:
    """Return a scene on the lattice, cut to its extent there."""
    from affine import Affine
    from odc.geo.geobox import GeoBox

    if gcps_of(source) is None and _same(crs_text(source.grid.crs), crs) == crs:
        step = ~lattice * source.grid.affine
        off = abs(step.c - round(step.c)), abs(step.f - round(step.f))
        if np.allclose((step.a, step.b, step.d, step.e), (1, 0, 0, 1), atol=1e-6) and (
            max(off) <= NEAR
        ):
            return source
    top, left, bottom, right = _extent(source, lattice, crs)
    corner = lattice * Affine.translation(left, top)
    return warp(source, GeoBox((bottom - top, right - left), corner, crs), resampling)


def _extent(source: Source, lattice: Affine, crs: str | None) -> tuple[int, int, int, int]:
    """Rows and columns of the lattice that hold a scene: top, left, bottom, right."""
    # The inside too: a pole is no edge's highest point.
    rows, cols = np.meshgrid(
        np.linspace(0, source.grid.shape[0], EDGE), np.linspace(0, source.grid.shape[1], EDGE),
        indexing="ij",
    )  # fmt: skip
    x, y = _places(source, crs, rows, cols)
    with np.errstate(invalid="ignore"):
        col, row = ~lattice * (x, y)
    known = np.isfinite(col) & np.isfinite(row)
    if not known.any():
        raise SceneError(f"{source.name} does not lie where {crs} holds; check --crs")
    top, left = (math.floor(v[known].min() + NEAR) for v in (row, col))
    bottom, right = (math.ceil(v[known].max() - NEAR) for v in (row, col))
    height, width = max(bottom - top, 1), max(right - left, 1)
    least = source.grid.shape[0] * source.grid.shape[1]
    if height * width > SPARSE * max(least, 10**6):
        raise SceneError(
            f"{source.name} would have {height} x {width} pixels on the common grid; check --crs "
            "and --resolution"
        )
    return top, left, top + height, left + width
