"""The map as a picture: for print, with everything that a map needs around it."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from outcrop.grid import first_pixel
from outcrop.products.colours import oklab, rgb_of
from outcrop.products.frame import INK, MARGIN, MUTED, Frame, open_figure
from outcrop.products.legend import Legend, Unit
from outcrop.products.numbers import number_places
from outcrop.products.style import colour_table
from outcrop.sensors.base import Band

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from odc.geo.geobox import GeoBox

__all__ = [
    "choose_composite",
    "composite",
    "image_figure",
    "map_figure",
    "metres_across",
    "to_png",
    "to_svg",
]

log = logging.getLogger("outcrop")
DPI = 150
#: Units that the legend of a map has room for.
SHOWN_UNITS = 60
#: Inches of a line of the legend, and of a column of it.
LINE, COLUMN = 0.235, 2.15


def map_figure(
    labels: NDArray[np.uint8],
    legend: Legend,
    *,
    grid: GeoBox | None = None,
    step: int | None = None,
    title: str = "Spectral units",
    subtitle: str = "",
) -> Figure:
    """Draw a map of units with title, legend, scale bar, north arrow and coordinates.

    Parameters
    ----------
    labels : ndarray of uint8, shape (y, x)
        0 = no data, drawn hatched. May be an overview.
    legend : Legend
        Units without a pixel are left out.
    grid : GeoBox, optional
        Of the whole map. Without one, or in one without a CRS, coordinates are columns and
        rows, and there is neither a scale bar nor a north arrow.
    step : int, optional
        Pixels of the map to one of these labels. If it is not given, the labels cover the
        whole map, as an overview does.
    title, subtitle : str
        Above the map.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rgba = np.zeros((256, 4), np.uint8)
    for number, colour in colour_table(legend).items():
        rgba[number] = colour
    shown = [unit for unit in legend.units if unit.pixels]
    room = min(len(shown), SHOWN_UNITS)
    frame = _frame(labels.shape, grid, step)
    lines = min(room, max(8, int((frame.height - 1.2) / LINE)))
    columns = max(1, -(-room // max(lines, 1)))
    figure, axes = open_figure(frame, title, subtitle, right=COLUMN * columns + 0.25)
    frame.draw(axes, rgba[labels], nodata=bool((labels == 0).any()))
    _draw_numbers(axes, labels, [unit.number for unit in shown], frame)
    _draw_legend(figure, frame, shown, lines, empty=bool((labels == 0).any()))
    frame.draw_scale_and_north(figure, left=MARGIN["left"] + frame.width + 0.3)
    return figure


def image_figure(
    rgba: NDArray[np.uint8],
    *,
    grid: GeoBox | None = None,
    step: int | None = None,
    title: str = "",
    subtitle: str = "",
) -> Figure:
    """Draw an image, such as a composite, in the same frame as the map.

    Parameters
    ----------
    rgba : ndarray of uint8, shape (y, x, 4)
        As `composite` returns it.
    grid, step, title, subtitle
        As for `map_figure`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    frame = _frame(rgba.shape[:2], grid, step)
    figure, axes = open_figure(frame, title, subtitle, right=0.2)
    frame.draw(axes, rgba, nodata=bool((rgba[..., 3] == 0).any()))
    return figure


def metres_across(shape: tuple[int, ...], grid: GeoBox) -> float | None:
    """Return the metres on the ground of a whole map's width, None without a CRS."""
    if grid.crs is None:
        return None
    ground = _frame(shape, grid, None).ground
    return None if ground is None else ground[0]


def _frame(shape: tuple[int, ...], grid: GeoBox | None, step: int | None) -> Frame:
    """Return the frame of an array that shows a grid, whole or every so many pixels."""
    rows, columns = grid.shape if grid is not None else shape
    down, across = (step, step) if step else (rows / shape[0], columns / shape[1])
    if grid is None or grid.crs is None:
        left, top = first_pixel(grid) if grid is not None else (0.0, 0.0)
        return Frame(shape, (across, 0.0, left, 0.0, down, top))
    a, b, c, d, e, f = tuple(grid.affine)[:6]
    return Frame(shape, (a * across, b * down, c, d * across, e * down, f), grid.crs)


def _draw_numbers(
    axes: Any, labels: NDArray[np.uint8], numbers: Sequence[int], frame: Frame
) -> None:
    """Write numbers on the units, so that who cannot tell their colours can read the map."""
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2.0, foreground="white", alpha=0.85)]
    for place in number_places(labels, numbers):
        x, y = frame.coordinates(place.column + 0.5, place.row + 0.5)
        axes.text(
            x, y, str(place.number), size=7.5, color=INK, ha="center", va="center_baseline",
            path_effects=halo,
        )  # fmt: skip


def _draw_legend(
    figure: Figure, frame: Frame, units: Sequence[Unit], lines: int, *, empty: bool
) -> None:
    """Write number, name and share of each unit beside the map, column by column."""
    from matplotlib.patches import Rectangle

    left, top = MARGIN["left"] + frame.width + 0.3, frame.top
    axes = frame.panel(figure)
    axes.text(left, top - 0.07, "Legend", size=10, weight="bold", va="center", color=INK)
    axes.text(
        left + COLUMN - 0.12, top - 0.07, "share", size=7.5, ha="right", va="center", color=MUTED
    )
    below = top - 0.27
    for i, unit in enumerate(units[:SHOWN_UNITS]):
        x, y = left + COLUMN * (i // lines), below - LINE * (i % lines) - 0.09
        axes.add_patch(Rectangle((x, y - 0.08), 0.32, 0.16, fc=unit.colour, ec=INK, lw=0.5))
        axes.text(
            x + 0.16,
            y,
            str(unit.number),
            size=7,
            ha="center",
            va="center_baseline",
            color=INK if oklab(rgb_of([unit.colour]))[0, 0] > 0.62 else "white",
        )
        name = _in_lines(unit.name)
        axes.text(
            x + 0.42, y, name, size=6 if "\n" in name else 8, va="center", color=INK,
            linespacing=1.05,
        )  # fmt: skip
        axes.text(
            x + COLUMN - 0.12, y, _percent(unit.share), size=8, ha="right", va="center", color=MUTED
        )
    y = below - LINE * min(lines, len(units)) - 0.12
    if empty:
        axes.add_patch(
            Rectangle((left, y - 0.08), 0.32, 0.16, fc="white", ec="#bbbbbb", lw=0.5, hatch="/////")
        )
        axes.text(left + 0.42, y, "Not mapped", size=8, va="center", color=MUTED)
        y -= LINE
    if len(units) > SHOWN_UNITS:
        axes.text(left, y, f"and {len(units) - SHOWN_UNITS} more units", size=8, color=MUTED)


def _in_lines(name: str, most: int = 19, narrow: int = 24) -> str:
    """Fit a name to the width of the legend: in two lines of small letters if it is long.

    What is longer still ends in an ellipsis. A dollar sign is no formula.
    """
    if len(name) > most:
        rows = wrap(name, narrow)
        first, rest = rows[0], " ".join(rows[1:])
        if len(rest) > narrow:
            rest = rest[: narrow - 1].rstrip() + "…"
        name = f"{first}\n{rest}" if rest else first
    return name.replace("$", r"\$")


def _percent(share: float) -> str:
    """Return a share in words that never round something to nothing."""
    return "< 0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"


def composite(cube: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Stretch three bands into an image, each from its 2nd to its 98th percentile.

    Parameters
    ----------
    cube : ndarray of float, shape (3, y, x)
        Red, green and blue; NaN = no data.

    Returns
    -------
    ndarray of uint8, shape (y, x, 4)
        Transparent where any band has no data; a constant band is mid-grey.
    """
    valid = np.isfinite(cube).all(axis=0)
    image = np.zeros((*cube.shape[1:], 4), np.uint8)
    image[..., 3] = np.where(valid, 255, 0)
    for i, band in enumerate(cube):
        if not valid.any():
            break
        low, high = np.percentile(band[valid].astype(np.float64), [2, 98])
        if high > low:
            level = np.clip((band[valid].astype(np.float64) - low) / (high - low), 0, 1)
        else:
            level = np.full(int(valid.sum()), 0.5)
        image[valid, i] = np.rint(level * 255).astype(np.uint8)
    return image


# Range and best wavelength, in micrometres, of the colours that composites are made of.
_COLOURS = {
    "swir2": (2.05, 2.40, 2.20),
    "swir1": (1.50, 1.80, 1.65),
    "nir": (0.76, 0.96, 0.86),
    "red": (0.61, 0.70, 0.66),
    "green": (0.51, 0.60, 0.56),
    "blue": (0.43, 0.51, 0.48),
}
_COMMON = {"swir22": "swir2", "swir16": "swir1", "nir": "nir", "nir08": "nir", "nir09": "nir"} | {
    colour: colour for colour in ("red", "green", "blue")
}
# Best for rocks first: clay and carbonate absorb in SWIR2, iron in the blue, plants shine
# in the NIR.
_TRIPLES = (
    ("swir2", "nir", "blue"),
    ("swir2", "nir", "green"),
    ("swir2", "swir1", "blue"),
    ("swir1", "nir", "blue"),
    ("swir1", "nir", "green"),
    ("nir", "red", "green"),
    ("nir", "red", "blue"),
    ("red", "green", "blue"),
)


def choose_composite(bands: Sequence[Band]) -> tuple[int, int, int]:
    """Choose the bands to show as red, green and blue.

    Parameters
    ----------
    bands : sequence of Band
        One or more. Wavelengths decide, then common names.

    Returns
    -------
    tuple of int
        SWIR2, NIR and blue where there are such bands, else the next best for geology, else
        three bands spread over those there are; fewer than three are repeated.
    """
    found = {name: _find(bands, name) for name in _COLOURS}
    for red, green, blue in _TRIPLES:
        picked = found[red], found[green], found[blue]
        if None not in picked:
            return picked  # type: ignore[return-value]
    if len(bands) < 3:
        return 0, len(bands) - 1, len(bands) - 1
    if all(band.wavelength_um for band in bands):
        order = sorted(range(len(bands)), key=lambda i: -(bands[i].wavelength_um or 0))
        return order[0], order[len(order) // 2], order[-1]
    return 0, 1, 2


def _find(bands: Sequence[Band], colour: str) -> int | None:
    """Return the band nearest to a colour's best wavelength, if one is in its range."""
    low, high, best = _COLOURS[colour]
    fits = [
        (abs(band.wavelength_um - best), i)
        for i, band in enumerate(bands)
        if band.wavelength_um is not None and low <= band.wavelength_um <= high
    ]
    if fits:
        return min(fits)[1]
    named = [
        i
        for i, band in enumerate(bands)
        if band.wavelength_um is None and _COMMON.get((band.common_name or "").lower()) == colour
    ]
    return named[0] if named else None


def to_png(figure: Figure, dpi: int = DPI) -> bytes:
    """Return a figure as PNG, the same bytes for the same figure.

    Letters that the usual font lacks are drawn in one that has them, if any is installed.
    """
    target = io.BytesIO()
    if missing := with_letters(figure):
        log.warning(
            "map.png has boxes for letters that no installed font has: %s (fonts that would do: "
            "%s)", missing, ", ".join(FONTS[:3]),
        )  # fmt: skip
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(target, format="png", dpi=dpi, metadata={"Software": None})
    return target.getvalue()


#: Fonts of many scripts that systems come with; those that are installed are asked in turn.
FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans", "Source Han Sans SC", "Microsoft YaHei",
    "Yu Gothic", "Malgun Gothic", "PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo",
    "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "IPAGothic", "Noto Sans Arabic", "Arial Unicode MS",
    "Arial",
)  # fmt: skip


def with_letters(figure: Figure) -> str:
    """Give texts fonts that have their letters; return those that none has."""
    from matplotlib import font_manager
    from matplotlib.ft2font import FT2Font
    from matplotlib.text import Text

    def letters(name: str) -> set[int]:
        return set(FT2Font(font_manager.findfont(name)).get_charmap())

    texts = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    wanted = {ord(c) for text in texts for c in text.get_text() if c.isprintable()}
    wanted -= letters("DejaVu Sans")
    if not wanted:
        return ""
    installed = {entry.name for entry in font_manager.fontManager.ttflist}
    families = ["DejaVu Sans", *(name for name in FONTS if name in installed)]
    for text in texts:
        text.set_fontfamily(families)
    for name in families[1:]:
        wanted -= letters(name)
    return "".join(map(chr, sorted(wanted)))


def to_svg(figure: Figure) -> str:
    """Return a figure as SVG, the same text for the same figure: no date, no random ids."""
    import matplotlib

    target = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "outcrop", "svg.fonttype": "path"}):
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    return target.getvalue()
