"""Scaling by logarithms, noise from neighbours, smoothing, and MNF."""

from dataclasses import replace

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from outcrop.errors import InputError
from outcrop.features.columns import Columns
from outcrop.front import Front
from outcrop.noise import noise_covariance, noise_whitening
from outcrop.preprocess.log import LogScaler
from outcrop.preprocess.scale import MinMaxScaler, NoScaler, StandardScaler
from outcrop.reduction.mnf import MNF
from outcrop.sample import draw, prepared
from outcrop.sensors import Band
from outcrop.smoothing.bilateral import Bilateral
from outcrop.source import ArraySource


def test_logarithms_do_not_ask_for_the_scale():
    rng = np.random.default_rng(0)
    rows = rng.uniform(0.01, 0.6, (500, 3)).astype(np.float32)
    rows[:5] = -0.01  # noise about zero
    one, other = (LogScaler().fit(r).transform(r) for r in (rows, rows * 10000))
    assert np.isfinite(one).all()
    np.testing.assert_allclose(one, other, atol=1e-4)
    np.testing.assert_allclose(one.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(one.std(axis=0), 1, atol=1e-5)


def test_logarithms_of_what_has_none():
    rng = np.random.default_rng(0)
    rows = np.stack([rng.normal(-5, 2, 300), np.full(300, 7.0), rng.uniform(1, 2, 300)], axis=1)
    scaler = LogScaler().fit(rows.astype(np.float32))
    scaled = scaler.transform(rows.astype(np.float32))
    np.testing.assert_allclose(scaled[:, 0], (rows[:, 0] - rows[:, 0].mean()) / rows[:, 0].std(),
                               atol=1e-4)  # fmt: skip
    assert (scaled[:, 1] == 0).all()
    again = LogScaler.from_state(*scaler.to_state())
    np.testing.assert_array_equal(again.transform(rows.astype(np.float32)), scaled)


def stripes(shape=(80, 90), sd=(0.1, 0.3), seed=0):
    """Two units in stripes of 15 columns with noise; features (y, x, 2), and which is where."""
    rng = np.random.default_rng(seed)
    truth = (np.arange(shape[1]) // 15 % 2)[None].repeat(shape[0], axis=0)
    clean = np.stack([truth * 1.0, truth * -1.0], axis=2)
    return (clean + rng.normal(0, sd, (*shape, 2))).astype(np.float32), truth


def sampled(cube, n="all"):
    bands = tuple(Band(f"b{i}") for i in range(cube.shape[2]))
    grid = GeoBox(cube.shape[:2], Affine.identity(), None)
    return draw([ArraySource("s", grid, bands, cube.transpose(2, 0, 1))], n)


def test_neighbours_of_a_sample():
    cube = np.random.default_rng(0).normal(size=(6, 7, 1)).astype(np.float32)
    cube[2, 3] = np.nan
    sample = sampled(cube)
    for (_, y, x), beside in zip(sample.positions, sample.neighbours, strict=True):
        right = cube[y, x + 1, 0] if x < 6 else np.nan
        below = cube[y + 1, x, 0] if y < 5 else np.nan
        first, second = (right, below) if (y + x) % 2 == 0 else (below, right)
        np.testing.assert_array_equal(beside[0], first if np.isfinite(first) else second)


def test_noise_is_found():
    sample = sampled(stripes(sd=(0.1, 0.3))[0])
    found = noise_covariance(sample.rows, sample.neighbours)
    np.testing.assert_allclose(np.sqrt(np.diag(found)), [0.1, 0.3], rtol=0.9)
    assert found[1, 1] > 2 * found[0, 0]
    white = noise_whitening(found)
    np.testing.assert_allclose(white.T @ found @ white, np.eye(2), atol=1e-9)


def test_noise_without_neighbours():
    rows = np.random.default_rng(0).normal(size=(50, 2)) * [1, 5]
    alone = np.full_like(rows, np.nan)
    for found in (noise_covariance(rows, None), noise_covariance(rows, alone)):
        np.testing.assert_allclose(found, np.diag(rows.var(axis=0)))


def fitted(cube, **params):
    sample = sampled(cube)
    return Bilateral(**params).fit(sample.rows, neighbours=sample.neighbours)


def apply(smoother, cube):
    return smoother(np.ascontiguousarray(cube.transpose(2, 0, 1))).transpose(1, 2, 0)


def test_smoothing_takes_grain_and_leaves_contacts():
    cube, truth = stripes(sd=(0.1, 0.1))
    smooth = apply(fitted(cube), cube)
    for unit in (0, 1):
        assert smooth[truth == unit].std(axis=0).max() < 0.5 * cube[truth == unit].std(axis=0).min()
    step = smooth[:, 15].mean(axis=0) - smooth[:, 14].mean(axis=0)
    assert np.abs(step).min() > 0.8


def test_smoothing_keeps_no_data_and_takes_nothing_from_it():
    cube, _ = stripes()
    smoother = fitted(cube)
    holes = np.random.default_rng(1).random(cube.shape[:2]) < 0.2
    cube[holes, 0] = np.nan
    smooth = apply(smoother, cube)
    np.testing.assert_array_equal(np.isnan(smooth).any(axis=2), holes)
    cube[holes, 1] = 1e9
    np.testing.assert_array_equal(apply(smoother, cube)[~holes], smooth[~holes])


def test_smoothing_in_blocks():
    cube, _ = stripes()
    cube[np.random.default_rng(1).random(cube.shape[:2]) < 0.1] = np.nan
    smoother = fitted(cube, radius=3)
    whole = apply(smoother, cube)
    for top, left in ((0, 0), (30, 40), (50, 10)):
        y, x = max(0, top - smoother.halo), max(0, left - smoother.halo)
        end = slice(y, top + 30 + smoother.halo), slice(x, left + 30 + smoother.halo)
        part = apply(smoother, cube[end])[top - y : top - y + 30, left - x : left - x + 30]
        np.testing.assert_array_equal(part, whole[top : top + 30, left : left + 30])


@pytest.mark.parametrize(("params", "says"), [
    ({"radius": 0}, "radius = 0; it must be a whole number, 1 or more"),
    ({"radius": 2.5}, "radius = 2.5; it must be a whole number, 1 or more"),
    ({"radius": 51}, "smoothing: radius is 51; it must be a whole number of pixels from 1 to 50"),
    ({"strength": 0}, "smoothing: strength is 0; it must be more than 0"),
    ({"strength": float("nan")}, "strength = nan; it must be a number, 0 or more"),
])  # fmt: skip
def test_smoothing_out_of_range(params, says):
    with pytest.raises(InputError, match=says):
        Bilateral(**params).fit(np.zeros((3, 2)))


def test_mnf_puts_the_quiet_signal_first():
    rng = np.random.default_rng(0)
    signal = np.sin(np.arange(4000) / 300)
    rows = np.stack(
        [5 * rng.normal(size=4000), 0.1 * signal + 0.01 * rng.normal(size=4000)], axis=1
    )
    beside = np.roll(rows, -1, axis=0)
    beside[-1] = np.nan
    mnf = MNF(n_components=1).fit(rows, neighbours=beside)
    assert abs(np.corrcoef(mnf.transform(rows)[:, 0], signal)[0, 1]) > 0.98
    assert mnf.noise_ratios_[0] > 40
    assert mnf.noise_ratios_[1] == pytest.approx(1, abs=0.1)
    assert MNF().fit(rows, neighbours=beside).n_components_ == 2  # at least two
    white = MNF(whiten=True).fit(rows, neighbours=beside).transform(rows)
    np.testing.assert_allclose(np.cov(white.T), np.eye(2), atol=1e-3)


def test_mnf_without_neighbours_is_pca_of_standardised_columns():
    rows = np.random.default_rng(0).normal(size=(500, 3)) * [1, 10, 100]
    np.testing.assert_allclose(
        MNF().fit(rows).noise_ratios_,
        np.linalg.eigvalsh(np.corrcoef(rows.T))[::-1] * 500 / 499, rtol=1e-3,
    )  # fmt: skip


def test_mnf_out_of_range():
    with pytest.raises(InputError, match="n_components = 0; it must be a whole number, 1"):
        MNF(n_components=0).fit(np.eye(3))


@pytest.mark.parametrize("seed", range(2))
def test_smoothing_is_the_plain_bilateral_filter(seed):
    rng = np.random.default_rng(seed)
    cube, _ = stripes((14, 23), seed=seed)
    cube = np.dstack([cube, rng.normal(size=(14, 23, 4))]).astype(np.float32)  # six: five and one
    cube[rng.random(cube.shape[:2]) < 0.2, 1] = np.nan
    smoother = fitted(cube, radius=2, strength=0.9)
    expected = np.full_like(cube, np.nan)
    valid = np.isfinite(cube).all(axis=2)
    guide = np.full(cube.shape, np.nan)
    for y, x in np.argwhere(valid):
        near = np.s_[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
        guide[y, x] = (cube[near][valid[near]] @ smoother.whitening_).mean(axis=0)
    for y, x in np.argwhere(valid):
        near = np.s_[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
        apart = ((guide[near][valid[near]] - guide[y, x]) ** 2).mean(axis=1)
        weights = np.exp(-apart / (2 * 0.9**2))
        expected[y, x] = weights @ cube[near][valid[near]] / weights.sum()
    np.testing.assert_allclose(apply(smoother, cube), expected, atol=1e-5)


@pytest.mark.parametrize("copies", [1, 3, 5])  # of two planes: none, one or two fives of them
def test_smoothing_some_rows_or_pixels_gives_the_same_bits(copies):
    cube, _ = stripes((41, 300), seed=copies)
    cube = np.dstack([cube] * copies)
    cube += np.random.default_rng(copies).normal(0, 0.1, cube.shape).astype(np.float32)
    cube[np.random.default_rng(2).random(cube.shape[:2]) < 0.1] = np.nan
    smoother = fitted(cube)
    planes = np.ascontiguousarray(cube.transpose(2, 0, 1))
    whole = smoother(planes)
    np.testing.assert_array_equal(smoother(planes, slice(7, 19)), whole[:, 7:19])
    row, col = np.nonzero(np.isfinite(whole).all(axis=0))
    np.testing.assert_array_equal(smoother.at(planes, row, col), whole[:, row, col].T)


def test_planes_are_scaled_as_rows_are():
    rng = np.random.default_rng(0)
    data = rng.uniform(-0.1, 1, (3, 20, 30)).astype(np.float32)
    rows = data.reshape(3, -1).T
    for kind in (LogScaler, StandardScaler, MinMaxScaler, NoScaler):
        scaler = kind().fit(rows)
        made = np.stack([scaler.plane(p, b) for b, p in enumerate(data)])
        np.testing.assert_array_equal(made.reshape(3, -1).T, scaler.transform(rows))


def test_the_features_of_a_sample_are_those_of_the_scene():
    rng = np.random.default_rng(0)
    data = rng.uniform(0.1, 1, (3, 530, 40)).astype(np.float32)
    data[1, rng.random(data.shape[1:]) < 0.2] = np.nan
    grid = GeoBox(data.shape[1:], Affine.identity(), None)
    source = ArraySource("s", grid, tuple(Band(f"b{i}") for i in range(3)), data)
    sample = draw([source], 300)
    scaler = LogScaler().fit(sample.rows)
    smoother = Bilateral(radius=2).fit(scaler.transform(sample.rows))
    front = Front(Columns("none", 3, clipped=(1,)), scaler, smoother)
    whole = front(data)
    _, row, col = sample.positions.T
    for striped in (False, True):
        made = prepared(replace(source, striped=striped), sample, front, neighbours=True)
        np.testing.assert_array_equal(made.rows, whole[:, row, col].T)
        known = np.isfinite(sample.neighbours).all(axis=1)
        np.testing.assert_array_equal(np.isfinite(made.neighbours).all(axis=1), known)
        beside = np.where(known[:, None], made.neighbours, 0)
        right, below = (
            np.pad(whole, ((0, 0), (0, 1), (0, 1)))[:, row + v, col + u].T
            for v, u in ((0, 1), (1, 0))
        )
        same = (beside == right).all(axis=1) | (beside == below).all(axis=1)
        assert same[known].all()
