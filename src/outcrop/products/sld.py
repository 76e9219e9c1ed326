"""Styled Layer Descriptors (OGC 02-070, SLD 1.0): what GeoServer and others read."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from outcrop.products.legend import Legend
from outcrop.products.style import plain

_SPACES = {
    "version": "1.0.0",
    "xmlns": "http://www.opengis.net/sld",
    "xmlns:ogc": "http://www.opengis.net/ogc",
}


def raster_sld(legend: Legend) -> str:
    """Return the style of ``units.tif``: one value, one colour; 0 is transparent."""
    root, style = _frame()
    rule = ET.SubElement(style, "Rule")
    symbolizer = ET.SubElement(rule, "RasterSymbolizer")
    channel = ET.SubElement(ET.SubElement(symbolizer, "ChannelSelection"), "GrayChannel")
    ET.SubElement(channel, "SourceChannelName").text = "1"
    entries = ET.SubElement(symbolizer, "ColorMap", type="values")
    ET.SubElement(entries, "ColorMapEntry", color="#000000", quantity="0", opacity="0")
    for unit in legend.units:
        ET.SubElement(
            entries, "ColorMapEntry", color=unit.colour, quantity=str(unit.number),
            label=plain(unit.label), opacity="1",
        )  # fmt: skip
    return _text(root)


def polygon_sld(legend: Legend) -> str:
    """Return the style of the polygons: a rule for each unit, by the attribute ``number``."""
    root, style = _frame()
    for unit in legend.units:
        rule = ET.SubElement(style, "Rule")
        ET.SubElement(rule, "Name").text = f"unit {unit.number}"
        ET.SubElement(rule, "Title").text = plain(unit.label)
        equal = ET.SubElement(ET.SubElement(rule, "ogc:Filter"), "ogc:PropertyIsEqualTo")
        ET.SubElement(equal, "ogc:PropertyName").text = "number"
        ET.SubElement(equal, "ogc:Literal").text = str(unit.number)
        fill = ET.SubElement(ET.SubElement(rule, "PolygonSymbolizer"), "Fill")
        ET.SubElement(fill, "CssParameter", name="fill").text = unit.colour
    return _text(root)


def _frame() -> tuple[ET.Element, ET.Element]:
    """Return the document and the element that takes its rules."""
    root = ET.Element("StyledLayerDescriptor", _SPACES)
    layer = ET.SubElement(root, "NamedLayer")
    ET.SubElement(layer, "Name").text = "units"
    user = ET.SubElement(layer, "UserStyle")
    ET.SubElement(user, "Title").text = "Spectral units"
    return root, ET.SubElement(user, "FeatureTypeStyle")


def _text(root: ET.Element) -> str:
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False) + "\n"
