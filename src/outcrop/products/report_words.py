"""A run's recipe and measures in the words and tables of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from outcrop.config import Recipe
from outcrop.odd_values import value_rows
from outcrop.reasons import REASONS
from outcrop.scene_names import short_name
from outcrop.sensors.base import Band


def three_digits(value: float) -> str:
    """Write a measure with three digits, or whole, and never with an exponent where it is large."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


def unmapped_words(metrics: Mapping[str, Any]) -> str:
    """Say how much of the grid is not mapped."""
    pixels = round(metrics["pixels"] * (1 - metrics["coverage"]))
    if not pixels:
        return f"Nothing: all {metrics['pixels']:,} pixels are mapped."
    return (
        f"{pixels:,} of {metrics['pixels']:,} pixels ({1 - metrics['coverage']:.2%}) are not "
        "mapped: they lack data in a band, or were left out for the reasons below, if there are "
        "any."
    )


def odd_value_table(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the table of odd values, without columns that hold nothing."""
    rows = value_rows(metrics)
    names = ("Haze subtracted", "Above 1", "0 or below", "Raised to a floor")
    kept = [i for i in range(len(names)) if any(row[1 + i] for row in rows)]
    return {
        "columns": [names[i] for i in kept],
        "rows": [(row[0], [row[1 + i] for i in kept]) for row in rows],
    } if kept else None  # fmt: skip


def band_words(band: Band) -> str:
    """Name a band, with its wavelength if it has one."""
    um = f" ({band.wavelength_um:.2f} µm)" if band.wavelength_um else ""
    return f"{band.name}{um}"


#: Steps that have words of their own, by the name that a recipe calls them by.
_STEPS = {
    "log": "logarithms of the values",
    "bilateral": "edge-keeping (bilateral) smoothing",
    "pca": "principal components",
    "mnf": "minimum noise fractions",
    "autoencoder": "reduced by an autoencoder",
    "stacked": "reduced by a stacked autoencoder",
    "kmeans": "clustered by k-means",
    "mixture": "clustered by a mixture of Gaussians",
    "student": "clustered by a robust (Student's t) mixture",
    "majority": "majority filter",
    "potts": "Potts refinement by neighbours",
}


def method_words(recipe: Recipe, area_unit: str, bands: int) -> str:
    """Say the steps of a recipe that do something, in their order."""
    compressed = recipe.features.compresses(bands)
    fractions = str(min(bands, recipe.features.compress_to)) if compressed else "none"
    steps = [
        (recipe.features.transform, "{} of the bands"),
        (_used(recipe), "features {}"),
        (recipe.preprocess.scale, "{} scaling"),
        (fractions, "{} minimum noise fractions"),
        (recipe.smooth.name, "{} smoothing"),
        (recipe.reducer.name, "reduced by {}"),
        (recipe.clusterer.name, "clustered by {}"),
        *((step.name, "{} filter") for step in recipe.refine),
    ]
    said = [_STEPS.get(name) or words.format(name) for name, words in steps if name != "none"]
    if recipe.products.min_area:
        unit = "m²" if area_unit == "m2" else "pixels"
        said.append(f"areas under {recipe.products.min_area:g} {unit} joined to a neighbour")
    return ", ".join(said)


def _used(recipe: Recipe) -> str:
    """Say what the features are, where they are not the bands alone."""
    return "none" if recipe.features.use == ("bands",) else " and ".join(recipe.features.use)


def selection_words(selection: Mapping[str, Any] | None) -> str:
    """Say how the number of units came about."""
    if not selection:
        return ""
    if selection["rule"] == "given":
        return f"The number of units, {selection['chosen']}, was given."
    return f"{selection['chosen']} units, chosen by this rule: {selection['rule']}."


def quality_rows(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return names and values of what tells how good the map is."""
    scores = metrics.get("internal_scores") or {}
    rows = [("Pixels mapped", f"{metrics['coverage']:.2%} of {metrics['pixels']:,}")]
    if clear := metrics.get("clear_observations"):
        rows.append(("Clear observations of a pixel, mean", f"{clear['mean']:.1f}"))
    if "fitted_pixels" in metrics:
        rows.append(("Pixels the model was fitted on", f"{metrics['fitted_pixels']:,}"))
    if "model" in metrics:
        rows.append(("Model fitted elsewhere", str(metrics["model"])))
    for key, name in (
        ("silhouette", "Silhouette (-1 to 1, higher is better)"),
        ("calinski_harabasz", "Calinski-Harabasz (higher is better)"),
        ("davies_bouldin", "Davies-Bouldin (lower is better)"),
    ):
        if scores.get(key) is not None:
            rows.append((name, three_digits(scores[key])))
    return [*rows, ("Time taken", f"{metrics['seconds']:,.0f} s")]


def masked_rows(metrics: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Name, meaning, pixels and share of what was left out, where the scene says why."""
    meanings = {r.name: r.meaning for r in REASONS}
    return [
        (name, meanings[name], f"{facts['pixels']:,}", f"{facts['share']:.1%}")
        for name, facts in metrics.get("masked", {}).items()
    ]


def light_facts(facts: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Put the correction of the light on slopes into words, None where there was none."""
    if facts is None:
        return None
    method = {"c": "C (Teillet et al. 1982)", "minnaert": "Minnaert (Smith et al. 1980)",
              "scs+c": "SCS+C (Soenen et al. 2005)"}[facts["method"]]  # fmt: skip
    scenes = facts["scenes"]
    suns = "; ".join(
        f"azimuth {s['sun_azimuth']:.1f}° and elevation {s['sun_elevation']:.1f}° (from the "
        f"{s['sun_from']}{_of(s, scenes)})"
        for s in scenes
    )
    low, high = min(s["relief"][0] for s in scenes), max(s["relief"][1] for s in scenes)
    words = (
        f"Corrected by {method} on {Path(str(facts['dem'])).name}, "
        f"{'each scene ' if scenes[1:] else ''}with the sun at {suns}. "
        f"The heights under the scene run from {low:,.0f} to {high:,.0f} m."
    )
    rows = []
    for name, key, form in _LIGHT_SCORES:
        values = [(facts.get(when) or {}).get(key) for when in ("before", "after")]
        rows.append((name, *("" if v is None else form.format(v) for v in values)))
    bands = [
        (b["band"] + _of(scene, scenes),
         "left as it is" if b["coefficient"] is None else f"{b['coefficient']:.3g}",
         f"{b['correlation']:.2f}")
        for scene in scenes
        for b in scene["bands"]
    ]  # fmt: skip
    return {"words": words, "rows": rows, "bands": bands}


def _of(scene: Mapping[str, Any], scenes: Sequence[Mapping[str, Any]]) -> str:
    """Name one of several scenes."""
    return f" of {short_name(scene['scene'])}" if len(scenes) > 1 else ""


_LIGHT_SCORES = (
    ("Mutual information of units and illumination (bits)", "illumination", "{:.3f}"),
    ("The same as a share of what the units tell", "illumination_share", "{:.1%}"),
    ("Share that where slopes face tells of the units", "aspect_share", "{:.1%}"),
    ("Share that the side of the sun tells among slopes of the same light", "across_share",
     "{:.1%}"),
)  # fmt: skip


def masked_by_date(metrics: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Reason, observations, share clear on other dates, share masked on most dates."""
    return [
        (name, f"{f['observations']:,}", f"{f['clear_on_others']:.0%}",
         "" if f["persistent"] is None else f"{f['persistent']:.0%}")
        for name, f in metrics.get("masks_by_date", {}).items()
    ]  # fmt: skip
