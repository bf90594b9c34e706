"""Commands in pods, asked of a WebSocket server that answers as an API server does, well or badly."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from unit.rendering.conftest import TOPOLOGIES, make_cluster
from windlass.domain.pki import Credential, Pki, issue_pki
from windlass.effects.kubernetes.client import KubernetesClient
from windlass.effects.kubernetes.execute import MOST_BYTES, PROTOCOL, STATUS, STDERR, STDOUT
from windlass.errors import IntegrityError, NotReadyError, UnreachableError, WindlassError
from windlass.operations.cluster_api import credentials_of

LOCAL = "127.0.0.1"
SUCCESS = json.dumps({"status": "Success"}).encode()
FAILURE = json.dumps({"status": "Failure", "message": "command terminated with non-zero exit code"}).encode()
Handler = Callable[[ServerConnection], None]


@pytest.fixture(scope="module")
def pki() -> Pki:
    return issue_pki(make_cluster(TOPOLOGIES["overlapping"]), datetime.now(UTC))


@contextmanager
def api(directory: Path, credential: Credential, handler: Handler, refusal: str = "") -> Iterator[int]:
    file = directory / "server.pem"
    file.write_text(credential.certificate + credential.key.reveal())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)

    def refuse(connection: ServerConnection, _: Request) -> Response | None:
        return connection.respond(HTTPStatus.INTERNAL_SERVER_ERROR, refusal) if refusal else None

    options = {"ssl": context, "subprotocols": [PROTOCOL], "process_request": refuse}
    with serve(handler, LOCAL, 0, **options) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.socket.getsockname()[1]
        server.shutdown()


@pytest.fixture
def run(tmp_path: Path, pki: Pki) -> Callable[..., str]:
    """Run `show it` in a pod of an API server whose answer a handler gives."""

    def running(handler: Handler, *, by: str = "cp-1/apiserver", refusal: str = "", seconds: float = 10) -> str:
        with (
            api(tmp_path, pki.leaves[by], handler, refusal) as port,
            KubernetesClient(LOCAL, port, credentials_of(pki)) as client,
        ):
            return client.execute("web", "shop", ["show", "it & all"], timedelta(seconds=seconds))

    return running


def saying(*messages: bytes) -> Handler:
    def handler(connection: ServerConnection) -> None:
        for message in messages:
            connection.send(message)

    return handler


def on(channel: int, data: bytes) -> bytes:
    return bytes([channel]) + data


def test_what_a_command_prints_comes_back_whole_and_without_what_it_complains_of(run: Callable[..., str]) -> None:
    asked: list[str] = []

    def handler(connection: ServerConnection) -> None:
        assert connection.request is not None
        asked.append(connection.request.path)
        saying(on(STDOUT, b""), on(STDOUT, b"one "), on(STDERR, b"hm"), on(STDOUT, b"two"), on(STATUS, SUCCESS))(
            connection
        )

    assert run(handler) == "one two"
    (path,) = asked
    assert urlsplit(path).path == "/api/v1/namespaces/shop/pods/web/exec"
    assert parse_qsl(urlsplit(path).query) == [
        ("command", "show"), ("command", "it & all"), ("stdout", "true"), ("stderr", "true"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ((on(STDOUT, b"half"), on(STDERR, b"no such file\n"), on(STATUS, FAILURE)), "non-zero exit code: no such file"),
        ((on(STDOUT, b"half"),), "the connection ended before the command did"),
        ((on(STDOUT, b"x" * MOST_BYTES)[:-1], on(STDOUT, b"xx")), f"says more than {MOST_BYTES} bytes"),
    ],
)
def test_a_command_that_does_not_end_well_is_an_error(
    run: Callable[..., str], messages: tuple[bytes, ...], told: str
) -> None:
    with pytest.raises(WindlassError, match=f"run a command in pod shop/web.*{told}"):
        run(saying(*messages))


@pytest.mark.parametrize("status", [b"{", b"[]", b"{}", b"\xff"])
def test_an_end_that_is_not_the_apis_is_no_success(run: Callable[..., str], status: bytes) -> None:
    with pytest.raises(IntegrityError, match="not readable"):
        run(saying(on(STATUS, status)))


def test_an_api_server_that_cannot_begin_is_asked_again_by_who_asked(run: Callable[..., str]) -> None:
    with pytest.raises(NotReadyError, match="500 container not found"):
        run(saying(), refusal="container not found")


def test_a_command_that_does_not_end_is_given_up(run: Callable[..., str]) -> None:
    def handler(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            connection.recv()

    with pytest.raises(NotReadyError, match=r"has not ended within 0\.3 s"):
        run(handler, seconds=0.3)


@pytest.mark.parametrize("message", [b"", b"\1"])
def test_a_stream_that_says_nothing_without_end_is_given_up(run: Callable[..., str], message: bytes) -> None:
    def handler(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            while True:
                connection.send(message)

    with pytest.raises(NotReadyError, match=r"has not ended within 0\.3 s"):
        run(handler, seconds=0.3)


def test_a_connection_that_is_cut_is_told_as_that(run: Callable[..., str]) -> None:
    with pytest.raises(UnreachableError, match="run a command in pod"):
        run(lambda connection: connection.socket.close())


def test_a_kubelet_that_answers_is_not_believed(run: Callable[..., str]) -> None:
    with pytest.raises(UnreachableError, match=r"(?i)certificate"):
        run(saying(on(STDOUT, b"windlass"), on(STATUS, SUCCESS)), by="w-1/kubelet")
