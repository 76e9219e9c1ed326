"""Spectra, units and coordinates of places on a map: a pixel, or what a polygon holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.confidence import UNLIKE
from outcrop.engine import TILE
from outcrop.errors import InputError
from outcrop.grid import first_pixel, row_areas
from outcrop.products.cutting import cut, ring_mask
from outcrop.products.edits import Edited, Split, new_number, ring_of
from outcrop.rasters import open_quietly
from outcrop.source import Window
from outcrop.unitstats import UnitSums
from outcrop.web.imagery import pixels_of
from outcrop.web.runs import Run

#: Library spectra that are named beside a measured one.
NEAREST = 5
Ring = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Labels:
    """The labels of a map with the splits cut into them, window by window."""

    run: Run
    splits: tuple[Split, ...]

    def read(self, dataset: Any, window: Window) -> NDArray[np.uint8]:
        """Return (height, width) of labels; ``dataset`` is ``units.tif``."""
        labels: NDArray[np.uint8] = dataset.read(1, window=window.to_rasterio())
        return cut(labels, self.splits, self.run.grid, row=window.row, col=window.col)


def mask_of(run: Run, ring: Ring, window: Window) -> NDArray[np.bool_] | None:
    """Return which pixels of a window have their centre in a ring; None where none can."""
    pixels = run.place.to_pixels(np.asarray(ring, np.float64))
    return ring_mask(pixels - (window.col, window.row), (window.height, window.width))


def windows_around(run: Run, ring: Ring, size: int = 2 * TILE) -> Iterator[Window]:
    """Cut the part of a map that a ring may touch into windows of bounded size."""
    rows, cols = run.grid.shape
    pixels = run.place.to_pixels(np.asarray(ring, np.float64))
    low = np.clip(np.floor(pixels.min(axis=0)), 0, (cols, rows)).astype(int)
    high = np.clip(np.ceil(pixels.max(axis=0)), 0, (cols, rows)).astype(int)
    for row in range(low[1], high[1], size):
        for col in range(low[0], high[0], size):
            yield Window(row, col, min(size, high[1] - row), min(size, high[0] - col))


def sums_inside(run: Run, state: Edited, ring: Ring) -> UnitSums:
    """Sum pixels, areas and bands of each unit inside a ring of the map's CRS.

    Without imagery the bands are summed as NaN; pixels and areas are right then too.
    """
    areas, bands = row_areas(run.grid), len(state.bands)
    owner = np.zeros(256, np.uint8)
    owner[list(state.unit_of)] = list(state.unit_of.values())
    labels, table = Labels(run, state.splits), np.zeros((256, 2 + 2 * bands))
    with open_quietly(str(run.folder / "units.tif")) as units, _bands_of(run, bands) as read:
        for window in windows_around(run, ring):
            inside = mask_of(run, ring, window)
            if inside is None or not inside.any():
                continue
            drawn = np.where(inside, owner[labels.read(units, window)], 0).astype(np.uint8)
            data = read(window.to_rasterio()).astype(np.float32)
            rows = areas[window.row : window.row + window.height]
            table += UnitSums.of_tile(data, drawn, rows).table
    return UnitSums(table)


def _bands_of(run: Run, bands: int) -> Any:
    """Return a reader of the bands; of NaN where there is no imagery yet."""
    from contextlib import nullcontext

    if run.image.is_file():
        return pixels_of(run.image)
    return nullcontext(lambda window: np.full((bands, window.height, window.width), np.nan))


def split_edit(run: Run, state: Edited, unit: int, ring_degrees: Ring, name: str) -> dict[str, Any]:
    """Return the edit that splits off what a polygon holds of a unit, with what it measures.

    Raises
    ------
    InputError
        If the polygon is none, or holds nothing of the unit.
    """
    from outcrop.products.colours import further_colours

    ring = ring_of(polygon(run, ring_degrees))
    sums = sums_inside(run, state, ring)
    number = new_number(state)
    mean, sd = (_or_none(v) for v in sums.mean_and_sd(unit))
    taken = [u.colour for u in state.units.values()]
    return {
        "op": "split", "unit": unit, "new": number, "name": name.strip() or f"Unit {number}",
        "colour": further_colours(taken, 1)[0],
        "polygon": {"type": "Polygon", "coordinates": [[list(p) for p in ring]]},
        "part": {
            "pixels": int(sums.pixels[unit]),
            "area": float(sums.areas[unit]) if run.grid.crs is not None else None,
            "mean": mean, "sd": sd,
        },
    }  # fmt: skip


def polygon(run: Run, ring_degrees: Ring) -> dict[str, Any]:
    """Return a ring of the browser as a GeoJSON polygon in the map's CRS, closed."""
    try:
        points = run.place.to_map(ring_degrees)
    except (TypeError, ValueError):
        raise InputError("the polygon is no list of longitudes and latitudes") from None
    ring = points.tolist()
    if ring and ring[0] != ring[-1]:
        ring.append(ring[0])
    return {"type": "Polygon", "coordinates": [ring]}


def look_at_point(run: Run, at: Sequence[float]) -> dict[str, Any]:
    """Say what is at a point of the browser: unit, spectrum, confidence and coordinates."""
    point = run.place.to_map([at])
    pixel = np.floor(run.place.to_pixels(point)[0])
    if not np.isfinite(pixel).all():  # where the map's projection has no place
        return {"kind": "point", "crs": None, "degrees": list(at), "unit": None, "outside": True}
    col, row = pixel.astype(int).tolist()
    rows, cols = run.grid.shape
    left, top = (int(v) for v in first_pixel(run.grid))
    named = {"row": row + top, "column": col + left}  # of the scene, of which it may be a part
    facts = {"kind": "point", **_coordinates(run, point), **named}
    if not (0 <= row < rows and 0 <= col < cols):
        return {**facts, "unit": None, "outside": True}
    state, window = run.edited(), Window(row, col, 1, 1)
    with open_quietly(str(run.folder / "units.tif")) as units:
        label = int(Labels(run, state.splits).read(units, window)[0, 0])
    facts["unit"] = state.unit_of.get(label)
    if run.image.is_file():
        with pixels_of(run.image) as read:
            facts["spectrum"] = _or_none(read(window.to_rasterio())[:, 0, 0])
    facts["confidence"] = _confidence(run, [window], None)
    facts["unlike"] = facts["confidence"] == UNLIKE
    return facts


def look_at_polygon(run: Run, ring_degrees: Ring) -> dict[str, Any]:
    """Say what a polygon of the browser holds: units, mean spectrum, confidence, area."""
    ring = ring_of(polygon(run, ring_degrees))
    state = run.edited()
    sums = sums_inside(run, state, ring)
    pixels = sums.pixels.copy()
    pixels[0] = 0
    facts: dict[str, Any] = {
        "kind": "polygon",
        **_coordinates(run, np.array(ring[:-1]).mean(axis=0, keepdims=True)),
        "pixels": int(pixels.sum()),
        "area": float(sums.areas[1:].sum()) if run.grid.crs is not None else None,
        "units": [
            {"unit": int(n), "pixels": int(pixels[n])}
            for n in np.argsort(-pixels, kind="stable") if pixels[n]
        ],
    }  # fmt: skip
    if pixels.sum():
        table = np.zeros_like(sums.table)
        table[1] = sums.table[1:].sum(axis=0)
        mean, sd = UnitSums(table).mean_and_sd(1)
        facts |= {"unit": facts["units"][0]["unit"], "spectrum": _or_none(mean), "sd": _or_none(sd)}
        facts["confidence"] = _confidence(run, list(windows_around(run, ring)), ring)
    return facts


def _coordinates(run: Run, point: NDArray[np.float64]) -> dict[str, Any]:
    degrees = run.place.to_degrees(point)
    return {
        "crs": None if run.grid.crs is None else point[0].tolist(),
        "degrees": None if degrees is None else degrees[0].tolist(),
    }


def _confidence(run: Run, windows: Sequence[Window], ring: Ring | None) -> float | None:
    """Return the mean confidence in percent; None where it is not known."""
    path = run.layer("confidence")
    if path is None:
        return None
    total, count = 0.0, 0
    with open_quietly(str(path)) as dataset:
        for window in windows:
            values = dataset.read(1, window=window.to_rasterio())
            known = (values <= 100) & (values != dataset.nodata)
            if ring is not None:
                inside = mask_of(run, ring, window)
                known &= False if inside is None else inside
            total += float(values[known].sum())
            count += int(known.sum())
    return total / count if count else None


def nearest(
    names: Sequence[str], library: NDArray[np.float64], spectrum: Sequence[float]
) -> list[dict[str, Any]]:
    """Name the spectra of a library with the smallest angle to a measured one.

    The angle between spectra as vectors does not change with brightness (Kruse et al. 1993,
    Remote Sensing of Environment 44).

    Parameters
    ----------
    names : sequence of str
    library : ndarray of float64, shape (spectra, bands)
        As the bands of the spectrum see it; NaN where it was not measured, which is left out.
    spectrum : sequence of float, shape (bands,)

    Returns
    -------
    list of dict
        ``name``, ``angle`` in degrees and ``values``, the nearest first.
    """
    measured = np.asarray(spectrum, float)
    both = np.isfinite(library) & np.isfinite(measured)
    theirs, ours = np.where(both, library, 0), np.where(both, measured, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        lengths = np.linalg.norm(theirs, axis=1) * np.linalg.norm(ours, axis=1)
        cosine = (theirs * ours).sum(axis=1) / lengths
    # In few bands any two spectra are alike.
    cosine[both.sum(axis=1) < max(3, len(measured) - 1)] = np.nan
    order = np.argsort(-cosine, kind="stable")[:NEAREST]
    return [
        {
            "name": names[i],
            "angle": float(np.degrees(np.arccos(np.clip(cosine[i], -1, 1)))),
            "values": _or_none(library[i], any_nan=False),
        }
        for i in order
        if np.isfinite(cosine[i])
    ]


def _or_none(values: Any, *, any_nan: bool = True) -> list[float | None] | None:
    """Return numbers as JSON has them; None instead of a spectrum with holes."""
    numbers = [float(v) if np.isfinite(v) else None for v in values]
    return None if any_nan and None in numbers else numbers
