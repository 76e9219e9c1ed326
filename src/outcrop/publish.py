"""Results appear whole or not at all: written beside their place, then renamed into it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path

from outcrop.errors import OutputError

#: The kinds of folder that Outcrop writes: what marks one, a text that its mark holds, and
#: what else may lie in it (with what a GIS leaves beside a raster) and be replaced with it.
KINDS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "run": (
        "run.toml",
        "[provenance]",
        ("units.*", "code.*", "mask.*", "confidence.*", "indices.*", "legend.json", "metrics.json",
         "model", "map.png", "report.html", "item.json"),
    ),
    "model": ("model.json", '"estimators"', ("model.safetensors",)),
    "scene": ("simulation.json", '"outcrop"', ("scene.*", "truth.*")),
}  # fmt: skip
_PARTIAL_MARK = ".outcrop-partial"


@contextmanager
def staged(out: Path, *, kind: str = "run", overwrite: bool = False) -> Iterator[Path]:
    """Give a folder to write to and rename it to ``out`` if all goes well.

    On an error or an interrupt the folder is deleted and ``out`` is as it was. With
    ``overwrite`` an existing result steps aside until the new one is in its place.

    Parameters
    ----------
    out : Path
        The folder to make.
    kind : {"run", "model", "scene"}
        What will be in it; only a folder of the same kind is replaced.
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
    out = Path(os.path.realpath(out))
    check_free(out, kind=kind, overwrite=overwrite)
    partial = out.with_name(out.name + ".partial")
    new_parents = [p for p in partial.parents if not p.exists()]
    try:
        with _claimed(partial, overwrite):
            yield partial
            (partial / _PARTIAL_MARK).unlink(missing_ok=True)
            _swap_in(partial, out)
    except OSError as error:
        raise OutputError(f"{out} cannot be written ({_reason(error)})") from error
    finally:
        for parent in new_parents:
            with suppress(OSError):  # not empty: the result is in it
                parent.rmdir()


def check_free(out: Path, *, kind: str = "run", overwrite: bool) -> None:
    """Refuse an output folder that must not be replaced, before any work is done.

    Raises
    ------
    OutputError
        As `staged`.
    """
    out = Path(os.path.realpath(out))
    try:
        inside = sorted(os.listdir(out)) if out.is_dir() else None
        exists = out.exists()
    except OSError as error:
        raise OutputError(f"{out} cannot be used ({_reason(error)}); choose another") from None
    if not exists:
        return
    if not overwrite:
        raise OutputError(f"{out} exists already; choose another folder or add --overwrite")
    if inside is None:
        raise OutputError(f"{out} is a file; choose another name for the folder")
    mark, text, others = KINDS[kind]
    if inside and not _holds(out / mark, text):
        raise OutputError(
            f"{out} was not written by Outcrop (no {mark} of its in it), so --overwrite leaves "
            "it alone; choose another folder"
        )
    strangers = [n for n in inside if n != mark and not any(fnmatch(n, p) for p in others)]
    if strangers:
        raise OutputError(
            f"{out} holds {strangers[0]!r}, which Outcrop did not write and --overwrite would "
            "delete; move it away or choose another folder"
        )


def _holds(path: Path, text: str) -> bool:
    try:
        return text in path.read_text("utf-8", errors="replace")
    except OSError:
        return False


@contextmanager
def _claimed(partial: Path, overwrite: bool) -> Iterator[None]:
    """Make the partial folder ours, and delete it in the end if it still is."""
    if os.path.lexists(partial):
        _take_over(partial, overwrite)
    claim = {"pid": os.getpid(), "host": socket.gethostname(), "id": uuid.uuid4().hex}
    partial.mkdir(parents=True)
    (partial / _PARTIAL_MARK).write_text(json.dumps(claim), "utf-8")
    try:
        yield
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _take_over(partial: Path, overwrite: bool) -> None:
    """Clear what a run left that was cut off, but never one that is being written."""
    claim = _claim(partial)
    if claim is None:
        raise OutputError(f"{partial} exists and is not from Outcrop; move it or delete it")
    pid = claim.get("pid")
    here = claim.get("host") == socket.gethostname()
    if not here or (isinstance(pid, int) and _is_alive(pid)):
        raise OutputError(
            f"{partial} is being written by another run (process {pid} on "
            f"{claim.get('host')}); wait for it, or choose another folder"
        )
    if not overwrite:
        raise OutputError(
            f"{partial} was left by a run that was cut off; add --overwrite or delete it"
        )
    shutil.rmtree(partial)


def _claim(partial: Path) -> dict[str, object] | None:
    try:
        claim = json.loads((partial / _PARTIAL_MARK).read_text("utf-8"))
        return claim if isinstance(claim, dict) else None
    except (OSError, ValueError):
        return None


def _is_alive(pid: int) -> bool:
    if os.name == "nt":  # os.kill would end the process there
        import ctypes

        kernel = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]
        handle = kernel.OpenProcess(0x1000, False, pid)
        if handle:
            kernel.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _swap_in(partial: Path, out: Path) -> None:
    if not out.exists():
        os.replace(partial, out)
        return
    aside = out.with_name(f"{out.name}.replaced-{uuid.uuid4().hex[:8]}")
    os.replace(out, aside)
    try:
        os.replace(partial, out)
    except OSError:
        os.replace(aside, out)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _reason(error: OSError) -> str:
    text = error.strerror or str(error)
    if isinstance(error, PermissionError):
        return f"{text}; is a file of it open in another program?"
    return f"{text}; is the disk full?" if "space" in text.lower() else text
