"""What surrounds a process in the world: its store, its clocks, its ways to hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Self

from windlass.effects.ssh.connection import SshTarget
from windlass.effects.ssh.fake import FakeHosts
from windlass.effects.ssh.host_keys import HostKey
from windlass.effects.store.memory import MemoryStore
from world.deaths import Boundaries
from world.machine import Machine

_WRITES = ("put", "create", "replace", "create_from", "delete")
_MOMENT = timedelta(milliseconds=1)
"""What passes while a clock is read, so that no two readings are the same."""


class MortalStore(MemoryStore):
    """A store that a process may die at, before a write and after it."""

    def __init__(self, boundaries: Boundaries) -> None:
        super().__init__()
        for name in _WRITES:
            setattr(self, name, self._mortal(getattr(self, name), boundaries))

    @property
    def objects(self) -> dict[str, bytes]:
        """All that is stored, by key."""
        return self._objects

    @objects.setter
    def objects(self, objects: dict[str, bytes]) -> None:
        self._objects = objects

    @staticmethod
    def _mortal(write: Callable[..., Any], boundaries: Boundaries) -> Callable[..., Any]:
        def wrapped(*arguments: Any) -> Any:
            boundaries.cross("store")
            result = write(*arguments)
            boundaries.cross("store")
            return result

        return wrapped


class HostsWithKeys(FakeHosts):
    """The hosts of machines, which show the key of their system to whoever asks."""

    def __init__(self, machines: Iterable[Machine]) -> None:
        self._machines = {machine.name: machine for machine in machines}
        super().__init__(machine.host for machine in self._machines.values())

    def host_key(self, target: SshTarget) -> HostKey:
        """Return the key that a host shows."""
        return HostKey("ssh-ed25519", f"{target.name} {self._machines[target.name].installation}".encode())


class WorldClock:
    """The time, which runs ahead between one process and the next: nobody is tried again within a second.

    Who waits sets it forward, so that waiting takes no time. Nothing else does but a reading, by a moment: what is done
    in this world does not depend on how busy the machine is that shows it.
    """

    def __init__(self) -> None:
        self._began = datetime.now(UTC)
        self._ahead = timedelta()
        self._slept = 0.0

    def now(self, zone: tzinfo) -> datetime:
        """Return the time of day."""
        self._ahead += _MOMENT
        return (self._began + self._ahead).astimezone(zone)

    def monotonic(self) -> float:
        """Return the seconds waited so far."""
        return self._slept

    def save(self) -> tuple[timedelta, float]:
        """Return how far it is, for `restore`."""
        return self._ahead, self._slept

    def restore(self, saved: tuple[timedelta, float]) -> None:
        """Let it be as late as it was."""
        self._ahead, self._slept = saved

    def set_back(self, by: timedelta) -> None:
        """Let it be as long ago as that."""
        self._ahead = -by

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self._ahead += timedelta(seconds=seconds)
        self._slept += seconds

    def advance(self) -> None:
        """Let some seconds pass."""
        self.sleep(7)


class Way:
    """A tunnel to a port of a machine; whoever is to be reached there is found by the machine's name."""

    def __init__(self, name: str, port: int) -> None:
        self.address = (name, port)

    def close(self) -> None:
        """Close it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
