"""What several dates of one place say of the masks: what is clear on others, what never is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.engine import TILE, cut, some_of
from outcrop.mosaic import MaskedSource, MosaicSource, offsets_of, overlap
from outcrop.reasons import CLEAR, CODES, FILL, OUTSIDE, SWITCHES
from outcrop.source import Source, Window, has_reasons, leaves, read_reasons

#: Tiles that are looked at, at most; which ones is fixed.
TILES = 64
#: Part of the other dates that must be clear, or masked, to count.
MOST = 0.5
#: Part of the masked observations from which on the user is told.
MATTERS = 0.5
#: Dates that a pixel needs for a mask to be called persistent, and observations to speak of.
DATES, LEAST = 3, 100
#: Columns of the counts: masked observations that have another date, those of them that are
#: clear on most others, those with three dates, and those of them masked on most dates.
_COLUMNS = 4


def date_facts(source: Source) -> dict[str, dict[str, float]]:
    """Compare the masks of the scenes of a mosaic or a composite where they overlap.

    Parameters
    ----------
    source : Source

    Returns
    -------
    dict
        By reason: ``observations`` that were masked for it and have another date, the share of
        them that is ``clear_on_others`` (on more than half of the other dates), and the share
        that is ``persistent`` (masked for it on half of at least three dates; None without
        such). Of up to `TILES` tiles, within the area of interest. Empty without several dates
        that tell reasons.
    """
    total = np.zeros((len(SWITCHES), _COLUMNS), np.int64)
    area = next((leaf for leaf in leaves(source) if isinstance(leaf, MaskedSource)), None)
    for leaf in leaves(source):
        if isinstance(leaf, MosaicSource) and len(leaf.parts) > 1 and has_reasons(leaf):
            total += _counted(leaf, area)
    return {name: _facts(row) for name, row in zip(SWITCHES, total, strict=True) if row[0]}


def _facts(row: NDArray[np.int64]) -> dict[str, Any]:
    masked, clear, several, persistent = (int(v) for v in row)
    return {
        "observations": masked,
        "clear_on_others": clear / masked,
        "persistent": persistent / several if several else None,
    }


def date_notes(facts: dict[str, dict[str, Any]]) -> list[str]:
    """Say where masked pixels are mostly clear on other dates, and where they never are."""
    notes = []
    for name, found in facts.items():
        if found["observations"] < LEAST:
            continue
        if found["clear_on_others"] >= MATTERS:
            notes.append(
                f"{found['clear_on_others']:.0%} of what is masked as {name} is clear on most of "
                "the other dates"
            )
        if (found["persistent"] or 0) >= MATTERS:
            notes.append(
                f"{found['persistent']:.0%} of what is masked as {name} is so on half of its dates "
                f"or more: bright or dark ground may be taken for {name} (map again without it in "
                "--mask and look)"
            )
    return notes


def _counted(mosaic: MosaicSource, area: MaskedSource | None) -> NDArray[np.int64]:
    """Count the observations of a mosaic, or of the part of it within an area."""
    row, col = offsets_of([mosaic, area])[1] if area else (0, 0)
    blocks = cut((area or mosaic).grid.shape, TILE)
    total = np.zeros((len(SWITCHES), _COLUMNS), np.int64)
    for block in some_of(blocks, TILES, 0xDA7E):
        core = block.core
        window = core.shifted(row, col)
        codes = [c for part in _parts(mosaic) if (c := part.codes(window)) is not None]
        if area is not None:
            outside = area.outside(core)
            for seen in codes:
                seen[outside] = OUTSIDE
        if len(codes) > 1:
            total += count_dates(codes)
    return total


@dataclass(frozen=True)
class _Part:
    source: Source
    window: Window

    def codes(self, window: Window) -> NDArray[np.uint8] | None:
        """Return the reasons within a window of the mosaic, fill where the scene does not reach."""
        here = overlap(window, self.window)
        if here is None:
            return None
        out = np.full((window.height, window.width), FILL, np.uint8)
        own = here.shifted(-self.window.row, -self.window.col)
        out[here.inside(window)] = read_reasons(self.source, own)[1]
        return out


def _parts(mosaic: MosaicSource) -> list[_Part]:
    return [_Part(s, Window(row, col, *s.grid.shape)) for s, row, col in mosaic.parts]


def count_dates(codes: Sequence[NDArray[np.uint8]]) -> NDArray[np.int64]:
    """Count masked observations of a window.

    Parameters
    ----------
    codes : sequence of ndarray of uint8, shape (y, x)
        Reasons of each date.

    Returns
    -------
    ndarray of int64, shape (reasons, 4)
        For each of `SWITCHES`: observations with another date, those clear on more than half of
        the others, those with three dates or more, those masked on half of these or more.
    """
    dates = np.stack(codes)
    seen = ((dates != FILL) & (dates != OUTSIDE)).sum(axis=0)
    clear = (dates == CLEAR).sum(axis=0)
    mostly = clear > MOST * (seen - 1)  # none of the clear ones is the masked one itself
    table = np.zeros((len(SWITCHES), _COLUMNS), np.int64)
    for row, name in zip(table, SWITCHES, strict=True):
        times = (dates == CODES[name]).sum(axis=0)
        several = seen >= DATES
        row[:] = (
            times[seen > 1].sum(),
            times[(seen > 1) & mostly].sum(),
            times[several].sum(),
            times[several & (times >= MOST * seen)].sum(),
        )
    return table
