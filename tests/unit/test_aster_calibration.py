"""ASTER's numbers by the formulas and the examples of their sources."""

import math
from datetime import date

import pytest

from outcrop.sensors.aster import ASTER
from outcrop.sensors.aster_calibration import (
    IRRADIANCE,
    UNIT_CONVERSION,
    radiance_scale,
    reflectance_scale,
    sun_distance,
)


def test_there_is_a_coefficient_for_every_band_and_a_sun_for_the_sunlit():
    assert list(UNIT_CONVERSION) == [b.name for b in ASTER.bands]
    assert tuple(IRRADIANCE) == ASTER.default


def test_maximum_radiance_is_that_of_the_handbook():
    """Number 254 at normal gain is the maximum radiance of table 3, within its rounding."""
    tops = {"B01": 427, "B02": 358, "B3N": 218, "B04": 55.0, "B05": 17.6, "B09": 8.04}
    for band, top in tops.items():
        assert 253 * UNIT_CONVERSION[band]["NOR"] == pytest.approx(top, rel=0.01)


def test_the_earth_is_nearest_in_january():
    assert sun_distance(date(2004, 1, 4)) == pytest.approx(0.98328)
    assert sun_distance(date(2004, 7, 4)) == pytest.approx(1.0167, abs=2e-4)


def test_number_one_is_no_light():
    scale, offset = radiance_scale(0.676)
    assert 1 * scale + offset == 0
    assert 101 * scale + offset == pytest.approx(67.6)


def test_reflectance_by_hand():
    day, elevation = date(2000, 5, 3), 75.830363
    scale, offset = reflectance_scale("B3N", 0.862, elevation, day)
    distance = 1 - 0.01672 * math.cos(math.radians(0.9856 * (124 - 4)))
    by_hand = math.pi * (99 * 0.862) * distance**2 / (1114 * math.sin(math.radians(elevation)))
    assert 100 * scale + offset == pytest.approx(by_hand)
