import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Geod

from outcrop.grid import row_areas

WGS84 = Geod(ellps="WGS84")


def test_projected_pixels_are_the_product_of_their_sides():
    grid = GeoBox((3, 4), Affine(30, 0, 0, 0, -20, 0), "EPSG:32754")
    np.testing.assert_array_equal(row_areas(grid), 600.0)


def test_rotated_pixels_keep_their_area():
    turned = Affine.rotation(30) @ Affine.scale(30, -30) if hasattr(Affine, "__matmul__") else None
    turned = turned or Affine.rotation(30) * Affine.scale(30, -30)
    np.testing.assert_allclose(row_areas(GeoBox((3, 4), turned, "EPSG:32754")), 900.0)


def test_feet_are_turned_to_metres():
    grid = GeoBox((1, 1), Affine(100, 0, 0, 0, -100, 0), "EPSG:2232")  # US survey feet
    np.testing.assert_allclose(row_areas(grid), (100 * 1200 / 3937) ** 2)


def test_without_crs_a_pixel_is_one():
    np.testing.assert_array_equal(row_areas(GeoBox((3, 4), Affine.identity(), None)), 1.0)


def test_geographic_pixels_shrink_towards_the_pole():
    grid = GeoBox((60, 10), Affine(1, 0, 0, 0, -1, 60), "EPSG:4326")
    areas = row_areas(grid)
    for row in (0, 30, 59):
        north, south = 60 - row, 59 - row
        area, _ = WGS84.polygon_area_perimeter([5, 6, 6, 5], [north, north, south, south])
        assert areas[row] == pytest.approx(abs(area), rel=1e-9)
    assert areas[0] < 0.55 * areas[-1]


def test_web_mercator_is_measured_on_the_ground():
    grid = GeoBox((2, 2), Affine(100, 0, 0, 0, -100, 8_399_737.9), "EPSG:3857")  # 60 degrees north
    assert row_areas(grid)[0] == pytest.approx(100 * 100 * 0.25, rel=0.01)
