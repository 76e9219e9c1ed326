"""Times of acquisition, as people and STAC write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time

from outcrop.errors import RecipeError

_RULE = (
    "it must be a time (2020-01-14T17:11:31Z), a day (2020-01-14), or two of them joined by a "
    "slash, the earlier first"
)


def parse_timespan(text: str) -> tuple[datetime, datetime]:
    """Return start and end in UTC; one moment is both.

    Parameters
    ----------
    text : str
        A time or a day as in ISO 8601, or two of them joined by ``/``. A time without a zone
        is in UTC; a day lasts until its last second.

    Raises
    ------
    RecipeError
        If it is none of these.
    """
    parts = text.split("/")
    try:
        spans = [_span(part.strip()) for part in parts]
    except ValueError:
        spans = []
    if not 1 <= len(spans) <= 2 or spans[0][0] > spans[-1][1]:
        raise RecipeError(f"datetime {text!r}: {_RULE}")
    return spans[0][0], spans[-1][1]


def told(*texts: object) -> str:
    """Return a product's times as `parse_timespan` takes them; empty where they are none.

    Parameters
    ----------
    *texts : object
        A time, or start and end, of which one may be None or empty; digits of a second beyond the
        sixth are dropped. What is no time is not told: metadata are not worth failing for.
    """
    cut = [re.sub(r"(\.\d{6})\d+", r"\1", str(text or "").strip()) for text in texts]
    span = "/".join(dict.fromkeys(filter(None, cut)))
    try:
        parse_timespan(span)
    except RecipeError:
        return ""
    return span


def joined(spans: Iterable[str]) -> str | None:
    """Return from the first start to the last end of times; None if there are none."""
    moments = [moment for span in spans for moment in parse_timespan(span)]
    if not moments:
        return None
    start, end = to_text(min(moments)), to_text(max(moments))
    return start if start == end else f"{start}/{end}"


def _span(text: str) -> tuple[datetime, datetime]:
    if len(text) <= len("2020-01-14"):
        day = date.fromisoformat(text)
        return (
            datetime.combine(day, time.min, UTC),
            datetime.combine(day, time(23, 59, 59), UTC),
        )
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment, moment


def to_text(moment: datetime) -> str:
    """Write a time in UTC as RFC 3339 does."""
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds").replace(
        "+00:00", "Z"
    )
