"""The lazy cube that a user sees: an xarray view over a `Source`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import rioxarray  # noqa: F401  (registers .rio)
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from outcrop.errors import InputError
from outcrop.sensors.base import QUANTITIES, Band
from outcrop.source import ArraySource, Source, Window


def to_cube(source: Source) -> xr.DataArray:
    """Show a source as a lazy array (band, y, x); pixels are read when they are asked for.

    Returns
    -------
    DataArray of float32
        NaN where there is no data. ``wavelength`` and ``fwhm`` (um), ``common_name`` and
        ``quantity`` are coordinates on ``band``; CRS and transform through rioxarray.
    """
    bands = source.bands
    array = WindowArray(source.read, (len(bands), *source.grid.shape), np.float32)
    variable = xr.Variable(("band", "y", "x"), indexing.LazilyIndexedArray(array))
    cube = xr.DataArray(
        variable,
        coords={
            "band": [b.name for b in bands],
            "wavelength": ("band", [_or_nan(b.wavelength_um) for b in bands]),
            "fwhm": ("band", [_or_nan(b.fwhm_um) for b in bands]),
            "common_name": ("band", [b.common_name or "" for b in bands]),
            "quantity": ("band", [b.quantity for b in bands]),
            **_pixel_centres(source),
        },
        name="reflectance" if all(b.quantity == "reflectance" for b in bands) else "value",
        attrs={"scene": source.name},
    )
    placed: xr.DataArray = cube.rio.write_transform(source.grid.affine)
    if source.grid.crs is not None:
        placed = placed.rio.write_crs(str(source.grid.crs))
    return placed


def as_source(cube: Source | xr.DataArray) -> Source:
    """Return the source of a cube, whether as it was opened or as the user changed it.

    Raises
    ------
    InputError
        If the array is not (band, y, x) or its coordinates do not make bands.
    """
    if isinstance(cube, Source):
        return cube
    if tuple(getattr(cube, "dims", ())) != ("band", "y", "x"):
        raise InputError(
            f"the cube has the dimensions {getattr(cube, 'dims', type(cube).__name__)}; "
            "it must be an array of ('band', 'y', 'x'), as outcrop.open_scene gives it"
        )
    return _CubeSource(cube)


class _CubeSource:
    """A source over any cube: windows of it are computed when they are read."""

    striped = False

    def __init__(self, cube: xr.DataArray) -> None:
        self.cube = cube
        self.name = str(cube.attrs.get("scene", "cube"))
        self.bands = _bands_of(cube)
        self.grid = _grid_of(cube)

    def read(self, window: Window) -> NDArray[np.float32]:
        """Return (band, height, width), NaN where there is no data."""
        rows, cols = window.slices
        out: NDArray[np.float32] = np.array(self.cube[:, rows, cols].values, np.float32)
        out[~np.isfinite(out)] = np.nan
        return out


def from_array(
    data: NDArray[np.floating[Any]],
    bands: tuple[Band, ...],
    *,
    transform: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    crs: str | None = None,
    name: str = "array",
) -> xr.DataArray:
    """Make a cube of an array.

    Parameters
    ----------
    data : ndarray of float, shape (band, y, x)
        NaN where there is no data.
    bands : tuple of Band
        One for each plane.
    transform : tuple of 6 floats
        From column and row to map coordinates, in the order of ``affine.Affine[:6]``.
    crs : str, optional
        As ``"EPSG:32633"``.
    name : str
        For messages and titles.

    Returns
    -------
    DataArray of float32, dimensions (band, y, x)
        As `outcrop.open_scene` gives it.

    Raises
    ------
    InputError
        If the shape does not fit the bands.
    """
    from affine import Affine
    from odc.geo.geobox import GeoBox

    if data.ndim != 3 or len(data) != len(bands):
        raise InputError(
            f"an array of shape {data.shape} does not fit {len(bands)} bands; "
            "it must be (band, y, x)"
        )
    grid = GeoBox((data.shape[1], data.shape[2]), Affine(*transform[:6]), crs)
    return to_cube(ArraySource(name, grid, tuple(bands), np.asarray(data, np.float32)))


class WindowArray(BackendArray):
    """What xarray indexes: it asks for the window (band, y, x) that holds the selection.

    Parameters
    ----------
    read : callable
        ``read(window)`` returns (band, height, width).
    shape : tuple of int
        Bands, rows and columns.
    dtype : dtype
        Of what is read.
    """

    def __init__(
        self, read: Callable[[Window], NDArray[Any]], shape: tuple[int, ...], dtype: Any
    ) -> None:
        self.read, self.shape, self.dtype = read, shape, np.dtype(dtype)

    def __getitem__(self, key: Any) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, self._read
        )

    def _read(self, key: tuple[Any, ...]) -> NDArray[Any]:
        band, *yx = key
        spans = [_span(k, n) for k, n in zip(yx, self.shape[1:], strict=True)]
        if any(stop <= start for start, stop, _ in spans):
            nothing: NDArray[Any] = np.empty(self.shape, self.dtype)[key]
            return nothing
        (top, bottom, rows), (left, right, cols) = spans
        data = self.read(Window(top, left, bottom - top, right - left))
        part: NDArray[Any] = data[band, rows, cols]
        return part


def _span(key: int | slice, size: int) -> tuple[int, int, int | slice]:
    """Turn an index into the range to read and the index within what was read."""
    if isinstance(key, slice):
        start, stop, step = key.indices(size)
        chosen = range(start, stop, step)
        if not chosen:
            return 0, 0, slice(0, 0)
        low, high = min(chosen), max(chosen)
        first = chosen[0] - low
        last = chosen[-1] - low + (1 if step > 0 else -1)
        return low, high + 1, slice(first, last if last >= 0 else None, step)
    index = int(key) % size
    return index, index + 1, 0


def _pixel_centres(source: Source) -> dict[str, Any]:
    rows, cols = source.grid.shape
    a = source.grid.affine
    if a.b or a.d:  # rotated: no coordinate per axis, so pixels are counted
        return {"y": np.arange(rows) + 0.5, "x": np.arange(cols) + 0.5}
    return {
        "y": a.f + a.e * (np.arange(rows) + 0.5),
        "x": a.c + a.a * (np.arange(cols) + 0.5),
    }


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _bands_of(cube: xr.DataArray) -> tuple[Band, ...]:
    def column(name: str, default: Any) -> list[Any]:
        if name not in cube.coords:
            return [default] * cube.sizes["band"]
        return list(np.atleast_1d(cube.coords[name].values))

    names = column("band", None)
    if names[0] is None:
        names = [f"band {i + 1}" for i in range(cube.sizes["band"])]
    quantities = [str(q) for q in column("quantity", "unknown")]
    odd = sorted(set(quantities) - set(QUANTITIES))
    if odd:
        raise InputError(f"quantity {odd[0]!r} of the cube is none of {', '.join(QUANTITIES)}")
    return tuple(
        Band(
            name=str(n),
            wavelength_um=_none_if_nan(w),
            fwhm_um=_none_if_nan(f),
            common_name=str(c) or None,
            quantity=q,  # type: ignore[arg-type]
        )
        for n, w, f, c, q in zip(
            names,
            column("wavelength", np.nan),
            column("fwhm", np.nan),
            column("common_name", ""),
            quantities,
            strict=True,
        )
    )


def _none_if_nan(value: Any) -> float | None:
    return None if value is None or np.isnan(value) else float(value)


def _grid_of(cube: xr.DataArray) -> Any:
    """Return the grid of a cube, whole or cut, from its coordinates and transform."""
    from affine import Affine
    from odc.geo.geobox import GeoBox

    (row, down), (col, right) = (_start_and_step(cube, axis) for axis in ("y", "x"))
    stored = cube.rio.transform(recalc=False)
    if stored.b or stored.d:  # coordinates count pixels of the stored, rotated grid
        transform = stored * Affine.translation(col, row) * Affine.scale(right, down)
    else:
        transform = Affine(right, 0, col, 0, down, row)
    crs = str(cube.rio.crs) if cube.rio.crs else None
    return GeoBox((cube.shape[1], cube.shape[2]), transform, crs)


def _start_and_step(cube: xr.DataArray, axis: str) -> tuple[float, float]:
    """Return where the first pixel of an axis begins, and the distance between pixels.

    Raises
    ------
    InputError
        If pixels are not evenly spaced.
    """
    if axis not in cube.coords:
        return 0.0, 1.0
    centres = np.asarray(cube.coords[axis].values, float)
    if len(centres) < 2:
        step = float(cube.rio.transform(recalc=False)[4 if axis == "y" else 0]) or 1.0
        rotated = bool(cube.rio.transform(recalc=False)[1])
        step = 1.0 if rotated else step
    else:
        step = float(centres[-1] - centres[0]) / (len(centres) - 1)
        if not np.allclose(np.diff(centres), step, rtol=1e-3):
            raise InputError(
                f"the {axis} coordinates of the cube are not evenly spaced, so it has no grid; "
                "cut it with slices"
            )
    return float(centres[0]) - step / 2 if len(centres) else 0.0, step
