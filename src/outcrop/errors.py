"""The errors that a user can cause: each names the value, the rule and the way out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

#: Names that a message lists before it says only how many there are.
MOST_NAMES = 40


class OutcropError(Exception):
    """Base of every error that Outcrop raises on purpose.

    The command line prints it as one line and exits with 2; anything else that escapes is a bug.
    """


class InputError(OutcropError, ValueError):
    """An argument, a file or a combination of them cannot be used."""


class SceneError(InputError):
    """A scene cannot be opened or read, or holds nothing to map."""


class EmptyError(SceneError):
    """A scene can be read and has no pixel with data in every band."""


class RecipeError(InputError):
    """A recipe, or an option that overrides it, is not valid."""


class ModelError(InputError):
    """A saved model is missing, damaged, too new, or made for other bands."""


class ReferenceMapError(InputError):
    """A reference map cannot be read or does not fit the map."""


class OutputError(OutcropError):
    """A result cannot be written where it was asked for."""


class Stopped(Exception):
    """A command was stopped by Ctrl-C or a signal; its text says what is kept.

    No mistake of the user's, so no `OutcropError`; and no KeyboardInterrupt, of which Typer keeps
    an exit code alone.
    """


class ClusterError(OutcropError):
    """A Dask cluster cannot be reached, was lost, or does not fit this run."""


#: Where a setting comes from that was typed as an option, or given to a function.
OPTIONS, ARGUMENTS = "options", "arguments"


def setting(origin: str, key: str, value: object = None) -> str:
    """Name a setting in a message as the user knows it.

    Parameters
    ----------
    origin : str
        The recipe or its file; or `OPTIONS` or `ARGUMENTS`.
    key : str
        The key of the recipe, such as ``"run.seed"``.
    value : optional
        What it is.

    Returns
    -------
    str
        ``my.toml: run.seed = -1``, ``--seed -1`` or ``seed = -1``.
    """
    name = "features" if key == "features.use" else key.rpartition(".")[2]
    if origin == OPTIONS:
        named, sign = "--" + name.replace("_", "-"), " "
    else:
        named, sign = name if origin == ARGUMENTS else f"{origin}: {key}", " = "
    return named if value is None else f"{named}{sign}{value}"


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Word the message for a name that a table does not hold.

    Parameters
    ----------
    kind : str
        What the name should be, such as ``"sensor"``.
    name : str
        The name given.
    known : iterable of str
        The names that exist.

    Returns
    -------
    str
        A sentence with the nearest known name, if one is near, and all of them.
    """
    names = sorted(known)
    near = get_close_matches(name.lower(), [n.lower() for n in names], n=1, cutoff=0.6)
    hint = ""
    if near:
        hint = f" (did you mean {next(n for n in names if n.lower() == near[0])!r}?)"
    shown = names if len(names) <= MOST_NAMES else [*names[:MOST_NAMES], f"{len(names)} in all"]
    return f"unknown {kind} {name!r}{hint}; known: {', '.join(shown) or 'none'}"


def listed(names: Sequence[str], most: int = 8) -> str:
    """Join names for a message: all of a few, or the first, the last and how many more."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{names[0]} to {names[-1]} ({len(names)})"
