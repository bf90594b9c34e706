"""A probe by curl: its words, its quoting, and that real curl does what each expectation says."""

from __future__ import annotations

import shlex
import socket
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from windlass.domain.scripts.curl import CurlProbe, Expected, require_connection, tell_blocked, tell_unreached

SOON = timedelta(seconds=5)


class Answers(BaseHTTPRequestHandler):
    """Answers with the status that the path names."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.end_headers()
        self.wfile.write(b"it says why")

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def asked(probe: CurlProbe) -> tuple[str, int]:
    done = subprocess.run(probe.argv, capture_output=True, text=True, check=False, timeout=30)
    return done.stdout, done.returncode


@pytest.mark.parametrize(
    ("expected", "good", "bad"),
    [
        ("any answer", ("it says why", 0), ("it says why", 0)),
        ("success", ("it says why", 0), ("", 22)),
        ("success or why", ("it says why", 0), ("it says why", 22)),
        ("code", ("200", 0), ("503", 0)),
        ("connection", ("", 0), ("", 0)),
    ],
)
def test_each_expectation_says_what_of_the_answer_counts(
    server: str, expected: Expected, good: tuple[str, int], bad: tuple[str, int]
) -> None:
    assert asked(CurlProbe(f"{server}/200", SOON, expected)) == good
    assert asked(CurlProbe(f"{server}/503", SOON, expected)) == bad


def test_what_nothing_answers_is_told_and_what_answers_anything_is_not(server: str) -> None:
    lines = [
        tell_unreached(CurlProbe(f"{server}/503", SOON, "connection"), "reached"),
        tell_unreached(CurlProbe("http://127.0.0.1:1", SOON, "connection"), "it's not reached"),
        tell_unreached(CurlProbe(server.replace("http", "https"), SOON, "connection"), "it is no TLS"),
    ]
    script = "\n".join([*lines, "wait"])
    done = subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "it's not reached\n"


def test_trust_limits_and_further_options_are_words_of_their_own() -> None:
    probe = CurlProbe(
        "https://192.0.2.1:2379/a path?x=1&y=$2",
        timedelta(milliseconds=1500),
        ca="/pki/ca.crt",
        client="/pki/client",
        connects_within=timedelta(seconds=1),
        is_silent=True,
        others=("-H", "Accept: application/json"),
    )
    assert probe.argv == (
        *("curl", "-fsS", "--cacert", "/pki/ca.crt", "--noproxy", "*"),
        *("--cert", "/pki/client.crt", "--key", "/pki/client.key"),
        *("-o", "/dev/null", "--connect-timeout", "1", "--max-time", "1.5", "-H", "Accept: application/json"),
        "https://192.0.2.1:2379/a path?x=1&y=$2",
    )
    assert tuple(shlex.split(str(probe))) == probe.argv


def test_any_certificate_will_do_only_where_that_is_said() -> None:
    assert "--insecure" not in CurlProbe("https://192.0.2.1", SOON).argv
    assert "--insecure" in CurlProbe("https://192.0.2.1", SOON, is_trusted=True).argv


def test_a_way_is_blocked_where_packets_do_not_come_back(server: str) -> None:
    ways = {
        "something listens": server.removeprefix("http://"),
        "nothing listens yet": "127.0.0.1:1",
        "there is no way": "255.255.255.255:6443",
    }
    lines = [
        tell_blocked(CurlProbe(f"https://{where}", SOON, "way", is_trusted=True), what) for what, where in ways.items()
    ]
    said = subprocess.run(["sh", "-c", "\n".join([*lines, "wait"])], capture_output=True, check=True, text=True)
    assert said.stdout.splitlines() == ["there is no way"]


def test_no_proxy_of_the_environment_is_asked_for_what_is_inside(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert asked(CurlProbe(f"{server}/200", SOON)) == ("it says why", 0)
    assert asked(CurlProbe(f"{server}/200", SOON, is_outside=True))[1] == 7


def connects(port: int) -> tuple[int, str]:
    script = require_connection(CurlProbe(f"telnet://127.0.0.1:{port}", timedelta(seconds=1), "way"))
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, timeout=30)
    return done.returncode, done.stderr


def test_a_service_that_says_nothing_takes_a_connection_all_the_same() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert connects(silent.getsockname()[1]) == (0, "")


def test_where_nothing_listens_the_reason_is_told() -> None:
    code, said = connects(1)
    assert code == 7
    assert "refused" in said or "ailed to connect" in said
