"""When etcd is as it should be: its fixed point, and what is not so yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from windlass.domain.etcd.quorum import Member, Membership
from windlass.domain.etcd.status import Alarm


@dataclass(frozen=True)
class EtcdDrift:
    """One way in which etcd is not as it should be."""

    member: str
    """Name of the member as etcd lists it, or of the host that has none; empty where it is about the whole cluster."""
    text: str

    def __str__(self) -> str:
        return self.text


def etcd_drift(membership: Membership, alarms: Iterable[Alarm] = ()) -> tuple[EtcdDrift, ...]:
    """Return how etcd differs from what it should be; nothing means that it is as it should be.

    That is: the members are the etcd hosts of the spec, each of them once, all are healthy voters, and no alarm stands.
    A member that could not be asked is not known to be so.
    """
    return (
        *(EtcdDrift(one.name, f"{one.name} {text}") for one in membership.members for text in _of(one, membership)),
        *(EtcdDrift(name, f"{name} is no member") for name in sorted(membership.desired - _names(membership).keys())),
        *(EtcdDrift(name, f"{name} is {n} members") for name, n in sorted(_names(membership).items()) if n > 1),
        *(EtcdDrift("", f"alarm {alarm}") for alarm in alarms),
    )


def _of(member: Member, membership: Membership) -> Iterator[str]:
    if not member.started:
        yield "was added and never started"
        return
    if member.name not in membership.desired:
        yield "is a member and no etcd host of the spec"
    if member.health != "healthy":
        yield "could not be asked" if member.health == "unknown" else "is unhealthy"
    if member.role == "learner":
        yield "is still a learner"


def _names(membership: Membership) -> Counter[str]:
    return Counter(member.name for member in membership.members)
