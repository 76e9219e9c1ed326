"""A figure that a notebook shows by itself; pyplot, which teaches notebooks that, is not used."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

#: Dots to an inch on a screen.
DPI = 100


class ShownFigure(Figure):
    """A matplotlib figure that is its picture at the end of a notebook's cell."""

    def _repr_png_(self) -> bytes:
        target = io.BytesIO()
        self.savefig(target, format="png", dpi=DPI)
        return target.getvalue()
