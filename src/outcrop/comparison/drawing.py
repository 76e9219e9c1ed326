"""A probability sample of a map, as points to visit."""

from __future__ import annotations

import os
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from outcrop.comparison.design import DESIGNS
from outcrop.errors import InputError, OutputError, unknown_name
from outcrop.evaluation.grid import MapGrid, open_map

FORMATS = (".gpkg", ".gpx")


def draw_points(
    map_path: Path, n: int, *, design: str = "stratified", seed: int = 0
) -> tuple[Any, list[str]]:
    """Draw pixels of a map at random, as points in their centres.

    Parameters
    ----------
    map_path : Path
        A raster of units, or the folder of a run.
    n : int
        Points.
    design : {"stratified", "random"}
        By unit, each with at least half of what it would get if all had the same number, the rest
        by area; or regardless of units.
    seed : int

    Returns
    -------
    points : GeoDataFrame
        ``id`` in random order, ``stratum`` (the unit, 0 in a random sample), ``share`` of the
        mapped pixels that the point stands for, and an empty ``class`` to fill in.
    notes : list of str

    Raises
    ------
    InputError
        If there are fewer mapped pixels than points, or fewer points than a design needs.
    """
    import geopandas

    if design not in DESIGNS:
        raise InputError(unknown_name("design", design, DESIGNS))
    grid = open_map(map_path)
    with grid.dataset:
        pixels = _pixels(grid, design)
        counts = _allocated(pixels, n)
        rng = np.random.default_rng([seed, 0x5A3])
        ranks = {
            h: np.sort(rng.choice(pixels[h], m, replace=False)) for h, m in counts.items() if m
        }
        rows, columns, strata = _find(grid, design, ranks)
        t, right, down = grid.transform, columns + 0.5, rows + 0.5
        x, y = t.a * right + t.b * down + t.c, t.d * right + t.e * down + t.f
        crs = None if grid.crs is None else grid.crs.to_wkt()
    total = sum(pixels.values())
    share = [pixels[h] / total / counts[h] for h in strata.tolist()]
    order = rng.permutation(n)
    frame = geopandas.GeoDataFrame(
        {"stratum": strata, "share": share, "class": [None] * n},
        geometry=geopandas.points_from_xy(x, y), crs=crs,
    ).iloc[order].reset_index(drop=True)  # fmt: skip
    frame.insert(0, "id", np.arange(1, n + 1))
    frame["class"] = frame["class"].astype("string")
    few = [h for h, m in counts.items() if m < min(20, pixels[h])]
    notes = []
    if design == "stratified" and few:
        notes.append(
            f"units {', '.join(map(str, few))} have fewer than 20 points: their accuracy will be "
            "uncertain (Olofsson et al. 2014 advise 50 and more)"
        )
    return frame, notes


def write_points(points: Any, out: Path, *, overwrite: bool = False) -> list[Path]:
    """Write points as GeoPackage, as GPX, or with no suffix given as both.

    GPX holds the place and the number alone, so that who visits a point doesn't know the map's
    unit there.

    Raises
    ------
    InputError
        If the suffix is another, or the points have no CRS and should become GPX.
    OutputError
        If a file exists or cannot be written.
    """
    suffix = out.suffix.lower()
    if suffix not in ("", *FORMATS):
        raise InputError(f"--out {out}: give a .gpkg or a .gpx, or a name without either for both")
    if points.crs is None and suffix == ".gpx":
        raise InputError(f"--out {out}: the map has no CRS, and GPX is in degrees; give a .gpkg")
    wanted = [out] if suffix else [out.with_name(out.name + s) for s in FORMATS]
    paths = [p for p in wanted if p.suffix.lower() == ".gpkg" or points.crs is not None]
    for path in paths:
        if path.exists() and not overwrite:
            raise OutputError(f"{path} exists already; choose another name or add --overwrite")
    for path in paths:
        with _draft(path) as draft:
            if path.suffix.lower() == ".gpx":
                draft.write_bytes(_gpx(points))
            else:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of points without a CRS
                    points.to_file(draft, driver="GPKG", layer="points")
    return paths


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    draft = path.with_name(f"{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        os.replace(draft, path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error}); choose another place") from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _gpx(points: Any) -> bytes:
    root = ElementTree.Element(
        "gpx", version="1.1", creator="Outcrop", xmlns="http://www.topografix.com/GPX/1/1"
    )
    for number, point in zip(points["id"], points.geometry.to_crs(4326), strict=True):
        place = ElementTree.SubElement(root, "wpt", lat=f"{point.y:.7f}", lon=f"{point.x:.7f}")
        ElementTree.SubElement(place, "name").text = f"{number}"
    ElementTree.indent(root)
    text: bytes = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    return text


def _strata(grid: MapGrid, design: str) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Return the stratum of each pixel, strip by strip: first row and (y, x); -1 = not mapped."""
    for window in grid.windows():
        units, mapped = grid.read(window)
        yield int(window.row_off), np.where(mapped, units if design == "stratified" else 0, -1)


def _pixels(grid: MapGrid, design: str) -> dict[int, int]:
    pixels: dict[int, int] = {}
    for _, strata in _strata(grid, design):
        for h, m in zip(*np.unique(strata[strata >= 0], return_counts=True), strict=True):
            pixels[int(h)] = pixels.get(int(h), 0) + int(m)
    return pixels


def _allocated(pixels: dict[int, int], n: int) -> dict[int, int]:
    """Share points out among strata."""
    total, many = sum(pixels.values()), len(pixels)
    if n > total:
        raise InputError(f"--n {n}: the map has {total} mapped pixels; draw at most so many")
    if n < 2 * max(many, 1):
        raise InputError(
            f"--n {n}: the map has {many} strata, and each needs two points; draw {2 * many} or "
            "more"
        )
    least = {h: min(m, max(2, n // (2 * many))) for h, m in pixels.items()}
    left = n - sum(least.values())
    counts = {h: min(m, least[h] + int(left * m / total)) for h, m in pixels.items()}
    # What rounding leaves goes to the largest strata that have room.
    for h in sorted(pixels, key=lambda h: -pixels[h]) * n:
        if sum(counts.values()) == n:
            break
        counts[h] += counts[h] < pixels[h]
    return counts


def _find(
    grid: MapGrid, design: str, ranks: dict[int, NDArray[np.int64]]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return rows, columns and strata of the pixels with these ranks in their strata."""
    seen = dict.fromkeys(ranks, 0)
    found: list[tuple[NDArray[Any], ...]] = []
    for row, strata in _strata(grid, design):
        for h, wanted in ranks.items():
            here = np.flatnonzero(strata == h)
            first, last = np.searchsorted(wanted, [seen[h], seen[h] + len(here)])
            chosen = here[wanted[first:last] - seen[h]]
            seen[h] += len(here)
            inside, columns = np.divmod(chosen, strata.shape[1])
            found.append((inside + row, columns, np.full(len(chosen), h)))
    rows, columns, strata = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return rows, columns, strata
