"""A probability sample of a map: how many points where, and what is written of them."""

from xml.etree import ElementTree

import geopandas
import numpy as np
import pytest

from outcrop.comparison.drawing import draw_points, write_points
from outcrop.errors import InputError, OutputError
from rasters import write


@pytest.fixture
def units(tmp_path):
    """A map of 60 x 80 pixels of 30 m: unit 1 on most of it, little of 2 and 7, some unmapped."""
    array = np.ones((60, 80), np.uint8)
    array[:10, :10], array[50:, 70:], array[30:, :5] = 2, 7, 0
    return write(tmp_path / "units.tif", array, nodata=0), array


def test_points_lie_in_pixels_of_their_stratum(units):
    path, array = units
    points, notes = draw_points(path, 60, seed=1)
    column = ((points.geometry.x - 600000) / 30).to_numpy()
    row = ((6600000 - points.geometry.y) / 30).to_numpy()
    assert (column % 1 == 0.5).all()
    assert (array[row.astype(int), column.astype(int)] == points["stratum"]).all()
    assert len({*zip(row, column, strict=True)}) == 60
    counts = points["stratum"].value_counts()
    assert counts.min() >= 10
    assert counts[1] > counts[2]
    assert points["share"].sum() == pytest.approx(1)
    assert "fewer than 20 points" in notes[0]


def test_a_random_sample_knows_no_strata(units):
    points, _ = draw_points(units[0], 100, design="random")
    assert set(points["stratum"]) == {0}
    assert points["share"].tolist() == pytest.approx([0.01] * 100)


def test_the_seed_decides(units):
    first, again = (draw_points(units[0], 30, seed=5)[0] for _ in range(2))
    other = draw_points(units[0], 30, seed=6)[0]
    assert first.equals(again)
    assert not first.geometry.equals(other.geometry)


def test_all_pixels_may_be_drawn(tmp_path):
    path = write(tmp_path / "small.tif", np.array([[1, 1, 2], [2, 1, 1]], np.uint8))
    points, _ = draw_points(path, 6)
    assert len(points) == 6
    with pytest.raises(InputError, match="has 6 mapped pixels"):
        draw_points(path, 7)
    with pytest.raises(InputError, match="2 strata, and each needs two points"):
        draw_points(path, 3)


def test_gpx_tells_the_place_and_not_the_unit(units, tmp_path):
    points, _ = draw_points(units[0], 20)
    written = write_points(points, tmp_path / "visits")
    assert [p.name for p in written] == ["visits.gpkg", "visits.gpx"]
    back = geopandas.read_file(written[0])
    assert list(back.columns) == ["id", "stratum", "share", "class", "geometry"]
    assert back.crs == points.crs
    waypoints = ElementTree.parse(written[1]).getroot()
    assert [w[0].text for w in waypoints] == [str(i) for i in range(1, 21)]
    here = points.geometry.to_crs(4326).iloc[0]
    assert float(waypoints[0].get("lat")) == pytest.approx(here.y, abs=1e-6)
    assert "stratum" not in written[1].read_text()
    with pytest.raises(OutputError, match="exists already"):
        write_points(points, tmp_path / "visits.gpx")


def test_a_map_without_crs_gives_no_gpx(tmp_path):
    path = write(tmp_path / "bare.tif", np.array([[1, 1, 2], [2, 1, 1]], np.uint8), crs=None,
                 transform=None)  # fmt: skip
    points, _ = draw_points(path, 4)
    assert [p.name for p in write_points(points, tmp_path / "a")] == ["a.gpkg"]
    with pytest.raises(InputError, match="no CRS"):
        write_points(points, tmp_path / "b.gpx")
    with pytest.raises(InputError, match=r"give a \.gpkg"):
        write_points(points, tmp_path / "b.shp")
