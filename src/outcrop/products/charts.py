"""The curves of the report: spectra of the units, choice of their number, training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from outcrop.products.frame import GRID, INK, MUTED
from outcrop.products.legend import Legend, Unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import GridSpec

Floats = NDArray[np.float64]

#: Units that get a panel of their own under the overview.
PANELS = 24
#: Bands that are marked with a dot; of more the dots would be all there is to see.
DOTS = 40
#: Panels in a row.
ACROSS = 6
_QUANTITY = {
    "reflectance": "Reflectance",
    "radiance": "Radiance (W m⁻² sr⁻¹ µm⁻¹)",
    "emissivity": "Emissivity",
    "temperature": "Temperature (K)",
    "feature": "Feature value",
    "unknown": "Value (scale unknown)",
    "mixed": "Value",
}


def spectra_figure(legend: Legend) -> Figure:
    """Draw the mean spectra of all units together, and each with its standard deviation.

    Against wavelength where every band has one, else against the bands in order.

    Parameters
    ----------
    legend : Legend

    Returns
    -------
    matplotlib.figure.Figure
    """
    shown = [unit for unit in legend.units if unit.pixels]
    rows = -(-len(shown) // ACROSS) if 1 < len(shown) <= PANELS else 0
    # Inches of the panels with what lies under them, and of the whole.
    foot = 1.3 * rows + (0.5 if rows else 0)
    figure = bare_figure(9, foot + 4.2)
    height = figure.get_figheight()
    overview = figure.add_axes((0.08, (foot + 0.5) / height, 0.87, 3.05 / height))
    x, order, name = _positions(legend)
    _draw_means(overview, shown, x, order, spread=not rows)
    overview.set_xlabel(name, size=9)
    overview.set_ylabel(_QUANTITY.get(legend.quantity, legend.quantity), size=9)
    _number_ends(overview, x, [(unit.number, unit.mean[order[-1]]) for unit in shown])
    _name_bands(overview, x, [legend.bands[i].name for i in order])
    if rows:
        grid = figure.add_gridspec(
            rows, -(-len(shown) // rows), left=0.08, right=0.95, hspace=0.35, wspace=0.1,
            bottom=0.35 / height, top=(foot - 0.4) / height,
        )  # fmt: skip
        _small_spectra(figure, grid, shown, x, order)
    return figure


def _draw_means(
    axes: Axes, units: Sequence[Unit], x: Floats, order: list[int], *, spread: bool
) -> None:
    """Draw the mean spectra together, with their deviations if asked for."""
    _plain(axes)
    for unit in units:
        mean = np.array(unit.mean)[order]
        # A dark edge keeps the light colours readable on white.
        axes.plot(x, mean, color=INK, lw=2.6, solid_capstyle="round", zorder=2)
        dot = "o" if len(x) <= DOTS else ""
        axes.plot(
            x, mean, color=unit.colour, lw=1.8, marker=dot, ms=4.5, mec=INK, mew=0.5, zorder=3
        )
        if spread and unit.sd:
            sd = np.array(unit.sd)[order]
            axes.fill_between(x, mean - sd, mean + sd, color=unit.colour, alpha=0.4, lw=0)


def _small_spectra(
    figure: Figure, grid: GridSpec, units: Sequence[Unit], x: Floats, order: list[int]
) -> None:
    """Draw each unit alone with its deviation, the others faint behind it."""
    means = np.array([unit.mean for unit in units])[:, order]
    spreads = np.array([unit.sd or np.zeros(len(order)) for unit in units])[:, order]
    low, high = float(np.nanmin(means - spreads)), float(np.nanmax(means + spreads))
    margin = 0.05 * (high - low) or 1.0
    across = grid.ncols
    for i, unit in enumerate(units):
        axes = figure.add_subplot(grid[i // across, i % across])
        _plain(axes)
        axes.plot(x, means.T, color="#cccccc", lw=0.6, zorder=1)
        axes.fill_between(
            x, means[i] - spreads[i], means[i] + spreads[i], color=unit.colour, alpha=0.8, lw=0
        )
        axes.plot(x, means[i], color=INK, lw=1.2)
        axes.set_ylim(low - margin, high + margin)
        axes.tick_params(
            labelsize=6.5, labelbottom=i + across >= len(units), labelleft=i % across == 0
        )
        axes.set_title(numbered(unit), size=7.5, pad=2, loc="left")


def numbered(unit: Unit) -> str:
    """Return a unit's name, cut to a panel's width, with its number where it lacks it."""
    name = unit.name if len(unit.name) < 20 else unit.name[:18].rstrip() + "…"
    name = name if name == f"Unit {unit.number}" else f"{unit.number} {name}"
    return name.replace("$", r"\$")


def _positions(legend: Legend) -> tuple[Floats, list[int], str]:
    """Return where each band is drawn, the bands in that order, and what the axis is."""
    wavelengths = [band.wavelength_um for band in legend.bands]
    count = len(wavelengths)
    if all(wavelengths):
        order = sorted(range(count), key=lambda i: wavelengths[i] or 0.0)
        return np.array([wavelengths[i] for i in order], np.float64), order, "Wavelength (µm)"
    return np.arange(1.0, count + 1), list(range(count)), "Band, in order"


def _number_ends(axes: Axes, x: Floats, ends: list[tuple[int, float]]) -> None:
    """Write each unit's number at the right end of its line, pushed apart where they meet."""
    low, high = axes.get_ylim()
    ends = sorted(ends, key=lambda end: end[1])
    places = _pushed_apart([value for _, value in ends], 0.042 * (high - low), low, high)
    span = float(x[-1] - x[0]) or 1.0
    for (number, value), place in zip(ends, places, strict=True):
        axes.annotate(
            str(number), (x[-1], value), (x[-1] + 0.025 * span, place), size=8, va="center",
            annotation_clip=False, color=INK,
            arrowprops={"arrowstyle": "-", "lw": 0.4, "color": MUTED, "shrinkA": 1, "shrinkB": 3},
        )  # fmt: skip
    axes.set_xlim(x[0] - 0.02 * span, x[-1] + 0.06 * span)


def _pushed_apart(values: list[float], least: float, low: float, high: float) -> list[float]:
    """Move sorted values apart to a least distance, as little as may be, from low upwards."""
    places = np.array(values, np.float64)
    for _ in range(500):
        short = np.maximum(least - np.diff(places), 0)
        if not (short > 1e-6 * least).any():
            break
        places[1:] += short / 2
        places[:-1] -= short / 2
        places = np.clip(places, low + least / 3, max(high, low + least * len(places)))
    return [float(place) for place in places]


def _name_bands(axes: Axes, x: Floats, names: list[str]) -> None:
    """Write the bands along the top, as many as have room."""
    top = axes.secondary_xaxis("top")
    span = float(x[-1] - x[0]) or 1.0
    kept: list[int] = []
    for i in range(len(x)):
        if len(x) <= 40 and (not kept or (x[i] - x[kept[-1]]) / span > 0.022):
            kept.append(i)
    crowded = any(x[j] - x[i] < 0.08 * span for i, j in pairwise(kept))
    crowded |= any(len(names[i]) > 9 for i in kept)
    top.set_xticks(
        x[kept], [names[i][:14] for i in kept], rotation=60 if crowded else 0,
        ha="left" if crowded else "center", rotation_mode="anchor", size=7.5,
    )  # fmt: skip
    top.tick_params(length=2, color=MUTED, labelcolor=MUTED, pad=1)
    for i in kept:
        axes.axvline(x[i], color=GRID, lw=0.5, zorder=0)
    top.spines["top"].set_visible(False)


_SCORES = (
    ("net_likelihood", "Held-out likelihood, net", "higher is better"),
    ("stability", "Stability (ARI of halves)", "higher is better"),
    ("inertia", "Sum of squared distances", "look for the bend"),
    ("silhouette", "Silhouette", "higher is better"),
    ("calinski_harabasz", "Calinski-Harabasz", "higher is better"),
    ("davies_bouldin", "Davies-Bouldin", "lower is better"),
    ("bic", "BIC", "lower is better"),
)


def selection_figure(selection: Mapping[str, Any]) -> Figure:
    """Draw the scores of every number of units tried, with the chosen one marked.

    Parameters
    ----------
    selection : mapping
        ``k``, ``chosen``, ``rule``, and lists as long as ``k`` under the names of
        `outcrop.clustering.selection.SCORES`, each of which may be None or hold None.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.ticker import MaxNLocator

    k = np.asarray(selection["k"], np.float64)
    curves = {
        key: np.array([np.nan if v is None else v for v in selection[key]], np.float64)
        for key, _, _ in _SCORES
        if selection.get(key) is not None and any(v is not None for v in selection[key])
    }
    across = min(4, max(1, len(curves)))
    down = max(1, math.ceil(len(curves) / across))
    figure = bare_figure(2.35 * max(2, across) + 0.3, 2.1 * down + 0.65)
    all_axes = figure.subplots(down, across, squeeze=False).ravel()
    for axes in all_axes[len(curves) :]:
        axes.set_visible(False)
    for axes, (key, title, better) in zip(
        all_axes, [s for s in _SCORES if s[0] in curves], strict=False
    ):
        _plain(axes)
        axes.axvline(selection["chosen"], color="#c2571a", lw=1.2, zorder=1)
        axes.plot(k, curves[key], color=INK, lw=1.2, marker="o", ms=3, zorder=2)
        chosen = k == selection["chosen"]
        axes.plot(k[chosen], curves[key][chosen], "o", ms=7, color="#c2571a", zorder=3)
        axes.set_title(title, size=8.5, loc="left", pad=14)
        axes.text(0, 1.03, better, transform=axes.transAxes, size=7, color=MUTED)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.ticklabel_format(axis="y", scilimits=(-3, 4))
        axes.yaxis.get_offset_text().set(size=6.5, ha="right", x=1)
        axes.tick_params(labelsize=7)
        axes.set_xlabel("Units", size=8)
    rule = str(selection.get("rule") or "")
    words = f"Chosen: {selection['chosen']} units" + (f" (rule: {rule})" if rule else "")
    height = figure.get_figheight()
    figure.text(0.02, 1 - 0.1 / height, words, size=9, weight="bold", color=INK, va="top")
    figure.subplots_adjust(
        left=0.62 / figure.get_figwidth(), right=0.985, top=1 - 0.82 / height,
        bottom=0.47 / height, wspace=0.38, hspace=0.75,
    )  # fmt: skip
    return figure


def training_figure(history: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the loss of each epoch, a panel a stage.

    Parameters
    ----------
    history : sequence of mapping
        ``stage``, ``epoch``, ``loss`` and ``held_out`` (or None) of each epoch, in order.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.ticker import MaxNLocator

    stages = list(dict.fromkeys(str(entry["stage"]) for entry in history))
    across = min(4, max(1, len(stages)))
    down = max(1, math.ceil(len(stages) / across))
    figure = bare_figure(2.6 * max(2, across) + 0.3, 2.35 * down + 0.2)
    all_axes = figure.subplots(down, across, squeeze=False).ravel()
    for axes in all_axes[len(stages) :]:
        axes.set_visible(False)
    for axes, stage in zip(all_axes, stages, strict=False):
        epochs = [entry for entry in history if str(entry["stage"]) == stage]
        _plain(axes)
        at = [entry["epoch"] for entry in epochs]
        axes.plot(at, [e["loss"] for e in epochs], color=INK, lw=1.3, marker="o", ms=3, label="fit")
        held = [e.get("held_out") for e in epochs]
        if any(v is not None for v in held):
            values = [math.nan if v is None else v for v in held]
            axes.plot(
                at, values, color="#c2571a", lw=1.3, ls="--", marker="s", ms=3, label="held out"
            )
            axes.legend(fontsize=7, frameon=False)
        axes.set_title(stage.replace("$", r"\$"), size=8.5, loc="left")
        axes.set_xlabel("Epoch", size=8)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.ticklabel_format(axis="y", scilimits=(-3, 4))
        axes.tick_params(labelsize=7)
        axes.yaxis.get_offset_text().set(size=6.5)
    for axes in all_axes[::across]:
        axes.set_ylabel("Loss", size=8)
    figure.tight_layout(pad=0.8)
    return figure


def bare_figure(width: float, height: float) -> Figure:
    """Make a figure that belongs to no window and no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _plain(axes: Axes) -> None:
    """Leave of the axes' box what is needed."""
    axes.spines[["top", "right"]].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set(color=MUTED, linewidth=0.7)
    axes.grid(axis="y", color=GRID, lw=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, color=MUTED, labelcolor=INK, length=3, width=0.6)
