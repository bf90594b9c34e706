"""Restore a snapshot on all members beside their old data, while whatever runs goes on running."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from windlass.domain.bounded import read_from
from windlass.domain.etcd.bootstrap import initial_cluster_of, peer_url
from windlass.domain.host.layout import ETCD_DATA, stack_directory
from windlass.domain.scripts.restore import Restore, receive_script, restore_script, stage_script
from windlass.domain.spec.models import Host
from windlass.domain.yamltext import read_yaml
from windlass.effects.ssh.broadcast import broadcast
from windlass.effects.ssh.connection import Channel, Connection
from windlass.errors import RefusedError
from windlass.operations.apply.prepare import prepare_host
from windlass.operations.apply.start import install_host_certificates
from windlass.operations.cluster import Changes, run_script
from windlass.operations.etcd import is_prepared
from windlass.operations.recovery.context import RecoveryContext

_RESTORE = timedelta(minutes=15)
_COMPOSE = f"{stack_directory('etcd')}/compose.yaml"
_SPARE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class SnapshotSource:
    """The snapshot to restore."""

    size: int
    bump: int
    open: AbstractContextManager[Iterator[bytes]]
    """Gives it piece by piece, and raises if any of it is not as it was."""


@dataclass(frozen=True)
class Stage:
    """How far the recovery has come on one host, and what there is."""

    stage: str
    """`switched`, `restored`, or empty."""
    free_bytes: int | None


def stages(work: RecoveryContext) -> dict[str, Stage]:
    """Return how far this recovery has come on each etcd host."""
    script = stage_script(work.id)

    def look(_: Host, connection: Connection) -> Stage:
        said = connection.run_script(script, timeout=timedelta(seconds=30)).stdout
        values = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        with read_from(f"{connection.host}: how far it says that it is", "see what its login shell prints"):
            free = int(values["free"]) * 1024 if values.get("free") else None
        return Stage(values.get("stage", ""), free)

    return work.session.on_hosts("see how far the recovery has come", work.etcd_hosts, look)


def restore_beside(work: RecoveryContext, source: SnapshotSource) -> dict[str, Stage]:
    """Prepare hosts that lack something, send them the snapshot and restore it beside the old data.

    Nothing that runs is disturbed, so that a failure here leaves the cluster as it was. Returns how far each etcd host
    had come before.
    """
    work.told(work.session.on_hosts("prepare hosts", work.session.hosts, partial(_prepare, work)))
    before = stages(work)
    missing = [host for host in work.etcd_hosts if not before[host.name].stage]
    if missing:
        _check_room(before, [host.name for host in missing], source.size)
        _send(work, missing, source)
        work.told(work.session.on_hosts("restore the snapshot", missing, partial(_restore, work, source.bump)))
    return before


def _prepare(work: RecoveryContext, host: Host, connection: Connection) -> Changes:
    changed: Changes = ()
    if work.prepares_all or not is_prepared(connection, work.session.cluster.name, host):
        changed = prepare_host(work.session, host, connection)
    return (*changed, *install_host_certificates(work.session.cluster, work.pki, work.sealed, host, connection))


def _check_room(found: Mapping[str, Stage], hosts: list[str], size: int) -> None:
    needed = 2 * size + _SPARE_BYTES  # the snapshot, what is restored from it, and a raft log
    short = [
        f"{host} has {free // 2**20} MiB free" for host in hosts if (free := found[host].free_bytes) and free < needed
    ]
    if short:
        raise RefusedError(
            f"restoring beside the old data needs {needed // 2**20} MiB below {ETCD_DATA}: "
            f"{'; '.join(short)}; free some, then clear this task"
        )


def _send(work: RecoveryContext, hosts: list[Host], source: SnapshotSource) -> None:
    def open_channel(host: Host) -> Channel:
        return work.session.connections.get(host.name).open_script(receive_script(work.id))

    with source.open as pieces:
        broadcast(pieces, {host.name: partial(open_channel, host) for host in hosts}, "send the snapshot")
    work.tell(f"sent the snapshot of {source.size} bytes to {', '.join(host.name for host in hosts)}")


def _restore(work: RecoveryContext, bump: int, host: Host, connection: Connection) -> Changes:
    where = f"{host.name}: {_COMPOSE}"
    with read_from(where, "clear the task `restore`, which lays the file down again"):
        image = str(read_yaml((connection.read(_COMPOSE) or b"{}").decode())["services"]["etcd"]["image"])
    restore = Restore(
        id=work.id,
        name=host.name,
        peer_url=peer_url(host),
        initial_cluster=initial_cluster_of(work.session.cluster),
        token=f"{work.session.cluster.name}-{work.id}",
        bump=bump,
        image=image,
    )
    return run_script(connection, restore_script(restore), timeout=_RESTORE)
