"""A product's files: in a folder or in an archive that is read in place and never unpacked.

Archives and their metadata come from others. Only regular members with plain names are seen,
metadata is read up to a limit, and XML goes through defusedxml, which expands no entity.
"""

from __future__ import annotations

import os
import re
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any, Literal, Self

from outcrop.errors import SceneError

Kind = Literal["folder", "zip", "tar"]

_KINDS: dict[str, Kind] = {".zip": "zip", ".tar": "tar", ".tgz": "tar", ".tar.gz": "tar"}
#: Files by which a product may be named: its metadata, or HDF, which holds its own.
_METADATA = (".txt", ".xml", ".json", ".hdf", ".nc", ".he5")
#: What macOS lays beside each file on foreign disks and in archives, under its name.
_BESIDE = "._"
#: More members than any product has.
MOST_MEMBERS = 20_000
#: Folders deeper than any product's.
DEEPEST = 6
#: The largest metadata files are the tile metadata of Sentinel-2, under 1 MB.
MOST_METADATA = 32 * 2**20
#: The longest name and attributes of a member of a tar archive, in bytes.
MOST_NAME = 2**20
#: An archive that claims to hold more than so many times its size (and a gigabyte) is a bomb.
MOST_RATIO = 200


@dataclass(frozen=True)
class Container:
    """The files of a folder or an archive.

    Parameters
    ----------
    path : Path
        The folder or the archive.
    kind : str
    names : tuple of str
        Its files, with ``/`` between folders.
    only : str or None
        The metadata file that the user named, if one was.
    """

    path: Path
    kind: Kind
    names: tuple[str, ...]
    only: str | None = None

    def find(self, pattern: str) -> list[str]:
        """Return the files whose whole name, without folders, matches a regular expression."""
        wanted = re.compile(pattern, re.IGNORECASE)
        near = [self.only] if self.only else self.names
        return [n for n in near if wanted.fullmatch(PurePosixPath(n).name)]

    def member(self, beside: str, name: str) -> str | None:
        """Return the file of that relative name in the folder of ``beside``, or None.

        The name comes from metadata: only files that the container lists can be found.
        """
        # Without case, since products are copied between systems that differ in it; and
        # through a path, since archives may write ./name.
        wanted = normpath((PurePosixPath(beside).parent / name).as_posix())
        return self._by_plain_name.get(wanted.lower())

    @cached_property
    def _by_plain_name(self) -> dict[str, str]:
        return {PurePosixPath(n).as_posix().lower(): n for n in self.names}

    def gdal_path(self, name: str) -> str:
        """Return the path by which GDAL opens a file."""
        if self.kind == "folder":
            return str(self.path / name)
        inner = PurePosixPath(name).as_posix()  # GDAL drops ./ too
        return f"/vsi{self.kind}/{{{self.path.absolute().as_posix()}}}/{inner}"

    def read_bytes(self, name: str) -> bytes:
        """Return the content of a metadata file.

        Raises
        ------
        SceneError
            If it cannot be read or is too large for metadata.
        """
        try:
            data = self._read(name)
        except (OSError, RuntimeError, zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
            raise SceneError(
                f"{self.path}: {name} cannot be read ({error}); fetch the product again"
            ) from None
        if len(data) > MOST_METADATA:
            raise SceneError(
                f"{self.path}: {name} is larger than {MOST_METADATA >> 20} MB, which no metadata "
                "file is; fetch the product again"
            )
        return data

    def _read(self, name: str) -> bytes:
        if self.kind == "folder":
            with (self.path / name).open("rb") as stream:
                return stream.read(MOST_METADATA + 1)
        if self.kind == "zip":
            with zipfile.ZipFile(self.path) as archive, archive.open(name) as member:
                return member.read(MOST_METADATA + 1)
        with open_tar(self.path) as tar:
            found = tar.extractfile(name)
            return found.read(MOST_METADATA + 1) if found else b""


def open_container(scene: str) -> Container | None:
    """Open what may hold a product: a folder, an archive, or a metadata file in a folder.

    Returns None for anything else.

    Raises
    ------
    SceneError
        If an archive is damaged, or one of its names points outside it.
    """
    path = Path(scene)
    if path.name == "manifest.safe" and path.is_file():  # of the folder that it lies in
        path = path.absolute().parent
    if path.is_dir():
        return Container(path, "folder", tuple(sorted(_walk(path))))
    if not path.is_file():
        return None
    kind = next((k for suffix, k in _KINDS.items() if path.name.lower().endswith(suffix)), None)
    if kind:
        return Container(path, kind, tuple(sorted(_members(path, kind))))
    if path.suffix.lower() in _METADATA:
        names = tuple(sorted(_walk(path.parent)))
        return Container(path.parent, "folder", names, only=path.name)
    return None


class _Member(tarfile.TarInfo):
    """A header whose long name and attributes have a size that names have.

    tarfile reads them into memory whole, before anybody sees how large they claim to be: 14 MB of
    packed zeros became 3 GB.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read a header; `tarfile.ReadError` where its name is larger than any name is."""
        header = super().frombuf(buf, encoding, errors)
        if header.type in _IN_MEMORY and header.size > MOST_NAME:
            raise tarfile.ReadError(f"a name of {header.size:,} bytes")
        return header


_IN_MEMORY = (
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)  # fmt: skip


def open_tar(path: Path) -> tarfile.TarFile:
    """Open a tar archive, of which no header takes more memory than a name does."""
    return tarfile.open(path, tarinfo=_Member)


def _walk(folder: Path) -> Iterator[str]:
    found = 0
    for here, folders, files in os.walk(folder):
        relative = Path(here).relative_to(folder)
        if len(relative.parts) >= DEEPEST:
            folders.clear()
        for name in files:
            if name.startswith(_BESIDE):
                continue
            found += 1
            if found > MOST_MEMBERS:  # a home folder, not a product
                return
            yield (relative / name).as_posix()


def _members(path: Path, kind: Kind) -> Iterator[str]:
    limit = max(MOST_RATIO * path.stat().st_size, 2**30)
    size = 0
    try:
        for count, (name, length, regular) in enumerate(_entries(path, kind)):
            size += length
            if size > limit or count >= MOST_MEMBERS:
                raise SceneError(
                    f"{path} claims to unpack to more than {limit >> 20:,} MB or {MOST_MEMBERS:,} "
                    "files, which no product does; it is damaged or hostile"
                )
            if regular:
                _require_inside(path, name)
                if not PurePosixPath(name).name.startswith(_BESIDE):
                    yield name
    except (OSError, zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise SceneError(f"{path} cannot be read as an archive ({error}); fetch it again") from None


def _entries(path: Path, kind: Kind) -> Iterator[tuple[str, int, bool]]:
    """Yield name, size and whether it is a regular file, before anything is decompressed."""
    if kind == "zip":
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                yield entry.orig_filename, entry.file_size, not entry.is_dir()
    else:
        with open_tar(path) as archive:
            for member in archive:
                yield member.name, member.size, member.isreg()


def _require_inside(path: Path, name: str) -> None:
    parts = PurePosixPath(name).parts
    odd = {"\\", "\0", "{", "}", ":"} & set(name)
    if not parts or name.startswith("/") or ".." in parts or odd:
        raise SceneError(
            f"{path} holds the name {name!r}, which points outside the archive or is not plain; "
            "products hold no such names, so it is damaged or hostile"
        )


def parse_xml(data: bytes, where: str) -> Any:
    """Parse XML without entities, without a document type and without anything external.

    Returns
    -------
    xml.etree.ElementTree.Element
        The root.

    Raises
    ------
    SceneError
        If it is no XML or holds what metadata has no need of.
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        return fromstring(data, forbid_dtd=True)
    except DefusedXmlException as error:
        raise SceneError(
            f"{where} declares entities or a document type ({type(error).__name__}), which no "
            "product's metadata does; it is damaged or hostile"
        ) from None
    except (ParseError, ValueError) as error:
        raise SceneError(f"{where} is not valid XML ({error}); fetch the product again") from None
