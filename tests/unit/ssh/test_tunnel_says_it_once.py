from __future__ import annotations

import logging
import socket

import pytest

from windlass.effects.ssh.connection import Channel
from windlass.effects.ssh.tunnel import TcpForward
from windlass.errors import UnreachableError


def refused() -> Channel:
    raise UnreachableError("cp-1: 127.0.0.1:6443: connection refused")


def test_a_tunnel_whose_other_end_refuses_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), TcpForward(refused, "cp-1:6443") as tunnel:
        for _ in range(5):
            with socket.create_connection(tunnel.address, timeout=10) as client:
                assert client.recv(1) == b"", "the reason was logged before this connection was closed"
    assert [one.getMessage() for one in caplog.records] == ["cp-1:6443: cp-1: 127.0.0.1:6443: connection refused"]
