"""Coarser and finer, the same whatever the window."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from outcrop.errors import SceneError
from outcrop.regrid import grid_at, regrid
from outcrop.sensors.base import Band
from outcrop.source import ArraySource, Window


class Marked(ArraySource):
    """Keeps +inf, as the files of products do."""

    def read(self, window):
        rows, cols = window.slices
        return np.array(self.data[:, rows, cols])


def box(shape, pixel, corner=(0.0, 0.0)):
    return GeoBox(shape, Affine(pixel, 0, corner[0], 0, -pixel, corner[1]), "EPSG:32633")


def source(data, pixel):
    data = np.asarray(data, "f4")
    data = data[None] if data.ndim == 2 else data
    bands = tuple(Band(f"b{i}") for i in range(len(data)))
    return Marked("a", box(data.shape[1:], pixel), bands, data)


def whole(s):
    return s.read(Window(0, 0, *s.grid.shape))


def test_coarser_is_the_average():
    fine = np.arange(24, dtype="f4").reshape(4, 6)
    got = whole(regrid(source(fine, 10), box((2, 3), 20)))[0]
    np.testing.assert_array_equal(got, fine.reshape(2, 2, 3, 2).mean((1, 3)))


def test_a_coarse_pixel_needs_all_its_parts():
    fine = np.ones((4, 6), "f4")
    fine[0, 1], fine[2, 2] = np.nan, np.inf
    got = whole(regrid(source(fine, 10), box((2, 3), 20)))[0]
    assert np.isnan(got[0, 0])
    assert np.isposinf(got[1, 1])
    assert np.isfinite(got).sum() == 4
    last = whole(regrid(source(np.ones((5, 6)), 10), grid_at(box((5, 6), 10), 20)))[0]
    assert last.shape == (3, 3)
    np.testing.assert_array_equal(np.isnan(last), [[False] * 3, [False] * 3, [True] * 3])


def test_finer_is_bilinear_between_centres():
    coarse = np.add.outer(np.arange(5) * 100.0, np.arange(4) * 7.0)
    got = whole(regrid(source(coarse, 20), box((10, 8), 10)))[0]
    inner = np.add.outer((np.arange(10) - 0.5) / 2 * 100, (np.arange(8) - 0.5) / 2 * 7)
    np.testing.assert_allclose(got[1:-1, 1:-1], inner[1:-1, 1:-1], rtol=1e-6)
    np.testing.assert_allclose(got[0, 1:-1], inner[1, 1:-1] - 25, rtol=1e-6)  # the edge repeats
    assert got[0, 0] == coarse[0, 0]


def test_interpolation_leaves_gaps_as_they_are():
    coarse = np.full((4, 4), 3.0, "f4")
    coarse[1, 1], coarse[3, 3] = np.nan, np.inf
    got = whole(regrid(source(coarse, 30), box((12, 12), 10)))[0]
    assert np.isnan(got[3:6, 3:6]).all()
    assert np.isposinf(got[9:, 9:]).all()
    rest = np.isfinite(got)
    assert rest.sum() == 144 - 18
    np.testing.assert_allclose(got[rest], 3.0, rtol=1e-6)


def test_reasons_are_not_averaged():
    codes = np.array([[0, 0, 4, 0], [0, 5, 9, 0]], "f4")
    np.testing.assert_array_equal(
        whole(regrid(source(codes, 10), box((1, 2), 20), "reasons"))[0], [[5, 4]]
    )
    np.testing.assert_array_equal(
        whole(regrid(source(codes, 20), box((4, 8), 10), "reasons"))[0],
        codes.repeat(2, 0).repeat(2, 1),
    )


def test_one_first_centre_coarser_counts_the_outermost_by_half():
    fine = np.arange(63, dtype="f4").reshape(7, 9)
    target = grid_at(box((7, 9), 10), 20, centred=True)
    assert target.shape == (4, 5)
    assert target.affine * (0.5, 0.5) == box((7, 9), 10).affine * (0.5, 0.5)
    got = whole(regrid(source(fine, 10), target))[0]
    weights = np.outer([0.5, 1, 0.5], [0.5, 1, 0.5]) / 4
    assert got[1, 2] == (fine[1:4, 3:6] * weights).sum()
    rim = np.ones((4, 5), bool)
    rim[1:-1, 1:-1] = False  # its pixels reach beyond the fine ones
    np.testing.assert_array_equal(np.isnan(got), rim)
    thirds = whole(regrid(source(fine, 10), grid_at(box((7, 9), 10), 30, centred=True)))[0]
    assert thirds[1, 1] == fine[2:5, 2:5].mean()


def test_one_first_centre_finer_meets_the_coarse_centres():
    coarse = np.add.outer(np.arange(4) * 100.0, np.arange(3) * 7.0).astype("f4")
    target = grid_at(box((4, 3), 30), 10, centred=True)
    assert target.shape == (10, 7)
    got = whole(regrid(source(coarse, 30), target))[0]
    np.testing.assert_array_equal(got[::3, ::3], coarse)
    np.testing.assert_allclose(
        got, np.add.outer(np.arange(10) * 100 / 3, np.arange(7) * 7 / 3), rtol=1e-5
    )
    codes = np.array([[0, 4], [2, 0]], "f4")
    finer = regrid(source(codes, 30), grid_at(box((2, 2), 30), 10, centred=True), "reasons")
    np.testing.assert_array_equal(
        whole(finer)[0], [[0, 0, 4, 4], [0, 0, 4, 4], [2, 2, 0, 0], [2, 2, 0, 0]]
    )


def test_a_turned_grid_keeps_its_angle():
    turned = Affine.rotation(20) * Affine.scale(15, -15)
    grid = grid_at(GeoBox((10, 12), turned, "EPSG:32633"), 30)
    assert grid.shape == (5, 6)
    np.testing.assert_allclose(grid.affine[:6], (turned * Affine.scale(2))[:6])


@pytest.mark.parametrize("kind", ["bands", "reasons"])
@given(
    factor=st.sampled_from([2, 3, 6]),
    finer=st.booleans(),
    centred=st.booleans(),
    seed=st.integers(0, 99),
    step=st.integers(1, 9),
)
def test_no_seams_bit_for_bit(kind, factor, finer, centred, seed, step):
    rng = np.random.default_rng(seed)
    shape = (4, 5) if finer else (4 * factor, 5 * factor)
    data = rng.integers(0, 10, (2, *shape)).astype("f4") + (kind == "bands") * rng.random(
        shape, "f4"
    )
    data[0][rng.random(shape) < 0.1] = np.nan
    pixel = 60.0 if finer else 60.0 / factor
    target = grid_at(box(shape, pixel), 60.0 / factor if finer else 60.0, centred)
    changed = regrid(source(data, pixel), target, kind)
    expected = whole(changed)
    got = np.full_like(expected, -1)
    for row in range(0, target.shape[0], step):
        for col in range(0, target.shape[1], step):
            window = Window(
                row, col, min(step, target.shape[0] - row), min(step, target.shape[1] - col)
            )
            got[:, *window.slices] = changed.read(window)
    assert got.tobytes() == expected.tobytes()


def test_the_same_grid_is_left_alone():
    s = source(np.ones((3, 3)), 10)
    assert regrid(s, s.grid) is s


@pytest.mark.parametrize(
    "other",
    [box((2, 3), 25), box((2, 3), 20, (10.0, 0.0)), box((9, 9), 20), box((2, 3), 15)],
)
def test_grids_that_do_not_fit(other):
    with pytest.raises(SceneError, match="does not fit the others"):
        regrid(source(np.ones((4, 6)), 10), other)
