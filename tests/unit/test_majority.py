"""The majority filter against a plain one, and block by block."""

import numpy as np
import pytest

from outcrop.errors import InputError, RecipeError
from outcrop.refinement import FILTERS
from outcrop.refinement.majority import Majority


def plain(labels, size):
    """Count every window by hand."""
    radius = size // 2
    padded = np.pad(labels, radius, mode="symmetric")
    out = np.zeros_like(labels)
    for y, x in zip(*np.nonzero(labels), strict=True):
        counts = np.bincount(padded[y : y + size, x : x + size].ravel(), minlength=256)
        out[y, x] = 1 + np.argmax(counts[1:])
    return out


def scene(seed, shape, units, empty=0.2, patch=1):
    random = np.random.default_rng(seed)
    coarse = random.integers(1, units + 1, (-(-shape[0] // patch), -(-shape[1] // patch)))
    labels = np.kron(coarse, np.ones((patch, patch), int))[: shape[0], : shape[1]]
    labels[random.random(shape) < empty] = 0
    return labels.astype(np.uint8)


@pytest.mark.parametrize("size", [1, 3, 5, 7, 11])
@pytest.mark.parametrize(("shape", "units", "empty", "patch"), [
    ((40, 31), 12, 0.0, 1),
    ((40, 31), 3, 0.3, 4),
    ((33, 50), 254, 0.5, 3),
    ((9, 64), 255, 0.95, 1),
    ((1, 20), 4, 0.1, 1),
    ((2, 3), 3, 0.1, 1),
    ((1, 1), 1, 0.0, 1),
])  # fmt: skip
def test_equals_a_plain_filter(size, shape, units, empty, patch):
    labels = scene(size, shape, units, empty, patch)
    before = labels.copy()
    np.testing.assert_array_equal(Majority(size)(labels), plain(labels, size))
    np.testing.assert_array_equal(labels, before)


def test_worked_case():
    labels = np.array([[1, 1, 2], [1, 3, 2], [0, 2, 2]], np.uint8)
    # Top left, edges repeated: 1 1 1 / 1 1 1 / 1 1 3. Centre: three of 1, four of 2, one of 3.
    assert Majority(3)(labels)[0, 0] == 1
    assert Majority(3)(labels)[1, 1] == 2
    assert Majority(3)(labels)[2, 0] == 0


def test_ties_go_to_the_lowest_label_and_nodata_has_no_vote():
    tie = np.array([[9, 4, 9], [4, 7, 4], [9, 4, 9]], np.uint8)
    assert Majority(3)(tie)[1, 1] == 4
    outvoted = np.zeros((3, 3), np.uint8)
    outvoted[1, 1] = 5
    np.testing.assert_array_equal(Majority(3)(outvoted), outvoted)


@pytest.mark.parametrize("shape", [(0, 5), (4, 6)])
def test_nothing_to_filter(shape):
    labels = np.zeros(shape, np.uint8)
    np.testing.assert_array_equal(Majority()(labels), labels)


def test_a_window_far_larger_than_the_array():
    labels = scene(3, (4, 5), 3)
    np.testing.assert_array_equal(Majority(41)(labels), plain(labels, 41))


def test_a_view_that_is_not_contiguous():
    labels = scene(4, (60, 60), 5)[::2, ::3]
    np.testing.assert_array_equal(Majority(5)(labels), plain(labels, 5))


@pytest.mark.parametrize("size", [3, 7, 13])
@pytest.mark.parametrize("core", [5, 16, 100])
def test_blocks_with_a_halo_clipped_at_the_scene_make_the_whole(size, core):
    labels = scene(size * core, (37, 53), 6, patch=2)
    majority = Majority(size)
    out = np.zeros_like(labels)
    for top in range(0, labels.shape[0], core):
        for left in range(0, labels.shape[1], core):
            up, west = max(0, top - majority.halo), max(0, left - majority.halo)
            block = labels[up : top + core + majority.halo, west : left + core + majority.halo]
            filtered = majority(block)[top - up :, left - west :][:core, :core]
            out[top : top + core, left : left + core] = filtered
    np.testing.assert_array_equal(out, majority(labels))


@pytest.mark.parametrize("size", [0, -3, 4, 2.5, 7.0, True, "7", None, 1001])
def test_a_size_without_a_centre_is_refused(size):
    with pytest.raises(RecipeError, match=r"majority filter: size = .* odd whole number"):
        Majority(size)


@pytest.mark.parametrize("labels", [np.zeros((3, 3), np.int64), np.zeros((1, 3, 3), np.uint8)])
def test_other_arrays_are_refused(labels):
    with pytest.raises(InputError, match="it takes uint8"):
        Majority()(labels)


def test_the_table_holds_it():
    assert FILTERS.load("majority")().halo == 3
    with pytest.raises(RecipeError, match="did you mean 'majority'"):
        FILTERS.load("majorty")
