"""The relay that stands for a slow link."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

RELAY = Path(__file__).parents[3] / "bench" / "slow_link.py"


@pytest.fixture
def echo_port() -> Iterator[int]:
    """Listen on loopback and send back whatever one client sends, until it stops."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            with client:
                while data := client.recv(65536):
                    client.sendall(data)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(timeout=20)


def test_all_bytes_arrive_in_order_and_the_relay_ends_with_its_input(echo_port: int) -> None:
    sent = bytes(range(256)) * 2000
    argv = [sys.executable, str(RELAY), "20", f"127.0.0.1:{echo_port}"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as relay:
        port = int(relay.stdout.readline())
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            writing = threading.Thread(target=lambda: (client.sendall(sent), client.shutdown(socket.SHUT_WR)))
            writing.start()
            received = b"".join(iter(lambda: client.recv(65536), b""))
            writing.join()
        _, conditions = relay.communicate(timeout=20)
    assert received == sent
    assert conditions == b""
    assert relay.returncode == 0
