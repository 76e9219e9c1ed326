"""What is compared on: scenes, and their references as classes on the scene's own grid."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.config import Input
from outcrop.errors import InputError, ReferenceMapError
from outcrop.evaluation.grid import MapGrid, Reference
from outcrop.evaluation.reference import doubts, open_reference
from outcrop.evaluation.scores import Label
from outcrop.resuming import fingerprint
from outcrop.source import Source

#: Folder of scenes that a comparison made itself.
SCENES = "scenes"

_PART = re.compile(r"(?P<name>[^=]+)=(?P<path>.+)\[(?P<value>[^\]]+)\]")


@dataclass(frozen=True)
class Scene:
    """A scene and where its reference lies.

    Parameters
    ----------
    name : str
        Unlike that of any other scene.
    paths : tuple of str
        As `outcrop.open_scene` takes them.
    reference : str
        A raster, polygons or points; or ``NAME=RASTER[VALUE],…`` with a class each.
    input : Input
        What the scene's files do not say.
    column : str, optional
        Of polygons: the field that holds the class.
    ignore : tuple, optional
        Values of the reference that mean "no label".
    origin : mapping, optional
        What a simulated scene was made from, which then identifies it in place of its files.
    """

    name: str
    paths: tuple[str, ...]
    reference: str
    input: Input = field(default_factory=Input)
    column: str | None = None
    ignore: tuple[int | float | str, ...] | None = None
    origin: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Truth:
    """A reference on the grid of its scene.

    Parameters
    ----------
    codes : ndarray of uint16, shape (y, x)
        Class of each pixel, counted from 1; 0 = not labelled.
    classes : tuple of int or str
        What the reference calls class 1, 2, and so on.
    notes : tuple of str
        What was done to bring it there.
    """

    codes: NDArray[np.uint16]
    classes: tuple[Label, ...]
    notes: tuple[str, ...] = ()

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Where there is a class, shape (y, x)."""
        return np.asarray(self.codes > 0)

    def digest(self) -> str:
        """Return a hash of the classes and of where they are."""
        text = hashlib.sha256(repr((self.classes, self.codes.shape)).encode())
        text.update(np.ascontiguousarray(self.codes).tobytes())
        return text.hexdigest()

    def save(self, path: Path) -> None:
        """Write the codes for the workers."""
        np.savez_compressed(path, codes=self.codes)


def identity(scene: Scene, paths: Sequence[str]) -> Any:
    """Return what tells a scene from any other: its files, or what it was simulated from."""
    return scene.origin or [fingerprint(path) for path in paths]


def read_truth(scene: Scene, source: Source) -> Truth:
    """Read the reference of a scene on the scene's grid.

    Raises
    ------
    ReferenceMapError
        If it cannot be read, does not overlap the scene, or has fewer than two classes there.
    """
    with _empty_map(source) as dataset:
        grid = MapGrid(dataset)
        parts = _parts(scene.reference)
        if parts:
            codes, classes, notes = _joined(parts, grid, scene)
        else:
            codes, classes, notes = _read(scene, scene.reference, grid)
            if classes and scene.ignore is None and scene.column is None:
                notes = (*notes, *doubts(classes, np.bincount(codes.ravel())[1:].tolist()))
    if len(classes) < 2:
        found = f"only class {classes[0]!r}" if classes else "no class"
        raise ReferenceMapError(
            f"reference {scene.reference!r} has {found} on scene {scene.name}; recipes can be "
            "told apart with two classes or more: check the CRS, --field and --ignore"
        )
    return Truth(codes, classes, notes)


def read_strata(path: str, source: Source) -> NDArray[np.int64]:
    """Read the map that a sample was stratified by: stratum of each pixel, 0 = none."""
    with _empty_map(source) as dataset:
        grid = MapGrid(dataset)
        reference = open_reference(path, grid, ignore=(0,))
        try:
            values, labelled = _whole(reference, grid)
            return np.where(labelled, values, 0)
        finally:
            reference.close()


def _empty_map(source: Source) -> Any:
    """Return a raster without pixels on the grid of a scene: what references are read on."""
    import rasterio

    grid = source.grid
    place = {} if grid.affine.is_identity else {"transform": grid.affine}
    return rasterio.MemoryFile().open(
        driver="GTiff", width=grid.shape[1], height=grid.shape[0], count=1, dtype="uint8",
        sparse_ok=True, crs=None if grid.crs is None else grid.crs.to_wkt(), **place,
    )  # fmt: skip


Read = tuple[NDArray[np.uint16], tuple[Label, ...], tuple[str, ...]]


def _read(scene: Scene, path: str, grid: MapGrid) -> Read:
    reference = open_reference(path, grid, field=scene.column, ignore=scene.ignore)
    try:
        values, labelled = _whole(reference, grid)
        found = np.unique(values[labelled])
        if not len(found) and not reference.overlaps():
            raise ReferenceMapError(
                f"reference {path!r} does not overlap scene {scene.name}; check the CRS of both"
            )
        codes = np.where(labelled, np.searchsorted(found, values) + 1, 0).astype(np.uint16)
        return codes, tuple(reference.name(int(v)) for v in found), reference.notes
    finally:
        reference.close()


def _whole(reference: Reference, grid: MapGrid) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    values = np.zeros(grid.shape, np.int64)
    labelled = np.zeros(grid.shape, bool)
    for window in grid.windows():
        rows = slice(int(window.row_off), int(window.row_off + window.height))
        values[rows], labelled[rows] = reference.read(window)
    return values, labelled


@dataclass(frozen=True)
class _Part:
    """A class that is one value of a raster."""

    name: str
    path: str
    value: str = field(default="1")


def _parts(reference: str) -> list[_Part]:
    """Read ``NAME=RASTER[VALUE],…``; nothing if it is a path."""
    if Path(reference).exists() or "=" not in reference:
        return []
    found = [_PART.fullmatch(text.strip()) for text in reference.split(",")]
    if not all(found):
        raise InputError(
            f"--reference {reference!r}: neither a file nor classes as NAME=RASTER[VALUE], joined "
            "by commas"
        )
    return [_Part(*match.group("name", "path", "value")) for match in found if match]


def _joined(parts: Sequence[_Part], grid: MapGrid, scene: Scene) -> Read:
    """Lay classes that each are a value of a raster onto each other; the first has the say."""
    codes = np.zeros(grid.shape, np.uint16)
    names = list(dict.fromkeys(p.name for p in parts))
    notes: list[str] = []
    for part in parts:
        reference = open_reference(part.path, grid, ignore=())
        try:
            values, labelled = _whole(reference, grid)
        finally:
            reference.close()
        notes += reference.notes
        here = labelled & (values == _number(part)) & (codes == 0)
        if not here.any():
            raise ReferenceMapError(
                f"reference {part.path!r} has the value {part.value} nowhere on scene {scene.name}"
            )
        codes[here] = names.index(part.name) + 1
    return codes, tuple(names), tuple(dict.fromkeys(notes))


def _number(part: _Part) -> int:
    try:
        return int(part.value)
    except ValueError:
        raise InputError(
            f"--reference {part.name}={part.path}[{part.value}]: the value is a whole number"
        ) from None
