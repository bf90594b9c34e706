from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from windlass.effects.ssh.connection import SshTarget
from windlass.effects.ssh.host_keys import HostKey, keys_of, known_hosts_line
from windlass.effects.store import ClusterRecords, HostKeys, MemoryStore
from windlass.errors import IntegrityError

TARGET = SshTarget("cp-1", "192.0.2.11", "ops", "key", trust_on_first_use=True)


def test_first_recorded_key_stays() -> None:
    keys = HostKeys(MemoryStore(), "demo")
    keys.record(TARGET, "192.0.2.11 ssh-ed25519 AAAA")
    keys.record(TARGET, "192.0.2.11 ssh-ed25519 AAAA")
    with pytest.raises(IntegrityError, match="cp-1: another host key is recorded"):
        keys.record(TARGET, "192.0.2.11 ssh-ed25519 BBBB")
    assert keys.lines() == ("192.0.2.11 ssh-ed25519 AAAA",)


def test_keys_belong_to_one_cluster_and_go_with_it() -> None:
    store = MemoryStore()
    HostKeys(store, "demo").record(TARGET, "192.0.2.11 ssh-ed25519 AAAA")
    assert HostKeys(store, "other").lines() == ()
    ClusterRecords(store, "demo").forget(keep_backups=True)
    assert HostKeys(store, "demo").lines() == ()


OLD, NEW = HostKey("ssh-ed25519", b"old"), HostKey("ssh-ed25519", b"new")
AT = datetime(2026, 11, 29, 10, tzinfo=UTC)


class TestAccepted:
    """A key that somebody accepted in place of what was known."""

    def accept(self, keys: HostKeys, target: SshTarget, shown: HostKey) -> None:
        (known,) = keys.known([target])
        keys.accept(target.name, keys.accepted_of(known, shown, "manual__1", AT))

    def test_it_takes_the_place_of_one_that_was_trusted_on_first_use(self) -> None:
        keys = HostKeys(MemoryStore(), "demo")
        keys.record(TARGET, known_hosts_line(TARGET, OLD))
        self.accept(keys, TARGET, NEW)
        assert keys.lines() == ()
        assert keys_of(keys.known([TARGET])[0]) == (NEW,)
        assert keys.accepted()["cp-1"].replaced == (OLD.fingerprint,)

    def test_it_takes_the_place_of_the_specs_line_and_of_one_accepted_before(self) -> None:
        keys, third = HostKeys(MemoryStore(), "demo"), HostKey("ssh-ed25519", b"third")
        listed = replace(TARGET, trust_on_first_use=False, known_hosts=(known_hosts_line(TARGET, OLD),))
        self.accept(keys, listed, NEW)
        self.accept(keys, listed, third)
        assert keys_of(keys.known([listed])[0]) == (third,)
        assert set(keys.accepted()["cp-1"].replaced) == {OLD.fingerprint, NEW.fingerprint}

    def test_other_hosts_are_not_concerned(self) -> None:
        keys = HostKeys(MemoryStore(), "demo")
        other = SshTarget("cp-2", "192.0.2.12", "ops", "key", known_hosts=(known_hosts_line(TARGET, OLD),))
        self.accept(keys, TARGET, NEW)
        assert keys.known([other]) == [other]

    def test_it_goes_with_its_machine_and_with_its_cluster(self) -> None:
        store = MemoryStore()
        keys = HostKeys(store, "demo")
        self.accept(keys, TARGET, NEW)
        keys.forget("cp-1")
        assert not keys.accepted()
        self.accept(keys, TARGET, NEW)
        ClusterRecords(store, "demo").forget(keep_backups=True)
        assert not keys.accepted()
