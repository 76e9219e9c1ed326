"""What clusterings agree on."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from outcrop.clustering.consensus import consensus, half_whitened, most_central, rand_index
from outcrop.clustering.student import StudentMixture
from outcrop.engine import limited_threads
from outcrop.errors import InputError


def told(truth, n_units, wrong, rng):
    """Shares of rows for a clustering that has a part of them wrong, its units in any order."""
    labels = np.where(rng.random(len(truth)) < wrong, rng.integers(n_units, size=len(truth)), truth)
    return np.eye(n_units, dtype=np.float32)[rng.permutation(n_units)[labels]]


def test_many_that_are_each_wrong_elsewhere_are_right_together():
    rng = np.random.default_rng(0)
    truth = rng.integers(5, size=3000)
    shares = [told(truth, 5, 0.4, rng) for _ in range(15)]
    alone = max(adjusted_rand_score(truth, one.argmax(axis=1)) for one in shares)
    together = adjusted_rand_score(truth, consensus(shares))
    assert together > 0.95 > 0.6 > alone


def test_one_alone_is_its_own_consensus():
    rng = np.random.default_rng(1)
    shares = told(rng.integers(3, size=50), 3, 0.0, rng)
    np.testing.assert_array_equal(consensus([shares]), shares.argmax(axis=1))


def test_the_most_central_is_none_of_the_odd_ones():
    rng = np.random.default_rng(2)
    truth = rng.integers(4, size=2000)
    odd = rng.integers(4, size=2000)
    labels = [odd, *(told(truth, 4, wrong, rng).argmax(axis=1) for wrong in (0.3, 0.1, 0.3))]
    assert most_central(labels) == 2


def test_half_whitened_rows_keep_the_order_of_their_spreads():
    rng = np.random.default_rng(3)
    rows = (rng.normal(size=(5000, 3)) * [100, 4, 1] + 7).astype(np.float32)
    spread = np.sort(half_whitened(rows).std(axis=0))
    np.testing.assert_allclose(spread, [1, 2, 10], rtol=0.05)
    assert np.isfinite(half_whitened(np.ones((4, 2), np.float32))).all()


def bent(seed, n_units=12, depth=5):
    """Units that touch each other and have a tail on one side, as real ones do."""
    place = np.random.default_rng(9)
    middle, bend = place.normal(0, 2, (n_units, depth)), place.normal(0, 0.8, (n_units, depth))
    rng = np.random.default_rng(seed)
    truth = rng.integers(n_units, size=6000)
    away = bend[truth] * rng.exponential(1, (6000, 1)) ** 1.5
    return (middle[truth] + away + 0.6 * rng.normal(size=(6000, depth))).astype(np.float32)


def test_fits_to_other_rows_agree_more():
    seen, agreed = bent(99), {}
    for members in (1, 24):
        fits = [
            StudentMixture(12, members=members, random_state=i).fit(bent(i)).predict(seen)
            for i in range(4)
        ]
        pairs = [adjusted_rand_score(a, b) for i, a in enumerate(fits) for b in fits[:i]]
        agreed[members] = np.mean(pairs)
    assert agreed[24] > agreed[1] + 0.05


def test_members_side_by_side_are_members_one_by_one():
    rows, found = bent(0)[:2000], []
    for beside in (1, 3):
        with limited_threads(1, beside=beside):
            found.append(StudentMixture(5, members=6, random_state=0).fit(rows))
    np.testing.assert_array_equal(found[0].means_, found[1].means_)
    np.testing.assert_array_equal(found[0].labels_, found[1].labels_)


@pytest.mark.parametrize("params", [{"members": 0}, {"n_member_rows": 1}])
def test_out_of_range(params):
    with pytest.raises(InputError, match=r"members is .* n_member_rows"):
        StudentMixture(2, **params).fit(bent(0)[:50])


@pytest.mark.parametrize("kept", [0.0, 0.6, 1.0])
def test_the_rand_index_is_scikit_learns(kept):
    rng = np.random.default_rng()
    one = rng.integers(int(rng.integers(1, 20)), size=int(rng.integers(1, 3000)))
    other = np.where(rng.random(len(one)) < kept, one, rng.integers(7, size=len(one)))
    assert rand_index(one, other) == adjusted_rand_score(one, other)
