"""The SSH host keys that were trusted on first use, one object a host; the first to be written stays."""

from __future__ import annotations

from dataclasses import dataclass

from windlass.effects.ssh.connection import SshTarget
from windlass.effects.store.contract import Store
from windlass.effects.store.keys import host_keys_prefix
from windlass.errors import IntegrityError


@dataclass(frozen=True)
class HostKeys:
    """The recorded host keys of one cluster."""

    store: Store
    cluster: str

    def lines(self) -> tuple[str, ...]:
        """Return the recorded known_hosts lines."""
        found = (self.store.get(item.key) for item in self.store.list(host_keys_prefix(self.cluster)))
        return tuple(stored.data.decode() for stored in found if stored is not None)

    def record(self, target: SshTarget, line: str) -> None:
        """Store the line of a host seen for the first time; IntegrityError if another one was stored meanwhile."""
        key = host_keys_prefix(self.cluster) + target.name
        if self.store.create(key, line.encode()) is not None:
            return
        stored = self.store.get(key)
        if stored is not None and stored.data.decode() != line:
            raise IntegrityError(
                f"{target.name}: another host key is recorded for it: `{stored.data.decode()}`, not `{line}`; "
                f"if the host was reinstalled or has a new address, delete {key} from the store"
            )

    def forget(self, host: str) -> None:
        """Remove what is recorded of a host whose machine is known to be another one now."""
        self.store.delete(host_keys_prefix(self.cluster) + host)
