"""The Potts refinement against a plain one, and block by block."""

import numpy as np
import pytest

from outcrop.errors import InputError, RecipeError
from outcrop.refinement.potts import Potts


def plain(labels, evidence, numbers, strength, updates):
    """Do the same pixel by pixel, without a thought of speed."""
    now = labels
    for _ in range(updates):
        new = np.zeros_like(now)
        for y, x in zip(*np.nonzero(now), strict=True):
            around = now[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
            rows, cols = np.indices(around.shape)
            far = abs(rows + max(0, y - 1) - y) + abs(cols + max(0, x - 1) - x)
            votes = [
                ((around == n) & (far == 1)).sum() + 0.70710678 * ((around == n) & (far == 2)).sum()
                for n in numbers
            ]
            new[y, x] = numbers[np.argmax(evidence[y, x] + strength * np.array(votes))]
        now = new
    return now


def planes(evidence):
    return np.ascontiguousarray(evidence.transpose(2, 0, 1))


def scene(seed, shape=(40, 33), units=5, empty=0.15):
    rng = np.random.default_rng(seed)
    numbers = np.sort(rng.choice(np.arange(1, 255), units, replace=False)).astype(np.uint8)
    evidence = rng.normal(0, 2, (*shape, units)).astype(np.float32)
    labels = numbers[evidence.argmax(axis=2)]
    labels[rng.random(shape) < empty] = 0
    evidence[labels == 0] = np.nan
    return labels, evidence, numbers


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("strength", [0.0, 0.4, 3.0])
def test_equals_a_plain_one(seed, strength):
    labels, evidence, numbers = scene(seed)
    before = labels.copy()
    refined = Potts(strength, 4)(labels, planes(evidence), numbers)
    np.testing.assert_array_equal(refined, plain(labels, evidence, numbers, strength, 4))
    np.testing.assert_array_equal(labels, before)
    np.testing.assert_array_equal(refined == 0, labels == 0)
    if strength == 0:
        np.testing.assert_array_equal(refined, labels)


def test_blocks_with_their_halo_make_the_whole():
    labels, evidence, numbers = scene(9, (70, 90))
    step = Potts(1.0, 6)
    whole = step(labels, planes(evidence), numbers)
    made = np.zeros_like(whole)
    for top in range(0, 70, 32):
        for left in range(0, 90, 32):
            y, x = max(0, top - step.halo), max(0, left - step.halo)
            cut = slice(y, top + 32 + step.halo), slice(x, left + 32 + step.halo)
            part = step(labels[cut], planes(evidence[cut]), numbers)
            made[top : top + 32, left : left + 32] = part[
                top - y : top - y + 32, left - x : left - x + 32
            ]
    np.testing.assert_array_equal(made, whole)


def test_worked_case():
    labels = np.array([[1, 1, 1], [1, 2, 1], [1, 1, 0]], np.uint8)
    evidence = np.zeros((3, 3, 2), np.float32)
    evidence[1, 1] = [-6, 0]
    numbers = np.array([1, 2], np.uint8)
    # Four straight and three diagonal neighbours: 4 + 3 / √2 = 6.12 for unit 1.
    assert Potts(1.0, 1)(labels, planes(evidence), numbers)[1, 1] == 1
    assert Potts(0.9, 1)(labels, planes(evidence), numbers)[1, 1] == 2
    evidence[1, 1] = 0
    assert Potts(0.0, 1)(labels, planes(evidence), numbers)[1, 1] == 1  # a tie


@pytest.mark.parametrize("params", [
    {"updates": 0}, {"updates": 1.5}, {"updates": True}, {"updates": 101},
    {"strength": -1}, {"strength": float("nan")}, {"strength": float("inf")},
])  # fmt: skip
def test_parameters_out_of_range(params):
    with pytest.raises(RecipeError, match="potts filter: "):
        Potts(**params)


def test_what_does_not_fit_is_refused():
    labels, evidence, numbers = scene(1)
    with pytest.raises(InputError, match=r"it takes \(units, y, x\)"):
        Potts()(labels, planes(evidence[..., :2]), numbers)
    with pytest.raises(InputError, match="none of the units"):
        Potts()(np.full_like(labels, 255), planes(evidence), numbers)
