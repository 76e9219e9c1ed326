"""``outcrop serve``: the workbench as a program."""

from __future__ import annotations

import ipaddress
import secrets
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from outcrop.errors import InputError, OutputError

if TYPE_CHECKING:
    from outcrop.spectra import SpectralLibrary

#: What the extra ``web`` brings, and under which name it is imported.
NEEDED = {"fastapi": "fastapi", "titiler.core": "titiler", "uvicorn": "uvicorn"}
LOOPBACK = ("localhost", "127.0.0.1", "::1")
ASSETS = Path(__file__).parent / "static"


def check_parts() -> None:
    """Say what is missing for the workbench, before anything is opened.

    Raises
    ------
    InputError
        If packages are not installed, or the page was not built.
    """
    missing = [name for name, module in NEEDED.items() if find_spec(module) is None]
    if missing:
        raise InputError(
            f"the workbench needs {', '.join(missing)}: pip install 'outcrop[web]'; everything "
            "else works without"
        )
    if not (ASSETS / "index.html").is_file():
        raise InputError(
            "the workbench's page is not built in this copy of Outcrop: install a wheel, or with "
            "Node 20 and npm run `npm ci && npm run build` in the folder web of the source; "
            "everything else works without"
        )


def serve(
    folders: Sequence[str | Path],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    allowed: Iterable[str] = (),
    basemap: str = "",
    library: str | Path | None = None,
    imagery: bool = True,
    waiting: Callable[[], None] | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the workbench for results until it is interrupted.

    Parameters
    ----------
    folders : sequence of str or Path
        Results of `outcrop map` or `outcrop apply`.
    host : str
        Address to listen on; only this machine reaches the default.
    port : int
        0 takes a free one.
    allowed : iterable of str
        Names besides ``host`` that a browser may call the server by.
    basemap : str
        Address of tiles with {z}, {x} and {y} to lie under the map; by default there is none.
    library : str or Path, optional
        A spectral library to compare spectra with.
    imagery : bool
        Prepare ``image.tif`` where a run has none.
    waiting : callable, optional
        Called when all that was named can be opened, some seconds before the page is there.
    ready : callable, optional
        Called with the page's address once it can be opened.

    Raises
    ------
    InputError
        If a part is missing, or a folder is no result.
    OutputError
        If the address is taken.
    """
    check_parts()
    from outcrop.web.runs import open_runs

    # What can be wrong is found before the seconds that the server's parts take to load.
    runs = open_runs(folders)
    sources = _origin(basemap)
    spectra = _library(library)
    listening = _listen(host, port)
    if waiting:
        waiting()
    with _spared("xarray", "rioxarray"):
        import uvicorn

        from outcrop.web.app import Workbench, create_app
        from outcrop.web.guard import Guard

    with tempfile.TemporaryDirectory(prefix="outcrop-") as exports:
        bench = Workbench(runs, secrets.token_urlsafe(24), Path(exports), spectra, basemap)
        if imagery:
            bench.imagery.start(list(runs.values()))
        names = frozenset({*LOOPBACK, host.strip("[]").lower(), *(n.lower() for n in allowed)})
        guarded = Guard(create_app(bench), names - {"0.0.0.0", "::"}, bench.token, sources)
        server = uvicorn.Server(
            uvicorn.Config(guarded, log_level="warning", server_header=False, lifespan="off")
        )
        if ready:
            shown = f"[{host}]" if ":" in host else host
            shown = "127.0.0.1" if host in ("0.0.0.0", "::") else shown
            ready(f"http://{shown}:{listening.getsockname()[1]}/")
        server.run(sockets=[listening])


@contextmanager
def _spared(*modules: str) -> Iterator[None]:
    """Load no such modules while the block runs, if they are not there already.

    rio_tiler imports xarray where there is one, and with it dask and pandas, for a reader that is
    not used here: 740 modules more, and a third of the time until the page opens.
    """
    spared = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(spared))  # type: ignore[arg-type]  # None is "there is none"
    try:
        yield
    finally:
        for name in spared:
            del sys.modules[name]


def is_loopback(host: str) -> bool:
    """Tell whether an address is reached from this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends without delay only on sockets that say that they are TCP: without, the second
    # part of an answer waits up to 40 ms for the browser's word that the first has come.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host.strip("[]"), port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise OutputError(
            f"{host}:{port} cannot be listened on ({error.strerror or error}); choose another "
            "with --port, or 0 for a free one"
        ) from None
    return listening


def _origin(basemap: str) -> str:
    """Return the origin that a basemap's tiles come from; raises InputError."""
    if not basemap:
        return ""
    parts = urlsplit(basemap)
    wanted = all(f"{{{key}}}" in basemap for key in "zxy")
    if parts.scheme not in ("http", "https") or not parts.hostname or not wanted:
        raise InputError(
            f"--basemap {basemap} is no address of tiles, such as "
            "https://example.org/{z}/{x}/{y}.png"
        )
    if any(c in parts.netloc for c in " ;,{}'\""):
        raise InputError(f"--basemap {basemap}: {parts.netloc!r} is no name of a host")
    return f"{parts.scheme}://{parts.netloc}"


def _library(path: str | Path | None) -> SpectralLibrary | None:
    from outcrop.spectra import read_library

    return None if path is None else read_library(path)
