from __future__ import annotations

import pytest

from windlass.effects.ssh.connection import SshTarget
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
