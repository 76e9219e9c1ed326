"""What stands before every request: host, origin, token and size."""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

#: Bytes of a request; a polygon of 5,000 corners has a fifth of it.
LARGEST = 2**20
TOKEN_HEADER = b"x-outcrop-token"
SAFE = frozenset({"GET", "HEAD"})


class TooLarge(Exception):
    """A body turned out longer than allowed while it was read."""


@dataclass
class Guard:
    """ASGI middleware that lets through what comes from the workbench's own page.

    Parameters
    ----------
    app : ASGI application
    hosts : frozenset of str
        Names that a Host header may have, without the port. What answers to any name can be
        reached from any web page through a name that points here (DNS rebinding).
    token : str
        What a request that changes something must carry. Only the page itself knows it.
    sources : str
        Origins besides its own that the page may load images from: those of a basemap.
    """

    app: Any
    hosts: frozenset[str]
    token: str
    sources: str = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer for the application where a request must not reach it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = dict(scope["headers"])
        refusal = self._refusal(scope["method"], headers)
        if refusal:
            await _answer(send, *refusal)
            return
        started = False

        async def sent(message: Any) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message = {**message, "headers": [*message["headers"], *self._headers()]}
            await send(message)

        try:
            await self.app(scope, _limited(receive), sent)
        except TooLarge:
            if not started:
                await _answer(send, 413, f"a request holds at most {LARGEST} bytes")

    def _refusal(self, method: str, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        host = headers.get(b"host", b"").decode("latin-1")
        if (urlsplit(f"//{host}").hostname or "") not in self.hosts:
            return 421, "this name is not one that the workbench answers to (see --allow-host)"
        if method in SAFE:
            return None
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > LARGEST:
            return 413, f"a request holds at most {LARGEST} bytes"
        origin = headers.get(b"origin", b"").decode("latin-1")
        if urlsplit(origin).netloc != host:
            return 403, "changes are made from the workbench's own page alone"
        token = headers.get(TOKEN_HEADER, b"")
        if not hmac.compare_digest(token, self.token.encode()):
            return 403, "the page is of another start of the workbench: load it again"
        return None

    def _headers(self) -> list[tuple[bytes, bytes]]:
        images = f"'self' blob: data: {self.sources}".strip()
        policy = (
            f"default-src 'self'; img-src {images}; connect-src 'self' {self.sources}; "
            "style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; object-src 'none'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return [
            (b"content-security-policy", policy.encode("latin-1")),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-resource-policy", b"same-origin"),
        ]


def _limited(receive: Any) -> Any:
    total = 0

    async def received() -> Any:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > LARGEST:
            raise TooLarge
        return message

    return received


async def _answer(send: Any, status: int, text: str) -> None:
    body = json.dumps({"detail": text}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
