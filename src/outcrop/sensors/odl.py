"""The Object Description Language of NASA's HDF-EOS metadata: ``OBJECT = X … VALUE = Y``.

Source: HDF-EOS metadata by the ECS toolkit; ASTER User Handbook, version 2 (Abrams and Hook, 2002),
chapter on metadata.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from outcrop.errors import SceneError

Values = tuple[str, ...]

_ITEM = re.compile(
    r"^[ \t]*(OBJECT|VALUE)[ \t]*=[ \t]*"
    r"(\((?:[^()\"]|\"[^\"]*\")*\)|\"[^\"]*\"|[^\s]+)",
    re.MULTILINE | re.IGNORECASE,
)
_PART = re.compile(r"\"([^\"]*)\"|([^\s,()\"]+)")


@dataclass(frozen=True)
class Odl:
    """The values of a text by the name of their object, in upper case and in order.

    A name may come more than once: each gain is a GAIN.
    """

    where: str
    values: Mapping[str, tuple[Values, ...]]

    def all(self, name: str) -> tuple[Values, ...]:
        """Return every value of that name."""
        return self.values.get(name.upper(), ())

    def get(self, name: str) -> str | None:
        """Return the first value of that name, or None."""
        found = self.all(name)
        return found[0][0] if found and found[0] else None

    def numbers(self, name: str, count: int) -> tuple[float, ...] | None:
        """Return the first value of that name as so many numbers, or None if it is not there.

        Raises
        ------
        SceneError
            If it is there and something else.
        """
        found = self.all(name)
        if not found:
            return None
        try:
            numbers = tuple(float(v) for v in found[0])
        except ValueError:
            numbers = ()
        if len(numbers) != count or not all(math.isfinite(n) for n in numbers):
            raise SceneError(
                f"{self.where}: {name} = {', '.join(found[0])[:60]}, where {count} number"
                f"{'s are' if count > 1 else ' is'} expected; fetch the product again"
            )
        return numbers


def parse_odl(text: str, where: str) -> Odl:
    """Read the values of a text; what is no value is passed over."""
    found: dict[str, list[Values]] = {}
    name = ""
    for item in _ITEM.finditer(text):
        kind, value = item[1].upper(), item[2]
        if kind == "OBJECT":
            name = value.upper()
        elif name:
            parts = tuple((a or b).strip() for a, b in _PART.findall(value))
            found.setdefault(name, []).append(parts)
    return Odl(where, {k: tuple(v) for k, v in found.items()})
