"""Real SSH servers on loopback, one for each address asked for, that take in what a command is given and end it.

Run as a process of its own: `python -m bench.loopback_sinks PORT HOST_KEY`. It says `ready` when it listens, and ends
with its standing input. What a host would do by the command is somebody else's to simulate.
"""

from __future__ import annotations

import asyncio
import sys

import asyncssh


class _Server(asyncssh.SSHServer):
    """Lets everybody in: what is measured is the other side."""

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002
        return False


async def _take_in(process: asyncssh.SSHServerProcess[bytes]) -> None:
    while await process.stdin.read(65536):
        pass
    process.exit(0)


async def serve(port: int, host_key: str) -> None:
    """Serve until standing input ends."""
    await asyncssh.listen(
        "0.0.0.0",  # noqa: S104 - all of 127.0.0.0/8; only loopback addresses are ever asked for
        port,
        server_factory=_Server,
        server_host_keys=[host_key],
        process_factory=_take_in,
        encoding=None,
        line_editor=False,
        backlog=512,
    )
    print("ready", flush=True)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))
