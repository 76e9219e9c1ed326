import dataclasses

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from outcrop.errors import SceneError
from outcrop.sample import draw
from outcrop.sensors import Band
from outcrop.source import ArraySource


def source(shape=(1100, 1200), holes=0.3, seed=0):
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(2, *shape)).astype("f4")
    data[0][rng.random(shape) < holes] = np.nan
    data[:, :512, :512] = np.nan
    return ArraySource("s", GeoBox(shape, Affine.identity(), None), (Band("a"), Band("b")), data)


def test_sample_is_valid_rows_at_their_positions():
    src = source()
    sample = draw([src], 5000, seed=1)
    assert sample.rows.shape == (5000, 2)
    assert np.isfinite(sample.rows).all()
    _, row, col = sample.positions.T
    np.testing.assert_array_equal(sample.rows, src.data[:, row, col].T)
    assert len(np.unique(sample.positions, axis=0)) == 5000
    assert sample.valid == np.isfinite(src.data).all(0).sum()
    assert sample.seen == 1100 * 1200


def test_sample_is_proportional_by_tile():
    src = source()
    sample = draw([src], 6000, seed=1)
    valid = np.isfinite(src.data).all(0)
    tile = sample.positions[:, 1] // 512 * 3 + sample.positions[:, 2] // 512
    rows, cols = np.nonzero(valid)
    expected = np.bincount(rows // 512 * 3 + cols // 512, minlength=9) * 6000 / valid.sum()
    assert np.abs(np.bincount(tile, minlength=9) - expected).max() <= 2


def test_sample_does_not_depend_on_threads_or_storage():
    src = source()
    one = draw([src], 3000, seed=2, threads=1)
    three = draw([dataclasses.replace(src, striped=True)], 3000, seed=2, threads=3)
    np.testing.assert_array_equal(one.positions, three.positions)
    np.testing.assert_array_equal(one.rows, three.rows)


def test_seeds_differ_and_repeat():
    src = source()
    a, b, c = (draw([src], 1000, seed=s).positions for s in (3, 3, 4))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_all_is_every_valid_pixel_in_order():
    src = source((300, 700), 0.5)
    sample = draw([src], "all")
    np.testing.assert_array_equal(
        sample.positions[:, 1:], np.argwhere(np.isfinite(src.data).all(0))
    )


def test_a_few_valid_pixels_are_found_wherever_they_are():
    data = np.full((2, 600, 6000), np.nan, "f4")
    data[:, 590, 5990:] = 1
    grid = GeoBox((600, 6000), Affine.identity(), None)
    sample = draw([ArraySource("s", grid, (Band("a"), Band("b")), data)], 100)
    assert len(sample.rows) == 10


def test_many_tiles_are_sampled_in_part():
    data = np.zeros((1, 512, 512 * 200), "f4")
    grid = GeoBox(data.shape[1:], Affine.identity(), None)
    sample = draw([ArraySource("s", grid, (Band("a"),), data)], 1000)
    assert len(sample.rows) == 1000
    assert sample.seen == 64 * 512 * 512


def test_no_valid_pixel_names_the_empty_band():
    src = source()
    src.data[1] = np.nan
    with pytest.raises(SceneError, match=r"without any data: b"):
        draw([src], 10)
    src.data[:] = np.nan
    with pytest.raises(SceneError, match="no pixel has data"):
        draw([src], 10)


def test_one_full_tile_among_empty_ones_gives_all_that_is_wanted():
    data = np.full((2, 512, 512 * 64), np.nan, "f4")
    data[:, :, 512:1024] = np.arange(512 * 512).reshape(512, 512)
    grid = GeoBox(data.shape[1:], Affine.identity(), None)
    sample = draw([ArraySource("s", grid, (Band("a"), Band("b")), data)], 5000)
    assert len(np.unique(sample.rows[:, 0])) == 5000
