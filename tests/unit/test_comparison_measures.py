"""What is measured of a map, and how sure it is: against scikit-learn and published examples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import homogeneity_completeness_v_measure

from outcrop.comparison.design import Sampled, check_design, estimate, flat_rows, shares
from outcrop.comparison.groups import error_range, group, label_polygons
from outcrop.comparison.intervals import (
    Resampling,
    adjusted_information,
    interval,
    replicate,
)
from outcrop.comparison.measures import agreement, boundary_agreement, contingency, inner_scores
from outcrop.comparison.summary import stability
from outcrop.errors import ReferenceMapError
from outcrop.information import information_scores


def labelled(n=4000, classes=4, units=6, seed=0, agree=0.7):
    rng = np.random.default_rng(seed)
    codes = rng.integers(1, classes + 1, n)
    found = np.where(rng.random(n) < agree, codes, rng.integers(1, units + 1, n))
    return codes, found.astype(np.uint8)


def test_homogeneity_and_completeness_are_those_of_scikit_learn():
    codes, units = labelled()
    scores = agreement(codes, units, ("a", "b", "c", "d"))
    wanted = homogeneity_completeness_v_measure(codes, units)
    assert (scores["homogeneity"], scores["completeness"]) == pytest.approx(wanted[:2])


def test_accuracies_by_class_on_a_table_done_by_hand():
    # Class a: 6 pixels in unit 1, 2 in 2, 2 unmapped. Class b: 1 in unit 1, 5 in 2, 4 in 3.
    codes = np.repeat([1, 1, 1, 2, 2, 2], [6, 2, 2, 1, 5, 4])
    units = np.repeat([1, 2, 0, 1, 2, 3], [6, 2, 2, 1, 5, 4]).astype(np.uint8)
    first, second = agreement(codes, units, ("a", "b"))["by_class"]
    assert (first["producer"], first["user"]) == pytest.approx((6 / 10, 6 / 7))
    assert first["f1"] == pytest.approx(2 * 6 / (10 + 7))
    assert (second["producer"], second["user"]) == pytest.approx((5 / 10, 5 / 7))
    # Named: unit 3 is b's too.
    assert second["named_producer"] == pytest.approx(9 / 10)
    assert second["named_user"] == pytest.approx(9 / 11)


def test_boundaries_count_within_reach_and_only_where_there_are_labels():
    codes = np.ones((20, 30), int)
    codes[:, 15:] = 2
    units = np.ones((20, 30), np.uint8)
    units[:, 18:] = 2
    assert boundary_agreement(codes, units, 3) == {"found": 1.0, "true": 1.0, "f1": 1.0}
    assert boundary_agreement(codes, units, 1)["f1"] == 0.0
    codes[:, 12:18] = 0  # the classes no longer touch
    assert boundary_agreement(codes, units, 3)["f1"] is None


def test_internal_scores_in_bands_do_not_depend_on_the_code():
    rng = np.random.default_rng(0)
    rows = np.r_[rng.normal(0, 1, (50, 3)), rng.normal(9, 1, (50, 3))].astype(np.float32)
    labels = np.repeat([0, 1], 50)
    one = inner_scores(rows[:, :1], rows, labels, 0)
    other = inner_scores(rng.normal(0, 1, (100, 2)).astype(np.float32), rows, labels, 0)
    assert one["bands"] == other["bands"]
    assert one["own"]["silhouette"] > 0.5 > other["own"]["silhouette"]


def test_polygons_are_areas_of_one_class():
    codes = np.array([[1, 1, 0, 2], [0, 0, 0, 2], [1, 0, 2, 0]])
    found = label_polygons(codes)
    # Corners join: the two 2s at the right and the one below them.
    assert found.max() == 3
    assert len({*found[0, :2]}) == 1
    assert found[2, 2] == found[1, 3]


def test_blocks_are_wider_than_errors_hang_together():
    rng = np.random.default_rng(0)
    codes = np.ones((120, 160), int)
    blobs = np.kron(rng.random((15, 20)) < 0.4, np.ones((8, 8), bool)).ravel()
    lone = rng.random(codes.size) < 0.4
    assert error_range(codes, lone) == 1
    assert error_range(codes, blobs) >= 6
    groups = group(codes, [lone, blobs])
    assert groups.kind == "blocks"
    assert groups.side == error_range(codes, blobs)


def test_blocks_that_would_be_too_few_are_said_to_be_too_small():
    codes = np.ones((40, 40), int)
    errors = np.zeros(codes.shape, bool)
    errors[:, :20] = True
    groups = group(codes, [errors.ravel()])
    assert groups.side == 10
    assert "too narrow" in groups.notes[0]


def test_few_labels_are_resampled_as_polygons():
    codes = np.zeros((40, 40), int)
    codes[:3, :3], codes[10:13, :3] = 1, 2
    assert group(codes, []).kind == "polygons"
    assert group(codes, []).count == 2


@given(st.integers(0, 50), st.integers(2, 40))
def test_no_group_is_matched_and_scored(seed, count):
    groups = group_of(np.arange(count))
    drawn = Resampling.of(groups, seed, replicates=5)
    assert not ((drawn.first > 0) & (drawn.second > 0)).any()
    assert (drawn.first.sum(axis=1) + drawn.second.sum(axis=1) == count).all()


def group_of(ids):
    from outcrop.comparison.groups import Groups

    return Groups(np.asarray(ids), "polygons")


def test_fast_adjusted_information_is_near_the_exact_one():
    tables = np.stack([contingency(*labelled(seed=s), 4) for s in range(3)])
    wanted = [information_scores(t)["ami"] for t in tables]
    assert adjusted_information(tables.astype(float)) == pytest.approx(wanted, abs=2e-4)


def test_a_perfect_map_is_perfect_in_every_draw():
    codes = np.repeat([1, 2, 1, 2, 1, 2, 1, 2], 50)
    groups = group_of(np.repeat(np.arange(8), 50))
    draws = replicate(Resampling.of(groups), groups, codes, codes.astype(np.uint8), 2)
    # Draws with both classes in the half that is matched: those without can't name one of them.
    assert np.nanmedian(draws["accuracy"]) == 1
    assert np.nanmedian(draws["purity"]) == 1
    assert np.nanmedian(draws["ami"]) == pytest.approx(1)


def test_a_map_of_noise_gains_nothing_from_its_matching():
    rng = np.random.default_rng(0)
    codes = rng.integers(1, 5, 400)
    units = rng.integers(1, 41, 400).astype(np.uint8)
    groups = group_of(np.arange(400))
    draws = replicate(Resampling.of(groups), groups, codes, units, 4)
    # Naming 40 units of 10 pixels on the pixels that are scored would seem to find a half of them.
    assert agreement(codes, units, (1, 2, 3, 4))["purity"] > 0.4
    assert interval(draws["purity"])[0] < 0.32


def test_stability_leaves_out_unmapped_pixels():
    one = np.array([0, 1, 1, 2, 2, 0], np.uint8)
    other = np.array([3, 2, 2, 1, 1, 1], np.uint8)
    assert stability([one, other]).mean == 1
    assert stability([one]) is None


# Olofsson et al. (2014), Remote Sens. Environ. 148, table 8: rows are map classes.
OLOFSSON = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
PIXELS = np.array([0, 200_000, 150_000, 3_200_000, 6_450_000])


def test_estimates_are_those_published_by_olofsson():
    cells = np.argwhere(OLOFSSON)
    times = [OLOFSSON[i, j] for i, j in cells]
    units, codes = np.repeat(cells + 1, times, axis=0).T
    hectares = PIXELS.sum() * 0.09
    sample = Sampled(codes, units, units, shares(PIXELS))
    found = estimate(sample, ("loss", "gain", "forest", "other"), hectares)
    assert found["overall"] == pytest.approx([0.947, 0.018], abs=6e-4)
    loss = found["by_class"][0]
    assert loss["area"] == pytest.approx([21_158, 6_158], abs=1)
    assert loss["user"] == pytest.approx([0.88, 0.07], abs=6e-3)
    assert loss["producer"] == pytest.approx([0.75, 0.21], abs=6e-3)
    assert [round(c["user"][0], 2) for c in found["by_class"]] == [0.88, 0.73, 0.93, 0.96]
    assert [round(c["producer"][0], 2) for c in found["by_class"]] == [0.75, 0.85, 0.93, 0.96]


def test_strata_without_points_do_not_lose_their_ground():
    codes = np.array([1, 1, 1, 2, 2, 2, 1, 2] * 4)
    units = np.where(codes == 1, 1, 2)
    units[0] = 3
    found = estimate(
        Sampled(codes, units, units, {1: 0.4, 2: 0.4, 3: 0.1, 4: 0.1}), ("a", "b"), 100.0
    )
    assert sum(row["area"][0] for row in found["by_class"]) == pytest.approx(100)
    assert "taken as one" in found["notes"][0]
    rows = flat_rows([{"scene": "s", "contender": "c", "number": "auto", "area_unit": "m2",
                       **found}])  # fmt: skip
    assert [row["class"] for row in rows] == ["(all)", "a", "b"]


def test_what_hangs_together_is_no_probability_sample():
    codes = np.zeros((30, 30), int)
    codes[5:15, 5:15] = 1
    with pytest.raises(ReferenceMapError, match=r"100 labelled pixels of .* lie in 1 areas"):
        check_design(codes, "ref.tif")
    codes[:] = 0
    codes[::7, ::7] = 1
    check_design(codes, "ref.tif")
    codes[1:] = 0
    with pytest.raises(ReferenceMapError, match="labels 5 pixels"):
        check_design(codes, "ref.tif")
