"""Bring certificates to a cluster whose own have ended: over SSH alone, since neither etcd nor API answers any more."""

from __future__ import annotations

from collections.abc import Sequence

from windlass.domain.host.layout import API_PROXY, SEALED_PKI
from windlass.domain.pki import Pki
from windlass.domain.pki.rotation import ended_turn, has_anything_ended
from windlass.domain.rollout.stale import reading
from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection, RemoteFile
from windlass.effects.ssh.fan_out import values
from windlass.operations.apply.certificates import keep_pki, renewed_pki
from windlass.operations.apply.start import install_certificates, start_kubelets
from windlass.operations.cluster import Changes, ClusterSession
from windlass.operations.rollout.observe import observe_host
from windlass.operations.rollout.rotation import leased, store_turn
from windlass.operations.rollout.stacks import recreate_services
from windlass.operations.run import ClusterRun, Tell

_ORDER = ("etcd", "control-plane", API_PROXY)
"""The stacks in the order in which they need each other."""


def revive(run: ClusterRun, tell: Tell) -> dict[str, Changes]:
    """Issue again what has ended, write it to all hosts side by side, and start what reads it only then; what changed.

    Nothing is done where nothing has ended: then a rollout does it, one host after another. Here nobody accepts anybody
    any more, so that there is nothing to be careful of. An authority that has ended is replaced by the next one, which
    has to be prepared. Hosts that do not answer are left out: of one that is broken the others do not wait, and a
    rollout, which could take it out, needs them. What was issued is stored last: a run that dies here leaves a store
    that still has what has ended, from which the next run begins again.
    """
    pki, now = run.pki(), run.clock.now()
    if not has_anything_ended(pki, now):
        return {}
    with leased(run) as at_work:
        tell("certificates have ended: all are issued again and written to every host at once")
        cluster = at_work.cluster()
        store_turn(at_work, cluster, ended_turn(pki, now))
        renewed = renewed_pki(at_work, cluster)
        with at_work.session(cluster) as session:
            hosts = _that_answer(session, tell)
            stored = RemoteFile(at_work.records.sealed_pki() or b"", mode=0o600)
            changed = install_certificates(session, renewed, stored, hosts)
            for stack in _ORDER:
                changed = _together(changed, _start_again(session, renewed, stack, hosts))
            changed = _together(changed, start_kubelets(session, hosts))
            _, sealed = keep_pki(at_work, cluster, renewed)
            changed = _together(changed, install_certificates(session, renewed, sealed, hosts))
        left_out = ", ".join(host.name for host in session.hosts if host not in hosts)
        told = f"all hosts but {left_out}, which did not answer" if left_out else "every host"
        run.log(f"{run.owner.dag_id}: certificates had ended; new ones are on {told}", level="warning")
    return changed


def _that_answer(session: ClusterSession, tell: Tell) -> tuple[Host, ...]:
    """Return the hosts that can be worked on; the error of all of them if it is none."""
    outcomes = session.observe_on_hosts(session.hosts, lambda _, connection: connection.read(SEALED_PKI))
    if not any(outcome.is_ok for outcome in outcomes.values()):
        values(outcomes, "reach hosts")
    for name, outcome in outcomes.items():
        if outcome.error is not None:
            tell(f"{name} is left out, and has to be looked after or taken out of the spec: {outcome.error}")
    return tuple(host for host in session.hosts if outcomes[host.name].is_ok)


def _start_again(session: ClusterSession, pki: Pki, stack: str, hosts: Sequence[Host]) -> dict[str, Changes]:
    def start(host: Host, connection: Connection) -> Changes:
        stale = reading(observe_host(session, pki, host, connection).drift)
        services = [service for one, _, service in (name.partition("/") for name in stale) if one == stack]
        return recreate_services(connection, stack, services)

    return session.on_hosts(f"start {stack} with new certificates", hosts, start)


def _together(*parts: dict[str, Changes]) -> dict[str, Changes]:
    hosts = {host for part in parts for host in part}
    return {host: tuple(change for part in parts for change in part.get(host, ())) for host in sorted(hosts)}
