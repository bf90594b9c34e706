"""Run a command in a pod, by the API's own streams: messages of a WebSocket, each with its channel in front.

The protocol is that of `kubectl exec`: https://kubernetes.io/docs/concepts/architecture/#streaming, in the fifth
version, which API servers speak since Kubernetes 1.30
(https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/4006-transition-spdy-to-websockets).
"""

from __future__ import annotations

import json
import ssl
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect
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
    deadline = time.monotonic() + timeout.total_seconds()
    said: dict[int, bytearray] = defaultdict(bytearray)
    try:
        with _connected(url, context, timeout) as connection:
            for message in _messages(connection, deadline):
                said[message[0]] += message[1:]
                if sum(map(len, said.values())) > MOST_BYTES:
                    raise WindlassError(f"{where}: {doing} says more than {MOST_BYTES} bytes")
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


def _connected(url: str, context: ssl.SSLContext, timeout: timedelta) -> ClientConnection:
    seconds = timeout.total_seconds()
    return connect(
        url.replace("https://", "wss://", 1),
        ssl=context,
        server_hostname=API_SERVER_NAME,
        subprotocols=[PROTOCOL],
        compression=None,
        proxy=None,
        open_timeout=seconds,
        close_timeout=2,
        max_size=MOST_BYTES,
    )


def _messages(connection: ClientConnection, deadline: float) -> Iterator[bytes]:
    """Yield all messages until the API server closes; TimeoutError if it has not by then."""
    while True:
        left = deadline - time.monotonic()
        if left <= 0:  # also of messages that come without end, and say nothing
            raise TimeoutError
        try:
            message = connection.recv(timeout=left, decode=False)
        except ConnectionClosed as error:
            if error.rcvd is None:  # cut, so that how it ended is not known
                raise
            return
        if message:
            yield message


def _failure(status: bytes | bytearray, where: str, doing: str) -> str:
    """Return why a command failed; empty if it did not."""
    if not status:
        return "the connection ended before the command did"
    with read_from(f"{where}: how `{doing}` ended", "look what answers there"):
        document = json.loads(status)
        return "" if document["status"] == "Success" else str(document.get("message", document["status"]))
