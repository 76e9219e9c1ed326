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

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from odc.geo.geobox import GeoBox

__all__ = ["map_figure", "metres_across", "to_png", "to_svg"]

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
