"""Real SSH servers on loopback, one for each address that is asked for, behind which simulated hosts answer.

Run as a process of its own: `python -m bench.loopback_hosts PORT HOST_KEY`. Each line on stdin is an order to the
simulated world: `end ADDRESS PORT` or `fix ADDRESS PORT`. It says `ready` when it listens.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import asyncssh

from windlass.effects.probe.simulated import SimulatedLine, SimulatedWorld
from windlass.effects.ssh.listening import Listener


def loopback(address: str) -> str:
    """Return the loopback address at which the simulated host of an address 10.x.x.x answers."""
    return address.replace("10.", "127.", 1)


def simulated(address: str) -> str:
    """Return the address that `loopback` was given."""
    return address.replace("127.", "10.", 1)


class _Server(asyncssh.SSHServer):
    """Lets everybody in: what is measured is the other side."""

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002
        return False


async def serve(port: int, host_key: Path) -> None:
    """Serve until stdin ends."""
    world = SimulatedWorld(seed=1)

    async def answer(process: asyncssh.SSHServerProcess[bytes]) -> None:
        address = simulated(str(process.get_extra_info("sockname")[0]))
        size = int(await process.stdin.readline())
        await process.stdin.readexactly(size)

        def say(text: str) -> None:
            # At the end of a run the other side is gone first.
            with contextlib.suppress(BrokenPipeError):
                process.stdout.write(f"{text}\n".encode())

        line = SimulatedLine(world, address, Listener(say, print))
        world.lines[address] = line
        async for order in process.stdin:
            line.write(order.decode())
        line.close()

    await asyncssh.listen(
        "0.0.0.0",  # noqa: S104 - all of 127.0.0.0/8; only loopback addresses are ever asked for
        port,
        server_factory=_Server,
        server_host_keys=[str(host_key)],
        process_factory=answer,
        encoding=None,
        line_editor=False,
    )
    print("ready", flush=True)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while order := (await reader.readline()).decode().split():
        verb, address, number = order
        (world.end if verb == "end" else world.mend)(address, int(number))


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
