"""Plan an apply: what each host lacks of what the spec wants, found by looking, with nothing changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from windlass.domain.host.drift import HostDrift
from windlass.domain.host.facts import HostFacts
from windlass.domain.host.file_drift import FileDrift
from windlass.domain.pki import Pki, desired_certificates
from windlass.domain.spec.models import Cluster, Host
from windlass.domain.spec.placement import placement_changes
from windlass.effects.ssh.connection import Connection
from windlass.errors import RefusedError
from windlass.operation_names import Operation
from windlass.operations.cluster import Changes, ClusterSession
from windlass.operations.compare_host import compare_host


def check_version(stored: Cluster | None, desired: Cluster) -> None:
    """RefusedError if the spec's version is not the running one: an apply never upgrades."""
    if stored is None or stored.spec.kubernetes.version == desired.spec.kubernetes.version:
        return
    before, after = stored.spec.kubernetes.version, desired.spec.kubernetes.version
    raise RefusedError(
        f"spec.kubernetes.version: cluster `{desired.name}` runs {before}, the spec says {after}; an apply never "
        f"changes it: trigger `{Operation.UPGRADE}` with version {after}, or put {before} back into the spec"
    )


def refuse_during_rollout(cluster: str, before: str, after: str) -> None:
    """RefusedError: hosts of a cluster during a rollout are at two versions or specs, and an apply knows only one."""
    if before == after:
        raise RefusedError(
            f"cluster `{cluster}` has a rollout of a changed spec under way; end that first: `{Operation.APPLY}` "
            "with that spec, which goes on from where it stopped, or without one, which goes back to the stored one"
        )
    raise RefusedError(
        f"cluster `{cluster}` is on its way from {before} to {after}; end that first: trigger `{Operation.UPGRADE}` "
        f"with version {after}, which goes on from where it stopped"
    )


def plan_apply(session: ClusterSession, facts: Mapping[str, HostFacts], pki: Pki | None) -> dict[str, Changes]:
    """Return what an apply would do on each host; an empty tuple where nothing is to be done."""
    return session.on_hosts(
        "plan", session.hosts, lambda host, connection: _plan_host(session, host, connection, facts[host.name], pki)
    )


def _plan_host(
    session: ClusterSession, host: Host, connection: Connection, facts: HostFacts, pki: Pki | None
) -> Changes:
    certificates = None if pki is None else desired_certificates(session.cluster, host, pki)
    return plan_steps(compare_host(session, host, connection, certificates, facts).drift)


def plan_steps(drift: HostDrift) -> Changes:
    """Return what an apply does about the drift of a host, in words.

    A container that was changed by other hands, and is labelled as rendered, is left to `heal_cluster`, which recreates
    such ones one by one: an apply would recreate the members of etcd side by side.
    """
    installed = {program.name for program in drift.programs}
    return (
        *(f"install {program}" for program in drift.programs),
        *(f"link {one.path}" for one in drift.links if one.program not in installed),
        *(f"write {one.path}" for one in drift.files if not one.is_access_only),
        *_restored(drift.files),
        *_certificates(drift),
        *(f"load {name}" for name in drift.settings),
        *(f"start {one.unit.name}" for one in drift.units),
        *(f"start {one.service.component}" for one in drift.services if one.is_other_rendering),
        *(f"stop {component}" for component in drift.surplus),
    )


def _certificates(drift: HostDrift) -> Iterator[str]:
    if drift.has_no_certificates:
        yield "make and write certificates"
    changed = [one for one in drift.certificates if not one.is_access_only]
    if changed:
        yield f"write {len(changed)} certificate files"
    yield from _restored(drift.certificates)


def _restored(drift: Iterable[FileDrift]) -> list[str]:
    """Return what is done about files whose content is as desired: whatever has read them need not start again."""
    return [f"restore {one}" for one in drift if one.is_access_only]


def plan_text(cluster: Cluster, plan: Mapping[str, Changes]) -> str:
    """Return the plan for people, host by host."""
    if not any(plan.values()):
        return f"cluster `{cluster.name}` is as its spec says: nothing to do on {len(plan)} hosts"
    lines = [f"cluster `{cluster.name}`, Kubernetes {cluster.spec.kubernetes.version}: what will be done"]
    for name, steps in plan.items():
        lines += [f"  {name}: {len(steps)} steps" if steps else f"  {name}: nothing"]
        lines += [f"    - {step}" for step in steps]
    lines += [f"  {one}" for one in placement_changes(None, cluster)]
    return "\n".join(lines)
