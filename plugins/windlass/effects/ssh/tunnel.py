"""Local sockets whose connections come out on a host."""

from __future__ import annotations

import contextlib
import logging
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from windlass.effects.repeats import Repeats
from windlass.effects.ssh.connection import Channel
from windlass.errors import WindlassError

log = logging.getLogger(__name__)

CHUNK = 64 * 1024


class Tunnel:
    """Accepts connections on a listening socket and joins each to a stream that `open_stream` gives."""

    def __init__(self, listener: socket.socket, open_stream: Callable[[], Channel], label: str) -> None:
        self._listener = listener
        self._open_stream = open_stream
        self._label = label
        self._lock = threading.Lock()
        self._open: set[tuple[socket.socket, Channel]] = set()
        self._is_closed = False
        self._repeats = Repeats()
        self._acceptor = threading.Thread(target=self._accept, name=f"windlass-tunnel {label}", daemon=True)
        self._acceptor.start()

    def close(self) -> None:
        """Stop listening and drop the connections that are open."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            pairs = list(self._open)
        # Wakes the thread that waits in accept; closing alone would not.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        for pair in pairs:
            self._drop(pair)

    def __enter__(self) -> Self:
        """Give the tunnel itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close it."""
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                local, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(local,), name=f"windlass {self._label}", daemon=True).start()

    def _serve(self, local: socket.socket) -> None:
        try:
            stream = self._open_stream()
        except WindlassError as error:
            # The client sees only that its connection ends; the reason is here. It asks until somebody answers.
            if self._repeats.is_news(self._label, str(error)):
                log.warning("%s: %s", self._label, error)
            local.close()
            return
        except BaseException:
            local.close()
            raise
        pair = (local, stream)
        with self._lock:
            self._open.add(pair)
            is_late = self._is_closed
        upward = threading.Thread(target=_carry_up, args=pair, name=f"windlass {self._label} up", daemon=True)
        if not is_late:
            upward.start()
            _carry_down(local, stream)
            upward.join()
        self._drop(pair)

    def _drop(self, pair: tuple[socket.socket, Channel]) -> None:
        with self._lock:
            self._open.discard(pair)
        local, stream = pair
        stream.close()
        with contextlib.suppress(OSError):
            local.shutdown(socket.SHUT_RDWR)
        local.close()


class TcpForward(Tunnel):
    """A tunnel that listens on a free port of 127.0.0.1; any process on this machine can connect to it."""

    def __init__(self, open_stream: Callable[[], Channel], label: str) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self._address = ("127.0.0.1", int(listener.getsockname()[1]))
        super().__init__(listener, open_stream, label)

    @property
    def address(self) -> tuple[str, int]:
        """The local address and port."""
        return self._address


class UnixBridge(Tunnel):
    """A tunnel that listens on a Unix socket in a directory that only the current user can enter."""

    def __init__(self, open_stream: Callable[[], Channel], label: str) -> None:
        # mkdtemp gives 0700.
        self._directory = Path(tempfile.mkdtemp(prefix="windlass-"))
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self.path))
        listener.listen()
        super().__init__(listener, open_stream, label)

    @property
    def path(self) -> Path:
        """The socket."""
        return self._directory / "socket"

    def close(self) -> None:
        """Stop listening, drop open connections, remove the socket."""
        super().close()
        shutil.rmtree(self._directory, ignore_errors=True)


def _carry_up(local: socket.socket, stream: Channel) -> None:
    try:
        while data := local.recv(CHUNK):
            stream.sendall(data)
        stream.finish_input()
    except (OSError, WindlassError) as error:
        log.debug("a tunnelled connection ended: %s", error)
        stream.close()


def _carry_down(local: socket.socket, stream: Channel) -> None:
    try:
        while data := stream.recv(CHUNK):
            local.sendall(data)
        local.shutdown(socket.SHUT_WR)
    except (OSError, WindlassError) as error:
        log.debug("a tunnelled connection ended: %s", error)
        with contextlib.suppress(OSError):
            local.shutdown(socket.SHUT_RDWR)
