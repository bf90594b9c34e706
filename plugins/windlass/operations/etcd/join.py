"""Let a host join etcd as a learner: check that it can, keep its old data aside, start it, wait until it has joined."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from windlass.domain.etcd import status
from windlass.domain.etcd.bootstrap import peer_url
from windlass.domain.etcd.membership import EtcdObservation
from windlass.domain.host.layout import CLUSTER_MARK, ETCD_DATA
from windlass.domain.scripts.etcd_member import CONTAINER
from windlass.domain.scripts.join import ASIDE, join_script, prepared_script, way_script
from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection
from windlass.errors import RefusedError
from windlass.operations.apply.prepare import prepare_host
from windlass.operations.apply.start import install_host_certificates
from windlass.operations.cluster import run_script
from windlass.operations.etcd.context import ReplacementContext, serving_client
from windlass.operations.etcd.observe import observe_members
from windlass.operations.waiting import wait_until

_JOINED = timedelta(minutes=1)
_SPARE_BYTES = 256 * 1024 * 1024
"""The raft log and what a restart needs, beside the database."""


def make_ready(work: ReplacementContext, host: Host, connection: Connection, observed: EtcdObservation) -> None:
    """See that the member can be started before the old one is given up: the host's files, images and room."""
    database = max((one.status.database_bytes for one in observed.members.values() if one.status), default=0)
    free = observed.at(host.name).free_bytes
    if free is not None and free < database + _SPARE_BYTES:
        raise RefusedError(
            f"{host.name}: {free // 2**20} MiB are free below {ETCD_DATA}, and a member needs "
            f"{(database + _SPARE_BYTES) // 2**20} MiB; free some, then clear this task"
        )
    _check_way(host, connection, observed)
    if not is_prepared(connection, work.session.cluster.name, host):
        work.tell(f"{host.name}: it has lost what a host of this cluster has; it is prepared again")
        prepare_host(work.session, host, connection)
        install_host_certificates(work.session.cluster, work.pki, work.sealed, host, connection)


def _check_way(host: Host, connection: Connection, observed: EtcdObservation) -> None:
    """Refuse where the host does not reach the members that it would join: it would be given up for nothing."""
    others = {name: url for name, url in observed.desired.items() if name != host.name and observed.at(name).has_leader}
    unreached = run_script(connection, way_script(others), timeout=timedelta(seconds=30))
    if unreached:
        raise RefusedError(
            f"{host.name}: it cannot reach etcd on {', '.join(unreached)}, and could not join; "
            "fix the network between them, then clear this task"
        )


def is_prepared(connection: Connection, cluster: str, host: Host) -> bool:
    """Say whether the host still has what it was prepared with: its mark, and by its roles keys, images, binaries."""
    mark = connection.read(CLUSTER_MARK)
    if mark is None or mark.decode().strip() != cluster:
        return False
    return bool(run_script(connection, prepared_script(host)))


def join(work: ReplacementContext, host: Host, connection: Connection) -> None:
    """Start the member that was just added, without data, and wait until it has joined."""
    with serving_client(work, but=host.name) as client:
        members = client.members()
    cluster = initial_cluster(members, host)
    aside = f"{ASIDE}-{hashlib.sha256(cluster.encode()).hexdigest()[:4]}-{max(one.member_id for one in members):x}"
    run_script(connection, join_script(cluster, aside), timeout=timedelta(minutes=2))

    def lacks() -> str:
        with serving_client(work, but=host.name) as asked:
            mine = [one for one in asked.members() if peer_url(host) in one.peer_urls]
        if not any(one.has_started for one in mine):
            return f"{host.name}: etcd has not joined; see `docker logs {CONTAINER}` there"
        return "" if observe_members(work.session, work.pki).at(host.name).has_leader else f"{host.name}: no leader yet"

    wait_until(lacks, _JOINED, f"etcd: {host.name} joins as a learner", work.session.clock)


def initial_cluster(members: tuple[status.ListedMember, ...], host: Host) -> str:
    """Return the members as a new one takes them: `name=address` of each, its own name for its address.

    etcd starts only if they are just those that the cluster has by now:
    https://etcd.io/docs/v3.6/op-guide/runtime-reconf-design/
    """
    pairs = [
        f"{host.name if address == peer_url(host) else one.name}={address}"
        for one in members
        for address in one.peer_urls
    ]
    return ",".join(sorted(pairs))
