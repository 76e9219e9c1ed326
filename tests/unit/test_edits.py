"""Edits of a legend: pure functions, whose units stay those of the pixels."""

import json
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from outcrop import durable
from outcrop.errors import InputError, ModelError, OutputError
from outcrop.products.edit_log import (
    EditLog,
    change_log,
    edited_legend,
    read_log,
    with_log,
)
from outcrop.products.edits import edited, new_number, ring_of
from outcrop.products.legend import Legend, Unit
from outcrop.sensors.base import Band

BANDS = (Band("a", 0.5), Band("b", 1.6))
SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]]}


def unit_of(number: int, pixels: np.ndarray, area: float | None = 100.0) -> Unit:
    """A unit of these pixels, (n, bands)."""
    return Unit(
        number, f"Unit {number}", f"#0000{number:02x}", len(pixels),
        None if area is None else area * len(pixels), 0.0,
        tuple(pixels.mean(axis=0)), tuple(pixels.std(axis=0)),
    )  # fmt: skip


@pytest.fixture
def pixels() -> dict[int, np.ndarray]:
    rng = np.random.default_rng(1)
    return {n: rng.normal(n, 0.3, (20 * n, 2)) for n in (1, 2, 3)}


@pytest.fixture
def legend(pixels) -> Legend:
    return Legend.of((unit_of(n, p) for n, p in pixels.items()), BANDS)


def split_of(unit: int, part: np.ndarray, new: int = 4) -> dict:
    return {"op": "split", "unit": unit, "new": new, "name": "cut", "colour": "#abcdef",
            "polygon": SQUARE, "part": {"pixels": len(part), "area": 100.0 * len(part),
            "mean": part.mean(axis=0).tolist(), "sd": part.std(axis=0).tolist()}}  # fmt: skip


def assert_is(unit: Unit, pixels: np.ndarray) -> None:
    """The unit's facts are those of the pixels."""
    assert unit.pixels == len(pixels)
    assert unit.area == pytest.approx(100.0 * len(pixels))
    np.testing.assert_allclose(unit.mean, pixels.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(unit.sd, pixels.std(axis=0), rtol=1e-6)


def test_nothing_done_is_the_map_as_it_was(legend):
    state = edited(legend, ())
    assert [u.number for u in state.legend.units] == [1, 2, 3]
    assert state.table()[:4].tolist() == [0, 1, 2, 3]


def test_rename_recolour_describe(legend):
    state = edited(legend, [
        {"op": "rename", "unit": 2, "name": " Dakota sandstone "},
        {"op": "recolour", "unit": 2, "colour": "#AABBCC"},
        {"op": "describe", "unit": 2, "lithology": {"id": "", "label": "sandstone"}, "order": 3},
        {"op": "describe", "unit": 2, "notes": "ridge", "order": None},
    ])  # fmt: skip
    unit = state.units[2]
    assert (unit.name, unit.colour) == ("Dakota sandstone", "#aabbcc")
    assert unit.geology.lithology.label == "sandstone"
    assert (unit.geology.notes, unit.geology.order) == ("ridge", None)


def test_a_merged_unit_is_that_of_all_its_pixels(legend, pixels):
    state = edited(legend, [{"op": "merge", "units": [1, 3], "into": 2}])
    assert list(state.units) == [2]
    assert_is(state.units[2], np.concatenate(list(pixels.values())))
    assert state.table()[:4].tolist() == [0, 2, 2, 2]
    assert state.legend.units[0].share == 1.0


def test_what_is_split_off_is_missing_from_the_rest(legend, pixels):
    part, rest = pixels[3][:25], pixels[3][25:]
    state = edited(legend, [split_of(3, part)])
    assert_is(state.units[3], rest)
    assert_is(state.units[4], part)
    assert state.splits[0].labels == (3,)
    assert state.table()[4] == 4


def test_a_split_of_a_merged_unit_cuts_all_its_labels(legend, pixels):
    part = pixels[3][:5]
    merge = {"op": "merge", "units": [3], "into": 1}
    state = edited(legend, [merge, split_of(1, part)])
    assert state.splits[0].labels == (1, 3)
    again = edited(legend, [merge, split_of(1, part), {"op": "merge", "units": [4], "into": 1}])
    assert_is(again.units[1], np.concatenate([pixels[1], pixels[3]]))
    assert new_number(again) == 5, "a number that was split off is not given twice"


def test_a_hidden_unit_is_not_drawn_and_comes_back(legend):
    hide = {"op": "hide", "unit": 1, "hidden": True}
    state = edited(legend, [hide])
    assert state.table()[:4].tolist() == [0, 0, 2, 3]
    assert sum(u.share for u in state.legend.units) == pytest.approx(1)
    back = edited(legend, [hide, {**hide, "hidden": False}])
    assert back.table()[1] == 1
    with pytest.raises(InputError, match="last unit"):
        edited(legend, [{**hide, "unit": n} for n in (1, 2, 3)])


@pytest.mark.parametrize(("edit", "words"), [
    ({"op": "explode", "unit": 1}, "unknown edit 'explode'"),
    ({"op": "rename", "unit": 9, "name": "x"}, "no unit 9"),
    ({"op": "rename", "unit": 1, "name": "  "}, "cannot be empty"),
    ({"op": "rename", "unit": 1, "name": "x" * 201}, "at most 200"),
    ({"op": "recolour", "unit": 1, "colour": "red"}, "not #rrggbb"),
    ({"op": "describe", "unit": 1, "order": "first"}, "whole number"),
    ({"op": "describe", "unit": 1, "order": -5}, "1 being the youngest"),
    ({"op": "describe", "unit": 1, "lithology": "g" * 201}, "lithology must be a text of at most"),
    ({"op": "rename", "unit": 1, "name": "a\0b"}, r"holds the character '\\x00'"),
    ({"op": "rename", "unit": 1, "name": "\ud800"}, "which no file can"),
    ({"op": "rename", "unit": True, "name": "x"}, "no unit True"),
    ({"op": "merge", "units": [1], "into": 1}, "with itself"),
    ({"op": "hide", "unit": 1}, "hidden = true or false"),
])  # fmt: skip
def test_what_cannot_be_done_is_refused_with_the_reason(legend, edit, words):
    with pytest.raises(InputError, match=words):
        edited(legend, [edit])


@pytest.mark.parametrize(("count", "words"), [(0, "holds 0 of"), (20, "holds 20 of")])
def test_a_split_takes_some_and_not_all(legend, pixels, count, words):
    edit = split_of(1, pixels[1])
    edit["part"]["pixels"] = count
    with pytest.raises(InputError, match=words):
        edited(legend, [edit])


@pytest.mark.parametrize(("polygon", "words"), [
    ({"type": "Point", "coordinates": [0, 0]}, "one polygon"),
    ({"type": "Polygon"}, "no GeoJSON"),
    ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]}, "corners"),
    ({"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]}, "crosses"),
    ({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, float("nan")], [0, 0]]]}, "finite"),
])  # fmt: skip
def test_what_is_no_polygon_is_refused(polygon, words):
    with pytest.raises(InputError, match=words):
        ring_of(polygon)


def test_the_log_is_kept_beside_the_legend_as_it_was(legend):
    text = legend.to_json()
    log = EditLog().add({"op": "rename", "unit": 1, "name": "Glimmerschiefer"})
    saved = with_log(text, log)
    assert read_log(saved) == log
    assert Legend.from_json(saved) == Legend.from_json(text)
    assert edited_legend(saved).units[0].name == "Glimmerschiefer"
    assert edited_legend(text).units[0].name == "Unit 1"
    assert read_log(text) == EditLog()


def test_nothing_is_kept_of_an_edit_but_what_it_says():
    edit = {"op": "rename", "unit": 1, "name": "Marl"}
    assert EditLog().add({**edit, "junk": "y" * 10_000}).done == (edit,)


def test_damaged_edits_are_named(legend):
    facts = json.loads(legend.to_json())
    with pytest.raises(ModelError, match="damaged"):
        read_log(json.dumps({**facts, "edits": {"schema": 1}}))
    with pytest.raises(ModelError, match="update it"):
        read_log(json.dumps({**facts, "edits": {"schema": 99}}))
    wrong = with_log(legend.to_json(), EditLog(({"op": "rename", "unit": 7, "name": "x"},)))
    with pytest.raises(ModelError, match="no unit 7"):
        edited_legend(wrong)


EDITS = st.lists(st.one_of(
    st.builds(lambda u, n: {"op": "rename", "unit": u, "name": n}, st.integers(1, 3),
              st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(str.strip)),
    st.builds(lambda u, i: {"op": "merge", "units": [u], "into": i}, st.integers(1, 3),
              st.integers(1, 3)),
    st.builds(lambda u, h: {"op": "hide", "unit": u, "hidden": h}, st.integers(1, 3),
              st.booleans()),
), max_size=8)  # fmt: skip


@given(EDITS)
def test_no_pixel_is_lost_and_undo_goes_all_the_way_back(edits):
    rng = np.random.default_rng(0)
    plain = Legend.of((unit_of(n, rng.normal(n, 1, (10 * n, 2))) for n in (1, 2, 3)), BANDS)
    log, states = EditLog(), []
    for edit in edits:
        try:
            edited(plain, log.add(edit).done)
        except InputError:
            continue
        states.append(edited(plain, log.done))
        log = log.add(edit)
    state = edited(plain, log.done)
    assert sum(u.pixels for u in state.units.values()) == 60
    assert set(state.unit_of.values()) == set(state.units)
    assert read_log(with_log(plain.to_json(), log)) == log
    done = log
    while states:
        done = done.undo()
        assert edited(plain, done.done) == states.pop()
    while done.undone:
        done = done.redo()
    assert done == log
    assert replace(done) == log


def test_a_legend_that_another_process_keeps_is_left_as_it_is(legend, tmp_path, monkeypatch):
    path = tmp_path / "legend.json"
    path.write_text(legend.to_json(), "utf-8")
    monkeypatch.setattr(durable, "PATIENCE", 0.1)
    with durable.alone(path), pytest.raises(OutputError, match=r"delete legend\.json\.lock"):
        change_log(path, lambda _, log: log.add({"op": "rename", "unit": 1, "name": "x"}))
    assert read_log(path.read_text("utf-8")) == EditLog()
    change_log(path, lambda _, log: log.add({"op": "rename", "unit": 1, "name": "x"}))
    assert edited_legend(path.read_text("utf-8")).units[0].name == "x"
