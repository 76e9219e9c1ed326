"""A finished run, as a notebook holds it."""

from __future__ import annotations

import dataclasses
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affine import Affine

from outcrop.errors import InputError, OutputError
from outcrop.grid import counts_pixels
from outcrop.products.cutting import edited_labels
from outcrop.products.edit_log import EditLog, change_log, read_log
from outcrop.products.edits import Edited, edited
from outcrop.products.legend import Legend
from outcrop.products.raster import read_overview
from outcrop.scene_names import scene_title

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from outcrop.products.explore import Explorer
    from outcrop.source import Window


@dataclass(frozen=True, repr=False)
class Result:
    """A finished run; at the end of a notebook's cell it shows its legend.

    Parameters
    ----------
    folder : Path
        Where everything lies: ``units.tif``, ``legend.json``, ``report.html`` and the rest.
    legend : Legend
        Units as mapped, or as they were edited since.
    metrics : dict
        What ``metrics.json`` holds.
    notes : tuple of str
        What the user should know.
    edits : Edited, optional
        What was done to the units since they were mapped.
    """

    folder: Path
    legend: Legend
    metrics: dict[str, Any]
    notes: tuple[str, ...]
    edits: Edited | None = None

    @classmethod
    def open(cls, folder: str | Path) -> Result:
        """Open the folder of an earlier run.

        What was done to its units since, in the workbench or with `name_units`, shows in all
        that it shows: `legend`, `units`, `plot` and `explore`. The files of the folder, and the
        model to apply, stay as they were mapped; `outcrop.export_map` writes files as edited.

        Raises
        ------
        InputError
            If it is no folder of ``outcrop map`` or ``outcrop apply``.
        ModelError
            If its legend is damaged.
        """
        folder = Path(folder)
        missing = [n for n in ("units.tif", "legend.json", "metrics.json")
                   if not (folder / n).is_file()]  # fmt: skip
        if missing:
            raise InputError(
                f"{folder} is no result: it has no {missing[0]}; give the folder that "
                "`outcrop map -o` or outcrop.map_units(out=...) named"
            )
        try:
            metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
            notes = tuple(metrics["notes"])
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise InputError(f"{folder / 'metrics.json'} is damaged ({error}); map again") from None
        legend, edits = _read_legend(folder)
        return cls(folder, legend, metrics, notes, edits)

    @property
    def units(self) -> Any:
        """The map as a lazy DataArray (y, x) of unit numbers, 0 = no data; as it was edited.

        Its coordinates are those of the cube that was mapped.
        """
        import rioxarray
        from rasterio.errors import NotGeoreferencedWarning

        with warnings.catch_warnings():  # a map of an older version without a CRS
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            raster: Any = rioxarray.open_rasterio(self.folder / "units.tif")
        if self.edits is not None:
            from xarray.core.indexing import LazilyIndexedArray

            from outcrop.cube import WindowArray

            array = WindowArray(self._read_units, raster.shape, raster.dtype)
            raster = raster.copy(data=LazilyIndexedArray(array))
        units = raster.squeeze("band", drop=True)
        rows = Affine.scale(1, -1) * raster.rio.transform()
        if raster.rio.crs is None and counts_pixels(rows):  # y = -row, for a GIS
            units = units.assign_coords(y=-units.y).rio.write_transform(rows)
        return units

    def _read_units(self, window: Window) -> NDArray[np.uint8]:
        """Read a window of the edited map, (1, height, width)."""
        from outcrop.rasters import open_quietly

        assert self.edits is not None
        with open_quietly(str(self.folder / "units.tif")) as dataset:
            labels = dataset.read(1, window=window.to_rasterio())
        return edited_labels(labels, self.edits, self._grid, row=window.row, col=window.col)[None]

    def _overview(self) -> tuple[NDArray[np.uint8], int]:
        labels, step = read_overview(self.folder / "units.tif")
        if self.edits is not None:
            labels = edited_labels(labels, self.edits, self._grid, step=step)
        return labels, step

    def plot(self, title: str | None = None) -> Figure:
        """Draw the map with its legend, scale bar, north arrow and coordinates.

        A large map is drawn from its overviews, at most 1400 pixels wide and high. Names and
        colours are those of ``legend``.

        Parameters
        ----------
        title : str, optional
            Instead of the scene's name.

        Returns
        -------
        matplotlib.figure.Figure
            A notebook shows it by itself; ``savefig`` writes it to a file.
        """
        from outcrop.products.figure import map_figure

        labels, step = self._overview()
        return map_figure(
            labels, self.legend, grid=self._grid, step=step,
            title=self._scene if title is None else title,
            subtitle=f"{sum(u.pixels > 0 for u in self.legend.units)} spectral units",
        )  # fmt: skip

    def explore(self, cube: xr.DataArray | None = None, title: str | None = None) -> Explorer:
        """Show the map to move about in: drag, zoom, point at a pixel, switch units off.

        The map is one self-contained page in a frame of the notebook. It needs no server, no
        widget and no network, so that it works in any notebook, stays alive in one that was
        saved as HTML, and can be sent by mail (``result.explore(cube).save("map.html")``). It
        shows the overview of the map, at most 1400 pixels wide and high; every pixel of a
        larger map, editing and comparing are in the workbench (``outcrop serve``).

        Parameters
        ----------
        cube : DataArray, optional
            The imagery to show beneath the units: the cube that was mapped, or another on the
            same grid. Three bands are chosen for rocks, by wavelength.
        title : str, optional
            Instead of the scene's name.

        Returns
        -------
        Explorer
            ``save(path)`` writes the page to a file.

        Raises
        ------
        InputError
            If the cube has another size than the map.
        """
        from outcrop.products.explore import Explorer, imagery_of

        labels, step = self._overview()
        imagery = None if cube is None else imagery_of(cube, self._grid.shape, step)
        title = self._scene if title is None else title
        return Explorer.of(labels, self.legend, self._grid, step, title, imagery)

    def name_units(self, names: Mapping[int, str]) -> Result:
        """Give units names, and write them into ``legend.json`` beside those of the run.

        The names are kept as edits, as the workbench keeps its own, where they can be undone.
        Other runs take them over with ``like=``; ``outcrop.export_map`` writes rasters, polygons,
        styles and a report that have them.

        Parameters
        ----------
        names : mapping of int to str
            A name by the number of its unit.

        Returns
        -------
        Result
            The same run with the new legend.

        Raises
        ------
        InputError
            If there is no such unit, or a name is empty or longer than 200 letters.
        OutputError
            If the file cannot be written.
        """
        path = self.folder / "legend.json"

        def renamed(_: Legend, log: EditLog) -> EditLog:
            for number, name in names.items():
                log = log.add({"op": "rename", "unit": number, "name": name})
            return log

        try:
            change_log(path, renamed)
        except OSError as error:
            raise OutputError(f"{path} cannot be changed ({error.strerror})") from None
        new, edits = _read_legend(self.folder)
        return dataclasses.replace(self, legend=new, edits=edits)

    @property
    def _scene(self) -> str:
        return scene_title(str(self.metrics.get("scene", self.folder.name)))

    @property
    def _grid(self) -> GeoBox:
        from odc.geo.geobox import GeoBox

        from outcrop.rasters import open_quietly

        with open_quietly(str(self.folder / "units.tif")) as dataset:
            crs = dataset.crs.to_wkt() if dataset.crs else None
            return GeoBox((dataset.height, dataset.width), dataset.transform, crs)

    @property
    def _headline(self) -> str:
        mapped, units, coverage = (
            self.legend.mapped_pixels, self.metrics["units"], self.metrics["coverage"],
        )  # fmt: skip
        if self.edits is not None:
            units = sum(u.pixels > 0 for u in self.legend.units)
            coverage = mapped / max(int(self.metrics["pixels"]), 1)
        return (
            f"{units} spectral units of {self._scene}: {mapped:,} pixels, "
            f"{coverage:.1%} of the scene, in {self.folder}"
        )

    @property
    def _remarks(self) -> tuple[str, ...]:
        if self.edits is None:
            return self.notes
        files = (
            "shown as edited; the files are as mapped, and outcrop.export_map writes edited ones"
        )
        return (files, *self.notes)

    def __repr__(self) -> str:
        """Return what it is, its units and its notes."""
        from outcrop.products.notebook import legend_lines

        lines = [self._headline, *legend_lines(self.legend), *(f"note: {n}" for n in self._remarks)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from outcrop.products.notebook import legend_table

        notes = "".join(f"<li>{escape(note)}</li>" for note in self._remarks)
        return (
            f"<p>{escape(self._headline)}</p>{legend_table(self.legend)}"
            + (f"<ul>{notes}</ul>" if notes else "")
        )  # fmt: skip


def _read_legend(folder: Path) -> tuple[Legend, Edited | None]:
    """Read a legend as it was edited, and the edits, if there are any."""
    text = (folder / "legend.json").read_text("utf-8")
    legend, log = Legend.from_json(text), read_log(text)
    if not log.done:
        return legend, None
    try:
        state = edited(legend, log.done)
        return state.legend, state
    except (KeyError, TypeError) as error:
        raise InputError(f"the edits in {folder / 'legend.json'} are damaged ({error!r})") from None
