"""What a scene of several files, or a map of several scenes, is called."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

#: What a mosaic's name is joined by.
AND = " + "


def joint_name(paths: Sequence[str]) -> str:
    """Name a scene of several files: by what their names begin with, or by their folder.

    ``zion/landsat_b2.tif`` and ``zion/landsat_b3.tif`` are ``zion/landsat_*``, ``zion/B2.tif`` and
    ``zion/B3.tif`` are ``zion/*``. Whole words count: ``red.tif`` and ``rededge.tif`` have none in
    common.
    """
    if len(paths) == 1:
        return paths[0]
    words = zip(*(re.split(r"([\W_]+)", Path(path).stem) for path in paths), strict=False)
    common = "".join(word for word, *_ in takewhile(lambda w: len(set(w)) == 1, words))
    folder = os.path.dirname(paths[0]) or ("" if common else str(Path.cwd()))
    return os.path.join(folder, f"{common}*")


def scene_title(name: str) -> str:
    """Return what to call a map of a scene: the name of its file without folder and suffix.

    Of several scenes it is the first one's, and how many more there are.
    """
    first, *more = name.split(AND)
    path = Path(first)
    title = path.stem
    if path.name.endswith("*"):
        title = path.name.rstrip("* ._-") or path.parent.name
    return title + (f" and {len(more)} more" if more else "")


def short_name(name: str) -> str:
    """Return the name of a scene or of several without the folders that they lie in."""
    return AND.join(_short(part) for part in name.split(AND))


def without_folders(text: str, name: str) -> str:
    """Call the scenes in a text by their short names: whose disk they lie on is nobody's business.

    Parameters
    ----------
    text : str
    name : str
        Of all of them.
    """
    for part in filter(None, name.split(AND)):
        text = text.replace(part, _short(part))
    return text


def _short(name: str) -> str:
    path = Path(name)
    return f"{path.parent.name}/*" if path.name == "*" else path.name or name
