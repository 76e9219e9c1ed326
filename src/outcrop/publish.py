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

from outcrop import durable
from outcrop.errors import OutputError
from outcrop.interrupts import uncut

#: The kinds of folder that Outcrop writes: what marks one, a text that its mark holds, and
#: what else may lie in it (with what a GIS leaves beside a raster) and be replaced with it.
KINDS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "run": (
        "run.toml",
        "[provenance]",
        ("units.*", "code.*", "mask.*", "confidence.*", "indices.*", "image.*", "legend.json*",
         "metrics.json", "model", "map.png", "report.html", "item.json", "accuracy.json"),
    ),
    "model": ("model.json", '"estimators"', ("model.safetensors",)),
    "scene": ("simulation.json", '"outcrop"', ("scene.*", "truth.*")),
    "comparison": (
        "comparison.json",
        '"outcrop comparison"',
        ("cells", "maps", "references", "scenes", "work", "cells.*", "classes.*", "ranking.*",
         "areas.*", "report.html"),
    ),
}  # fmt: skip
_PARTIAL_MARK = ".outcrop-partial"
#: What a run keeps of itself in its partial folder to go on from; see `outcrop.resuming`.
STATE = "state.json"
PARTS = "parts"


@contextmanager
def staged(
    out: Path, *, kind: str = "run", overwrite: bool = False, resume: bool = False
) -> Iterator[Path]:
    """Give a folder to write to and rename it to ``out`` if all goes well.

    On an error or an interrupt ``out`` is as it was. The folder is deleted then, unless it
    holds finished blocks or cells (`STATE` says so): those are kept for ``resume``, and a note
    on the exception says where. With ``overwrite`` an existing result steps aside until the
    new one is in its place.

    Parameters
    ----------
    out : Path
        The folder to make.
    kind : str
        Of `KINDS`: what will be in it; only a folder of the same kind is replaced.
    overwrite : bool
        Whether a result that Outcrop wrote there earlier may be replaced.
    resume : bool
        Whether to take over what a run left that was cut off.

    Yields
    ------
    Path
        ``OUT.partial``, empty unless it is resumed.

    Raises
    ------
    OutputError
        If ``out`` is no empty folder and may not be replaced, its place cannot be written to, or
        another run writes there.
    """
    out = Path(os.path.realpath(out))
    check_free(out, kind=kind, overwrite=overwrite)
    partial = out.with_name(out.name + ".partial")
    new_parents = [p for p in partial.parents if not p.exists()]
    try:
        with _claimed(partial, overwrite, resume):
            yield partial
            _publish(partial, out)
    except OSError as error:
        failure = OutputError(f"{out} cannot be written ({_reason(error)})")
        for note in getattr(error, "__notes__", ()):
            failure.add_note(note)
        raise failure from error
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
    if not exists or inside == []:
        return
    if not overwrite:
        raise OutputError(f"{out} exists already; choose another folder or add --overwrite")
    if inside is None:
        raise OutputError(f"{out} is a file; choose another name for the folder")
    mark, text, others = KINDS[kind]
    if not _holds(out / mark, text):
        raise OutputError(
            f"{out} was not written by Outcrop (no {mark} of its in it), so --overwrite leaves "
            "it alone; choose another folder"
        )
    known = (mark, STATE, PARTS, _PARTIAL_MARK, *others)
    strangers = [n for n in inside if not any(fnmatch(n, p) for p in known)]
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
def _claimed(partial: Path, overwrite: bool, resume: bool) -> Iterator[None]:
    """Make the partial folder ours; in the end delete it, or leave it to be resumed."""
    claim = {"pid": os.getpid(), "born": _born(os.getpid()), "host": socket.gethostname()}
    mark = json.dumps({**claim, "id": uuid.uuid4().hex})
    if not (os.path.lexists(partial) and _take_over(partial, overwrite, resume)):
        partial.mkdir(parents=True)
    try:
        durable.replace_text(partial / _PARTIAL_MARK, mark)
        yield
    except BaseException as error:
        if not partial.exists():
            error.add_note(f"the result is whole, in {partial.with_suffix('')}")
            raise
        done, what = _finished(partial)
        if done:
            with suppress(OSError):
                durable.replace_text(partial / _PARTIAL_MARK, json.dumps({"pid": None}))
            error.add_note(
                f"{done} finished {what}{' is' if done == 1 else 's are'} kept in {partial}: "
                "the same command with --resume goes on from there, with --overwrite begins anew"
            )
            raise
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _finished(partial: Path) -> tuple[int, str]:
    """Count what a run can go on from, and say what it is: blocks, unless the state knows."""
    try:
        state = json.loads((partial / STATE).read_text("utf-8"))
        return sum(last - first + 1 for first, last in state["finished"]), state.get("of", "block")
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return 0, "block"


def _take_over(partial: Path, overwrite: bool, resume: bool) -> bool:
    """Claim or clear what a run left that was cut off, but never one that is being written.

    Returns
    -------
    bool
        Whether the folder is there, to be resumed.
    """
    claim = _claim(partial)
    if claim is None:
        raise OutputError(f"{partial} exists and is not from Outcrop; move it or delete it")
    if _is_claimed(claim):
        raise OutputError(
            f"{partial} is being written by another run (process {claim.get('pid')} on "
            f"{claim.get('host')}); wait for it, or choose another folder. If that run is dead, "
            "delete the folder"
        )
    if not (overwrite or resume):
        raise OutputError(
            f"{partial} was left by a run that was cut off; add --resume to go on with it, add "
            "--overwrite to begin anew, or delete it"
        )
    # Of two that want the folder, one can rename the mark.
    taken = partial / f"{_PARTIAL_MARK}-{uuid.uuid4().hex}"
    try:
        os.replace(partial / _PARTIAL_MARK, taken)
    except FileNotFoundError:
        raise OutputError(f"{partial} was just taken over by another run; wait for it") from None
    if resume and (partial / STATE).is_file():
        taken.unlink()
        return True
    shutil.rmtree(partial)
    return False


def _is_claimed(claim: Mapping[str, object]) -> bool:
    """Tell whether a run may be alive: on another host one can't know."""
    pid = claim.get("pid")
    if not isinstance(pid, int):
        return False
    if claim.get("host") != socket.gethostname():
        return True
    # After a power cut the number can be another process's.
    return _is_alive(pid) and claim.get("born") in (None, _born(pid))


def _born(pid: int) -> str | None:
    """Return what tells a process from others that had its number, where Linux says it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        # The name, in brackets, may hold spaces; the start is field 22 of the whole.
        facts = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace").rpartition(")")[2]
        return f"{boot}:{facts.split()[19]}"
    except (OSError, IndexError):
        return None


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


@uncut
def _publish(partial: Path, out: Path) -> None:
    _swap_in(partial, out)
    _tidy(out)


def _tidy(out: Path) -> None:
    """Remove what only a partial folder needs: last, since a swap that failed can be resumed."""
    shutil.rmtree(out / PARTS, ignore_errors=True)
    for name in (STATE, _PARTIAL_MARK):
        (out / name).unlink(missing_ok=True)


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
