"""Times of acquisition, as people and STAC write them."""

from __future__ import annotations

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
