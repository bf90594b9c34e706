"""Who may change a cluster now: the lease's value, and the rule that decides; the store only carries it out.

A lease may outlive its run: a run that times out has its unfinished tasks skipped, teardowns among them, so that nobody
gives the lease back (https://github.com/apache/airflow/issues/30264). So the run's state decides, before the clock.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from windlass.domain.bounded import moment, shown
from windlass.errors import MALFORMED, IntegrityError, LostLeaseError, RefusedError

LEASE_LIFE = timedelta(minutes=10)
"""How long a lease lasts after its last heartbeat, where nobody can tell whether its run has ended."""
HEARTBEAT_EVERY = LEASE_LIFE / 20
"""How often a lease is beaten while a phase works: many may fail before it runs out, and a worker that was suspended
soon learns what it missed."""


@dataclass(frozen=True)
class Owner:
    """The run that holds a lease."""

    dag_id: str
    run_id: str

    def __str__(self) -> str:
        return f"{self.dag_id} (run {self.run_id})"


@dataclass(frozen=True)
class Lease:
    """The right of one run to change one cluster. A released one stays in the store, and tells who had it last."""

    owner: Owner
    operation: str
    acquired: datetime
    heartbeat: datetime
    expires: datetime
    released: bool = False
    counter: int = 0
    """Which holding of the cluster's lease this is; hosts refuse a change by an earlier one than they have seen.

    It never goes back, and outlives the release. A lease that was written before there were counters has none: 0.
    """

    def is_same_holding(self, other: Lease) -> bool:
        """Tell whether the lease was never given back nor taken over between the two, only renewed."""
        return (self.owner, self.acquired, self.released) == (other.owner, other.acquired, other.released)

    def to_bytes(self) -> bytes:
        """Return the lease as JSON."""
        return json.dumps(asdict(self), default=datetime.isoformat, indent=1).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Lease:
        """Read what `to_bytes` wrote; IntegrityError if it is not of that form."""
        try:
            document = json.loads(data)
            acquired, heartbeat, expires = (moment(document[key]) for key in ("acquired", "heartbeat", "expires"))
            owner, released = Owner(**document["owner"]), bool(document["released"])
            counter = int(document.get("counter", 0))
            return cls(owner, document["operation"], acquired, heartbeat, expires, released, counter)
        except MALFORMED as error:
            raise IntegrityError(
                f"the lease in the store is not readable ({shown(error)}); "
                "see who changes the cluster, then delete its lease.json"
            ) from error


class LeaseDecision(Enum):
    """What a run that wants the lease may do."""

    TAKE = "take"
    """Nobody holds it."""
    KEEP = "keep"
    """The run holds it already: a retried task."""
    TAKE_OVER = "take over"
    """Its holder has ended, or nobody can tell and it has run out."""
    REFUSE = "refuse"
    """Another run holds it."""


def decide(current: Lease | None, owner: Owner, *, holder_finished: bool | None, now: datetime) -> LeaseDecision:
    """Return what `owner` may do; `holder_finished` is None where nobody can tell, and only then expiry decides."""
    if current is None or current.released:
        return LeaseDecision.TAKE
    if current.owner == owner:
        return LeaseDecision.KEEP
    is_over = now >= current.expires if holder_finished is None else holder_finished
    return LeaseDecision.TAKE_OVER if is_over else LeaseDecision.REFUSE


def grant(owner: Owner, operation: str, now: datetime, last: Lease | None = None) -> Lease:
    """Return a new lease of `owner`, with a higher counter than the `last` one that was granted to anybody.

    It is not lower than the seconds since 1970, so that a store which has lost a lease, or has an old one again, does
    not count anew.
    """
    counter = max(int(now.timestamp()), 0 if last is None else last.counter + 1)
    return Lease(owner, operation, acquired=now, heartbeat=now, expires=now + LEASE_LIFE, counter=counter)


def beat(lease: Lease, now: datetime, above: int = -1) -> Lease:
    """Return `lease` with its life started over; never shortened, should the clock have gone back.

    `above` is the highest counter that a host has seen, should the store have lost count: the lease's is higher then.
    """
    return replace(
        lease,
        heartbeat=max(now, lease.heartbeat),
        expires=max(now + LEASE_LIFE, lease.expires),
        counter=max(lease.counter, above + 1),
    )


def refusal(cluster: str, holder: Lease) -> RefusedError:
    """Return the error for a run that may not have the lease, naming the run that has it."""
    return RefusedError(
        f"cluster `{cluster}` is being changed by {holder.owner}: {holder.operation}, since {holder.acquired:%H:%M:%S} "
        f"UTC, last heard of at {holder.heartbeat:%H:%M:%S}; wait for that run or stop it, then clear this task"
    )


def loss(cluster: str, owner: Owner, holder: Lease | None) -> LostLeaseError:
    """Return the error for a run that no longer has the lease it took."""
    now_held = "nobody" if holder is None or holder.released else str(holder.owner)
    return LostLeaseError(
        f"{owner} no longer holds the lease of cluster `{cluster}`, {now_held} does; "
        "nothing more is changed: look at what the other run did, then trigger the operation again"
    )
