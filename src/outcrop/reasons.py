"""Why a pixel is missing: the codes of ``mask.tif`` and how quality layers are turned into them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from outcrop.errors import RecipeError, setting, unknown_name


@dataclass(frozen=True)
class Reason:
    """One reason.

    Parameters
    ----------
    code : int
        Its value in ``mask.tif``; where several hold for a pixel the lowest is kept.
    name : str
        Its name in recipes, metrics and the report.
    colour : str
        ``"#rrggbb"``.
    meaning : str
    """

    code: int
    name: str
    colour: str
    meaning: str


#: Nothing speaks against the pixel: it is mapped.
CLEAR = 0
OUTSIDE, FILL, SATURATED, CLOUD, SHADOW, EDGE, SNOW, WATER, VEGETATION = range(1, 10)
#: What an elevation model tells (`outcrop.relief`).
CAST_SHADOW, NO_HEIGHT = 10, 11
#: What a product's quality plane doubts without saying why.
SUSPECT = 12

REASONS = (
    Reason(OUTSIDE, "outside", "#d9d9d9", "outside the area of interest"),
    Reason(FILL, "fill", "#000000", "the product has no measurement there"),
    Reason(SATURATED, "saturated", "#e31a1c", "a band that is used was saturated"),
    Reason(CLOUD, "cloud", "#f7f7f7", "cloud of medium or high confidence, cirrus"),
    Reason(SHADOW, "shadow", "#4d4d4d", "shadow of a cloud"),
    Reason(EDGE, "edge", "#bdbdbd", "the rim that the product dilates around clouds"),
    Reason(SNOW, "snow", "#a6cee3", "snow or ice"),
    Reason(WATER, "water", "#1f78b4", "water"),
    Reason(VEGETATION, "vegetation", "#33a02c", "NDVI above the threshold"),
    Reason(CAST_SHADOW, "cast-shadow", "#6a3d9a", "no direct sun: behind relief, or facing away"),
    Reason(NO_HEIGHT, "no-height", "#ffff99", "the elevation model has no height there"),
    Reason(SUSPECT, "suspect", "#ff7f00", "the product's quality plane does not call it good"),
)
CODES = {r.name: r.code for r in REASONS}
#: What a recipe can switch; pixels that are outside or fill have no values to map.
SWITCHES = tuple(r.name for r in REASONS if r.code > FILL)
#: Masked unless the recipe says otherwise. The rim around clouds, snow, water and plants stay:
#: cloud masks flag bright playa and gypsum, and each dilation would eat more of the outcrop.
DEFAULT = ("saturated", "cloud", "shadow", "cast-shadow", "no-height")
#: Vegetation is what has a higher NDVI, unless the recipe says otherwise.
NDVI = 0.4


def check_mask(names: Iterable[str], ndvi: float, origin: str) -> None:
    """Check the switches of a recipe.

    Raises
    ------
    RecipeError
        If a reason is unknown or cannot be switched, or the threshold is none.
    """
    for name in names:
        if name not in SWITCHES:
            said = unknown_name("mask", name, SWITCHES)
            raise RecipeError(f"{setting(origin, 'preprocess.mask')}: {said}")
    if not -1 <= ndvi <= 1:
        said = setting(origin, "preprocess.ndvi", f"{ndvi:g}")
        raise RecipeError(f"{said}; it must be from -1 to 1")


@dataclass(frozen=True)
class Flag:
    """What a value of a quality layer means: ``(value >> shift) & (2**bits - 1)`` in ``values``."""

    reason: int
    shift: int
    bits: int
    values: tuple[int, ...] = (1,)
