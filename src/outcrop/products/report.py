"""``report.html``: one self-contained page that says what was done and how good it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from outcrop.config import Recipe
from outcrop.indices import INDICES, NDVI_BARE, NDVI_FULL
from outcrop.products import confidence
from outcrop.products.charts import selection_charts, spectra_chart, training_charts
from outcrop.products.citing import citations
from outcrop.products.files import FILES
from outcrop.products.indices import NOT_DRY, covers
from outcrop.products.legend import Legend
from outcrop.products.numbers import Place
from outcrop.products.pages import page_template
from outcrop.products.report_words import (
    band_words,
    light_facts,
    masked_by_date,
    masked_rows,
    method_words,
    odd_value_table,
    quality_rows,
    selection_words,
    three_digits,
    unmapped_words,
)
from outcrop.products.unit_cards import (
    cards,
    matching_words,
    png_uri,
    ratio_table,
)
from outcrop.products.wording import area_text, share_text
from outcrop.scene_names import short_name, without_folders
from outcrop.sensors.base import Band


@dataclass(frozen=True)
class Pictures:
    """What a page shows of the ground.

    Parameters
    ----------
    units : bytes
        PNG: the map.
    composite : bytes or None
        PNG: the imagery of the same ground.
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
    composite: bytes | None
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
    page = page_template("report.html.j2", three_digits=three_digits)
    selection, matches = metrics.get("selection"), metrics.get("matches")
    return page.render(
        title=title,
        scene=short_name(str(metrics["scene"])),
        acquired=metrics.get("acquired", "").replace("/", " to "),
        method=method_words(recipe, legend.area_unit, len(bands)),
        notes=[without_folders(note, str(metrics["scene"])) for note in metrics["notes"]],
        mapped_units=metrics["units"],
        bands=bands,
        band_columns=bands if len(bands) <= COLUMNS else (),
        composite=", ".join(band_words(bands[i]) for i in shown),
        terms=_terms(legend),
        in_pixels=legend.area_unit == "pixel",
        units=[{**_unit(u), "area_text": area_text(u.area, u.pixels),
                "share_text": share_text(u.share)} for u in legend.units],
        quantity=" and ".join(sorted({_QUANTITY[b.quantity] for b in bands})),
        images={"units": png_uri(pictures.units),
                "composite": pictures.composite and png_uri(pictures.composite),
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
        selection_words=selection_words(selection),
        selection=selection_charts(selection) if selection and len(selection["k"]) > 1 else [],
        training=training_charts(metrics["training"]) if metrics.get("training") else [],
        quality=quality_rows(metrics),
        unmapped=unmapped_words(metrics),
        masked=masked_rows(metrics),
        by_date=masked_by_date(metrics),
        indices=_indices(legend, metrics.get("indices")),
        values=odd_value_table(metrics),
        light=light_facts(metrics.get("illumination")),
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
