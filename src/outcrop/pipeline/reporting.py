"""Showing what is being done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Progress = Callable[[int, int], None]


class Reporter(Protocol):
    """Shows what is being done; returns a function to call with blocks done and of all."""

    def __call__(self, stage: str, /) -> Progress | None: ...  # noqa: D102


def silent(_stage: str) -> None:
    """Report nothing."""
