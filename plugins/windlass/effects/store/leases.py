"""Leases by conditional writes: one run at a time changes a cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from windlass.domain.lease import Lease, LeaseDecision, Owner, beat, decide, grant, loss, refusal
from windlass.effects.store.contract import Store
from windlass.effects.store.keys import lease_key
from windlass.errors import NotReadyError

_ROUNDS = 10
"""How often a run that lost a race looks again; each lost round means that another writer won one."""

_ANYBODY = Owner("", "")
"""No run has this name: what is refused to it is refused to all but the holder."""


@dataclass(frozen=True)
class Leases:
    """The leases of all clusters in a store.

    `is_finished` tells whether the run of another owner has ended, and returns None where it cannot tell; then, and
    only then, the lease's own expiry decides. Losing a race is no error: the winner is read, and the rule asked again.
    """

    store: Store
    is_finished: Callable[[Owner], bool | None]
    clock: Callable[[], datetime]
    """The time now, with its zone."""
    key: Callable[[str], str] = lease_key
    """Where the lease of a cluster lies: backups and drills have leases of their own, beside that of operations."""

    def current(self, cluster: str) -> Lease | None:
        """Return the lease of `cluster`, or None if nobody holds it."""
        lease, _ = self._read(cluster)
        return None if lease is None or lease.released else lease

    def effective(self, cluster: str) -> Lease | None:
        """Return the lease that keeps others away; None if nobody has it, or whoever had it is gone without a word."""
        lease = self.current(cluster)
        if lease is None:
            return None
        verdict = decide(lease, _ANYBODY, holder_finished=self.is_finished(lease.owner), now=self.clock())
        return lease if verdict is LeaseDecision.REFUSE else None

    def last(self, cluster: str) -> Lease | None:
        """Return the lease as it was last held, given back or not; None if nobody ever held it."""
        return self._read(cluster)[0]

    def acquire(self, cluster: str, owner: Owner, operation: str) -> Lease:
        """Take the lease, or keep it if `owner` has it; RefusedError names the run that holds it instead."""
        for _ in range(_ROUNDS):
            lease, tag = self._read(cluster)
            desired = self._desired(cluster, lease, owner, operation)
            if self._write(cluster, desired, tag):
                return desired
        raise NotReadyError(f"cluster `{cluster}`: its lease changed {_ROUNDS} times while {owner} asked for it")

    def heartbeat(self, cluster: str, owner: Owner) -> Lease:
        """Begin the life of the owner's lease again; RefusedError if it no longer holds it. Ask before each change.

        A run that gave it back and was taken up again, by clearing its failed tasks, has it back unless another had it
        meanwhile.
        """
        for _ in range(_ROUNDS):
            lease, tag = self._read(cluster)
            if lease is None or lease.owner != owner:
                raise loss(cluster, owner, lease)
            now = self.clock()
            renewed = grant(owner, lease.operation, now, lease) if lease.released else beat(lease, now)
            if self._write(cluster, renewed, tag):
                return renewed
        raise NotReadyError(f"cluster `{cluster}`: its lease changed {_ROUNDS} times while {owner} renewed it")

    def renew(self, cluster: str, held: Lease, above: int = -1) -> Lease:
        """Begin the life of a lease again while it is `held`; LostLeaseError if it was given back or taken meanwhile.

        Unlike `heartbeat` it takes back nothing: a worker that slept until its run was over is not that run any more.
        A counter that is not higher than `above` is raised.
        """
        for _ in range(_ROUNDS):
            lease, tag = self._read(cluster)
            if lease is None or not lease.is_same_holding(held):
                raise loss(cluster, held.owner, lease)
            renewed = beat(lease, self.clock(), above)
            if self._write(cluster, renewed, tag):
                return renewed
        raise NotReadyError(f"cluster `{cluster}`: its lease changed {_ROUNDS} times while {held.owner} renewed it")

    def release(self, cluster: str, owner: Owner) -> bool:
        """Give the lease back; False if `owner` did not hold it (any more), which changes nothing."""
        for _ in range(_ROUNDS):
            lease, tag = self._read(cluster)
            if lease is None or lease.released or lease.owner != owner:
                return False
            # Written, not deleted: a conditional delete is not something that every S3 server knows.
            if self._write(cluster, replace(lease, released=True, heartbeat=self.clock()), tag):
                return True
        raise NotReadyError(f"cluster `{cluster}`: its lease changed {_ROUNDS} times while {owner} released it")

    def _desired(self, cluster: str, lease: Lease | None, owner: Owner, operation: str) -> Lease:
        now = self.clock()
        is_others = lease is not None and not lease.released and lease.owner != owner
        finished = self.is_finished(lease.owner) if lease is not None and is_others else None
        match decide(lease, owner, holder_finished=finished, now=now), lease:
            case LeaseDecision.REFUSE, Lease() as holder:
                raise refusal(cluster, holder)
            case LeaseDecision.KEEP, Lease() as own:
                return beat(own, now)
            case _:
                return grant(owner, operation, now, lease)

    def _read(self, cluster: str) -> tuple[Lease | None, str | None]:
        stored = self.store.get(self.key(cluster))
        return (None, None) if stored is None else (Lease.from_bytes(stored.data), stored.tag)

    def _write(self, cluster: str, lease: Lease, tag: str | None) -> bool:
        key, data = self.key(cluster), lease.to_bytes()
        written = self.store.create(key, data) if tag is None else self.store.replace(key, data, tag)
        return written is not None


@dataclass(frozen=True)
class RunLease:
    """The lease of one cluster as one run holds it or asks for it; see `Leases` for the errors."""

    leases: Leases
    cluster: str
    owner: Owner
    """The run; the DAG that it is of is the operation that others read of."""

    def current(self) -> Lease | None:
        """Return the lease, whoever holds it; None if nobody does."""
        return self.leases.current(self.cluster)

    def effective(self) -> Lease | None:
        """Return the lease that keeps others away, whoever holds it; None if nobody is kept away."""
        return self.leases.effective(self.cluster)

    def last(self) -> Lease | None:
        """Return the lease as it was last held, by whomever, released or not; None if nobody ever held it."""
        return self.leases.last(self.cluster)

    def acquire(self) -> Lease:
        """Take the lease, or keep it if this run has it; RefusedError names the run that holds it instead."""
        return self.leases.acquire(self.cluster, self.owner, self.owner.dag_id)

    def heartbeat(self) -> Lease:
        """Renew this run's lease; RefusedError if it no longer holds it. Ask before each change."""
        return self.leases.heartbeat(self.cluster, self.owner)

    def renew(self, held: Lease, above: int = -1) -> Lease:
        """Renew the lease as it is `held`; LostLeaseError if it no longer is. See `Leases.renew`."""
        return self.leases.renew(self.cluster, held, above)

    def release(self) -> bool:
        """Release the lease; False if this run did not hold it (any more), which changes nothing."""
        return self.leases.release(self.cluster, self.owner)

    def was_abandoned(self) -> bool:
        """Tell whether another run that has ended still holds the lease: it died, and may have left things undone."""
        lease = self.current()
        return lease is not None and lease.owner != self.owner and self.leases.is_finished(lease.owner) is True
