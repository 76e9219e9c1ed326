"""How a comparison is carried out, and what can't be meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from outcrop.comparison.cells import NUMBERS
from outcrop.comparison.contenders import Contender
from outcrop.comparison.design import DESIGNS
from outcrop.errors import InputError


@dataclass(frozen=True)
class Settings:
    """How a comparison is carried out.

    Parameters
    ----------
    seeds : int
        For each contender, but for those that get fewer.
    workers : int
        Processes, of one thread each; 0: one a core.
    boundary : int
        Pixels that boundaries may be off.
    stability : bool
        Whether every recipe is fitted once more to a bootstrapped sample.
    resample : {"auto", "polygons", "blocks"}
        What intervals are made of; see `outcrop.comparison.groups.group`.
    design : {"random", "stratified"}, optional
        Of the sample that the reference is; without it no areas are estimated.
    strata : str, optional
        The map that a stratified sample was drawn by.
    code_size : int
        Of the reducers that are compared with all else the same.
    numbers : tuple of str
        Of units; see `outcrop.comparison.cells.numbers_of`.
    """

    seeds: int = 5
    workers: int = 0
    boundary: int = 2
    stability: bool = True
    resample: str = "auto"
    design: str | None = None
    strata: str | None = None
    code_size: int = 2
    numbers: tuple[str, ...] = NUMBERS


def check(settings: Settings, contenders: Sequence[Contender]) -> None:
    """Refuse what can't be meant, before anything is done."""
    from outcrop.errors import unknown_name

    for name, least in (("seeds", 1), ("workers", 0), ("boundary", 0)):
        value = getattr(settings, name)
        if value < least:
            raise InputError(f"--{name} {value} must be {least} or more")
    if not contenders:
        raise InputError("there is nothing to compare; name recipes with --recipes")
    ways = ("auto", "polygons", "blocks")
    if settings.resample not in ways:
        raise InputError("--resample: " + unknown_name("way", settings.resample, ways))
    if settings.design not in (None, *DESIGNS):
        raise InputError("--design: " + unknown_name("design", settings.design, DESIGNS))
    if (settings.design == "stratified") != (settings.strata is not None):
        raise InputError(
            "--design stratified and --strata MAP go together: the map says how much ground each "
            "point stands for"
        )
