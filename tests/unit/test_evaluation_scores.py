"""Every score against scikit-learn, and against cases worked by hand."""

import itertools
import time

import numpy as np
import pytest
from sklearn import metrics

from outcrop.evaluation.scores import Contingency, score_labels, score_table, table_of
from outcrop.information import information_scores


def labels(seed, n, classes, units, agree, unmapped):
    random = np.random.default_rng(seed)
    truth = random.integers(0, classes, n)
    found = np.where(random.random(n) < agree, truth % units, random.integers(0, units, n)) + 1
    found[random.random(n) < unmapped] = 0
    return truth, found


CASES = [
    (0, 2000, 5, 5, 0.7, 0.0),
    (1, 2000, 5, 5, 0.7, 0.2),
    (2, 500, 3, 9, 0.4, 0.1),
    (3, 500, 9, 3, 0.9, 0.1),
    (4, 60, 20, 30, 0.1, 0.3),
    (5, 3000, 15, 12, 0.0, 0.0),
    (6, 40, 1, 4, 0.5, 0.0),
    (7, 40, 4, 1, 0.5, 0.0),
    (8, 7, 7, 7, 1.0, 0.0),
]


@pytest.mark.parametrize("case", CASES)
def test_information_and_rand_equal_scikit_learn(case):
    truth, found = labels(*case)
    scores = score_labels(truth, found)
    near = {"rel": 0, "abs": 1e-10}
    assert scores["nmi"] == pytest.approx(
        metrics.normalized_mutual_info_score(truth, found), **near
    )
    assert scores["ami"] == pytest.approx(metrics.adjusted_mutual_info_score(truth, found), **near)
    assert scores["ari"] == pytest.approx(metrics.adjusted_rand_score(truth, found), **near)


@pytest.mark.parametrize("case", CASES)
def test_matched_scores_equal_scikit_learn_on_the_matched_map(case):
    truth, found = labels(*case)
    scores = score_labels(truth, found)
    # Units without a class, and pixels without a unit, are classes that no truth has.
    mapped = np.array([scores["assignment"].get(u, -1 - u) for u in found])
    near = {"rel": 0, "abs": 1e-10}
    assert scores["overall_accuracy"] == pytest.approx((mapped == truth).mean(), **near)
    assert scores["kappa"] == pytest.approx(metrics.cohen_kappa_score(truth, mapped), **near)
    recall = metrics.recall_score(
        truth, mapped, labels=np.unique(truth), average="macro", zero_division=0
    )
    assert scores["balanced_accuracy"] == pytest.approx(recall, **near)
    commonest = sum(np.bincount(truth[found == u]).max() for u in np.unique(found) if u > 0)
    assert scores["purity"] == pytest.approx(commonest / len(truth), **near)
    assert scores["coverage"] == pytest.approx((found > 0).mean(), **near)
    assert scores["n"] == len(truth)


def test_the_matching_is_the_best_of_all():
    random = np.random.default_rng(0)
    for shape in [(4, 4), (3, 5), (5, 3)]:
        counts = random.integers(0, 50, shape)
        table = Contingency(
            tuple(range(shape[0])), tuple(range(1, shape[1] + 1)), counts, np.zeros(shape[0], int)
        )
        wide = counts if shape[0] <= shape[1] else counts.T
        best = max(
            sum(wide[i, j] for i, j in enumerate(order))
            for order in itertools.permutations(range(wide.shape[1]), wide.shape[0])
        )
        assert score_table(table)["overall_accuracy"] == best / counts.sum()


def test_worked_case():
    # Class 7: 3 pixels in unit 1, 1 in unit 2. Class 9: 2 in unit 2, 2 unmapped. Unit 3: none.
    truth = np.array([7, 7, 7, 7, 9, 9, 9, 9, 5])
    found = np.array([1, 1, 1, 2, 2, 2, 0, 0, 3])
    invalid = np.array([False] * 8 + [True])
    scores = score_labels(truth, found, invalid)
    assert scores["n"] == 8
    assert scores["coverage"] == 6 / 8
    assert scores["overall_accuracy"] == 5 / 8
    assert scores["balanced_accuracy"] == (3 / 4 + 2 / 4) / 2
    assert scores["purity"] == 5 / 8
    # Chance: (4 x 3 + 4 x 3) / 64.
    assert scores["kappa"] == pytest.approx((5 / 8 - 24 / 64) / (1 - 24 / 64), abs=1e-15)
    assert scores["assignment"] == {1: 7, 2: 9}
    assert scores["confusion"] == {
        "classes": [7, 9],
        "units": [1, 2],
        "counts": [[3, 1], [0, 2]],
        "unmapped": [0, 2],
    }


def test_leaving_pixels_unmapped_gains_nothing():
    truth, found = labels(3, 4000, 6, 6, 0.8, 0.0)
    gap = found.copy()
    gap[np.random.default_rng(1).random(4000) < 0.3] = 0
    full, part = score_labels(truth, found), score_labels(truth, gap)
    for key in ["overall_accuracy", "balanced_accuracy", "purity", "kappa", "nmi", "ami", "ari"]:
        assert part[key] < full[key], key


def test_a_map_of_nothing_scores_nothing():
    scores = score_labels(np.array([1, 1, 2]), np.zeros(3, int))
    assert scores["coverage"] == scores["overall_accuracy"] == scores["purity"] == 0
    assert scores["kappa"] == scores["nmi"] == scores["ami"] == scores["ari"] == 0
    assert scores["assignment"] == {}
    assert scores["confusion"]["counts"] == [[], []]


def test_one_class_in_one_unit():
    scores = score_labels(np.array([4, 4]), np.array([1, 1]))
    assert scores["overall_accuracy"] == scores["nmi"] == scores["ari"] == 1
    assert np.isnan(scores["kappa"])


def test_text_classes():
    scores = score_labels(np.array(["basalt", "shale", "shale"]), np.array([1, 2, 2]))
    assert scores["assignment"] == {1: "basalt", 2: "shale"}


def test_a_unit_that_shares_no_pixel_with_the_class_left_over_has_no_class():
    scores = score_labels(np.array([1, 1, 1, 2]), np.array([1, 1, 2, 0]))
    assert scores["assignment"] == {1: 1}


def test_the_table_adds_up_in_any_order():
    cells = [("b", 2, 3), ("a", None, 1), ("b", 2, 4), ("a", 1, 2)]
    for order in itertools.permutations(cells):
        table = table_of(order)
        assert table.classes == ("a", "b")
        assert table.units == (1, 2)
        assert table.counts.tolist() == [[2, 0], [0, 7]]
        assert table.unmapped.tolist() == [1, 0]


def test_nothing_labelled_or_other_shapes():
    with pytest.raises(ValueError, match="nothing to score"):
        score_labels(np.array([1]), np.array([1]), np.array([True]))
    with pytest.raises(ValueError, match="must agree"):
        score_labels(np.zeros(3), np.zeros(2))


def test_hundreds_of_millions_of_pixels():
    # A table and its thousandfold have the same nmi and nearly the same ari; int64 products
    # of pairs of pixels would overflow here.
    truth, found = labels(2, 200_000, 15, 12, 0.6, 0.05)
    small = score_labels(truth, found)
    cells = small["confusion"]
    big = Contingency(
        tuple(cells["classes"]), tuple(cells["units"]),
        np.array(cells["counts"]) * 1000, np.array(cells["unmapped"]) * 1000,
    )  # fmt: skip
    started = time.perf_counter()
    scores = score_table(big)
    assert time.perf_counter() - started < 10
    assert scores["n"] == 200_000_000
    assert scores["nmi"] == pytest.approx(small["nmi"], abs=1e-12)
    assert scores["kappa"] == pytest.approx(small["kappa"], abs=1e-12)
    assert scores["ari"] == pytest.approx(small["ari"], abs=1e-4)
    # Chance explains about (rows - 1)(columns - 1) / 2n nats: little of so many pixels.
    assert 0 < scores["nmi"] - scores["ami"] < 1e-6


def test_adjusted_information_of_large_counts_equals_scikit_learn():
    random = np.random.default_rng(9)
    counts = random.integers(0, 60_000, (4, 5))
    truth = np.repeat(np.repeat(np.arange(4), 5), counts.ravel())
    found = np.repeat(np.tile(np.arange(5), 4), counts.ravel())
    scores = information_scores(counts)
    expected = metrics.adjusted_mutual_info_score(truth, found)
    assert scores["ami"] == pytest.approx(expected, rel=0, abs=1e-10)
