"""Files on a server: bounded in time and size, tried a few times, and named when they fail.

GDAL reads rasters by ranges; everything else is read whole by `read_url`. Both obey GDAL's own
settings, so that one set of environment variables holds for all: ``GDAL_HTTP_TIMEOUT`` and
``GDAL_HTTP_CONNECTTIMEOUT`` in seconds, ``GDAL_HTTP_MAX_RETRY``, ``GDAL_HTTP_RETRY_DELAY``.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from importlib.util import find_spec
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

from outcrop.errors import SceneError

T = TypeVar("T")

#: What GDAL is told unless the environment says otherwise. A server that sends less than a
#: kilobyte a second for 20 s counts as one that does not answer.
SETTINGS = {
    "GDAL_HTTP_CONNECTTIMEOUT": "10",
    "GDAL_HTTP_TIMEOUT": "60",
    "GDAL_HTTP_LOW_SPEED_TIME": "20",
    "GDAL_HTTP_LOW_SPEED_LIMIT": "1000",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "0.5",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
}
#: Formats that hold their own pixels. Others (VRT, WMS, GTI) are lists of places to read from,
#: by which a file on a server could name one on this machine.
PLAIN_FORMATS = (
    "GTiff", "JP2OpenJPEG", "JP2KAK", "JP2ECW", "JP2MrSID", "HFA", "ENVI", "PNG", "JPEG", "NITF",
    "netCDF", "HDF4", "HDF4Image", "HDF5", "HDF5Image",
)  # fmt: skip
#: The largest document that is read whole.
MOST_BYTES = 64 * 2**20
_PREFIXES = {"https": "/vsicurl/", "http": "/vsicurl/", "s3": "/vsis3/", "gs": "/vsigs/"}
_REMOTE = ("/vsicurl", "/vsis3/", "/vsigs/", "/vsiaz/", "http://", "https://", "s3://", "gs://")
#: GDAL remembers under its address that a file was not there, or only half of it; a fragment,
#: which is never sent, makes it ask again.
_AFRESH: dict[str, str] = {}
_BUSY = (429, 500, 502, 503, 504)
_NOT_ALLOWED = (401, 403)


def is_remote(path: str) -> bool:
    """Tell whether GDAL reads a path over the network."""
    return path.startswith(_REMOTE)


def is_url(text: str) -> bool:
    """Tell whether a text is the address of something on a web server."""
    return text.lower().startswith(("http://", "https://"))


def joined(base: str, href: str) -> str:
    """Return where a link of a document leads."""
    return urljoin(base, href)


def gdal_path(url: str) -> str | None:
    """Return the path by which GDAL reads an address; None for what is not read (``file:``)."""
    scheme, _, rest = url.partition("://")
    prefix = _PREFIXES.get(scheme.lower())
    if prefix is None or not rest:
        return None
    return prefix + (url if prefix == "/vsicurl/" else rest)


def plain(path: str) -> str:
    """Return the address of what GDAL reads, for people and provenance, without secrets."""
    for scheme, prefix in (("", "/vsicurl/"), ("s3://", "/vsis3/"), ("gs://", "/vsigs/")):
        if path.startswith(prefix):
            path = scheme + path.removeprefix(prefix)
    return path.partition("?")[0] if is_remote(path) else path


def settings() -> dict[str, str]:
    """Return what GDAL is told of the network, without what the environment says already."""
    return {k: v for k, v in SETTINGS.items() if k not in os.environ}


def setting(name: str) -> float:
    """Return one of `SETTINGS` as a number, the environment's first."""
    try:
        return max(0.0, float(os.environ.get(name, SETTINGS[name])))
    except ValueError:
        return float(SETTINGS[name])


def opened_path(path: str) -> str:
    """Return a path with what is needed to open it: the token of Planetary Computer.

    Asked for at each opening, since tokens last for less than an hour.
    """
    path = f"/vsicurl/{path}" if is_url(path) else path
    if _is_azure(path) and "sig=" not in path and find_spec("planetary_computer"):
        from planetary_computer import sign_url  # type: ignore[import-not-found]

        return "/vsicurl/" + str(sign_url(path.removeprefix("/vsicurl/")))
    return path


def _is_azure(path: str) -> bool:
    host = urlsplit(path.removeprefix("/vsicurl/")).hostname or ""
    return host.endswith(".blob.core.windows.net")


def once_more(path: str, work: Callable[[str], T]) -> T:
    """Do something with a remote raster; if it fails, wait and do it once more.

    GDAL itself tries again where the server says that it is busy; this is for what it gives up
    on at once, such as a connection that was cut.

    Parameters
    ----------
    path : str
    work : callable
        Takes the path to open.

    Raises
    ------
    SceneError
        If it fails again; the message names the address, what happened and the way out.
    """
    from rasterio.errors import RasterioError

    try:
        return work(opened_path(path) + _AFRESH.get(path, ""))
    except (RasterioError, OSError) as error:
        if not setting("GDAL_HTTP_MAX_RETRY"):
            raise SceneError(trouble(path, error)) from None
    time.sleep(setting("GDAL_HTTP_RETRY_DELAY"))
    if opened_path(path).startswith("/vsicurl/"):
        _AFRESH[path] = f"#{time.monotonic_ns()}"
    try:
        return work(opened_path(path) + _AFRESH.get(path, ""))
    except (RasterioError, OSError) as error:
        raise SceneError(trouble(path, error)) from None


def trouble(path: str, error: BaseException) -> str:
    """Say why a remote raster could not be read: its address, what happened, the way out."""
    while error.__cause__ is not None:
        error = error.__cause__
    said = str(error).replace(path, "it").splitlines()[0].rstrip(". ")
    said = re.sub(r"#\d{6,}", "", said)
    url = path.removeprefix("/vsicurl/")
    happened = _probe(url) if is_url(url) else None
    if happened is None:
        return (
            f"{plain(path)} cannot be read ({said}); run it again, and if that does not help check "
            f"the network and the credentials{_of_platform(url)}"
        )
    return f"{plain(path)} cannot be read: {happened}"


def _probe(url: str) -> str | None:
    """Ask for the first bytes, to tell what GDAL does not; None without an answer to tell."""
    if not find_spec("requests"):
        return None
    import requests

    try:
        with closing(
            requests.get(url, headers={"Range": "bytes=0-15"}, stream=True, timeout=_timeout())
        ) as answer:
            if answer.status_code >= 400:
                return _said(url, answer.status_code)
            kind = answer.headers.get("Content-Type", "")
            answer.raw.read(16)
    except requests.RequestException as error:
        return _failed(error)
    except OSError as error:
        return f"{_short(error)}; check the network and run it again"
    if kind.startswith("text/html"):
        return f"the server sends a web page instead, as for a login{_of_platform(url)}"
    return (
        "the server answers, but not with a whole raster, or it cut the connection while sending; "
        "run it again, and if that does not help the file is damaged"
    )


def _said(url: str, status: int) -> str:
    """Word an answer that is a refusal."""
    from http import HTTPStatus

    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "unknown"
    answer = f"the server answers {status} ({phrase}); "
    if status in _NOT_ALLOWED or (status in (404, 409) and _is_azure(url)):
        return answer + "it wants to know who asks" + _of_platform(url)
    if status in (404, 410):
        return answer + "check the address, and search again if it is of an old item"
    if status in _BUSY:
        tries = round(setting("GDAL_HTTP_MAX_RETRY"))
        return answer + f"it was asked again {tries} times, so try later"
    return answer + "check the address"


def _of_platform(url: str) -> str:
    """Return how to log in, for those platforms that are known."""
    host = urlsplit(url).hostname or ""
    if _is_azure(url):
        return (
            ": if this is Planetary Computer, pip install planetary-computer, which fetches the "
            "token it needs"
        )
    if host.endswith("usgs.gov"):
        return (
            ": USGS asks for a login, so read its copy on S3 (set AWS credentials and "
            "AWS_REQUEST_PAYER=requester; you pay for it), take the same scene from Planetary "
            "Computer, or download the product"
        )
    if "amazonaws" in host or url.startswith(("s3://", "/vsis3/")):
        return (
            ": set AWS credentials, AWS_REQUEST_PAYER=requester for what the reader pays, or "
            "AWS_NO_SIGN_REQUEST=YES for what is free"
        )
    return ": give GDAL the login (GDAL_HTTP_HEADER_FILE, GDAL_HTTP_NETRC_FILE), or download it"


def read_url(
    url: str, method: str = "GET", body: Any = None, headers: Mapping[str, str] | None = None
) -> bytes:
    """Read a document whole.

    Parameters
    ----------
    url : str
    method : str
        ``GET`` or ``POST``.
    body : object, optional
        Sent as JSON.
    headers : mapping of str to str, optional

    Raises
    ------
    SceneError
        If it cannot be had after some tries, takes longer than ``GDAL_HTTP_TIMEOUT`` or is larger
        than `MOST_BYTES`; the message names the address, what happened and the way out.
    """
    import requests
    from urllib3.exceptions import HTTPError

    tries = 1 + round(setting("GDAL_HTTP_MAX_RETRY"))
    for left in reversed(range(tries)):
        try:
            with closing(
                requests.request(
                    method, url, json=body, stream=True, timeout=_timeout(),
                    headers={**(headers or {}), "Accept-Encoding": "identity"},
                )
            ) as answer:  # fmt: skip
                if answer.status_code < 400:
                    return _content(url, answer)
                happened = _said(url, answer.status_code)
                passing = answer.status_code in _BUSY
        except (requests.RequestException, HTTPError, OSError) as error:
            happened = _failed(error)
            passing = not isinstance(error, requests.exceptions.InvalidURL | ValueError)
        if not passing:
            break
        if left:
            time.sleep(setting("GDAL_HTTP_RETRY_DELAY") * 2 ** (tries - 1 - left))
    raise SceneError(f"{plain(url)} cannot be read: {happened}")


def _content(url: str, answer: Any) -> bytes:
    """Read the body piece by piece, so that neither its size nor its slowness is without bound."""
    import requests

    end = time.monotonic() + setting("GDAL_HTTP_TIMEOUT")
    content = bytearray()
    # What has come so far, not a whole piece, which a server that drips never fills.
    while piece := answer.raw.read1(2**16):
        content += piece
        if len(content) > MOST_BYTES:
            raise SceneError(
                f"{plain(url)} is larger than {MOST_BYTES >> 20} MB, which no item is and no list "
                "of items needs to be; ask for fewer"
            )
        if time.monotonic() > end:
            raise requests.exceptions.ReadTimeout
    return bytes(content)


def _timeout() -> tuple[float, float]:
    return (
        setting("GDAL_HTTP_CONNECTTIMEOUT") or 10,
        min(setting("GDAL_HTTP_TIMEOUT"), setting("GDAL_HTTP_LOW_SPEED_TIME")) or 10,
    )


def _failed(error: Exception) -> str:
    from requests import exceptions
    from urllib3.exceptions import ProtocolError, ReadTimeoutError

    if isinstance(error, exceptions.Timeout | ReadTimeoutError):
        whole = setting("GDAL_HTTP_TIMEOUT")
        return (
            f"the server does not answer in time ({whole:g} s for the whole); "
            "try later, or give it longer with GDAL_HTTP_TIMEOUT"
        )
    if isinstance(error, ProtocolError):
        return "the server cut the connection while sending; run it again"
    if isinstance(error, exceptions.SSLError):
        return f"its certificate is not accepted ({_short(error)}); check the address"
    if isinstance(error, exceptions.ConnectionError):
        return (
            f"no connection ({_short(error)}); check the address and the network, and run it again"
        )
    return f"{_short(error)}; check the address"


def _short(error: BaseException) -> str:
    """Return the innermost reason: urllib3 wraps them three deep."""
    reason: Any = error
    while getattr(reason, "reason", None) or (
        reason.args and isinstance(reason.args[0], Exception)
    ):
        reason = getattr(reason, "reason", None) or reason.args[0]
    return str(reason).rpartition(": ")[2].strip("\"'(). ")[:120] or type(reason).__name__
