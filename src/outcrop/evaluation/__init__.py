"""How well a map of units agrees with a reference map."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from outcrop.errors import ReferenceMapError
from outcrop.evaluation.grid import MapGrid, Reference, open_map, tally
from outcrop.evaluation.reference import Ignored, doubts, open_reference
from outcrop.evaluation.scores import Label, score_labels, score_table, table_of

__all__ = ["Evaluation", "evaluate", "score_labels"]


@dataclass(frozen=True)
class Evaluation:
    """Scores of a map against a reference; see `outcrop.evaluation.scores.score_table`.

    Parameters
    ----------
    n : int
        Labelled pixels of the reference on the map's grid.
    coverage : float
        Share of them that the map gives a unit.
    overall_accuracy, balanced_accuracy : float
        Under the best one-to-one matching of units with classes.
    purity : float
        With every unit given its commonest class (many to one).
    kappa, nmi, ami, ari : float
        ``kappa`` is NaN where it is 0/0.
    assignment : dict of int to int or str
        Unit to class.
    confusion : dict
        ``classes``, ``units``, ``counts`` (classes x units) and ``unmapped`` (per class).
    notes : tuple of str
        What was assumed or done to bring the two onto one grid.
    """

    n: int
    coverage: float
    overall_accuracy: float
    balanced_accuracy: float
    purity: float
    kappa: float
    nmi: float
    ami: float
    ari: float
    assignment: dict[int, Label]
    confusion: dict[str, Any]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return the scores and what they say, the matching and the notes for people to read."""
        lines = [
            f"{name:18} {_number(getattr(self, key)):>9}  {says}"
            for key, (name, says) in _SCORES.items()
        ]
        lines += ["", "unit -> class, one to one, so that the most pixels agree"]
        lines += [f"{unit:>4} -> {label}" for unit, label in sorted(self.assignment.items())]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold: keys are text, and NaN is None."""
        facts = asdict(self)
        facts["assignment"] = {str(unit): label for unit, label in self.assignment.items()}
        facts["notes"] = list(self.notes)
        for key, value in facts.items():
            if isinstance(value, float) and math.isnan(value):
                facts[key] = None
        return facts


def evaluate(
    map_path: str | Path,
    reference_path: str | Path,
    *,
    field: str | None = None,
    layer: str | None = None,
    ignore: Sequence[Ignored] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Compare a map of units with a reference map, a strip of rows at a time.

    Parameters
    ----------
    map_path : str or Path
        Raster of units, 0 = not mapped (or its nodata tag, if that is another); or the
        folder that holds ``units.tif``.
    reference_path : str or Path
        Raster of classes, brought to the map's grid by nearest neighbour where it has
        another; every value is a class but its nodata tag and NaN. Or polygons, drawn on
        the map's grid by pixel centres.
    field, layer : str, optional
        For polygons: the field that holds the class (text or whole numbers), and the layer.
    ignore : sequence of int, float or str, optional
        Values that mean "no label", in place of the nodata tag.
    progress : callable, optional
        Called with (windows done, windows in all).

    Returns
    -------
    Evaluation

    Raises
    ------
    InputError
        If the map cannot be read.
    ReferenceMapError
        If the reference cannot be read, does not overlap the map or labels none of it.
    """
    grid = open_map(map_path)
    with grid.dataset:
        reference = open_reference(reference_path, grid, field=field, layer=layer, ignore=ignore)
        try:
            table = table_of(_cells(grid, reference, progress))
            if table.n == 0:
                raise _nothing(reference_path, grid, reference.overlaps())
        finally:
            reference.close()
    notes = reference.notes
    if ignore is None and field is None:
        sizes = table.counts.sum(axis=1) + table.unmapped
        notes = (*notes, *doubts(table.classes, sizes))
    return Evaluation(**score_table(table), notes=notes)


#: The scores, what they are called and what they say.
_SCORES = {
    "n": ("pixels", "of the reference that lie on the map and have a class"),
    "coverage": ("coverage", "share of them that has a unit; the rest counts as wrong below"),
    "overall_accuracy": ("overall accuracy", "share that is right, each unit being one class"),
    "balanced_accuracy": ("balanced accuracy", "the same by class, small ones counting alike"),
    "purity": ("purity", "share that is right, if several units may be one class"),
    "kappa": ("kappa", "overall accuracy above chance: 0 is chance, 1 all right"),
    "nmi": ("NMI", "what the units tell of the classes, unmatched: 0 nothing, 1 all"),
    "ami": ("AMI", "the same above chance: compare maps of any number of units by it"),
    "ari": ("ARI", "pairs of pixels that both keep together or apart, above chance"),
}


def _number(value: float) -> str:
    """Return a count whole and a score with four digits."""
    if isinstance(value, int):
        return str(value)
    return "undefined" if math.isnan(value) else f"{value:.4f}"


def _cells(
    grid: MapGrid, reference: Reference, progress: Callable[[int, int], None] | None
) -> Iterator[tuple[Label, int | None, int]]:
    """Count every window by (class, unit)."""
    windows = grid.windows()
    for done, window in enumerate(windows, start=1):
        truth, labelled = reference.read(window)
        if labelled.any():
            units, mapped = grid.read(window)
            for value, unit, pixels in tally(truth, labelled, units, mapped):
                yield reference.name(value), unit, pixels
        if progress is not None:
            progress(done, len(windows))


def _nothing(path: str | Path, grid: MapGrid, overlaps: bool) -> ReferenceMapError:
    """Word why no pixel is labelled."""
    if overlaps:
        return ReferenceMapError(
            f"reference {str(path)!r} labels no pixel of the map; check its nodata tag, --ignore "
            "and --field"
        )
    west, south, east, north = grid.dataset.bounds
    return ReferenceMapError(
        f"reference {str(path)!r} does not overlap the map, which spans {west:g} to {east:g} and "
        f"{south:g} to {north:g} in {grid.crs or 'pixels'}; check the CRS of both"
    )
