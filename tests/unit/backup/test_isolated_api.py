"""Many requests by one real curl, against a server with the certificates of a throwaway API server."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from windlass.domain.backup import BundleState
from windlass.domain.pki import Pki
from windlass.domain.scripts.isolated_api import ApiRequest, exchange_input, exchange_script, read_answers
from windlass.domain.scripts.restore_drill import Images, plan_drill
from windlass.domain.spec import Cluster, dump_cluster
from windlass.errors import NotReadyError

MARK = "0123abcd"
ODD = json.dumps({"text": 'a "quoted"\\ line\nand another\ttab @ % {}', "word": "hunter2"})


class Echo(BaseHTTPRequestHandler):
    """Tells what it was asked."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        status = 404 if self.path == "/none" else 200
        told = {"method": self.command, "path": self.path, "body": body, "accept": self.headers["Accept"]}
        content = json.dumps(told, indent=1).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = _answer  # noqa: N815 - as http.server calls them

    def log_message(self, *_: object) -> None:
        """Keep still."""


@pytest.fixture
def certificates(tmp_path: Path, cluster: Cluster, pki: Pki) -> Path:
    """The directory of the certificates that a throwaway API server and whoever asks it have."""
    state = BundleState(pki, dump_cluster(cluster), encrypts_secrets=True, images={}, stacks={})
    for path, content in plan_drill("one", Images("e", "a"), 1, state, datetime.now(UTC)).files.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return tmp_path / "etc" / "pki"


@pytest.fixture
def port(certificates: Path) -> Iterator[int]:
    """Where a server listens that wants just these clients."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificates / "apiserver.crt", certificates / "apiserver.key")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def ask(certificates: Path, port: int, *requests: ApiRequest) -> str:
    told = exchange_input(requests, str(certificates), MARK).replace("::127.0.0.1:", f"::127.0.0.1:{port}")
    done = subprocess.run(["curl", "--config", "-"], input=told.encode(), capture_output=True, check=False)
    return done.stdout.decode()


def test_each_request_is_answered_in_turn_with_its_own_body_and_status(certificates: Path, port: int) -> None:
    requests = (
        ApiRequest("/api/v1/namespaces/shop/secrets?limit=500"),
        ApiRequest("/none"),
        ApiRequest("/api/v1/x?dryRun=All", "PUT", ODD),
        ApiRequest("/apis/g/v1/%5Bodd%5D", "POST", "{}", accept="application/json;as=Odd"),
        ApiRequest("/last"),
    )
    answers = read_answers(ask(certificates, port, *requests), len(requests), MARK)
    assert [one.status for one in answers] == [200, 404, 200, 200, 200]
    told = [json.loads(one.body) for one in answers]
    assert [(one["method"], one["path"], one["body"], one["accept"]) for one in told] == [
        (one.method, one.path, one.body, one.accept) for one in requests
    ]


def test_where_nothing_listens_each_answer_is_none(certificates: Path) -> None:
    requests = (ApiRequest("/a"), ApiRequest("/b", "PUT", "{}"))
    answers = read_answers(ask(certificates, 1, *requests), 2, MARK)
    assert [(one.status, one.body, one.is_good) for one in answers] == [(0, "", False), (0, "", False)]


def test_too_few_answers_are_no_answer() -> None:
    with pytest.raises(NotReadyError, match="1 of 2"):
        read_answers(f"{{}}\n{MARK} 200\n", 2, MARK)


def test_nothing_that_is_asked_for_is_in_the_words_of_a_command() -> None:
    assert exchange_script().text.endswith("curl --config -\n")
    assert "hunter2" not in repr(ApiRequest("/x", "PUT", ODD))
