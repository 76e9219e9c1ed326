"""``report.html``: one self-contained page that says what was done and how good it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from outcrop.config import Recipe
from outcrop.indices import INDICES, NDVI_BARE, NDVI_FULL
from outcrop.odd_values import value_rows
from outcrop.products import confidence
from outcrop.products.charts import selection_charts, spectra_chart, training_charts
from outcrop.products.citing import citations
from outcrop.products.files import FILES
from outcrop.products.indices import NOT_DRY, covers
from outcrop.products.legend import Legend
from outcrop.products.numbers import Place
from outcrop.products.unit_cards import (
    cards,
    matching_words,
    png_uri,
    ratio_table,
)
from outcrop.products.wording import area_text, share_text
from outcrop.reasons import REASONS
from outcrop.sensors.base import Band


@dataclass(frozen=True)
class Pictures:
    """What a page shows of the ground.

    Parameters
    ----------
    units, composite : bytes
        PNG: the map, and the imagery of the same ground.
    decorrelation : bytes or None
        PNG: the same imagery, decorrelated.
    confidence : bytes or None
        PNG: how sure each pixel is.
    where : mapping of int to bytes
        PNG of where each unit is.
    numbers : sequence of Place
        Where on the map the units' numbers stand.
    shape : tuple of int
        Rows and columns that those places are counted in.
    small : bool
        Whether they have so few pixels that they are shown larger than they are.
    metres : float or None
        On the ground from the left of the map to its right.
    """

    units: bytes
    composite: bytes
    decorrelation: bytes | None = None
    confidence: bytes | None = None
    where: Mapping[int, bytes] = field(default_factory=dict)
    numbers: Sequence[Place] = ()
    shape: tuple[int, ...] = (1, 1)
    small: bool = False
    metres: float | None = None


def render(
    *,
    title: str,
    legend: Legend,
    bands: Sequence[Band],
    shown: Sequence[int],
    recipe: Recipe,
    metrics: Mapping[str, Any],
    run_toml: str,
    pictures: Pictures,
    files: Sequence[str] = (),
) -> str:
    """Fill the page.

    Parameters
    ----------
    title : str
    legend : Legend
        As mapped.
    bands : sequence of Band
    shown : sequence of int
        The three bands of the composite.
    recipe : Recipe
    metrics : mapping
        As in ``metrics.json``.
    run_toml : str
        The settings as published.
    pictures : Pictures
    files : sequence of str
        Names of the files beside the page.

    Returns
    -------
    str
        HTML that asks for nothing outside itself.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader("outcrop.products"), autoescape=True, undefined=StrictUndefined
    )
    templates.filters["three_digits"] = three_digits
    page = templates.get_template("report.html.j2")
    selection, matches = metrics.get("selection"), metrics.get("matches")
    return page.render(
        title=title,
        scene=_scene_name(str(metrics["scene"])),
        acquired=metrics.get("acquired", "").replace("/", " to "),
        method=_method(recipe, legend.area_unit, len(bands)),
        notes=[_without_folders(note, str(metrics["scene"])) for note in metrics["notes"]],
        mapped_units=metrics["units"],
        bands=bands,
        band_columns=bands if len(bands) <= COLUMNS else (),
        composite=", ".join(_say_band(bands[i]) for i in shown),
        terms=_terms(legend),
        in_pixels=legend.area_unit == "pixel",
        units=[{**_unit(u), "area_text": area_text(u.area, u.pixels),
                "share_text": share_text(u.share)} for u in legend.units],
        quantity=" and ".join(sorted({_QUANTITY[b.quantity] for b in bands})),
        images={"units": png_uri(pictures.units), "composite": png_uri(pictures.composite),
                "decorrelation": pictures.decorrelation and png_uri(pictures.decorrelation),
                "confidence": pictures.confidence and png_uri(pictures.confidence)},
        numbers=[(str(p.number), 100 * (p.column + 0.5) / pictures.shape[1],
                  100 * (p.row + 0.5) / pictures.shape[0]) for p in pictures.numbers],
        sure=confidence.words(metrics["confidence"]) if metrics.get("confidence") else None,
        small=pictures.small,
        scale=scale_bar(pictures.metres),
        spectra=spectra_chart(legend),
        cards=cards(legend, pictures.where, matches),
        matching=matching_words(matches, legend) if matches else None,
        selection_words=_selection_words(selection),
        selection=selection_charts(selection) if selection and len(selection["k"]) > 1 else [],
        training=training_charts(metrics["training"]) if metrics.get("training") else [],
        quality=_quality(metrics),
        unmapped=_unmapped(metrics),
        masked=_masked(metrics),
        by_date=_by_date(metrics),
        indices=_indices(legend, metrics.get("indices")),
        values=_values(metrics),
        light=_light(metrics.get("illumination")),
        run_toml=run_toml,
        files=[(name, FILES[name].what) for name in FILES if name in files],
        left_out=metrics.get("left_out", {}),
        citations=citations(recipe, len(bands), metrics),
    )  # fmt: skip


#: Bands whose means the legend has room for.
COLUMNS = 14


def scale_bar(metres: float | None) -> dict[str, Any] | None:
    """Return a round length, what it is called, and its share of the map's width in percent."""
    if metres is None or not 0 < metres < 1e8:
        return None
    power = 10.0 ** math.floor(math.log10(metres / 4))
    length = max(n for n in (1, 2, 5) if n * power <= metres / 4 * (1 + 1e-9)) * power
    words = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    return {"words": words, "share": round(100 * length / metres, 2)}


def _scene_name(scene: str) -> str:
    """Return the names of the files that a scene is made of, without their folders."""
    return ", ".join(Path(part).name or part for part in scene.split(","))


def _without_folders(note: str, scene: str) -> str:
    """Call the files of a scene by their names: whose disk they lie on is nobody's business."""
    for part in filter(None, scene.split(",")):
        note = note.replace(part, Path(part).name or part)
    return note


def three_digits(value: float) -> str:
    """Write a measure with three digits, or whole, and never with an exponent where it is large."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


def _unmapped(metrics: Mapping[str, Any]) -> str:
    pixels = round(metrics["pixels"] * (1 - metrics["coverage"]))
    if not pixels:
        return f"Nothing: all {metrics['pixels']:,} pixels are mapped."
    return (
        f"{pixels:,} of {metrics['pixels']:,} pixels ({1 - metrics['coverage']:.2%}) are not "
        "mapped: they lack data in a band, or were left out for the reasons below, if there are "
        "any."
    )


def _values(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the table of odd values, without columns that hold nothing."""
    rows = value_rows(metrics)
    names = ("Haze subtracted", "Above 1", "0 or below", "Raised to a floor")
    kept = [i for i in range(len(names)) if any(row[1 + i] for row in rows)]
    return {
        "columns": [names[i] for i in kept],
        "rows": [(row[0], [row[1 + i] for i in kept]) for row in rows],
    } if kept else None  # fmt: skip


_QUANTITY = {
    "reflectance": "reflectance (0-1)",
    "radiance": "radiance (W m⁻² sr⁻¹ µm⁻¹)",
    "emissivity": "emissivity (0-1)",
    "temperature": "temperature (K)",
    "feature": "feature values",
    "unknown": "stored values (their scale is not known)",
}


def _unit(unit: Any) -> dict[str, Any]:
    return {k: getattr(unit, k) for k in ("number", "name", "colour", "pixels", "share", "mean")}


def _indices(legend: Legend, facts: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what the section on ratios says: indices, what is missing, and cover by unit."""
    if not facts:
        return None
    found = [(INDICES[n], facts["bands"][n]) for n in facts["scene"]]
    cover = {u.number: covers(facts, u.number) for u in legend.units if u.pixels}
    return {
        "found": found,
        "table": ratio_table(legend, facts),
        "missing": [(INDICES[n], why) for n, why in facts["missing"].items()],
        "cover": {n: {k: _percent(v) for k, v in both.items()} for n, both in cover.items()},
        "green": "green_cover" in facts["scene"],
        "dry": "dry_cover" in facts["scene"],
        "not_green": facts["missing"].get("green_cover", ""),
        "not_dry": NOT_DRY,
        "bare": f"{NDVI_BARE:g}",
        "full": f"{NDVI_FULL:g}",
    }


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _terms(legend: Legend) -> list[tuple[str, dict[int, str]]]:
    """Return the geologist's columns that hold something, each as texts by unit number."""
    columns = {
        "Lithology": {u.number: str(u.geology.lithology) for u in legend.units},
        "Age": {u.number: str(u.geology.age) for u in legend.units},
        "Order": {u.number: _or_empty(u.geology.order) for u in legend.units},
        "Confidence": {u.number: u.geology.confidence for u in legend.units},
        "Notes": {u.number: u.geology.notes for u in legend.units},
    }
    return [(name, texts) for name, texts in columns.items() if any(texts.values())]


def _or_empty(value: int | None) -> str:
    return "" if value is None else str(value)


def _say_band(band: Band) -> str:
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


def _method(recipe: Recipe, area_unit: str, bands: int) -> str:
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


def _selection_words(selection: Mapping[str, Any] | None) -> str:
    if not selection:
        return ""
    if selection["rule"] == "given":
        return f"The number of units, {selection['chosen']}, was given."
    return f"{selection['chosen']} units, chosen by this rule: {selection['rule']}."


def _quality(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
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


def _masked(metrics: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Name, meaning, pixels and share of what was left out, where the scene says why."""
    meanings = {r.name: r.meaning for r in REASONS}
    return [
        (name, meanings[name], f"{facts['pixels']:,}", f"{facts['share']:.1%}")
        for name, facts in metrics.get("masked", {}).items()
    ]


def _light(facts: Mapping[str, Any] | None) -> dict[str, Any] | None:
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
        f"Corrected by {method} on {facts['dem']}, {'each scene' if scenes[1:] else ''} with the "
        f"sun at {suns}. The heights under the scene run from {low:,.0f} to {high:,.0f} m."
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
    return f" of {Path(scene['scene'].split(',')[0]).name}" if len(scenes) > 1 else ""


_LIGHT_SCORES = (
    ("Mutual information of units and illumination (bits)", "illumination", "{:.3f}"),
    ("The same as a share of what the units tell", "illumination_share", "{:.1%}"),
    ("Share that where slopes face tells of the units", "aspect_share", "{:.1%}"),
    ("Share that the side of the sun tells among slopes of the same light", "across_share",
     "{:.1%}"),
)  # fmt: skip


def _by_date(metrics: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Reason, observations, share clear on other dates, share masked on most dates."""
    return [
        (name, f"{f['observations']:,}", f"{f['clear_on_others']:.0%}",
         "" if f["persistent"] is None else f"{f['persistent']:.0%}")
        for name, f in metrics.get("masks_by_date", {}).items()
    ]  # fmt: skip
