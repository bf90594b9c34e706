"""Bring certificates to a cluster whose own have ended: over SSH alone, since neither etcd nor API answers any more."""

from __future__ import annotations

from windlass.domain.host.layout import API_PROXY
from windlass.domain.pki import Pki
from windlass.domain.pki.rotation import ended_turn, has_anything_ended
from windlass.domain.rollout.stale import reading
from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection
from windlass.operations.apply.certificates import ensure_pki
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
    has to be prepared. A run that dies here is made up for by the next.
    """
    pki, now = run.pki(), run.clock.now()
    if not has_anything_ended(pki, now):
        return {}
    with leased(run) as at_work:
        tell("certificates have ended: all are issued again and written to every host at once")
        cluster = at_work.cluster()
        store_turn(at_work, cluster, ended_turn(pki, now))
        renewed, sealed = ensure_pki(at_work, cluster)
        with at_work.session(cluster) as session:
            changed = install_certificates(session, renewed, sealed)
            for stack in _ORDER:
                changed = _together(changed, _start_again(session, renewed, stack))
            changed = _together(changed, start_kubelets(session))
        run.log(f"{run.owner.dag_id}: certificates had ended; new ones are on every host", level="warning")
    return changed


def _start_again(session: ClusterSession, pki: Pki, stack: str) -> dict[str, Changes]:
    def start(host: Host, connection: Connection) -> Changes:
        stale = reading(observe_host(session, pki, host, connection).drift)
        services = [service for one, _, service in (name.partition("/") for name in stale) if one == stack]
        return recreate_services(connection, stack, services)

    return session.on_hosts(f"start {stack} with new certificates", session.hosts, start)


def _together(*parts: dict[str, Changes]) -> dict[str, Changes]:
    hosts = {host for part in parts for host in part}
    return {host: tuple(change for part in parts for change in part.get(host, ())) for host in sorted(hosts)}
