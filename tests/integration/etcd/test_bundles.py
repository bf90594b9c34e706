"""Bundles of real etcd members, reached through fake hosts; what they hold is judged by etcd's own tools."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from windlass.domain.artifacts import Lock, Locked
from windlass.domain.backup import SNAPSHOT, read_content
from windlass.domain.etcd.membership import assess
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.domain.spec import Cluster
from windlass.effects.bundles import Vault
from windlass.effects.catalog import load_catalog
from windlass.effects.clock import SYSTEM_CLOCK
from windlass.effects.etcd import EtcdClient
from windlass.effects.ssh.fake import FakeHost, FakeHosts
from windlass.effects.ssh.pool import Connections
from windlass.effects.store import MemoryStore
from windlass.errors import NotReadyError, RefusedError
from windlass.operations.backup.take import Stopwatch, take_bundle
from windlass.operations.cluster import ClusterSession
from windlass.operations.etcd import observe
from windlass.operations.etcd.maintain import keep_in_order
from windlass.operations.waiting import wait_until

if TYPE_CHECKING:
    from conftest import Etcd

RELEASE = load_catalog(Path(__file__).parents[3] / "include" / "templates" / "kubernetes").release("v1.37.2")
NAMESPACE = b'{"kind": "Namespace", "metadata": {"name": "default", "uid": "0f0c2b0e"}}'


def stacks() -> str:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo("./etcd/compose.yaml")
        entry.size = 4
        archive.addfile(entry, io.BytesIO(b"name"))
    return base64.b64encode(packed.getvalue()).decode()


def site_of(etcd: Etcd, cluster: Cluster, running: int) -> ClusterSession:
    hosts = [FakeHost(member.name) for member in etcd.members]
    for host, member in zip(hosts[:running], etcd.members, strict=False):
        host.services[("127.0.0.1", 2379)] = ("127.0.0.1", member.client_port)
        host.on_script("pack-stacks", answer=stacks())
        host.on_script("observe-member", answer="process=running\ndata=yes\nfree=90000000\n")
    for host in hosts[running:]:
        host.is_reachable = False
    fakes = FakeHosts(hosts)
    lock = Lock("modules", {RELEASE.artifact("image", name): Locked("sha256:1", 1, "x") for name in RELEASE.images})
    mirror = MirrorAddresses("http://192.0.2.9:8080", "192.0.2.9:5000")
    return ClusterSession(cluster, RELEASE, lock, mirror, Connections(fakes.targets(), fakes))


@pytest.fixture
def vault() -> Vault:
    return Vault(MemoryStore(), "demo", MasterKeys.parse(new_master_key().reveal()))


@pytest.fixture
def session(etcd: Etcd, etcd_pki: tuple[Cluster, Any]) -> Iterator[ClusterSession]:
    made = site_of(etcd, etcd_pki[0], running=3)
    with made.connections:
        yield made


def ask(etcdutl: Path, *words: str) -> Any:
    done = subprocess.run([etcdutl, *words, "--write-out=json"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout else None


def fill(etcd: Etcd, count: int = 300) -> None:
    with etcd.client(etcd.members[0]) as client:
        client.keys.put(b"/registry/namespaces/default", NAMESPACE)
        for number in range(count):
            client.keys.put(b"key-%d" % (number % 40), b"v" * (number * 40 % 9000))
        client.keys.delete(b"key-3")


def snapshot_of(vault: Vault, bundle: Any, path: Path) -> Path:
    with vault.open_part(vault.manifest(bundle), SNAPSHOT) as pieces:
        path.write_bytes(b"".join(pieces))
    return path


def test_a_bundle_holds_what_etcds_own_tools_find_in_it(
    etcd: Etcd, session: ClusterSession, vault: Vault, etcdutl_binary: Path, tmp_path: Path
) -> None:
    fill(etcd)
    watch = Stopwatch()
    made = take_bundle(session, etcd.pki, vault, "a test", watch)

    vault.verify(vault.manifest(made.bundle))
    file = snapshot_of(vault, made.bundle, tmp_path / "snapshot.db")
    assert ask(etcdutl_binary, "snapshot", "status", str(file))["revision"] == made.content.revision
    ask(etcdutl_binary, "snapshot", "restore", str(file), f"--data-dir={tmp_path / 'data'}")
    hashed = ask(etcdutl_binary, "hashkv", str(tmp_path / "data" / "member" / "snap" / "db"))
    assert (hashed["hash"], hashed["hashRevision"]) == (made.content.hash, made.content.revision)
    with etcd.client(etcd.members[0]) as client:
        assert client.keys.count(b"", revision=made.content.revision) == made.content.keys
    assert made.namespaces == {"default": "0f0c2b0e"}
    assert {member.name for member in made.etcd.members if not member.is_learner} == {"etcd-1", "etcd-2", "etcd-3"}
    assert not made.etcd.source_is_leader
    assert set(watch.milliseconds) == {"snapshot", "read", "look", "gather", "store", "commit"}


def test_the_hash_is_etcds_own_after_a_recovery(
    etcd: Etcd, session: ClusterSession, vault: Vault, etcdutl_binary: Path, tmp_path: Path
) -> None:
    fill(etcd)
    made = take_bundle(session, etcd.pki, vault, "a test")
    file = snapshot_of(vault, made.bundle, tmp_path / "snapshot.db")
    bumped = ("--bump-revision=1000000", "--mark-compacted")
    ask(etcdutl_binary, "snapshot", "restore", str(file), f"--data-dir={tmp_path / 'data'}", *bumped)
    database = tmp_path / "data" / "member" / "snap" / "db"
    content = database.read_bytes()  # before etcdutl opens it, which ends the compaction
    found = read_content(lambda offset, size: content[offset : offset + size])
    hashed = ask(etcdutl_binary, "hashkv", str(database))
    assert found.revision == made.content.revision + 1_000_000
    assert (found.hash, found.revision) == (hashed["hash"], hashed["hashRevision"])


@pytest.mark.parametrize("rounds", [1, 3])
def test_the_hash_is_etcds_own_after_compactions(
    etcd: Etcd, session: ClusterSession, vault: Vault, rounds: int
) -> None:
    for _ in range(rounds):
        fill(etcd, 120)
        with etcd.client(etcd.members[0]) as client:
            client.keys.compact(client.status().revision - 50)
            client.keys.put(b"key-1", b"after")
    made = take_bundle(session, etcd.pki, vault, "a test")
    with etcd.client(etcd.members[1]) as client:
        hashed = client.content_hash(made.content.revision)
    assert (made.content.hash, made.content.compact_revision) == (hashed.value, hashed.compact_revision)


def test_the_state_of_the_hosts_comes_with_it(etcd: Etcd, session: ClusterSession, vault: Vault) -> None:
    state = vault.state(take_bundle(session, etcd.pki, vault, "a test"))
    assert state.pki == etcd.pki
    assert state.stacks["etcd-1"] == {"/etc/windlass/stacks/etcd/compose.yaml": b"name"}
    assert "etcd-4" not in state.stacks
    assert state.images["etcd"] == "sha256:1"


def test_without_quorum_there_is_no_bundle(spare_etcd: Etcd, etcd_pki: tuple[Cluster, Any], vault: Vault) -> None:
    first = spare_etcd.members[:3]
    spare_etcd.start(first[0], first=first)
    session = site_of(spare_etcd, etcd_pki[0], running=1)
    with session.connections, pytest.raises(NotReadyError, match="no etcd member leads"):
        take_bundle(session, spare_etcd.pki, vault, "a test")
    assert list(vault.store.list("")) == []


def write_until_full(client: EtcdClient) -> None:
    for _ in range(2000):
        client.keys.put(b"the same key", b"x" * 500_000)


def observe_by_port(etcd: Etcd, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell members apart by the ports of their peers: all are on one address here, and none at the usual port."""
    urls = {member.name: member.peer_url for member in etcd.members}
    monkeypatch.setattr(observe, "peer_url", lambda host: urls[host.name])


def test_a_full_database_is_written_to_again(
    spare_etcd: Etcd, etcd_pki: tuple[Cluster, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    observe_by_port(spare_etcd, monkeypatch)
    first = spare_etcd.members[:3]
    for member in first:
        spare_etcd.start(member, first=first, flags=("--quota-backend-bytes=16777216",))
    for member in first:
        spare_etcd.wait_for_leader(member)
    session = site_of(spare_etcd, etcd_pki[0], running=3)
    with spare_etcd.client(first[0]) as client, session.connections:
        with pytest.raises(RefusedError, match="space exceeded"):
            write_until_full(client)
        assert "NOSPACE" in {alarm.kind for alarm in client.alarms()}
        observed = observe.observe_etcd(session, spare_etcd.pki)
        assert set(observed.alarms) == set(client.alarms())
        assert [observed.health(member.name) for member in first] == ["healthy"] * 3
        kept = keep_in_order(session, spare_etcd.pki, lambda: True)
        assert kept.done[0].startswith("compacted to revision")
        assert sum("defragmented" in line for line in kept.done) == 3
        assert client.alarms() == ()
        client.keys.put(b"the same key", b"again")


def test_members_that_die_are_observed_as_they_are(
    spare_etcd: Etcd, etcd_pki: tuple[Cluster, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    observe_by_port(spare_etcd, monkeypatch)
    first = spare_etcd.members[:3]
    for member in first:
        spare_etcd.start(member, first=first)
    for member in first:
        spare_etcd.wait_for_leader(member)
    session = site_of(spare_etcd, etcd_pki[0], running=3)

    def healths() -> dict[str, str]:
        observed = observe.observe_etcd(session, spare_etcd.pki)
        return {member.name: member.health for member in assess(observed).members}

    with session.connections:
        assert healths() == {"etcd-1": "healthy", "etcd-2": "healthy", "etcd-3": "healthy"}
        spare_etcd.stop(first[2])
        assert healths()["etcd-3"] == "unhealthy"
        spare_etcd.stop(first[1])
        # The last one is alone as soon as it has noticed.
        wait_until(
            lambda: "" if set(healths().values()) == {"unhealthy"} else "it has a leader",
            _NOTICES,
            "no leader",
            SYSTEM_CLOCK,
        )


_NOTICES = timedelta(seconds=30)


def test_upkeep_leaves_members_alone_while_an_operation_runs(etcd: Etcd, session: ClusterSession) -> None:
    assert keep_in_order(session, etcd.pki, lambda: False).done == ()


def test_upkeep_of_a_cluster_in_order_does_nothing(
    etcd: Etcd, session: ClusterSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    observe_by_port(etcd, monkeypatch)
    kept = keep_in_order(session, etcd.pki, lambda: True)
    assert (kept.done, kept.complaints) == ((), ())
