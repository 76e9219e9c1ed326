"""Another grid: the right place, the right value, and the same however the grid is cut."""

import pickle

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from outcrop.align import Target, align
from outcrop.errors import SceneError
from outcrop.gcps import fit_gcps
from outcrop.mosaic import mosaic
from outcrop.reasons import CLEAR, CLOUD, FILL
from outcrop.sensors.base import Band
from outcrop.source import ArraySource, Window, read_reasons
from outcrop.warp import WarpedSource, warp

BANDS = (Band("a"), Band("b"))


def scene(data, pixel=30.0, origin=(300000.0, 5000000.0), crs="EPSG:32633", name="s", down=-1):
    data = np.asarray(data, "f4")
    data = np.stack([data, data + 1]) if data.ndim == 2 else data
    grid = GeoBox(data.shape[1:], Affine(pixel, 0, origin[0], 0, down * pixel, origin[1]), crs)
    return ArraySource(name, grid, BANDS, data)


def whole(s):
    return s.read(Window(0, 0, *s.grid.shape))


def plane(shape=(80, 90), crs="EPSG:32633", **more):
    """A scene whose first band is x and second y, in km."""
    bare = scene(np.zeros(shape), crs=crs, **more)
    a = bare.grid.affine
    x = a.c + a.a * (np.arange(shape[1]) + 0.5)
    y = a.f + a.e * (np.arange(shape[0]) + 0.5)
    data = np.stack(np.broadcast_arrays(x[None] / 1000, (y / 1000)[:, None])).astype("f4")
    return ArraySource("plane", bare.grid, BANDS, data)


def patchy(shape=(70, 64), seed=0):
    rng = np.random.default_rng(seed)
    data = rng.random((2, *shape)).astype("f4")
    data[:, rng.random(shape) < 0.03] = np.nan
    return scene(data)


@pytest.mark.parametrize("resampling", ["bilinear", "cubic"])
@pytest.mark.parametrize("crs", ["EPSG:32632", "EPSG:3035", "EPSG:4326", "EPSG:3857"])
def test_values_come_from_where_they_lie(crs, resampling):
    from pyproj import Transformer

    (moved,) = align([plane()], Target(crs=crs, resampling=resampling))
    assert str(moved.grid.crs) == crs
    data = whole(moved)
    rows, cols = np.nonzero(np.isfinite(data[0]))
    assert len(rows) > 0.4 * data[0].size
    x, y = moved.grid.affine * (cols + 0.5, rows + 0.5)
    x, y = Transformer.from_crs(crs, "EPSG:32633", always_xy=True).transform(x, y)
    off = np.hypot(data[0, rows, cols] * 1000 - x, data[1, rows, cols] * 1000 - y)
    inner = (np.abs(x - 301350) < 1250) & (np.abs(y - 4998800) < 1100)  # half a pixel at the edge
    assert off[inner].max() < 0.02 * 30 + 0.3  # float32 of 5000 km is half a metre


@pytest.mark.parametrize(("target", "method"), [
    (Target(crs="EPSG:32632"), "bilinear"),
    (Target(crs="EPSG:32632", resampling="nearest"), "nearest"),
    (Target(crs="EPSG:32632", resolution=30, resampling="cubic"), "cubic"),
    (Target(crs="EPSG:3035", resolution=100), "average"),
    (Target(resolution=70), "average"),
    (Target(resolution=11), "bilinear"),
])  # fmt: skip
@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 40), st.integers(1, 40))
def test_windows_are_cut_from_one_whole(target, method, row, col, height, width):
    (moved,) = align([patchy()], target)
    assert isinstance(moved, WarpedSource)
    assert moved.method == method
    rows, cols = moved.grid.shape
    row, col = min(row, rows - 1), min(col, cols - 1)
    window = Window(row, col, min(height, rows - row), min(width, cols - col))
    data, why = read_reasons(moved, Window(0, 0, rows, cols))
    part, part_why = read_reasons(pickle.loads(pickle.dumps(moved)), window)
    np.testing.assert_array_equal(part, data[:, *window.slices])
    np.testing.assert_array_equal(part_why, why[window.slices])
    np.testing.assert_array_equal(np.isfinite(data).all(axis=0), why == CLEAR)


def test_a_window_that_needs_much_is_read_in_parts(monkeypatch):
    (moved,) = align([patchy()], Target(crs="EPSG:3035", resolution=90))
    at_once = whole(moved)
    monkeypatch.setattr("outcrop.warp.VALUES", 200)
    np.testing.assert_array_equal(whole(moved), at_once)


def test_coarser_by_a_whole_number_is_the_mean_of_the_parts():
    data = np.random.default_rng(1).random((12, 15)).astype("f4")
    (coarse,) = align([scene(data, origin=(300060, 5000040))], Target(resolution=90))
    # Edges of pixels lie at multiples of 90 m, so the first ones are covered in part.
    assert (coarse.grid.affine.c % 90, coarse.grid.affine.f % 90) == (0, 0)
    out, why = read_reasons(coarse, Window(0, 0, *coarse.grid.shape))
    skip_col = int((300060 - coarse.grid.affine.c) // 30)
    skip_row = int((coarse.grid.affine.f - 5000040) // 30)
    first_col, first_row = (3 - skip_col) % 3, (3 - skip_row) % 3
    expected = data[first_row : first_row + 3, first_col : first_col + 3].mean()
    i, j = int(skip_row > 0), int(skip_col > 0)
    assert out[0, i, j] == pytest.approx(expected, abs=1e-6)
    assert why[i, j] == CLEAR
    if i:
        assert why[0].tolist() == [FILL] * why.shape[1]


def test_a_shift_of_half_a_pixel_is_interpolated():
    data = np.arange(20, dtype="f4").reshape(4, 5)
    first, second = scene(data), scene(data, origin=(300015.0, 5000000.0))
    assert align([first], Target()) == [first]
    same, moved = align([first, second])
    assert same is first
    # The pixels of the first lie half a pixel left of those of the second.
    np.testing.assert_allclose(whole(moved)[0, :, 1:5], data[:, :-1] + 0.5)


def test_missing_neighbours_are_left_out_and_reasons_kept():
    class Cloudy(ArraySource):
        def read_reasons(self, window):
            data = self.read(window)
            return data, np.where(np.isnan(data[0]), CLOUD, CLEAR).astype("u1")

    data = np.ones((2, 8, 8), "f4")
    data[:, 2, 3] = np.nan
    grid = GeoBox((8, 8), Affine(30, 0, 300000, 0, -30, 5000010), "EPSG:32633")
    cloudy = Cloudy("c", grid, BANDS, data)
    fine = warp(cloudy, GeoBox((24, 24), Affine(10, 0, 300000, 0, -10, 5000010), grid.crs))
    out, why = read_reasons(fine, Window(0, 0, 24, 24))
    assert (why[6:9, 9:12] == CLOUD).all()
    assert (why == CLOUD).sum() == 9
    assert (out[:, why == CLEAR] == 1).all()
    coarse = warp(cloudy, GeoBox((4, 4), Affine(60, 0, 300000, 0, -60, 5000010), grid.crs))
    out, why = read_reasons(coarse, Window(0, 0, 4, 4))
    assert np.argwhere(why == CLOUD).tolist() == [[1, 1]]


def test_scenes_of_two_zones_make_one_mosaic():
    # The same ground, told in two zones: longitude 18 is where they meet.
    left = plane((60, 60), origin=(730000.0, 5000000.0))
    (right,) = align([left], Target(crs="EPSG:32634", resolution=30))
    whole_right = ArraySource("right", right.grid, BANDS, whole(right))
    one = mosaic(align([whole_right, left]))
    assert str(one.grid.crs) == "EPSG:32634"
    _, why = read_reasons(one, Window(0, 0, *one.grid.shape))
    assert (why == CLEAR).mean() > 0.8
    back = mosaic(align([left, whole_right]))
    assert back.grid.shape[0] >= left.grid.shape[0]
    # Where the first scene lies, its own pixels show, untouched.
    here = ~back.grid.affine * (730000.0, 5000000.0)
    col, row = round(here[0]), round(here[1])
    np.testing.assert_array_equal(whole(back)[:, row : row + 60, col : col + 60], left.data)


def test_ground_control_points_place_a_raster():
    rng = np.random.default_rng(0)
    cols, rows = rng.uniform(0, 100, 12), rng.uniform(0, 80, 12)
    places = Affine(30, 4, 300000, 3, -30, 5000000) * (cols, rows)
    gcps = fit_gcps(list(zip(cols, rows, *places, strict=True)), "EPSG:32633")
    assert gcps.residual < 1e-6
    x, y = gcps.to_map(np.array([10.0]), np.array([20.0]))
    assert (x[0], y[0]) == pytest.approx((300380, 4999430))
    col, row = gcps.to_pixels(x, y)
    assert (col[0], row[0]) == pytest.approx((10, 20), abs=1e-6)
    assert fit_gcps([(0, 0, 0, 0), (1, 1, 1, 1)], "EPSG:32633") is None


def test_south_up_scenes_turn_round():
    data = np.arange(20, dtype="f4").reshape(4, 5)
    up = scene(data, origin=(300000.0, 4999880.0), down=1)
    (north,) = align([up], Target(crs="EPSG:32633", resolution=10, resampling="nearest"))
    assert north.grid.affine.e == -10
    np.testing.assert_array_equal(whole(north)[0, 1::3, 1::3][:4, :5], data[::-1])


@pytest.mark.parametrize(("target", "says"), [
    ({"crs": "EPSG:99"}, "--crs EPSG:99 is no coordinate reference system"),
    ({"crs": "EPSG:4326", "resolution": 30}, "30 degrees"),
    ({"resolution": -3}, "--resolution -3"),
    ({"resampling": "lanczos"}, "known: "),
    ({"resolution": 1e-3}, "pixels on the common grid"),
    ({"crs": "EPSG:32754"}, None),
])  # fmt: skip
def test_what_cannot_be_is_said(target, says):
    if says is None:  # the other side of the world: far, but PROJ has an answer or none
        try:
            (moved,) = align([plane()], Target(**target))
            assert moved.grid.shape[0] > 0
        except SceneError:
            pass
        return
    with pytest.raises(SceneError, match=says):
        align([plane()], Target(**target))


def test_no_position_and_another_grid():
    bare = scene(np.zeros((4, 5)), pixel=1.0, origin=(0, 0), crs=None, down=1)
    with pytest.raises(SceneError, match="has no CRS and no ground control points"):
        align([bare], Target(crs="EPSG:32633"))
    with pytest.raises(SceneError, match="cannot be brought onto"):
        align([plane(), bare])
    with pytest.raises(SceneError, match="has no CRS and no ground control points"):
        align([bare, plane()])
    (half,) = align([bare], Target(resolution=2))
    assert half.grid.shape == (2, 3)


def test_scenes_far_apart_are_refused():
    a, b = scene(np.zeros((4, 4))), scene(np.zeros((4, 4)), origin=(700000.0, 0.0))
    with pytest.raises(SceneError, match="lie far apart"):
        mosaic(align([a, b]))
