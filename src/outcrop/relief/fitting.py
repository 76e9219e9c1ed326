"""From a scene and an elevation model to the scene without the light on its slopes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.aoi import part_in
from outcrop.config import Recipe
from outcrop.errors import EmptyError, SceneError
from outcrop.quality import Masks
from outcrop.relief import AUTO, CORRECTIONS
from outcrop.relief.correction import LEAST, Correction, Fit
from outcrop.relief.dem import Heights, Span, open_heights, span
from outcrop.relief.geometry import cells_per_pixel
from outcrop.relief.light import Light, light_on
from outcrop.relief.source import LitSource, NotedSource, WithLight
from outcrop.sample import draw
from outcrop.sensors.base import Band, Sun
from outcrop.source import Source, leaves, suns_of

#: Lit pixels that coefficients are fitted on.
PIXELS = 100_000
#: Degrees that the suns of the scenes of one mosaic may be apart.
APART = 3.0
#: Beyond it bands have their own light; in micrometres.
THERMAL = 3.0


def without_relief(
    source: Source, recipe: Recipe, progress: Callable[[int, int], None] | None = None
) -> Source:
    """Take the light on slopes out of a scene, if its recipe has an elevation model.

    With an area of interest, all is measured on the part of the scene within it, and a scene
    that does not touch it is left as it is.

    Parameters
    ----------
    source : Source
    recipe : Recipe
        ``input.dem``, ``input.sun_azimuth``, ``input.sun_elevation``, ``input.aoi`` and
        ``preprocess.illumination`` say how.
    progress : callable, optional
        See `engine.run`.

    Returns
    -------
    Source
        A `LitSource`, or the scene with a note or as it is.

    Raises
    ------
    SceneError
        If the elevation model does not fit the scene, or the sun is not known.
    """
    path, chosen = recipe.input.dem, recipe.preprocess.illumination
    if path is None:
        return source
    by = next((r for leaf in leaves(source) if (r := getattr(leaf, "relief", ""))), "")
    if by and chosen == AUTO:
        skipped = (
            f"--dem {path} is not used for {source.name}: the product is corrected for relief "
            f"already, by {by}; --illumination c corrects it all the same"
        )
        return NotedSource(source, (skipped,))
    area = recipe.input.aoi
    part = part_in(source, area) if area else source
    if part is None:
        return source
    return _corrected(source, part, path, "c" if chosen == AUTO else chosen, recipe, progress)


def _corrected(
    source: Source,
    part: Source,
    path: str,
    method: str,
    recipe: Recipe,
    progress: Callable[[int, int], None] | None,
) -> LitSource:
    """Correct a scene by what is measured on a part of it."""
    sun, told = _sun(source, recipe)
    heights = open_heights(path, part.grid, source.name)
    measured = span(heights, recipe.run.threads, source.name)
    light, cut = light_on(heights, sun, measured)
    fits = _fit(part, light, method, recipe, progress)
    found = _Found(heights, measured, light, cut, fits)
    return LitSource(
        base=source,
        light=replace(light, heights=replace(heights, grid=source.grid)),
        method=method,
        coefficients=tuple(f.coefficient for f in fits or _none(source)),
        masks=Masks(recipe.preprocess.mask, recipe.preprocess.ndvi),
        facts=_facts(source, found, told),
        notes=tuple(_notes(source, found, method, recipe.preprocess.mask)),
        paths=(Path(path),),
    )


@dataclass(frozen=True)
class _Found:
    """What was measured of a scene; no fits where no pixel of it is clear and in direct sun."""

    heights: Heights
    span: Span
    light: Light
    cut: bool
    fits: list[Fit]


def _none(source: Source) -> list[Fit]:
    return [Fit(None, 0.0)] * len(source.bands)


def _facts(source: Source, found: _Found, told: str) -> dict[str, Any]:
    light, measured = found.light, found.span
    return {
        "scene": source.name,
        "sun_azimuth": light.sun.azimuth,
        "sun_elevation": light.sun.elevation,
        "sun_from": told,
        "dem_share": measured.share,
        "relief": [measured.low, measured.high],
        "cells_per_pixel": round(cells_per_pixel(source.grid, found.heights.base.grid), 3),
        "shadow_reach_pixels": light.reach,
        "bands": [
            {"band": b.name, "coefficient": f.coefficient, "correlation": f.correlation}
            for b, f in zip(source.bands, found.fits or _none(source), strict=True)
        ],
    }


def _sun(source: Source, recipe: Recipe) -> tuple[Sun, str]:
    """Return where the sun stood, and who says so."""
    given = recipe.input.sun_azimuth, recipe.input.sun_elevation
    if given[0] is not None and given[1] is not None:
        return Sun(given[0] % 360, given[1]), "options"
    if given != (None, None):
        raise SceneError("--sun-azimuth and --sun-elevation belong together; give both")
    suns = suns_of(source)
    if not suns:
        raise SceneError(
            f"--dem: nothing says where the sun stood over {source.name}; give --sun-azimuth and "
            "--sun-elevation (degrees clockwise from north, and above the horizon)"
        )
    first = suns[0]
    turned = [(s.azimuth - first.azimuth + 180) % 360 - 180 for s in suns]
    raised = [s.elevation - first.elevation for s in suns]
    if max(np.ptp(turned), np.ptp(raised)) > APART:
        each = ", ".join(f"{s.azimuth:.1f}/{s.elevation:.1f}" for s in suns)
        raise SceneError(
            f"--dem: {source.name} was taken under different suns (azimuth/elevation {each}), "
            "which one correction does not fit; give its scenes one by one, or --sun-azimuth and "
            "--sun-elevation"
        )
    azimuth = (first.azimuth + float(np.mean(turned))) % 360
    return Sun(azimuth, first.elevation + float(np.mean(raised))), "metadata"


def _fit(
    source: Source,
    light: Light,
    method: str,
    recipe: Recipe,
    progress: Callable[[int, int], None] | None,
) -> list[Fit]:
    """Fit the coefficient of each band on lit pixels of the scene; nothing where there are none."""
    run = recipe.run
    lit = WithLight(source, light)
    try:
        sample = draw([lit], PIXELS, seed=run.seed, threads=run.threads, progress=progress)
    except EmptyError:
        return []
    rows = sample.rows.astype(np.float64)
    incidence, upright = rows[:, -2], rows[:, -1]
    correction: Correction = CORRECTIONS.load(method)()
    return [
        correction.fit(rows[:, i], incidence, upright) if _is_sunlit(band) else Fit(None, 0.0)
        for i, band in enumerate(source.bands)
    ]


def _is_sunlit(band: Band) -> bool:
    solar = (band.wavelength_um or 0) < THERMAL
    return solar and band.quantity in ("reflectance", "radiance", "unknown")


def _notes(source: Source, found: _Found, method: str, masked: tuple[str, ...]) -> list[str]:
    notes, heights, share = [], found.heights, found.span.share
    if share < 1:
        notes.append(
            f"--dem {heights.name} has heights under {share:.1%} of the pixels of {source.name}; "
            + (
                "the others are left out"
                if "no-height" in masked
                else "the others keep their light"
            )
        )
    notes += _uncorrected(source, found)
    coarse = cells_per_pixel(source.grid, heights.base.grid)
    if coarse < 1 / 1.5:
        notes.append(
            f"the elevation model is {1 / coarse:.1f} times coarser than the pixels: slopes "
            "shorter than its cells keep their light"
        )
    if method == "scs+c":
        notes.append("scs+c is made for trees on slopes; for bare rock take c or minnaert")
    if found.cut:
        notes.append("shadows that are longer than 1024 pixels are not followed to their end")
    return notes


def _uncorrected(source: Source, found: _Found) -> list[str]:
    """Say which bands keep their light, and why."""
    if not found.fits:
        return [f"{source.name} is not corrected: no clear pixel of it is in direct sun"]
    notes = []
    left = [
        f"{b.name} ({f.correlation:.2f})"
        for b, f in zip(source.bands, found.fits, strict=True)
        if f.coefficient is None and _is_sunlit(b)
    ]
    if left:
        notes.append(
            f"not corrected in {source.name}, since they follow the light on slopes too little "
            f"(correlation under {LEAST:g}): {', '.join(left)}"
        )
    if other := [b.name for b in source.bands if not _is_sunlit(b)]:
        notes.append(f"not corrected, since they are not of sunlight: {', '.join(other)}")
    return notes
