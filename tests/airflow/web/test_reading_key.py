"""What pages read of the store where the API server has a reading key, or no key at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

from unit.backup.examples import BUNDLE, new_keys
from windlass.airflow.connections import open_shown_store
from windlass.domain.authenticity import RecordKeys
from windlass.domain.backup import Comparison, DrillRecord, drill_id
from windlass.domain.catalog import Catalog
from windlass.effects.bundles import Vault
from windlass.effects.store import AuthenticatedStore, ClusterRecords, MemoryStore, UnverifiedStore
from windlass.effects.store.keys import bundle_key
from windlass.effects.store.read_cluster import read_backups, read_known
from windlass.web.cluster_list import Wanted
from windlass.web.rest import list_clusters

NOW = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
SPEC = (Path(__file__).resolve().parents[3] / "include/clusters/ha-3-1.yaml").read_text().replace("ha-3-1", "demo")
MASTERS = new_keys()
RECORD = DrillRecord(
    id=drill_id(BUNDLE, NOW),
    cluster="demo",
    bundle=str(BUNDLE),
    host="w-1",
    by="restore_drill",
    started=NOW,
    finished=NOW,
    milliseconds={},
    comparisons=(Comparison(what="revision", expected="1", found="1"),),
    failure="",
    disproves=False,
)


@pytest.fixture
def raw() -> MemoryStore:
    raw = MemoryStore()
    store = AuthenticatedStore.by(raw, MASTERS)
    ClusterRecords(store, "demo").save_spec(SPEC)
    ClusterRecords(store, "demo").save_status({"observed": NOW.isoformat(), "hosts": {}, "subjects": []})
    raw.put(bundle_key("demo", str(BUNDLE), "manifest.json"), b"{}")
    Vault(store, "demo", MASTERS).save_drill(RECORD)
    return raw


def with_reading_key(raw: MemoryStore) -> AuthenticatedStore:
    keys = RecordKeys.parse(RecordKeys.of(MASTERS).reading_text().reveal())
    return AuthenticatedStore(raw, lambda: keys)


def test_a_reading_key_shows_specs_observations_and_what_drills_have_proven(raw: MemoryStore) -> None:
    known = read_known(with_reading_key(raw), "demo", None)

    assert known is not None
    assert known.status["observed"] == NOW.isoformat()
    assert known.backups.proven == {str(BUNDLE): True}


def test_a_proof_that_somebody_else_wrote_is_not_shown(raw: MemoryStore) -> None:
    forged = RECORD.to_bytes(new_keys())
    raw.put(f"clusters/demo/drills/{RECORD.id}.json", forged)

    assert read_backups(with_reading_key(raw), "demo", None).proven == {}


def test_without_a_key_clusters_are_named_with_what_to_do_and_no_proof_is_shown(raw: MemoryStore) -> None:
    shown, user = UnverifiedStore(raw), SimpleAuthManagerUser(username="ada", role="admin")

    (found,) = json.loads(list_clusters(user, shown, None, Catalog({}), Wanted()).body)
    assert found["name"] == "demo"
    assert "windlass store reading-key" in found["error"]
    assert read_backups(shown, "demo", None).proven == {}


@pytest.mark.parametrize(
    ("connection", "kind"),
    [
        ("windlass_master_key", AuthenticatedStore),
        ("windlass_record_key", AuthenticatedStore),
        ("windlass_reading_key", AuthenticatedStore),
        ("nothing", UnverifiedStore),
    ],
)
def test_the_pages_store_is_checked_wherever_there_is_a_key(
    monkeypatch: pytest.MonkeyPatch, connection: str, kind: type
) -> None:
    passwords = {
        "windlass_master_key": MASTERS.keys[0].key.reveal(),
        "windlass_record_key": RecordKeys.of(MASTERS).record_text().reveal(),
        "windlass_reading_key": RecordKeys.of(MASTERS).reading_text().reveal(),
        "nothing": "",
    }
    store = {"conn_type": "aws", "extra": {"bucket": "b", "endpoint_url": "http://127.0.0.1:9"}}
    monkeypatch.setenv("AIRFLOW_CONN_WINDLASS_STORE", json.dumps(store))
    given = {"conn_type": "generic", "password": passwords[connection]}
    monkeypatch.setenv(f"AIRFLOW_CONN_{connection.upper()}", json.dumps(given))

    found = open_shown_store()

    assert isinstance(found, kind)
    if isinstance(found, AuthenticatedStore):
        assert found.keys.keys[0].public == RecordKeys.of(MASTERS).keys[0].public
