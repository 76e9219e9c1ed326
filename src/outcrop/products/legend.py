"""The legend: what each unit is called, how it is drawn, how large it is and how it reflects."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from outcrop.errors import ModelError
from outcrop.products.interpretation import FIELDS, Interpretation
from outcrop.sensors.base import Band

__all__ = ["Legend", "Unit", "with_confidence"]

#: Version of the file's layout.
SCHEMA = 1
#: Key of a unit's ``extra``: mean confidence of its pixels in percent.
MEAN_CONFIDENCE = "mean_confidence"
#: Fields of a unit that its entry in the file holds unpacked.
_NESTED = ("geology", "extra")


@dataclass(frozen=True)
class Unit:
    """One spectral unit.

    Parameters
    ----------
    number : int
        1-254, its value in ``units.tif``.
    name : str
        What it is called until a geologist names it: ``"Unit 3"``.
    colour : str
        ``"#rrggbb"``.
    pixels : int
        How many pixels it has.
    area : float or None
        Square metres; None without a CRS.
    share : float
        Its part of the mapped pixels, 0-1.
    mean, sd : tuple of float
        Mean and standard deviation by band, in the quantity of the bands; ``sd`` may be empty.
    extra : mapping
        Whatever else its entry in the file holds; kept as it is.
    geology : Interpretation
        What a geologist makes of it; its fields stand beside the others in the file.
    """

    number: int
    name: str
    colour: str
    pixels: int
    area: float | None
    share: float
    mean: tuple[float, ...]
    sd: tuple[float, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    geology: Interpretation = field(default_factory=Interpretation)

    @property
    def label(self) -> str:
        """The name and, where a geologist gave them, lithology and age."""
        terms = [str(t) for t in (self.geology.lithology, self.geology.age) if t]
        return f"{self.name} ({', '.join(terms)})" if terms else self.name


@dataclass(frozen=True)
class Legend:
    """The units of a map, in the order of their numbers, and the bands of their spectra.

    Parameters
    ----------
    units : tuple of Unit
    bands : tuple of Band
        In the order of the spectra.
    """

    units: tuple[Unit, ...]
    bands: tuple[Band, ...]

    @classmethod
    def of(cls, units: Iterable[Unit], bands: Iterable[Band]) -> Legend:
        """Make a legend of units in any order."""
        return cls(tuple(sorted(units, key=lambda u: u.number)), tuple(bands))

    def __repr__(self) -> str:
        """Return a line for each unit, as a prompt shows it."""
        from outcrop.products.notebook import legend_lines

        head = f"{len(self.units)} units, mean {self.quantity} of {len(self.bands)} bands"
        return "\n".join([head, *legend_lines(self)])

    def _repr_html_(self) -> str:
        from outcrop.products.notebook import legend_table

        return legend_table(self)

    @property
    def quantity(self) -> str:
        """What the spectra are in; ``"mixed"`` where bands differ."""
        quantities = {band.quantity for band in self.bands}
        return quantities.pop() if len(quantities) == 1 else "mixed"

    @property
    def area_unit(self) -> Literal["m2", "pixel"]:
        """``"m2"`` where every unit has an area, else ``"pixel"``."""
        known = bool(self.units) and all(unit.area is not None for unit in self.units)
        return "m2" if known else "pixel"

    @property
    def mapped_pixels(self) -> int:
        """Pixels of all units together."""
        return sum(unit.pixels for unit in self.units)

    def to_json(self) -> str:
        """Return the text of ``legend.json``."""
        facts = {
            "schema": SCHEMA,
            "quantity": self.quantity,
            "area_unit": self.area_unit,
            "bands": [asdict(band) for band in self.bands],
            "units": [_entry(unit) for unit in self.units],
        }
        return json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Legend:
        """Read the text of ``legend.json``.

        Raises
        ------
        ModelError
            If it is no legend, damaged, or of a newer schema.
        """
        try:
            facts = json.loads(text)
            schema = facts["schema"]
            if schema > SCHEMA:
                from outcrop import __version__

                raise ModelError(
                    f"the legend has schema {schema}; Outcrop {__version__} reads up to schema "
                    f"{SCHEMA}: update it"
                )
            bands = [_known(Band, entry)[0] for entry in facts["bands"]]
            return cls.of((_unit(entry, len(bands)) for entry in facts["units"]), bands)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, ModelError):
                raise
            raise ModelError(
                f"the legend is damaged ({error!r}); give a legend.json that Outcrop wrote"
            ) from None


def with_confidence(legend: Legend, means: Mapping[str, float]) -> Legend:
    """Return a legend whose units know their mean confidence; ``means`` by number, as text."""
    return replace(
        legend,
        units=tuple(
            replace(u, extra={**u.extra, MEAN_CONFIDENCE: means[str(u.number)]})
            if str(u.number) in means
            else u
            for u in legend.units
        ),
    )


def _entry(unit: Unit) -> dict[str, Any]:
    """Return a unit as JSON has it: what was added to it beside its own fields."""
    entry = {f.name: getattr(unit, f.name) for f in fields(unit) if f.name not in _NESTED}
    for key in ("mean", "sd"):
        entry[key] = [float(v) if math.isfinite(v) else None for v in entry[key]]
    return {**unit.extra, **entry, **unit.geology.to_dict()}


def _unit(entry: dict[str, Any], bands: int) -> Unit:
    """Return a unit from its entry, checked as far as other code relies on it."""
    unit, extra = _known(Unit, entry)
    geology = Interpretation.from_entry(extra)
    extra = {key: value for key, value in extra.items() if key not in FIELDS}
    spectra = {
        key: tuple(math.nan if v is None else float(v) for v in getattr(unit, key))
        for key in ("mean", "sd")
    }
    if len(spectra["mean"]) != bands or len(spectra["sd"]) not in (0, bands):
        raise ValueError(f"unit {unit.number} has not one mean and deviation for each band")
    if not 1 <= unit.number <= 254:
        raise ValueError(f"unit number {unit.number} is not in 1-254")
    int(unit.colour.removeprefix("#"), 16)
    if len(unit.colour) != 7 or unit.colour[0] != "#":
        raise ValueError(f"colour {unit.colour!r} is not #rrggbb")
    values = {f.name: getattr(unit, f.name) for f in fields(unit)}
    return Unit(**{**values, **spectra, "geology": geology, "extra": extra})


def _known(kind: Any, entry: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Make a record of the keys it knows; return it and the others."""
    names = {f.name for f in fields(kind)} - set(_NESTED)
    known = {key: value for key, value in entry.items() if key in names}
    return kind(**known), {k: v for k, v in entry.items() if k not in names}
