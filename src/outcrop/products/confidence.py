"""``confidence.tif``: its layer, its colours and what it says of each polygon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
from numba import njit
from numpy.typing import NDArray

from outcrop.components import Strip, Table
from outcrop.confidence import NO_DATA, UNLIKE, WORD_UNLIKE
from outcrop.products import style
from outcrop.products.parts import Layer

NAME = "confidence.tif"
#: The largest value that is a percentage.
PERCENT = 100
#: Colour of what is unlike any unit: none that the percentages have.
UNLIKE_COLOUR = "#00b3b3"
#: Percentages and their colours, mixed between: magma (Smith and van der Walt 2015).
STOPS = (
    (1, "#221150"), (20, "#5f187f"), (40, "#982d80"), (60, "#d3436e"), (75, "#f8765c"),
    (90, "#febb81"), (100, "#fcfdbf"),
)  # fmt: skip


def confidence_layer() -> Layer:
    """Describe ``confidence.tif``.

    Overviews take a pixel: 0 is no number to average. Percentages change from pixel to pixel and
    hardly get smaller: to compress them harder would take longer than to compute them.
    """
    return Layer("confidence", nodata=NO_DATA, resampling="nearest", level=1)


def write_confidence_styles(folder: Path) -> None:
    """Write ``confidence.qml`` and ``confidence.tif.aux.xml`` beside ``confidence.tif``."""
    (folder / "confidence.qml").write_text(qml(), "utf-8")
    (folder / f"{NAME}.aux.xml").write_text(aux_xml(), "utf-8")


def qml() -> str:
    """Return the style that QGIS 3 takes: colours between `STOPS`, one for what is unlike."""
    root = ET.Element("qgis", version="3.16", styleCategories="Symbology")
    pipe = ET.SubElement(root, "pipe")
    renderer = ET.SubElement(
        pipe, "rasterrenderer", type="singlebandpseudocolor", band="1", opacity="1",
        alphaBand="-1", classificationMin="0", classificationMax="100",
    )  # fmt: skip
    renderer.set("nodataColor", "")
    ET.SubElement(renderer, "rasterTransparency")
    shader = ET.SubElement(
        ET.SubElement(renderer, "rastershader"), "colorrampshader", colorRampType="INTERPOLATED",
        classificationMode="1", clip="0", minimumValue="0", maximumValue="100",
    )  # fmt: skip
    # A legend of single colours: a ramp's would not name the colour of what is unlike.
    ET.SubElement(shader, "rampLegendSettings", useContinuousLegend="0")
    items = [(UNLIKE, UNLIKE_COLOUR, WORD_UNLIKE), *((v, c, f"{v} %") for v, c in STOPS)]
    for value, colour, label in items:
        ET.SubElement(shader, "item", value=str(value), color=colour, label=label, alpha="255")
    ET.SubElement(pipe, "brightnesscontrast", brightness="0", contrast="0", gamma="1")
    ET.SubElement(pipe, "huesaturation", saturation="0", colorizeOn="0", grayscaleMode="0")
    ET.SubElement(pipe, "rasterresampler", maxOversampling="2")
    ET.SubElement(root, "blendMode").text = "0"
    return style.document(root)


def aux_xml() -> str:
    """Return what GDAL takes: the name of what is no percentage."""
    root = ET.Element("PAMDataset")
    names = ET.SubElement(ET.SubElement(root, "PAMRasterBand", band="1"), "CategoryNames")
    for value in range(101):
        ET.SubElement(names, "Category").text = WORD_UNLIKE if value == UNLIKE else f"{value} %"
    return style.text(root)


def colours() -> NDArray[np.uint8]:
    """Return red, green, blue and alpha by value, shape (256, 4); transparent without data."""
    table = np.zeros((256, 4), np.uint8)
    at = [value for value, _ in STOPS]
    values = np.arange(1, 101)
    for channel in range(3):
        own = [style.rgb(colour)[channel] for _, colour in STOPS]
        table[1:101, channel] = np.rint(np.interp(values, at, own))
    table[UNLIKE, :3] = style.rgb(UNLIKE_COLOUR)
    table[:101, 3] = 255
    return table


def words(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the report says; ``facts`` as `outcrop.confidence.facts_of` gives them."""
    unlike = facts["unlike"]
    return {
        "mean": f"{facts['mean']:.0f} %",
        "calibrated": facts["calibrated"],
        "calibration": facts["calibration"],
        "deciles": [
            (f"{max(10 * i, 1)}-{10 * i + 9 if i < 9 else 100} %", f"{share:.1%}")
            for i, share in enumerate(facts["deciles"])
        ],
        "unlike": f"{unlike['pixels']:,} ({unlike['share']:.2%})",
        "in_fit": f"{facts['unlike_in_fit']:.2%}",
        "colour": UNLIKE_COLOUR,
        "ramp": ", ".join(f"{colour} {value}%" for value, colour in STOPS),
    }


@dataclass
class PolygonMeans:
    """Adds confidence up by connected area, strip by strip.

    ``read(row, height)`` gives full-width rows of ``confidence.tif``. What has no value in it
    doesn't count; what is unlike any unit counts as 0.
    """

    read: Any
    _parts: list[NDArray[np.float64]] = field(default_factory=list)

    def add(self, strip: Strip) -> None:
        """Take the next strip of the labels."""
        sums = np.zeros((2, strip.count + 1))
        _add(self.read(strip.row, len(strip.ids)), strip.ids, sums)
        self._parts.append(sums[:, 1:])

    def means(self, table: Table) -> NDArray[np.float64]:
        """Return the mean of each component, (components + 1,); NaN where nothing is known."""
        parts: Sequence[NDArray[np.float64]] = [np.zeros((2, 0)), *self._parts]
        by_number = np.concatenate(parts, axis=1)
        count = len(table.labels)
        sums, known = (
            np.bincount(table.node[1:], weights=row, minlength=count) for row in by_number
        )
        return np.where(known > 0, sums / np.maximum(known, 1), np.nan)


@njit(nogil=True, cache=True)
def _add(values: Any, ids: Any, sums: Any) -> None:  # pragma: no cover - compiled
    """Add percentages, and how many there are, to the (2, count) of their numbers."""
    for y in range(ids.shape[0]):
        for x in range(ids.shape[1]):
            if values[y, x] <= PERCENT:
                sums[0, ids[y, x]] += values[y, x]
                sums[1, ids[y, x]] += 1
