"""From what a user types to a source, whatever kind of scene it is."""

from __future__ import annotations

from collections.abc import Sequence

from outcrop.aoi import clip
from outcrop.config import Input
from outcrop.sensors.generic import open_raster
from outcrop.source import Source, mosaic


def open_source(scene: str, options: Input | None = None) -> Source:
    """Open one scene; see `outcrop.open_scene` for its argument.

    Raises
    ------
    SceneError
        If it cannot be opened, or the area of interest does not fit it.
    """
    return open_sources([scene], options)


def open_sources(scenes: Sequence[str], options: Input | None = None) -> Source:
    """Open one scene, or several of one grid system as a mosaic, cut to the area of interest."""
    options = options or Input()
    source = mosaic([open_raster(scene, options) for scene in scenes])
    return clip(source, options.aoi) if options.aoi else source
