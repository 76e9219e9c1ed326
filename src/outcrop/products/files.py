"""What each file of a result is; the report and the STAC Item say it in these words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """A file of a result.

    Parameters
    ----------
    key : str
        Its key among the assets of ``item.json``.
    what : str
        What it is, in a line.
    media : str
        Media type.
    roles : tuple of str
        Roles as a STAC asset; empty for what is none.
    """

    key: str
    what: str
    media: str
    roles: tuple[str, ...] = ()


COG = "image/tiff; application=geotiff; profile=cloud-optimized"
FILES = {
    "report.html": File("report", "What was done and how good it is", "text/html", ("metadata",)),
    "map.png": File("map", "The map as a picture", "image/png", ("overview",)),
    "units.tif": File("units", "The map: a unit's number for each pixel", COG, ("data",)),
    "units.tif.aux.xml": File("names", "Names and colours for GDAL", "application/xml"),
    "units.gpkg": File(
        "polygons", "The units as polygons", "application/geopackage+sqlite3", ("data",)
    ),
    "units.qml": File("qml", "Style of the map for QGIS", "application/xml", ("metadata",)),
    "units.sld": File(
        "sld", "Style of the map for GeoServer", "application/vnd.ogc.sld+xml", ("metadata",)
    ),
    "confidence.tif": File(
        "confidence", "How sure each pixel's unit is, in percent; 0 is like no unit", COG, ("data",)
    ),
    "confidence.tif.aux.xml": File(
        "confidence-names", "What 0 means in it, for GDAL", "application/xml"
    ),
    "confidence.qml": File(
        "confidence-qml", "Style of the confidence for QGIS", "application/xml", ("metadata",)
    ),
    "clear.tif": File("clear", "How many clear observations a pixel is made of", COG, ("data",)),
    "code.tif": File("code", "The features that were clustered", COG, ("data",)),
    "indices.tif": File("indices", "Band ratios and indices, a named band each", COG, ("data",)),
    "legend.json": File(
        "legend", "Names, areas and spectra of the units", "application/json", ("metadata",)
    ),
    "metrics.json": File("metrics", "Measures and notes", "application/json", ("metadata",)),
    "accuracy.json": File(
        "accuracy", "Agreement with a reference", "application/json", ("metadata",)
    ),
    "run.toml": File("run", "Every setting, to run it again", "application/toml", ("metadata",)),
    "item.json": File("item", "The result as a STAC Item", "application/geo+json"),
    "model": File("model", "The fitted model, to apply it elsewhere", "application/json"),
}
