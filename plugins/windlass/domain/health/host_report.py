"""What each host says about itself at a slower pace, and what of it is a finding."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import isfinite

from windlass.domain.health.findings import Kind
from windlass.domain.host.virtual_address import holder_problem
from windlass.domain.objects.health import workload_trouble
from windlass.errors import MALFORMED

LEAST_FREE_PERCENT = 10.0
LEAST_FREE_INODES_PERCENT = 5.0
"""kubelet itself begins to evict pods at these: its `nodefs.available` and `nodefs.inodesFree`."""
CLOCK_TOLERANCE = timedelta(seconds=2)
"""etcd and leases bear less than certificates do; preflight refuses more than this too."""
CERTIFICATE_SHARE = 1 / 3
"""Certificates are renewed when this share of their life is left."""
CERTIFICATE_FLOOR = timedelta(hours=1)
AUTHORITIES = "authorities"
"""What a report on the authorities of a host is about."""
AUTHORITY_SHARE = 1 / 4
AUTHORITY_WARNING = timedelta(days=180)
"""Authorities are told of this long before their end, or when the share is left of a shorter life."""
NODE = "node"
"""What `component` says of a finding about a node as Kubernetes sees it."""
ADDON = "addon"
ADDON_PATIENCE = 45.0
"""Longer than a pod takes to move to another node and to serve there."""
HOLDERS = "holders"
"""The topic of a report on who holds the API's virtual address; it is about no single host."""
ON_NO_HOST = {ADDON: Kind.ADDON_UNAVAILABLE, HOLDERS: Kind.VIRTUAL_ADDRESS}
"""Topics of what is on no single host and is a component of the cluster all the same, and what may be wrong with it."""
HOLDS, NOBODY = "holds", "nobody"
"""What a host says of the address if it has it, and if nobody answers it there; else it says that somebody does."""
HOLDERS_PATIENCE = 45.0
"""Longer than it takes until a host that is gone is not heard any more, and the next one has said that it holds it."""
LOCAL_KINDS = frozenset(
    {
        Kind.UNIT_DOWN,
        Kind.NODE_NOT_READY,
        Kind.DISK_FULL,
        Kind.CLOCK_OFF,
        Kind.CERTIFICATE_EXPIRING,
        Kind.AUTHORITY_EXPIRING,
        Kind.BACKUP_OLD,
        Kind.LEFT_HOST,
        Kind.ADDON_UNAVAILABLE,
        Kind.VIRTUAL_ADDRESS,
    }
)
"""Kinds that come from reports, not from looks."""
ANSWERS = "answers"
"""What a report on a host that has left says if it is back."""
_CONFIRMED = 2
"""Bad reports in a row that make a finding, and good ones that end it."""


@dataclass(frozen=True)
class HostReport:
    """One statement of a host about itself."""

    topic: str
    """unit, disk, clock, certificate, node, backup, addon, holders or left."""
    name: str
    value: str


@dataclass(frozen=True)
class Condition:
    """A report that is bad: the kind of trouble, the component it is about, and the words for people."""

    kind: Kind
    component: str
    text: str
    patience: float = 0.0
    """For how many seconds it may last until it is a finding: what is being replaced is away for a moment."""


def assess(report: HostReport) -> Condition | None:
    """Return what is wrong by one report; None if it is good, or says nothing that can be understood."""
    try:
        return _RULES[report.topic](report.name, report.value)
    except MALFORMED:
        return None


def _number(text: str) -> float:
    """Read a number; ValueError if it is none, or without end."""
    number = float(text)
    if not isfinite(number):
        raise ValueError(text)
    return number


def _unit(name: str, value: str) -> Condition | None:
    if value in {"active", "reloading", "activating", "unknown"}:
        return None
    return Condition(Kind.UNIT_DOWN, name, f"{name} {_UNIT_WORDS.get(value, f'is {value}, as systemd says')}")


def _disk(name: str, value: str) -> Condition | None:
    room, *inodes = map(_number, value.split(" "))
    short = [_too_little(name, room, LEAST_FREE_PERCENT)]
    short += [_too_little(f"the inodes of {name}", free, LEAST_FREE_INODES_PERCENT) for free in inodes]
    text = " and ".join(filter(None, short))
    return Condition(Kind.DISK_FULL, name, text) if text else None


def _too_little(what: str, free: float, least: float) -> str:
    return f"{free:g} % of {what} are free, less than {least:g} %" if free < least else ""


def _clock(name: str, value: str) -> Condition | None:
    skew = _number(value)
    if abs(skew) <= CLOCK_TOLERANCE.total_seconds():
        return None
    return Condition(Kind.CLOCK_OFF, name, f"the clock is {abs(skew):.1f} s {'ahead' if skew > 0 else 'behind'}")


def _certificate(name: str, value: str) -> Condition | None:
    messages = value.split(" ", 2)
    left, life, path = _number(messages[0]), _number(messages[1]), messages[2]
    kind = Kind.AUTHORITY_EXPIRING if name == AUTHORITIES else Kind.CERTIFICATE_EXPIRING
    if left > _warning(kind, life):
        return None
    when = "has run out" if left <= 0 else f"runs out in {timedelta(seconds=round(left))}"
    return Condition(kind, name, f"{path} {when}")


def _warning(kind: Kind, life: float) -> float:
    """Return how many seconds before the end of a certificate of such a life that is told."""
    if kind is Kind.AUTHORITY_EXPIRING:
        return min(life * AUTHORITY_SHARE, AUTHORITY_WARNING.total_seconds())
    return max(life * CERTIFICATE_SHARE, CERTIFICATE_FLOOR.total_seconds())


def _backup(name: str, value: str) -> Condition | None:
    age, allowed, *never = value.split()
    if float(age) <= float(allowed):
        return None
    old, most = timedelta(seconds=round(float(age))), timedelta(seconds=round(float(allowed)))
    text = f"the newest bundle is {old} old, more than {most}"
    if never:
        text = f"no bundle has ever come, {old} after the spec was stored; the first should within {most}"
    return Condition(Kind.BACKUP_OLD, name, text)


def _left(name: str, value: str) -> Condition | None:
    if value != ANSWERS:
        return None
    return Condition(
        Kind.LEFT_HOST, name, f"{name} has left the cluster while it did not answer; it is back, to be cleaned"
    )


def _node(name: str, value: str) -> Condition | None:
    messages = value.split(",")
    if "Ready" in messages or value == "unknown":
        return None
    return Condition(Kind.NODE_NOT_READY, NODE, f"Kubernetes says that node {name} is {value}")


def _addon(name: str, value: str) -> Condition | None:
    not_ready, *parts = value.split("|")
    missing = [part.removeprefix("missing ") for part in parts if part.startswith("missing ")]
    if missing:
        return Condition(Kind.ADDON_UNAVAILABLE, name, f"{', '.join(missing)} missing in the cluster")
    short = [part.split()[1:] for part in parts if part.startswith("short ")]
    counts = [(f"{kind} {of}", int(desired), int(there)) for kind, of, desired, there in short]
    text = "; ".join(filter(None, (workload_trouble(*one, int(not_ready)) for one in counts)))
    return Condition(Kind.ADDON_UNAVAILABLE, name, text, ADDON_PATIENCE) if text else None


def _holders(name: str, value: str) -> Condition | None:
    address, *holders = value.split()
    problem = holder_problem(address, holders)
    return Condition(Kind.VIRTUAL_ADDRESS, name, problem, HOLDERS_PATIENCE) if problem else None


_RULES = {
    "unit": _unit,
    "disk": _disk,
    "clock": _clock,
    "certificate": _certificate,
    "node": _node,
    "backup": _backup,
    "left": _left,
    ADDON: _addon,
    HOLDERS: _holders,
}


_UNIT_WORDS = {
    "hanging": "runs and does not answer",
    "restarting": "ends again and again, and is started again by systemd",
    "stuck": "has been starting for more than a minute",
}
"""What loops say of units besides systemd's own words."""


@dataclass
class ConditionTracker:
    """What the reports on one topic and name of one host have said lately."""

    bad: int = 0
    good: int = 0
    condition: Condition | None = None
    since: float = 0.0
    """When the first of the bad ones came."""
    good_since: float = 0.0
    """When the first of the good ones in a row came."""

    @property
    def is_good(self) -> bool:
        """Whether enough good reports have come in a row."""
        return self.good >= _CONFIRMED

    def take(self, condition: Condition | None, now: float) -> None:
        """Take one report in."""
        if condition is None:
            self.good_since = self.good_since if self.good else now
            self.bad, self.good = 0, self.good + 1
            if self.is_good:
                self.condition = None
            return
        if self.bad == 0 and self.condition is None:
            self.since = now
        self.bad, self.good = self.bad + 1, 0
        if self.bad >= _CONFIRMED:
            self.condition = condition
