"""Every entry of the table of clusterers keeps the contract of scikit-learn and of Outcrop."""

import json
import warnings

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from outcrop.clustering import CLUSTERERS
from outcrop.clustering.selection import SCORES
from outcrop.errors import InputError

every_entry = pytest.mark.parametrize("name", list(CLUSTERERS))


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Two threads that wait for each other on a busy machine take many times as long."""
    with threadpool_limits(1):
        yield


def blobs(n=900, n_units=4, seed=0):
    """Rows about well separated corners, and the corner of each."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(n_units, size=n)
    corners = np.array([[0, 0, 0], [4, 0, 0], [0, 5, 0], [0, 0, 6], [7, 7, 7]], float)
    return (corners[truth] + 0.3 * rng.normal(size=(n, 3))).astype(np.float32), truth


def fit(name, rows, **params):
    return CLUSTERERS.load(name)(**{"random_state": 0, **params}).fit(rows)


@parametrize_with_checks([CLUSTERERS.load(name)(max_units=6, n_init=2) for name in CLUSTERERS])
def test_sklearn_checks(estimator, check):
    check(estimator)


@parametrize_with_checks([CLUSTERERS.load(name)(n_units=3, n_init=1) for name in CLUSTERERS])
def test_sklearn_checks_given(estimator, check):
    check(estimator)


@every_entry
@pytest.mark.parametrize("n_units", ["auto", 4])
def test_state_round_trip_is_exact(name, n_units):
    rows, _ = blobs()
    fitted = fit(name, rows, n_units=n_units)
    facts, arrays = fitted.to_state()
    restored = type(fitted).from_state(json.loads(json.dumps(facts)), arrays)
    np.testing.assert_array_equal(restored.predict(rows), fitted.predict(rows), strict=True)
    assert restored.selection_ == fitted.selection_
    assert restored.n_units_ == 4


@every_entry
def test_a_row_does_not_depend_on_its_company(name):
    rows, _ = blobs(20_000)
    fitted = fit(name, rows[:500] + 1000, n_units=5)
    rows = rows + 1000 + np.random.default_rng(1).normal(size=rows.shape).astype(np.float32)
    units = fitted.predict(rows)
    for part in (slice(0, 1), slice(3, 8200), slice(4096, 4097), slice(12_345, 20_000)):
        np.testing.assert_array_equal(fitted.predict(rows[part]), units[part])


@every_entry
def test_finds_the_blobs_and_their_number(name):
    rows, truth = blobs()
    fitted = fit(name, rows)
    assert fitted.n_units_ == 4
    assert adjusted_rand_score(truth, fitted.labels_) == 1
    assert set(fitted.selection_) == {"k", *SCORES, "score", "chosen", "rule"}
    assert fitted.selection_["k"][:5] == [2, 3, 4, 5, 6]
    assert (fitted.selection_["bic"] is None) == (name == "kmeans")
    priced = fitted.selection_["net_likelihood"] is not None
    assert priced == (name == "student")
    held_out = "held-out likelihood, less the price of a unit"
    assert fitted.selection_["rule"] == (held_out if priced else "elbow of the inertia by kneedle")


@every_entry
def test_the_number_found_gives_the_same_units_when_given(name):
    # Without groups, another seed would give other units.
    rows = np.random.default_rng(0).random((500, 3))
    found = fit(name, rows, n_init=1)
    given = fit(name, rows, n_init=1, n_units=found.selection_["chosen"])
    np.testing.assert_array_equal(given.labels_, found.labels_)


@every_entry
def test_scores_of_a_given_number_are_those_on_the_curve(name):
    rows, _ = blobs()
    found, given = fit(name, rows).selection_, fit(name, rows, n_units=4).selection_
    assert (given["k"], given["chosen"], given["rule"]) == ([4], 4, "given")
    for score in SCORES:
        if found[score] is None or score in ("net_likelihood", "stability"):
            assert given[score] is None  # of halves of the rows: they are for comparing numbers
        else:
            # The curve of the price is that of mixtures fitted on half the rows.
            rel = 1e-4 if found["net_likelihood"] is None else 0.02
            assert given[score] == [pytest.approx(found[score][2], rel=rel)]


@every_entry
def test_seed_decides_and_the_global_one_stays(name):
    rows = np.random.default_rng(0).random((500, 3))
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (
        fit(name, rows, n_units=7, n_init=1, random_state=seed).labels_ for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@every_entry
def test_reorder_renumbers_everything(name):
    rows, _ = blobs()
    fitted = fit(name, rows, n_units=4)
    before, order = fitted.labels_, np.array([2, 0, 3, 1])
    fitted.reorder(order)
    np.testing.assert_array_equal(order[fitted.labels_], before)
    np.testing.assert_array_equal(fitted.predict(rows), fitted.labels_)


@every_entry
@pytest.mark.parametrize("n_units", [1, 255, 0, 2.5, "three", True, None])
def test_number_of_units_out_of_range(name, n_units):
    with pytest.raises(InputError, match=r"n_units is .* 'auto' or a whole number from 2 to 254"):
        fit(name, blobs()[0], n_units=n_units)


@every_entry
def test_range_of_auto_is_checked(name):
    with pytest.raises(InputError, match="min_units is 1"):
        fit(name, blobs()[0], min_units=1)
    with pytest.raises(InputError, match="max_units is 3, less than min_units, 5"):
        fit(name, blobs()[0], min_units=5, max_units=3)


@every_entry
def test_fewer_distinct_rows_than_units(name):
    rows = np.repeat(blobs(5)[0], 200, axis=0)
    with pytest.raises(InputError, match="1000 rows hold 5 distinct ones, fewer than the 6 units"):
        fit(name, rows, n_units=6)
    with pytest.raises(InputError, match="hold 1 distinct ones, fewer than the 2 units"):
        fit(name, np.ones((50, 3)))
    assert np.bincount(fit(name, rows, n_units=5).labels_).tolist() == [200] * 5
    assert fit(name, rows).selection_["k"] == [2, 3, 4, 5]


@every_entry
def test_most_units(name):
    rows = np.random.default_rng(0).random((3000, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = fit(name, rows, n_units=254, n_init=1)
    assert len(np.unique(fitted.labels_)) == fitted.n_units_
    assert fitted.n_units_ == 254 if name == "kmeans" else 200 < fitted.n_units_ <= 254


@every_entry
def test_units_without_rows_are_left_out_with_a_warning(name, monkeypatch):
    rows, _ = blobs()
    cls = CLUSTERERS.load(name)
    train = cls._train

    def train_with_a_duplicate(self, rows, n_units, seed, sample):
        train(self, rows, n_units - 1, seed, sample)
        for array in self._by_unit:
            value = getattr(self, array)
            setattr(self, array, np.concatenate([value[:1], value]))

    monkeypatch.setattr(cls, "_train", train_with_a_duplicate)
    with pytest.warns(UserWarning, match="1 of 5 units hold none of the 900 rows"):
        fitted = fit(name, rows, n_units=5)
    assert fitted.n_units_ == 4
    assert sorted(np.unique(fitted.labels_)) == [0, 1, 2, 3]
    np.testing.assert_array_equal(fitted.predict(rows), fitted.labels_)


@every_entry
def test_evidence_speaks_for_the_unit_that_is_predicted(name):
    rows, _ = blobs(9000)
    fitted = fit(name, rows, n_units=4)
    evidence = fitted.evidence(rows)
    assert evidence.shape == (9000, 4)
    assert evidence.dtype == np.float32
    np.testing.assert_array_equal(evidence.max(axis=1), 0)
    np.testing.assert_array_equal(evidence.argmax(axis=1), fitted.predict(rows))
    np.testing.assert_array_equal(fitted.evidence(rows[:10]), evidence[:10])
