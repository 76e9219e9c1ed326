"""What a notebook or a prompt shows of a legend: lines of text, or a table with swatches."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from outcrop.products.wording import area_text, share_text

if TYPE_CHECKING:
    from outcrop.products.legend import Legend, Unit

#: Pixels of a small chart of a mean spectrum.
WIDE, HIGH = 84, 20
_CELL = "padding:.15em .7em;white-space:nowrap;text-align:"


def legend_lines(legend: Legend) -> list[str]:
    """Return a line for each unit: number, name, area, share, mean confidence if it is known."""
    shown = [u for u in legend.units if u.pixels]
    width = max((len(u.label) for u in shown), default=0)
    areas = [area_text(u.area, u.pixels) for u in shown]
    across = max(map(len, areas), default=0)
    return [
        f"{u.number:>4}  {u.label:<{width}}  {area:>{across}}  {share_text(u.share):>7}"
        + (f"  {sure} sure" if (sure := sure_text(u)) else "")
        for u, area in zip(shown, areas, strict=True)
    ]


def legend_table(legend: Legend) -> str:
    """Return an HTML table of the units: swatch, number, name, area, share, mean spectrum.

    Between the last two stands the mean confidence, where a map has it. No colour is set but the
    swatches', so that it reads on light and dark pages.
    """
    shown = [u for u in legend.units if u.pixels]
    low, high = _range(shown)
    rated = any(sure_text(unit) for unit in shown)
    names = [
        ("", "left"), ("unit", "right"), ("name", "left"), ("area", "right"), ("share", "right"),
        *([("confidence", "right")] if rated else []), ("mean spectrum", "left"),
    ]  # fmt: skip
    head = "".join(f'<th scope="col" style="{_CELL}{side}">{name}</th>' for name, side in names)
    rows = "".join(f"<tr>{_cells(unit, low, high, rated=rated)}</tr>" for unit in shown)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def sure_text(unit: Unit) -> str:
    """Return the mean confidence of a unit's pixels, empty where it is not known."""
    from outcrop.products.legend import MEAN_CONFIDENCE

    sure = unit.extra.get(MEAN_CONFIDENCE)
    return "" if sure is None else f"{sure:.0f} %"


def _cells(unit: Unit, low: float, high: float, *, rated: bool) -> str:
    swatch = (
        f'<span style="display:inline-block;width:1.6em;height:1em;vertical-align:middle;'
        f'border:1px solid;background:{escape(unit.colour)}"></span>'
    )
    cells = (
        (swatch, "left"), (str(unit.number), "right"), (escape(unit.label), "left"),
        (area_text(unit.area, unit.pixels), "right"), (escape(share_text(unit.share)), "right"),
        *([(sure_text(unit), "right")] if rated else []), (_spark(unit, low, high), "left"),
    )  # fmt: skip
    return "".join(f'<td style="{_CELL}{side}">{text}</td>' for text, side in cells)


def _range(units: list[Unit]) -> tuple[float, float]:
    """Return the lowest and the highest value of all means, which share an axis."""
    values = np.array([v for u in units for v in u.mean], float)
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)


def _spark(unit: Unit, low: float, high: float) -> str:
    """Return a mean spectrum as a line without axes."""
    step = WIDE / max(len(unit.mean) - 1, 1)
    scale = (HIGH - 2) / ((high - low) or 1)
    points = " ".join(
        f"{i * step:.1f},{HIGH - 1 - (v - low) * scale:.1f}"
        for i, v in enumerate(unit.mean)
        if np.isfinite(v)
    )
    return (
        f'<svg width="{WIDE}" height="{HIGH}" role="img" aria-label="mean spectrum of unit '
        f'{unit.number}"><polyline points="{points}" fill="none" stroke="currentColor" '
        'stroke-width="1.5"/></svg>'
    )
