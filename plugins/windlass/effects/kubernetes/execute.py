"""Run a command in a pod, by the API's own streams: messages of a WebSocket, each with its channel in front.

The protocol is that of `kubectl exec`: https://kubernetes.io/docs/concepts/architecture/#streaming, in the fifth
version, which API servers speak since Kubernetes 1.30
(https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/4006-transition-spdy-to-websockets).
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import defaultdict
from datetime import timedelta

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from windlass.domain.bounded import read_from
from windlass.domain.host.layout import API_SERVER_NAME
from windlass.errors import NotReadyError, UnreachableError, WindlassError

PROTOCOL = Subprotocol("v5.channel.k8s.io")
EXECUTION = timedelta(seconds=30)
STDOUT, STDERR, STATUS = 1, 2, 3
"""Channels: the first byte of each message."""
MOST_BYTES = 1024 * 1024
"""Of all that a command may say."""


def execute(url: str, context: ssl.SSLContext, doing: str, timeout: timedelta) -> str:
    """Return what a command printed, which `url` (https) names by its query; it gets no input.

    WindlassError if it failed, with the end of what it said; NotReadyError if the API server could not begin it or it
    has not ended within `timeout`; UnreachableError if there is no connection.
    """
    where = url.partition("/api/")[0]
    try:
        said = asyncio.run(_conversation(url, context, f"{where}: {doing}", timeout.total_seconds()))
    except InvalidStatus as error:
        told = (error.response.body or b"").decode(errors="replace")[:500]
        raise NotReadyError(f"{where}: cannot {doing}: {error.response.status_code} {told}") from error
    except TimeoutError as error:
        raise NotReadyError(f"{where}: {doing} has not ended within {timeout.total_seconds():g} s") from error
    except (OSError, WebSocketException) as error:
        raise UnreachableError(f"{where}: {doing}: {error or type(error).__name__}") from error
    if reason := _failure(said[STATUS], where, doing):
        last = said[STDERR].decode(errors="replace").strip()[-500:]
        raise WindlassError(f"{where}: {doing}: {': '.join(filter(None, (reason, last)))}")
    return said[STDOUT].decode(errors="replace")


async def _conversation(url: str, context: ssl.SSLContext, doing: str, seconds: float) -> dict[int, bytearray]:
    """Return what was said on each channel until the API server closed; TimeoutError if it has not within `seconds`.

    In an event loop of its own, not by a thread that reads while another writes: a TLS connection of Python before 3.13
    is not safe for that (https://github.com/python/cpython/issues/124984), and now and then an answer never came.
    """
    async with asyncio.timeout(seconds), _connected(url, context) as connection:
        return await _heard(connection, doing)


def _connected(url: str, context: ssl.SSLContext) -> connect:
    return connect(
        url.replace("https://", "wss://", 1),
        ssl=context,
        server_hostname=API_SERVER_NAME,
        subprotocols=[PROTOCOL],
        compression=None,
        proxy=None,
        open_timeout=None,  # the caller's limit is for all of it
        close_timeout=2,
        max_size=MOST_BYTES,
    )


async def _heard(connection: ClientConnection, doing: str) -> dict[int, bytearray]:
    said: dict[int, bytearray] = defaultdict(bytearray)
    while True:
        try:
            message = await connection.recv(decode=False)
        except ConnectionClosed as error:
            if error.rcvd is None:  # cut, so that how it ended is not known
                raise
            return said
        if message:
            said[message[0]] += message[1:]
        if sum(map(len, said.values())) > MOST_BYTES:
            raise WindlassError(f"{doing} says more than {MOST_BYTES} bytes")


def _failure(status: bytes | bytearray, where: str, doing: str) -> str:
    """Return why a command failed; empty if it did not."""
    if not status:
        return "the connection ended before the command did"
    with read_from(f"{where}: how `{doing}` ended", "look what answers there"):
        document = json.loads(status)
        return "" if document["status"] == "Success" else str(document.get("message", document["status"]))
