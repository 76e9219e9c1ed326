"""A geologist's changes to a legend: a list of edits over a result that stays as it was mapped.

``legend.json`` keeps the units as mapped and, under ``edits``, what was done to them and what was
undone. Everything here is a pure function of the two; `edited_legend` is what ``--like`` sees.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.durable import alone, replace_text
from outcrop.errors import InputError, ModelError, OutputError, unknown_name
from outcrop.products.interpretation import FIELDS, Interpretation
from outcrop.products.legend import Legend, Unit

#: Key of ``legend.json`` that holds the edits, and the version of their layout.
KEY = "edits"
SCHEMA = 1
#: Limits that no hand reaches, so that a file cannot be filled by a script.
MOST_EDITS, MOST_POINTS = 10_000, 5_000
LONGEST = {"name": 200, "notes": 20_000}
#: What no text may hold: control characters but for tabs and new lines, which XML has no place
#: for, and halves of surrogate pairs, which no file can be written with.
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

Edit = Mapping[str, Any]


@dataclass(frozen=True)
class Split:
    """Pixels of some labels inside a polygon that became a unit of their own.

    Parameters
    ----------
    labels : tuple of int
        Labels, as stored or as earlier splits left them, that the polygon cuts.
    ring : tuple of (float, float)
        Outer ring, in the map's CRS, or (column, row) without one.
    number : int
        What pixels inside become.
    """

    labels: tuple[int, ...]
    ring: tuple[tuple[float, float], ...]
    number: int


@dataclass(frozen=True)
class Edited:
    """What edits make of a map.

    Parameters
    ----------
    units : mapping of int to Unit
        By number; shares are those of `legend`.
    unit_of : mapping of int to int
        The unit of each label after the splits; a hidden unit's labels keep its number.
    splits : tuple of Split
        In the order in which they are cut.
    hidden : frozenset of int
        Units that are left out of the map.
    bands : tuple of Band
    """

    units: Mapping[int, Unit]
    unit_of: Mapping[int, int]
    bands: tuple[Any, ...]
    splits: tuple[Split, ...] = ()
    hidden: frozenset[int] = field(default_factory=frozenset)

    @property
    def legend(self) -> Legend:
        """The units that are drawn, with the shares that they have of the map now."""
        shown = [u for n, u in self.units.items() if n not in self.hidden]
        total = max(sum(u.pixels for u in shown), 1)
        return Legend.of((replace(u, share=u.pixels / total) for u in shown), self.bands)

    def table(self) -> NDArray[np.uint8]:
        """Return what each label after the splits is drawn as, shape (256,); 0 = nothing."""
        table = np.zeros(256, np.uint8)
        for label, unit in self.unit_of.items():
            table[label] = 0 if unit in self.hidden else unit
        return table

    def labels_of(self, unit: int) -> tuple[int, ...]:
        """Return the labels that a unit is made of."""
        return tuple(sorted(label for label, owner in self.unit_of.items() if owner == unit))


def edited(legend: Legend, edits: Sequence[Edit]) -> Edited:
    """Apply edits to a legend, in their order.

    Raises
    ------
    InputError
        If one names a unit that is not there, or what it may not; the message says which.
    """
    state = Edited(
        {u.number: u for u in legend.units}, {u.number: u.number for u in legend.units},
        legend.bands,
    )  # fmt: skip
    for edit in edits:
        state = apply(state, edit)
    return state


def apply(state: Edited, edit: Edit) -> Edited:
    """Apply one edit; raises as `edited`."""
    op = str(edit.get("op"))
    if op not in OPERATIONS:
        raise InputError(unknown_name("edit", op, OPERATIONS))
    return OPERATIONS[op](state, edit)


def _rename(state: Edited, edit: Edit) -> Edited:
    name = _text(edit, "name").strip()
    if not name:
        raise InputError("a unit's name cannot be empty")
    return _with(state, replace(_unit(state, edit["unit"]), name=name))


def _describe(state: Edited, edit: Edit) -> Edited:
    unit = _unit(state, edit["unit"])
    given = {k: v for k, v in edit.items() if k in FIELDS}
    for key in ("notes", "confidence"):
        if key in given:
            given[key] = _text(edit, key)
    try:
        # An order that is taken away is null.
        geology = Interpretation.from_entry({**unit.geology.to_dict(), **given})
    except ValueError as error:
        raise InputError(f"unit {unit.number}: {error}") from None
    for key, term in (("lithology", geology.lithology), ("age", geology.age)):
        for part in ("label", "id"):
            _text({key: getattr(term, part)}, key)
    if geology.order is not None and not 1 <= geology.order <= MOST_EDITS:
        raise InputError(f"order {geology.order} is not in 1-{MOST_EDITS}, 1 being the youngest")
    return _with(state, replace(unit, geology=geology))


def _recolour(state: Edited, edit: Edit) -> Edited:
    return _with(state, replace(_unit(state, edit["unit"]), colour=_colour(edit.get("colour"))))


def _merge(state: Edited, edit: Edit) -> Edited:
    into = _unit(state, edit["into"])
    others = [_unit(state, n) for n in dict.fromkeys(edit["units"]) if n != into.number]
    if not others:
        raise InputError(f"unit {into.number} cannot be merged with itself; choose another")
    gone = {u.number for u in others}
    merged = _pooled(into, [(into, 1), *((u, 1) for u in others)])
    units = {n: u for n, u in state.units.items() if n not in gone} | {into.number: merged}
    owner = {label: into.number if u in gone else u for label, u in state.unit_of.items()}
    hidden = state.hidden - gone
    return replace(state, units=units, unit_of=owner, hidden=hidden)


def _split(state: Edited, edit: Edit) -> Edited:
    whole, number = _unit(state, edit["unit"]), edit["new"]
    if number in state.unit_of or not 1 <= number <= 254:
        raise InputError(f"unit {number} exists already, or is not in 1-254")
    facts = edit["part"]
    part = replace(
        whole, number=number, name=_text(edit, "name"), colour=_colour(edit.get("colour")),
        pixels=int(facts["pixels"]), area=facts["area"], mean=_spectrum(facts["mean"], whole.mean),
        sd=_spectrum(facts["sd"], whole.sd), extra={}, geology=Interpretation(),
    )  # fmt: skip
    if not 0 < part.pixels < whole.pixels:
        raise InputError(
            f"the polygon holds {part.pixels} of the {whole.pixels} pixels of unit {whole.number}; "
            "draw it around some of them, but not around all"
        )
    rest = _pooled(whole, [(whole, 1), (part, -1)])
    split = Split(state.labels_of(whole.number), ring_of(edit["polygon"]), number)
    return replace(
        state, units={**state.units, whole.number: rest, number: part},
        unit_of={**state.unit_of, number: number}, splits=(*state.splits, split),
    )  # fmt: skip


def _hide(state: Edited, edit: Edit) -> Edited:
    unit = _unit(state, edit["unit"]).number
    if not isinstance(edit.get("hidden"), bool):
        raise InputError("hide needs hidden = true or false")
    hidden = state.hidden | {unit} if edit["hidden"] else state.hidden - {unit}
    if len(hidden) == len(state.units):
        raise InputError("the last unit of the map cannot be hidden")
    return replace(state, hidden=hidden)


OPERATIONS: Mapping[str, Callable[[Edited, Edit], Edited]] = {
    "rename": _rename,
    "describe": _describe,
    "recolour": _recolour,
    "merge": _merge,
    "split": _split,
    "hide": _hide,
}
#: What each edit says beside ``op``; nothing else is kept of it.
KEYS: Mapping[str, tuple[str, ...]] = {
    "rename": ("unit", "name"),
    "describe": ("unit", *FIELDS),
    "recolour": ("unit", "colour"),
    "merge": ("units", "into"),
    "split": ("unit", "new", "name", "colour", "polygon", "part"),
    "hide": ("unit", "hidden"),
}


def new_number(state: Edited) -> int:
    """Return the number of a unit that is split off: above all that ever were.

    Raises
    ------
    InputError
        If the map holds 254 already.
    """
    number = max(state.unit_of, default=0) + 1
    if number > 254:
        raise InputError("a map holds 254 units and no more; undo a split first")
    return number


def ring_of(polygon: Any) -> tuple[tuple[float, float], ...]:
    """Return the outer ring of a GeoJSON polygon.

    Raises
    ------
    InputError
        If it is none, is too long, or crosses itself.
    """
    import shapely

    try:
        if polygon["type"] != "Polygon":
            raise InputError(f"a {polygon['type']} was given; draw one polygon")
        if len(polygon["coordinates"]) != 1:
            raise InputError("a polygon with holes was given; draw it without")
        ring = tuple((float(x), float(y)) for x, y in polygon["coordinates"][0])
    except (KeyError, TypeError, ValueError, LookupError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"the polygon is no GeoJSON ({error!r})") from None
    if not 4 <= len(ring) <= MOST_POINTS or not all(math.isfinite(v) for p in ring for v in p):
        raise InputError(f"a polygon has 3 to {MOST_POINTS - 1} corners, all finite")
    if ring[0] != ring[-1] or not shapely.Polygon(ring).is_valid:
        raise InputError("the polygon crosses itself or is not closed; draw it anew")
    return ring


def _unit(state: Edited, number: Any) -> Unit:
    # True is 1 to Python, and no number of a unit.
    if type(number) is not int or number not in state.units:
        raise InputError(f"there is no unit {number!r}; it was merged away or never was")
    return state.units[number]


def _with(state: Edited, unit: Unit) -> Edited:
    return replace(state, units={**state.units, unit.number: unit})


def _text(edit: Edit, key: str) -> str:
    value, most = edit.get(key), LONGEST.get(key, LONGEST["name"])
    if not isinstance(value, str) or len(value) > most:
        raise InputError(f"{key} must be a text of at most {most} letters")
    if bad := _UNWRITABLE.search(value):
        raise InputError(f"{key} holds the character {bad[0]!a}, which no file can; take it out")
    return value


def _colour(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise InputError(f"colour {value!r} is not #rrggbb")
    return value.lower()


def _spectrum(values: Any, parent: tuple[float, ...]) -> tuple[float, ...]:
    """Return a spectrum, or the parent's where it could not be measured."""
    return parent if values is None else tuple(float(v) for v in values)


def _pooled(like: Unit, parts: Sequence[tuple[Unit, int]]) -> Unit:
    """Add units up, or take them away (-1): pixels, areas, means and deviations.

    The means are of pixels, so that the sums behind them add up exactly.
    """
    pixels = sum(sign * u.pixels for u, sign in parts)
    areas = [None if u.area is None else sign * u.area for u, sign in parts]
    known = [a for a in areas if a is not None]
    facts: dict[str, Any] = {
        "pixels": pixels,
        "area": float(sum(known)) if len(known) == len(areas) else None,
        # Means of indices and what others added were of the pixels as they were.
        "extra": {},
    }
    counted = [(u, sign * u.pixels) for u, sign in parts if u.pixels]
    if pixels > 0:
        total = sum(n * np.array(u.mean) for u, n in counted)
        mean = total / pixels
        facts["mean"] = tuple(np.asarray(mean, float).tolist())
        if all(u.sd for u, _ in counted):
            square = sum(n * (np.array(u.sd) ** 2 + np.array(u.mean) ** 2) for u, n in counted)
            spread = np.sqrt(np.maximum(square / pixels - mean**2, 0))
            facts["sd"] = tuple(spread.tolist())
        else:
            facts["sd"] = ()
    return replace(like, **facts)


@dataclass(frozen=True)
class EditLog:
    """What was done to a legend, and what was undone and can be done again.

    Parameters
    ----------
    done, undone : tuple of edits
        In the order in which they were done; the last of ``undone`` is the next to redo.
    """

    done: tuple[Edit, ...] = ()
    undone: tuple[Edit, ...] = ()

    def add(self, edit: Edit) -> EditLog:
        """Add an edit; what was undone is forgotten."""
        if len(self.done) >= MOST_EDITS:
            raise InputError(f"the legend has {MOST_EDITS} edits, and no more are kept")
        kept = ("op", *KEYS.get(str(edit.get("op")), ()))
        return EditLog((*self.done, {k: edit[k] for k in kept if k in edit}))

    def undo(self) -> EditLog:
        """Take the last edit back, if there is one."""
        return EditLog(self.done[:-1], (*self.undone, *self.done[-1:])) if self.done else self

    def redo(self) -> EditLog:
        """Do again what was taken back last, if anything was."""
        return EditLog((*self.done, *self.undone[-1:]), self.undone[:-1]) if self.undone else self


def read_log(text: str) -> EditLog:
    """Read the edits in the text of a ``legend.json``; none where there are none.

    Raises
    ------
    ModelError
        If they are damaged or of a newer layout.
    """
    try:
        facts = json.loads(text).get(KEY)
        if facts is None:
            return EditLog()
        if facts["schema"] > SCHEMA:
            raise ModelError(
                f"the legend's edits have layout {facts['schema']}, and this version of Outcrop "
                f"reads {SCHEMA}: update it"
            )
        done, undone = (tuple(dict(e) for e in facts[key]) for key in ("done", "undone"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"the edits in the legend are damaged ({error!r}); take the key {KEY!r} out of "
            "legend.json to have the map as it was"
        ) from None
    return EditLog(done, undone)


def with_log(text: str, log: EditLog) -> str:
    """Return the text of a ``legend.json`` with other edits, and all else as it was."""
    facts = json.loads(text)
    facts[KEY] = {"schema": SCHEMA, "done": list(log.done), "undone": list(log.undone)}
    return json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def change_log(path: Path, step: Callable[[Legend, EditLog], EditLog]) -> None:
    """Change the edits in a ``legend.json``, whole or not at all, and alone among processes.

    Parameters
    ----------
    path : Path
    step : callable
        ``step(legend, log)`` returns the new log, or raises.

    Raises
    ------
    InputError
        If the new edits cannot be applied; nothing is written then.
    OutputError
        If another process keeps the file to itself.
    OSError
        If it cannot be read or written.
    """
    try:
        with alone(path):
            text = path.read_text("utf-8")
            legend, log = Legend.from_json(text), read_log(text)
            new = step(legend, log)
            edited(legend, new.done)
            replace_text(path, with_log(text, new))
    except FileExistsError:
        raise OutputError(
            f"{path} is being changed by another process, so the change is not saved; try again, "
            f"and if no workbench and no script has the run open, delete {path.name}.lock"
        ) from None


def edited_legend(text: str) -> Legend:
    """Read the text of a ``legend.json`` and apply its edits.

    Raises
    ------
    ModelError
        If legend or edits are damaged.
    """
    legend, log = Legend.from_json(text), read_log(text)
    try:
        return edited(legend, log.done).legend
    except (InputError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"the edits in the legend cannot be applied: {error}") from None
