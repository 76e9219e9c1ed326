"""A run as the workbench knows it: its folder, its files, its legend and what was done to it."""

from __future__ import annotations

import json
import os
import re
import threading
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outcrop.config import Recipe, parse_recipe
from outcrop.errors import InputError, OutputError
from outcrop.products.edit_log import EditLog, change_log, read_log
from outcrop.products.edits import Edited, edited
from outcrop.products.legend import Legend
from outcrop.rasters import open_quietly
from outcrop.web.place import Place

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox


@dataclass
class Run:
    """A result folder that is open in the workbench.

    Parameters
    ----------
    id : str
        What routes call it; a client never names a path.
    folder : Path
    place : Place
        Where the browser shows it.
    """

    id: str
    folder: Path
    place: Place
    #: Held while the legend is read, changed and written.
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _seen: tuple[tuple[int, int], Edited] | None = field(default=None, repr=False)

    @property
    def grid(self) -> GeoBox:
        """Grid of ``units.tif``."""
        return self.place.grid

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """``run.toml`` as a table."""
        facts: dict[str, Any] = tomllib.loads(_text(self.folder / "run.toml"))
        return facts

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe that was run."""
        return parse_recipe(self.settings, str(self.folder / "run.toml"))

    @cached_property
    def metrics(self) -> Mapping[str, Any]:
        """``metrics.json``."""
        facts: dict[str, Any] = json.loads(_text(self.folder / "metrics.json"))
        return facts

    @property
    def title(self) -> str:
        """What a person calls it."""
        # Read without the recipe, whose check imports all that it names: seconds of a start.
        products = self.settings.get("products")
        title = products.get("title") if isinstance(products, dict) else None
        return str(title or self.folder.name)

    @property
    def scenes(self) -> tuple[str, ...]:
        """Its scenes as they can be opened again; none of a cube that was in memory."""
        named = self.settings.get("provenance", {}).get("scenes")
        if named is None:  # of a version that did not write them down
            scene = str(self.metrics.get("scene", ""))
            named = [scene] if Path(scene).exists() else []
        return tuple(str(scene) for scene in named)

    @property
    def image(self) -> Path:
        """The imagery, once it has been prepared."""
        return self.folder / "image.tif"

    def layer(self, name: str) -> Path | None:
        """Return the file of a layer, if the run has it."""
        path = self.folder / f"{name}.tif"
        return path if path.is_file() else None

    def read(self) -> tuple[Legend, EditLog]:
        """Read the legend as mapped, and the edits of it, from the disk."""
        text = _text(self.folder / "legend.json")
        return Legend.from_json(text), read_log(text)

    def edited(self) -> Edited:
        """Return what the edits make of the map; read anew only if the file has changed.

        Raises
        ------
        InputError
            If the folder is gone.
        """
        try:
            facts = (self.folder / "legend.json").stat()
        except OSError as error:
            raise InputError(self._gone(error)) from None
        stamp, seen = (facts.st_mtime_ns, facts.st_size), self._seen
        if seen is None or seen[0] != stamp:
            legend, log = self.read()
            self._seen = seen = (stamp, edited(legend, log.done))
        return seen[1]

    @property
    def is_there(self) -> bool:
        """Whether its folder still is where it was opened."""
        return (self.folder / "legend.json").is_file()

    @property
    def is_writable(self) -> bool:
        """Whether edits can be saved in its folder, as far as can be told without trying."""
        return os.access(self.folder, os.W_OK, effective_ids=os.access in os.supports_effective_ids)

    def _gone(self, error: OSError) -> str:
        return (
            f"{self.folder} cannot be read any more ({error.strerror}): put it back, or stop the "
            "workbench and start it on the runs that there are"
        )

    def change(self, step: Callable[[Legend, EditLog], EditLog]) -> None:
        """Change the edits and write them, whole or not at all.

        Parameters
        ----------
        step : callable
            ``step(legend, log)`` returns the new log, or raises.

        Raises
        ------
        InputError
            If the new edits cannot be applied; nothing is written then.
        OutputError
            If the file cannot be written, or another process keeps it to itself.
        """
        path = self.folder / "legend.json"
        try:
            with self.lock:
                change_log(path, step)
        except FileNotFoundError as error:
            raise InputError(self._gone(error)) from None
        except OSError as error:
            raise OutputError(
                f"{path} cannot be written ({error.strerror}), so the change is not saved; "
                "make its folder writable, or copy the run and open the copy"
            ) from None


def open_runs(folders: Iterable[str | Path]) -> dict[str, Run]:
    """Open result folders, and give each an id made of its name.

    Raises
    ------
    InputError
        If one is no result of `outcrop map` or `outcrop apply`, or is damaged.
    """
    runs: dict[str, Run] = {}
    for folder in folders:
        path = Path(folder).absolute()
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", path.name).strip("-") or "run"
        id_ = next(i for i in (name, *(f"{name}-{n}" for n in range(2, 10_000))) if i not in runs)
        runs[id_] = _open(id_, path)
    if not runs:
        raise InputError("no run was given; name the folder of a result, such as out")
    return runs


def _open(id_: str, folder: Path) -> Run:
    import rasterio
    from odc.geo.geobox import GeoBox

    for name in ("units.tif", "legend.json", "run.toml", "metrics.json"):
        if not (folder / name).is_file():
            raise InputError(
                f"{folder} is no result of `outcrop map`: it has no {name}; give the folder that "
                "-o named"
            )
    try:
        with open_quietly(str(folder / "units.tif")) as dataset:
            crs = dataset.crs.to_wkt() if dataset.crs else None
            grid = GeoBox((dataset.height, dataset.width), dataset.transform, crs)
        run = Run(id_, folder, Place.of(grid))
        run.edited()
        run.settings  # noqa: B018 (what is damaged shows here, and not at a click)
        run.metrics  # noqa: B018
    except (rasterio.errors.RasterioError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{folder} is damaged ({error}); map again") from None
    return run


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error})") from None
