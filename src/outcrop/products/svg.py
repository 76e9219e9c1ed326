"""A small plot as SVG: text stays text, lines stay sharp, and the page's colours apply.

Colours that are not data are CSS classes (``ink``, ``soft``, ``rule``), which the page defines for
light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass
class Plot:
    """A frame with axes, to which lines are added.

    Parameters
    ----------
    width, height : float
        Of the whole, in pixels of the SVG.
    x, y : tuple of float
        Ranges of the axes.
    margins : tuple of float
        Left, top, right, bottom.
    size : float
        Of the text.
    """

    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]
    margins: tuple[float, float, float, float] = (48, 12, 12, 34)
    size: float = 12
    parts: list[str] = field(default_factory=list)

    def across(self, value: float) -> float:
        """Return where a value of x lies."""
        left, _, right, _ = self.margins
        low, high = self.x
        return left + (value - low) / ((high - low) or 1.0) * (self.width - left - right)

    def down(self, value: float) -> float:
        """Return where a value of y lies."""
        _, top, _, bottom = self.margins
        low, high = self.y
        return (
            self.height
            - bottom
            - (value - low) / ((high - low) or 1.0) * (self.height - top - bottom)
        )

    def line(self, x: Floats, y: Floats, *, kind: str = "", style: str = "") -> None:
        """Draw a line; it breaks where a value is NaN."""
        for run in _runs(np.isfinite(x) & np.isfinite(y)):
            points = self._points(x[run], y[run])
            if run.stop - run.start == 1:
                self.dots(x[run], y[run], kind=kind, style=style)
            else:
                self.parts.append(f'<polyline points="{points}"{_look(f"line {kind}", style)}/>')

    def area(self, x: Floats, low: Floats, high: Floats, style: str) -> None:
        """Fill between two lines; it breaks where a value is NaN."""
        for run in _runs(np.isfinite(x) & np.isfinite(low) & np.isfinite(high)):
            both = self._points(
                np.concatenate([x[run], x[run][::-1]]), np.concatenate([low[run], high[run][::-1]])
            )
            self.parts.append(f'<polygon points="{both}"{_look("", style)}/>')

    def dots(
        self, x: Floats, y: Floats, *, radius: float = 2.5, kind: str = "", style: str = ""
    ) -> None:
        """Draw a dot at each point."""
        for a, b in zip(x, y, strict=True):
            if math.isfinite(a) and math.isfinite(b):
                at = f'cx="{self.across(a):.1f}" cy="{self.down(b):.1f}" r="{radius:g}"'
                self.parts.append(f"<circle {at}{_look(f'dot {kind}', style)}/>")

    def text(
        self, at: tuple[float, float], words: str, *, anchor: str = "start", kind: str = "ink",
        turn: float = 0, size: float | None = None,
    ) -> None:  # fmt: skip
        """Write at a place in pixels."""
        x, y = at
        turned = f' transform="rotate({turn:g} {x:.1f} {y:.1f})"' if turn else ""
        look = f'text-anchor="{anchor}" font-size="{size or self.size:g}" class="{kind}"{turned}'
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" {look}>{escape(words)}</text>')

    def rule(self, a: tuple[float, float], b: tuple[float, float], kind: str = "rule") -> None:
        """Draw a straight line between two places in pixels."""
        ends = f'x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}"'
        self.parts.append(f'<line {ends} class="{kind}"/>')

    def axes(self, x_name: str, y_name: str, *, whole_x: bool = False, few: bool = False) -> None:
        """Draw both axes with round numbers and their names."""
        left, top, right, bottom = self.margins
        foot = self.height - bottom
        # Whole numbers are short, and stand closer.
        every_x = (self.width - left - right) / ((3.0 if whole_x else 7.0) * self.size)
        every_y = (self.height - top - bottom) / (3.2 * self.size)
        for value in ticks(*self.y, every_y):
            at = self.down(value)
            self.rule((left, at), (self.width - right, at), "rule grid")
            self.text((left - 5, at + 0.35 * self.size), _number(value), anchor="end", kind="faint")
        for value in ticks(*self.x, every_x, whole=whole_x):
            at = self.across(value)
            self.rule((at, foot), (at, foot + 4))
            self.text((at, foot + 4 + self.size), _number(value), anchor="middle", kind="faint")
        self.rule((left, foot), (self.width - right, foot))
        middle = (left + self.width - right) / 2
        if not few:
            self.text((middle, self.height - 3), x_name, anchor="middle")
            self.text((self.size, (top + foot) / 2), y_name, anchor="middle", turn=-90)

    def to_svg(self, name: str, description: str) -> str:
        """Return the SVG, to stand in a page.

        Parameters
        ----------
        name : str
            Unique in the page: its ids begin with it.
        description : str
            What is to be seen, for who does not see it.
        """
        return (
            f'<svg class="plot" viewBox="0 0 {self.width:g} {self.height:g}" role="img" '
            f'aria-labelledby="{name}-title"><title id="{name}-title">{escape(description)}</title>'
            + "".join(self.parts)
            + "</svg>"
        )

    def _points(self, x: Floats, y: Floats) -> str:
        return " ".join(
            f"{self.across(a):.1f},{self.down(b):.1f}" for a, b in zip(x, y, strict=True)
        )


def ticks(low: float, high: float, about: float, *, whole: bool = False) -> list[float]:
    """Return round values within a range, about so many, and two at least where there is room."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low] if math.isfinite(low) else []
    raw = (high - low) / max(about, 1.0)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= raw * (1 - 1e-9))
    step = max(1.0, float(math.ceil(step))) if whole else step
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def spread_apart(values: Sequence[float], least: float, low: float, high: float) -> list[float]:
    """Move sorted values apart to a least distance, as little as may be, within a range."""
    places = np.array(values, np.float64)
    for _ in range(500):
        short = np.maximum(least - np.diff(places), 0)
        if not (short > 1e-6 * least).any():
            break
        places[1:] += short / 2
        places[:-1] -= short / 2
        places = np.clip(places, low, max(high, low + least * len(places)))
    return [float(place) for place in places]


def _number(value: float) -> str:
    if value and (abs(value) >= 1e6 or abs(value) < 1e-3):
        power = math.floor(math.log10(abs(value)))
        return f"{value / 10.0**power:.3g}e{power}".replace("-", "−")
    return f"{value:,.6g}".replace(",", "\u2009").replace("-", "−")


def _runs(good: NDArray[np.bool_]) -> list[slice]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(np.int8), [0]])))
    return [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _look(kind: str, style: str) -> str:
    kind = kind.strip()
    return (f' class="{kind}"' if kind else "") + (f' style="{style}"' if style else "")
