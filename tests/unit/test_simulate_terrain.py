"""Noise, drainage, relief and sunlight."""

from __future__ import annotations

import numpy as np
import pytest

from outcrop.simulate.surface import abundances, mixing_reach
from outcrop.simulate.terrain import carve, catchment_area, fractal_noise, illumination


def test_noise_has_unit_spread_and_is_smooth() -> None:
    field = fractal_noise(np.random.default_rng(0), (90, 130), 40.0)
    assert field.shape == (90, 130)
    assert field.dtype == np.float32
    assert float(field.mean()) == pytest.approx(0, abs=1e-4)
    assert float(field.std()) == pytest.approx(1, abs=1e-4)
    assert float(np.diff(field, axis=0).std()) < 0.5


def test_water_runs_down_a_plane_in_columns() -> None:
    plane = np.repeat(np.arange(20.0, 0, -1, dtype=np.float32)[:, None], 9, axis=1)
    plane += np.abs(np.arange(9) - 4.0, dtype=np.float32)[None] * 100  # a gutter
    area = catchment_area(plane)
    assert area[-1, 4] > 0.5 * plane.size
    assert (np.diff(area[:, 4]) > 0).all()
    assert area.min() == 1


def test_all_water_leaves_and_hollows_fill() -> None:
    bowl = np.hypot(*np.mgrid[-10:11, -10:11]).astype(np.float32)
    bowl[0, 10] = 5.0  # the lowest point of its rim
    area = catchment_area(bowl)
    assert area[0, 10] > 0.5 * bowl.size
    border = np.ones(bowl.shape, dtype=bool)
    border[1:-1, 1:-1] = False
    assert area[border].sum() >= bowl.size


def test_hard_rock_stands_up() -> None:
    hardness = np.zeros((80, 80), dtype=np.float32)
    hardness[:, 35:45] = 1.0
    ground = 0.3 * fractal_noise(np.random.default_rng(1), (80, 80), 40.0, 4.0)
    terrain = carve(hardness, ground, 200.0, 2.0)
    low, high = np.percentile(terrain.elevation, (2, 98))
    assert high - low == pytest.approx(200, rel=1e-3)
    assert terrain.elevation[:, 38:42].mean() > terrain.elevation[:, 10:20].mean() + 50


def test_flat_ground_is_lit_as_flat_ground() -> None:
    light = illumination(np.full((8, 8), 120.0, dtype=np.float32), 30.0)
    np.testing.assert_allclose(light, 1.0, rtol=1e-6)


def test_slopes_that_face_the_sun_are_brighter() -> None:
    rows, columns = np.indices((8, 8), dtype=np.float32)
    facing_north = illumination(10 * rows, 30.0, 50.0, 0.0)
    facing_east = illumination(-10 * columns, 30.0, 50.0, 90.0)
    away = illumination(-10 * rows, 30.0, 50.0, 0.0)
    assert facing_north.min() > 1
    np.testing.assert_allclose(facing_north, facing_east, rtol=1e-5)
    assert away.max() < 1


def test_shadow_keeps_the_light_of_the_sky() -> None:
    cliff = -200 * np.indices((8, 8), dtype=np.float32)[0]
    light = illumination(cliff, 30.0, 30.0, 0.0, sky=0.2)
    assert light.min() > 0
    assert light.max() < 0.2


def test_mixing_stays_near_contacts_and_goes_downhill() -> None:
    labels = np.zeros((64, 64), dtype=np.intp)
    labels[:, 32:] = 1
    columns = np.indices(labels.shape, dtype=np.float32)[1]
    shares = abundances(labels, 2, -6.0 * columns, 30.0)  # unit 0 lies above unit 1
    np.testing.assert_allclose(shares.sum(axis=0), 1.0, atol=1e-5)
    reach = mixing_reach(30.0)
    np.testing.assert_allclose(shares[0, :, : 32 - reach], 1.0, atol=1e-6)
    np.testing.assert_allclose(shares[1, :, 32 + reach :], 1.0, atol=1e-6)
    assert shares[0, 32, 35] > 10 * shares[1, 32, 28]
    assert shares[0, 32, 35] > 0.05
