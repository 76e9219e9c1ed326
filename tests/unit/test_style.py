"""Names and colours as GIS programs read them."""

import json
import shutil
import subprocess
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import rasterio

from outcrop.products.legend import Legend, Unit
from outcrop.products.sld import polygon_sld, raster_sld
from outcrop.products.style import aux_xml, colour_table, qml
from outcrop.sensors.base import Band

NAMES = {1: "Unit 1", 2: 'Shale & "marl" <grey>', 5: "Grès à ammonites\n砂岩\x07"}
PLAIN = {**NAMES, 5: "Grès à ammonites 砂岩"}
COLOURS = {1: "#102030", 2: "#ffcc00", 5: "#00ff7f"}
LEGEND = Legend.of(
    [Unit(n, NAMES[n], COLOURS[n], 3_000_000_000 + n, None, 0.3, (0.1,)) for n in NAMES],
    [Band("B1")],
)


def test_colour_table():
    assert colour_table(LEGEND) == {
        0: (0, 0, 0, 0),
        1: (16, 32, 48, 255),
        2: (255, 204, 0, 255),
        5: (0, 255, 127, 255),
    }


def test_qml_is_xml_with_every_unit():
    root = ET.fromstring(qml(LEGEND))
    assert root.tag == "qgis"
    renderer = root.find("pipe/rasterrenderer")
    assert renderer.get("type") == "paletted"
    assert renderer.get("band") == "1"
    entries = renderer.findall("colorPalette/paletteEntry")
    assert {int(e.get("value")): e.get("color") for e in entries} == COLOURS
    assert {int(e.get("value")): e.get("label") for e in entries} == PLAIN


def test_sld_colours_every_value():
    root = ET.fromstring(raster_sld(LEGEND))
    spaces = {"s": "http://www.opengis.net/sld"}
    (colours,) = root.iterfind(".//s:RasterSymbolizer/s:ColorMap", spaces)
    assert colours.get("type") == "values"
    entries = {int(e.get("quantity")): e for e in colours}
    assert entries.pop(0).get("opacity") == "0"
    assert {n: e.get("color") for n, e in entries.items()} == COLOURS
    assert {n: e.get("label") for n, e in entries.items()} == PLAIN


def test_sld_of_polygons_has_a_rule_a_unit():
    root = ET.fromstring(polygon_sld(LEGEND))
    s, ogc = "{http://www.opengis.net/sld}", "{http://www.opengis.net/ogc}"
    rules = {
        int(rule.find(f".//{ogc}Literal").text): (
            rule.find(f"{s}Title").text, rule.find(f".//{s}CssParameter").text
        )
        for rule in root.iter(f"{s}Rule")
    }  # fmt: skip
    assert rules == {n: (PLAIN[n], COLOURS[n]) for n in NAMES}


def test_aux_xml_is_read_by_gdal(tmp_path):
    tool = shutil.which("gdalinfo")
    if tool is None:
        pytest.skip("gdalinfo is not installed: GDAL's own reading of the names is not tested")
    path = tmp_path / "units.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=4, height=2, count=1, dtype="uint8", nodata=0
    ) as target:
        target.write(np.array([[[0, 1, 2, 5]] * 2], np.uint8))
    (tmp_path / "units.tif.aux.xml").write_text(aux_xml(LEGEND), "utf-8")
    run = subprocess.run([tool, "-json", str(path)], capture_output=True, text=True, check=True)
    facts = json.loads(run.stdout)
    band = facts["bands"][0]
    assert band["noDataValue"] == 0
    assert band["categories"] == ["no data", "Unit 1", PLAIN[2], "", "", PLAIN[5]]
    text = subprocess.run([tool, str(path)], capture_output=True, text=True, check=True).stdout
    assert 'tableType="thematic"' in text
    table = ET.fromstring(text[text.index("<GDALRasterAttributeTable") :])
    columns = [f.findtext("Name") for f in table.findall("FieldDefn")]
    assert columns == ["Value", "Class", "Red", "Green", "Blue", "Count"]
    usages = [int(f.findtext("Usage")) for f in table.findall("FieldDefn")]
    assert usages == [5, 2, 6, 7, 8, 1]
    rows = [[f.text for f in row.findall("F")] for row in table.findall("Row")]
    assert rows[1][:5] == ["2", PLAIN[2], "255", "204", "0"]
    assert [float(row[5]) for row in rows] == [3_000_000_001, 3_000_000_002, 3_000_000_005]


def test_a_legend_of_nothing():
    empty = Legend.of([], [])
    assert colour_table(empty) == {0: (0, 0, 0, 0)}
    ET.fromstring(qml(empty))
    ET.fromstring(aux_xml(empty))
