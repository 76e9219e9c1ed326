"""The sieve against a plain whole-image reading of its rule."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from outcrop.refinement.sieve import sieve


def plain(labels, row_areas, min_area):
    """The rule, word for word, on a whole image."""
    labels = labels.copy()
    areas = np.broadcast_to(row_areas[:, None], labels.shape)
    while True:
        ids, names = np.zeros(labels.shape, int), [0]
        for value in np.unique(labels[labels > 0]):
            part, n = ndimage.label(labels == value)
            ids[part > 0] = part[part > 0] + len(names) - 1
            names += [value] * n
        found = []
        for i in range(1, len(names)):
            inside = ids == i
            if areas[inside].sum() < min_area * (1 - 1e-9):
                found.append((round(areas[inside].sum(), 6), np.flatnonzero(inside)[0], i))
        for _, _, i in sorted(found):
            shared = borders(ids, i)
            if shared:
                best = min(shared, key=lambda j: (-shared[j], names[j]))
                labels[ids == i] = names[best]
                break
        else:
            return labels


def borders(ids, i):
    shared = {}
    for one, other in ((ids[1:], ids[:-1]), (ids[:, 1:], ids[:, :-1])):
        for a, b in ((one, other), (other, one)):
            for j in b[(a == i) & (b != i) & (b > 0)]:
                shared[j] = shared.get(j, 0) + 1
    return shared


def run(labels, min_area, rows=512, row_areas=None):
    row_areas = np.ones(len(labels)) if row_areas is None else row_areas
    out = np.full_like(labels, 255)

    def write(row, part):
        out[row : row + len(part)] = part

    changed = sieve(
        lambda row, height: labels[row : row + height],
        write, labels.shape, row_areas, min_area, rows=rows,
    )  # fmt: skip
    assert changed == (out != labels).sum()
    return out


def speckle(shape, units, holes, seed, smooth=0.0):
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=shape), smooth) if smooth else rng.random(shape)
    ranks = field.ravel().argsort().argsort().reshape(shape)
    labels = (ranks * units // field.size + 1).astype(np.uint8)
    labels[rng.random(shape) < holes] = 0
    return labels


@given(
    shape=st.tuples(st.integers(1, 16), st.integers(1, 16)),
    units=st.integers(1, 5),
    holes=st.sampled_from([0.0, 0.1, 0.5]),
    smooth=st.sampled_from([0.0, 0.7]),
    min_area=st.integers(1, 30),
    rows=st.integers(1, 17),
    seed=st.integers(0, 999),
)
def test_it_is_the_plain_rule_for_every_strip(shape, units, holes, smooth, min_area, rows, seed):
    labels = speckle(shape, units, holes, seed, smooth)
    expected = plain(labels, np.ones(shape[0]), min_area)
    np.testing.assert_array_equal(run(labels, min_area, rows), expected)
    np.testing.assert_array_equal(run(labels, min_area), expected)


@pytest.mark.parametrize("rows", [1, 5, 512])
def test_rows_of_different_area(rows):
    labels = speckle((20, 15), 4, 0.1, 5)
    areas = 1 + np.arange(20) / 64
    expected = plain(labels, areas, 7.5)
    np.testing.assert_array_equal(run(labels, 7.5, rows, areas), expected)


def test_what_is_left_is_large_or_an_island():
    labels = speckle((300, 400), 6, 0.0, 1, smooth=0.8)
    labels[:3, :3] = 0
    labels[1, 1] = 4
    out = run(labels, 25, rows=64)
    np.testing.assert_array_equal(out == 0, labels == 0)
    assert out[1, 1] == 4, "an island in no data has no neighbour to join"
    out[1, 1] = 0
    for value in np.unique(out[out > 0]):
        part, _ = ndimage.label(out == value)
        assert np.bincount(part.ravel())[1:].min() >= 25


def test_an_area_of_exactly_the_minimum_stays():
    labels = np.ones((9, 9), np.uint8)
    labels[3:5, 3:5] = 2
    area = 14.999999999999998
    assert (run(labels, 4 * area, row_areas=np.full(9, area)) == labels).all()
    assert (run(labels, 4.01 * area, row_areas=np.full(9, area)) == 1).all()


def test_the_longest_border_wins_and_a_tie_goes_to_the_lowest_label():
    labels = np.array([[3, 3, 3], [3, 5, 2], [2, 2, 2]], np.uint8)
    assert run(labels, 2)[1, 1] == 2  # two edges each
    labels[1, 2] = 3
    labels[1, 0] = 3
    assert run(labels, 2)[1, 1] == 3


def test_nothing_to_do():
    labels = speckle((40, 50), 3, 0.2, 2)
    np.testing.assert_array_equal(run(labels, 1), labels)
    np.testing.assert_array_equal(run(np.zeros((5, 6), np.uint8), 9), np.zeros((5, 6)))
