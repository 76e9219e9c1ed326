"""Units joined and halved, and what a mixture makes of it."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from outcrop.clustering.exchange import exchanges, halves
from outcrop.clustering.student import StudentMixture
from outcrop.engine import limited_threads
from outcrop.errors import InputError

ROUND = np.tile(np.eye(2), (4, 1, 1))


def blobs(middles, n=300, seed=0):
    """Units of so many rows about each middle, in their order."""
    rng = np.random.default_rng(seed)
    middles = np.asarray(middles, float)
    units = np.repeat(np.arange(len(middles), dtype=np.int32), n)
    return (middles[units] + rng.normal(size=(len(units), middles.shape[1]))).astype(
        np.float32
    ), units


def test_the_widest_is_halved_across_its_length():
    rows, units = blobs([[0, 0], [20, 0], [50, 0], [90, 0]])
    rows[units == 2, 1] *= 9
    widest = halves(rows, units, ROUND)[0]
    assert widest.unit == 2
    assert len(widest.rows) == 150
    sides = rows[widest.rows, 1]
    rest = np.setdiff1d(np.flatnonzero(units == 2), widest.rows)
    assert sides.min() >= rows[rest, 1].max() or sides.max() <= rows[rest, 1].min()


def test_a_unit_of_a_row_cannot_be_halved():
    rows, units = blobs([[0, 0], [20, 0]])
    units[:] = 1
    units[0] = 0
    assert [half.unit for half in halves(rows, units, ROUND[:2])] == [1]


def test_the_first_exchange_joins_what_overlaps_and_halves_what_is_two():
    rows, truth = blobs([[0, 0], [0, 0], [30, 0], [40, 0], [80, 0]])
    units = np.array([0, 1, 2, 2, 3], np.int32)[truth]  # one blob in two units, two in one
    shares = np.eye(4, dtype=np.float32)[units]
    shares[truth < 2, :2] = 0.5
    moved = next(exchanges(rows, units, shares, ROUND))
    assert adjusted_rand_score(np.array([0, 0, 1, 2, 3])[truth], moved) == 1


def test_every_exchange_has_as_many_units_and_none_is_like_another():
    rows, units = blobs([[0, 0], [9, 0], [0, 9], [9, 9]])
    shares = np.eye(4, dtype=np.float32)[units]
    moved = list(exchanges(rows, units, shares, ROUND))
    assert len(moved) == 6 * 2
    assert all(len(np.unique(one)) == 4 for one in moved)
    assert len({one.tobytes() for one in moved}) == len(moved)


def test_two_units_have_nothing_to_exchange():
    rows, units = blobs([[0, 0], [9, 0]])
    shares = np.eye(2, dtype=np.float32)[units]
    assert not list(exchanges(rows, units, shares, ROUND[:2]))


def crowded(seed, n_units=10, n=4000):
    """Units of many sizes, of which k-means halves the large ones and joins small ones."""
    place = np.random.default_rng(4)
    middles = place.normal(0, 6, (n_units, 3))
    sizes, widths = place.dirichlet(np.ones(n_units)), place.uniform(0.3, 3, (n_units, 3))
    rng = np.random.default_rng(seed)
    truth = rng.choice(n_units, n, p=sizes)
    return (middles[truth] + widths[truth] * rng.normal(size=(n, 3))).astype(np.float32)


def test_a_search_ends_at_likelier_units_that_agree_more():
    seen, agreed, likely = crowded(99), {}, {}
    for tries in (0, 200):
        fits = [
            StudentMixture(10, n_init=1, tries=tries, random_state=i).fit(crowded(i))
            for i in range(4)
        ]
        units = [fit.predict(seen) for fit in fits]
        pairs = [adjusted_rand_score(a, b) for i, a in enumerate(units) for b in units[:i]]
        agreed[tries] = np.mean(pairs)
        likely[tries] = np.array(
            [fit._mixture.seen(crowded(i))[1].mean() for i, fit in enumerate(fits)]
        )
    assert (likely[200] >= likely[0] - 1e-3).all()
    assert likely[200].mean() > likely[0].mean() + 0.01
    assert agreed[200] > agreed[0] + 0.02


def test_units_that_go_on_are_preferred_where_places_are_known():
    # Across the ground three strips differ, and everywhere rows are of two textures as far apart.
    side, rng = 120, np.random.default_rng(0)
    y, x = np.indices((side, side)).reshape(2, -1)
    strip, texture = 3 * x // side, rng.integers(2, size=side * side)
    rows = 4.0 * np.stack([strip, texture], axis=1) + rng.normal(size=(side * side, 2))
    places, found = np.stack([0 * y, y, x], axis=1), {}
    for continuity in (0.0, 4.0):
        mixture = StudentMixture(3, continuity=continuity, random_state=0)
        found[continuity] = adjusted_rand_score(strip, mixture.fit(rows, places=places).labels_)
    assert found[4.0] > found[0.0] + 0.2


def test_starts_side_by_side_are_starts_one_by_one():
    rows, found = crowded(0)[:2000], []
    for beside in (1, 3):
        with limited_threads(1, beside=beside):
            found.append(StudentMixture(5, random_state=0).fit(rows))
    np.testing.assert_array_equal(found[0].means_, found[1].means_)
    np.testing.assert_array_equal(found[0].labels_, found[1].labels_)


def test_rows_that_are_often_the_same_are_fitted_all_the_same():
    rows = np.zeros((40_000, 2), np.float32)
    rows[[5, 20_000, 39_000]] = [[9, 0], [0, 9], [9, 9]]
    fitted = StudentMixture(4, n_curve_rows=500, n_fit_rows=500, random_state=0).fit(rows)
    assert fitted.n_units_ == 4


@pytest.mark.parametrize("name", ["n_init", "tries", "continuity"])
def test_out_of_range(name):
    with pytest.raises(InputError, match=f"{name} = -1; it must be"):
        StudentMixture(2, **{name: -1}).fit(crowded(0)[:50])
