"""Reference rasters, read on the grid of the map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from outcrop.errors import ReferenceMapError
from outcrop.evaluation.grid import MapGrid, Mask, Reference, Values, equals, open_raster, whole
from outcrop.evaluation.scores import Label

if TYPE_CHECKING:
    from rasterio.windows import Window

#: A value that stands for "no label", as given in Python or on the command line.
Ignored = int | float | str
#: More values than a map can have units: those of an image.
MANY_CLASSES = 254


def open_reference(
    path: str | Path,
    grid: MapGrid,
    *,
    field: str | None = None,
    layer: str | None = None,
    ignore: Sequence[Ignored] | None = None,
) -> Reference:
    """Open a reference map for reading on the map's grid.

    Parameters
    ----------
    path : str or Path
        A raster that GDAL opens, or polygons that pyogrio opens.
    grid : MapGrid
        The map.
    field, layer : str, optional
        For polygons: the column that holds the class, and the layer, if it is not the
        first that has that column.
    ignore : sequence of int, float or str, optional
        Values that mean "no label", in place of the raster's nodata tag.

    Returns
    -------
    Reference

    Raises
    ------
    ReferenceMapError
        If it cannot be read or does not fit the map.
    """
    from outcrop.evaluation.polygons import PolygonReference, layers_of

    if not Path(path).exists():
        raise ReferenceMapError(f"reference {str(path)!r} does not exist")
    dataset = open_raster(path)
    if field is None and dataset is not None:
        return RasterReference(dataset, grid, ignore)
    layers = layers_of(path)
    if layers:
        if dataset is not None:
            dataset.close()
        return PolygonReference(path, layers, grid, field=field, layer=layer, ignore=ignore)
    if dataset is None:
        raise ReferenceMapError(
            f"reference {str(path)!r} is neither a raster nor vectors that GDAL opens; give a "
            "GeoTIFF, a GeoPackage, a shapefile or the like"
        )
    dataset.close()
    raise ReferenceMapError(
        f"reference {str(path)!r} is a raster and has no field {field!r}; a field is for "
        "polygons: leave it out"
    )


def doubts(classes: Sequence[Label], sizes: Sequence[int]) -> Iterator[str]:
    """Word what a raster that was given for a reference may not be meant to say.

    Parameters
    ----------
    classes : sequence of int or str
    sizes : sequence of int
        Pixels of each.
    """
    commonest = int(np.argmax(sizes))
    if len(classes) > MANY_CLASSES:
        yield (
            f"the reference holds {len(classes):,} different values, as an image does and no map "
            "of classes; give a raster of classes, or polygons with --field"
        )
    elif classes[commonest] == 0:
        yield (
            f"the commonest class of the reference is 0, with {sizes[commonest] / sum(sizes):.1%} "
            "of its pixels; if 0 means that there is no label, add --ignore 0"
        )


class RasterReference:
    """A raster of classes, resampled (nearest) to the map's grid as it is read.

    Parameters
    ----------
    dataset : rasterio dataset
        Band 1 holds the classes.
    grid : MapGrid
        The map.
    ignore : sequence of int, float or str or None
        Values that mean "no label"; None: the nodata tag, if there is one.

    Raises
    ------
    ReferenceMapError
        If one of the two has no CRS and their shapes differ, or a value to ignore is no
        number.
    """

    def __init__(self, dataset: Any, grid: MapGrid, ignore: Sequence[Ignored] | None) -> None:
        from rasterio.enums import MaskFlags

        self._dataset = dataset
        self._what = f"reference {dataset.name!r}"
        # Where there is a mask beside the values; a nodata tag is for `ignore` to override.
        self._masked = MaskFlags.per_dataset in dataset.mask_flag_enums[0]
        self._ignored = self._ignored_values(ignore)
        self._seen = False
        notes = []
        if dataset.count > 1:
            notes.append(f"the reference has {dataset.count} bands; its band 1 is taken")
        self._view, note = _on_grid(dataset, grid, self._what)
        self.notes: tuple[str, ...] = (*notes, *([note] if note else []))

    def _ignored_values(self, ignore: Sequence[Ignored] | None) -> list[float]:
        if ignore is None:
            tag = self._dataset.nodata
            return [] if tag is None else [float(tag)]
        return [number(value, self._what) for value in ignore]

    def read(self, window: Window) -> tuple[Values, Mask]:
        """Return classes (int64) and where there are any, both (y, x), for a window of the map."""
        from rasterio.errors import RasterioError

        try:
            values = self._view.read(1, window=window)
            if self._view is not self._dataset:
                # The mask of GDAL knows the warper's alpha beside one or three bands only.
                labelled = self._view.read(_alpha(self._view), window=window) > 0
            elif self._masked:
                labelled = self._dataset.dataset_mask(window=window) > 0
            else:
                labelled = np.ones(values.shape, bool)
        except RasterioError as error:
            raise ReferenceMapError(f"{self._what} cannot be read: {error}") from error
        self._seen |= bool(labelled.any())
        if values.dtype.kind == "f":
            labelled &= np.isfinite(values)
        for value in self._ignored:
            labelled &= ~equals(values, value)
        return whole(values, labelled, self._what), labelled

    def name(self, value: int) -> Label:
        """Return the class as the reference has it: the number itself."""
        return value

    def overlaps(self) -> bool:
        """Whether anything of what was read so far lay within the reference."""
        return self._seen

    def close(self) -> None:
        """Close the files."""
        if self._view is not self._dataset:
            self._view.close()
        self._dataset.close()


def _alpha(dataset: Any) -> int:
    """Return the number of the alpha band, which a warped view always has."""
    from rasterio.enums import ColorInterp

    return 1 + int(dataset.colorinterp.index(ColorInterp.alpha))


def number(value: Ignored, what: str) -> float:
    """Return a value to ignore as a number.

    Raises
    ------
    ReferenceMapError
        If it is none, and the classes are numbers.
    """
    try:
        return float(value)
    except ValueError:
        raise ReferenceMapError(
            f"{what}: cannot ignore {value!r}, since its classes are numbers; give numbers, "
            "such as 0,255"
        ) from None


def crs_name(crs: Any) -> str:
    """Return a short name of a CRS: its EPSG code, or what it calls itself."""
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.to_wkt()).split('"')[1]


def _on_grid(dataset: Any, grid: MapGrid, what: str) -> tuple[Any, str | None]:
    """Return a dataset with the map's grid, and what has to be said about it."""
    same_shape = (dataset.height, dataset.width) == grid.shape
    if not dataset.crs or grid.crs is None:
        lacking = "neither the map nor the reference has a CRS"
        if dataset.crs or grid.crs:
            lacking = f"the {'map' if dataset.crs else 'reference'} has no CRS"
        if same_shape:
            return dataset, f"{lacking}; both have one shape and are compared pixel by pixel"
        raise ReferenceMapError(
            f"{what} has {dataset.height} x {dataset.width} pixels, the map "
            f"{grid.shape[0]} x {grid.shape[1]}, and {lacking}: give both a CRS (gdal_translate "
            "-a_srs EPSG:…) or a reference of the map's shape"
        )
    same_crs = dataset.crs == grid.crs
    if same_crs and same_shape and dataset.transform.almost_equals(grid.transform, 1e-6):
        return dataset, None
    note = "the reference is resampled to the map's grid (nearest neighbour)"
    if not same_crs:
        note = (
            f"the reference is reprojected from {crs_name(dataset.crs)} to the map's "
            f"{crs_name(grid.crs)} (nearest neighbour)"
        )
    return _warped(dataset, grid, what), note


def _warped(dataset: Any, grid: MapGrid, what: str) -> Any:
    """Return a view of the dataset on the map's grid, with a mask of where it has pixels.

    The warper is told of no nodata value, so that every value arrives as it is and the
    space beyond the reference is known by the mask alone, never by a 0.
    """
    from rasterio.enums import ColorInterp, Resampling
    from rasterio.errors import RasterioError
    from rasterio.vrt import WarpedVRT

    height, width = grid.shape
    has_alpha = ColorInterp.alpha in dataset.colorinterp
    try:
        return WarpedVRT(
            dataset,
            crs=grid.crs,
            transform=grid.transform,
            height=height,
            width=width,
            resampling=Resampling.nearest,
            src_nodata=None,
            nodata=None,
            add_alpha=not has_alpha,
        )
    except (RasterioError, ValueError) as error:
        raise ReferenceMapError(
            f"{what} cannot be reprojected to the map's grid: {error}"
        ) from error
