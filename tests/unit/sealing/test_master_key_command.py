"""Which master key still seals what, and what an old one is needed for."""

from __future__ import annotations

from unit.pki.conftest import NOW, make_cluster
from windlass.domain.pki import issue_pki
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.domain.spec import dump_cluster
from windlass.effects.store import ClusterRecords, MemoryStore
from windlass.operations.commands.derived_keys import sealed_objects, told

OLD, NEW = new_master_key().reveal(), new_master_key().reveal()


def stored() -> tuple[MemoryStore, ClusterRecords]:
    store = MemoryStore()
    records = ClusterRecords(store, "demo")
    records.save_spec(dump_cluster(make_cluster()))
    records.save_pki(issue_pki(make_cluster(), NOW), MasterKeys.parse(OLD))
    return store, records


def test_an_old_key_is_needed_until_the_certificates_are_sealed_again() -> None:
    store, records = stored()
    both = MasterKeys.parse(f"{NEW},{OLD}")
    first, second, _ = told(sealed_objects(store), both)
    assert "no objects" in first
    assert "1 objects of demo" in second
    assert "rotate_certificates" in second

    pki = records.pki(both)
    assert pki is not None
    records.save_pki(pki, both)

    _, second, _ = told(sealed_objects(store), both)
    assert "no certificates and no bundles need it" in second


def test_a_key_that_was_dropped_too_early_is_told() -> None:
    store, _ = stored()
    assert any("put it back" in line for line in told(sealed_objects(store), MasterKeys.parse(NEW)))
