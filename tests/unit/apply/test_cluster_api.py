"""The way to an API server that is ready: real TLS, to servers that stand for those of hosts in memory."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from windlass.domain.pki import Pki, issue_pki
from windlass.effects.ssh.fake import FakeHost
from windlass.errors import NotReadyError
from windlass.operations.cluster import ClusterSession
from windlass.operations.cluster_api import kubernetes_api

API = ("127.0.0.1", 6443)
Serve = Callable[[str, int], tuple[str, int]]


@pytest.fixture
def pki(played_session: ClusterSession) -> Pki:
    return issue_pki(played_session.cluster, datetime.now(UTC))


@pytest.fixture
def serve(pki: Pki, tmp_path: Path) -> Iterator[Serve]:
    """Return a function that serves /readyz with a status as a host's API server, and gives its address."""
    servers = []

    def start(host: str, status: int) -> tuple[str, int]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        leaf = pki.leaves[f"{host}/apiserver"]
        file = tmp_path / host
        file.write_text(leaf.certificate + leaf.key.reveal())
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(file)
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        servers.append((server, thread))
        return "127.0.0.1", server.server_port

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_first_that_is_ready_is_taken(
    played_session: ClusterSession, played: dict[str, FakeHost], pki: Pki, serve: Serve
) -> None:
    played["cp-1"].services[API] = serve("cp-1", 500)
    played["cp-2"].services[API] = serve("cp-2", 200)
    with kubernetes_api(played_session, pki, timedelta(seconds=10)) as client:
        assert client.is_ready()


def test_a_host_that_is_down_is_passed_over(
    played_session: ClusterSession, played: dict[str, FakeHost], pki: Pki, serve: Serve
) -> None:
    played["cp-1"].is_reachable = False
    played["cp-2"].services[API] = serve("cp-2", 200)
    with kubernetes_api(played_session, pki, timedelta(seconds=10)) as client:
        assert client.is_ready()


def test_the_reason_of_every_host_is_told_when_none_is_ready(
    played_session: ClusterSession, played: dict[str, FakeHost], pki: Pki, serve: Serve
) -> None:
    played["cp-1"].is_reachable = False
    played["cp-2"].services[API] = serve("cp-2", 500)
    with (
        pytest.raises(NotReadyError, match=r"cp-1: no connection.*; cp-2: /readyz does not say ok"),
        kubernetes_api(played_session, pki, timedelta(seconds=0)),
    ):
        pytest.fail("none is ready")
