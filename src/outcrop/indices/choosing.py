"""Which indices bands can make, why not the others, and their planes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.errors import RecipeError, SceneError, unknown_name
from outcrop.indices.places import SWIR2_RANGE
from outcrop.indices.table import INDICES, Index
from outcrop.sensors.base import Band

Floats = NDArray[np.float32]

#: Smaller values are raised to it before they are divided: reflectance of a thousandth is noise.
FLOOR = np.float32(1e-3)
ALL = "all"


@dataclass(frozen=True)
class Ready:
    """An index and the positions of the bands that make each of its places."""

    index: Index
    positions: tuple[tuple[int, ...], ...]

    @property
    def name(self) -> str:
        """The index's name."""
        return self.index.name

    def __call__(self, data: Floats) -> Floats:
        """Compute it of bands along the first axis; values are floored at `FLOOR` first.

        NaN stays NaN. Each value depends on its own pixel alone, bit for bit.
        """
        return self.index.compute(*(_mean(data, places) for places in self.positions))

    def said(self, bands: Sequence[Band]) -> str:
        """Say which bands make which place."""
        return ", ".join(
            f"{place.name} = {_names([bands[i] for i in found])}"
            for place, found in zip(self.index.needs, self.positions, strict=True)
        )


def _mean(data: Floats, positions: Sequence[int]) -> Floats:
    total: Floats = np.maximum(data[positions[0]], FLOOR)
    for i in positions[1:]:  # one after the other: the order of a sum decides its last bits
        total = total + np.maximum(data[i], FLOOR)
    return total if len(positions) == 1 else total / np.float32(len(positions))


def _names(bands: Sequence[Band]) -> str:
    return bands[0].name if len(bands) == 1 else f"mean of {bands[0].name} to {bands[-1].name}"


def get_index(name: str) -> Index:
    """Return an index by name; RecipeError names those there are."""
    if name not in INDICES:
        raise RecipeError(unknown_name("index", name, INDICES))
    return INDICES[name]


def missing(index: Index, bands: Sequence[Band]) -> str:
    """Say why an index cannot be computed of bands; empty where it can."""
    if not any(b.wavelength_um for b in bands):
        return "the wavelengths of the bands are not known (give --sensor or --bands)"
    places = [p for p in index.needs if not p.find(bands, index.quantities)]
    if places:
        unscaled = [b for b in bands if b.quantity == "unknown"]
        there = [p for p in places if p.find(unscaled, ("unknown",))]
        if there:
            return (
                f"{' and '.join(p.name for p in there)} must be {' or '.join(index.quantities)}, "
                "and the scale of the values is not known (give --scale and --offset)"
            )
        return f"no band in {', '.join(str(p) for p in places)}"
    if index.alone:
        low, high = SWIR2_RANGE
        near = [b.name for b in bands if b.wavelength_um and low <= b.wavelength_um <= high]
        if len(near) > 1:
            return (
                f"{', '.join(near[:6])}{', ...' if len(near) > 6 else ''} lie in {low}-{high} um "
                "and tell hydroxyl and carbonate apart: see al_oh and mg_oh_carbonate"
            )
    return ""


def available(bands: Sequence[Band]) -> tuple[tuple[Ready, ...], dict[str, str]]:
    """Return the indices that can be computed of bands, and why the others cannot, by name."""
    why = {name: missing(index, bands) for name, index in INDICES.items()}
    ready = tuple(_ready(INDICES[name], bands) for name in INDICES if not why[name])
    return ready, {name: text for name, text in why.items() if text}


def require(names: Iterable[str], bands: Sequence[Band], scene: str) -> tuple[Ready, ...]:
    """Return indices by name, in the order of the table; ``all`` is every one there can be.

    Raises
    ------
    SceneError
        If one cannot be computed of the bands; the message says what is missing.
    RecipeError
        If there is no such index.
    """
    wanted = set(names)
    if ALL in wanted:
        ready = available(bands)[0]
        if not ready:
            raise SceneError(f"{scene}: no index can be computed; {_first_reason(bands)}")
        return ready
    for name in sorted(wanted):
        why = missing(get_index(name), bands)
        if why:
            raise SceneError(f"{scene}: the index {name} cannot be computed: {why}")
    return tuple(_ready(index, bands) for name, index in INDICES.items() if name in wanted)


def _first_reason(bands: Sequence[Band]) -> str:
    return f"ndvi, for one: {missing(INDICES['ndvi'], bands)}"


def _ready(index: Index, bands: Sequence[Band]) -> Ready:
    return Ready(index, tuple(p.find(bands, index.quantities) for p in index.needs))


def stack(indices: Sequence[Ready], data: Floats) -> Floats:
    """Compute indices of bands (band, ...) as (index, ...)."""
    out: Any = np.empty((len(indices), *data.shape[1:]), np.float32)
    for plane, index in zip(out, indices, strict=True):
        plane[...] = index(data)
    return out  # type: ignore[no-any-return]
