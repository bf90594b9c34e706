"""A stored spec that cannot be read is named, and holds up no other cluster."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from unit.services import services_of
from windlass.airflow.run_context import RunContext
from windlass.domain.lease import Owner
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.effects.catalog import load_catalog
from windlass.effects.store import AuthenticatedStore, ClusterRecords, MemoryStore, Store
from windlass.effects.store.keys import spec_key
from windlass.errors import SpecError

ROOT = Path(__file__).resolve().parents[3]
CATALOG = load_catalog(ROOT / "include/templates/kubernetes")
SPEC = (ROOT / "include/clusters/ha-3-1.yaml").read_text()
NAME = next(line.split("name:")[1].strip(" {}") for line in SPEC.splitlines() if "name:" in line)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def desired(store: Store, text: str = SPEC) -> RunContext:
    run = RunContext(
        NAME, Owner("apply_cluster", "mine"), lambda _: None, services_of(store, load_catalog=lambda: CATALOG)
    )
    assert run.desired(text).name == NAME
    return run


@pytest.mark.parametrize("data", [b"kind: [", b"\xff\xfe", b"", b"{}", b"a: &a [*a]"])
def test_it_is_warned_of_and_passed_over(store: MemoryStore, data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    store.put(spec_key("broken"), data)
    with caplog.at_level(logging.WARNING):
        desired(store)
    (told,) = [record.getMessage() for record in caplog.records if "windlass" in record.name]
    assert told.startswith("the stored spec of the cluster `broken` cannot be read (")
    assert "`windlass store spec broken --write FILE`" in told


def test_its_hosts_are_not_taken(store: MemoryStore) -> None:
    store.put(spec_key("broken"), (SPEC.replace(NAME, "broken") + "  more: {}\n").encode())
    with pytest.raises(SpecError, match="is the host `cp-1` of the cluster `broken`"):
        desired(store)
    store.put(spec_key("broken"), b"[" + SPEC.encode())
    with pytest.raises(SpecError, match="stands in the stored spec of the cluster `broken`, which cannot be read"):
        desired(store)


def test_what_a_cluster_has_already_stays_its_own(store: MemoryStore) -> None:
    store.put(spec_key("broken"), b"[" + SPEC.encode())
    ClusterRecords(store, NAME).save_spec(SPEC)
    desired(store)
    store.put(spec_key("broken"), b"[ 192.0.2.77")
    with pytest.raises(SpecError, match=r"192\.0\.2\.77 stands in the stored spec"):
        desired(store, SPEC.replace("192.0.2.31", "192.0.2.77"))


def test_one_that_was_tampered_with_is_warned_of_and_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    raw, masters = MemoryStore(), MasterKeys.parse(new_master_key().reveal())
    for name in ("forged", "gone"):
        ClusterRecords(AuthenticatedStore.by(raw, masters), name).save_spec(SPEC.replace(NAME, name))
    raw.put(spec_key("forged"), SPEC.encode())
    raw.delete(spec_key("gone"))

    with caplog.at_level(logging.WARNING):
        desired(AuthenticatedStore.by(raw, masters))

    told = [record.getMessage() for record in caplog.records if "windlass" in record.name]
    assert [one.split(":")[0] for one in told] == [
        f"the stored spec of the cluster `{name}` is not read" for name in ("forged", "gone")
    ]
