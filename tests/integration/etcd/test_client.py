"""The client against real etcd members, over TLS."""

from __future__ import annotations

import hashlib
import io
import json
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from windlass.domain.pki import Signer, new_authority
from windlass.effects.etcd import EtcdClient, EtcdCredentials, EtcdTarget
from windlass.errors import NotReadyError, RefusedError, UnreachableError

if TYPE_CHECKING:
    from conftest import Etcd

Result = TypeVar("Result")


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"not within 60 s: {what}"
        time.sleep(0.1)


def test_lists_members_with_names_and_addresses(etcd: Etcd) -> None:
    with etcd.client(etcd.members[0]) as client:
        members = client.members()
        assert client.members(linearizable=False) == members
    assert {member.name: member.peer_urls for member in members} == {
        member.name: (member.peer_url,) for member in etcd.members[:3]
    }
    assert all(member.has_started and not member.is_learner for member in members)


def test_each_member_tells_its_status_and_one_leads(etcd: Etcd) -> None:
    statuses = []
    for member in etcd.members[:3]:
        with etcd.client(member) as client:
            statuses.append(client.status())
    assert sum(status.is_leader for status in statuses) == 1
    assert len({status.leader_id for status in statuses}) == 1
    assert {status.version for status in statuses} == {"3.7.3"}
    assert all(status.revision > 1 and status.raft_applied_index > 0 for status in statuses)
    assert all(0 < status.database_bytes_in_use <= status.database_bytes < status.quota_bytes for status in statuses)
    assert all(status.errors == () for status in statuses)


def test_writes_through_one_member_are_read_through_another(etcd: Etcd) -> None:
    with etcd.client(etcd.members[0]) as writer, etcd.client(etcd.members[1]) as reader:
        revision = writer.keys.put(b"k", b"v")
        read = reader.keys.get(b"k")
        assert read is not None
        assert (read.value, read.mod_revision) == (b"v", revision)
        assert reader.keys.get(b"missing") is None
        assert writer.keys.delete(b"k")
        assert not writer.keys.delete(b"k")
        assert reader.keys.get(b"k") is None


def test_conditional_writes_happen_only_on_what_was_read(etcd: Etcd) -> None:
    with etcd.client(etcd.members[0]) as client:
        assert client.keys.create(b"once", b"1")
        assert not client.keys.create(b"once", b"2")
        read = client.keys.get(b"once")
        assert read is not None
        assert client.keys.replace(b"once", b"3", read.mod_revision)
        assert not client.keys.replace(b"once", b"4", read.mod_revision)
        assert client.keys.delete(b"once")


def test_lists_a_prefix_page_by_page(etcd: Etcd) -> None:
    names = [f"many/{number:04d}".encode() for number in range(1201)]
    with etcd.client(etcd.members[0]) as client:
        for name in names:
            client.keys.put(name, b"x")
        client.keys.put(b"manz", b"not below")
        assert [item.key for item in client.keys.list(b"many/")] == names
        assert client.keys.count(b"many/") == 1201
        assert client.keys.count(b"") == len(list(client.keys.list(b"")))


def test_a_snapshot_is_whole_and_readable(etcd: Etcd, etcdutl_binary: Path, tmp_path: Path) -> None:
    target = tmp_path / "snapshot.db"
    with etcd.client(etcd.members[1]) as client:
        client.keys.put(b"snapshot", bytes(300_000))
        with target.open("wb") as stream:
            snapshot = client.snapshot(stream)
        revision = client.status().revision
    assert snapshot.size == target.stat().st_size
    assert snapshot.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
    argv = [str(etcdutl_binary), "snapshot", "status", str(target), "-w", "json"]
    told = json.loads(subprocess.run(argv, check=True, capture_output=True).stdout)
    assert told["revision"] == revision


def test_all_members_have_the_same_content(etcd: Etcd) -> None:
    with etcd.client(etcd.members[0]) as client:
        revision = client.keys.put(b"same", b"everywhere")
    hashes = []
    for member in etcd.members[:3]:
        with etcd.client(member) as client:
            until(lambda client=client: client.status().revision >= revision, "the member has caught up")
            hashes.append(client.content_hash(revision))
    assert {found.revision for found in hashes} == {revision}
    assert len({found.value for found in hashes}) == 1


def eventually(act: Callable[[], Result], what: str) -> Result:
    """Return what `act` gives once etcd is ready: it changes its members only after 5 s of all being connected."""
    results: list[Result] = []

    def attempt() -> bool:
        try:
            results.append(act())
        except NotReadyError:
            return False
        return True

    until(attempt, what)
    return results[0]


def test_a_learner_joins_is_promoted_and_leaves(etcd: Etcd) -> None:
    new = etcd.members[3]
    with etcd.client(etcd.members[0]) as client:
        learner = eventually(lambda: client.add_learner([new.peer_url]), "the learner is added")
        assert learner.is_learner
        assert not learner.has_started
        with pytest.raises(NotReadyError, match="in sync with leader"):
            client.promote(learner.member_id)
        etcd.start(new, first=etcd.members, state="existing")
        eventually(lambda: client.promote(learner.member_id), "the learner is promoted")
        (member,) = (member for member in client.members() if member.member_id == learner.member_id)
        assert (member.name, member.is_learner) == (new.name, False)
        assert eventually(lambda: client.remove(learner.member_id), "the member is removed")
        assert not client.remove(learner.member_id)
        assert len(client.members()) == 3
    etcd.stop(new)


def test_the_lead_moves_to_another_member(etcd: Etcd) -> None:
    statuses = {}
    for member in etcd.members[:3]:
        with etcd.client(member) as client:
            statuses[member] = client.status()
    (leader,) = (member for member, status in statuses.items() if status.is_leader)
    heir = next(status.member_id for status in statuses.values() if not status.is_leader)
    with etcd.client(leader) as client:
        client.move_leader(heir)
        until(lambda: client.status().leader_id == heir, "the lead has moved")


def fill(client: EtcdClient) -> None:
    for _ in range(50):
        client.keys.put(b"big", bytes(1_000_000))


def test_a_full_database_is_told_and_can_be_freed(spare_etcd: Etcd) -> None:
    member = spare_etcd.members[0]
    spare_etcd.start(member, first=(member,), flags=("--quota-backend-bytes=20000000",))
    spare_etcd.wait_for_leader(member)
    with spare_etcd.client(member) as client:
        with pytest.raises(RefusedError, match=r"database space exceeded; compact and defragment"):
            fill(client)
        (alarm,) = client.alarms()
        assert (alarm.kind, alarm.member_id) == ("NOSPACE", client.status().member_id)
        client.keys.compact(client.status().revision)
        before = client.status()
        client.defragment()
        assert client.status().database_bytes < before.database_bytes
        client.disarm(alarm)
        assert client.alarms() == ()
        client.keys.put(b"big", b"fits again")


def test_without_quorum_a_member_still_tells_what_it_knows(spare_etcd: Etcd) -> None:
    first = spare_etcd.members[:3]
    for member in first:
        spare_etcd.start(member, first=first)
    spare_etcd.wait_for_leader(first[0])
    for member in first[1:]:
        spare_etcd.stop(member)
    with spare_etcd.client(first[0], seconds=2) as client:
        until(lambda: client.status().leader_id == 0, "the member knows that there is no leader")
        assert client.status().errors
        assert len(client.members(linearizable=False)) == 3
        with pytest.raises((NotReadyError, UnreachableError), match="etcd-1: etcd: writing a key"):
            client.keys.put(b"k", b"v")
        read = client.keys.get(b"ready", linearizable=False)
        assert read is not None


def test_a_certificate_is_found_by_another_name(etcd: Etcd) -> None:
    with etcd.client(etcd.members[0], server_name="etcd-1") as client:
        assert client.status().version


def test_a_server_of_another_name_is_not_spoken_to(etcd: Etcd) -> None:
    with etcd.client(etcd.members[0], server_name="etcd-2") as client, pytest.raises(UnreachableError, match="etcd-1"):
        client.status()


def test_a_client_of_another_authority_is_turned_down(etcd: Etcd) -> None:
    stranger = EtcdCredentials.of(etcd.pki)
    other = replace(stranger, client=etcd.pki.leaves["etcd-1/etcd-server"])
    target = EtcdTarget("etcd-1", port=etcd.members[0].client_port)
    with EtcdClient(target, other) as client:
        assert client.status().version  # the same authority, whatever the leaf
    foreign = replace(stranger, client=new_authority("foreign", datetime.now(UTC)))
    with EtcdClient(target, foreign) as client, pytest.raises(UnreachableError):
        client.status()


def test_a_server_of_another_authority_is_not_spoken_to(etcd: Etcd) -> None:
    other = replace(EtcdCredentials.of(etcd.pki), authority=etcd.pki.authorities[Signer.KUBERNETES].certificate)
    with (
        EtcdClient(EtcdTarget("etcd-1", port=etcd.members[0].client_port), other) as client,
        pytest.raises(UnreachableError, match="certificate"),
    ):
        client.status()


def test_a_member_that_is_down_is_unreachable(etcd: Etcd) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        target = EtcdTarget("cp-9", port=taken.getsockname()[1])
        with (
            EtcdClient(target, EtcdCredentials.of(etcd.pki)) as client,
            pytest.raises(UnreachableError, match="cp-9: etcd: asking for its status"),
        ):
            client.status()


def test_a_member_that_hangs_runs_into_the_deadline(etcd: Etcd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        target = EtcdTarget("cp-9", port=silent.getsockname()[1])
        with (
            EtcdClient(target, EtcdCredentials.of(etcd.pki), timedelta(seconds=1)) as client,
            pytest.raises(UnreachableError, match="look again"),
        ):
            client.snapshot(io.BytesIO(), timedelta(seconds=1))


def test_no_key_shows_in_repr(etcd: Etcd) -> None:
    credentials = EtcdCredentials.of(etcd.pki)
    assert credentials.client.key.reveal() not in repr(credentials)
