"""What a search asks for, and whether an item fits: place, time, season, cloud and sun."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from outcrop.errors import InputError
from outcrop.stac.bands import number
from outcrop.stac.document import Document
from outcrop.timespan import parse_timespan

#: Items that a search looks at before it gives up.
MOST_ITEMS = 5000


@dataclass(frozen=True)
class Query:
    """What is searched for.

    Parameters
    ----------
    bbox : tuple of float, optional
        West, south, east and north, in degrees; west is greater where it crosses 180°.
    span : tuple of datetime, optional
        First and last moment.
    collections : tuple of str
    months : frozenset of int
        Of the season, 1-12; empty for all.
    cloud : float, optional
        Most cloud cover, in per cent.
    sun : float, optional
        Lowest elevation of the sun, in degrees.
    limit : int
        Stop after so many that fit.
    """

    bbox: tuple[float, ...] | None = None
    span: tuple[datetime, datetime] | None = None
    collections: tuple[str, ...] = ()
    months: frozenset[int] = frozenset()
    cloud: float | None = None
    sun: float | None = None
    limit: int = 20


def parse_query(
    bbox: str | None, span: str | None, collections: str | None, months: str | None,
    cloud: float | None, sun: float | None, limit: int,
) -> Query:  # fmt: skip
    """Read a query as the command line gives it.

    Raises
    ------
    InputError
        If a part of it is none; the message names the rule.
    """
    if cloud is not None and not 0 <= cloud <= 100:
        raise InputError(f"--cloud {cloud:g}: must be from 0 to 100 per cent")
    if sun is not None and not -90 <= sun <= 90:
        raise InputError(f"--sun {sun:g}: must be an elevation from -90 to 90 degrees")
    if not 1 <= limit <= MOST_ITEMS:
        raise InputError(f"--limit {limit}: must be from 1 to {MOST_ITEMS}")
    return Query(
        bbox=None if bbox is None else _bbox(bbox),
        span=None if span is None else parse_timespan(span),
        collections=tuple(c.strip() for c in (collections or "").split(",") if c.strip()),
        months=frozenset() if months is None else _months(months),
        cloud=cloud,
        sun=sun,
        limit=limit,
    )


def _bbox(text: str) -> tuple[float, ...]:
    values = [number(part) for part in text.split(",")]
    box = tuple(v for v in values if v is not None)
    if len(values) == len(box) == 4:
        west, south, east, north = box
        if -180 <= west <= 180 and -180 <= east <= 180 and -90 <= south < north <= 90:
            return box
    raise InputError(
        f"--bbox {text}: must be west,south,east,north in degrees, as in "
        "--bbox 140.8,-31.2,141.2,-30.9"
    )


def _months(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        ends = [int(e) if e.strip().isdigit() else 0 for e in part.split("-")]
        if not 1 <= len(ends) <= 2 or not all(1 <= e <= 12 for e in ends):
            raise InputError(f"--months {text}: must be numbers of months, as in 6,7,8 or 11-2")
        first, last = ends[0], ends[-1]
        found |= {(first - 1 + i) % 12 + 1 for i in range((last - first) % 12 + 1)}
    return frozenset(found)


def unfit(item: Document, query: Query) -> str:
    """Say why an item does not fit, or nothing."""
    return next(_misfits(item, query), "")


def _misfits(item: Document, query: Query) -> Iterator[str]:
    if query.collections and item.content.get("collection") not in query.collections:
        yield "of another collection"
    if query.bbox is not None and not _meets(item.content.get("bbox"), query.bbox):
        yield "elsewhere"
    when = time_of(item)
    if (query.span or query.months) and when is None:
        yield "that do not say when"
    elif query.span and when and not query.span[0] <= when <= query.span[1]:
        yield "at another time"
    elif query.months and when and when.month not in query.months:
        yield "in other months"
    cloud, sun = cloud_of(item), sun_of(item)
    if query.cloud is not None and (cloud is None or cloud > query.cloud):
        yield "that do not say how much cloud" if cloud is None else "with more cloud"
    if query.sun is not None and (sun is None or sun < query.sun):
        yield "that do not say how high the sun stood" if sun is None else "with a lower sun"


def time_of(item: Document) -> datetime | None:
    """Return when an item was taken, in UTC, or None."""
    for key in ("datetime", "start_datetime"):
        text = item.properties.get(key)
        try:
            moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        except ValueError:
            moment = None
        if moment is not None:
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return None


def cloud_of(item: Document) -> float | None:
    """Return an item's cloud cover in per cent, or None."""
    return number(item.properties.get("eo:cloud_cover"))


def sun_of(item: Document) -> float | None:
    """Return the elevation of the sun over an item in degrees, or None."""
    for key in ("view:sun_elevation", "eo:sun_elevation"):
        found = number(item.properties.get(key))
        if found is not None:
            return found
    zenith = number(item.properties.get("s2:mean_solar_zenith"))
    return None if zenith is None else 90 - zenith


def _meets(box: Any, other: Sequence[float] | None) -> bool:
    """Tell whether two boxes of degrees meet; one without numbers meets nothing."""
    values = [number(v) for v in box] if isinstance(box, list) and len(box) in (4, 6) else []
    if other is None or not values or None in values:
        return False
    half = len(values) // 2
    mine: list[float] = [values[i] for i in (0, 1, half, half + 1)]  # type: ignore[misc]
    if mine[1] > other[3] or other[1] > mine[3]:
        return False
    return any(
        a <= d and c <= b
        for a, b in _spans(mine[0], mine[2])
        for c, d in _spans(other[0], other[2])
    )


def _spans(west: float, east: float) -> list[tuple[float, float]]:
    return [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
