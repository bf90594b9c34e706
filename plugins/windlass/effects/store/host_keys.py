"""The SSH host keys of a cluster: those trusted on first use, of which the first stays, and those accepted by word.

One object a host. A key that somebody accepted for a host that was reinstalled outweighs whatever was known of the
host by then, the spec's `knownHosts` lines too, until these name another one still.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from windlass.effects.ssh.connection import SshTarget
from windlass.effects.ssh.host_keys import HostKey, keys_of, known_hosts_line, with_accepted
from windlass.effects.store.contract import Store
from windlass.effects.store.documents import document_at, text_at
from windlass.effects.store.keys import accepted_host_keys_prefix, host_keys_prefix
from windlass.errors import IntegrityError
from windlass.operation_names import Operation


@dataclass(frozen=True)
class AcceptedHostKey:
    """A host key that somebody accepted in place of what was known."""

    line: str
    """As a line of a known_hosts file."""
    replaced: tuple[str, ...]
    """The fingerprints of the keys that it takes the place of."""
    run: str
    """The run that was told to."""
    at: str
    """When, as ISO 8601."""

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> AcceptedHostKey:
        """Read what is stored of one."""
        return cls(value["line"], tuple(value["replaced"]), value["run"], value["at"])

    def on(self, target: SshTarget) -> SshTarget:
        """Return the host's login with this key."""
        return with_accepted(target, self.line, self.replaced)


@dataclass(frozen=True)
class HostKeys:
    """The recorded host keys of one cluster."""

    store: Store
    cluster: str

    def lines(self) -> tuple[str, ...]:
        """Return the known_hosts lines of hosts that were trusted on first use."""
        found = (text_at(self.store, item.key) for item in self.store.list(host_keys_prefix(self.cluster)))
        return tuple(line for line in found if line is not None)

    def accepted(self) -> dict[str, AcceptedHostKey]:
        """Return the keys that were accepted, by host."""
        prefix = accepted_host_keys_prefix(self.cluster)
        keys = [item.key for item in self.store.list(prefix)]
        found = {key.removeprefix(prefix): document_at(self.store, key, AcceptedHostKey.of) for key in keys}
        return {host: one for host, one in found.items() if one is not None}

    def known(self, targets: Iterable[SshTarget]) -> list[SshTarget]:
        """Return logins with the keys that are recorded for them, besides those that they bring."""
        targets = list(targets)
        recorded = self.lines() if any(one.trust_on_first_use for one in targets) else ()
        accepted = self.accepted()
        found = [
            replace(one, known_hosts=(*one.known_hosts, *recorded)) if one.trust_on_first_use else one
            for one in targets
        ]
        return [accepted[one.name].on(one) if one.name in accepted else one for one in found]

    def record(self, target: SshTarget, line: str) -> None:
        """Store the line of a host seen for the first time; IntegrityError if another one was stored meanwhile."""
        key = host_keys_prefix(self.cluster) + target.name
        if self.store.create(key, line.encode()) is not None:
            return
        stored = self.store.get(key)
        if stored is not None and stored.data.decode() != line:
            raise IntegrityError(
                f"{target.name}: another host key is recorded for it: `{stored.data.decode()}`, not `{line}`; "
                f"if the host was reinstalled, name it in the param accept_new_host_key of {Operation.APPLY}; if it "
                f"has a new address, delete {key} from the store"
            )

    def accepted_of(self, target: SshTarget, shown: HostKey, run: str, at: datetime) -> AcceptedHostKey:
        """Return what is recorded where `shown` is accepted in place of all that `target` knows of its host."""
        before = self.accepted().get(target.name)
        known = {key.fingerprint for key in keys_of(target)} | set(before.replaced if before else ())
        replaced = tuple(sorted(known - {shown.fingerprint}))
        return AcceptedHostKey(known_hosts_line(target, shown), replaced, run, at.isoformat(timespec="seconds"))

    def accept(self, host: str, accepted: AcceptedHostKey) -> None:
        """Store that a key is the host's from now on."""
        document = json.dumps(asdict(accepted), indent=1).encode()
        self.store.put(accepted_host_keys_prefix(self.cluster) + host, document)
        self.store.delete(host_keys_prefix(self.cluster) + host)

    def forget(self, host: str) -> None:
        """Remove what is recorded of a host whose machine is known to be another one now."""
        self.store.delete(host_keys_prefix(self.cluster) + host)
        self.store.delete(accepted_host_keys_prefix(self.cluster) + host)
