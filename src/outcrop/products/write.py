"""The files of a finished map, beside its rasters."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from outcrop.config import Recipe
from outcrop.grid import row_areas, upright
from outcrop.products import (
    confidence,
    figure,
    imagery,
    polygons,
    report,
    sld,
    stac,
    style,
    unit_cards,
)
from outcrop.products.files import FILES
from outcrop.products.legend import Legend
from outcrop.products.numbers import number_places
from outcrop.products.raster import read_overview
from outcrop.scene_names import scene_title, short_name

log = logging.getLogger("outcrop")

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox


#: Pixels of a picture's width below which a page shows each pixel as a square.
SMALL = 500


def write_styles(folder: Path, legend: Legend) -> None:
    """Write what carries names and colours to a GIS: ``units.qml``, ``.sld``, ``.tif.aux.xml``."""
    (folder / "units.qml").write_text(style.qml(legend), "utf-8")
    (folder / "units.sld").write_text(sld.raster_sld(legend), "utf-8")
    (folder / "units.tif.aux.xml").write_text(style.aux_xml(legend), "utf-8")


def write_layers(
    folder: Path, legend: Legend, grid: GeoBox, simplify: float = 0.0
) -> dict[str, str]:
    """Write ``units.gpkg`` from ``units.tif``; if it is left out, return its name and why."""
    count = polygons.write_polygons(folder, legend, grid, row_areas(grid), simplify=simplify)
    if simplify and polygons.MOST_SIMPLIFIED < count <= polygons.MOST:
        log.warning(
            "units.gpkg keeps the outlines of the pixels: the map falls into %s areas, and more "
            "than %s are not simplified; set a smallest area with --min-area",
            f"{count:,}", f"{polygons.MOST_SIMPLIFIED:,}",
        )  # fmt: skip
    if count <= polygons.MOST:
        return {}
    unit = "pixels" if grid.crs is None else "m2"
    return {
        "units.gpkg": f"the map falls into {count:,} areas, and more than {polygons.MOST:,} "
        f"polygons are of no use in a GIS; set a smallest area with --min-area ({unit}) or add "
        "a filter"
    }


def write_item(
    folder: Path, legend: Legend, grid: GeoBox, metrics: Mapping[str, Any], recipe: Recipe
) -> dict[str, str]:
    """Write ``item.json`` beside the other files; if it is left out, return its name and why.

    The time is the recipe's, else that of the product (``acquired`` of the metrics).
    """
    when = recipe.products.datetime or metrics.get("acquired")
    if grid.crs is None:
        return {"item.json": "a STAC Item needs a place on Earth, and the scene has no CRS"}
    if when is None:
        return {"item.json": "a STAC Item needs the time of the scene; give it with --datetime"}
    # Pictures and texts are written later; code and polygons may be missing.
    doubtful = {
        "accuracy.json", "clear.tif", "code.tif", "confidence.tif", "confidence.qml",
        "units.gpkg", "indices.tif",
    }  # fmt: skip
    names = [n for n in FILES if n not in doubtful or (folder / n).is_file()]
    facts = stac.item(
        str(metrics["scene"]),
        _title(metrics, recipe),
        legend,
        grid,
        when,
        names,
    )
    (folder / "item.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    return {}


def write_facts(folder: Path, legend: Legend, metrics: Mapping[str, Any], run_toml: str) -> None:
    """Write ``legend.json``, ``metrics.json`` and ``run.toml``."""
    (folder / "legend.json").write_text(legend.to_json() + "\n", "utf-8")
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", "utf-8")
    (folder / "run.toml").write_text(run_toml, "utf-8")


def _title(metrics: Mapping[str, Any], recipe: Recipe) -> str:
    return recipe.products.title or scene_title(str(metrics["scene"]))


def write_pictures(
    folder: Path,
    legend: Legend,
    grid: GeoBox,
    composite: NDArray[np.float32] | None,
    shown: Sequence[int],
    metrics: Mapping[str, Any],
    recipe: Recipe,
    run_toml: str,
) -> None:
    """Write ``map.png`` and ``report.html`` from the overviews of ``units.tif``.

    Parameters
    ----------
    folder : Path
        Holds ``units.tif``.
    legend : Legend
    grid : GeoBox
        Of the whole map.
    composite : ndarray of float32, shape (3, y, x), or None
        The imagery at the resolution of the overview, NaN where there is no data.
    shown : sequence of int
        The three bands of the composite.
    metrics, recipe, run_toml
        As published.
    """
    labels, step = read_overview(folder / "units.tif")
    title = _title(metrics, recipe)
    drawn = figure.map_figure(
        labels, legend, grid=grid, step=step, title=title,
        subtitle=f"{metrics['units']} spectral units of {short_name(str(metrics['scene']))}",
    )  # fmt: skip
    (folder / "map.png").write_bytes(figure.to_png(drawn))
    way = upright(grid)
    seen = None if composite is None else imagery.composite(composite)
    decorrelated = None if composite is None else imagery.decorrelation_stretch(composite)
    shown_units = [unit.number for unit in unit_cards.shown_units(legend)]
    pictures = report.Pictures(
        units=_palette_png(labels[way], _colours(legend)),
        composite=None if seen is None else _png(seen[way]),
        decorrelation=None if decorrelated is None else _png(decorrelated[way]),
        confidence=_confidence_picture(folder, way),
        where=imagery.thumbnails(labels[way], shown_units),
        numbers=tuple(number_places(labels[way], [u.number for u in legend.units])),
        shape=labels.shape,
        small=labels.shape[1] < SMALL,
        metres=figure.metres_across(labels.shape, grid),
    )
    page = report.render(
        title=title, legend=legend, bands=legend.bands, shown=shown, recipe=recipe,
        metrics=metrics, run_toml=run_toml, pictures=pictures,
        files=[*(p.name for p in folder.iterdir()), "report.html"],
    )  # fmt: skip
    (folder / "report.html").write_text(page, "utf-8")


def _confidence_picture(folder: Path, way: slice) -> bytes | None:
    """Return a picture of ``confidence.tif``, if there is one."""
    if not (folder / confidence.NAME).is_file():
        return None
    values, _ = read_overview(folder / confidence.NAME)
    return _palette_png(values[way], confidence.colours())


def _colours(legend: Legend) -> NDArray[np.uint8]:
    table = np.zeros((256, 4), np.uint8)
    for number, colour in style.colour_table(legend).items():
        table[number] = colour
    return table


def _palette_png(values: NDArray[np.uint8], table: NDArray[np.uint8]) -> bytes:
    """Return a PNG of values (y, x) by their colours (256, 4): a byte a pixel, not four."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(values))
    image.putpalette(table[:, :3].tobytes())
    return _saved(image, transparency=table[:, 3].tobytes())


def _png(rgba: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    return _saved(Image.fromarray(rgba, "RGBA"))


def _saved(image: Any, **settings: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "png", optimize=True, **settings)
    return buffer.getvalue()
