from __future__ import annotations

import hashlib
import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from windlass.mirror import file_server
from windlass.mirror.serving import file_server_path

CONTENT = bytes(range(256)) * 1000


def put(root: Path, name: str, content: bytes, locked: bytes | None = None) -> Path:
    path = root / "files" / name / "v1" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    lock_path = root / "lock.json"
    lock = json.loads(lock_path.read_text()) if lock_path.exists() else {"source": "modules", "artifacts": {}}
    digest = f"sha256:{hashlib.sha256(locked if locked is not None else content).hexdigest()}"
    lock["artifacts"][f"file:{name}:v1"] = {"digest": digest, "size": len(content), "origin": "build"}
    lock_path.write_text(json.dumps(lock))
    return path


@pytest.fixture
def address(tmp_path: Path) -> Iterator[tuple[str, int]]:
    with file_server.make_server(tmp_path, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield "127.0.0.1", server.server_address[1]
        server.shutdown()
        thread.join()


def ask(
    address: tuple[str, int], path: str, method: str = "GET", **headers: str
) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection(*address, timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content, answer.headers


def test_serves_a_file_that_is_what_the_lock_says(tmp_path: Path, address: tuple[str, int]) -> None:
    put(tmp_path, "tool", CONTENT)

    status, content, headers = ask(address, "/files/tool/v1/tool")

    assert (status, content) == (200, CONTENT)
    assert headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    ("wanted", "expected", "shown"),
    [
        ("bytes=0-9", CONTENT[:10], "bytes 0-9/256000"),
        ("bytes=255990-", CONTENT[255990:], "bytes 255990-255999/256000"),
        ("bytes=-5", CONTENT[-5:], "bytes 255995-255999/256000"),
        ("bytes=255990-999999", CONTENT[255990:], "bytes 255990-255999/256000"),
    ],
)
def test_serves_ranges(tmp_path: Path, address: tuple[str, int], wanted: str, expected: bytes, shown: str) -> None:
    put(tmp_path, "tool", CONTENT)

    status, content, headers = ask(address, "/files/tool/v1/tool", Range=wanted)

    assert (status, content, headers["Content-Range"]) == (206, expected, shown)


def test_refuses_a_range_beyond_the_end(tmp_path: Path, address: tuple[str, int]) -> None:
    put(tmp_path, "tool", CONTENT)

    assert ask(address, "/files/tool/v1/tool", Range="bytes=256000-")[0] == 416


def test_files_of_another_architecture_are_checked_by_their_own_digest(
    tmp_path: Path, address: tuple[str, int]
) -> None:
    put(tmp_path, "tool", CONTENT)
    own = tmp_path / "files/tool/v1/arm64/tool"
    own.parent.mkdir()
    own.write_bytes(b"for arm64")
    assert ask(address, "/files/tool/v1/arm64/tool")[0] == 500  # the lock knows that of amd64 alone

    lock = json.loads((tmp_path / "lock.json").read_text())
    digest = f"sha256:{hashlib.sha256(b'for arm64').hexdigest()}"
    lock["artifacts"]["file:tool:v1@arm64"] = {"digest": digest, "size": 9, "origin": "build"}
    (tmp_path / "lock.json").write_text(json.dumps(lock))

    assert ask(address, "/files/tool/v1/arm64/tool")[:2] == (200, b"for arm64")
    assert ask(address, "/files/tool/v1/tool")[:2] == (200, CONTENT)
    assert ask(address, "/files/tool/v1/amd64/tool")[0] == 404


def test_answers_head_with_the_size_alone(tmp_path: Path, address: tuple[str, int]) -> None:
    put(tmp_path, "tool", CONTENT)

    status, content, headers = ask(address, "/files/tool/v1/tool", method="HEAD")

    assert (status, content, headers["Content-Length"]) == (200, b"", "256000")


def test_sends_nothing_of_a_file_that_is_not_what_the_lock_says(tmp_path: Path, address: tuple[str, int]) -> None:
    put(tmp_path, "tool", CONTENT, locked=b"something else")

    status, content, _ = ask(address, "/files/tool/v1/tool")

    assert status == 500
    assert b"the lock says sha256:" in content
    assert b"windlass mirror --verify" in content


def test_notices_a_file_that_changes_after_it_was_served(tmp_path: Path, address: tuple[str, int]) -> None:
    path = put(tmp_path, "tool", CONTENT)
    assert ask(address, "/files/tool/v1/tool")[0] == 200

    path.write_bytes(b"x" + CONTENT[1:])
    os.utime(path, ns=(1, 1))  # another time than before, however coarse the clock of the file system is

    assert ask(address, "/files/tool/v1/tool")[0] == 500


def test_serves_no_file_that_the_lock_does_not_know(tmp_path: Path, address: tuple[str, int]) -> None:
    put(tmp_path, "tool", CONTENT)
    stray = tmp_path / "files/stray/v1/stray"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"?")

    status, content, _ = ask(address, "/files/stray/v1/stray")

    assert status == 500
    assert b"not in the mirror's lock" in content


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/files/tool/v1/other",
        "/files/../../etc/passwd",
        "/files/%2e%2e/v1/%2e%2e",
        "/files/absent/v1/absent",
        "/stamps/x",
    ],
)
def test_knows_nothing_else(tmp_path: Path, address: tuple[str, int], path: str) -> None:
    put(tmp_path, "tool", CONTENT)

    assert ask(address, path)[0] == 404


def test_serves_the_lock_and_says_that_it_is_healthy(tmp_path: Path, address: tuple[str, int]) -> None:
    assert ask(address, "/lock.json")[0] == 404
    put(tmp_path, "tool", CONTENT)

    assert json.loads(ask(address, "/lock.json")[1])["artifacts"].keys() == {"file:tool:v1"}
    assert ask(address, "/healthz")[:2] == (200, b"ok\n")


def test_runs_with_a_bare_python(tmp_path: Path) -> None:
    put(tmp_path, "tool", CONTENT)
    argv = [sys.executable, "-I", "-S", str(file_server_path()), "--root", str(tmp_path), "--port", "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd="/") as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline().rsplit(":", 1)[1])
            assert ask(("127.0.0.1", port), "/files/tool/v1/tool")[1] == CONTENT
        finally:
            process.terminate()
