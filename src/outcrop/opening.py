"""From what a user types to a source, whatever kind of scene it is."""

from __future__ import annotations

from collections.abc import Sequence

from outcrop.align import Target, align
from outcrop.aoi import clip
from outcrop.config import Input
from outcrop.errors import SceneError
from outcrop.haze import with_haze
from outcrop.mosaic import mosaic
from outcrop.quality import Masks, with_masks
from outcrop.sensors.generic import open_raster
from outcrop.sensors.products import recognise
from outcrop.source import Source


def open_source(
    scene: str,
    options: Input | None = None,
    masks: Masks | None = None,
    haze: str = "none",
) -> Source:
    """Open one scene; see `outcrop.open_scene` for its arguments.

    Raises
    ------
    SceneError
        If it cannot be opened, or the area of interest does not fit it.
    """
    return open_sources([scene], options, masks, haze)


def open_sources(
    scenes: Sequence[str],
    options: Input | None = None,
    masks: Masks | None = None,
    haze: str = "none",
) -> Source:
    """Open one scene, or several as a mosaic on one grid, cut to the area of interest.

    Each scene's haze is its own, and is estimated on the whole of it.
    """
    options, masks = options or Input(), masks or Masks()
    if not scenes:
        raise SceneError("no scene was given; name at least one raster")
    target = Target(options.crs, options.resolution, options.resampling or "bilinear")
    opened = [_open(scene, options, masks, haze) for scene in scenes]
    source = mosaic(align(opened, target))
    return clip(source, options.aoi) if options.aoi else source


def _open(scene: str, options: Input, masks: Masks, haze: str) -> Source:
    product = recognise(scene)
    source = product.open(options, masks) if product else open_raster(scene, options)
    return with_masks(with_haze(source, haze), masks)
