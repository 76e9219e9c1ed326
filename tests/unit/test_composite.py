"""Several observations of a pixel: against a plain implementation, in any window, counted."""

import pickle

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from scipy.optimize import minimize

from outcrop.aoi import MaskedSource
from outcrop.bareness import Bareness, bareness_of
from outcrop.composite import CompositeSource
from outcrop.config import Input
from outcrop.errors import SceneError
from outcrop.geomedian import geomedian, median
from outcrop.mosaic import mosaic
from outcrop.opening import combine
from outcrop.reasons import CLEAR, FILL, OUTSIDE
from outcrop.sensors import get_sensor
from outcrop.source import ArraySource, Window, has_counts, read_observed, read_reasons

L8 = get_sensor("landsat8")
BANDS = tuple(
    b.__class__(b.name, b.wavelength_um, quantity="reflectance")
    for b in (L8.band(n) for n in ("B2", "B4", "B5", "B6"))
)


def scene(data, origin=(0, 0), name="s"):
    grid = GeoBox(data.shape[1:], Affine(30, 0, 30 * origin[1], 0, -30, -30 * origin[0]), 32633)
    return ArraySource(name, grid, BANDS, np.asarray(data, "f4"))


def dates(n=5, shape=(30, 40), seed=0):
    rng = np.random.default_rng(seed)
    ground = rng.uniform(0.1, 0.5, (4, *shape))
    stack = (ground + rng.normal(0, 0.02, (n, 4, *shape))).astype("f4")
    stack[rng.random((n, 4, *shape)) < 0.05] = np.nan
    return stack


def test_geometric_medians_are_the_least_sum_of_distances():
    rng = np.random.default_rng(1)
    stack = rng.normal(0, 1, (6, 3, 1, 4)).astype("f4") ** 3
    weights = rng.uniform(0.2, 1, (6, 1, 4)).astype("f4")
    found = geomedian(stack, weights)
    for j in range(4):
        points, mass = stack[:, :, 0, j].astype(float), weights[:, 0, j]

        def cost(x, points=points, mass=mass):
            return (mass * np.linalg.norm(points - x, axis=1)).sum()

        best = minimize(cost, points.mean(0), method="Nelder-Mead",
                        options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 5000})  # fmt: skip
        assert cost(found[:, 0, j].astype(float)) <= best.fun * (1 + 1e-5)


def test_few_observations_and_a_majority_that_agrees():
    a, b = np.array([0.1, 0.2]), np.array([0.3, 0.6])
    one = np.stack([a, np.full(2, np.nan)])[:, :, None, None].astype("f4")
    np.testing.assert_allclose(geomedian(one)[:, 0, 0], a, rtol=1e-6)
    two = np.stack([a, b])[:, :, None, None].astype("f4")
    np.testing.assert_allclose(geomedian(two)[:, 0, 0], (a + b) / 2, rtol=1e-5)
    three = np.stack([a, a, b])[:, :, None, None].astype("f4")
    np.testing.assert_allclose(geomedian(three)[:, 0, 0], a, rtol=1e-4)
    assert np.isnan(geomedian(np.full((3, 2, 1, 1), np.nan, "f4"))).all()
    np.testing.assert_allclose(median(three)[:, 0, 0], a, rtol=1e-6)


@pytest.mark.parametrize("kind", ["median", "geomedian", "barest"])
def test_windows_are_cut_from_one_whole(kind, monkeypatch):
    stack = dates()
    sources = [scene(d, origin=(0, 3 * i)) for i, d in enumerate(stack)]
    whole = mosaic(sources, CompositeSource, kind=kind)
    assert whole.grid.shape == (30, 52)
    full = Window(0, 0, *whole.grid.shape)
    data, why, clear = whole.read_observed(full)
    assert clear.max() == 5
    np.testing.assert_array_equal(clear > 0, why == CLEAR)
    np.testing.assert_array_equal(np.isfinite(data).all(axis=0), why == CLEAR)
    window = Window(7, 11, 9, 23)
    part = read_observed(pickle.loads(pickle.dumps(whole)), window)
    for a, b in zip(part, (data, why, clear), strict=True):
        np.testing.assert_array_equal(a, b[..., *window.slices])
    monkeypatch.setattr("outcrop.composite.BYTES", 50_000)
    np.testing.assert_array_equal(whole.read(full), data)


def test_a_median_by_band_is_numpys():
    stack = dates()
    whole = mosaic([scene(d) for d in stack], CompositeSource, kind="median")
    kept = np.where(np.isfinite(stack).all(axis=1, keepdims=True), stack, np.nan)
    got = whole.read(Window(0, 0, 30, 40))
    seen = np.isfinite(got)
    np.testing.assert_allclose(got[seen], np.nanmedian(kept, axis=0)[seen], rtol=1e-6)


def test_the_barest_of_seasons_shows():
    soil, green = np.array([0.1, 0.25, 0.3, 0.4]), np.array([0.03, 0.04, 0.45, 0.2])
    rng = np.random.default_rng(0)
    stack = np.stack([0.2 * soil + 0.8 * green, 0.5 * soil + 0.5 * green, soil, soil])
    stack = stack[:, :, None, None] + rng.normal(0, 0.003, (4, 4, 8, 8))
    sources = [scene(d) for d in stack]
    at = Window(0, 0, 8, 8)
    bare = combine(sources, Input(composite="barest", radiometry="none")).read(at)
    plain = combine(sources, Input(composite="geomedian", radiometry="none")).read(at)
    off = [np.abs(c.mean((1, 2)) - soil).max() for c in (bare, plain)]
    assert off[0] < 0.01 < off[1]
    assert bareness_of(BANDS, "s") == Bareness(1, 2, 0, 3)
    assert bareness_of(BANDS[1:3], "s") == Bareness(0, 1)
    with pytest.raises(SceneError, match=r"--composite barest: .*no band red"):
        combine([ArraySource("x", s.grid, BANDS[:1], s.data[:1]) for s in sources],
                Input(composite="barest", radiometry="none"))  # fmt: skip


def test_an_area_keeps_the_counts():
    whole = mosaic([scene(d) for d in dates(3)], CompositeSource, kind="geomedian")
    square = {
        "type": "Polygon",
        "coordinates": [[(0, 0), (300, 0), (300, -300), (0, -300), (0, 0)]],
    }
    part = MaskedSource(whole, Window(0, 0, 20, 20), (square,))
    assert has_counts(part)
    _, why, clear = read_observed(part, Window(0, 0, 20, 20))
    assert (clear[:10, :10] >= 1).any()
    assert not clear[10:].any()
    assert (why[10:] == OUTSIDE).all()
    assert not has_counts(scene(dates(1)[0]))


def test_what_no_scene_has_is_missing_for_a_reason():
    gone = np.full((4, 5, 5), np.nan)
    whole = mosaic([scene(gone), scene(gone)], CompositeSource, kind="median")
    data, why = read_reasons(whole, Window(0, 0, 5, 5))
    assert np.isnan(data).all()
    assert (why == FILL).all()


@pytest.mark.parametrize(("options", "says"), [
    (Input(composite="mean"), "--composite: unknown composite 'mean'"),
    (Input(radiometry="histogram"), "--radiometry: unknown radiometry"),
])  # fmt: skip
def test_unknown_names_are_said(options, says):
    with pytest.raises(SceneError, match=says):
        combine([scene(d) for d in dates(2)], options)
