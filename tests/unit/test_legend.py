"""Numbers, colours and matching of units, and the legend's file."""

import dataclasses
import json

import numpy as np
import pytest

from outcrop.errors import ModelError
from outcrop.products.colours import VISIONS, contrast, further_colours, oklab, rgb_of, unit_colours
from outcrop.products.interpretation import Interpretation, Term
from outcrop.products.legend import Legend, Unit
from outcrop.products.numbering import match_units, order_units
from outcrop.sensors.base import Band

BANDS = tuple(Band(n, w, 0.05, 30.0, None, "reflectance") for n, w in [("B2", 0.48), ("B7", 2.2)])


def unit(number, mean, sd=(0.02, 0.02), area=900.0, **extra):
    return Unit(number, f"Unit {number}", "#112233", 10, area, 0.5, tuple(mean), sd, extra)


def rocks(seed, count, bands=6):
    random = np.random.default_rng(seed)
    shapes = random.normal(0, 0.03, (count, bands)).cumsum(axis=1)
    return random.random((count, 1)) * 0.4 + 0.1 + shapes


def test_units_run_from_dark_to_bright():
    means = np.array([[0.3, 0.5], [0.1, 0.1], [0.5, 0.3], [0.2, 0.1]])
    # 0 and 2 are equally bright: the first band decides.
    assert order_units(means).tolist() == [1, 3, 0, 2]
    assert order_units(means[[2, 0]]).tolist() == [1, 0]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 12, 30, 100])
def test_colours_are_distinct_and_the_same_every_time(count):
    means = rocks(count, count)
    colours = unit_colours(means)
    assert len(set(colours)) == count
    assert colours == unit_colours(means.copy())
    assert all(c == f"#{int(c[1:], 16):06x}" for c in colours)


def test_colours_belong_to_the_spectra_not_to_their_order():
    means = rocks(1, 9)
    shuffled = np.random.default_rng(0).permutation(9)
    colours = unit_colours(means)
    assert unit_colours(means[shuffled]) == [colours[i] for i in shuffled]


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize(("count", "least"), [(4, 0.14), (8, 0.095), (12, 0.07), (15, 0.055)])
def test_no_two_colours_are_close_in_any_sight(vision, count, least):
    for seed in range(6):
        assert contrast(unit_colours(rocks(seed, count)), vision) > least


def test_alike_units_have_alike_hues():
    base = np.array([[0.1, 0.2, 0.5, 0.3], [0.5, 0.4, 0.2, 0.1], [0.3, 0.1, 0.1, 0.5]])
    means = np.concatenate([base, base + 0.004])
    lab = oklab(rgb_of(unit_colours(means)))
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1]))
    apart = np.abs((hue[:, None] - hue[None] + 180) % 360 - 180)
    for i in range(3):
        assert apart[i, i + 3] < min(apart[i, j] for j in range(6) if j % 3 != i)


def test_equal_spectra_and_constant_bands_are_no_accident():
    means = np.ones((4, 3))
    assert len(set(unit_colours(means))) == 4
    assert unit_colours(np.empty((0, 3))) == []


def test_oklab_of_known_colours():
    # Ottosson's own table: white is (1, 0, 0); pure red about (0.628, 0.225, 0.126).
    lab = oklab(rgb_of(["#ffffff", "#ff0000", "#000000"]))
    np.testing.assert_allclose(lab[0], [1, 0, 0], atol=1e-4)
    np.testing.assert_allclose(lab[1], [0.62796, 0.22486, 0.12585], atol=1e-4)
    np.testing.assert_allclose(lab[2], 0, atol=1e-9)


def test_greys_look_the_same_in_any_sight():
    for vision in VISIONS:
        np.testing.assert_allclose(
            oklab(rgb_of(["#777777"]), vision), oklab(rgb_of(["#777777"])), atol=1e-3
        )


def test_further_colours_stand_apart():
    taken = unit_colours(rocks(0, 6))
    added = further_colours(taken, 3)
    assert contrast([*taken, *added]) > 0.09
    assert added == further_colours(taken, 3)


LEGEND = Legend.of(
    [unit(1, (0.1, 0.1)), unit(3, (0.2, 0.3)), unit(7, (0.4, 0.3))],
    BANDS,
)


def test_matching_takes_the_numbers_of_the_nearest():
    means = [(0.41, 0.3), (0.1, 0.11), (0.2, 0.28)]
    assert match_units(means, ["B2", "B7"], LEGEND) == [7, 1, 3]


def test_matching_is_the_best_of_the_whole_not_of_each():
    legend = Legend.of([unit(1, (0.10, 0.10)), unit(2, (0.20, 0.20))], BANDS)
    # Both are nearest to unit 1; the sum is least with the second in unit 2.
    assert match_units([(0.11, 0.11), (0.14, 0.14)], ["B2", "B7"], legend) == [1, 2]


def test_what_is_left_or_far_is_new():
    means = [(0.9, 0.9), (0.1, 0.1), (0.2, 0.3), (0.4, 0.3), (0.21, 0.3)]
    assert match_units(means, ["B2", "B7"], LEGEND) == [8, 1, 3, 7, 9]


def test_a_far_unit_pushes_no_good_pair_aside():
    means = [(0.4, 0.31), (0.9, 0.9), (0.11, 0.1)]
    assert match_units(means, ["B2", "B7"], LEGEND) == [7, 8, 1]


def test_matching_without_deviations_and_of_a_single_unit():
    bare = Legend.of([dataclasses.replace(u, sd=()) for u in LEGEND.units], BANDS)
    assert match_units([(0.4, 0.3), (0.1, 0.1)], ["B2", "B7"], bare) == [7, 1]
    single = Legend.of([unit(5, (0.1, 0.1))], BANDS)
    assert match_units([(0.11, 0.1), (0.5, 0.5)], ["B2", "B7"], single) == [5, 6]


def test_matching_needs_the_same_bands_and_room_for_numbers():
    with pytest.raises(ModelError, match="has the bands B2, B7 and the scene B7, B2"):
        match_units([(0.1, 0.1)], ["B7", "B2"], LEGEND)
    full = Legend.of([unit(254, (0.1, 0.1))], BANDS)
    with pytest.raises(ModelError, match="up to 255"):
        match_units([(0.9, 0.9)], ["B2", "B7"], full)


def test_the_file_returns_what_was_written():
    legend = Legend.of([unit(2, (0.2, 0.3), sd=()), unit(1, (0.1, 0.1), hidden=True)], BANDS)
    again = Legend.from_json(legend.to_json())
    assert again == legend
    assert [u.number for u in again.units] == [1, 2]
    assert again.units[0].extra == {"hidden": True}
    assert again.mapped_pixels == 20
    facts = json.loads(legend.to_json())
    assert facts["schema"] == 1
    assert facts["area_unit"] == "m2"
    assert facts["quantity"] == "reflectance"
    assert facts["units"][0]["mean"] == [0.1, 0.1]


def test_areas_and_quantities_that_are_not_known():
    legend = Legend.of([unit(1, (0.1, 0.1), area=None)], BANDS)
    assert legend.area_unit == "pixel"
    mixed = Legend.of([], (BANDS[0], dataclasses.replace(BANDS[1], quantity="radiance")))
    assert mixed.quantity == "mixed"
    assert mixed.area_unit == "pixel"


def test_a_mean_that_is_not_a_number_survives():
    legend = Legend.of([unit(1, (0.1, float("nan")))], BANDS)
    again = Legend.from_json(legend.to_json())
    assert again.units[0].mean[0] == 0.1
    assert np.isnan(again.units[0].mean[1])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": 2}, "schema 2; Outcrop .* reads up to schema 1: update"),
        ({"units": None}, "damaged"),
        ({"units": [{"number": 1}]}, "damaged"),
        ({"bands": []}, "not one mean"),
        ({"units": [{**json.loads(LEGEND.to_json())["units"][0], "number": 0}]}, "not in 1-254"),
        ({"units": [{**json.loads(LEGEND.to_json())["units"][0], "colour": "red"}]}, "damaged"),
    ],
)
def test_a_file_that_cannot_be_used(change, said):
    facts = json.loads(LEGEND.to_json()) | change
    with pytest.raises(ModelError, match=said):
        Legend.from_json(json.dumps(facts))


@pytest.mark.parametrize("text", ["", "[]", "{}", "3", "not json"])
def test_what_is_no_legend(text):
    with pytest.raises(ModelError, match="damaged"):
        Legend.from_json(text)


GRANITE = "http://resource.geosciml.org/classifier/cgi/lithology/granite"


def test_a_geologists_fields_are_there_empty_and_come_back_filled():
    facts = json.loads(LEGEND.to_json())
    empty = {"id": "", "label": ""}
    for entry in facts["units"]:
        assert (entry["lithology"], entry["age"]) == (empty, empty)
        assert (entry["order"], entry["confidence"], entry["notes"]) == (None, "", "")
    facts["units"][0] |= {
        "lithology": {"id": GRANITE, "label": "granite"}, "age": {"label": "Devonian"},
        "order": 3, "confidence": "high", "notes": "tor country", "sample": "K12",
    }  # fmt: skip
    first, *others = Legend.from_json(json.dumps(facts)).units
    assert first.geology == Interpretation(
        Term(GRANITE, "granite"), Term("", "Devonian"), 3, "high", "tor country"
    )
    assert first.label == f"{first.name} (granite, Devonian)"
    assert first.extra == {"sample": "K12"}
    assert not any(u.geology for u in others)
    assert others[0].label == others[0].name
    again = Legend.of([first, *others], BANDS)
    assert Legend.from_json(again.to_json()) == again


def test_files_without_those_fields_are_read():
    facts = json.loads(LEGEND.to_json())
    for entry in facts["units"]:
        for key in ("lithology", "age", "order", "confidence", "notes"):
            del entry[key]
    assert Legend.from_json(json.dumps(facts)) == LEGEND


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"lithology": {"id": "granite"}}, "not the URI"),
        ({"lithology": {"name": "granite"}}, "is not {id, label}"),
        ({"age": {"id": "", "label": 3}}, "not a text"),
        ({"order": "top"}, "whole number"),
        ({"notes": ["a"]}, "not a text"),
    ],
)
def test_wrong_entries_are_named(change, says):
    facts = json.loads(LEGEND.to_json())
    facts["units"][0] |= change
    with pytest.raises(ModelError, match=says):
        Legend.from_json(json.dumps(facts))
