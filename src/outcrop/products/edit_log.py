"""What was done to a legend and what was undone, as ``legend.json`` keeps it.

The file holds the units as mapped and, under ``edits``, both lists; `edited_legend` is what
``--like`` sees.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from outcrop.durable import alone, replace_text
from outcrop.errors import InputError, ModelError, OutputError
from outcrop.products.edits import KEYS, MOST_EDITS, Edit, edited
from outcrop.products.legend import Legend

#: Key of ``legend.json`` that holds the edits, and the version of their layout.
KEY = "edits"
SCHEMA = 1


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
