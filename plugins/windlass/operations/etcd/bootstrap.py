"""Start etcd on all of its hosts: members with their data as they are, and the others as those of a new cluster."""

from __future__ import annotations

from datetime import timedelta

from windlass.domain.etcd.bootstrap import BootstrapHost, MemberOrigin, check_bootstrap, initial_cluster_of
from windlass.domain.pki import Pki
from windlass.domain.scripts.bootstrap import bootstrap_script, member_origin_script, parse_member_origin
from windlass.effects.ssh.connection import Connection
from windlass.operations.apply.start import bring_up
from windlass.operations.cluster import Changes, ClusterSession, run_script
from windlass.operations.etcd.observe import observe_etcd

_UP = timedelta(minutes=5)
_SAYS = timedelta(seconds=30)


def start_etcd(session: ClusterSession, pki: Pki, created: str | None = None) -> dict[str, Changes]:
    """Start the members side by side; what was changed on each host.

    A member that has data is started on it, which founds nothing. Members without data are started as those of a new
    cluster, and find each other by the list they all have: RefusedError unless none of this cluster may exist.
    `created` is the id of the etcd cluster that was verified once, if the store says of one.
    """
    hosts = session.cluster.hosts_with("etcd")
    observed = observe_etcd(session, pki)
    with_data = [host for host in hosts if observed.at(host.name).has_data]
    changed = session.on_hosts("start etcd", with_data, lambda _, connection: bring_up(connection, ("etcd",)))
    if len(with_data) == len(hosts):
        return changed
    origins = session.on_hosts("see how etcd began", hosts, lambda _, connection: _origin(connection))
    known = {host.name: BootstrapHost(observed.at(host.name), origins[host.name]) for host in hosts}
    names = check_bootstrap(session.cluster, known, created)
    script = bootstrap_script(initial_cluster_of(session.cluster))
    new = [host for host in hosts if host.name in names]
    return changed | session.on_hosts(
        "bootstrap etcd", new, lambda _, connection: run_script(connection, script, timeout=_UP)
    )


def _origin(connection: Connection) -> MemberOrigin:
    return parse_member_origin(connection.run_script(member_origin_script(), timeout=_SAYS).stdout)
