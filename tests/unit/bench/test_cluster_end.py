"""When a cluster counts as there."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from bench import cluster_end

from windlass.effects.ssh.connection import CommandResult
from windlass.errors import NotReadyError


class Answering:
    """A host whose commands print one thing."""

    host = "cp-1"

    def __init__(self, stdout: str) -> None:
        self.stdout = stdout

    def run(self, argv: list[str], **options: object) -> CommandResult:
        return CommandResult(0, self.stdout, "")


@pytest.mark.parametrize(
    ("shown", "expected"),
    [("True True ", True), ("True False ", False), ("True ", False), ("True Unknown ", False), ("", False)],
)
def test_nodes_are_ready_when_all_that_are_wanted_are_there_and_ready(shown: str, *, expected: bool) -> None:
    host = Answering(shown)
    assert cluster_end.are_nodes_ready(host, ["kubectl"], 2) is expected  # type: ignore[arg-type]  # only `run` is called


def test_what_never_comes_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_end, "LIMIT", cluster_end.LIMIT * 0)
    with pytest.raises(NotReadyError, match="the DNS does not answer after 0:00:00"):
        cluster_end.wait_until(lambda: False, "the DNS does not answer")


@pytest.fixture
def name_server() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)
        yield server


@pytest.mark.parametrize(("answers", "exit_code"), [(1, 0), (0, 1)])
def test_a_name_server_answers_only_if_it_knows_an_address(
    name_server: socket.socket, answers: int, exit_code: int
) -> None:
    questions: list[bytes] = []

    def serve() -> None:
        query, client = name_server.recvfrom(512)
        questions.append(query)
        name_server.sendto(query[:2] + b"\x81\x80" + query[4:6] + bytes([0, answers]) + query[8:], client)

    thread = threading.Thread(target=serve)
    thread.start()
    script = cluster_end.ASK_DNS.replace(", 53)", f", {name_server.getsockname()[1]})")
    assert subprocess.run([sys.executable, "-c", script, "127.0.0.1"], check=False).returncode == exit_code
    thread.join()
    assert b"\x0akubernetes\x07default\x03svc\x07cluster\x05local\x00" in questions[0]
