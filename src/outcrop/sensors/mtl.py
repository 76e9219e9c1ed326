"""Landsat's metadata file, MTL, in the three forms that it comes in: text, XML and JSON.

Its groups matter: a Collection 2 Level-2 product repeats the keys of the Level-1 product that it
was made from (``REFLECTANCE_MULT_BAND_1`` stands in two groups with two values).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from outcrop.errors import SceneError
from outcrop.sensors.container import Container, parse_xml

Groups = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Mtl:
    """The groups of an MTL file, and where it is for messages."""

    where: str
    groups: Groups

    def get(self, key: str, *groups: str) -> str | None:
        """Return a value from the first of the groups that has it, from any without groups."""
        for name in groups or tuple(self.groups):
            value = self.groups.get(name, {}).get(key)
            if value is not None:
                return value
        return None

    def number(self, key: str, *groups: str) -> float | None:
        """Return a value as a number.

        Raises
        ------
        SceneError
            If it is there and no number.
        """
        text = self.get(key, *groups)
        if text is None:
            return None
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise SceneError(f"{self.where}: {key} = {text} is no number; fetch the product again")
        return number


def read_mtl(container: Container, name: str) -> Mtl:
    """Read an MTL file.

    Raises
    ------
    SceneError
        If it is damaged, or something else under that name.
    """
    where = str(container.path / name)
    data = container.read_bytes(name)
    suffix = name.rsplit(".", 1)[-1].lower()
    if suffix == "xml":
        groups = _from_xml(data, where)
    else:
        try:
            text = data.decode("utf-8")
            groups = _from_json(text) if suffix == "json" else _from_text(text)
        except (UnicodeDecodeError, ValueError, AttributeError, RecursionError) as error:
            raise SceneError(
                f"{where} cannot be read as Landsat metadata ({str(error).splitlines()[0]}); "
                "fetch the product again"
            ) from None
    if not any("SPACECRAFT_ID" in group for group in groups.values()):
        raise SceneError(
            f"{where} is not Landsat metadata, or was cut off: it names no SPACECRAFT_ID; "
            "fetch the product again"
        )
    return Mtl(where, groups)


def _from_text(text: str) -> Groups:
    groups: dict[str, dict[str, str]] = {}
    stack: list[str] = []
    for line in text.splitlines():
        found = re.match(r"\s*(\w+)\s*=\s*(.*?)\s*$", line)
        if not found:
            continue
        key, value = found[1], found[2].strip('"')
        if key == "GROUP":
            stack.append(value)
        elif key == "END_GROUP":
            stack = stack[:-1]
        elif stack:
            groups.setdefault(stack[-1], {})[key] = value
    return groups


def _from_xml(data: bytes, where: str) -> Groups:
    return {
        group.tag: {item.tag: (item.text or "").strip() for item in group}
        for group in parse_xml(data, where)
    }


def _from_json(text: str) -> Groups:
    (root,) = json.loads(text).values()
    return {
        group: {key: str(value) for key, value in items.items()} for group, items in root.items()
    }
