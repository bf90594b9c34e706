from __future__ import annotations

import subprocess

import pytest

from windlass.domain.scripts.script import Script
from windlass.effects.ssh.fake import Call, FakeHost
from windlass.operations.cluster import run_script


def run_as_sent(sent: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["sh", "-s"], input=sent, capture_output=True, check=False, timeout=30)


@pytest.fixture
def sent() -> bytes:
    host = FakeHost("cp-1")
    received: list[bytes] = []

    def answer(call: Call) -> str:
        received.append(call.stdin or b"")
        return run_as_sent(received[0]).stdout.decode()

    host.on("sh", "-s", answer=answer)
    assert run_script(host.connect(), Script("say-changes", {}, "set -eu\necho changed: one\necho changed: two")) == (
        "one",
        "two",
    )
    return received[0]


def test_a_script_that_arrives_in_part_does_nothing(sent: bytes) -> None:
    for size in range(len(sent.rstrip()) - 1):
        assert run_as_sent(sent[:size]).stdout == b""


def test_a_script_that_fails_ends_with_its_code() -> None:
    host = FakeHost("cp-1")
    host.on("sh", "-s", answer=lambda call: f"changed: {run_as_sent(call.stdin or b'').returncode}")
    assert run_script(host.connect(), Script("end", {}, "set -e\nexit 65\n")) == ("65",)
    assert run_script(host.connect(), Script("end", {}, "set -e\nfalse\necho never\n")) == ("1",)
