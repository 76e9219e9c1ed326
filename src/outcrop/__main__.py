"""The entry point: what goes wrong becomes one line, and an exit code that scripts can use."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns 0, 2 after a user's mistake, 130 after Ctrl-C."""
    import typer

    from outcrop.cli import app
    from outcrop.errors import OutcropError, Stopped

    # A scheduler's way to stop a run leaves as little behind as Ctrl-C does.
    with suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGTERM, signal.default_int_handler)
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
        left = [*map(str, error.args), *_notes(error)] or ["nothing was left behind"]
        print("; ".join(["outcrop: stopped", *left]), file=sys.stderr)
        return 130
    except MemoryError as error:
        way_out = "not enough memory; fit on fewer pixels with --sample, or cut with --aoi"
        return _fail("; ".join([way_out, *_notes(error)]))
    return code if isinstance(code, int) else 0


def _notes(error: BaseException) -> list[str]:
    """Return what was added to an error on its way, such as what can be resumed."""
    return list(getattr(error, "__notes__", ()))


def _fail(message: str) -> int:
    print("outcrop: error: " + " ".join(message.split()), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
