"""``mask.tif``: why each pixel is missing, with names and colours of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from outcrop.products import style
from outcrop.products.legend import Legend, Unit
from outcrop.products.parts import Layer
from outcrop.reasons import CLEAR, REASONS

#: What 0 is called: nothing speaks against the pixel.
CLEAR_NAME = "mapped"


def mask_layer() -> Layer:
    """Describe ``mask.tif``. No code means no data: 0 is mapped."""
    return Layer("mask", nodata=255, colours=style.colour_table(_legend([0] * 256)))


def write_mask_styles(folder: Path, pixels: Sequence[int]) -> None:
    """Write ``mask.qml`` and ``mask.tif.aux.xml`` beside ``mask.tif``.

    Parameters
    ----------
    folder : Path
    pixels : sequence of int
        Pixels by code.
    """
    legend = _legend(pixels)
    (folder / "mask.qml").write_text(style.qml(legend), "utf-8")
    (folder / "mask.tif.aux.xml").write_text(style.aux_xml(legend, zero=CLEAR_NAME), "utf-8")


def shares(pixels: Sequence[int]) -> dict[str, dict[str, float]]:
    """Return pixels and share of all by reason, for those that took any."""
    total = max(int(sum(pixels)), 1)
    return {
        r.name: {"pixels": int(pixels[r.code]), "share": int(pixels[r.code]) / total}
        for r in REASONS
        if pixels[r.code]
    }


def _legend(pixels: Sequence[int]) -> Legend:
    total = max(sum(int(n) for i, n in enumerate(pixels) if i != CLEAR), 1)
    units = [
        Unit(r.code, r.name, r.colour, int(pixels[r.code]), None, int(pixels[r.code]) / total, ())
        for r in REASONS
    ]
    return Legend.of(units, ())
