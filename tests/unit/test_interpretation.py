"""What a geologist writes into a legend, followed through the products of the next map."""

import dataclasses
import json
from xml.etree import ElementTree as ET

import numpy as np
import pyogrio
import pytest

from outcrop.config import Recipe, Step
from outcrop.pipeline import map_scenes
from rasters import blobs, write


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Two maps of one scene; between them somebody named a unit of the first."""
    folder = tmp_path_factory.mktemp("filled")
    data, _ = blobs((40, 60), bands=6, units=3, spread=0.02)
    scene = write(folder / "scene.tif", np.round(data * 1e4).astype("i2"), nodata=0)
    recipe = Recipe(reducer=Step("pca"), clusterer=Step("kmeans", {"n_units": 3}))
    map_scenes([scene], recipe, folder / "a")
    path = folder / "a" / "legend.json"
    facts = json.loads(path.read_text("utf-8"))
    facts["units"][1] |= {"name": "Red beds", "lithology": {"id": "", "label": "mudstone"}}
    path.write_text(json.dumps(facts), "utf-8")
    again = dataclasses.replace(recipe, run=dataclasses.replace(recipe.run, like=str(folder / "a")))
    map_scenes([scene], again, folder / "b")
    return folder / "a", folder / "b"


def test_like_takes_over_the_interpretation(filled):
    units = json.loads((filled[1] / "legend.json").read_text("utf-8"))["units"]
    assert [u["lithology"]["label"] for u in units] == ["", "mudstone", ""]
    frame = pyogrio.read_dataframe(filled[1] / "units.gpkg", layer="units")
    assert set(frame["lithology"][frame["name"] == "Red beds"]) == {"mudstone"}
    assert "Red beds (mudstone)" in (filled[1] / "units.qml").read_text("utf-8")


def test_the_report_has_columns_for_what_is_filled_in_only(filled):
    before, after = ((f / "report.html").read_text("utf-8") for f in filled)
    assert "Lithology" not in before
    assert '<th scope="col" class="l">Lithology</th>' in after
    assert '<td class="l wrap">mudstone</td>' in after
    assert '<th scope="col" class="l">Age</th>' not in after


def test_the_attribute_table_has_columns_for_what_is_filled_in_only(filled):
    before, after = ((f / "units.tif.aux.xml").read_text("utf-8") for f in filled)
    assert "Lithology" not in before
    assert "<Name>Lithology</Name>" in after
    assert "<F>mudstone</F>" in after
    assert "<Name>Age</Name>" not in after
    table = ET.fromstring(after).find(".//GDALRasterAttributeTable")
    columns = len(table.findall("FieldDefn"))
    assert all(len(row.findall("F")) == columns for row in table.findall("Row"))
