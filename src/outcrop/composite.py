"""One scene of several dates: at each pixel a value of all its clear observations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcrop.bareness import bareness_of
from outcrop.mosaic import MosaicSource, overlap
from outcrop.reasons import CLEAR, FILL
from outcrop.source import ObservedSource, Window, read_reasons

COMPOSITES = ("first", "median", "geomedian", "barest")
#: Bytes of observations held at once; a window of many dates is composed strip by strip.
BYTES = 256 * 2**20


@dataclass(frozen=True)
class CompositeSource(ObservedSource, MosaicSource):
    """Several scenes of the same bands on one grid, composed pixel by pixel.

    ``kind`` is ``median`` (by band), ``geomedian`` or ``barest`` (the geometric median, weighted
    to bare ground). Every scene is read for every window.
    """

    kind: str = "geomedian"
    counts: bool = True

    def read_observed(
        self, window: Window
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint16]]:
        """Return bands, reasons and, for each pixel, how many scenes have it clear."""
        data = np.full((len(self.bands), window.height, window.width), np.nan, np.float32)
        reasons = np.full((window.height, window.width), FILL, np.uint8)
        clear = np.zeros((window.height, window.width), np.uint16)
        row = 4 * max(1, len(self.parts) * len(self.bands) * window.width)
        rows = max(1, BYTES // row)
        for top in range(0, window.height, rows):
            height = min(rows, window.height - top)
            strip = Window(window.row + top, window.col, height, window.width)
            at = slice(top, top + height)
            data[:, at], reasons[at], clear[at] = self._compose(strip)
        return data, reasons, clear

    def _compose(
        self, window: Window
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint16]]:
        shape = (window.height, window.width)
        reasons, clear = np.full(shape, FILL, np.uint8), np.zeros(shape, np.uint16)
        stack = []
        for source, row, col in self.parts:
            here = overlap(window, Window(row, col, *source.grid.shape))
            if here is None:
                continue
            at = here.inside(window)
            part, codes = read_reasons(source, here.shifted(-row, -col))
            layer = np.full((len(self.bands), *shape), np.nan, np.float32)
            layer[:, *at] = part
            stack.append(layer)
            seen = codes == CLEAR
            clear[at] += seen
            reasons[at] = np.where(seen, reasons[at], np.maximum(reasons[at], codes))
        reasons[clear > 0] = CLEAR
        if not stack:
            return np.full((len(self.bands), *shape), np.nan, np.float32), reasons, clear
        return self._reduced(np.stack(stack)), reasons, clear

    def _reduced(self, stack: NDArray[np.float32]) -> NDArray[np.float32]:
        from outcrop.geomedian import geomedian, median

        if self.kind == "median":
            return median(stack)
        weigh = bareness_of(self.bands, self.name) if self.kind == "barest" else None
        return geomedian(stack, weigh(stack) if weigh else None)
