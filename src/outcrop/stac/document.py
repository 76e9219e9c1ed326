"""STAC documents: where they lie, which items they hold, and where an item's assets may lie.

JSON comes from others. What is on a server leads to servers only, never to files of this machine;
what is on disk leads to files in its own folder, or to servers. Documents have a largest size,
catalogs a largest number of documents, and links in a ring end.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urljoin, urlsplit

from outcrop import remote
from outcrop.errors import SceneError
from outcrop.sensors.container import Container, open_container

Content = Mapping[str, Any]

#: A catalog of more documents than that is one to search in.
MOST_DOCUMENTS = 2000
_LOG = logging.getLogger("outcrop")
_SUFFIXES = (".json", ".geojson")
_RASTERS = (".tif", ".tiff", ".vrt", ".jp2", ".img", ".nc", ".hdf", ".h5", ".zip", ".tar", ".gz")


@dataclass(frozen=True)
class Document:
    """A JSON document, and where it lies.

    Parameters
    ----------
    content : mapping
    where : str
        File or address, for messages.
    url : str or None
        Its address, to which its links are relative; None on disk.
    container : Container or None
        The folder or archive that it lies in; None on a server.
    member : str
        Its name in the container.
    alone : bool
        Whether it is one item of its own, beside which assets may be saved under their own names.
    """

    content: Content
    where: str
    url: str | None = None
    container: Container | None = None
    member: str = ""
    alone: bool = True

    @property
    def name(self) -> str:
        """The item's identifier."""
        given = self.content.get("id")
        return given if isinstance(given, str) and given else PurePosixPath(self.where).stem

    @cached_property
    def properties(self) -> Content:
        """The item's properties; empty where there are none."""
        found = self.content.get("properties")
        return found if isinstance(found, dict) else {}

    def links(self, *kinds: str) -> Iterator[str]:
        """Yield the addresses of its links of some kinds."""
        links = self.content.get("links")
        for link in links if isinstance(links, list) else ():
            if isinstance(link, dict) and link.get("rel") in kinds:
                href = link.get("href")
                if isinstance(href, str) and href:
                    yield href

    def saved(self, href: str) -> str | None:
        """Return by which path GDAL opens the copy of an asset that lies with the item, or None.

        A relative address is looked up as it is; any is looked up by its file name beside the item.
        """
        if self.container is None:
            return None
        path = urlsplit(href).path
        found = None
        if "://" not in href:
            found = self.container.member(self.member, path)
        if found is None and self.alone and path:
            found = self.container.member(self.member, PurePosixPath(path).name)
        return self.container.gdal_path(found) if found else None

    def served(self, href: str) -> str | None:
        """Return by which path GDAL opens an asset on a server, or None if it is on none."""
        href = self.address(href)
        return None if urlsplit(href).path.lower().endswith(".vrt") else remote.gdal_path(href)

    def content_of(self, href: str, *, saved: bool) -> tuple[bytes, str] | None:
        """Return the content of a small asset, and where it lies; None where it may not lead.

        With ``saved`` only what lies with the item is looked at.

        Raises
        ------
        SceneError
            If it is there and cannot be read.
        """
        if self.container is not None:
            names = (urlsplit(href).path, PurePosixPath(urlsplit(href).path).name)
            near = (self.container.member(self.member, n) for n in names if n)
            if found := next((n for n in near if n), None):
                return self.container.read_bytes(found), str(self.container.path / found)
        address = self.address(href)
        if saved or not remote.is_url(address):
            return None
        signed = remote.opened_path(address).removeprefix("/vsicurl/")
        return remote.read_url(signed), remote.plain(address)

    @property
    def folder(self) -> Path:
        """The folder that it lies in."""
        path = self.container.path if self.container else Path()
        return (path / self.member).parent

    def address(self, href: str) -> str:
        """Return a relative address as a whole one, if it is known to what it is relative.

        That is the item's own address: where it was read, or in a list its link to itself.
        """
        if "://" in href:
            return href
        itself = next((u for u in self.links("self") if remote.is_url(u)), None)
        base = self.url if self.alone else itself or self.url
        return urljoin(base or itself or "", href)

    def linked(self, href: str) -> Document | None:
        """Read a document that this one links to; None where it may not lead."""
        if self.url is not None:
            address = urljoin(self.url, href)
            return read(address) if remote.is_url(address) else None
        if remote.is_url(href):
            return read(href)
        member = self.container.member(self.member, href) if self.container else None
        return _from_container(self.container, member) if self.container and member else None


def read(url: str) -> Document:
    """Read a document from a server.

    Raises
    ------
    SceneError
        If it cannot be had or is no JSON.
    """
    require_extra()
    where = remote.plain(url)
    return Document(parse(remote.read_url(url), where), where, url=url)


def open_document(address: str) -> Document:
    """Read a document from a server or from disk.

    Raises
    ------
    SceneError
        If it is not there or no JSON.
    """
    if remote.is_url(address):
        return read(address)
    path = Path(address)
    container = open_container(address) if path.is_file() else None
    if container is None or container.only is None:
        raise SceneError(
            f"{address} is neither an address (https://...) nor a .json file that exists"
        )
    return _from_container(container, path.name)


def _from_container(container: Container, member: str) -> Document:
    where = str(container.path / member)
    return Document(parse(container.read_bytes(member), where), where, None, container, member)


def parse(data: bytes, where: str) -> Content:
    """Parse a document.

    Raises
    ------
    SceneError
        If it is no JSON object.
    """
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SceneError(
            f"{where} is not valid JSON ({str(error).splitlines()[0]}); check the address or fetch "
            "it again"
        ) from None
    if not isinstance(content, dict):
        raise SceneError(f"{where} is no STAC document: it holds no JSON object")
    return content


def require_extra() -> None:
    """Refuse to go on without the packages of the extra.

    Raises
    ------
    SceneError
        With the command that installs them.
    """
    from importlib.util import find_spec

    missing = [n for n in ("odc.stac", "pystac_client", "requests") if not _is_there(find_spec, n)]
    if missing:
        raise SceneError(
            f"STAC needs {', '.join(missing)}, which is not installed: pip install 'outcrop[stac]'"
        )


def _is_there(find_spec: Any, name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def documents_of(scene: str) -> list[Document] | None:
    """Return the items of an address, of an item collection or of a static catalog.

    Returns None for everything else: rasters, products, and an item on disk, which is recognised
    as products are.

    Raises
    ------
    SceneError
        If there is no item in it, or it is an API.
    """
    if remote.is_url(scene):
        return items(read(scene)) if _is_document(scene) else None
    path = Path(scene)
    if path.suffix.lower() not in _SUFFIXES or not path.is_file():
        return None
    container = open_container(scene) or Container(path.parent, "folder", (path.name,), path.name)
    try:
        document = _from_container(container, path.name)
    except SceneError:
        return None
    kind = document.content.get("type")
    known = kind in ("FeatureCollection", "Catalog", "Collection")
    if known or (kind is None and "stac_version" in document.content):
        require_extra()
        return items(document)
    return None


def _is_document(url: str) -> bool:
    path = urlsplit(url).path.lower().rstrip("/")
    return path.endswith(_SUFFIXES) or ("/items/" in path and not path.endswith(_RASTERS))


def is_api(document: Document) -> bool:
    """Tell whether a catalog answers searches."""
    return any(document.links("search")) or isinstance(document.content.get("conformsTo"), list)


def items(document: Document) -> list[Document]:
    """Return the items of a document, those of a catalog with all that is below it.

    Raises
    ------
    SceneError
        If there are none, too many, or only a part of them.
    """
    found = list(_walk(document, {document.where}))
    if not found:
        raise SceneError(
            f"{document.where} holds no STAC item; give an item, a list of items or a catalog"
        )
    return found


def _walk(document: Document, seen: set[str]) -> Iterator[Document]:
    kind = document.content.get("type")
    if kind == "Feature":
        yield document
    elif kind == "FeatureCollection":
        yield from _features(document)
    else:
        if is_api(document):
            raise SceneError(
                f"{document.where} is an API and not a list of items; choose some first: outcrop "
                f"search --api {document.where} --bbox W,S,E,N --datetime FROM/TO -o items.json"
            )
        links = list(document.links("item", "child"))
        linked = [document.linked(href) for href in links[:MOST_DOCUMENTS]]
        lost = linked.count(None)
        if lost:
            _LOG.warning(
                "%s: %d of the %d documents that it links to are not there, or not where it may "
                "lead; mapped without them", document.where, lost, len(links),
            )  # fmt: skip
        for below in linked:
            if below is None or below.where in seen:
                continue
            seen.add(below.where)
            if len(seen) > MOST_DOCUMENTS:
                raise SceneError(
                    f"{document.where}: the catalog has more than {MOST_DOCUMENTS:,} documents; "
                    "give one of its parts"
                )
            yield from _walk(below, seen)


def _features(document: Document) -> Iterator[Document]:
    if any(document.links("next")):
        raise SceneError(
            f"{document.where} is one page of several; fetch them all with outcrop search"
        )
    features = document.content.get("features")
    for number, item in enumerate(features if isinstance(features, list) else ()):
        if isinstance(item, dict) and isinstance(item.get("assets"), dict):
            where = f"{document.where}, item {item.get('id', number + 1)}"
            yield Document(item, where, document.url, document.container, document.member, False)


def of_item(container: Container, member: str) -> Document | None:
    """Return the item in a file of a folder or an archive, or None if it is none."""
    try:
        document = _from_container(container, member)
    except SceneError:
        return None
    content = document.content
    known = content.get("type") == "Feature" and isinstance(content.get("properties"), dict)
    return document if known and isinstance(content.get("assets"), dict) else None


def asked_to_pay() -> bool:
    """Tell whether the user has said to pay for reading from S3."""
    return os.environ.get("AWS_REQUEST_PAYER", "").lower() == "requester"
