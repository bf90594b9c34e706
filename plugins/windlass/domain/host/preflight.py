"""Preflight: whether hosts can take a cluster, judged from what they said, before anything is changed.

Every check looks at every host, so that one report shows all there is to fix.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from windlass.domain.host.engine_fit import engine_fit
from windlass.domain.host.facts import HostFacts, major_and_minor
from windlass.domain.host.layout import (
    API_PORT,
    CONTROLLER_MANAGER_PORT,
    DATA,
    ETCD_CLIENT_PORT,
    ETCD_PEER_PORT,
    ETCD_STATUS_PORT,
    KUBELET_PORT,
    PROXY_PORT,
    PROXY_STATUS_PORT,
    SCHEDULER_PORT,
)
from windlass.domain.host.left_there import engine_settings, leftovers, login, room
from windlass.domain.host.reach import machines_of_two, wrong_node_addresses
from windlass.domain.host.virtual_address import AddressProbe, wrong_virtual_address
from windlass.domain.spec.models import Cluster, Host
from windlass.errors import RefusedError

MAX_CLOCK_SKEW_SECONDS = 5.0
"""etcd warns from 1 s on and certificates are dated 5 minutes back; 5 s leaves room for a slow answer."""
MIN_DISK_FREE_KIB = 2 * 1024 * 1024
MIN_MEMORY_KIB = {"control-plane": 1_700_000, "etcd": 900_000, "worker": 700_000}
MIN_KERNEL = (5, 4)
MAX_FSYNC_MILLISECONDS = 100.0
"""etcd's own advice is 10 ms at the 99th percentile; beyond 100 ms its elections become unstable."""

PORTS = {
    "etcd": {ETCD_CLIENT_PORT: "etcd clients", ETCD_PEER_PORT: "etcd peers", ETCD_STATUS_PORT: "etcd health"},
    "control-plane": {
        API_PORT: "API server",
        CONTROLLER_MANAGER_PORT: "controller manager",
        SCHEDULER_PORT: "scheduler",
        KUBELET_PORT: "kubelet",
    },
    "worker": {KUBELET_PORT: "kubelet"},
}
_DATA_PATHS = (DATA, "/var/lib", "/")
_TOOLS = {"iptables": "iptables", "curl": "curl", "mount": "mount"}


@dataclass(frozen=True)
class PreflightAnswer:
    """What one host answered: its facts and what it reaches, or why there is no answer."""

    facts: HostFacts | None
    unreachable: str = ""
    owner: str = ""
    """The other cluster that the host belongs to, which is why nothing else was asked."""
    cannot_reach: tuple[str, ...] = ()
    """Names of hosts, or the mirror's address, that this host got no answer from."""
    fsync_milliseconds: float | None = None
    address: AddressProbe = field(default_factory=AddressProbe)
    """What it found out about the API's virtual address, where it is to hold one."""


@dataclass(frozen=True)
class PreflightFinding:
    """One thing that stands in the way, and what to do."""

    host: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.host}: {self.problem}; {self.remedy}"


def check_hosts(
    cluster: Cluster,
    answers: Mapping[str, PreflightAnswer],
    taken: Mapping[str, str] | None = None,
    *,
    brings_engine: bool,
) -> list[PreflightFinding]:
    """Judge every host of `cluster`; an empty list means that all of them can take it.

    `taken` are the addresses of other clusters' hosts, with whose each is. Where Docker Engine is missing a mirror
    `brings_engine`; else it comes from the host's own distribution.
    """
    findings = []
    for host in cluster.spec.hosts.members:
        answer = answers[host.name]
        if answer.owner:
            findings.append(foreign_host(host.name, answer.owner))
            continue
        if answer.facts is None:
            remedy = "check that it is up, its address and port, the login and the firewall"
            findings.append(PreflightFinding(host.name, f"no answer: {answer.unreachable}", remedy))
            continue
        findings += [PreflightFinding(host.name, *told) for told in wrong_node_addresses(host, answer.facts)]
        findings += _check_system(host, answer.facts)
        engine = engine_fit(answer.facts, brings_engine=brings_engine)
        findings += [PreflightFinding(host.name, problem, remedy) for problem, remedy in engine]
        findings += _check_software(host, answer.facts)
        findings += _check_left_there(host, answer.facts)
        findings += _check_room(host, answer)
        findings += _check_ports(cluster, host, answer.facts)
        findings += _check_clock(host, answer.facts)
        findings += _check_surroundings(host, answer)
    facts = {name: answer.facts for name, answer in answers.items()}
    probes = {name: answer.address for name, answer in answers.items()}
    addresses = (
        *machines_of_two(cluster, facts, taken or {}),
        *wrong_virtual_address(cluster, facts, probes),
    )
    return [
        *findings,
        *_check_unique(cluster, answers),
        *(PreflightFinding(name, *told) for name, told in addresses),
    ]


def foreign_host(name: str, owner: str) -> PreflightFinding:
    """Return the finding of a host that the cluster `owner` has."""
    remedy = f"delete that cluster first, or take {name} out of one of the two specs"
    return PreflightFinding(name, f"it belongs to the cluster `{owner}`", remedy)


def refuse(findings: Sequence[PreflightFinding]) -> None:
    """RefusedError that lists all findings, if there are any."""
    if findings:
        lines = "\n".join(f"  {finding}" for finding in findings)
        hosts = len({finding.host for finding in findings})
        raise RefusedError(f"preflight: {len(findings)} problem(s) on {hosts} host(s); nothing was changed\n{lines}")


def _check_system(host: Host, facts: HostFacts) -> Iterator[PreflightFinding]:
    if facts.init != "systemd":
        yield PreflightFinding(host.name, f"process 1 is `{facts.init}`", "use a host that runs systemd")
    if major_and_minor(facts.kernel) < MIN_KERNEL:
        yield PreflightFinding(
            host.name, f"kernel {facts.kernel}", f"upgrade to {MIN_KERNEL[0]}.{MIN_KERNEL[1]} or later"
        )
    if facts.cgroup_version == 0:
        yield PreflightFinding(host.name, "no cgroups are mounted", "mount cgroup v2 at /sys/fs/cgroup")
    if facts.swaps:
        remedy = "run `swapoff -a` and take it out of /etc/fstab"
        yield PreflightFinding(host.name, f"swap is on ({', '.join(facts.swaps)})", remedy)


def _check_software(host: Host, facts: HostFacts) -> Iterator[PreflightFinding]:
    for tool, package in _TOOLS.items():
        if tool not in facts.tools:
            yield PreflightFinding(host.name, f"`{tool}` is missing", f"install the package {package}")
    only_loopback = bool(facts.nameservers) and all(ip_address(server).is_loopback for server in facts.nameservers)
    if only_loopback and facts.resolv_conf == "/etc/resolv.conf":
        remedy = "name real servers there, since CoreDNS would ask itself in a loop"
        yield PreflightFinding(host.name, "/etc/resolv.conf names only a loopback server", remedy)


def _check_left_there(host: Host, facts: HostFacts) -> Iterator[PreflightFinding]:
    for told in (leftovers(facts), room(facts), engine_settings(facts), login(facts)):
        for problem, remedy in told:
            yield PreflightFinding(host.name, problem, remedy)


def _check_room(host: Host, answer: PreflightAnswer) -> Iterator[PreflightFinding]:
    facts = answer.facts
    if facts is None:
        return
    free = next((facts.disk_free_kib[path] for path in _DATA_PATHS if path in facts.disk_free_kib), 0)
    if free < MIN_DISK_FREE_KIB:
        problem = f"{free // 1024} MiB free for {DATA}"
        yield PreflightFinding(host.name, problem, f"make room for at least {MIN_DISK_FREE_KIB // 1024} MiB")
    needed = max(MIN_MEMORY_KIB[role] for role in host.roles)
    if facts.memory_kib < needed:
        problem = f"{facts.memory_kib // 1024} MiB of memory"
        yield PreflightFinding(host.name, problem, f"its roles need at least {needed // 1024} MiB")
    if answer.fsync_milliseconds is not None and answer.fsync_milliseconds > MAX_FSYNC_MILLISECONDS:
        problem = f"a write to disk takes {answer.fsync_milliseconds:.0f} ms"
        remedy = f"etcd needs well under {MAX_FSYNC_MILLISECONDS:.0f} ms; use a faster disk"
        yield PreflightFinding(host.name, problem, remedy)


def _check_ports(cluster: Cluster, host: Host, facts: HostFacts) -> Iterator[PreflightFinding]:
    if facts.cluster == cluster.metadata.name:
        return  # what listens there is ours
    if facts.cluster is not None:
        yield foreign_host(host.name, facts.cluster)
        return
    desired = {PROXY_PORT: "API proxy", PROXY_STATUS_PORT: "API proxy's status"}
    for role in host.roles:
        desired |= PORTS[role]
    for port, user in sorted(desired.items()):
        if port in facts.listening:
            remedy = f"stop what listens there (`ss -ltnp 'sport = :{port}'`)"
            yield PreflightFinding(host.name, f"port {port}, meant for the {user}, is taken", remedy)


def _check_clock(host: Host, facts: HostFacts) -> Iterator[PreflightFinding]:
    if abs(facts.skew_seconds) > MAX_CLOCK_SKEW_SECONDS:
        direction = "ahead" if facts.skew_seconds > 0 else "behind"
        problem = f"its clock is {abs(facts.skew_seconds):.0f} s {direction}"
        yield PreflightFinding(host.name, problem, "set it, and keep it right with chrony or systemd-timesyncd")


def _check_surroundings(host: Host, answer: PreflightAnswer) -> Iterator[PreflightFinding]:
    for other in answer.cannot_reach:
        yield PreflightFinding(host.name, f"it cannot reach {other}", "check routes and firewalls between the two")


def _check_unique(cluster: Cluster, answers: Mapping[str, PreflightAnswer]) -> Iterator[PreflightFinding]:
    first_with: dict[str, str] = {}
    for host in cluster.spec.hosts.members:
        facts = answers[host.name].facts
        if facts is None or not facts.machine_id:
            continue
        other = first_with.setdefault(facts.machine_id, host.name)
        if other != host.name:
            problem = f"it has the same /etc/machine-id as {other}"
            remedy = "run `rm /etc/machine-id && systemd-machine-id-setup` on one of them and reboot it"
            yield PreflightFinding(host.name, problem, remedy)
