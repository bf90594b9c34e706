"""Choosing, sending and restoring against hosts and a store in memory."""

from __future__ import annotations

import io
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from unit.backup.examples import BUNDLE, TAKEN, manifest, new_keys
from windlass.domain.artifacts import Lock
from windlass.domain.backup import SNAPSHOT, STATE, BundleId, BundleManifest, BundleState
from windlass.domain.host.layout import CLUSTER_MARK
from windlass.domain.pki import Pki, issue_pki
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.scripts.restore import receive_script
from windlass.domain.spec import Cluster, dump_cluster
from windlass.domain.spec.flags import etcd_prefix
from windlass.effects.bundles import Vault
from windlass.effects.catalog import load_catalog
from windlass.effects.ssh.connection import RemoteFile
from windlass.effects.ssh.fake import Call, FakeHost, FakeHosts
from windlass.effects.ssh.pool import Connections
from windlass.effects.store import MemoryStore
from windlass.errors import IntegrityError, RefusedError, WindlassError
from windlass.operations.cluster import ClusterSession
from windlass.operations.recovery import RecoveryContext, SnapshotSource, choose_verified, restore_beside, stages
from windlass.operations.recovery.switch import _change_places, _stop, _telling_the_way_back

CATALOG = load_catalog(Path(__file__).parents[3] / "include" / "templates" / "kubernetes")
ID = "abcdef01"
CONTENT = random.Random(2).randbytes(600_000)  # noqa: S311 (content that does not shrink)
KEYS = new_keys()
COMPOSE = yaml.safe_dump({"services": {"etcd": {"image": "registry/etcd@sha256:1"}}}).encode()


def cluster() -> Cluster:
    members = [{"name": f"cp-{n}", "address": f"192.0.2.{n}", "roles": ["etcd", "control-plane"]} for n in (1, 2)]
    members.append({"name": "w-1", "address": "192.0.2.9", "roles": ["worker"]})
    spec = {"kubernetes": {"version": "v1.37.2"}, "hosts": {"members": members}, "etcd": {"allowEven": True}}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec}
    return Cluster.model_validate(document)


@dataclass
class Member:
    """A host that takes a snapshot, restores and switches as the scripts say, and notes each."""

    name: str
    stage: str = ""
    free_kib: int = 10_000_000
    is_prepared: bool = True
    got: bytearray = field(default_factory=bytearray)
    did: list[str] = field(default_factory=list)

    def host(self) -> FakeHost:
        made = FakeHost(self.name)
        made.on("sh", "-s", answer=self._script)
        made.on_stream(*receive_script(ID).argv_with_text, handler=self._receive)
        made.files[CLUSTER_MARK] = RemoteFile(b"demo\n")
        made.files["/etc/windlass/stacks/etcd/compose.yaml"] = RemoteFile(COMPOSE)
        return made

    def _receive(self, far: socket.socket) -> None:
        while data := far.recv(65_536):
            self.got += data

    def _script(self, call: Call) -> str:
        assert call.script is not None
        name, arguments = call.script.name, call.script.arguments
        if name == "restore-snapshot":
            self.did.append("restore")
            assert arguments["name"] == self.name
            assert arguments["initial_cluster"] == "cp-1=https://192.0.2.1:2380,cp-2=https://192.0.2.2:2380"
            assert arguments["image"] == "registry/etcd@sha256:1"
            self.stage = "restored"
            return "changed: restored\n"
        if name == "stop-control-plane":
            self.did.append("stop")
            return "changed: stopped etcd\n"
        if name == "switch-data":
            self.did.append("switch")
            return "changed: put the restored data in place\n"
        if name == "check-restore":
            return f"stage={self.stage}\nfree={self.free_kib}\n"
        return "changed: nothing\n" if self.is_prepared else ""


@pytest.fixture(scope="module")
def pki() -> Pki:
    return issue_pki(cluster(), datetime.now(UTC))


@pytest.fixture
def members() -> dict[str, Member]:
    return {name: Member(name) for name in ("cp-1", "cp-2", "w-1")}


@pytest.fixture
def work(members: dict[str, Member], pki: Pki) -> RecoveryContext:
    fakes = FakeHosts([member.host() for member in members.values()])
    mirror = MirrorAddresses("http://192.0.2.8:8080", "192.0.2.8:5000")
    session = ClusterSession(
        cluster(), CATALOG.release("v1.37.2"), Lock("modules", {}), mirror, Connections(fakes.targets(), fakes)
    )
    return RecoveryContext(ID, session, pki, RemoteFile(b"sealed"))


@contextmanager
def snapshot(content: bytes = CONTENT) -> Iterator[Iterator[bytes]]:
    yield (content[start : start + 10_000] for start in range(0, len(content), 10_000))


def source() -> SnapshotSource:
    return SnapshotSource(len(CONTENT), 1_000_000_000, snapshot())


def test_all_members_get_the_snapshot_and_restore_it(work: RecoveryContext, members: dict[str, Member]) -> None:
    restore_beside(work, source())

    for name in ("cp-1", "cp-2"):
        assert bytes(members[name].got) == CONTENT
        assert members[name].did == ["restore"]
    assert members["w-1"].did == []


def test_a_member_that_has_it_already_is_left_alone(work: RecoveryContext, members: dict[str, Member]) -> None:
    members["cp-1"].stage = "restored"

    before = restore_beside(work, source())

    assert before["cp-1"].stage == "restored"
    assert members["cp-1"].did == []
    assert members["cp-2"].did == ["restore"]


def test_without_room_nothing_is_sent(work: RecoveryContext, members: dict[str, Member]) -> None:
    members["cp-2"].free_kib = 1024

    with pytest.raises(RefusedError, match=r"needs 257 MiB below .*cp-2 has 1 MiB free; free some"):
        restore_beside(work, source())
    assert not members["cp-1"].got


def test_a_bundle_that_turns_out_damaged_while_it_is_sent_is_not_restored(
    work: RecoveryContext, members: dict[str, Member]
) -> None:
    @contextmanager
    def damaged() -> Iterator[Iterator[bytes]]:
        def pieces() -> Iterator[bytes]:
            yield CONTENT[:10_000]
            raise IntegrityError("chunk 1 is damaged")

        yield pieces()

    with pytest.raises(IntegrityError, match="chunk 1 is damaged"):
        restore_beside(work, SnapshotSource(len(CONTENT), 1, damaged()))
    assert members["cp-1"].did == members["cp-2"].did == []


def test_a_host_that_does_not_answer_stops_it_before_anything_is_stopped(work: RecoveryContext, pki: Pki) -> None:
    connector = work.session.connections._connector
    assert isinstance(connector, FakeHosts)
    connector.hosts["cp-2"].is_reachable = False

    with pytest.raises(WindlassError, match="cp-2: no connection"):
        restore_beside(work, source())


def test_everything_is_stopped_on_all_hosts_before_the_first_changes_places(
    work: RecoveryContext, members: dict[str, Member]
) -> None:
    _stop(work)
    _change_places(work)

    assert members["cp-1"].did == members["cp-2"].did == ["stop", "switch"]
    assert members["w-1"].did == []


def test_the_stages_are_read_from_all_members(work: RecoveryContext, members: dict[str, Member]) -> None:
    members["cp-1"].stage = "switched"
    assert {name: one.stage for name, one in stages(work).items()} == {"cp-1": "switched", "cp-2": ""}


def test_a_failure_after_the_switch_says_how_to_go_back(work: RecoveryContext) -> None:
    def fail() -> None:
        with _telling_the_way_back(work):
            raise RefusedError("cp-1: no leader")

    with pytest.raises(WindlassError, match=rf"(?s)cp-1: no leader.*cp-1, cp-2, as .*member.before-{ID}.*Going back"):
        fail()


def test_the_keys_of_the_api_are_where_its_flag_says() -> None:
    assert etcd_prefix(cluster()) == "/registry"


def filled(*bundles: BundleId) -> tuple[Vault, dict[BundleId, BundleManifest]]:
    vault, made = Vault(MemoryStore(), "demo", KEYS), {}
    for bundle in bundles:
        parts = {name: vault.write_part(bundle, name, io.BytesIO(CONTENT)) for name in (SNAPSHOT, STATE)}
        made[bundle] = manifest(id=str(bundle), parts=parts)
        vault.commit(made[bundle])
    return vault, made


OLDER = BundleId.of(TAKEN - timedelta(minutes=5), 900)


def damage(vault: Vault, bundle: BundleId) -> None:
    key = f"clusters/demo/bundles/{bundle}/{SNAPSHOT}"
    stored = vault.store.get(key)
    assert stored is not None
    vault.store.put(key, stored.data[:-100])


def test_the_newest_bundle_is_read_to_the_end_and_taken() -> None:
    vault, made = filled(OLDER, BUNDLE)
    assert choose_verified(vault, "newest", pytest.fail) == made[BUNDLE]
    assert choose_verified(vault, str(OLDER), pytest.fail) == made[OLDER]


def test_a_damaged_one_is_passed_over_aloud_unless_it_was_named() -> None:
    vault, made = filled(OLDER, BUNDLE)
    damage(vault, BUNDLE)
    told: list[str] = []

    assert choose_verified(vault, "newest", told.append) == made[OLDER]
    assert [text for text in told if f"bundle {BUNDLE} is passed over" in text]
    with pytest.raises(IntegrityError):
        choose_verified(vault, str(BUNDLE), told.append)


def test_without_a_good_bundle_it_is_refused() -> None:
    vault, _ = filled(BUNDLE)
    damage(vault, BUNDLE)
    with pytest.raises(RefusedError, match="has no verified bundle"):
        choose_verified(vault, "newest", lambda _: None)


LATER = BundleId.of(TAKEN + timedelta(minutes=5), 310)
LAST = BundleId.of(TAKEN + timedelta(minutes=10), 350)


def of_lives(*taken: tuple[BundleId, str, Pki]) -> Vault:
    """Bundles with the UID of kube-system and the keys of their time."""
    vault = Vault(MemoryStore(), "demo", KEYS)
    for bundle, life, keys in taken:
        state = BundleState(keys, dump_cluster(cluster()), True, {}, {}).to_bytes()  # noqa: FBT003
        contents = {SNAPSHOT: CONTENT, STATE: state}
        parts = {name: vault.write_part(bundle, name, io.BytesIO(content)) for name, content in contents.items()}
        vault.commit(manifest(id=str(bundle), parts=parts, namespaces={"kube-system": life} if life else {}))
    return vault


@pytest.mark.parametrize("life", ["another", ""])
@pytest.mark.parametrize("desired", ["newest", "2026-12-01"])
def test_between_what_was_and_what_started_over_somebody_must_choose(pki: Pki, life: str, desired: str) -> None:
    renewed = replace(pki, leaves={}, encryption_keys=())
    vault = of_lives((OLDER, "first", pki), (BUNDLE, "first", pki), (LATER, life, pki), (LAST, life, renewed))

    with pytest.raises(
        RefusedError, match=rf"{LAST} is of an etcd that .* started over after bundle {BUNDLE} was taken"
    ):
        choose_verified(vault, desired, pytest.fail)
    for named in (BUNDLE, LAST):
        assert choose_verified(vault, str(named), pytest.fail).bundle == named
    assert choose_verified(vault, TAKEN.isoformat(), pytest.fail).bundle == BUNDLE


def test_keys_that_nobody_can_read_are_no_proof_of_another_cluster(pki: Pki) -> None:
    vault = of_lives((BUNDLE, "first", pki), (LATER, "another", pki))
    vault.store.delete(f"clusters/demo/bundles/{BUNDLE}/{STATE}")
    with pytest.raises(RefusedError, match="started over"):
        choose_verified(vault, "newest", pytest.fail)


def test_bundles_of_a_former_cluster_of_that_name_are_passed_over(pki: Pki) -> None:
    vault = of_lives((BUNDLE, "first", issue_pki(cluster(), datetime.now(UTC))), (LATER, "another", pki))
    assert choose_verified(vault, "newest", pytest.fail).bundle == LATER


def test_a_life_that_was_recovered_goes_on(pki: Pki) -> None:
    vault = of_lives((OLDER, "first", pki), (BUNDLE, "another", pki), (LAST, "first", pki))
    assert choose_verified(vault, "newest", pytest.fail).bundle == LAST
