"""The routes of the workbench: each finds a run by its id, calls one function, and answers."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field
from starlette.requests import Request

from outcrop import __version__
from outcrop.errors import InputError, OutcropError
from outcrop.products.edits import OPERATIONS
from outcrop.products.imagery import choose_composite
from outcrop.scene_names import short_name
from outcrop.spectra import SpectralLibrary, resample
from outcrop.web.export import export_zip, write_report
from outcrop.web.imagery import Preparation
from outcrop.web.measure import look_at_point, look_at_polygon, nearest, split_edit
from outcrop.web.runs import Run
from outcrop.web.tiles import tiler

ASSETS = Path(__file__).parent / "static"
#: A corner of a polygon: longitude and latitude as the browser shows the map.
Corner = tuple[
    Annotated[float, Field(ge=-1000, le=1000, allow_inf_nan=False)],
    Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)],
]


class Place(BaseModel):
    """What is looked at: a point, or a ring of corners."""

    point: Corner | None = None
    ring: list[Corner] | None = Field(default=None, min_length=3, max_length=4998)


class SplitRequest(BaseModel):
    """A unit, and the polygon whose part of it becomes a unit of its own."""

    unit: int
    ring: list[Corner] = Field(min_length=3, max_length=4998)
    name: str = Field(default="", max_length=200)


@dataclass
class Workbench:
    """What the routes share.

    Parameters
    ----------
    runs : dict of str to Run
        By id.
    token : str
        See `outcrop.web.guard.Guard`.
    exports : Path
        A folder for archives that are being fetched.
    library : SpectralLibrary, optional
        That measured spectra are compared with.
    basemap : str
        Address of tiles to lie under the map, with {z}, {x} and {y}; empty for none.
    """

    runs: dict[str, Run]
    token: str
    exports: Path
    library: SpectralLibrary | None = None
    basemap: str = ""
    imagery: Preparation = field(default_factory=Preparation)
    _exporting: threading.Lock = field(default_factory=threading.Lock)
    _resampled: dict[str, Any] = field(default_factory=dict)

    def run(self, id_: str) -> Run:
        """Return a run; raises HTTPException (404) if there is none of that id."""
        if id_ not in self.runs:
            raise HTTPException(404, f"there is no run {id_!r}")
        return self.runs[id_]

    def similar(self, run: Run, spectrum: Any) -> list[dict[str, Any]]:
        """Name the library's spectra that are most like one of a run's bands."""
        bands = run.edited().bands
        if self.library is None or spectrum is None or any(not b.wavelength_um for b in bands):
            return []
        if run.id not in self._resampled:
            self._resampled[run.id] = resample(self.library, bands)
        return nearest(self.library.names, self._resampled[run.id], spectrum)

    def export(self, run: Run) -> Path:
        """Write the edited map of a run as an archive; one at a time."""
        with self._exporting:
            return export_zip(run, self.exports)

    def report(self, run: Run) -> Path:
        """Return the report of the map as it is edited; raises HTTPException (404)."""
        page = run.folder / "report.html"
        if not page.is_file():
            raise HTTPException(404, "this run has no report.html")
        if not run.read()[1].done:
            return page
        with self._exporting:
            return write_report(run, self.exports)


def _bench(request: Request) -> Workbench:
    bench: Workbench = request.app.state.bench
    return bench


def _chosen(run: str, bench: Annotated[Workbench, Depends(_bench)]) -> Run:
    return bench.run(run)


Bench = Annotated[Workbench, Depends(_bench)]
Chosen = Annotated[Run, Depends(_chosen)]
router = APIRouter()


def create_app(bench: Workbench) -> FastAPI:
    """Return the application, without its `Guard`."""
    app = FastAPI(
        title="Outcrop workbench", version=__version__, docs_url=None, redoc_url=None,
        openapi_url=None,
    )  # fmt: skip
    app.state.bench = bench

    @app.exception_handler(OutcropError)
    async def refuse(_: Request, error: OutcropError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 422 if isinstance(error, InputError) else 500)

    @app.exception_handler(RequestValidationError)
    async def misread(_: Request, error: RequestValidationError) -> JSONResponse:
        # Said without what was sent: a NaN in it could not be sent back.
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return JSONResponse({"detail": f"the request cannot be read: {where}: {first['msg']}"}, 422)

    app.mount("/assets", StaticFiles(directory=ASSETS / "assets"), name="assets")
    app.include_router(router)
    app.include_router(tiler(bench.runs).router, prefix="/api/runs/{run}/{layer}")
    return app


@router.get("/", response_class=HTMLResponse)
def _page(bench: Bench) -> HTMLResponse:
    text = (ASSETS / "index.html").read_text("utf-8").replace("{{token}}", bench.token)
    # The token is of this start: a page from a cache could save nothing.
    return HTMLResponse(text, headers={"cache-control": "no-store"})


@router.get("/api/runs")
def _all(bench: Bench) -> dict[str, Any]:
    return {
        "version": __version__, "basemap": bench.basemap, "library": bench.library is not None,
        "runs": [describe(run) for run in bench.runs.values() if run.is_there],
    }  # fmt: skip


@router.get("/api/runs/{run}")
def _one(run: Chosen, bench: Bench) -> dict[str, Any]:
    return {"imagery": bench.imagery.state(run), **state_of(run)}


@router.get("/api/runs/{run}/report")
def _report(run: Chosen, bench: Bench) -> FileResponse:
    # Another edit makes another report at the same address.
    fresh = {"cache-control": "no-cache"}
    return FileResponse(bench.report(run), media_type="text/html", headers=fresh)


@router.post("/api/runs/{run}/look")
def _look(run: Chosen, place: Place, bench: Bench) -> dict[str, Any]:
    if place.ring is not None:
        facts = look_at_polygon(run, place.ring)
    elif place.point is not None:
        facts = look_at_point(run, place.point)
    else:
        raise InputError("give a point or a ring")
    return {**facts, "library": bench.similar(run, facts.get("spectrum"))}


@router.post("/api/runs/{run}/export")
def _export(run: Chosen, bench: Bench) -> dict[str, Any]:
    path = bench.export(run)
    return {"name": path.name, "bytes": path.stat().st_size}


@router.get("/api/runs/{run}/export")
def _fetch(run: Chosen, bench: Bench) -> FileResponse:
    path = bench.exports / f"{run.id}-edited.zip"
    if not path.is_file():
        raise HTTPException(404, "nothing has been exported yet")
    return FileResponse(path, filename=path.name, media_type="application/zip")


@router.post("/api/runs/{run}/edits")
def _edit(run: Chosen, edit: dict[str, Any]) -> dict[str, Any]:
    known = [op for op in OPERATIONS if op != "split"]
    if edit.get("op") not in known:
        raise InputError(f"an edit is one of {', '.join(known)}, and split has a route of its own")
    try:
        run.change(lambda _, log: log.add(edit))
    except (KeyError, TypeError) as error:
        raise InputError(f"the edit is not whole: {error!r}") from None
    return state_of(run)


@router.post("/api/runs/{run}/split")
def _split(run: Chosen, wish: SplitRequest) -> dict[str, Any]:
    edit = split_edit(run, run.edited(), wish.unit, wish.ring, wish.name)
    run.change(lambda _, log: log.add(edit))
    return {**state_of(run), "new": edit["new"]}


@router.post("/api/runs/{run}/undo")
def _undo(run: Chosen) -> dict[str, Any]:
    run.change(lambda _, log: log.undo())
    return state_of(run)


@router.post("/api/runs/{run}/redo")
def _redo(run: Chosen) -> dict[str, Any]:
    run.change(lambda _, log: log.redo())
    return state_of(run)


def describe(run: Run) -> dict[str, Any]:
    """Return what a browser must know of a run before it shows it."""
    legend, _ = run.read()
    place, crs = run.place, run.grid.crs
    return {
        "id": run.id, "title": run.title, "scene": short_name(str(run.metrics["scene"])),
        "bounds": place.bounds, "max_zoom": place.max_zoom, "on_earth": place.on_earth,
        "crs": None if crs is None else _say_crs(crs), "shape": list(run.grid.shape),
        "bands": [asdict(b) for b in legend.bands], "quantity": legend.quantity,
        "area_unit": legend.area_unit,
        "composite": [i + 1 for i in choose_composite(legend.bands)],
        "layers": [n for n in ("code", "confidence") if run.layer(n)],
        "report": (run.folder / "report.html").is_file(),
    }  # fmt: skip


def _say_crs(crs: Any) -> str:
    return f"EPSG:{crs.epsg}" if crs.epsg else str(crs.proj.name)


_SHOWN = ("number", "name", "colour", "pixels", "area", "mean", "sd")


def state_of(run: Run) -> dict[str, Any]:
    """Return the legend as edited, what labels of tiles are drawn as, and what can be undone."""
    _, log = run.read()
    state = run.edited()
    shown = {u.number: u for u in state.legend.units}
    units = [
        {
            **{key: getattr(u, key) for key in _SHOWN},
            **u.geology.to_dict(),
            "share": shown[n].share if n in shown else 0.0,
            "hidden": n not in shown,
        }
        for n, u in sorted(state.units.items())
    ]
    return {
        "units": units,
        "table": state.table().tolist(),
        # Tiles hold numbers after the splits: they are asked for anew when these change.
        "cut": f"{hash(state.splits) & 0xFFFFFFFF:x}" if state.splits else "0",
        "undo": log.done[-1]["op"] if log.done else None,
        "redo": log.undone[-1]["op"] if log.undone else None,
        "edits": len(log.done),
        "read_only": not run.is_writable,
    }  # fmt: skip
