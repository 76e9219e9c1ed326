"""The curves of the report as SVG: spectra of the units, choice of their number, training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.clustering.selection import FAR
from outcrop.products.legend import Legend, Unit
from outcrop.products.svg import Plot, spread_apart

Floats = NDArray[np.float64]

#: Bands that are marked with a dot and named; of more they would be all there is to see.
DOTS = 40
#: Of so many bands a line breaks where the step is so many times the usual one.
MANY, GAP = 40, 4.0
QUANTITY = {
    "reflectance": "Reflectance",
    "radiance": "Radiance (W m⁻² sr⁻¹ µm⁻¹)",
    "emissivity": "Emissivity",
    "temperature": "Temperature (K)",
    "feature": "Feature value",
    "unknown": "Value (scale unknown)",
    "mixed": "Value",
}


def spectra_chart(legend: Legend) -> str:
    """Draw the mean spectra of all units together, against wavelength where every band has one.

    Parameters
    ----------
    legend : Legend

    Returns
    -------
    str
        SVG.
    """
    shown = [unit for unit in legend.units if unit.pixels]
    x, order, name = _positions(legend)
    values = np.array([_ordered(unit.mean, order) for unit in shown])
    names = [legend.bands[i].name for i in order]
    named = len(names) <= DOTS
    crowded = named and _is_crowded(x, names)
    top = 14 + (0 if not named else 7 * min(14, max(map(len, names))) * 0.75 if crowded else 14)
    plot = Plot(920, 320 + top, _range(x, 0.01), _range(values), (62, top, 40, 40), 13)
    plot.axes(name, QUANTITY.get(legend.quantity, legend.quantity))
    if named:
        _name_bands(plot, x, names, crowded)
    for unit, mean in zip(shown, values, strict=True):
        at, broken = _broken(x, mean)
        plot.line(at, broken, kind="edge")
        plot.line(at, broken, style=f"stroke:{unit.colour}")
        if named:
            plot.dots(x, mean, style=f"fill:{unit.colour}", radius=3)
    _number_ends(plot, [(unit.number, float(v[-1])) for unit, v in zip(shown, values, strict=True)])
    return plot.to_svg(
        "spectra", f"Mean spectra of {len(shown)} units, a line each with its number at the end"
    )


def unit_chart(legend: Legend, unit: Unit) -> str:
    """Draw a unit's mean spectrum with one standard deviation, and the mean of the whole map."""
    x, order, name = _positions(legend)
    shown = [u for u in legend.units if u.pixels]
    means = np.array([_ordered(u.mean, order) for u in shown])
    spreads = np.array([_ordered(u.sd, order) if u.sd else np.zeros(len(order)) for u in shown])
    ends = np.concatenate([means - spreads, means + spreads])
    plot = Plot(200, 120, _range(x, 0.01), _range(ends), (38, 8, 8, 22), 11)
    plot.axes(name, "", few=True)
    mean = _ordered(unit.mean, order)
    sd = _ordered(unit.sd, order) if unit.sd else np.zeros(len(order))
    at, middle = _broken(x, mean)
    _, wide = _broken(x, sd)
    plot.area(at, middle - wide, middle + wide, f"fill:{unit.colour};fill-opacity:.75")
    weights = np.array([u.pixels for u in shown], np.float64)
    plot.line(*_broken(x, weights @ means / weights.sum()), kind="mean")
    plot.line(at, middle, kind="ink")
    return plot.to_svg(f"unit-{unit.number}", f"Mean spectrum of {unit.label} and its spread")


def _positions(legend: Legend) -> tuple[Floats, list[int], str]:
    """Return where each band is drawn, the bands in that order, and what the axis is."""
    wavelengths = [band.wavelength_um for band in legend.bands]
    count = len(wavelengths)
    if all(wavelengths):
        order = sorted(range(count), key=lambda i: wavelengths[i] or 0.0)
        return np.array([wavelengths[i] for i in order], np.float64), order, "Wavelength (µm)"
    return np.arange(1.0, count + 1), list(range(count)), "Band, in order"


def _ordered(values: Sequence[float], order: list[int]) -> Floats:
    return np.array([values[i] for i in order], np.float64)


def _broken(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Put a NaN where a spectrometer's bands leave a gap, as in the water vapour."""
    if len(x) <= MANY:
        return x, y
    steps = np.diff(x)
    gaps = np.flatnonzero(steps > GAP * np.median(steps)) + 1
    return np.insert(x, gaps, np.nan), np.insert(y, gaps, np.nan)


def _range(values: Floats, margin: float = 0.05) -> tuple[float, float]:
    good = values[np.isfinite(values)]
    low, high = (float(good.min()), float(good.max())) if good.size else (0.0, 1.0)
    extra = margin * (high - low) or max(abs(high), 1.0) * 0.05
    return low - extra, high + extra


def _is_crowded(x: Floats, names: list[str]) -> bool:
    span = float(x[-1] - x[0]) or 1.0
    return any(b - a < 0.08 * span for a, b in pairwise(x)) or any(len(n) > 9 for n in names)


def _name_bands(plot: Plot, x: Floats, names: list[str], crowded: bool) -> None:
    """Write the bands along the top, as many as have room."""
    top, foot = plot.margins[1], plot.height - plot.margins[3]
    last = -np.inf
    for value, name in zip(x, names, strict=True):
        at = plot.across(float(value))
        if at - last < 15:
            continue
        last = at
        plot.rule((at, top), (at, foot), "rule grid")
        anchor, turn = ("start", -55.0) if crowded else ("middle", 0.0)
        plot.text((at, top - 4), name[:14], anchor=anchor, turn=turn, kind="faint", size=11.5)


def _number_ends(plot: Plot, ends: list[tuple[int, float]]) -> None:
    """Write each unit's number at the right end of its line, pushed apart where they meet."""
    right = plot.width - plot.margins[2]
    ends = sorted(((n, v) for n, v in ends if np.isfinite(v)), key=lambda end: -end[1])
    wanted = [plot.down(value) for _, value in ends]
    places = spread_apart(wanted, 12.5, plot.margins[1], plot.height - plot.margins[3])
    for (number, _), at, place in zip(ends, wanted, places, strict=True):
        plot.rule((right + 1, at), (right + 14, place))
        plot.text((right + 17, place + 4), str(number), size=12)


_SCORES = (
    ("score", "What decides: likelihood and continuity", "highest is taken"),
    ("net_likelihood", "Held-out likelihood, net", "higher is better"),
    ("continuity", f"Told of the ground {FAR} pixels off, nats", "rises while units go on"),
    ("stability", "Stability (ARI of halves)", "higher is better"),
    ("inertia", "Sum of squared distances", "look for the bend"),
    ("silhouette", "Silhouette", "higher is better"),
    ("calinski_harabasz", "Calinski-Harabasz", "higher is better"),
    ("davies_bouldin", "Davies-Bouldin", "lower is better"),
    ("bic", "BIC", "lower is better"),
)


def selection_charts(selection: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Draw the scores of every number of units tried, with the chosen one marked.

    Parameters
    ----------
    selection : mapping
        ``k``, ``chosen``, and lists as long as ``k`` under the names of
        `outcrop.clustering.selection.SCORES`, each of which may be None or hold None.

    Returns
    -------
    list of tuple of str
        Name of the score, how to read it, and its SVG.
    """
    k = np.asarray(selection["k"], np.float64)
    charts = []
    for key, title, better in _SCORES:
        values = np.array([np.nan if v is None else v for v in selection.get(key) or []], float)
        if np.isfinite(values).any():
            plot = Plot(300, 180, _range(k, 0.03), _range(values, 0.08), (68, 10, 10, 36), 12)
            plot.axes("Units", "", whole_x=True)
            at = plot.across(float(selection["chosen"]))
            plot.rule((at, plot.margins[1]), (at, plot.height - plot.margins[3]), "chosen")
            plot.line(k, values, kind="ink")
            plot.dots(k, values, kind="inked")
            chosen = k == selection["chosen"]
            plot.dots(k[chosen], values[chosen], kind="picked", radius=5)
            words = f"{title} against the number of units, {selection['chosen']} chosen"
            charts.append((title, better, plot.to_svg(f"selection-{key}", words)))
    return charts


def training_charts(history: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Draw the loss of each epoch, a chart a stage.

    Parameters
    ----------
    history : sequence of mapping
        ``stage``, ``epoch``, ``loss`` and ``held_out`` (or None) of each epoch, in order.

    Returns
    -------
    list of tuple of str
        The stage, how to read it, and its SVG.
    """
    stages = list(dict.fromkeys(str(entry["stage"]) for entry in history))
    charts = []
    for i, stage in enumerate(stages):
        epochs = [entry for entry in history if str(entry["stage"]) == stage]
        at = np.array([entry["epoch"] for entry in epochs], np.float64)
        fit = np.array([entry["loss"] for entry in epochs], np.float64)
        held = np.array([np.nan if e.get("held_out") is None else e["held_out"] for e in epochs])
        both = np.concatenate([fit, held])
        plot = Plot(300, 180, _range(at, 0.03), _range(both, 0.08), (68, 10, 10, 36), 12)
        plot.axes("Epoch", "", whole_x=True)
        plot.line(at, fit, kind="ink")
        known = bool(np.isfinite(held).any())
        if known:
            plot.line(at, held, kind="held")
        told = "solid: fitted pixels; dashed: pixels held out" if known else "fitted pixels"
        svg = plot.to_svg(f"training-{i}", f"Loss by epoch of the stage {stage}")
        charts.append((stage, f"loss, {told}", svg))
    return charts
