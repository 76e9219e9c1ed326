"""Snow and water among what is to be mapped, by the products' quality layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from outcrop.engine import TILE, cut, some_of
from outcrop.quality import DecodedSource, QualitySource
from outcrop.reasons import CLEAR, REASONS, SNOW, WATER
from outcrop.source import Source, leaves, read_reasons, replaced

#: What covers the ground and is mapped unless the recipe says otherwise.
COVERS = tuple(r for r in REASONS if r.code in (SNOW, WATER))
#: Tiles that are looked at, at most; which ones is fixed.
TILES = 16
#: Part of the pixels from which on the user is told, and from which on there is little to map.
MATTERS, MOST = 0.05, 0.95


def cover_shares(source: Source) -> dict[str, float]:
    """Measure how much of a scene is snow or water that no mask leaves out.

    Parameters
    ----------
    source : Source

    Returns
    -------
    dict
        Share of the pixels that are mapped, by the name of the reason, in up to `TILES` tiles.
        Where scenes overlap, of those that are so in all of them. Empty where no product tells.
    """
    telling = replaced(source, _telling)
    if telling is source:
        return {}
    covers = [r for r in COVERS if r.name not in _masked(source)]
    counts = np.zeros(256, np.int64)
    for block in some_of(cut(source.grid.shape, TILE), TILES, 0xC0FE):
        counts += np.bincount(read_reasons(telling, block.core)[1].ravel(), minlength=256)
    mapped = counts[[CLEAR, *(r.code for r in covers)]].sum()
    return {r.name: float(counts[r.code] / mapped) for r in covers if counts[r.code]}


def cover_notes(source: Source) -> list[str]:
    """Say how much of what is mapped is snow or water, and how to leave it out."""
    found = {name: share for name, share in cover_shares(source).items() if share >= MATTERS}
    if not found:
        return []
    said = " and ".join(f"{share:.0%} {name}" for name, share in found.items())
    if sum(found.values()) > MOST:
        way = "hardly any ground is left"
    else:
        way = "they are left out by --mask " + ",".join((*_masked(source), *found))
    return [f"of the pixels to map the product calls {said}, which become units as rocks do; {way}"]


def _masked(source: Source) -> tuple[str, ...]:
    """Return the names of what is masked, by the first product's switches."""
    found = (leaf.masks.names for leaf in leaves(source) if isinstance(leaf, QualitySource))
    return next(found, ())


def _telling(source: Source) -> Source:
    """Let a product's quality layers call snow and water by their names, too."""
    if isinstance(source, DecodedSource):
        more = tuple(f for f in source.others if f.reason in (SNOW, WATER))
        return replace(source, flags=(*source.flags, *more), others=()) if more else source
    if isinstance(source, QualitySource):
        layers = tuple(replaced(layer, _telling) for layer in source.layers)
        same = all(a is b for a, b in zip(layers, source.layers, strict=True))
        return source if same else replace(source, layers=layers)
    return source
