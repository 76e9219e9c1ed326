"""What QGIS itself makes of a result: classes, colours, fields, and the picture it draws."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest

from outcrop.__main__ import main
from rasters import blobs, write

#: Run by the Python that QGIS is installed for, which need not be this one.
SCRIPT = """
import json, os, sys
from qgis.core import (Qgis, QgsApplication, QgsLayerTree, QgsLayerTreeModel,
                       QgsMapRendererSequentialJob, QgsMapSettings, QgsRasterLayer,
                       QgsRenderContext, QgsVectorLayer)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor

app = QgsApplication([], False)
app.initQgis()
folder, columns, rows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
raster = QgsRasterLayer(folder + "/units.tif", "units")
plain = QgsRasterLayer(folder + "/plain/units.tif", "no style beside it")
polygons = QgsVectorLayer(folder + "/units.gpkg|layername=units", "units", "ogr")
renderer, context = polygons.renderer(), QgsRenderContext()
renderer.startRender(context, polygons.fields())
drawn = [
    [f["number"], f["name"], f["colour"], f["lithology"] or None, f["area"], f["pixels"],
     renderer.symbolForFeature(f, context).color().name()]
    for f in polygons.getFeatures()
]
renderer.stopRender(context)


def picture(layer):
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(raster.crs())
    settings.setExtent(raster.extent())
    settings.setOutputSize(QSize(columns, rows))
    settings.setBackgroundColor(QColor("white"))
    settings.setFlag(QgsMapSettings.Antialiasing, False)
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    return [[image.pixelColor(x, y).name() for x in range(columns)] for y in range(rows)]


def legend(layer):
    tree = QgsLayerTree()
    model = QgsLayerTreeModel(tree)
    return [node.data(0) or None for node in model.layerLegendNodes(tree.addLayer(layer))]


def classes(layer):
    return [[int(c.value), c.color.name(), c.label] for c in layer.renderer().classes()]


print(json.dumps({
    "version": Qgis.QGIS_VERSION,
    "valid": [raster.isValid(), polygons.isValid()],
    "crs": [raster.crs().authid(), polygons.crs().authid()],
    "classes": classes(raster),
    "plain": classes(plain),
    "confidence": legend(QgsRasterLayer(folder + "/confidence.tif", "confidence")),
    "categories": [[int(c.value()), c.symbol().color().name(), c.label()]
                   for c in renderer.categories()],
    "fields": {f.name(): f.typeName() for f in polygons.fields()},
    "drawn": drawn,
    "raster": picture(raster),
    "polygons": picture(polygons),
}))
sys.stdout.flush()
os._exit(0)  # QGIS may crash as Python takes its objects apart
"""
PYTHONS = ("/usr/bin/python3", shutil.which("python3") or "")


@pytest.fixture(scope="module")
def python():
    """The interpreter that has PyQGIS; the tests are skipped where none has."""
    for path in PYTHONS:
        if os.access(path, os.X_OK):
            found = subprocess.run([path, "-c", "import qgis.core"], capture_output=True)
            if found.returncode == 0:
                return path
    pytest.skip("needs QGIS with its Python (Debian: qgis, python3-qgis)")


@pytest.fixture(scope="module")
def seen(python, tmp_path_factory):
    """A result with a named unit, and what QGIS says of it."""
    folder = tmp_path_factory.mktemp("qgis")
    data, _ = blobs((40, 60), bands=6, units=3)
    data[:, :5] = np.nan
    scene = write(folder / "s.tif", np.round(np.nan_to_num(data) * 1e4).astype("u2"), nodata=0)
    said = ["--sensor", "landsat8", "--units", "3", "-q"]
    assert main(["map", scene, "-o", str(folder / "first"), *said]) == 0
    named = json.loads((folder / "first" / "legend.json").read_text())
    named["units"][1] |= {
        "name": "Grès & <marl>",
        "lithology": {
            "id": "http://resource.geosciml.org/classifier/cgi/lithology/sandstone",
            "label": "sandstone",
        },
    }
    (folder / "named.json").write_text(json.dumps(named))
    out = folder / "out"
    argv = ["map", scene, "-o", str(out), "--like", str(folder / "named.json"), *said]
    assert main(argv) == 0
    (out / "plain").mkdir()
    for name in ("units.tif", "units.tif.aux.xml"):
        shutil.copy(out / name, out / "plain")
    done = subprocess.run(
        [python, "-c", SCRIPT, str(out), "60", "40"], capture_output=True, text=True, timeout=120,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": "", "HOME": str(folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads((out / "legend.json").read_text()), json.loads(done.stdout)


def test_the_style_beside_the_map_names_and_colours_the_classes(seen):
    legend, qgis = seen
    labels = {u["number"]: u["name"] for u in legend["units"]} | {2: "Grès & <marl> (sandstone)"}
    wanted = [[u["number"], u["colour"], labels[u["number"]]] for u in legend["units"]]
    assert qgis["valid"] == [True, True]
    assert qgis["crs"] == ["EPSG:32754"] * 2
    assert qgis["classes"] == wanted
    assert qgis["categories"] == wanted


def test_without_the_style_the_map_still_has_names_and_colours(seen):
    legend, qgis = seen
    plain = {number: (colour, label) for number, colour, label in qgis["plain"]}
    for unit in legend["units"]:
        assert plain[unit["number"]] == (unit["colour"], unit["name"])


def test_polygons_carry_their_fields(seen):
    legend, qgis = seen
    assert qgis["fields"]["number"] == "Integer"
    assert qgis["fields"]["pixels"] == "Integer64"
    units = {u["number"]: u for u in legend["units"]}
    pixels = dict.fromkeys(units, 0)
    for number, name, colour, lithology, area, count, painted in qgis["drawn"]:
        unit = units[number]
        assert (name, colour, painted) == (unit["name"], unit["colour"], unit["colour"])
        assert lithology == ("sandstone" if number == 2 else None)
        assert area == pytest.approx(900 * count)
        pixels[number] += count
    assert pixels == {n: u["pixels"] for n, u in units.items()}


def test_raster_and_polygons_are_drawn_alike(seen):
    legend, qgis = seen
    raster, polygons = np.array(qgis["raster"]), np.array(qgis["polygons"])
    assert (raster == polygons).all()
    assert set(raster.ravel()) == {u["colour"] for u in legend["units"]} | {"#ffffff"}
    assert (raster[:5] == "#ffffff").all()


def test_the_legend_of_the_confidence_names_what_is_unlike_any_unit(seen):
    # Before 3.18 QGIS has no legend of a ramp, and heads none with the band.
    assert [label for label in seen[1]["confidence"] if label][-8:] == [
        "unlike any unit", "1 %", "20 %", "40 %", "60 %", "75 %", "90 %", "100 %",
    ]  # fmt: skip
