"""The robust mixture."""

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from outcrop.clustering.selection import STRIPS, Subsample
from outcrop.clustering.student import StudentMixture
from outcrop.clustering.t_mixture import TMixture, _expected, _laid_out
from outcrop.engine import limited_threads
from outcrop.errors import InputError


def sheets(n=3000, seed=0):
    """Two long, thin units side by side."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(2, size=n)
    rows = np.stack([rng.normal(0, 2, n), truth * 4 + rng.normal(0, 0.4, n)], axis=1)
    return rows.astype(np.float32), truth


def test_without_tails_and_pooling_it_is_a_gaussian_mixture():
    rows, _ = sheets()
    mine = StudentMixture(2, freedom=1e7, pooling=0, tol=1e-7, random_state=0).fit(rows)
    theirs = GaussianMixture(2, tol=1e-7, random_state=0, max_iter=300,
                             means_init=mine.means_).fit(rows)  # fmt: skip
    np.testing.assert_allclose(mine.means_, theirs.means_, atol=1e-2)
    scales = np.linalg.inv(mine.factors_ @ mine.factors_.transpose(0, 2, 1))
    np.testing.assert_allclose(scales, theirs.covariances_, rtol=0.01, atol=0.01)
    np.testing.assert_allclose(mine._bic(rows), theirs.bic(rows), rtol=1e-3)


def test_shapes_are_learnt():
    rows, truth = sheets()
    assert adjusted_rand_score(truth, StudentMixture(2, random_state=0).fit(rows).labels_) > 0.95


def test_outliers_move_a_unit_little():
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(0, 1, (500, 2)), rng.normal(12, 1, (500, 2))])
    spoilt = rows.copy()
    spoilt[:25] += 10 * rng.normal(size=(25, 2))
    moved = {}
    for freedom in (3.0, 1e6):
        means = StudentMixture(2, freedom=freedom, random_state=0).fit(spoilt).means_
        moved[freedom] = np.abs(np.sort(means, axis=0) - [[0, 0], [12, 12]]).max()
    assert moved[3.0] < 0.7 * moved[1e6]


def test_pooling_draws_the_shapes_together():
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(0, 0.3, (400, 2)), rng.normal(9, 2.0, (400, 2))])

    def ratio(pooling):
        fitted = StudentMixture(2, pooling=pooling, random_state=0).fit(rows)
        sizes = np.abs(np.linalg.det(fitted.factors_))
        return sizes.max() / sizes.min()

    assert ratio(0) > 5 * ratio(3) > 5 * 0.9
    assert ratio(1000) == pytest.approx(1, abs=0.05)


def test_it_is_fitted_on_a_part_of_many_rows():
    rows, truth = sheets(5000)
    fitted = StudentMixture(2, n_fit_rows=500, random_state=0).fit(rows)
    assert len(fitted.labels_) == 5000
    assert adjusted_rand_score(truth, fitted.labels_) > 0.9


@pytest.mark.parametrize(("params", "says"), [
    ({"freedom": 0}, "freedom is 0; it must be more than 0"),
    ({"freedom": float("nan")}, "freedom = nan; it must be a number, 0 or more"),
    ({"pooling": -1}, "pooling = -1; it must be a number, 0 or more"),
])  # fmt: skip
def test_out_of_range(params, says):
    with pytest.raises(InputError, match=says):
        StudentMixture(2, **params).fit(sheets(100)[0])


@pytest.mark.parametrize("width", [3, 32, 37])
def test_whole_rasters_are_what_rows_are(width):
    rng = np.random.default_rng(width)
    rows = np.concatenate([rng.normal(i, 0.2 + 0.1 * i, (300, 4)) for i in range(5)])
    fitted = StudentMixture(5, random_state=0).fit(rows.astype(np.float32))
    planes = rng.normal(2, 2, (4, 11, width)).astype(np.float32)
    evidence = np.empty((5, 11, width), np.float32)
    units = fitted.planes(planes, evidence)
    flat = planes.reshape(4, -1).T
    expected = fitted.evidence(flat)
    made = evidence.reshape(5, -1).T
    made = made - made.max(axis=1, keepdims=True)
    np.testing.assert_allclose(made, expected, atol=2e-3, rtol=1e-4)
    unclear = np.sort(expected, axis=1)[:, -2] > -1e-3
    same = units.ravel() == fitted.predict(flat)
    assert (same | unclear).all()
    np.testing.assert_array_equal(fitted.planes(planes), units)


@pytest.mark.parametrize(("columns", "freedom"), [(1, 30.0), (6, 4.0), (10, 1e6)])
def test_the_compiled_step_is_the_plain_one(columns, freedom):
    rng = np.random.default_rng()
    units, n = 5, int(rng.integers(40, 1500))
    rows = rng.normal(size=(n, columns)) + rng.integers(3, size=(n, 1)) * 3.0
    means = rng.normal(size=(units, columns)).astype(np.float32).astype(np.float64)
    weights = rng.dirichlet(np.ones(units))
    spread = rng.normal(size=(units, columns, columns)) * 0.2 + np.eye(columns)
    factors = np.linalg.inv(np.linalg.cholesky(spread @ spread.transpose(0, 2, 1)))
    mixture = TMixture(weights, means, factors.transpose(0, 2, 1), freedom)

    log, apart = mixture.joint(rows)
    shares = np.exp(log - logsumexp(log, axis=1, keepdims=True))
    pulls = shares * (freedom + columns) / (freedom + apart)
    away = rows[:, None] - means
    first, second = np.triu_indices(columns)
    products = np.concatenate(
        [away[..., first] * away[..., second], away, np.ones((n, units, 1))], axis=2
    )

    likelihood, sums = _expected(mixture, _laid_out(rows, 1e-6))
    assert likelihood == pytest.approx(logsumexp(log, axis=1).mean(), abs=1e-4)
    np.testing.assert_allclose(sums.sizes, shares.sum(axis=0), rtol=1e-4, atol=1e-3)
    expected = np.einsum("nk,nkp->kp", pulls, products)
    np.testing.assert_allclose(sums.pulled, expected, rtol=1e-4, atol=2e-3)


def test_numbers_compared_side_by_side_are_the_same():
    rows, _ = sheets()
    found = []
    for beside in (1, 3):
        with limited_threads(1, beside=beside):
            found.append(StudentMixture(max_units=9, random_state=0).fit(rows))
    assert found[0].selection_ == found[1].selection_
    np.testing.assert_array_equal(found[0].means_, found[1].means_)


def test_a_unit_costs_more_where_there_are_few_rows():
    model = StudentMixture(2, random_state=0).fit(sheets(200)[0])
    assert model._priced(model._mixture, 100) == pytest.approx(2 * (0.01 * 2 + 10 * 6 / 100))


def test_the_curve_of_likelihood_does_not_fall():
    with limited_threads():
        found = StudentMixture(price=0, dependence=0, random_state=0).fit(sheets()[0])
    curve = np.array(found.selection_["net_likelihood"])
    assert np.diff(curve).min() > -0.01


@pytest.mark.parametrize("n", [2, 5, 16, 17, 60, 1000])
def test_halves_are_strips_of_nearly_equal_size(n):
    rows = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
    sample = Subsample(rows, n, np.random.default_rng(0))
    first, second = (half.rows for half in sample.halves())
    assert len(first) + len(second) == n
    assert min(len(first), len(second)) >= 0.4 * n
    assert np.count_nonzero(np.diff(sample.first)) == min(n, STRIPS) - 1


def test_textures_are_no_units_where_places_are_known():
    # Three rocks, each of two kinds of pixels that lie about at random.
    rng = np.random.default_rng(0)
    places = np.indices((1, 90, 90)).reshape(3, -1).T
    kinds = np.stack([4 * (places[:, 2] // 30), rng.choice([-1.2, 1.2], len(places))], axis=1)
    rows = (kinds + 0.6 * rng.normal(size=kinds.shape)).astype(np.float32)
    mixture = StudentMixture(max_units=8, tries=0, random_state=0)
    with limited_threads():
        assert mixture.fit(rows).n_units_ == 6
        assert mixture.fit(rows, places=places).n_units_ == 3
