"""Take a recovery bundle: snapshot, check what it holds, seal, store, read back, commit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from windlass.domain.backup import (
    SNAPSHOT,
    STATE,
    BundleId,
    BundleManifest,
    BundleState,
    Content,
    DatabaseContent,
    EtcdRecord,
    MemberRecord,
    Part,
    read_content,
    snapshot_source,
)
from windlass.domain.backup.versions import written_by
from windlass.domain.etcd.status import MemberStatus
from windlass.domain.etcd.status import Snapshot as EtcdSnapshot
from windlass.domain.kubeobjects import uid_of
from windlass.domain.pki import Pki
from windlass.domain.spec import dump_cluster
from windlass.domain.spec.flags import etcd_prefix
from windlass.effects.bundles import Spool, Vault
from windlass.effects.bundles.spool import check_room
from windlass.effects.bundles.streams import PieceReader
from windlass.effects.etcd import EtcdClient
from windlass.effects.etcd.client import LARGEST_SNAPSHOT
from windlass.errors import IntegrityError
from windlass.operations.backup.stacks import stacks_on_hosts
from windlass.operations.cluster import ClusterSession
from windlass.operations.etcd.clients import EtcdClients, etcd_clients

_DIGEST_BYTES = 32
"""etcd appends the sum of the database to a snapshot."""
_GROWTH_BYTES = 64 * 1024 * 1024
"""By how much a small database may have grown since its member said how large it is."""
_NAMESPACES, _NODES = "namespaces", "minions"


@dataclass
class Stopwatch:
    """How long each step took, in milliseconds, in the order of the steps."""

    milliseconds: dict[str, int] = field(default_factory=dict)
    tell: Callable[[str], None] = lambda _: None

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step and tell of it when it has ended well."""
        begun = time.monotonic()
        yield
        self.milliseconds[name] = round((time.monotonic() - begun) * 1000)
        self.tell(f"{name}: {self.milliseconds[name] / 1000:.1f} s")


def take_bundle(
    session: ClusterSession, pki: Pki, vault: Vault, by: str, watch: Stopwatch | None = None
) -> BundleManifest:
    """Take a bundle and return its manifest, once all of it was read back and found true.

    `by` names the run. Nothing counts before the manifest is written, which is the last step; what broke off leaves
    parts that the retention removes. NotReadyError without a leader, IntegrityError if the snapshot or what was stored
    is not what it should be, RefusedError without room, UnreachableError where store or hosts do not answer.
    """
    watch = watch or Stopwatch()
    started = session.clock.now()
    with etcd_clients(session, pki) as members, Spool() as spool:
        source = snapshot_source(members.statuses, members.reasons)
        status, client = members.statuses[source], members.clients[source]
        most = min(2 * status.database_bytes + _GROWTH_BYTES, LARGEST_SNAPSHOT)
        check_room(status.database_bytes)
        with watch.step("snapshot"):
            snapshot = client.snapshot(cast("BinaryIO", spool), most=most)
        with watch.step("read"):
            found = _content_of(spool, snapshot, source, status)
        bundle = BundleId.of(started, found.revision)
        with watch.step("look"):
            etcd, content = _etcd_record(source, members), _counted(client, found)
            prefix = etcd_prefix(session.cluster)
            uids = [_uids(client, f"{prefix}/{kind}/".encode(), found.revision) for kind in (_NAMESPACES, _NODES)]
        with watch.step("gather"):
            state = _state(session, pki)
        with watch.step("store"):
            written = _write_parts(vault, bundle, spool, state)
    if written[SNAPSHOT].clear_sha256 != snapshot.sha256:
        raise IntegrityError(
            f"{vault.cluster}: bundle {bundle}: what was stored is not the snapshot that {source} sent"
        )
    manifest = BundleManifest(
        cluster=vault.cluster,
        id=str(bundle),
        started=started,
        finished=session.clock.now(),
        by=by,
        etcd=etcd,
        content=content,
        kubernetes_version=written_by(session.cluster.spec.kubernetes.version, state.stacks),
        namespaces=uids[0],
        nodes=uids[1],
        images=state.images,
        parts=written,
    )
    with watch.step("commit"):
        vault.commit(manifest)
    return manifest


def _content_of(spool: Spool, snapshot: EtcdSnapshot, source: str, status: MemberStatus) -> DatabaseContent:
    """Read all of the database in the snapshot; IntegrityError if it is damaged, or older than its member said."""
    end = snapshot.size - _DIGEST_BYTES
    try:
        found = read_content(lambda offset, size: spool.read_at(offset, max(0, min(size, end - offset))))
    except IntegrityError as error:
        raise IntegrityError(f"{source}: its snapshot holds no sound database: {error}") from error
    if found.revision < status.revision:
        raise IntegrityError(
            f"{source}: its snapshot ends at revision {found.revision}, and it said {status.revision} before; "
            "look at the member's log, and replace it if it happens again"
        )
    return found


def _counted(client: EtcdClient, found: DatabaseContent) -> Content:
    keys = client.keys.count(b"", revision=found.revision)
    return Content(
        revision=found.revision,
        compact_revision=found.compact_revision,
        entries=found.entries,
        hash=found.hash,
        keys=keys,
    )


def _uids(client: EtcdClient, prefix: bytes, revision: int) -> Mapping[str, str]:
    """Return the UID by name of each object below `prefix`, as it was at `revision`; etcd is asked, not the API."""
    return {
        item.key.removeprefix(prefix).decode(): uid_of(item.value)
        for item in client.keys.list(prefix, revision=revision)
    }


def _etcd_record(source: str, members: EtcdClients) -> EtcdRecord:
    status, client = members.statuses[source], members.clients[source]
    listed = tuple(
        MemberRecord(
            name=member.name,
            id=f"{member.member_id:x}",
            peer_urls=member.peer_urls,
            is_learner=member.is_learner,
        )
        for member in client.members(linearizable=False)
    )
    return EtcdRecord(
        cluster_id=f"{status.cluster_id:x}",
        version=status.version,
        members=listed,
        source=source,
        source_is_leader=status.is_leader,
    )


def _write_parts(vault: Vault, bundle: BundleId, spool: Spool, state: BundleState) -> Mapping[str, Part]:
    return {
        SNAPSHOT: vault.write_part(bundle, SNAPSHOT, cast("BinaryIO", spool.reader())),
        STATE: vault.write_part(bundle, STATE, cast("BinaryIO", PieceReader([state.to_bytes()]))),
    }


def _state(session: ClusterSession, pki: Pki) -> BundleState:
    release = session.release
    return BundleState(
        pki=pki,
        spec=dump_cluster(session.cluster),
        encrypts_secrets=session.cluster.spec.security.encrypt_secrets,
        images={name: session.lock.digest(release.artifact("image", name)) for name in sorted(release.images)},
        stacks=stacks_on_hosts(session),
    )
