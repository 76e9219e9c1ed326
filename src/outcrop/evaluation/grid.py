"""The map under evaluation: its grid, and its units window by window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from outcrop.errors import InputError, ReferenceMapError
from outcrop.evaluation.scores import Label
from outcrop.rasters import open_quietly

if TYPE_CHECKING:
    from affine import Affine
    from rasterio.crs import CRS
    from rasterio.windows import Window

#: Pixels of one window: some tens of MiB at once, whatever the map's size.
WINDOW_PIXELS = 1 << 20
#: Pairs of class and unit that are counted in a full table.
TABLE_CELLS = 1 << 22

Values = NDArray[Any]
Mask = NDArray[np.bool_]


class Reference(Protocol):
    """What can be read on the map's grid."""

    notes: tuple[str, ...]

    def read(self, window: Window) -> tuple[Values, Mask]:
        """Return classes as whole numbers and where they are labelled, both (y, x)."""
        ...

    def name(self, value: int) -> Label:
        """Return what the reference calls that number."""
        ...

    def overlaps(self) -> bool:
        """Whether anything of what was read so far lay within the reference."""
        ...

    def close(self) -> None:
        """Close the files."""
        ...


@dataclass(frozen=True)
class MapGrid:
    """A raster of units, open for reading.

    Parameters
    ----------
    dataset : rasterio dataset
        Band 1 holds the units; the nodata tag says what is unmapped, or 0 without one.
    """

    dataset: Any

    @property
    def crs(self) -> CRS | None:
        """Coordinate reference system, or None."""
        return self.dataset.crs or None

    @property
    def transform(self) -> Affine:
        """From (column, row) to coordinates."""
        transform: Affine = self.dataset.transform
        return transform

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.dataset.height), int(self.dataset.width)

    def windows(self) -> list[Window]:
        """Cut the map into groups of whole rows, top to bottom."""
        from rasterio.windows import Window

        height, width = self.shape
        rows = max(1, WINDOW_PIXELS // width)
        return [Window(0, top, width, min(rows, height - top)) for top in range(0, height, rows)]

    def read(self, window: Window) -> tuple[Values, Mask]:
        """Return the units of a window as whole numbers and where there are any, both (y, x)."""
        values = self.dataset.read(1, window=window)
        tag = self.dataset.nodata
        mapped = np.isfinite(values) & ~equals(values, 0.0 if tag is None else tag)
        return whole(values, mapped, f"map {self.dataset.name!r}", InputError), mapped


def open_map(path: str | Path) -> MapGrid:
    """Open a raster of units; a folder that `outcrop map` wrote stands for its ``units.tif``.

    Raises
    ------
    InputError
        If it is missing or not a raster.
    """
    path = Path(path)
    if (path / "units.tif").is_file():
        path = path / "units.tif"
    if not path.exists():
        raise InputError(f"map {str(path)!r} does not exist; give a units.tif that Outcrop wrote")
    dataset = open_raster(path)
    if dataset is None:
        raise InputError(
            f"map {str(path)!r} is no raster that GDAL opens; give a units.tif that Outcrop wrote"
        )
    if dataset.count > 1:
        count = dataset.count
        dataset.close()
        raise InputError(
            f"map {str(path)!r} has {count} bands, as an image has; give the map first, a "
            "units.tif that Outcrop wrote, and then the reference"
        )
    return MapGrid(dataset)


def open_raster(path: str | Path) -> Any | None:
    """Open with rasterio; None if GDAL sees no raster in it."""
    from rasterio.errors import RasterioError

    try:
        dataset = open_quietly(str(path))
    except RasterioError:
        return None
    # A GeoPackage of vectors opens as a raster without bands.
    if dataset.count == 0:
        dataset.close()
        return None
    return dataset


def equals(values: Values, wanted: float) -> Mask:
    """Where values equal a number, both rounded to the raster's own type as GDAL does."""
    if np.isnan(wanted):
        return np.isnan(values)
    if values.dtype == np.float32:
        with np.errstate(over="ignore"):
            wanted = float(np.float32(wanted))
    elif values.dtype.kind in "iu" and not (
        np.iinfo(values.dtype).min <= wanted <= np.iinfo(values.dtype).max
        and float(wanted).is_integer()
    ):
        return np.zeros(values.shape, bool)
    result: Mask = values == (int(wanted) if values.dtype.kind in "iu" else wanted)
    return result


def whole(
    values: Values, wanted: Mask, what: str, error: type[InputError] = ReferenceMapError
) -> Values:
    """Return values as int64, 0 where not wanted; refuse those that are no whole numbers."""
    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    if values.dtype.kind != "f":
        raise error(f"{what} holds values of type {values.dtype}; classes are whole numbers")
    kept = np.where(wanted, values, 0).astype(np.float64)
    odd = kept[(kept != np.rint(kept)) | (np.abs(kept) > 2**53)]
    if odd.size:
        raise error(
            f"{what} holds {odd[0]:g}, which is no class number; classes are whole numbers: "
            "give a raster of classes, not of a measured quantity"
        )
    return kept.astype(np.int64)


def tally(
    truth: Values, labelled: Mask, units: Values, mapped: Mask
) -> Iterator[tuple[int, int | None, int]]:
    """Count the labelled pixels of a window by (class, unit); unit None where unmapped."""
    both = labelled & mapped
    yield from _pairs(truth[both], units[both])
    alone = truth[labelled & ~mapped]
    for value, _, pixels in _pairs(alone, np.zeros_like(alone)):
        yield value, None, pixels


def _pairs(first: Values, second: Values) -> Iterator[tuple[int, int, int]]:
    """Count the distinct pairs of two arrays of int64."""
    if not first.size:
        return
    (low_1, high_1), (low_2, high_2) = ((int(v.min()), int(v.max())) for v in (first, second))
    span = high_2 - low_2 + 1
    if (high_1 - low_1 + 1) * span <= TABLE_CELLS:
        cells = np.bincount((first - low_1) * span + (second - low_2))
        for cell in np.flatnonzero(cells).tolist():
            yield low_1 + cell // span, low_2 + cell % span, int(cells[cell])
    else:
        # Codes spread over a wide range, such as stratigraphic keys: sorting takes longer.
        pairs, times = np.unique(np.stack([first, second]), axis=1, return_counts=True)
        yield from zip(pairs[0].tolist(), pairs[1].tolist(), times.tolist(), strict=True)
