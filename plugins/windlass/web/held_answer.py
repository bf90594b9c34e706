"""An answer of Airflow's API that is kept until it is whole, so that something can be taken out of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_DOCUMENT, _LINES = b"application/json", b"application/x-ndjson"
_OTHER_THAN_WELL = 300
"""The first status that says something else than that all is well."""


class HeldAnswer:
    """What an application is given to send by: keeps what it answers well and in JSON, and lets all else pass."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self.is_lines = False
        """Whether each line is a document."""
        self.body = b""

    async def __call__(self, message: Message) -> None:
        """Take what the application sends."""
        if message["type"] == "http.response.start":
            kind = dict(message.get("headers", ())).get(b"content-type", b"").split(b";")[0].strip().lower()
            if message["status"] < _OTHER_THAN_WELL and kind in {_DOCUMENT, _LINES}:
                self._start, self.is_lines = message, kind == _LINES
        if self._start is None:
            await self._send(message)
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    @property
    def is_held(self) -> bool:
        """Whether there is something that was not sent yet."""
        return self._start is not None and bool(self.body)

    async def release(self, body: bytes | None = None) -> None:
        """Send it, with another body if one is given; nothing if it has passed already."""
        if self._start is None:
            return
        sent = self.body if body is None else body
        is_whole = body is None  # one to a HEAD has the length of what is not sent
        headers = [
            (name, value) for name, value in self._start.get("headers", ()) if is_whole or name != b"content-length"
        ]
        length = [] if is_whole else [(b"content-length", str(len(sent)).encode())]
        await self._send({**self._start, "headers": [*headers, *length]})
        await self._send({"type": "http.response.body", "body": sent})


def uncompressed(scope: Message) -> Message:
    """Return a request that says of itself that it takes no compressed answer: it is read here first."""
    headers = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
    return {**scope, "headers": headers}
