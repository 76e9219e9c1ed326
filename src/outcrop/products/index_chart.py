"""The figure of the report that sets each unit's band ratios against the scene's mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from outcrop.indices import COVERS
from outcrop.products.charts import bare_figure, numbered
from outcrop.products.frame import INK
from outcrop.products.legend import Legend, Unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Units that are shown, the largest.
MOST = 40
#: Standard deviations of the scene's pixels at which a colour is full.
FULL = 2.0


def ratios_of(facts: Mapping[str, Any]) -> list[str]:
    """Return the indices that are drawn: all but covers, which have their own table."""
    return [name for name in facts["scene"] if name not in COVERS]


def index_figure(legend: Legend, facts: Mapping[str, Any]) -> Figure:
    """Draw a row a unit and a column an index: its mean, coloured by how far from the scene's.

    Parameters
    ----------
    legend : Legend
    facts : mapping
        ``indices`` of ``metrics.json``, with one index at least.

    Returns
    -------
    matplotlib.figure.Figure
    """
    names = ratios_of(facts)
    units = _largest([u for u in legend.units if str(u.number) in facts["units"]])
    values = np.array([[_mean(facts["units"][str(u.number)], n) for n in names] for u in units])
    scene = [facts["scene"][n] for n in names]
    apart = _standardised(values, scene)
    height = 0.24 * len(units)
    figure = bare_figure(1.9 + 1.05 * len(names), height + 1.05)
    width, tall = figure.get_size_inches()
    axes = figure.add_axes((1.35 / width, 0.5 / tall, 1.02 * len(names) / width, height / tall))
    axes.imshow(apart, cmap="RdBu_r", vmin=-FULL, vmax=FULL, aspect="auto")
    for (row, col), value in np.ndenumerate(values):
        dark = abs(apart[row, col]) > 0.55 * FULL
        axes.text(
            col, row, f"{value:.3g}", ha="center", va="center", size=7,
            color="white" if dark else INK,
        )  # fmt: skip
    axes.set_yticks(range(len(units)), [numbered(u) for u in units], size=7.5)
    labels = [f"{n.replace('_', ' ')}\n{s['mean']:.3g}" for n, s in zip(names, scene, strict=True)]
    axes.set_xticks(range(len(names)), labels, size=7.5)
    axes.xaxis.tick_top()
    axes.tick_params(length=0, pad=3)
    axes.spines[:].set_visible(False)
    figure.text(
        1.35 / width, 0.16 / tall, size=7, color=INK,
        s="Under each name: the scene's mean. Red is above it, blue below;"
        f" full colour at {FULL:g} standard deviations of the scene's pixels.",
    )  # fmt: skip
    return figure


def _largest(units: Sequence[Unit]) -> list[Unit]:
    kept = {u.number for u in sorted(units, key=lambda u: -u.pixels)[:MOST]}
    return [u for u in units if u.number in kept]


def _mean(found: Mapping[str, Any], name: str) -> float:
    return float(found.get(name, {}).get("mean", np.nan))


def _standardised(
    values: NDArray[np.float64], scene: Sequence[Mapping[str, float]]
) -> NDArray[np.float64]:
    means = np.array([s["mean"] for s in scene])
    sds = np.array([s["sd"] or np.inf for s in scene])
    return np.asarray(np.nan_to_num((values - means) / sds))
