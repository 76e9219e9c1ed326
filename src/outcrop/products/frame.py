"""The frame of a map: its size on paper, coordinates, scale bar and north arrow."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, GRID = "#1c1c1c", "#666666", "#d9d9d9"
#: Inches around the map.
MARGIN = {"left": 0.75, "bottom": 0.62, "top": 0.62}
#: Inches that the map may take.
LARGEST = (7.4, 7.4)
SMALLEST = 1.2


@dataclass
class Frame:
    """Where a raster lies in its coordinates, and how large it is drawn.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    transform : tuple of float
        a, b, c, d, e, f of x = a column + b row + c, y = d column + e row + f.
    crs : anything that `pyproj.CRS.from_user_input` takes, or None
        None: coordinates are columns and rows, and there is no ground to measure on.
    """

    shape: tuple[int, ...]
    transform: tuple[float, float, float, float, float, float]
    crs: Any = None
    _proj: Any = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.crs is not None:
            import pyproj

            wkt = self.crs.to_wkt() if hasattr(self.crs, "to_wkt") else self.crs
            self._proj = pyproj.CRS.from_user_input(wkt)

    @cached_property
    def corners(self) -> NDArray[np.float64]:
        """Coordinates of the four corners, shape (4, 2)."""
        height, width = self.shape
        a, b, c, d, e, f = self.transform
        at = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
        return np.column_stack([a * at[:, 0] + b * at[:, 1] + c, d * at[:, 0] + e * at[:, 1] + f])

    def coordinates(self, column: float, row: float) -> tuple[float, float]:
        """Return x and y of a place in the raster."""
        a, b, c, d, e, f = self.transform
        return a * column + b * row + c, d * column + e * row + f

    @property
    def is_geographic(self) -> bool:
        """Whether coordinates are degrees."""
        return self._proj is not None and bool(self._proj.is_geographic)

    @cached_property
    def aspect(self) -> float:
        """How much longer a unit of y is drawn than one of x."""
        if not self.is_geographic:
            return 1.0
        latitude = math.radians(self.corners[:, 1].mean())
        return 1 / max(math.cos(latitude), 0.05)

    @cached_property
    def size(self) -> tuple[float, float]:
        """Width and height of the map in inches."""
        span = np.ptp(self.corners, axis=0) * (1, self.aspect)
        scale = min(LARGEST[0] / span[0], LARGEST[1] / span[1])
        width, height = np.maximum(span * scale, SMALLEST)
        return float(width), float(height)

    @property
    def width(self) -> float:
        """Width of the map in inches."""
        return self.size[0]

    @property
    def height(self) -> float:
        """Height of the map in inches, and no less than what stands beside it."""
        return self.size[1]

    @property
    def top(self) -> float:
        """Upper edge of the map in inches above the bottom of the figure."""
        return MARGIN["bottom"] + self.sheet_height

    @property
    def sheet_height(self) -> float:
        """Inches from the lower edge of the frame to its upper: a flat map keeps its legend."""
        return max(self.height, 3.2)

    def panel(self, figure: Figure) -> Axes:
        """Return axes over the whole figure that measure in inches."""
        for axes in figure.axes:
            if axes.get_label() == "panel":
                return axes
        width, height = figure.get_size_inches()
        axes = figure.add_axes((0, 0, 1, 1), label="panel", zorder=2)
        axes.set(xlim=(0, width), ylim=(0, height))
        axes.axis("off")
        return axes

    def draw(self, axes: Axes, rgba: NDArray[np.uint8], *, nodata: bool) -> None:
        """Draw the raster in its coordinates, with ticks, and hatching under what is empty."""
        from matplotlib.transforms import Affine2D

        if nodata:
            axes.patch.set(hatch="/////", edgecolor="#c8c8c8", facecolor="white", linewidth=0)
        height, width = self.shape
        a, b, c, d, e, f = self.transform
        to_coordinates = Affine2D.from_values(a, d, b, e, c, f)
        axes.imshow(
            rgba,
            extent=(0, width, height, 0),
            transform=to_coordinates + axes.transData,
            # Blends neighbours only where several pixels share a dot of the paper.
            interpolation="auto",
            interpolation_stage="rgba",
        )
        low, high = self.corners.min(axis=0), self.corners.max(axis=0)
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        if self._proj is None:
            axes.set_ylim(high[1], low[1])
        axes.set_aspect("auto")
        self._label(axes)

    def _label(self, axes: Axes) -> None:
        """Write coordinates along the edges."""
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        names, write = self._axis_words()
        for axis, inches, name in (
            (axes.xaxis, self.width, names[0]),
            (axes.yaxis, self.height, names[1]),
        ):
            axis.set_major_locator(MaxNLocator(max(2, int(inches / 1.3)), steps=[1, 2, 2.5, 5, 10]))
            axis.set_major_formatter(FuncFormatter(write))
            axis.set_label_text(name, size=8, color=MUTED)
        axes.tick_params(labelsize=7.5, color=MUTED, labelcolor=INK, length=3, width=0.6)
        for label in axes.get_yticklabels():
            label.set(rotation=90, va="center")
        for spine in axes.spines.values():
            spine.set(linewidth=0.8, color=INK)

    def _axis_words(self) -> tuple[tuple[str, str], Any]:
        """Return the names of the two axes, and how to write a coordinate."""
        if self._proj is None:
            return ("Column", "Row"), lambda v, _: f"{v:.0f}"
        if self.is_geographic:
            return ("Longitude (°)", "Latitude (°)"), lambda v, _: f"{v:.6g}°".replace("-", "−")
        unit = {"metre": "m", "US survey foot": "ft", "foot": "ft"}
        name = self._proj.axis_info[0].unit_name if self._proj.axis_info else ""
        unit_name = unit.get(name, name)

        def write(value: float, _: Any) -> str:
            return f"{value:,.0f}".replace(",", "\u2009").replace("-", "−")

        return (f"Easting ({unit_name})", f"Northing ({unit_name})"), write

    @cached_property
    def ground(self) -> tuple[float, float] | None:
        """Metres on the ground of the frame's width at its centre, and true north's bearing.

        The bearing is in degrees clockwise from the top of the page. None without a CRS, or
        where the centre has no place on the earth.
        """
        if self._proj is None:
            return None
        import pyproj

        geodetic = self._proj.geodetic_crs
        if geodetic is None:
            return None
        to_degrees = pyproj.Transformer.from_crs(self._proj, geodetic, always_xy=True)
        low, high = self.corners.min(axis=0), self.corners.max(axis=0)
        middle, step = (low + high) / 2, (high[0] - low[0]) / 200
        x = [middle[0] - step, middle[0] + step, middle[0], middle[0]]
        y = [middle[1], middle[1], middle[1] - step, middle[1] + step]
        longitude, latitude = to_degrees.transform(x, y)
        if not np.isfinite([*longitude, *latitude]).all():
            return None
        geod = self._proj.get_geod()
        _, _, metres = geod.inv(longitude[0], latitude[0], longitude[1], latitude[1])
        up, _, _ = geod.inv(longitude[2], latitude[2], longitude[3], latitude[3])
        return metres * 100, -up

    def draw_scale_and_north(self, figure: Figure, left: float) -> None:
        """Draw scale bar, north arrow and the name of the CRS at the foot of the legend."""
        if self.ground is None:
            note = "No coordinate reference system:\npixel coordinates, no scale, no north."
            self.panel(figure).text(
                left, MARGIN["bottom"], note, size=7, color=MUTED, va="bottom", linespacing=1.4
            )
            return
        metres, bearing = self.ground
        bottom = MARGIN["bottom"]
        self._scale_bar(figure, left, bottom + 0.42, metres)
        self._north_arrow(figure, left + 1.72, bottom + 0.62, bearing)
        self.panel(figure).text(
            left, bottom, self._crs_words(), size=7, color=MUTED, va="bottom", linespacing=1.4
        )

    def _crs_words(self) -> str:
        """Return name and code of the CRS, on two lines."""
        authority = self._proj.to_authority()
        name = str(self._proj.name)
        name = name if len(name) < 38 else name[:36] + "…"
        return name + (f"\n{':'.join(authority)}" if authority else "")

    def _scale_bar(self, figure: Figure, left: float, bottom: float, metres: float) -> None:
        """Draw a bar of a round length, black and white."""
        from matplotlib.patches import Rectangle

        axes = self.panel(figure)
        # The longest of 1, 2, 5 times a power of ten that fits the legend's width.
        fits = metres * min(1.35, self.width) / self.width
        power = 10.0 ** math.floor(math.log10(fits))
        length = max(n for n in (1, 2, 5) if n * power <= fits * (1 + 1e-9)) * power
        inches = length / metres * self.width
        for i, colour in enumerate((INK, "white")):
            box = Rectangle((left + i * inches / 2, bottom), inches / 2, 0.055, lw=0.6, ec=INK)
            box.set_facecolor(colour)
            axes.add_patch(box)
        unit, by = ("km", 1000) if length >= 1000 else ("m", 1)
        for at, value in ((0, 0), (0.5, length / 2), (1, length)):
            text = f"{value / by:g}" + (f" {unit}" if at == 1 else "")
            axes.text(left + at * inches, bottom + 0.1, text, size=7, ha="center", color=INK)

    def _north_arrow(self, figure: Figure, x: float, y: float, bearing: float) -> None:
        """Draw an arrow to true north, which the top of the page need not be."""
        from matplotlib.patches import Polygon
        from matplotlib.transforms import Affine2D

        axes = self.panel(figure)
        turn = Affine2D().rotate_deg(-bearing).translate(x, y)
        for side, colour in ((-1, INK), (1, "white")):
            half = turn.transform([(0, 0.26), (side * 0.1, -0.2), (0, -0.12)])
            axes.add_patch(Polygon(half, closed=True, fc=colour, ec=INK, lw=0.7))
        at = turn.transform((0, 0.37))
        axes.text(
            float(at[0]),
            float(at[1]),
            "N",
            size=9,
            weight="bold",
            ha="center",
            va="center",
            color=INK,
        )


def open_figure(frame: Frame, title: str, subtitle: str, right: float) -> tuple[Figure, Axes]:
    """Make a figure around a frame; `right` is in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from outcrop.products.shown import ShownFigure

    width = MARGIN["left"] + frame.width + right
    height = MARGIN["bottom"] + frame.sheet_height + MARGIN["top"]
    figure = ShownFigure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes(
        (
            MARGIN["left"] / width,
            (frame.top - frame.height) / height,
            frame.width / width,
            frame.height / height,
        )
    )
    panel = frame.panel(figure)
    lift = 0.36 if subtitle else 0.2
    panel.text(
        MARGIN["left"], frame.top + lift, title.replace("$", r"\$"), size=13, weight="bold",
        va="baseline", color=INK,
    )  # fmt: skip
    panel.text(
        MARGIN["left"], frame.top + 0.14, subtitle.replace("$", r"\$"), size=8.5, color=MUTED
    )
    return figure, axes
