"""Choosing the number of units, and assigning rows to them."""

import numpy as np
import pytest
import sklearn.cluster
from scipy.stats import multivariate_t
from sklearn.metrics import (
    calinski_harabasz_score,
    davies_bouldin_score,
    pairwise_distances,
    silhouette_score,
)
from sklearn.mixture import GaussianMixture

from outcrop.clustering import selection
from outcrop.clustering.kmeans import KMeans, inertia, lloyd, nearest
from outcrop.clustering.mixture import Mixture
from outcrop.clustering.selection import (
    Candidate,
    Subsample,
    distinct_rows,
    elbow,
    shared_information,
    silhouette,
)
from outcrop.clustering.student import StudentMixture


def scattered(n=400, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.integers(4, size=(n, 1)) * 3 + rng.normal(size=(n, 3))).astype(np.float32)


def labelled(n=400, k=5):
    rows = scattered(n)
    return rows, np.random.default_rng(1).integers(k, size=n).astype(np.int32)


@pytest.mark.parametrize(("n", "units"), [(4, 3), (400, 5), (3000, 12)])
def test_starts_are_scikit_learns(n, units):
    seed = int(np.random.default_rng().integers(1000))
    rows = scattered(n, seed)
    mine = lloyd(rows, units, seed, n_init=2)
    theirs = sklearn.cluster.KMeans(units, random_state=seed, n_init=2).fit(rows)
    np.testing.assert_array_equal(mine.cluster_centers_, theirs.cluster_centers_)


def test_elbow_of_a_bent_line():
    # Falls by 20 a step to 20 at k = 6 and by 1 from there: the bend is at 6.
    numbers = list(range(2, 15))
    assert elbow(numbers, [100 - 20 * (k - 2) if k <= 6 else 26 - k for k in numbers]) == 6


def test_elbow_of_a_hyperbola():
    # 1/k over 1 to 10: x' = (k - 1) / 9, y' = (1/k - 1/10) / 0.9; 1 - x' - y' is largest at 3.
    assert elbow(range(1, 11), [1 / k for k in range(1, 11)]) == 3


@pytest.mark.parametrize("curve", [[5, 5, 5, 5], [4, 3], [9], [8, 6, 4, 2]])
def test_curves_without_an_elbow(curve):
    assert elbow(range(2, 2 + len(curve)), curve) is None


def test_silhouette_is_scikit_learn_s():
    rows, labels = labelled()
    labels[labels == 4] = 9  # a gap in the numbers
    expected = silhouette_score(rows, labels)
    assert silhouette(pairwise_distances(rows), labels) == pytest.approx(expected, abs=1e-6)


def test_silhouette_of_a_row_alone_and_of_equal_rows():
    rows = np.array([[0.0], [0.1], [5.0], [9.0], [9.0]], np.float32)
    labels = np.array([0, 0, 1, 2, 2], np.int32)
    distances = pairwise_distances(rows)
    assert silhouette(distances, labels) == pytest.approx(silhouette_score(rows, labels), abs=1e-6)
    assert silhouette(np.zeros((4, 4), np.float32), np.array([0, 0, 1, 1])) == 0
    assert silhouette(distances, np.zeros(5, int)) is None
    assert silhouette(distances, np.arange(5)) is None


def test_scores_of_a_candidate():
    rows, labels = labelled()
    scores = Subsample(rows, 1000, np.random.default_rng(0)).score(Candidate(labels, 7.0, None))
    # Which this is not:
    mixtures = {"net_likelihood": None, "stability": None, "continuity": None}
    assert scores == mixtures | {
        "inertia": 7.0,
        "silhouette": pytest.approx(silhouette_score(rows, labels), abs=1e-6),
        "calinski_harabasz": pytest.approx(calinski_harabasz_score(rows, labels)),
        "davies_bouldin": pytest.approx(davies_bouldin_score(rows, labels)),
        "bic": None,
    }
    one = Subsample(rows, 1000, np.random.default_rng(0)).score(Candidate(0 * labels, 7.0, 3.0))
    assert one == mixtures | {"inertia": 7.0, "silhouette": None, "calinski_harabasz": None,
                   "davies_bouldin": None, "bic": 3.0}  # fmt: skip


def test_subsample_is_drawn_without_repeats():
    rows = np.arange(1000, dtype=np.float32)[:, None]
    first, again, other = (
        Subsample(rows, 100, np.random.default_rng(seed)).rows[:, 0] for seed in (0, 0, 1)
    )
    assert len(np.unique(first)) == 100
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def candidates(inertias, good):
    """Clusterings with a given inertia each, of which one follows the groups of the rows."""
    rows = np.repeat(np.arange(3), 20)[:, None] * 10 + np.random.default_rng(0).random((60, 1))
    rows = rows.astype(np.float32)
    sample = Subsample(rows, 60, np.random.default_rng(0))

    def cluster(k):
        labels = np.repeat(np.arange(3), 20) if k == good else np.arange(60) % k
        return Candidate(labels.astype(np.int32), inertias[k], None)

    return selection.select(sample, sorted(inertias), (cluster(k) for k in sorted(inertias)))


def test_select_takes_the_elbow():
    found = candidates({2: 100, 3: 60, 4: 20, 5: 18, 6: 16, 7: 14}, good=3)
    assert (found["chosen"], found["rule"]) == (4, "elbow of the inertia by kneedle")
    assert found["k"] == [2, 3, 4, 5, 6, 7]
    assert found["inertia"] == [100, 60, 20, 18, 16, 14]
    assert found["bic"] is None


def test_select_falls_back_on_the_best_silhouette():
    found = candidates({2: 50, 3: 40, 4: 30, 5: 20}, good=3)
    assert found["chosen"] == 3
    assert found["rule"] == "best silhouette, as kneedle found no elbow"


def test_shared_information_is_what_goes_on():
    rng = np.random.default_rng(0)
    units = rng.integers(4, size=20_000)
    assert shared_information(units, units) == pytest.approx(np.log(4), abs=1e-3)
    # By chance as much as is taken off for it.
    assert shared_information(units, rng.integers(4, size=20_000)) == pytest.approx(0, abs=2e-4)
    assert shared_information(0 * units, 0 * units) == 0
    # Every unit halved at random: what goes on is the same.
    halves = 2 * units + rng.integers(2, size=(2, 20_000))
    assert shared_information(*halves) == pytest.approx(np.log(4), abs=2e-3)


def test_pairs_lie_some_way_apart_in_one_scene():
    places = np.indices((2, 80, 90)).reshape(3, -1).T
    rows = places.astype(np.float32)
    sample = Subsample(rows, 9000, np.random.default_rng(0), places)
    own, others = sample.rows[sample.pairs.own], sample.pairs.others
    assert 4000 < len(own) <= 4500  # every second of 9000, but for some at the edge
    assert (own[:, 0] == others[:, 0]).all()
    apart = np.linalg.norm(own - others, axis=1)
    assert apart.min() >= selection.FAR / 2  # at the edge
    assert apart.max() <= selection.FAR + 1
    assert np.median(apart) == pytest.approx(selection.FAR, abs=1)


def test_halves_have_the_pairs_of_their_own_rows():
    places = np.indices((1, 80, 90)).reshape(3, -1).T
    sample = Subsample(places.astype(np.float32), 3000, np.random.default_rng(0), places)
    found = [np.hstack([half.rows[half.pairs.own], half.pairs.others]) for half in sample.halves()]
    whole = np.hstack([sample.rows[sample.pairs.own], sample.pairs.others])
    np.testing.assert_array_equal(np.unique(np.vstack(found), axis=0), np.unique(whole, axis=0))
    assert sum(map(len, found)) == len(whole)


def test_no_pairs_without_places_or_where_they_are_few_or_near():
    places = np.indices((1, 80, 90)).reshape(3, -1).T
    rows = places.astype(np.float32)

    def pairs(rows, places):
        return Subsample(rows, 3000, np.random.default_rng(0), places).pairs

    assert pairs(rows, places) is not None
    assert pairs(rows, None) is None
    assert pairs(rows[::20], places[::20]) is None
    narrow = places[:, 1] < selection.NARROW - 1
    assert pairs(rows[narrow], places[narrow]) is None


def test_select_takes_units_that_go_on_over_textures():
    rows = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    sample = Subsample(rows, 60, np.random.default_rng(0))
    labels = np.arange(60, dtype=np.int32)

    def cluster(k):
        told = 0.3 * min(k, 4) + selection.LEAST_TOLD / 2 * k
        net = 0.4 * selection.CONTINUITY * selection.LEAST_TOLD * k
        return Candidate(labels % k, 100 / k, None, net, 0.5, told)

    found = selection.select(sample, range(2, 21), (cluster(k) for k in range(2, 21)))
    assert found["chosen"] == 4
    assert found["score"][found["k"].index(4)] == max(found["score"])
    assert "some 20 pixels off" in found["rule"]


def test_select_takes_the_best_net_likelihood_and_stops_looking():
    rows = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    sample, asked = Subsample(rows, 60, np.random.default_rng(0)), []

    def cluster(k):
        asked.append(k)
        net = -abs(k - 5.0)
        return Candidate(np.arange(60, dtype=np.int32) % k, 100 / k, None, net, 0.5)

    found = selection.select(sample, range(2, 21), (cluster(k) for k in range(2, 21)))
    assert (found["chosen"], found["rule"]) == (5, "held-out likelihood, less the price of a unit")
    assert asked == found["k"] == list(range(2, 5 + selection.PATIENCE + 1))
    assert len(found["stability"]) == len(found["inertia"]) == len(asked)


def test_the_price_decides_how_many_units():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(4000, 3)).astype(np.float32) + np.repeat(np.arange(8), 500)[:, None]
    found = [
        StudentMixture(price=price, random_state=0).fit(rows).n_units_ for price in (0.0, 0.01, 0.5)
    ]
    assert found[0] >= found[1] >= found[2] == 2


def test_the_held_out_likelihood_is_that_of_the_densities():
    rng = np.random.default_rng(0)
    rows = rng.standard_t(4, size=(400, 2)).astype(np.float32)
    model = StudentMixture(n_units=2, random_state=0).fit(rows)
    density = 0.0
    for weight, mean, factor in zip(model.weights_, model.means_, model.factors_, strict=True):
        shape = np.linalg.inv(factor @ factor.T)
        density += weight * multivariate_t(mean, shape, df=model.freedom).pdf(rows)
    _, seen = model._mixture.seen(rows)
    assert seen.mean() == pytest.approx(np.log(density).mean())


def test_distinct_rows_beyond_the_first():
    rows = np.zeros((1000, 2), np.float32)
    rows[900:, 1] = np.arange(100)
    assert distinct_rows(rows, 5) == 100
    assert distinct_rows(rows[:900], 5) == 1
    assert distinct_rows(rows[::-1], 5) >= 5


def test_nearest_breaks_ties_towards_the_lowest_unit():
    centers = np.array([[0, 0], [2, 0], [0, 0], [2, 2]], np.float32)
    rows = np.array([[1, 0], [0, 0], [2, 1], [1, 1]], np.float32)
    assert nearest(rows, centers).tolist() == [0, 0, 1, 0]


def test_nearest_far_from_the_origin():
    # In one product with these centres float32 would lose all of their difference.
    centers = np.array([[10_000, 10_000], [10_001, 10_000]], np.float32)
    assert nearest(centers + np.float32(0.25), centers).tolist() == [0, 1]


def test_inertia_by_hand():
    rows = np.array([[0, 0], [3, 4]], np.float32)
    assert inertia(rows, np.array([[0, 1], [0, 0]], np.float32)) == 26


def test_kmeans_centres_are_the_means_of_their_rows():
    rows = scattered()
    fitted = KMeans(4, tol=0.0, random_state=0).fit(rows)
    means = [rows[fitted.labels_ == unit].mean(axis=0) for unit in range(4)]
    np.testing.assert_allclose(fitted.cluster_centers_, means, atol=1e-5)
    assert fitted.selection_["inertia"] == [
        pytest.approx(sum(rows[fitted.labels_ == u].var(axis=0).sum() * (fitted.labels_ == u).sum()
                          for u in range(4)), rel=1e-4)
    ]  # fmt: skip


def as_scikit_learn(fitted):
    model = GaussianMixture(fitted.n_units_)
    model.weights_, model.means_ = fitted.weights_, fitted.means_
    model.covariances_ = fitted.covariances_
    model.precisions_cholesky_ = fitted.precisions_cholesky_
    return model


def test_mixture_density_and_bic_are_scikit_learn_s():
    rows = scattered()
    fitted = Mixture(3, random_state=0).fit(rows)
    model = as_scikit_learn(fitted)
    np.testing.assert_array_equal(fitted.predict(rows), model.predict(rows.astype(float)))
    np.testing.assert_allclose(
        fitted.predict_proba(rows), model.predict_proba(rows.astype(float)), atol=1e-6
    )
    assert fitted.selection_["bic"] == [pytest.approx(model.bic(rows.astype(float)))]


def test_mixture_tells_crossed_ellipses_apart():
    # k-means cannot: both have the same centre.
    rng = np.random.default_rng(0)
    truth = np.arange(1000) % 2
    rows = rng.normal(size=(1000, 2)) * np.where(truth[:, None], [8, 0.2], [0.2, 8])
    units = Mixture(2, n_init=1, random_state=3).fit(rows).labels_
    agreement = np.mean(units == truth)
    assert max(agreement, 1 - agreement) > 0.9


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_mixture_does_not_depend_on_the_unit_of_measure(scale):
    rows = scattered()
    expected = Mixture(3, random_state=0).fit(rows)
    fitted = Mixture(3, random_state=0).fit(rows * np.float32(scale))
    np.testing.assert_array_equal(fitted.labels_, expected.labels_)
    np.testing.assert_allclose(fitted.covariances_, expected.covariances_ * scale**2, rtol=1e-2)


def test_mixture_far_away_still_gives_probabilities():
    fitted = Mixture(3, random_state=0).fit(scattered())
    probability = fitted.predict_proba(np.full((1, 3), 1e30))
    assert probability.sum() == pytest.approx(1)


def test_mixture_of_a_constant_column():
    rows = scattered()
    rows[:, 1] = 0.5
    fitted = Mixture(3, random_state=0).fit(rows)
    assert fitted.n_units_ == 3
    assert np.isfinite(fitted.predict_proba(rows)).all()
