"""One radiometry: known gains are found, whatever changed and wherever the overlap lies."""

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from outcrop.config import Input
from outcrop.opening import combine
from outcrop.radiometry import MatchedSource, adjust, match, no_change, relate
from outcrop.sensors.base import Band
from outcrop.source import ArraySource, Window, notes_of, radiometry_of, read_reasons

BANDS = tuple(Band(n) for n in "abcd")
GAINS = np.array([1.1, 0.9, 1.25, 1.0])
OFFSETS = np.array([0.02, -0.01, 0.0, 0.05])


def ground(shape=(120, 200), seed=0):
    rng = np.random.default_rng(seed)
    units = rng.uniform(0.05, 0.5, (9, 4))
    coarse = rng.integers(0, 9, (shape[0] // 10, shape[1] // 10))
    return units[np.kron(coarse, np.ones((10, 10), int))].transpose(2, 0, 1)


def seen(data, seed, gains=1.0, offsets=0.0, noise=0.004):
    noisy = data + np.random.default_rng(seed).normal(0, noise, data.shape)
    gains, offsets = (np.broadcast_to(v, 4)[:, None, None] for v in (gains, offsets))
    return ((noisy - offsets) / gains).astype("f4")


def scene(data, col=0, name="s"):
    grid = GeoBox(data.shape[1:], Affine(30, 0, 30 * col, 0, -30, 0), "EPSG:32633")
    return ArraySource(name, grid, BANDS, data)


def halves(noise=0.004):
    whole = ground()
    return whole, [
        scene(seen(whole[:, :, :120], 1, noise=noise), 0, "left"),
        scene(seen(whole[:, :, 80:], 2, GAINS, OFFSETS, noise), 80, "right"),
    ]


def test_gains_and_offsets_are_found_though_a_third_changed():
    _, (left, right) = halves()
    data = right.data.copy()
    data[:, :40, :40] = np.random.default_rng(3).uniform(0.05, 0.6, (4, 40, 40))  # ploughed
    matched, facts, notes = match([left, scene(data, 80, "right")])
    assert matched[0] is left
    assert isinstance(matched[1], MatchedSource)
    np.testing.assert_allclose(matched[1].gains, GAINS, rtol=0.01)
    np.testing.assert_allclose(matched[1].offsets, OFFSETS, atol=0.004)
    (pair,) = facts["pairs"]
    assert 0.05 < pair["unchanged"] / pair["pixels"] < 0.7
    assert max(pair["difference_after"].values()) < min(0.02, max(
        pair["difference_before"].values()))  # fmt: skip
    assert "1 of 2 scenes are brought to the radiometry of left" in notes[0]


def test_the_same_values_stay_as_they_are():
    whole = seen(ground(), 1)
    parts = [scene(whole[:, :, :120]), scene(whole[:, :, 80:], 80)]
    matched, _, notes = match(parts)
    assert matched == parts
    assert notes == []


def test_no_linear_change_disturbs_what_is_unchanged():
    rng = np.random.default_rng(0)
    one = rng.multivariate_normal(np.zeros(3), np.eye(3) + 1, 2000)
    other = one + rng.normal(0, 0.1, one.shape)
    other[:300] = rng.normal(0, 2, (300, 3))
    plain = no_change(one, other)
    assert 10 * plain[:300].mean() < plain[300:].mean()
    np.testing.assert_allclose(no_change(one, other * [2, 0.5, 3] + [1, 0, -4]), plain, atol=1e-6)


def test_a_constant_band_and_unrelated_scenes_change_nothing():
    rng = np.random.default_rng(0)
    one = rng.normal(0, 1, (500, 4))
    other = one + rng.normal(0, 0.01, one.shape)
    one[:, 3] = other[:, 3] = 0.2
    gains, offsets = adjust([relate(one, other, (0, 1))], 2, 4)
    np.testing.assert_allclose(gains[1], 1, atol=0.01)
    assert (gains[1, 3], offsets[1, 3]) == (1, 0)
    gains, offsets = adjust([relate(one, rng.normal(0, 1, one.shape), (0, 1))], 2, 4)
    np.testing.assert_array_equal(gains, 1)
    np.testing.assert_array_equal(offsets, 0)


def test_chains_and_rounds_agree_and_islands_are_told():
    whole, gains = ground((60, 400)), np.array([1, 1.2, 0.8, 1.1])
    cuts = [(0, 140), (100, 240), (200, 340), (380, 400)]
    parts = [
        scene(seen(whole[:, :, a:b], i, gains[i]), a, f"s{i}") for i, (a, b) in enumerate(cuts)
    ]
    matched, facts, notes = match(parts)
    found = [getattr(m, "gains", (1, 1, 1, 1)) for m in matched]
    np.testing.assert_allclose(found[1], 1.2, rtol=0.02)
    np.testing.assert_allclose(found[2], 0.8, rtol=0.02)
    assert matched[3] is parts[3]
    assert len(facts["pairs"]) == 2
    assert any(n.endswith(": s3") for n in notes)


def test_a_mosaic_of_unlike_halves_has_no_seam():
    whole, parts = halves()
    for radiometry, least, most in (("match", 0.0, 0.004), ("none", 0.02, 1.0)):
        source = combine(parts, Input(radiometry=radiometry))
        data, _ = read_reasons(source, Window(0, 0, 120, 200))
        off = np.abs((data - whole)[:, :, 120:].mean(axis=(1, 2)))
        assert least < off.max() < most
        assert bool(radiometry_of(source)) == (radiometry == "match")
        assert any("radiometry" in n for n in notes_of(source)) == (radiometry == "match")


@pytest.mark.parametrize("seed", [0, 7])
def test_the_same_seed_the_same_numbers(seed):
    _, parts = halves()
    a, b = (match(parts, seed)[0][1] for _ in range(2))
    assert (a.gains, a.offsets) == (b.gains, b.offsets)
