"""Absorption features: found where they are, and not where bands are too far apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcrop.spectra.continuum import continuum, find_features, segments


def spectrum(um, *lines):
    values = 0.3 + 0.05 * (um - um[0])
    for centre, width, depth in lines:
        values = values * (1 - depth * np.exp(-4 * np.log(2) * ((um - centre) / width) ** 2))
    return values


SWIR = np.arange(2.0, 2.45, 0.01)


@given(st.lists(st.floats(0.01, 1), min_size=3, max_size=40))
def test_a_continuum_is_the_least_convex_cover(values):
    x, y = np.arange(len(values), dtype=float), np.array(values)
    hull = continuum(x, y)
    assert (hull >= y - 1e-12).all()
    assert (hull[0], hull[-1]) == (y[0], y[-1])
    assert (np.diff(hull, 2) <= 1e-9).all()
    touched = np.isclose(hull, y)
    assert np.allclose(np.interp(x, x[touched], y[touched]), hull)


def test_features_are_found_at_their_place_and_depth():
    found = find_features(SWIR, spectrum(SWIR, (2.205, 0.045, 0.15), (2.335, 0.06, 0.08)))
    assert [round(f.centre_um, 2) for f in found] == pytest.approx([2.205, 2.335], abs=0.006)
    assert [f.depth for f in found] == pytest.approx([0.15, 0.08], abs=0.02)
    assert "consistent with Al-OH" in str(found[0])
    assert "contain" not in str(found[0])


def test_shallow_noisy_and_narrow_ones_are_not():
    assert not find_features(SWIR, spectrum(SWIR))
    assert not find_features(SWIR, spectrum(SWIR, (2.205, 0.045, 0.015)))
    assert not find_features(SWIR, spectrum(SWIR, (2.205, 0.004, 0.2)))
    noisy = spectrum(SWIR) * (1 + np.random.default_rng(0).normal(0, 0.03, len(SWIR)))
    assert not find_features(SWIR, noisy)


def test_bands_farther_apart_than_20_nm_tell_none():
    for step, some in ((0.019, True), (0.020, True), (0.022, False)):
        um = np.arange(1.95, 2.46, step)
        assert bool(find_features(um, spectrum(um, (2.205, 0.08, 0.3)))) is some
    assert segments(np.array([0.48, 0.56, 0.66, 0.83, 1.65, 2.2])) == []


def test_missing_bands_are_left_out():
    values = spectrum(SWIR, (2.205, 0.08, 0.3))
    values[3] = np.nan
    values[40] = -0.1
    assert len(find_features(SWIR, values)) == 1
