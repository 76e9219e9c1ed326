"""From what a user types to a source, whatever kind of scene it is."""

from __future__ import annotations

from collections.abc import Sequence

from outcrop.aoi import clip
from outcrop.config import Input
from outcrop.mosaic import mosaic
from outcrop.quality import Masks, with_masks
from outcrop.sensors.generic import open_raster
from outcrop.sensors.products import recognise
from outcrop.source import Source
from outcrop.stac.document import documents_of


def open_source(scene: str, options: Input | None = None, masks: Masks | None = None) -> Source:
    """Open one scene; see `outcrop.open_scene` for its argument.

    Raises
    ------
    SceneError
        If it cannot be opened, or the area of interest does not fit it.
    """
    return open_sources([scene], options, masks)


def open_sources(
    scenes: Sequence[str], options: Input | None = None, masks: Masks | None = None
) -> Source:
    """Open one scene, or several of one grid system as a mosaic, cut to the area of interest."""
    options, masks = options or Input(), masks or Masks()
    source = mosaic([part for scene in scenes for part in _open(scene, options, masks)])
    return clip(source, options.aoi) if options.aoi else source


def _open(scene: str, options: Input, masks: Masks) -> list[Source]:
    """Open what one argument names: several sources where it is a list of STAC items."""
    listed = documents_of(scene)
    if listed is not None:
        from outcrop.stac.reader import open_item

        return [with_masks(open_item(item, options, masks), masks) for item in listed]
    product = recognise(scene)
    source = product.open(options, masks) if product else open_raster(scene, options)
    return [with_masks(source, masks)]
