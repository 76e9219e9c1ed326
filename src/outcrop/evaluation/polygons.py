"""Reference polygons, drawn on the grid of the map."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from outcrop.errors import ReferenceMapError, unknown_name
from outcrop.evaluation.grid import MapGrid, Mask, Values
from outcrop.evaluation.reference import Ignored, crs_name, number
from outcrop.evaluation.scores import Label
from outcrop.grid import turn, turned

if TYPE_CHECKING:
    from rasterio.windows import Window


def layers_of(path: str | Path) -> dict[str, list[str]]:
    """Return the vector layers of a file and their fields; empty if it holds none."""
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        named = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
        return {n: [str(f) for f in pyogrio.read_info(path, layer=n)["fields"]] for n in named}
    except (DataSourceError, DataLayerError):
        return {}


class PolygonReference:
    """Polygons with a class each; a pixel has the class of the polygon its centre lies in.

    Where polygons overlap, the later one in the file counts. Points label the pixel that
    they lie in; lines label nothing. Null and empty classes are unlabelled.

    Parameters
    ----------
    path : str or Path
        What pyogrio reads.
    layers : dict of str to list of str
        As `layers_of` returns it.
    grid : MapGrid
        The map.
    field : str
        The column that holds the class: text or whole numbers.
    layer : str, optional
        The layer; the first that has the field if not given.
    ignore : sequence of int, float or str, optional
        Classes that mean "no label".

    Raises
    ------
    ReferenceMapError
        If the field or layer is missing or unknown, holds no classes, or nothing lies on
        the map.
    """

    def __init__(
        self,
        path: str | Path,
        layers: dict[str, list[str]],
        grid: MapGrid,
        *,
        field: str | None,
        layer: str | None = None,
        ignore: Sequence[Ignored] | None = None,
    ) -> None:
        self._what = f"reference {str(path)!r}"
        self._grid = grid
        layer, field = _choose(self._what, layers, layer, field)
        frame = _read(path, layer, field, self._what)
        labels = _classes(frame[field], ignore, self._what, field)
        frame, drawn = _onto(frame, grid)
        keep = labels.notna().to_numpy() & _drawable(frame)
        notes = [drawn] if drawn else []
        lost = int((frame.geom_type.isin(["LineString", "MultiLineString"]) & labels.notna()).sum())
        if lost:
            notes.append(f"{lost} lines of the reference label nothing")
        self.notes: tuple[str, ...] = tuple(notes)
        self._index(frame.geometry[keep].to_numpy(), labels[keep].tolist())

    def _index(self, shapes: Any, labels: list[Label]) -> None:
        """Give the classes numbers from 1 and put the shapes into a tree by place."""
        import shapely

        if not len(shapes):
            raise ReferenceMapError(
                f"{self._what} holds no polygon with a class; check the field and --ignore"
            )
        self._names = sorted(set(labels), key=lambda v: (isinstance(v, str), v))
        code = {label: i for i, label in enumerate(self._names, start=1)}
        self._codes = [code[label] for label in labels]
        self._tree = shapely.STRtree(shapes)
        self._seen = False

    def read(self, window: Window) -> tuple[Values, Mask]:
        """Return class codes (int64) and where there are any, both (y, x), for a window."""
        import shapely
        from rasterio.features import rasterize
        from rasterio.windows import transform as shifted
        from shapely.affinity import affine_transform

        height, width = int(window.height), int(window.width)
        transform = shifted(window, self._grid.transform)
        frame = affine_transform(shapely.box(0, 0, width, height), transform.to_shapely())
        # In the order of the file, since the later polygon counts.
        found = np.sort(self._tree.query(frame, predicate="intersects"))
        if not len(found):
            return np.zeros((height, width), np.int64), np.zeros((height, width), bool)
        self._seen = True
        shapes = [(self._tree.geometries[i], self._codes[i]) for i in found]
        codes = rasterize(
            shapes, (height, width), fill=0, transform=transform, dtype=np.int32
        ).astype(np.int64)
        return codes, codes > 0

    def name(self, value: int) -> Label:
        """Return the class of that code, as the field has it."""
        return self._names[value - 1]

    def overlaps(self) -> bool:
        """Whether anything of what was read so far touched a polygon."""
        return self._seen

    def close(self) -> None:
        """Nothing is open."""


def _choose(
    what: str, layers: dict[str, list[str]], layer: str | None, field: str | None
) -> tuple[str, str]:
    """Return the layer and the field, or say which there are."""
    if layer is not None and layer not in layers:
        raise ReferenceMapError(f"{what}: " + unknown_name("layer", layer, layers))
    searched = layers if layer is None else {layer: layers[layer]}
    fields = sorted({f for names in searched.values() for f in names})
    if field is None:
        raise ReferenceMapError(
            f"{what} holds polygons: say which field holds the class (--field); "
            f"it has: {', '.join(fields) or 'none'}"
        )
    for name, names in searched.items():
        if field in names:
            return name, field
    raise ReferenceMapError(f"{what}: " + unknown_name("field", field, fields))


def _read(path: str | Path, layer: str, field: str, what: str) -> Any:
    """Read the shapes and the one column."""
    import pyogrio

    try:
        return pyogrio.read_dataframe(path, layer=layer, columns=[field])
    except Exception as error:  # GDAL's drivers raise what they like on damaged files
        raise ReferenceMapError(f"{what} cannot be read: {error}") from error


def _classes(column: Any, ignore: Sequence[Ignored] | None, what: str, field: str) -> Any:
    """Return the classes as int or str, None where unlabelled."""
    import pandas as pd
    from pandas.api import types

    if types.is_bool_dtype(column) or types.is_string_dtype(column.dropna()):
        texts = column.map(lambda v: None if pd.isna(v) or not str(v).strip() else str(v))
        unwanted: set[Any] = {str(value) for value in ignore or ()}
    elif types.is_numeric_dtype(column) and (column.dropna() % 1 == 0).all():
        texts = column.map(lambda v: None if pd.isna(v) else int(v))
        unwanted = {number(value, what) for value in ignore or ()}
    else:
        raise ReferenceMapError(
            f"{what}: field {field!r} of type {column.dtype} holds no classes; a class is a "
            "text or a whole number"
        )
    labels = [None if v is None or v != v or v in unwanted else v for v in texts.astype(object)]
    return pd.Series(labels, index=column.index, dtype=object)


def _onto(frame: Any, grid: MapGrid) -> tuple[Any, str | None]:
    """Return the shapes in the map's coordinates, and what has to be said about it."""
    if frame.crs is not None and grid.crs is not None:
        import pyproj

        wanted = pyproj.CRS.from_user_input(grid.crs.to_wkt())
        if frame.crs == wanted:
            return frame, None
        note = f"the reference is reprojected from {crs_name(frame.crs)} to {crs_name(grid.crs)}"
        return frame.to_crs(wanted), note
    lacking = "map" if frame.crs is not None else "reference"
    if frame.crs is None and grid.crs is None:
        lacking = "map and the reference"
    note = f"no CRS in the {lacking}; the polygons' coordinates are taken as the map's"
    frame = frame.set_crs(None, allow_override=True)
    if grid.crs is None and turned(frame, grid.transform):
        if grid.transform.e > 0:
            note += ", with y = -row as QGIS has it"
        frame = turn(frame)
    return frame, note


def _drawable(frame: Any) -> Any:
    """Where a shape has an extent to draw and is no line."""
    kinds = ["Polygon", "MultiPolygon", "Point", "MultiPoint", "GeometryCollection"]
    finite = np.isfinite(frame.bounds.to_numpy()).all(axis=1)
    return (frame.geom_type.isin(kinds) & ~frame.geometry.is_empty).to_numpy() & finite
