"""Masks of several dates: what is clear on the others, and what never is."""

import json

import geopandas
import numpy as np
import pytest
from shapely.geometry import box

import landsat
from landsat import CLEAR, CLOUD, SHADOW
from outcrop.__main__ import main
from outcrop.config import Input
from outcrop.dates import count_dates, date_facts, date_notes
from outcrop.opening import open_sources
from outcrop.reasons import CODES, SWITCHES
from rasters import UTM

AT = SWITCHES.index("cloud")


def codes(*rows):
    return [np.array([row], "u1") for row in rows]


def test_counts():
    cloud, fill, shadow = CODES["cloud"], CODES["fill"], CODES["shadow"]
    # Clear elsewhere; cloud on every date; the only date; cloud and shadow; never masked.
    table = count_dates(codes([cloud, cloud, cloud, cloud, 0], [0, cloud, fill, shadow, 0],
                              [0, cloud, fill, 0, 0]))  # fmt: skip
    assert table[AT].tolist() == [5, 1, 5, 3]
    assert table[SWITCHES.index("shadow")].tolist() == [1, 0, 1, 0]


def dates(tmp_path, masks):
    """Products of one place, each with its quality band."""
    return [str(landsat.product(tmp_path / str(i), qa=qa)) for i, qa in enumerate(masks)]


def moving(i, shape=(40, 50)):
    qa = np.full(shape, CLEAR, "u2")
    qa[10 * i : 10 * i + 10] = CLOUD
    return qa


@pytest.mark.parametrize("composite", ["first", "median"])
@pytest.mark.parametrize("fixed", [False, True])
def test_clouds_move_and_ground_does_not(tmp_path, fixed, composite):
    scenes = dates(tmp_path, [moving(0 if fixed else i) for i in range(3)])
    facts = date_facts(open_sources(scenes, Input(composite=composite)))
    assert set(facts) == {"cloud"}
    assert facts["cloud"]["observations"] == 3 * 10 * 50
    assert facts["cloud"]["clear_on_others"] == (0 if fixed else 1)
    assert facts["cloud"]["persistent"] == (1 if fixed else 0)
    (note,) = date_notes(facts)
    assert ("bright or dark ground" in note) == fixed


@pytest.mark.parametrize("composite", ["first", "geomedian"])
def test_only_the_area_counts(tmp_path, composite):
    """The clouds of the third date lie outside it, and so does half of the others'."""
    west, north = 600000, 6600000
    area = str(tmp_path / "area.gpkg")
    shape = box(west + 25 * 30, north - 20 * 30, west + 50 * 30, north)
    geopandas.GeoDataFrame(geometry=[shape], crs=UTM).to_file(area)
    scenes = dates(tmp_path, [moving(i) for i in range(3)])
    facts = date_facts(open_sources(scenes, Input(composite=composite, aoi=area)))
    assert facts["cloud"]["observations"] == 2 * 10 * 25
    assert facts["cloud"]["clear_on_others"] == 1


def test_two_dates_tell_no_persistence(tmp_path):
    facts = date_facts(open_sources(dates(tmp_path, [moving(0), moving(0)])))
    assert facts["cloud"]["persistent"] is None
    assert not date_notes(facts)


def test_one_date_says_nothing(tmp_path):
    assert date_facts(open_sources(dates(tmp_path, [np.full((40, 50), SHADOW)]))) == {}


def test_the_map_says_it(tmp_path):
    scenes = dates(tmp_path, [moving(i) for i in range(3)])
    assert main(["map", *scenes, "-o", str(tmp_path / "o"), "--units", "3", "-q"]) == 0
    metrics = json.loads((tmp_path / "o" / "metrics.json").read_text())
    assert any("100% of what is masked as cloud is clear on most" in n for n in metrics["notes"])
    assert "Clear on most other dates" in (tmp_path / "o" / "report.html").read_text()
