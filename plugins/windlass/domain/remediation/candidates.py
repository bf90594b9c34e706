"""What a cluster would need: every act that its state asks for, before any guard has spoken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from windlass.domain.host.health import ETCD, ClusterHealth, HostHealth, ServiceHealth, UnitHealth
from windlass.domain.remediation.actions import CERTIFICATES, FILES, Action, Kind
from windlass.operation_names import Operation

ENGINE = "docker"
_ORDER = (
    ENGINE,
    CERTIFICATES,
    FILES,
    ETCD,
    "kube-apiserver",
    "api-proxy",
    "kube-controller-manager",
    "kube-scheduler",
    "windlass-containerd",
    "kubelet",
)
"""What others need comes first."""
_HELPLESS_TRIES = 2
"""A member that was restarted so often without success has lost its data, or they are damaged."""


def candidates(observed: ClusterHealth, failed: Mapping[str, int]) -> list[Action]:
    """Return what would be done, what others need first, damage before drift; `failed` counts tries without success."""
    able = [host for host in observed.hosts if host.is_reachable and not host.is_bare]
    found = [action for host in able for action in _of_host(observed, host, failed)]
    for host in observed.hosts:
        if host.is_gone and not host.is_reachable:
            why = f"its provider says that it is gone: {host.unreachable}"
            found.append(Action("replace-host", host.name, "host", why))
        elif host.is_bare:
            found.append(
                Action("replace-host", host.name, "host", "its machine is new, with nothing of the cluster on it")
            )
    return sorted(found, key=lambda action: (action.is_drift, _rank(action.component)))


def outdated_hosts(observed: ClusterHealth) -> Iterator[Action]:
    """Yield what no action puts right: hosts that run with older settings than the spec's, and are else as rendered.

    So is one that was down while the spec was applied. A rollout restarts in order, and drains where pods need that.
    """
    for host in observed.hosts:
        differs = host.lost_files or host.other_version or any(one.drift for one in host.services)
        if host.is_reachable and host.left_to_apply and not differs and not observed.rollout:
            why = f"{_few(host.left_to_apply)}; trigger `{Operation.APPLY}` with the stored spec"
            yield Action("roll-out", host.name, "settings", why, is_drift=True)


def _rank(component: str) -> int:
    return _ORDER.index(component) if component in _ORDER else len(_ORDER)


def _of_host(observed: ClusterHealth, host: HostHealth, failed: Mapping[str, int]) -> Iterator[Action]:
    for unit in host.units:
        if unit.health == "unhealthy":
            yield _action_on(observed, host, unit)
    yield from _of_files(host)
    for service in host.services:
        health = observed.health(host, service)
        if service.component == ETCD and health == "unhealthy" and _is_lost(observed, host, service, failed):
            yield _action_on(observed, host, service, "replace-member")
        elif health == "unhealthy":
            yield _action_on(observed, host, service, "recreate")
        elif service.component == ETCD and health == "healthy" and _has_no_vote(observed, host):
            why = "it is a learner still: its replacement broke off before it got its vote"
            yield Action("replace-member", host.name, ETCD, why, stack=service.stack)
        elif service.drift and service.state not in {"unknown", "missing"}:
            yield Action(
                "recreate", host.name, service.component, _few(service.drift), is_drift=True, stack=service.stack
            )


def _is_lost(observed: ClusterHealth, host: HostHealth, service: ServiceHealth, failed: Mapping[str, int]) -> bool:
    """Say whether to start it again cannot help: its data are gone, or starting it did not help before."""
    if observed.membership is not None:
        mine = next((member for member in observed.membership.members if member.name == host.name), None)
        if host.has_member_data is False and mine is not None and mine.started:
            return True
        # Its vote was taken and nothing was put into its place: a replacement that broke off.
        if mine is None and host.name in observed.membership.desired and observed.membership.has_quorum:
            return True
    return failed.get(f"{host.name}/{service.component}", 0) >= _HELPLESS_TRIES


def _has_no_vote(observed: ClusterHealth, host: HostHealth) -> bool:
    members = observed.membership.members if observed.membership is not None else ()
    return any(one.name == host.name and one.role == "learner" and one.is_serving for one in members)


def _action_on(
    observed: ClusterHealth, host: HostHealth, what: ServiceHealth | UnitHealth, kind: Kind = "restart-unit"
) -> Action:
    component = what.unit if isinstance(what, UnitHealth) else what.component
    report = observed.reports.get(f"{host.name}/{component}")
    own = 0 if isinstance(what, UnitHealth) else what.failed_checks
    return Action(
        kind,
        host.name,
        component,
        what.reason,
        failed_checks=report.failed_checks if report else own,
        seen_from=report.seen_from if report else (host.name,),
        stack="" if isinstance(what, UnitHealth) else what.stack,
    )


def _of_files(host: HostHealth) -> Iterator[Action]:
    if host.bad_certificates:
        yield _files("renew-certificates", host, CERTIFICATES, (*host.bad_certificates, *host.certificate_access))
    elif host.certificate_access:
        yield _files("restore-files", host, CERTIFICATES, host.certificate_access)
    if host.lost_files:
        yield _files("restore-files", host, FILES, host.lost_files)


def _files(kind: Kind, host: HostHealth, component: str, paths: tuple[str, ...]) -> Action:
    # Without a host's files nothing fails at once, but the next start would: no check has observed it, so it is drift.
    return Action(kind, host.name, component, _few(paths), is_drift=kind == "restore-files")


def _few(words: tuple[str, ...]) -> str:
    rest = f" and {len(words) - 3} more" if len(words) > 3 else ""
    return ", ".join(words[:3]) + rest
