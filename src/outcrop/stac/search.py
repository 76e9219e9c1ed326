"""Searches an API, or a static catalog, for the items to map."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from outcrop import remote
from outcrop.durable import replace_text
from outcrop.errors import OutcropError, OutputError, SceneError
from outcrop.stac.document import Document, is_api, items, open_document, parse, require_extra
from outcrop.stac.query import MOST_ITEMS, Query, cloud_of, unfit
from outcrop.timespan import to_text

#: APIs by name. Others are given by their address.
APIS = {
    "earth-search": "https://earth-search.aws.element84.com/v1",
    "planetary-computer": "https://planetarycomputer.microsoft.com/api/stac/v1",
    "usgs": "https://landsatlook.usgs.gov/stac-server",
    "dea": "https://explorer.dea.ga.gov.au/stac",
}
_PAGE = 100
_QUERY = "item-search#query"


@dataclass
class Found:
    """What a search found, the clearest first, and why the others were left out."""

    items: list[Document] = field(default_factory=list)
    looked_at: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    stopped: bool = False


def search(api: str, query: Query) -> Found:
    """Search for scenes.

    Parameters
    ----------
    api : str
        One of `APIS`, the address of another API, or address or file of a static catalog.
    query : Query

    Returns
    -------
    Found

    Raises
    ------
    SceneError
        If it does not answer, is none, or nothing fits.
    """
    require_extra()
    document = open_document(APIS.get(api, api))
    every = _from_api(document, query) if is_api(document) else iter(items(document))
    found = Found()
    seen: set[tuple[str, str]] = set()
    for item in every:
        key = (str(item.content.get("collection")), item.name)
        if key in seen:
            continue
        seen.add(key)
        found.looked_at += 1
        reason = unfit(item, query)
        if reason:
            found.left_out[reason] += 1
        else:
            found.items.append(item)
        if len(found.items) >= query.limit or found.looked_at >= MOST_ITEMS:
            found.stopped = True
            break
    if not found.items:
        raise SceneError(f"{document.where}: {_nothing(found)}")
    found.items.sort(key=_clearest)
    return found


def _nothing(found: Found) -> str:
    if not found.looked_at:
        return "nothing is there or then; widen --bbox or --datetime, or try another --collection"
    why = ", ".join(f"{n} {reason}" for reason, n in found.left_out.most_common())
    return f"none of {found.looked_at} items fits ({why}); relax what rules them out"


def _clearest(item: Document) -> tuple[float, str, str]:
    cover = cloud_of(item)
    return (101.0 if cover is None else cover), str(item.properties.get("datetime")), item.name


def _from_api(document: Document, query: Query) -> Iterator[Document]:
    """Yield the items that an API finds, page by page."""
    from pystac_client import ItemSearch

    href = next(iter(document.links("search")), None)
    if href is None or document.url is None:
        raise SceneError(f"{document.where} is no API that can be searched: it links to no search")
    conforms = str(document.content.get("conformsTo", ""))
    by_cloud = query.cloud is not None and _QUERY in conforms
    asked = ItemSearch(
        url=remote.joined(document.url, href), method="GET", stac_io=_guarded_io(), limit=_PAGE,
        max_items=MOST_ITEMS, bbox=query.bbox, collections=list(query.collections) or None,
        datetime="/".join(to_text(t) for t in query.span) if query.span else None,
        query={"eo:cloud_cover": {"lte": query.cloud}} if by_cloud else None,
    )  # fmt: skip
    seen: set[str] = set()
    try:
        for page in asked.pages_as_dicts():
            listed = [f for f in page["features"] if isinstance(f.get("assets"), dict)]
            fresh = {str(f.get("id")) for f in listed} - seen
            if not fresh:  # a server that leads in a ring
                return
            seen |= fresh
            for item in listed:
                yield Document(item, f"{document.where}, item {item.get('id')}", document.url,
                               alone=False)  # fmt: skip
    except OutcropError:
        raise
    except Exception as error:  # what pystac-client makes of odd JSON is any of a dozen kinds
        raise SceneError(
            f"{document.where} answers a search with what is no list of items "
            f"({type(error).__name__}: {error}); check the address of the API"
        ) from None


def _guarded_io() -> Any:
    """Make pystac-client read through `remote.read_url`, and from servers only."""
    import requests
    from pystac_client.stac_api_io import StacApiIO

    class GuardedIO(StacApiIO):
        def request(
            self, href: str, method: str | None = None, headers: dict[str, str] | None = None,
            parameters: dict[str, Any] | None = None,
        ) -> str:  # fmt: skip
            if not remote.is_url(href):
                raise SceneError(f"the API leads to {href}, which is on no server; it is not read")
            if (method or "GET").upper() == "POST":
                return remote.read_url(href, "POST", parameters, headers).decode()
            url = requests.Request("GET", href, params=parameters).prepare().url
            return remote.read_url(str(url), headers=headers).decode()

        def read_text(self, source: Any, *args: Any, **kwargs: Any) -> str:
            if isinstance(source, str) and not remote.is_url(source):
                return self.request(source)  # which refuses it
            return super().read_text(source, *args, **kwargs)

    return GuardedIO()


def write_items(found: Found, path: Path, *, overwrite: bool = False) -> None:
    """Write what was found as an item collection, which `outcrop map` reads.

    Raises
    ------
    OutputError
        If the file is there and is not to be replaced, is none of Outcrop's kind, or cannot be
        written.
    """
    if path.exists() and not (overwrite and _is_items(path)):
        raise OutputError(
            f"{path} exists{' and is no list of STAC items' if overwrite else ''}; "
            f"{'choose another name' if overwrite else 'give --overwrite or another name'}"
        )
    features = [_portable(item, path.absolute().parent) for item in found.items]
    try:
        collection = {"type": "FeatureCollection", "features": features}
        replace_text(path, json.dumps(collection, indent=1))
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror})") from None


def _is_items(path: Path) -> bool:
    try:
        content = parse(path.read_bytes(), str(path))
    except (SceneError, OSError):
        return False
    return content.get("type") == "FeatureCollection"


def _portable(item: Document, folder: Path) -> dict[str, Any]:
    """Return an item whose assets are found from a folder."""
    assets = {}
    for key, asset in item.content["assets"].items():
        href = asset.get("href") if isinstance(asset, dict) else None
        if not isinstance(href, str):
            continue
        saved = item.saved(href)
        if saved is not None:
            inner = os.path.relpath(saved, folder)
            if inner.startswith(".."):
                raise OutputError(
                    f"{saved} lies outside of {folder}, and a list of items names only files in "
                    f"its own folder; write it to the catalog's folder, -o {item.folder}/items.json"
                )
            href = Path(inner).as_posix()
        assets[key] = {**asset, "href": item.address(href)}
    return {**item.content, "assets": assets}
