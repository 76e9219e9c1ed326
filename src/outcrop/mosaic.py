"""Sources made of other sources: several scenes side by side, and a part of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from outcrop.errors import SceneError, listed
from outcrop.reasons import CLEAR, FILL, OUTSIDE
from outcrop.scene_names import AND
from outcrop.sensors.base import Band
from outcrop.source import (
    ObservedSource,
    ReasonedSource,
    Source,
    SourceOver,
    Window,
    read_observed,
    read_reasons,
    valid_mask,
)

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox


#: A common grid of more than this many times the pixels of its scenes is a mistake.
SPARSE = 100


@dataclass(frozen=True)
class MosaicSource(ReasonedSource):
    """Several scenes of the same bands on one grid; where they overlap the first one shows.

    ``notes`` and ``radiometry`` say how they were brought together.
    """

    grid: GeoBox
    parts: tuple[tuple[Source, int, int], ...]
    name: str
    striped: bool = False
    notes: tuple[str, ...] = ()
    radiometry: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def sources(self) -> tuple[Source, ...]:
        """The scenes."""
        return tuple(source for source, _, _ in self.parts)

    @property
    def bands(self) -> tuple[Band, ...]:
        """The bands, the same in every scene."""
        return self.parts[0][0].bands

    def read_reasons(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return the bands, and why pixels are missing that no scene has.

        Where scenes miss a pixel for different reasons the highest code holds: a cloud in one
        says more than the other's edge.
        """
        out = np.full((len(self.bands), window.height, window.width), np.nan, np.float32)
        reasons = np.full(out.shape[1:], FILL, np.uint8)
        for source, row, col in self.parts:
            here = overlap(window, Window(row, col, *source.grid.shape))
            if here is None:
                continue
            rows, cols = here.inside(window)
            target, why = out[:, rows, cols], reasons[rows, cols]
            gap = ~valid_mask(target)
            if gap.any():
                part, codes = read_reasons(source, here.shifted(-row, -col))
                target[:, gap] = part[:, gap]
                missing = codes != CLEAR
                why[gap & missing] = np.maximum(why, codes)[gap & missing]
                why[gap & ~missing] = CLEAR
        return out, reasons


@dataclass(frozen=True)
class MaskedSource(ObservedSource, SourceOver):
    """A part of a scene: a window of it, without the pixels whose centres lie outside an area.

    ``geometries`` are GeoJSON-like, in the CRS of the scene.
    """

    base: Source
    window: Window
    geometries: tuple[dict[str, Any], ...]

    @property
    def grid(self) -> GeoBox:
        """The grid of the window."""
        return self.base.grid[self.window.slices]

    def read_observed(
        self, window: Window
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint16]]:
        """Return bands, reasons and clear observations; no data outside the area."""
        inner = window.shifted(self.window.row, self.window.col)
        data, reasons, clear = read_observed(self.base, inner)
        outside = self.outside(window)
        data[:, outside] = np.nan
        reasons[outside] = OUTSIDE
        clear[outside] = 0
        return data, reasons, clear

    def outside(self, window: Window) -> NDArray[np.bool_]:
        """Tell which pixels (height, width) lie outside the area."""
        from rasterio.features import geometry_mask

        shape, affine = (window.height, window.width), self.grid[window.slices].affine
        return np.asarray(geometry_mask(self.geometries, out_shape=shape, transform=affine))


def overlap(a: Window, b: Window) -> Window | None:
    """Return what two windows have in common, or None."""
    row, col = max(a.row, b.row), max(a.col, b.col)
    bottom = min(a.row + a.height, b.row + b.height)
    right = min(a.col + a.width, b.col + b.width)
    return Window(row, col, bottom - row, right - col) if bottom > row and right > col else None


def mosaic(
    sources: Sequence[Source],
    made: type[MosaicSource] = MosaicSource,
    **more: Any,
) -> Source:
    """Put scenes of one grid system beside each other.

    Parameters
    ----------
    sources : sequence of Source
    made : type
        What is made of them where they overlap.
    **more
        Fields of that kind.

    Raises
    ------
    SceneError
        If bands, CRS, pixel size or pixel alignment differ.
    """
    if not sources:
        raise SceneError("no scene was given; name at least one raster")
    if len(sources) == 1:
        return sources[0]
    first = sources[0]
    for other in sources[1:]:
        require_same_bands(first, other)
    offsets = offsets_of(sources)
    top = min(row for row, _ in offsets)
    left = min(col for _, col in offsets)
    bottom = max(r + s.grid.shape[0] for (r, _), s in zip(offsets, sources, strict=True))
    right = max(c + s.grid.shape[1] for (_, c), s in zip(offsets, sources, strict=True))
    _require_near(sources, bottom - top, right - left)
    return made(
        grid=moved_grid(first.grid, (top, left), (bottom - top, right - left)),
        parts=tuple((s, r - top, c - left) for (r, c), s in zip(offsets, sources, strict=True)),
        name=AND.join(s.name for s in sources),
        striped=all(s.striped for s in sources),
        **more,
    )


def offsets_of(sources: Sequence[Source]) -> list[tuple[int, int]]:
    """Rows and columns from the first source's corner to that of each.

    Raises
    ------
    SceneError
        If their pixels are not those of one grid.
    """
    return [(0, 0), *(_pixel_offset(sources[0], other) for other in sources[1:])]


def moved_grid(grid: GeoBox, origin: tuple[int, int], shape: tuple[int, int]) -> GeoBox:
    """Return a grid of the same pixels with another corner (row, column) and shape."""
    from affine import Affine
    from odc.geo.geobox import GeoBox

    row, col = origin
    return GeoBox(shape, grid.affine * Affine.translation(col, row), grid.crs)


def _named(source: Source) -> str:
    return listed([f"{band.name} ({band.quantity})" for band in source.bands])


def require_same_bands(first: Source, other: Source) -> None:
    """Refuse scenes of different bands: SceneError names both."""
    mine, theirs = ([(b.name, b.quantity) for b in s.bands] for s in (first, other))
    if mine != theirs:
        raise SceneError(
            f"{other.name} has the bands {_named(other)}, {first.name} has {_named(first)}; scenes "
            "of one mosaic need the same bands in the same order (see --sensor and --bands; "
            "--stack lays different bands on each other)"
        )


def _require_near(sources: Sequence[Source], height: int, width: int) -> None:
    pixels = sum(s.grid.shape[0] * s.grid.shape[1] for s in sources)
    if height * width > SPARSE * max(pixels, 10**6):
        raise SceneError(
            f"{sources[0].name} and {len(sources) - 1} more lie far apart: their common grid would "
            f"have {height} x {width} pixels, nearly all empty; map them by themselves"
        )


def _pixel_offset(first: Source, other: Source) -> tuple[int, int]:
    """Rows and columns from the first scene's corner to the other's."""
    if first.grid.crs is None or first.grid.crs != other.grid.crs:
        raise SceneError(
            f"{first.name} ({first.grid.crs or 'no CRS'}) and {other.name} "
            f"({other.grid.crs or 'no CRS'}) cannot be laid side by side; "
            "warp them to one CRS first (gdalwarp)"
        )
    step = ~first.grid.affine * other.grid.affine
    same_pixels = np.allclose((step.a, step.b, step.d, step.e), (1, 0, 0, 1), atol=1e-6)
    col, row = round(step.c), round(step.f)
    if not same_pixels or abs(step.c - col) > 0.01 or abs(step.f - row) > 0.01:
        raise SceneError(
            f"{other.name} does not lie on the pixel grid of {first.name}; "
            "warp them to one grid first (gdalwarp -tr X Y -tap)"
        )
    return row, col
