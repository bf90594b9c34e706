"""A TCP relay that delays every byte: ``python slow_link.py MILLISECONDS ADDRESS:PORT …`` prints a port for each.

A process of its own, so that it takes no time from the interpreter that is measured. It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys

_BLOCK = 64 * 1024


async def main(delay: float, targets: list[str]) -> None:
    """Listen on a free port of loopback for each target until standard input is closed."""
    servers = []
    for target in targets:
        address, _, port = target.rpartition(":")
        servers.append(await asyncio.start_server(_Relay(address, int(port), delay / 2), "127.0.0.1", 0))
    for server in servers:
        print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)  # connections that are still open are dropped, without a word


class _Relay:
    def __init__(self, address: str, port: int, one_way: float) -> None:
        self._address = address
        self._port = port
        self._one_way = one_way

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._address, self._port)
        await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))
        far_writer.close()
        writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what comes, each piece as much later as the link is long, the next one not waiting for it."""
        loop = asyncio.get_running_loop()
        on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, data = await on_the_way.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                if not data:
                    break
                writer.write(data)
                await writer.drain()
            writer.write_eof()  # the other direction goes on

        delivery = asyncio.create_task(deliver())
        with contextlib.suppress(ConnectionError):  # the sender has gone: the same as its end
            while data := await reader.read(_BLOCK):
                on_the_way.put_nowait((loop.time() + self._one_way, data))
        on_the_way.put_nowait((loop.time() + self._one_way, b""))
        with contextlib.suppress(OSError):  # nobody is left to deliver to
            await delivery


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) / 1000, sys.argv[2:]))
