"""Tables of names that are resolved only when used, so that listing them imports nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from outcrop.errors import RecipeError, unknown_name


@dataclass(frozen=True)
class Registry:
    """A frozen table from a name to where its object lives.

    Parameters
    ----------
    kind : str
        What the entries are, for messages: ``"reducer"``, ``"sensor"``.
    entries : mapping of str to str
        Name to ``"package.module:attribute"``.
    """

    kind: str
    entries: Mapping[str, str]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def load(self, name: str) -> Any:
        """Import and return the entry of that name.

        Raises
        ------
        RecipeError
            If there is no such entry; the message lists those there are.
        """
        if name not in self.entries:
            raise RecipeError(unknown_name(self.kind, name, self.entries))
        module, _, attribute = self.entries[name].partition(":")
        return getattr(import_module(module), attribute)

    def register(self, name: str, target: str, *, overwrite: bool = False) -> Registry:
        """Return a new table with one more entry.

        Raises
        ------
        RecipeError
            If the name is taken and ``overwrite`` is not set.
        """
        if name in self.entries and not overwrite:
            raise RecipeError(
                f"{self.kind} {name!r} is registered already as {self.entries[name]!r}; "
                "choose another name or pass overwrite=True"
            )
        return Registry(self.kind, {**self.entries, name: target})
