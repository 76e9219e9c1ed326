"""Results appear whole or not at all: written beside their place, then renamed into it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from outcrop.errors import OutputError

#: A folder with one of these was written by Outcrop and may be replaced by it.
MARKS = ("run.toml", "model.json", "simulation.json")
_PARTIAL_MARK = ".outcrop-partial"


@contextmanager
def staged(out: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a folder to write to and rename it to ``out`` if all goes well.

    On an error or an interrupt the folder is deleted and ``out`` is as it was. With
    ``overwrite`` an existing result steps aside until the new one is in its place.

    Parameters
    ----------
    out : Path
        The folder to make.
    overwrite : bool
        Whether a result that Outcrop wrote there earlier may be replaced.

    Yields
    ------
    Path
        ``OUT.partial``, empty.

    Raises
    ------
    OutputError
        If ``out`` exists and may not be replaced, or its place cannot be written to.
    """
    out = Path(os.path.abspath(out))
    check_free(out, overwrite=overwrite)
    partial = out.with_name(out.name + ".partial")
    _make(partial, overwrite)
    try:
        yield partial
        (partial / _PARTIAL_MARK).unlink(missing_ok=True)
        _swap_in(partial, out)
    except OSError as error:
        raise OutputError(
            f"{out} cannot be written ({_reason(error)}); free some space or choose another folder"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check_free(out: Path, *, overwrite: bool) -> None:
    """Refuse an output folder that must not be replaced, before any work is done.

    Raises
    ------
    OutputError
        As `staged`.
    """
    if not out.exists():
        return
    if not overwrite:
        raise OutputError(f"{out} exists already; choose another folder or add --overwrite")
    if out.is_file() or (any(out.iterdir()) and not any((out / m).is_file() for m in MARKS)):
        raise OutputError(
            f"{out} was not written by Outcrop (no {' or '.join(MARKS)} in it), so --overwrite "
            "leaves it alone; choose another folder"
        )


def _make(partial: Path, overwrite: bool) -> None:
    if partial.exists():
        ours = (partial / _PARTIAL_MARK).is_file() or not any(partial.iterdir())
        if not (overwrite and ours):
            raise OutputError(
                f"{partial} exists: another run is writing it, or one was cut off; if none is "
                + ("running, add --overwrite or delete it" if ours else "running, delete it")
            )
        shutil.rmtree(partial)
    try:
        partial.mkdir(parents=True)
        (partial / _PARTIAL_MARK).touch()
    except OSError as error:
        raise OutputError(f"{partial} cannot be made ({_reason(error)})") from None


def _swap_in(partial: Path, out: Path) -> None:
    if not out.exists():
        os.replace(partial, out)
        return
    aside = out.with_name(out.name + ".replaced")
    shutil.rmtree(aside, ignore_errors=True)
    os.replace(out, aside)
    try:
        os.replace(partial, out)
    except OSError:
        os.replace(aside, out)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
