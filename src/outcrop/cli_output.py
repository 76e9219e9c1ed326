"""What the command line shows: notes, progress, and the end of a run."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from outcrop.result import Result


def show(result: Result, quiet: bool) -> None:
    """Say what came of a run, and where it lies."""
    if quiet:
        return
    shares = ", ".join(f"{u.name} {u.share:.1%}" for u in result.legend.units)
    typer.echo(f"{result.metrics['units']} units: {shares}")
    typer.echo(f"map    {result.folder / 'units.tif'}")
    typer.echo(f"report {result.folder / 'report.html'}")


def index_lines(found: list[dict[str, str]]) -> list[str]:
    """Say what each index is, and what it is made of or why it cannot be."""
    lines = []
    for index in found:
        lines.append(f"{index['name']:20} {index['title']}: {index['formula']}")
        of = (index["missing"] and f"not here: {index['missing']}") or index["bands"]
        caution = f"but {index['caution']}" if index["caution"] else ""
        lines += [f"{'':20} {text}" for text in (of, caution, index["source"]) if text]
    return lines


def log_to_stderr(quiet: bool, verbose: bool) -> None:
    """Send notes to stderr, a line each."""
    level = logging.ERROR if quiet else logging.DEBUG if verbose else logging.WARNING
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("outcrop: note: %(message)s"))
    logger = logging.getLogger("outcrop")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(level)


class Bars:
    """A bar for each stage, on a terminal; nothing elsewhere."""

    def __init__(self, quiet: bool) -> None:
        self._bar: Any = None
        if not quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress, SpinnerColumn, TimeElapsedColumn

            self._bar = Progress(
                SpinnerColumn(), *Progress.get_default_columns(), TimeElapsedColumn(),
                console=Console(stderr=True), transient=True,
            )  # fmt: skip
        self._task: Any = None

    def __enter__(self) -> Bars:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, stage: str) -> Any:
        """Begin a stage; return what to tell of its progress."""
        if not self._bar:
            return None
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(stage, total=None)
        return lambda done, total: self._bar.update(self._task, completed=done, total=total)
