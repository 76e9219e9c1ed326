"""The report's section on accuracy: filled in when the map has met a reference."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outcrop.durable import replace_text
from outcrop.errors import OutputError
from outcrop.products.legend import Legend
from outcrop.products.pages import page_template

BEGIN, END = "<!-- accuracy -->", "<!-- end of accuracy -->"
#: Classes and units up to which the whole table of counts is shown.
MOST = 25
_SCORES = (
    ("overall_accuracy", "Overall accuracy, a unit to a class"),
    ("balanced_accuracy", "Balanced accuracy, a unit to a class"),
    ("purity", "Accuracy with several units to a class"),
    ("kappa", "Kappa"),
    ("nmi", "Normalised mutual information"),
    ("ami", "Adjusted mutual information"),
    ("ari", "Adjusted Rand index"),
)


def add_accuracy(folder: Path, scores: Mapping[str, Any], reference: str) -> None:
    """Write ``accuracy.json``, and its section into ``report.html``.

    Parameters
    ----------
    folder : Path
        Of a run. The section of an earlier reference is replaced.
    scores : mapping
        As `outcrop.evaluation.Evaluation.to_dict` returns it.
    reference : str
        What the map was compared with.

    Raises
    ------
    OutputError
        If there is no report with a place for it, or it cannot be written.
    """
    page = folder / "report.html"
    try:
        text = page.read_text("utf-8")
        legend = Legend.from_json((folder / "legend.json").read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(
            f"{folder} has no report and legend to add accuracy to ({error}); give the folder of "
            "a run"
        ) from None
    facts = {"reference": reference, **scores}
    section = _section(facts, legend)
    filled, places = re.subn(
        f"{BEGIN}.*?{END}", lambda _: f"{BEGIN}\n{section}\n{END}", text, count=1, flags=re.DOTALL
    )
    if not places:
        raise OutputError(f"{page} has no place for accuracy: it is of another version of Outcrop")
    try:
        replace_text(folder / "accuracy.json", json.dumps(facts, indent=1) + "\n")
        replace_text(page, filled)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written to ({error.strerror or error}); make it writable, or copy "
            "the run and evaluate the copy"
        ) from None


def _section(facts: Mapping[str, Any], legend: Legend) -> str:
    template = page_template("accuracy.html.j2")
    confusion = facts["confusion"]
    labels = {u.number: u.label for u in legend.units}
    units, classes = confusion["units"], confusion["classes"]
    small = len(units) <= MOST and len(classes) <= MOST
    return template.render(
        facts=facts,
        scores=[(name, "undefined" if facts[key] is None else f"{facts[key]:.3f}")
                for key, name in _SCORES],
        assignment=[(u, labels.get(int(u), u), c) for u, c in facts["assignment"].items()],
        table=[(c, [f"{n:,}" for n in row], f"{missed:,}")
               for c, row, missed in zip(classes, confusion["counts"], confusion["unmapped"],
                                         strict=True)] if small else [],
        units=units,
    )  # fmt: skip
