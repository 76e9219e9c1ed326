"""``report.html`` of a comparison: one self-contained page."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop import __version__
from outcrop.comparison.cells import Cell, map_path
from outcrop.comparison.contenders import CODE, METHOD
from outcrop.comparison.scenes import Truth
from outcrop.products.colours import further_colours, rgb_of
from outcrop.products.pages import page_template

#: Pixels of the longer side of a small map, and maps that the page shows for each scene.
SMALL, MOST_MAPS = 420, 24
#: What a unit is drawn in that is matched with no class, and ground that is not labelled.
UNMATCHED, UNLABELLED = (120, 120, 120), (255, 255, 255)

Maps = Mapping[str, tuple[Truth, Sequence[tuple[Cell, Mapping[str, Any]]]]]


def render(facts: Mapping[str, Any], maps: Maps, folder: Path) -> str:
    """Fill the page.

    Parameters
    ----------
    facts : mapping
        As in ``comparison.json``.
    maps : mapping
        By scene: its reference, and the cells of the first seed with their results.
    folder : Path
        Where their maps lie.

    Returns
    -------
    str
        HTML that asks for nothing outside itself.
    """
    template = page_template(
        "comparison.html.j2", "outcrop.comparison",
        score=score, span=span, signed=signed, number=number,
    )  # fmt: skip
    ranked = [row for row in facts["ranked"] if not row["failed"]]
    return template.render(
        version=__version__,
        facts=facts,
        ranked=ranked,
        failed=[row for row in facts["ranked"] if row["failed"]],
        kinds=((METHOD, "Recipes"), (CODE, "Reducers, all else the same")),
        numbers=list(facts["settings"]["numbers"]),
        pairs=_raw_and_white(ranked),
        scenes=[_scene(s, *maps[s["name"]], folder) for s in facts["scenes"]],
    )


def score(value: float | None, digits: int = 3) -> str:
    """Return a score as text."""
    return "–" if value is None else f"{value:.{digits}f}"


def number(value: float | None) -> str:
    """Return a number of any size as text."""
    return "–" if value is None else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def span(found: Sequence[float] | None, digits: int = 3) -> str:
    """Return the ends of an interval (mean, low, high) as text."""
    return "–" if not found else f"{found[1]:.{digits}f} to {found[2]:.{digits}f}"


def signed(found: Sequence[float] | None) -> str:
    """Return a difference with its interval as text."""
    return "–" if not found else f"{found[0]:+.3f} ({found[1]:+.3f} to {found[2]:+.3f})"


def _raw_and_white(ranked: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Put every reducer's raw and whitened code in a row."""
    rows: dict[str, dict[str, Any]] = {}
    for row in ranked:
        if row["kind"] == CODE:
            name, _, how = row["contender"].rpartition(", ")
            rows.setdefault(name, {"name": name, "raw": None, "whitened": None})[how] = row
    return list(rows.values())


def _scene(
    facts: Mapping[str, Any],
    truth: Truth,
    cells: Sequence[tuple[Cell, Mapping[str, Any]]],
    folder: Path,
) -> dict[str, Any]:
    colours = np.rint(rgb_of(further_colours([], len(truth.classes))) * 255).astype(np.uint8)
    step = max(1, -(-max(truth.codes.shape) // SMALL))
    table = np.vstack([[UNLABELLED], colours]).astype(np.uint8)
    panels = []
    for cell, result in cells[:MOST_MAPS]:
        scored = result["numbers"]["classes"]
        panels.append(
            {
                "name": cell.contender,
                "image": _map(cell, scored, truth, colours, step, folder),
                "ami": scored["ami"],
                "accuracy": scored["overall_accuracy"],
                "confusion": _confusion(scored),
                "by_class": scored["by_class"],
            }
        )
    return {
        **facts,
        "truth": _png(table[truth.codes[::step, ::step]]),
        "keys": [
            (label, "#{:02x}{:02x}{:02x}".format(*colours[i]))
            for i, label in enumerate(truth.classes)
        ],
        "panels": panels,
        "left_out": len(cells) - len(panels),
    }


def _map(
    cell: Cell,
    scored: Mapping[str, Any],
    truth: Truth,
    colours: NDArray[np.uint8],
    step: int,
    folder: Path,
) -> str | None:
    """Draw a map in the colours of the classes that its units are matched with."""
    import rasterio

    path = map_path(cell, "classes", folder)
    if not path.is_file():
        return None
    with rasterio.open(path) as raster:
        units = raster.read(1)[::step, ::step]
    table = np.full((256, 3), UNMATCHED, np.uint8)
    table[0] = UNLABELLED
    place = {label: i for i, label in enumerate(truth.classes)}
    for unit, label in scored["assignment"].items():
        table[int(unit)] = colours[place[label]]
    return _png(table[units])


def _confusion(scored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table with matched units first, in the order of their classes."""
    table = scored["confusion"]
    given = {int(u): c for u, c in scored["assignment"].items()}
    order = sorted(
        range(len(table["units"])),
        key=lambda j: (
            table["classes"].index(given[table["units"][j]])
            if table["units"][j] in given
            else len(table["classes"])
        ),
    )
    return {
        "units": [table["units"][j] for j in order],
        "rows": [
            (label, [counts[j] for j in order], missing,
             [given.get(table["units"][j]) == label for j in order])
            for label, counts, missing in zip(
                table["classes"], table["counts"], table["unmapped"], strict=True
            )
        ],
    }  # fmt: skip


def _png(rgb: NDArray[np.uint8]) -> str:
    from matplotlib.image import imsave

    buffer = io.BytesIO()
    imsave(buffer, rgb, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
