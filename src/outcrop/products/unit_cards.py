"""What the report says of each unit, and its table of band ratios."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from outcrop.indices import COVERS
from outcrop.matching import words
from outcrop.products.charts import unit_chart
from outcrop.products.legend import MEAN_CONFIDENCE, Legend, Unit
from outcrop.products.report_words import three_digits
from outcrop.products.wording import share_text

#: Units that get a card, the largest; all are in the legend.
MOST = 60
#: Standard deviations of the scene's pixels at which a colour is full.
FULL = 2.0
# Below, at and above the scene's mean: ColorBrewer's RdBu (Harrower and Brewer 2003).
_BELOW, _MEAN, _ABOVE = (33, 102, 172), (247, 247, 247), (178, 24, 43)


def shown_units(legend: Legend) -> list[Unit]:
    """Return the units that get a card, in the order of their numbers."""
    kept = sorted((u for u in legend.units if u.pixels), key=lambda u: -u.pixels)[:MOST]
    return sorted(kept, key=lambda u: u.number)


def cards(
    legend: Legend, thumbnails: Mapping[int, bytes], matches: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """Return, for each unit shown, its facts, charts and what it is like.

    Parameters
    ----------
    legend : Legend
    thumbnails : mapping of int to bytes
        PNG by number.
    matches : mapping or None
        As `outcrop.matching.match_spectra` returns it.
    """
    found = (matches or {}).get("units", {})
    bands = len((matches or {}).get("bands", []))
    return [
        {
            "unit": unit,
            "share": share_text(unit.share),
            "terms": _terms(unit),
            "confidence": unit.extra.get(MEAN_CONFIDENCE),
            "spectrum": unit_chart(legend, unit),
            "where": png_uri(thumbnails[unit.number]) if unit.number in thumbnails else None,
            "like": _like(found.get(str(unit.number)), bands),
        }
        for unit in shown_units(legend)
    ]


def png_uri(png: bytes) -> str:
    """Return a picture as part of a page."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _terms(unit: Unit) -> list[tuple[str, str, str]]:
    """Return what a geologist said of a unit: field, text, and the URI of a term."""
    g = unit.geology
    order = "" if g.order is None else str(g.order)
    told = [
        ("Lithology", str(g.lithology), g.lithology.id), ("Age", str(g.age), g.age.id),
        ("Order", order, ""), ("Confidence", g.confidence, ""), ("Notes", g.notes, ""),
    ]  # fmt: skip
    return [entry for entry in told if entry[1]]


def _like(found: Mapping[str, Any] | None, bands: int) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "verdict": found["verdict"],
        "words": words(found, bands),
        "features": [feature["words"] for feature in found["features"]],
    }


def matching_words(matches: Mapping[str, Any], legend: Legend) -> dict[str, Any]:
    """Say what was compared with what."""
    scales = {band.name: band.quantity for band in legend.bands}
    library = matches["library"]
    own = matches["spectra"] and "green plants, dry grass and soil of Outcrop's own beside them"
    return {
        "library": f"{library['name']} ({library['spectra']} spectra, SHA-256 "
        f"{library['sha256'][:12]}…)",
        "compared": f"{matches['spectra']} spectra in {len(matches['bands'])} bands, {own}",
        "missing": matches["missing"],
        "features_missing": matches["features_missing"],
        "unscaled": any(scales[name] == "unknown" for name in matches["bands"]),
    }


def ratios_of(facts: Mapping[str, Any]) -> list[str]:
    """Return the indices that are shown: all but covers, which have their own table."""
    return [name for name in facts["scene"] if name not in COVERS]


def ratio_table(legend: Legend, facts: Mapping[str, Any]) -> dict[str, Any] | None:
    """Set each unit's band ratios against the scene's mean.

    Returns
    -------
    dict or None
        ``names``, ``scene`` (means) and ``rows`` of (unit, cells), a cell being a text, a style
        and a mark: ``▲`` or ``▼`` where it is half of `FULL` from the mean or more.
    """
    names = ratios_of(facts)
    if not names:
        return None
    scene = [facts["scene"][n] for n in names]
    rows = []
    for unit in shown_units(legend):
        means = facts["units"].get(str(unit.number), {})
        rows.append((unit, [_cell(means.get(n), s) for n, s in zip(names, scene, strict=True)]))
    return {
        "names": [n.replace("_", " ") for n in names],
        "scene": [three_digits(s["mean"]) for s in scene],
        "rows": rows,
    }


def _cell(mean: Mapping[str, float] | None, scene: Mapping[str, float]) -> tuple[str, str, str]:
    if mean is None:
        return "", "", ""
    apart = (mean["mean"] - scene["mean"]) / (scene["sd"] or np.inf)
    part = float(np.clip(apart / FULL, -1, 1))
    colour = _mixed(part)
    text = "#ffffff" if abs(part) > 0.55 else "#1c1b19"
    mark = "" if abs(part) < 0.5 else "▲" if part > 0 else "▼"
    style = f"background:#{colour};color:{text}"
    return three_digits(mean["mean"]), style, mark


def _mixed(part: float) -> str:
    end: Sequence[int] = _ABOVE if part > 0 else _BELOW
    mixed = [round(m + abs(part) * (e - m)) for m, e in zip(_MEAN, end, strict=True)]
    return "{:02x}{:02x}{:02x}".format(*mixed)
