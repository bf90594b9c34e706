"""An Airflow with Windlass's plugin, as far as a laptop sees it, on this machine's loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from unit.people.samples import ACCESS, ADA
from windlass.domain.people import read_request, sign_person

PASSWORD = "correct horse"
EVENTS = [
    {
        "name": f"2026/11/29/20261129T1200{second}.000000Z-x-0000.json",
        "time": f"2026-11-29T12:00:{second}+00:00",
        "operation": "heal_cluster",
        "text": text,
        "level": "warning",
    }
    for second, text in (("02", "second"), ("01", "first"))
]


class FakeAirflow(ThreadingHTTPServer):
    """Answers as Airflow and the plugin in it do, and keeps what it was sent."""

    def __init__(self, handler: type[BaseHTTPRequestHandler] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), handler or FakeHandler)
        self.sent: list[tuple[str, str]] = []
        self.token, self.refusal, self.minutes = "t1", (0, ""), 60

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def paths(self) -> list[str]:
        """Return the path of each request."""
        return [path for path, _ in self.sent]


class FakeHandler(BaseHTTPRequestHandler):
    """Answers about the cluster `demo`."""

    server: FakeAirflow

    def do_GET(self) -> None:
        """Answer."""
        self._answer("")

    def do_POST(self) -> None:
        """Answer."""
        self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def _answer(self, body: str) -> None:
        self.server.sent.append((self.path, body))
        code, document = self.found(body)
        data = json.dumps(document).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def found(self, body: str) -> tuple[int, Any]:
        """Return the answer to a request: its status, and its document."""
        if self.path == "/auth/token":
            is_right = json.loads(body) == {"username": "ada", "password": PASSWORD}
            return (201, {"access_token": self.server.token}) if is_right else (401, {"detail": "Invalid credentials"})
        if self.headers["Authorization"] != f"Bearer {self.server.token}":
            return 403, {"detail": "Invalid JWT token"}
        code, why = self.server.refusal
        return (code, {"detail": why}) if code else self.of_demo(body)

    def of_demo(self, body: str) -> tuple[int, Any]:
        """Return the answer to whoever has logged in."""
        contexts = [{"name": "demo", "server": "https://192.0.2.11:6443"}]
        found: dict[str, Callable[[], Any]] = {
            "": lambda: {"name": "demo"},
            "/log": lambda: [] if "after=2026" in self.path else EVENTS,
            "/access": lambda: {"cluster": "demo", "contexts": contexts, "authority": ACCESS.server_authority},
            "/credential": lambda: self._issue(body),
        }
        head, _, rest = self.path.partition("?")[0].partition("/windlass/api/clusters/demo")
        return (404, {"detail": "there is no such cluster"}) if head or rest not in found else (200, found[rest]())

    def _issue(self, body: str) -> dict[str, Any]:
        now = datetime.now(UTC)
        access = type(ACCESS)(**{**ACCESS.__dict__, "minutes": self.server.minutes})
        issued = sign_person(access, ADA, read_request(json.loads(body)["csr"]), now)
        times = {"issued": now.isoformat(), "expires": issued.expires.isoformat()}
        return {"certificate": issued.certificate, "user": issued.user, "groups": list(issued.groups), **times}

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(server: FakeAirflow) -> Iterator[FakeAirflow]:
    """Serve until the end of the block."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
