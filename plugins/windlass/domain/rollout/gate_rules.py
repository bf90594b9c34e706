"""What the gate looks at, and what it makes of it; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from windlass.domain.catalog import Release
from windlass.domain.etcd.quorum import Membership
from windlass.domain.etcd.status import Alarm
from windlass.domain.rollout.gate import GateFinding, GateReport, finding, warning
from windlass.domain.rollout.quorum_gate import judge_members
from windlass.domain.rollout.removed_apis import ApiUse
from windlass.domain.rollout.step import API_SERVER, ETCD, LEAVE, PREPARE, HostState, Step
from windlass.domain.rollout.version_skew import RunningVersions, skew_problems, target_problems
from windlass.domain.rollout.workload_rules import Workloads, judge_admission, judge_pods, judge_volumes
from windlass.domain.spec.checks.flags import problems as flag_problems
from windlass.domain.spec.checks.kubelet_keys import problems as kubelet_problems
from windlass.domain.spec.models import Cluster, Role
from windlass.domain.spec.version import at_version
from windlass.operation_names import Operation

CERTIFICATE_LEFT = timedelta(days=2)
"""An upgrade that starts with less time than this left on a certificate might not see its own end."""
_NEEDED: tuple[Role, ...] = ("etcd", "control-plane")
"""Roles of which a host of the spec must answer: the cluster would be left without."""
SPARE_KIB = 1024 * 1024
"""Room that a host must have beyond what is fetched."""


@dataclass(frozen=True)
class GateInputs:
    """Everything that was seen of a cluster before an upgrade."""

    running: RunningVersions
    states: Mapping[str, HostState]
    """How each host that answers differs from the target."""
    drifted: Mapping[str, tuple[str, ...]] | None
    """What on each host is neither as the running spec has it nor as the target does; None where nobody asked."""
    unreachable: Mapping[str, str]
    membership: Membership
    etcd_reasons: Mapping[str, str]
    """Why members do not answer."""
    alarms: tuple[Alarm, ...]
    api_reasons: Mapping[str, str]
    """Why API servers are not ready."""
    workloads: Workloads
    uses: tuple[ApiUse, ...]
    expiries: Mapping[str, datetime]
    free_kib: Mapping[str, int]
    needed_kib: Mapping[str, int]
    unsure_uses: tuple[str, ...] = ()
    """Requests for removed APIs of which it cannot be told whose they were."""
    joining: tuple[str, ...] = ()
    """What stands in the way of hosts that join."""
    misfits: tuple[str, ...] = ()
    """What drivers need and hosts have not, of all hosts: a driver may be another from now on."""
    absent_nodes: frozenset[str] = frozenset()
    """Nodes that nobody expects to be Ready: they join, leave, or do not answer."""
    is_spec_changed: bool = True
    """Whether the spec or the release is to be another: else the rollout is what puts drift right."""
    to_be_made: tuple[str, ...] = ()
    """Hosts that their provider is still to make."""
    members: Membership | None = None
    """The members as etcd lists them, of which `membership` leaves out those that join and that are gone for good."""
    lacking: tuple[str, ...] = ()
    """Artifacts of the target that the mirror does not have; nothing where no step fetches any."""
    held: Mapping[str, str] = field(default_factory=dict)
    """Why parts of hosts that answer are left as they are for now: hosts that do not answer are needed for them."""

    @property
    def listed(self) -> Membership:
        """The members as etcd lists them."""
        return self.members or self.membership


def judge_gate(cluster: Cluster, target: Release, seen: GateInputs, steps: Sequence[Step], now: datetime) -> GateReport:
    """Return what the gate says of upgrading `cluster` to `target` by `steps`."""
    return GateReport(
        (
            _skew(seen, target),
            judge_flags(cluster, target),
            *_health(cluster, target, seen, steps),
            _removed_apis(seen, target),
            *judge_admission(cluster, target, seen.workloads, steps),
            *judge_pods(cluster, seen.workloads, steps),
            *([judge_volumes(seen.workloads, steps)] if any(step.kind == LEAVE for step in steps) else []),
            _certificates(seen, now),
            _disk(seen),
            finding(
                "artifacts",
                (f"the mirror lacks {what}" for what in seen.lacking),
                "fill it: `windlass mirror`, with `--only NAME` for what is optional",
                "the mirror has everything of the target",
            ),
            finding(
                "drivers",
                seen.misfits,
                "put that right first, or leave it out of the spec",
                "hosts have what they need",
            ),
            _drift(cluster, seen),
        )
    )


def _skew(seen: GateInputs, target: Release) -> GateFinding:
    problems = [*skew_problems(seen.running), *target_problems(seen.running, target)]
    remedy = f"bring that component to its cluster's version first: `{Operation.APPLY}` with the stored spec"
    return finding("version skew", problems, remedy, "every component may go to the target in one step")


def judge_flags(cluster: Cluster, target: Release) -> GateFinding:
    """Check the spec's flags against what the target's components take: one that they do not know ends them."""
    own = [name for name, component in cluster.spec.components.items() if component.extra_args]
    if own and not target.flags:
        doubt = f"what the components of {target.version} take is not recorded"
        return warning("flags", [doubt], "record it: `windlass mirror`", "")
    at_target, flags = at_version(cluster, target.version), {target.version: target.flags}
    keys = kubelet_problems(at_target, {target.version: target.kubelet_keys}, flags)
    wrong = [*flag_problems(at_target, flags), *keys]
    remedy = "change it in the spec, and start this again with that"
    return finding("flags", map(str, wrong), remedy, f"the components of {target.version} take every flag of the spec")


def _health(cluster: Cluster, target: Release, seen: GateInputs, steps: Sequence[Step]) -> Iterator[GateFinding]:
    kinds = {step.kind for step in steps}
    is_upgrade = any(one != target.version for one in seen.running.api_servers.values())
    yield _hosts(cluster, seen, is_upgrade=is_upgrade)
    if seen.joining or {PREPARE} & kinds:
        yield finding(
            "joining hosts", seen.joining, "fix the host, or take it out of the spec", "each can take its part"
        )
    yield from judge_members(cluster, seen, steps, is_upgrade=is_upgrade)
    down = [reason for name, reason in seen.api_reasons.items() if name not in seen.unreachable]
    moves_servers = is_upgrade or bool({API_SERVER, LEAVE} & kinds) or "the API" in seen.api_reasons
    judge = finding if moves_servers else warning
    yield judge("API servers", down, f"fix it first: `{Operation.REMEDIATE}`", "all API servers are ready")
    judge = finding if is_upgrade or any(step.drains for step in steps) else warning
    remedy = f"make it Ready first: `{Operation.REMEDIATE}`"
    yield judge("nodes", _nodes(cluster, seen), remedy, "all nodes are Ready")
    yield warning("outage", _outages(cluster, steps), "let everybody know, or add hosts", "nothing stops serving")


def _hosts(cluster: Cluster, seen: GateInputs, *, is_upgrade: bool) -> GateFinding:
    """Judge hosts that do not answer: they are left out, unless an upgrade would leave etcd or the API half done."""
    workers = {host.name for host in cluster.spec.hosts.members if set(host.roles) == {"worker"}}
    told = [reason for _, reason in sorted(seen.unreachable.items())]
    lost = [role for role in _NEEDED if {host.name for host in cluster.hosts_with(role)} <= seen.unreachable.keys()]
    if lost:
        told.append(f"no {' and no '.join(lost)} host of the spec answers")
    if lost or (is_upgrade and not set(seen.unreachable) <= workers):
        return finding("hosts", told, "bring the host back, or take it out of the spec", "")
    told = [f"left out: {one}" for one in told] + [f"its provider makes {name} first" for name in seen.to_be_made]
    told += [f"{name} is left as it is until they are back: {why}" for name, why in sorted(seen.held.items())]
    remedy = f"once it is back, `{Operation.APPLY}` finishes it; one that is gone for good goes with the param `gone`"
    return warning("hosts", told, remedy, "all hosts answer")


def _nodes(cluster: Cluster, seen: GateInputs) -> Iterator[str]:
    known = {node["metadata"]["name"] for node in seen.workloads.nodes}
    for host in cluster.spec.hosts.members:
        if known and host.is_node and host.name not in known | seen.absent_nodes:
            yield f"{host.name}: the API has no such node"
    for node in seen.workloads.nodes:
        conditions = node["status"].get("conditions", [])
        ready = next((one for one in conditions if one["type"] == "Ready"), None)
        is_expected = node["metadata"]["name"] not in seen.absent_nodes
        if is_expected and (ready is None or ready["status"] != "True"):
            yield f"{node['metadata']['name']}: {ready['message'] if ready and 'message' in ready else 'not Ready'}"


def _outages(cluster: Cluster, steps: Sequence[Step]) -> Iterator[str]:
    kinds = {step.kind for step in steps}
    if API_SERVER in kinds and len(cluster.hosts_with("control-plane")) == 1:
        yield "there is one API server: the API is away while it is changed (pods run on)"
    if ETCD in kinds and len(cluster.hosts_with("etcd")) < 3:
        yield f"there are {len(cluster.hosts_with('etcd'))} etcd members: the API is away while one is changed"


def _removed_apis(seen: GateInputs, target: Release) -> GateFinding:
    told = sorted({str(use) for use in seen.uses})
    remedy = (
        "have whoever uses it use the newer version, and apply the objects again in that; API servers count requests "
        "for as long as they run, so restart them afterwards, one by one"
    )
    if told or not seen.unsure_uses:
        return finding("removed APIs", told, remedy, f"nothing uses what {target.version} no longer serves")
    return warning("removed APIs", seen.unsure_uses, "make sure that no client of yours uses that", "")


def _certificates(seen: GateInputs, now: datetime) -> GateFinding:
    ending = [
        f"{name} ends at {end:%Y-%m-%d %H:%M} UTC"
        for name, end in seen.expiries.items()
        if end - now < CERTIFICATE_LEFT
    ]
    remedy = f"renew them first: `{Operation.APPLY}` with the stored spec"
    first = min(seen.expiries.values(), default=None)
    passed = f"the first one ends in {(first - now).days} days" if first else "there are none"
    return finding("certificates", ending, remedy, passed)


def _disk(seen: GateInputs) -> GateFinding:
    short = [
        f"{host}: {seen.free_kib[host] // 1024} MiB free, {(needed + SPARE_KIB) // 1024} MiB needed"
        for host, needed in seen.needed_kib.items()
        if host in seen.free_kib and seen.free_kib[host] < needed + SPARE_KIB
    ]
    return finding("disk", short, "make room on that host", "there is room for the target on every host")


def _drift(cluster: Cluster, seen: GateInputs) -> GateFinding:
    if seen.drifted is None:
        return finding("drift", (), "", "whatever else differs on a host is in the plan, and is put right")
    told = [f"{host}: {', '.join(parts)}" for host, parts in seen.drifted.items() if parts]
    passed = "every host is as its spec says"
    if cluster.spec.repair.drift == "repair" or not seen.is_spec_changed:
        return warning("drift", told, "the rollout puts it right", passed)
    return finding("drift", told, f"put it right first: `{Operation.APPLY}` with the stored spec", passed)
