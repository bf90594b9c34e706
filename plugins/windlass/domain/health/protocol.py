"""The lines between the watcher and the probe loops: orders there, words back; fields are separated by tabs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

from windlass.domain.health.checks import Check, CheckPlan
from windlass.domain.health.probe import Subject
from windlass.domain.health.subject import ProbeOrder
from windlass.domain.host.layout import API_PORT, PROXY_PORT
from windlass.domain.oneline import line_breaker
from windlass.domain.spec.models import Cluster
from windlass.errors import MALFORMED, SpecError

ALIVE = "alive\n"
"""Tells a loop that somebody still listens."""
NODES = f"nodes\t127.0.0.1\t{PROXY_PORT}\n"
"""Has a loop tell how Kubernetes finds its nodes, and the objects of add-ons, from the start."""
NO_NODES = "no_nodes\n"
"""Ends that."""


@dataclass(frozen=True)
class ProbeMessage:
    """One line from a probe loop: when it was said, by that host's monotonic clock, and what."""

    moment: float
    verb: str
    fields: tuple[str, ...]


def parse_message(line: str) -> ProbeMessage | None:
    """Read one line of a probe loop; None if it is none, such as what a login shell prints by itself."""
    moment, *rest = line.rstrip("\r\n").split("\t")
    try:
        said = ProbeMessage(float(moment), rest[0], tuple(rest[1:]))
    except MALFORMED:
        return None
    return said if isfinite(said.moment) else None


def subject_of(name: str) -> Subject:
    """Read what `probe_name` wrote."""
    host, _, component = name.partition("/")
    return Subject(host, component)


def probe_name(subject: Subject) -> str:
    """Return a subject as the lines name it."""
    return f"{subject.host}/{subject.component}"


def order_line(order: ProbeOrder) -> str:
    """Return an order as a loop reads it."""
    about = order.subject.component if order.verb == "inspect" else probe_name(order.subject)
    return f"{_line(order.verb, about)}\n"


def setup_lines(plan: CheckPlan, host: str, units: Sequence[str], *, is_reporter: bool = False) -> str:
    """Return what the loop on `host` has to know before it starts: what it may have to look at, and its peers.

    `is_reporter` says that it is of the control plane: it can ask Kubernetes about nodes and objects, and may hold the
    virtual address. SpecError if a name is no single field.
    """
    objects = plan.objects if is_reporter else ()
    lines = [_line("object", one.addon, one.path, one.kind, one.name) for one in objects]
    if is_reporter and plan.virtual_address is not None:
        lines.append(_line("address", plan.virtual_address, str(API_PORT)))
    return "".join(f"{line}\n" for line in (*lines, *_setup(plan, host, units)))


def _setup(plan: CheckPlan, host: str, units: Sequence[str]) -> Iterator[str]:
    for name, address in plan.hosts.items():
        if name != host:
            yield _line("peer", address, _listed(plan.reach_ports[name]))
    for check in plan.checks:
        if host in {*check.vantages, check.subject.host}:
            yield _probe(check, plan.reach_ports[check.subject.host] if host != check.subject.host else ())
    yield from (_line("unit", unit) for unit in units)
    yield "start"


def _probe(check: Check, reach_ports: Sequence[int]) -> str:
    health = check.health
    fields = (
        probe_name(check.subject),
        check.address,
        health.port,
        health.protocol,
        health.request_line,
        check.authority,
        health.client_certificate or "",
        check.thresholds.interval,
        check.thresholds.response_timeout,
        max(health.unhealthy_threshold, health.healthy_threshold) + 2,
        _listed(check.accepts),
        _listed(reach_ports),
        check.server_name,
    )
    return _line("probe", *(str(field) for field in fields))


def _listed(numbers: Sequence[int]) -> str:
    return ",".join(str(number) for number in numbers)


def _line(verb: str, *fields: str) -> str:
    for field in fields:
        # A loop runs on a host as root: whatever stands in a spec must not become an order of its own to it.
        if found := line_breaker(field):
            raise SpecError(
                f"an order `{verb}` to the probe loop: {field!r} has {found} in it; rename what is called so"
            )
    return "\t".join((verb, *fields))


def units_of(cluster: Cluster, host: str) -> tuple[str, ...]:
    """Return the systemd units that must be active on `host`."""
    member = next(member for member in cluster.spec.hosts.members if member.name == host)
    return ("docker", "windlass-containerd", "kubelet") if member.is_node else ("docker",)
