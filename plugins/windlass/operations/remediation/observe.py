"""Observe a whole cluster: all hosts side by side, and etcd's own view where a member may be unhealthy."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from windlass.domain.etcd.membership import assess
from windlass.domain.etcd.quorum import Membership
from windlass.domain.host.health import ETCD, STARTED
from windlass.domain.host.host_checks import HostChecks
from windlass.domain.host.layout import CORDONED_BY
from windlass.domain.remediation import ClusterHealth, HealthReport, HostHealth, ServiceHealth
from windlass.domain.scripts.check_health import health_script, parse_health
from windlass.effects.kubernetes.client import NODES
from windlass.errors import NotReadyError, WindlassError
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.etcd import observe_members
from windlass.operations.remediation.context import RemediationContext

T = TypeVar("T")
log = logging.getLogger(__name__)

_PATIENCE = timedelta(seconds=6)
"""How long the others wait for a host that does not answer at all."""
_API = timedelta(seconds=10)
_ROUNDS = 3
_ROUND_SECONDS = 5


def observe_cluster(
    context: RemediationContext, reports: Mapping[str, HealthReport], *, is_patient: bool = False
) -> ClusterHealth:
    """Return how the cluster is; what fails a check and is in no report is observed until it is sure.

    A host that does not answer at once holds nobody up, unless `is_patient`: then it is asked once more, for longer.
    """
    hosts = _observe_hosts(context, context.desired, reports, rounds=1)
    silent = [name for name, host in hosts.items() if not host.is_reachable]
    if is_patient and silent:
        hosts |= _observe_hosts(context, silent, reports, rounds=_ROUNDS)
    unsure = [name for name, host in hosts.items() if host.has_suspects and not _are_suspects_reported(host, reports)]
    if unsure:
        hosts |= _observe_hosts(context, unsure, reports, rounds=_ROUNDS)
    if not all(host.is_reachable for host in hosts.values()):
        gone = _gone(context)
        hosts = {name: replace(host, is_gone=name in gone) for name, host in hosts.items()}
    if not _makes_hosts(context):
        hosts = {name: replace(host, is_bare=False) for name, host in hosts.items()}
    observed = ClusterHealth(context.clock(), tuple(hosts.values()), reports=reports, rollout=context.rollout)
    # Only etcd itself knows of a member that serves and was never given its vote.
    return replace(
        observed, membership=_membership(context, observed) if is_patient or _is_etcd_in_doubt(observed) else None
    )


def _makes_hosts(context: RemediationContext) -> bool:
    """Say whether a provider makes the hosts; no where it cannot be asked: then none is replaced, all else goes on."""
    try:
        return context.machines.makes_hosts
    except WindlassError as error:
        log.warning("it is not known whether hosts are made by a provider: %s", error)
        return False


def _gone(context: RemediationContext) -> frozenset[str]:
    """Return the hosts whose machines are known to be gone; a provider that does not answer holds up nothing else."""
    try:
        return context.machines.gone()
    except WindlassError as error:
        log.warning("it is not known which machines are gone: %s", error)
        return frozenset()


def observe_cordons(context: RemediationContext, observed: ClusterHealth) -> ClusterHealth:
    """Return what was observed with the cordons of nodes, and whose they are; None where the API says nothing."""
    try:
        with kubernetes_api(context.session, context.keys, _API) as client:
            nodes = {node["metadata"]["name"]: node for node in client.list(NODES)}
    except WindlassError:
        nodes = {}
    return replace(observed, hosts=tuple(_with_cordon(host, nodes.get(host.name)) for host in observed.hosts))


def _with_cordon(host: HostHealth, node: Mapping[str, Any] | None) -> HostHealth:
    if node is None:
        return replace(host, is_cordoned=None, has_our_cordon=False)
    is_ours = CORDONED_BY in node["metadata"].get("annotations", {})
    return replace(host, is_cordoned=bool(node["spec"].get("unschedulable")), has_our_cordon=is_ours)


def _are_suspects_reported(host: HostHealth, reports: Mapping[str, HealthReport]) -> bool:
    failing = [one.component for one in host.services if one.state in STARTED and one.answers == "unhealthy"]
    failing += [unit.unit for unit in host.units if unit.is_suspect]
    return all(f"{host.name}/{component}" in reports for component in failing)


def _observe_hosts(
    context: RemediationContext, names: Iterable[str], reports: Mapping[str, HealthReport], rounds: int
) -> dict[str, HostHealth]:
    def one(name: str) -> HostHealth:
        desired = context.desired[name]
        reported = frozenset(report.component for report in reports.values() if report.host == name)
        connection = context.session.connections.get(name)
        limit = timedelta(seconds=30 + rounds * _ROUND_SECONDS)
        output = connection.run_script(health_script(desired, rounds), timeout=limit).stdout
        return parse_health(output, desired, reported, context.clock())

    patience = _PATIENCE + timedelta(seconds=0 if rounds == 1 else 10 + rounds * _ROUND_SECONDS)
    found = side_by_side(names, one, patience)
    return {
        name: result if isinstance(result, HostHealth) else unobserved(context.desired[name], str(result))
        for name, result in found.items()
    }


def unobserved(desired: HostChecks, why: str) -> HostHealth:
    """Return a host that could not be observed: nothing about it is known."""
    services = tuple(
        ServiceHealth(one.component, one.stack, "unknown", "unknown", strategy=one.check.strategy)
        for one in desired.services
    )
    is_worker = not {"etcd", "control-plane"} & set(desired.host.roles)
    reason = why.removeprefix(f"{desired.host.name}: ")
    return HostHealth(desired.host.name, is_worker=is_worker, unreachable=reason, services=services)


def side_by_side(names: Iterable[str], act: Callable[[str], T], patience: timedelta) -> dict[str, T | WindlassError]:
    """Call `act` for each name and return what came within `patience`; what hangs is not waited for.

    A call that is left behind ends by its own time limit; what it gives then is dropped.
    """
    desired = list(names)
    pool = ThreadPoolExecutor(max(1, len(desired)), thread_name_prefix="windlass-observe")
    try:
        futures: dict[str, Future[T]] = {
            name: pool.submit(contextvars.copy_context().run, act, name) for name in desired
        }
        wait(futures.values(), patience.total_seconds())
        return {name: result_of(name, future, patience) for name, future in futures.items()}
    finally:
        pool.shutdown(wait=False)


def result_of(name: str, future: Future[Any], patience: timedelta) -> Any:
    """Return what a call has given, or the error that says why it has not; `name` says for whom it was made."""
    if not future.done():
        return NotReadyError(f"{name}: no answer within {patience.total_seconds():.0f} s")
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, WindlassError):
        return error
    if isinstance(error, Exception):
        # Whatever is wrong there, the other hosts are observed and acted on.
        log.error("%s: not as expected", name, exc_info=error)
        return NotReadyError(f"{name}: {type(error).__name__}: {error}")
    raise error


def _is_etcd_in_doubt(observed: ClusterHealth) -> bool:
    """Say whether a member may have to be acted on, so that etcd's own view matters."""
    members = [(host, one) for host in observed.hosts for one in host.services if one.component == ETCD]
    return any(observed.health(host, one) != "healthy" or one.drift for host, one in members)


def _membership(context: RemediationContext, observed: ClusterHealth) -> Membership | None:
    silent = {host.name: host.unreachable for host in observed.hosts if not host.is_reachable}
    try:
        return assess(observe_members(context.session, context.keys, silent))
    except WindlassError:
        return None
