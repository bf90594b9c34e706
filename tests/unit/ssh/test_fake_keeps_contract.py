from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from contracts.ssh import TransportContract, World, echo_stream
from windlass.effects.ssh.fake import Answer, FakeHost
from windlass.effects.ssh.fake_stream import StreamHandler


@pytest.fixture
def greeter() -> Iterator[tuple[str, int]]:
    """A service that greets as sshd does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    client.sendall(b"SSH-2.0-fake\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        yield listener.getsockname()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


class TestFake(TransportContract):
    @pytest.fixture
    def world(self, greeter: tuple[str, int]) -> Iterator[World]:
        host = FakeHost("cp-1", services={greeter: greeter})

        def script(argv: tuple[str, ...], answer: Answer | StreamHandler) -> None:
            if answer is echo_stream:
                host.on_stream(*argv, handler=echo_stream)
            else:
                host.on(*argv, answer=answer)

        connection = host.connect()
        yield World(connection, script, "/srv/contract", greeter)
        connection.close()
