"""What a geologist makes of a unit; empty until a person fills it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Term:
    """A term of a vocabulary.

    Parameters
    ----------
    id : str
        Its URI, such as ``http://resource.geosciml.org/classifier/cgi/lithology/granite``
        (CGI Simple Lithology) or
        ``http://resource.geosciml.org/classifier/ics/ischart/Devonian``; or empty.
    label : str
        What it is called: ``"granite"``.
    """

    id: str = ""
    label: str = ""

    def __bool__(self) -> bool:
        return bool(self.id or self.label)

    def __str__(self) -> str:
        return self.label or self.id


@dataclass(frozen=True)
class Interpretation:
    """A unit in a geologist's words.

    Parameters
    ----------
    lithology, age : Term
        Of the vocabularies of the Commission for the Management and Application of
        Geoscience Information (CGI) and the International Commission on Stratigraphy.
    order : int or None
        Place in the stratigraphic column, 1 the youngest.
    confidence : str
        How sure the geologist is, in words: ``"high"``.
    notes : str
    """

    lithology: Term = Term()
    age: Term = Term()
    order: int | None = None
    confidence: str = ""
    notes: str = ""

    def __bool__(self) -> bool:
        return self != Interpretation()

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as ``legend.json`` has them in a unit's entry."""
        return asdict(self)

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any]) -> Interpretation:
        """Read the fields from a unit's entry; those that are missing or null are empty.

        Raises
        ------
        ValueError
            Naming the field and what it must be.
        """
        given = {key: entry[key] for key in FIELDS if entry.get(key) is not None}
        for key in ("lithology", "age"):
            if key in given:
                given[key] = _term(key, given[key])
        for key in ("confidence", "notes"):
            if not isinstance(given.get(key, ""), str):
                raise ValueError(f"{key} {given[key]!r} is not a text")
        order = given.get("order", 0)
        if not isinstance(order, int) or isinstance(order, bool):
            raise ValueError(f"order {order!r} is not a whole number")
        return cls(**given)


FIELDS = tuple(f.name for f in fields(Interpretation))


def _term(key: str, value: Any) -> Term:
    if isinstance(value, str):
        return Term(label=value)
    if not isinstance(value, Mapping) or not set(value) <= {"id", "label"}:
        raise ValueError(f"{key} {value!r} is not {{id, label}}")
    term = Term(**{k: v for k, v in value.items() if v is not None})
    if not isinstance(term.label, str) or not isinstance(term.id, str):
        raise ValueError(f"{key} {value!r} has an id or a label that is not a text")
    if term.id and not term.id.startswith(("http://", "https://")):
        raise ValueError(f"{key} has the id {term.id!r}, which is not the URI of a term")
    return term
