"""The entry point: what goes wrong becomes one line, and an exit code that scripts can use."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from outcrop.interrupts import careful_interrupts


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns 0, 2 after a user's mistake, 130 after Ctrl-C."""
    # A scheduler's way to stop a run, SIGTERM, leaves as little behind as Ctrl-C does.
    try:
        with careful_interrupts(signal.SIGTERM, again=_end_at_once):
            return _run(argv)
    except KeyboardInterrupt as error:  # before the command began, or after its end
        return _stopped(error)


def _run(argv: Sequence[str] | None) -> int:
    import typer

    from outcrop.cli import app
    from outcrop.errors import OutcropError, Stopped

    # Typer's own copy of click or the package, depending on its version.
    usage_error: Any = typer.BadParameter.__bases__[0]
    click_error: Any = usage_error.__bases__[0]

    try:
        code = app(args=None if argv is None else list(argv), prog_name="outcrop",
                   standalone_mode=False)  # fmt: skip
    except usage_error as error:
        where = error.ctx.command_path if error.ctx else "outcrop"
        return _fail(f"{error.format_message()} (see: {where} --help)")
    except click_error as error:
        return _fail(error.format_message())
    except OutcropError as error:
        return _fail("; ".join([str(error), *_notes(error)]))
    except (KeyboardInterrupt, typer.Abort, Stopped) as error:
        return _stopped(error)
    except MemoryError as error:
        way_out = "not enough memory; fit on fewer pixels with --sample, or cut with --aoi"
        return _fail("; ".join([way_out, *_notes(error)]))
    return code if isinstance(code, int) else 0


def _stopped(error: BaseException) -> int:
    left = [*map(str, error.args), *_notes(error)] or ["nothing was left behind"]
    print("; ".join(["outcrop: stopped", *left]), file=sys.stderr)
    return 130


def _end_at_once() -> None:
    """End at the second Ctrl-C, without waiting for blocks in work; a terminal gets its cursor."""
    cursor = "\x1b[?25h" if sys.stderr.isatty() else ""
    said = (
        "outcrop: stopped at once; what was being written stays in OUT.partial: the same command "
        "with --resume goes on from there, with --overwrite begins anew"
    )
    os.write(sys.stderr.fileno(), f"{cursor}{said}\n".encode())
    os._exit(130)


def _notes(error: BaseException) -> list[str]:
    """Return what was added to an error on its way, such as what can be resumed."""
    return list(getattr(error, "__notes__", ()))


def _fail(message: str) -> int:
    print("outcrop: error: " + " ".join(message.split()), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
