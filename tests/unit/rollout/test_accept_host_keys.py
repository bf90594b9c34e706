"""A new host key of a reinstalled machine: accepted of hosts that the run names, recorded, and never silently."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest

from unit.cluster_run import FakeRun
from unit.rollout.test_rollout_plan import OVERLAPPING, cluster
from windlass.domain.lease import Owner
from windlass.domain.rollout.gate import GateLevel
from windlass.domain.rollout.upgrade_path import UpgradeRequest
from windlass.effects.ssh.connection import SshTarget
from windlass.effects.ssh.fake import FakeHost, FakeHosts
from windlass.effects.ssh.host_keys import HostKey, keys_of, known_hosts_line
from windlass.effects.ssh.pool import Connections
from windlass.effects.store import HostKeys
from windlass.errors import IntegrityError, RefusedError, UnreachableError
from windlass.operations.rollout.host_keys import accept_host_keys

OLD, NEW = HostKey("ssh-ed25519", b"old"), HostKey("ssh-ed25519", b"new")
TARGETS = [SshTarget(name, f"192.0.2.{n}", "ops", "") for n, name in enumerate(OVERLAPPING, start=11)]
KNOWN = [replace(one, known_hosts=(known_hosts_line(one, OLD),)) for one in TARGETS]


class KeyedHosts(FakeHosts):
    def __init__(self, **keys: HostKey | Exception) -> None:
        super().__init__([FakeHost(name) for name in OVERLAPPING])
        self.keys = {name.replace("_", "-"): key for name, key in keys.items()}

    def host_key(self, target: SshTarget) -> HostKey:
        found = self.keys.get(target.name, OLD)
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def run() -> FakeRun:
    return FakeRun(Owner("apply_cluster", "manual__1"))


def session_of(hosts: FakeHosts) -> Any:
    return Mock(connections=Connections(KNOWN, hosts), cluster=cluster(OVERLAPPING))


def request(*names: str, **options: Any) -> UpgradeRequest:
    return UpgradeRequest(accept_new_host_key=names, **options)


def test_a_named_host_is_trusted_by_what_it_shows_and_that_is_recorded_and_logged(run: FakeRun) -> None:
    session = session_of(KeyedHosts(cp_2=NEW, cp_3=NEW))
    (told,) = accept_host_keys(run, session, request("cp-2"), Mock())
    assert told.verdict is GateLevel.WARNING
    assert OLD.fingerprint in told.text
    assert NEW.fingerprint in told.text
    assert keys_of(session.connections.target("cp-2")) == (NEW,)
    assert keys_of(session.connections.target("cp-3")) == (OLD,)  # not named
    ((level, line),) = run.lines
    assert level == "warning"
    assert line.startswith(f"apply_cluster: cp-2 shows a new host key, ssh-ed25519 {NEW.fingerprint}, in place of")
    assert OLD.fingerprint in line
    assert list(HostKeys(run.store, "demo").accepted()) == ["cp-2"]


def test_a_run_that_only_plans_trusts_it_for_this_time_and_records_nothing(run: FakeRun) -> None:
    session = session_of(KeyedHosts(cp_2=NEW))
    (told,) = accept_host_keys(run, session, request("cp-2", plan_only=True), Mock())
    assert "would be recorded" in told.text
    assert keys_of(session.connections.target("cp-2")) == (NEW,)
    assert not run.lines
    assert not HostKeys(run.store, "demo").accepted()


def test_a_revoked_key_is_not_accepted_of_a_host_that_is_named(run: FakeRun) -> None:
    session = session_of(KeyedHosts(cp_2=NEW))
    target = session.connections.target("cp-2")
    revoked = f"@revoked {known_hosts_line(target, NEW)}"
    session.connections.renew(replace(target, known_hosts=(*target.known_hosts, revoked)))
    with pytest.raises(IntegrityError, match=r"cp-2 .* has revoked"):
        accept_host_keys(run, session, request("cp-2"), Mock())
    assert not run.lines
    assert not HostKeys(run.store, "demo").accepted()


def test_a_host_that_shows_the_known_key_or_none_changes_nothing(run: FakeRun) -> None:
    session, tell = session_of(KeyedHosts(cp_2=UnreachableError("cp-2: no connection"))), Mock()
    assert accept_host_keys(run, session, request("cp-1", "cp-2"), tell) == ()
    assert "shows the host key that is known" in tell.call_args_list[0].args[0]
    assert "could not be asked for: cp-2: no connection" in tell.call_args_list[1].args[0]
    assert not run.lines


def test_a_run_accepts_one_key_of_a_host_and_no_second_one(run: FakeRun) -> None:
    accept_host_keys(run, session_of(KeyedHosts(cp_2=NEW)), request("cp-2"), Mock())
    again = session_of(KeyedHosts(cp_2=HostKey("ssh-ed25519", b"third")))
    with pytest.raises(IntegrityError, match="this run has accepted another one"):
        accept_host_keys(run, again, request("cp-2"), Mock())
    run.owner = Owner("apply_cluster", "manual__2")
    (told,) = accept_host_keys(run, again, request("cp-2"), Mock())
    assert "recorded" in told.text


def test_what_is_not_reached_by_ssh_shows_no_key() -> None:
    with pytest.raises(RefusedError, match="not reached by SSH"):
        Connections(TARGETS, FakeHosts([FakeHost("cp-1")])).host_key("cp-1")
