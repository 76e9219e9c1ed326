"""The law of a scene: what its ground is made of and how it is seen, in one TOML file."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from outcrop.errors import InputError, unknown_name
from outcrop.simulate.spectra import ABSORBERS, LITHOLOGIES, Lithology

LAYOUTS = ("folded", "province", "map")
COATS = ("varnish", "iron", "clay", "salt")


@dataclass(frozen=True)
class UnitLaw:
    """What a unit is made of and how it varies.

    Parameters
    ----------
    name : str
        As a legend would have it.
    rock : str
        The lithology of `outcrop.simulate.LITHOLOGIES` that it starts from.
    level, slope, hardness : float, optional
        In place of the lithology's own.
    minerals : mapping of str to float
        Depths in place of, or besides, the lithology's own; 0 takes one away.
    second : mapping, optional
        A second mode: ``share`` of the unit's ground, and ``level``, ``slope``, ``minerals`` that
        differ there.
    coats : mapping of str to (mean, spread)
        Cover of each coating, 0-1, and its spread in logits.
    albedo : float
        Standard deviation of the logarithm of the rock's own brightness.
    spread : float
        Standard deviation of the minerals' amounts, relative to the mean; a fifth of it is that of
        the continuum's slope.
    labelled : bool
        Whether a geologist has mapped it.
    """

    name: str
    rock: str
    level: float | None = None
    slope: float | None = None
    hardness: float | None = None
    minerals: Mapping[str, float] = field(default_factory=dict)
    second: Mapping[str, Any] | None = None
    coats: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    albedo: float = 0.12
    spread: float = 0.4
    labelled: bool = True

    def lithology(self) -> Lithology:
        """Return the first mode."""
        base = LITHOLOGIES[self.rock]
        depths = {n: d for n, d in {**base.depths, **self.minerals}.items() if d}
        given = {n: getattr(self, n) for n in ("level", "slope", "hardness")}
        changes: dict[str, Any] = {n: float(v) for n, v in given.items() if v is not None}
        return dataclasses.replace(base, name=self.name, depths=depths, **changes)

    def modes(self) -> list[Lithology]:
        """Return one lithology, or two of a bimodal unit."""
        first = self.lithology()
        if self.second is None:
            return [first]
        changes: dict[str, Any] = {
            n: float(self.second[n]) for n in ("level", "slope") if n in self.second
        }
        depths = {**first.depths, **self.second.get("minerals", {})}
        return [first, dataclasses.replace(first, depths=depths, **changes)]

    @property
    def second_share(self) -> float:
        """Share of the second mode."""
        return 0.0 if self.second is None else float(self.second.get("share", 0.5))


@dataclass(frozen=True)
class Law:
    """All that a scene follows from, besides the random numbers.

    Parameters
    ----------
    name, half, sensor : str
        ``half`` is ``development`` or ``test``.
    seed : int
        Fixes the layout and the relief; with the number of the realisation, the rest.
    units : tuple of UnitLaw
        In a folded layout the intrusion and the alluvium come last.
    layout : str
        ``folded``, ``province``, or ``map``, a window of a real geological map.
    window : tuple of int, optional
        Of the map: row, column and pixels of the map in one of the scene.
    shape : tuple of int
        Rows and columns.
    pixel_size : float
        Metres.
    dem : tuple of int
        Row and column of the real elevation model.
    relief_m, roughness_m : float
        Height between the 2nd and the 98th percentile; deviation of what the elevation model is
        too coarse for, before it is scaled.
    sun : tuple of float
        Elevation and azimuth in degrees.
    vegetation : float
        Mean cover.
    dust : tuple of float
        Mean cover of dust over all units, and its spread in logits.
    glare : float
        Standard deviation of the logarithm of a brightness that has nothing to do with the units.
    grain, haze, stripes : float
        As in `fine_grain`, `light.haze` and `detector.detect`.
    dead : int
        Dead detectors of each band.
    labelled : float
        Share of the mapped units' ground that has labels, in polygons away from contacts; 1 labels
        all.
    note : str
        What the scene is for.
    """

    name: str
    half: str
    sensor: str
    seed: int
    units: tuple[UnitLaw, ...]
    layout: str = "folded"
    window: tuple[int, int, int] | None = None
    shape: tuple[int, int] = (220, 220)
    pixel_size: float = 30.0
    dem: tuple[int, int] = (0, 0)
    relief_m: float = 250.0
    roughness_m: float = 6.0
    sun: tuple[float, float] = (50.0, 45.0)
    vegetation: float = 0.08
    dust: tuple[float, float] = (0.1, 0.6)
    glare: float = 0.08
    grain: float = 0.006
    haze: float = 0.0
    stripes: float = 0.0
    dead: int = 0
    labelled: float = 1.0
    note: str = ""

    def __post_init__(self) -> None:
        """Check what a scene could not be made from."""
        if self.layout not in LAYOUTS:
            raise InputError(unknown_name("layout", self.layout, LAYOUTS))
        if len(self.units) < 2:
            raise InputError(f"scene {self.name} has {len(self.units)} units; it needs 2 or more")
        if not 0 < self.labelled <= 1:
            raise InputError(
                f"labelled must be a share of more than 0 and at most 1, got {self.labelled!r}"
            )
        for unit in self.units:
            _check_unit(unit)


def _check_unit(unit: UnitLaw) -> None:
    minerals = {**unit.minerals, **(unit.second or {}).get("minerals", {})}
    for kind, names, known in (
        ("lithology", (unit.rock,), LITHOLOGIES),
        ("mineral", minerals, ABSORBERS),
        ("coating", unit.coats, COATS),
    ):
        for name in names:
            if name not in known:
                raise InputError(f"unit {unit.name}: {unknown_name(kind, name, known)}")


def read_law(path: str | PathLike[str]) -> Law:
    """Read the law of a scene.

    Parameters
    ----------
    path : path
        TOML with the fields of `Law`, and a table ``[[units]]`` with those of `UnitLaw` for each
        unit. The file's name is the scene's.

    Returns
    -------
    Law

    Raises
    ------
    InputError
        If the file is missing, is not TOML, or has a field that no law has.
    """
    try:
        text = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise InputError(f"scene {str(path)!r} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"scene {str(path)!r} is not TOML: {error}") from error
    units = tuple(_record(UnitLaw, unit, path) for unit in text.pop("units", []))
    law: Law = _record(Law, {"name": Path(path).stem, "units": units, **text}, path)
    return law


def _record(kind: Any, values: Mapping[str, Any], path: object) -> Any:
    known = [f.name for f in dataclasses.fields(kind)]
    for name in values:
        if name not in known:
            raise InputError(f"scene {str(path)!r}: {unknown_name('field', name, known)}")
    needed = [
        f.name
        for f in dataclasses.fields(kind)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    missing = [name for name in needed if name not in values]
    if missing:
        raise InputError(f"scene {str(path)!r} does not say {', '.join(missing)}; add it")
    return kind(**{n: tuple(v) if isinstance(v, list) else v for n, v in values.items()})
