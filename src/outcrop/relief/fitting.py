"""From a scene and an elevation model to the scene without the light on its slopes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from outcrop.config import Recipe
from outcrop.errors import SceneError
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

    Parameters
    ----------
    source : Source
    recipe : Recipe
        ``input.dem``, ``input.sun_azimuth``, ``input.sun_elevation`` and
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
            f"--dem {path} is not used: the product is corrected for relief already, by {by}; "
            "--illumination c corrects it all the same"
        )
        return NotedSource(source, (skipped,))
    method = "c" if chosen == AUTO else chosen
    sun, told = _sun(source, recipe)
    heights = open_heights(path, source.grid, source.name)
    measured = span(heights, recipe.run.threads)
    light, cut = light_on(heights, sun, measured)
    fits = _fit(source, light, method, recipe, progress)
    facts = {
        "dem": path,
        "method": method,
        "sun_azimuth": sun.azimuth,
        "sun_elevation": sun.elevation,
        "sun_from": told,
        "dem_share": measured.share,
        "relief": [measured.low, measured.high],
        "cells_per_pixel": round(cells_per_pixel(source.grid, heights.base.grid), 3),
        "shadow_reach_pixels": light.reach,
        "bands": [
            {"band": b.name, "coefficient": f.coefficient, "correlation": f.correlation}
            for b, f in zip(source.bands, fits, strict=True)
        ],
    }
    return LitSource(
        base=source,
        light=light,
        method=method,
        coefficients=tuple(f.coefficient for f in fits),
        masks=Masks(recipe.preprocess.mask, recipe.preprocess.ndvi),
        facts=facts,
        notes=tuple(
            _notes(source, heights, measured, method, fits, cut=cut, masked=recipe.preprocess.mask)
        ),
        paths=(Path(path),),
    )


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
            f"--dem: the scenes were taken under different suns (azimuth/elevation {each}), which "
            "one correction does not fit; map them one by one, or give --sun-azimuth and "
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
    """Fit the coefficient of each band on lit pixels of the scene."""
    run = recipe.run
    sample = draw(
        [WithLight(source, light)], PIXELS, seed=run.seed, threads=run.threads, progress=progress
    )
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


def _notes(
    source: Source,
    heights: Heights,
    measured: Span,
    method: str,
    fits: list[Fit],
    *,
    cut: bool,
    masked: tuple[str, ...],
) -> list[str]:
    notes = []
    if measured.share < 1:
        notes.append(
            f"--dem {heights.name} has heights under {measured.share:.1%} of the scene's pixels; "
            + (
                "the others are left out"
                if "no-height" in masked
                else "the others keep their light"
            )
        )
    left = [
        f"{b.name} ({f.correlation:.2f})"
        for b, f in zip(source.bands, fits, strict=True)
        if f.coefficient is None and _is_sunlit(b)
    ]
    if left:
        notes.append(
            f"not corrected, since they follow the light on slopes too little (correlation under "
            f"{LEAST:g}): {', '.join(left)}"
        )
    other = [b.name for b in source.bands if not _is_sunlit(b)]
    if other:
        notes.append(f"not corrected, since they are not of sunlight: {', '.join(other)}")
    coarse = cells_per_pixel(source.grid, heights.base.grid)
    if coarse < 1 / 1.5:
        notes.append(
            f"the elevation model is {1 / coarse:.1f} times coarser than the pixels: slopes "
            "shorter than its cells keep their light"
        )
    if method == "scs+c":
        notes.append("scs+c is made for trees on slopes; for bare rock take c or minnaert")
    if cut:
        notes.append("shadows that are longer than 1024 pixels are not followed to their end")
    return notes
