"""What a run has finished, so that it can go on after a power cut: ``OUT.partial/state.json``.

The file says what the run was asked for and of what, and which of its blocks lie on the disk. It
is replaced as a whole, and only after the parts that it speaks of have been written through, so
that it never promises what isn't there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from outcrop.config import Recipe
from outcrop.durable import replace_text, sync_tree
from outcrop.engine import versions
from outcrop.errors import InputError
from outcrop.publish import STATE
from outcrop.rasters import RasterSource
from outcrop.source import Source, file_paths, leaves

FORMAT = 2
#: Seconds between two writings of the state: what was finished since is done again.
EVERY = 1.0
#: Pieces of an input that are looked at, evenly spread, and their bytes.
PIECES, PIECE = 16, 2**16
#: Settings that change the speed and never the map, nor how it is cut.
FREE = ("run.threads",)


def request(
    source: Source, recipe: Recipe, extra: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what a run is asked for and of what, as JSON holds it.

    Parameters
    ----------
    source : Source
    recipe : Recipe
        As asked, before anything is fitted.
    extra : mapping, optional
        What else decides over the map, such as the hash of a model.
    """
    settings = {k: v for k, v in _flat(dataclasses.asdict(recipe)).items() if k not in FREE}
    settings |= {"grid.shape": list(source.grid.shape), "grid.crs": str(source.grid.crs)}
    settings |= dict(extra or {})
    settings = json.loads(json.dumps(settings))
    text = json.dumps(settings, sort_keys=True)
    named = [p for p in (recipe.input.aoi, recipe.run.like) if p]
    return {
        "format": FORMAT,
        "versions": versions(),
        "recipe_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "settings": settings,
        "inputs": [fingerprint(path) for path in (*file_paths(source), *named)],
    }


def fingerprint(name: str | Path) -> dict[str, Any]:
    """Return path, size, time of change and a hash of pieces of an input.

    Of a member of an archive, those of the archive. The time alone would miss what was written
    within its resolution, or by a copy that keeps times (``cp -p``, ``rsync -t``).
    """
    text, path = Path(name).as_posix(), Path(name)
    inner = re.search(r"/vsi(?:zip|tar|gzip)/\{(.+?)\}", text)
    file = Path(inner[1]) if inner else path
    if not file.is_file():  # on another machine, or in an object store
        return {"path": str(name)}
    facts = file.stat()
    return {
        "path": text if inner else str(path.absolute()),
        "bytes": facts.st_size,
        "mtime_ns": facts.st_mtime_ns,
        "pieces_sha256": _hash_of_pieces(file, facts.st_size),
    }


def _hash_of_pieces(file: Path, size: int) -> str:
    """Hash pieces of a file, the first and the last among them; all of a small one."""
    found = hashlib.sha256()
    with file.open("rb") as stream:
        for i in range(PIECES):
            stream.seek(max(size - PIECE, 0) * i // (PIECES - 1))
            found.update(stream.read(PIECE))
    return found.hexdigest()


def is_resumable(source: Source) -> bool:
    """Tell whether a scene is read from files, which alone can be recognised again."""
    return all(
        isinstance(leaf, RasterSource)
        or getattr(leaf, "base", None) is not None
        or getattr(leaf, "sources", ())
        for leaf in leaves(source)
    )


@dataclass
class Journal:
    """The state of a run; see the module.

    Parameters
    ----------
    folder : Path
        ``OUT.partial``.
    asked : dict
        See `request`.
    fitted : dict or None
        What the fit left besides the model: the facts of it; None before the fit.
    finished : set of int
        Blocks whose parts are on the disk.
    """

    folder: Path
    asked: dict[str, Any]
    fitted: dict[str, Any] | None = None
    finished: set[int] = field(default_factory=set)
    _saved: float = 0.0

    @classmethod
    def open(cls, folder: Path, asked: dict[str, Any]) -> Journal:
        """Take up the state in a folder, if there is one, or begin anew.

        Raises
        ------
        InputError
            If the state is of another run: other scenes, settings or versions.
        """
        try:
            state = json.loads((folder / STATE).read_text("utf-8"))
        except FileNotFoundError:
            return cls(folder, asked)
        except (OSError, ValueError) as error:
            raise InputError(
                f"{folder / STATE} cannot be read ({error}), so the run cannot be resumed; "
                "begin anew with --overwrite"
            ) from None
        if difference := _difference(state, asked):
            raise InputError(
                f"{folder} cannot be resumed: {difference}; run it as it was begun, or begin "
                "anew with --overwrite"
            )
        return cls(folder, asked, state["fitted"], set(_numbers(state["finished"])))

    def begin(self, fitted: dict[str, Any], model: Path) -> None:
        """Note that the model is fitted, once its folder is on the disk."""
        sync_tree(model)
        self.fitted = fitted
        self.save()

    def add(self, index: int) -> None:
        """Note a block whose part is on the disk."""
        self.finished.add(index)
        if time.monotonic() - self._saved > EVERY:
            self.save()

    def save(self) -> None:
        """Replace the file."""
        state = {**self.asked, "fitted": self.fitted, "finished": _spans(self.finished)}
        replace_text(self.folder / STATE, json.dumps(state, indent=1) + "\n")
        self._saved = time.monotonic()

    def forget(self) -> None:
        """Remove the file: what is in the folder is not to be resumed."""
        (self.folder / STATE).unlink(missing_ok=True)


def _difference(state: Mapping[str, Any], asked: Mapping[str, Any]) -> str | None:
    """Say in what a state is not of this run."""
    if state.get("format") != FORMAT:
        return f"its format is {state.get('format')}, and this version reads {FORMAT}"
    for name, now in asked["versions"].items():
        if (then := state["versions"].get(name)) != now:
            return f"it was begun with {name} {then}, and this is {now}"
    if text := _other_inputs(state["inputs"], asked["inputs"]):
        return text
    if state["recipe_sha256"] == asked["recipe_sha256"]:
        return None
    old, new = state["settings"], asked["settings"]
    changed = [
        f"{key} was {old.get(key)!r} and is {new.get(key)!r}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
    return "the recipe differs: " + ", ".join(changed[:3])


def _other_inputs(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> str | None:
    then, now = [i["path"] for i in old], [i["path"] for i in new]
    if then != now:
        gone = [p for p in then if p not in now] or then
        come = [p for p in now if p not in then] or now
        return f"the inputs differ: it was begun with {', '.join(gone[:3])}, now {come[0]}"
    for one, other in zip(old, new, strict=True):
        if one != other:
            sizes = f"{one.get('bytes')} bytes then, {other.get('bytes')} now"
            same = one.get("bytes") == other.get("bytes")
            return f"{one['path']} has changed ({'written to since' if same else sizes})"
    return None


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested tables as one with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= _flat(value, name + ".")
        else:
            flat[name] = value
    return flat


def _spans(numbers: Iterable[int]) -> list[list[int]]:
    """Return numbers as first and last of each run of consecutive ones."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return spans


def _numbers(spans: Iterable[Sequence[int]]) -> Iterator[int]:
    for first, last in spans:
        yield from range(first, last + 1)
