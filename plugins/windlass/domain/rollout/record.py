"""What is kept of a rollout while it has not ended: where it leads, and whether it is to pause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from windlass.domain.rollout.transition import merged_hosts
from windlass.domain.spec.models import Host


@dataclass(frozen=True)
class RolloutRecord:
    """A rollout between two versions, or of a changed spec, that has begun and not ended: hosts may be at either."""

    before: str
    after: str
    run: str
    """The run that went on with it last."""
    began: str
    """When it first began, as ISO 8601."""
    bundle: str = ""
    """The newest bundle when it first began: what the whole cluster goes back to. It is kept as long as this stands."""
    hosts: tuple[Mapping[str, Any], ...] = ()
    """Every host that may have anything of the cluster by now, as a spec has it: see `members`."""

    @property
    def members(self) -> tuple[Host, ...]:
        """Return `hosts` as they are in a spec."""
        return hosts_of(self.hosts)

    def __str__(self) -> str:
        way = (
            f"from {self.before} to {self.after}" if self.before != self.after else f"of a changed spec at {self.after}"
        )
        return f"the rollout {way} that began at {self.began}"


@dataclass(frozen=True)
class Pause:
    """The request that a run of a rollout ends before its next step."""

    run: str
    """The run that is to pause."""
    by: str
    """The run that asked."""
    asked: str
    """When, as ISO 8601."""
    reason: str = ""

    def __str__(self) -> str:
        return f"a pause was asked for at {self.asked} by run {self.by}{f' ({self.reason})' if self.reason else ''}"

    def holds_up(self, run: str, *, has_begun: bool) -> bool:
        """Tell whether a step of `run` is not to begin; one that has begun is done to its end."""
        return self.run == run and not has_begun


def carried_on(known: RolloutRecord | None, begun: RolloutRecord) -> RolloutRecord:
    """Return what is to be kept while `begun` is at work, given what is `known` of one that has not ended.

    What began before says since when hosts differ, and which bundle leads back. A rollout that changes no version
    leaves all of it; one that goes to another version than the known one starts over.
    """
    if known is None:
        return begun
    hosts = dump_hosts(merged_hosts(begun.members, known.members))
    if begun.before == begun.after:
        return replace(known, hosts=hosts)
    if known.after != begun.after:
        return replace(begun, hosts=hosts)
    return replace(begun, began=known.began, bundle=known.bundle, hosts=hosts)


def hosts_of(values: Iterable[Mapping[str, Any]]) -> tuple[Host, ...]:
    """Read what `dump_hosts` wrote."""
    return tuple(Host.model_validate(value) for value in values)


def dump_hosts(hosts: Iterable[Host]) -> tuple[dict[str, Any], ...]:
    """Return hosts as plain values, as a spec has them."""
    return tuple(host.model_dump(mode="json", by_alias=True) for host in hosts)


@dataclass(frozen=True)
class LeftHost:
    """A host or a role of one that left the spec, of which something may be left: it is cleaned when it answers."""

    host: Host
    """With all that it may still do."""
    since: str
    """When it left, as ISO 8601."""
    reason: str
    """Why it could not be cleaned."""
    is_gone: bool = False
    """Whether somebody said that it is gone for good."""

    def value(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"host": dump_hosts([self.host])[0], "since": self.since, "reason": self.reason, "gone": self.is_gone}

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> LeftHost:
        """Read what `value` wrote."""
        return cls(hosts_of([value["host"]])[0], value["since"], value["reason"], is_gone=value["gone"])
