"""A TCP proxy on loopback that delivers every byte late and can cut its connections: a distant or failing network.

In a process of its own: ``python -m windlass_lab.delay_proxy HOST PORT MILLISECONDS`` prints the port it listens on
and runs until its stdin ends.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Coroutine
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeVar, cast

T = TypeVar("T")


class _Side(asyncio.Protocol):
    """One end of a proxied connection; what it reads goes to its peer after the delay."""

    def __init__(self, proxy: DelayProxy) -> None:
        self._proxy = proxy
        self.peer: _Side | None = None
        self.transport: asyncio.Transport | None = None
        self._late: deque[bytes | None] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._proxy.sides.add(self)

    def data_received(self, data: bytes) -> None:
        self._postpone(data)

    def eof_received(self) -> bool:
        self._postpone(None)
        return True

    def connection_lost(self, _: Exception | None) -> None:
        self._proxy.sides.discard(self)
        self._postpone(None)

    def _postpone(self, data: bytes | None) -> None:
        self._late.append(data)
        # The queue keeps the order where two deliveries are due at the same instant.
        asyncio.get_running_loop().call_later(self._proxy.delay.total_seconds(), self._deliver)

    def _deliver(self) -> None:
        data = self._late.popleft()
        out = self.peer.transport if self.peer else None
        if out is None or out.is_closing():
            return
        if data is None:
            out.write_eof()
        else:
            out.write(data)


class _Near(_Side):
    """The accepted end; it connects the other one."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._proxy.count += 1
        self._connecting = asyncio.ensure_future(self._connect(cast("asyncio.Transport", transport)))

    async def _connect(self, transport: asyncio.Transport) -> None:
        transport.pause_reading()
        far = _Side(self._proxy)
        try:
            await asyncio.get_running_loop().create_connection(lambda: far, *self._proxy.target)
        except OSError:
            transport.abort()
            return
        far.peer, self.peer = self, far
        transport.resume_reading()


class DelayProxy:
    """Carries TCP connections to `target`; `address` is where to connect, `count` how many came."""

    def __init__(self, target: tuple[str, int], delay: timedelta = timedelta(0)) -> None:
        self.target = target
        self.delay = delay
        self.sides: set[_Side] = set()
        self.count = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="delay-proxy", daemon=True)
        self._thread.start()
        self._server = self._call(self._listen())
        self.address: tuple[str, int] = self._server.sockets[0].getsockname()[:2]

    def cut(self) -> None:
        """End all connections at once, as a reset of the network does; new ones are accepted."""
        self._call(self._abort())

    def close_listener(self) -> None:
        """Accept no new connections, as a host that is gone."""
        self._call(self._unlisten())

    def close(self) -> None:
        """Cut all connections and stop listening."""
        self.close_listener()
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        """Give the proxy itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close it."""
        self.close()

    async def _listen(self) -> asyncio.Server:
        return await self._loop.create_server(lambda: _Near(self), "127.0.0.1", 0)

    async def _unlisten(self) -> None:
        self._server.close()

    async def _abort(self) -> None:
        for side in list(self.sides):
            if side.transport:
                side.transport.abort()
        # The loop calls connection_lost in its next turn.
        await asyncio.sleep(0)

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


def main() -> None:
    """Run one proxy until stdin ends."""
    host, port, milliseconds = sys.argv[1:]
    with DelayProxy((host, int(port)), timedelta(milliseconds=float(milliseconds))) as proxy:
        sys.stdout.write(f"{proxy.address[1]}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
