"""From what a user types to a source, whatever kind of scene it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from outcrop.align import Target, align
from outcrop.aoi import clip
from outcrop.bareness import bareness_of
from outcrop.composite import COMPOSITES, CompositeSource
from outcrop.config import Input
from outcrop.errors import SceneError, unknown_name
from outcrop.haze import with_haze
from outcrop.mosaic import mosaic, require_same_bands
from outcrop.quality import Masks, with_masks
from outcrop.radiometry import RADIOMETRIES, match
from outcrop.sensors.generic import open_raster
from outcrop.sensors.products import recognise
from outcrop.source import Source
from outcrop.stac.document import documents_of
from outcrop.stack import by_bands, stack


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
    seed: int = 0,
    light: Callable[[Source], Source] | None = None,
) -> Source:
    """Open one scene, or several as a mosaic on one grid, cut to the area of interest.

    Each scene's haze is its own, and is estimated on the whole of it. So is the light on its
    slopes; see `combine`.
    """
    options, masks = options or Input(), masks or Masks()
    if not scenes:
        raise SceneError("no scene was given; name at least one raster")
    if options.stack:
        opened = _open_each(scenes, options, masks, haze)
    else:
        opened = [part for scene in scenes for part in _open(scene, options, masks, haze)]
    source = combine(opened, options, seed, light)
    return clip(source, options.aoi) if options.aoi else source


def combine(
    sources: Sequence[Source],
    options: Input,
    seed: int = 0,
    light: Callable[[Source], Source] | None = None,
) -> Source:
    """Make one source of several: on one grid, of one radiometry, composed, sensors stacked.

    Parameters
    ----------
    sources : sequence of Source
    options : Input
        ``crs``, ``resolution``, ``resampling``, ``composite``, ``radiometry`` and ``stack``.
    seed : int
        Of the samples by which radiometries are matched.
    light : callable, optional
        Takes the light on slopes out of a scene. It is given each by itself, on the common grid
        and before any two are compared: every date has its own sun.

    Raises
    ------
    SceneError
        If the sources do not fit each other.
    """
    _check(options)
    target = Target(options.crs, options.resolution, options.resampling or "bilinear")
    if not options.stack:
        for other in sources[1:]:
            require_same_bands(sources[0], other)
    aligned = align(sources, target)
    if light is not None:
        aligned = [light(source) for source in aligned]
    groups = by_bands(aligned) if options.stack else [aligned]
    labels = options.bands if options.stack else None
    return stack([_one(group, options, seed) for group in groups], labels)


def _check(options: Input) -> None:
    for key, known in (("composite", COMPOSITES), ("radiometry", RADIOMETRIES)):
        value = getattr(options, key)
        if value is not None and value not in known:
            raise SceneError(f"--{key}: " + unknown_name(key, value, known))


def _one(sources: Sequence[Source], options: Input, seed: int) -> Source:
    """Make one source of scenes of the same bands."""
    if len(sources) == 1:
        return sources[0]
    keep = options.radiometry == "none"
    matched, facts, notes = (list(sources), {}, []) if keep else match(sources, seed)
    more: dict[str, Any] = {"notes": tuple(notes), "radiometry": facts}
    kind = options.composite or "first"
    if kind == "first":
        return mosaic(matched, **more)
    if kind == "barest":
        bareness_of(sources[0].bands, sources[0].name)
    return mosaic(matched, CompositeSource, kind=kind, **more)


def _open_each(scenes: Sequence[str], options: Input, masks: Masks, haze: str) -> list[Source]:
    """Open scenes of several sensors: ``--sensor`` names one for all or one for each."""
    named = [s.strip() for s in (options.sensor or "").split(",")]
    if len(named) not in (1, len(scenes)):
        raise SceneError(
            f"--sensor {options.sensor} names {len(named)} sensors for {len(scenes)} scenes; with "
            "--stack name one for each scene, joined by commas, and leave empty what is known: "
            "aster,,"
        )
    sensors = named * len(scenes) if len(named) == 1 else named
    # The bands are chosen of all together, once they are.
    each = [replace(options, sensor=sensor or None, bands=None) for sensor in sensors]
    return [
        part
        for scene, own in zip(scenes, each, strict=True)
        for part in _open(scene, own, masks, haze)
    ]


def _open(scene: str, options: Input, masks: Masks, haze: str) -> list[Source]:
    """Open what one argument names: several sources where it is a list of STAC items."""
    listed = documents_of(scene)
    if listed is not None:
        from outcrop.stac.reader import open_item

        sources: list[Source] = [open_item(item, options, masks) for item in listed]
    else:
        product = recognise(scene)
        sources = [product.open(options, masks) if product else open_raster(scene, options)]
    return [with_masks(with_haze(source, haze), masks) for source in sources]
