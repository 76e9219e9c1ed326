"""Names and colours of the units in the forms that GIS programs read."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from outcrop.products.legend import MEAN_CONFIDENCE, Legend, Unit

#: What 0 is called.
NO_DATA = "no data"
_DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"


def colour_table(legend: Legend) -> dict[int, tuple[int, int, int, int]]:
    """Return red, green, blue and alpha (0-255) by unit number; 0 is transparent."""
    return {0: (0, 0, 0, 0)} | {unit.number: (*rgb(unit.colour), 255) for unit in legend.units}


def qml(legend: Legend) -> str:
    """Return the style that QGIS 3 takes from ``units.qml`` beside ``units.tif``.

    A paletted renderer of band 1 with number and name of each unit.
    """
    root = ET.Element("qgis", version="3.16", styleCategories="Symbology")
    pipe = ET.SubElement(root, "pipe")
    renderer = ET.SubElement(
        pipe, "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1"
    )
    renderer.set("nodataColor", "")
    ET.SubElement(renderer, "rasterTransparency")
    palette = ET.SubElement(renderer, "colorPalette")
    for unit in legend.units:
        ET.SubElement(
            palette,
            "paletteEntry",
            value=str(unit.number),
            color=unit.colour,
            alpha="255",
            label=plain(unit.label),
        )
    ET.SubElement(pipe, "brightnesscontrast", brightness="0", contrast="0", gamma="1")
    ET.SubElement(pipe, "huesaturation", saturation="0", colorizeOn="0", grayscaleMode="0")
    # Units must not be blended into each other when zoomed out.
    ET.SubElement(pipe, "rasterresampler", maxOversampling="2")
    ET.SubElement(root, "blendMode").text = "0"
    return document(root)


def polygon_qml(legend: Legend) -> str:
    """Return the style that QGIS 3 takes for the polygons of ``units.gpkg``.

    A category of the attribute ``number`` for each unit, filled and without an outline.
    """
    root = ET.Element("qgis", version="3.16", styleCategories="Symbology")
    renderer = ET.SubElement(
        root, "renderer-v2", type="categorizedSymbol", attr="number", symbollevels="0",
        enableorderby="0", forceraster="0",
    )  # fmt: skip
    categories = ET.SubElement(renderer, "categories")
    symbols = ET.SubElement(renderer, "symbols")
    for index, unit in enumerate(legend.units):
        ET.SubElement(
            categories, "category", value=str(unit.number), symbol=str(index),
            label=plain(unit.label), render="true", type="integer",
        )  # fmt: skip
        symbol = ET.SubElement(symbols, "symbol", name=str(index), type="fill", alpha="1")
        layer = ET.SubElement(symbol, "layer", {"class": "SimpleFill"}, enabled="1", locked="0")
        layer.set("pass", "0")
        settings = {
            "color": ",".join(map(str, (*rgb(unit.colour), 255))),
            "style": "solid",
            "outline_style": "no",
        }
        # QGIS reads options since 3.20 and properties before.
        options = ET.SubElement(layer, "Option", type="Map")
        for key, value in settings.items():
            ET.SubElement(options, "Option", name=key, type="QString", value=value)
        for key, value in settings.items():
            ET.SubElement(layer, "prop", k=key, v=value)
    ET.SubElement(root, "blendMode").text = "0"
    ET.SubElement(root, "layerGeometryType").text = "2"
    return document(root)


def aux_xml(legend: Legend, zero: str = NO_DATA) -> str:
    """Return what GDAL takes from ``units.tif.aux.xml`` beside ``units.tif``.

    Category names of band 1, and a thematic raster attribute table with value, name,
    colour and number of pixels, which QGIS, ArcGIS and GeoServer read too. ``zero`` is what
    0 is called.
    """
    root = ET.Element("PAMDataset")
    band = ET.SubElement(root, "PAMRasterBand", band="1")
    names = {0: zero} | {unit.number: plain(unit.name) for unit in legend.units}
    categories = ET.SubElement(band, "CategoryNames")
    for value in range(max(names) + 1):
        ET.SubElement(categories, "Category").text = names.get(value, "")
    band.append(_attribute_table(legend))
    return text(root)


# Column of the attribute table: name, GDAL's type (0 integer, 1 real, 2 text) and usage.
_COLUMNS = (
    ("Value", 0, 5),
    ("Class", 2, 2),
    ("Red", 0, 6),
    ("Green", 0, 7),
    ("Blue", 0, 8),
    # Real, since GDAL's integers end at 2^31 and a continent's pixels do not.
    ("Count", 1, 1),
)


def _attribute_table(legend: Legend) -> ET.Element:
    """Return the raster attribute table of GDAL's PAM format, with what a geologist filled in."""
    table = ET.Element("GDALRasterAttributeTable", tableType="thematic")
    terms = {unit.number: _interpreted(unit) for unit in legend.units}
    filled = [n for n in _TERMS if any(found[n] for found in terms.values())]
    sure = [u.extra.get(MEAN_CONFIDENCE) for u in legend.units]
    measured = (("MeanConfidence", 1, 0),) if any(v is not None for v in sure) else ()
    columns = (*_COLUMNS, *measured, *((n, 2, 0) for n in filled))
    for index, (name, kind, usage) in enumerate(columns):
        column = ET.SubElement(table, "FieldDefn", index=str(index))
        for key, value in (("Name", name), ("Type", kind), ("Usage", usage)):
            ET.SubElement(column, key).text = str(value)
    for index, (unit, mean) in enumerate(zip(legend.units, sure, strict=True)):
        row = ET.SubElement(table, "Row", index=str(index))
        own = [plain(terms[unit.number][n]) for n in filled]
        facts = ["" if mean is None else f"{mean:.1f}"] if measured else []
        values = (unit.number, plain(unit.name), *rgb(unit.colour), unit.pixels, *facts, *own)
        for value in map(str, values):
            ET.SubElement(row, "F").text = value
    return table


_TERMS = ("Lithology", "LithologyID", "Age", "AgeID", "Order", "Confidence", "Notes")


def _interpreted(unit: Unit) -> dict[str, str]:
    g = unit.geology
    order = "" if g.order is None else str(g.order)
    values = (
        g.lithology.label,
        g.lithology.id,
        g.age.label,
        g.age.id,
        order,
        g.confidence,
        g.notes,
    )
    return dict(zip(_TERMS, values, strict=True))


def rgb(colour: str) -> tuple[int, int, int]:
    """Return ``"#rrggbb"`` as three numbers."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue


def plain(text: str) -> str:
    """Drop the characters that XML cannot hold, even escaped, and line breaks."""
    return "".join(
        c if c.isprintable() and not 0xD800 <= ord(c) <= 0xDFFF else " " for c in text
    ).strip()


def document(root: ET.Element) -> str:
    """Return the text of a style of QGIS."""
    return _DOCTYPE + text(root)


def text(root: ET.Element) -> str:
    """Return the text of an XML document, a line an element."""
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"
