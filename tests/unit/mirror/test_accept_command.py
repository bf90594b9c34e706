from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from unit.mirror.test_acceptance import HONEST, TAMPERED
from windlass.airflow import services
from windlass.cli import main as command
from windlass.cli import remote
from windlass.domain.accepted_lock import lock_digest
from windlass.domain.artifacts import Lock
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.effects.store import ClusterRecords, MemoryStore, ServiceLog
from windlass.effects.store.accepted_locks import AcceptedLocks
from windlass.mirror import acceptance
from windlass.operations.secrets import SpecSecrets, no_secrets

URL = "http://192.0.2.1:8080"
SPEC = f"""\
apiVersion: windlass/v1
kind: Cluster
metadata: {{name: NAME}}
spec:
  kubernetes: {{version: v1.37.2}}
  hosts:
    members: [{{name: cp-1, address: 192.0.2.11, roles: [etcd, control-plane, worker]}}]
  artifacts: {{mirror: {URL}}}
"""


@pytest.fixture
def locks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AcceptedLocks:
    monkeypatch.setenv("WINDLASS_CACHE", str(tmp_path))
    monkeypatch.setattr(remote, "person", lambda: "ana@ops-1")
    store, keys = MemoryStore(), MasterKeys.parse(new_master_key().reveal())
    built = SimpleNamespace(store=store, keys=keys, secrets=SpecSecrets(no_secrets))
    monkeypatch.setattr(services, "airflow_services", lambda: built)
    return AcceptedLocks(store, keys)


def offer(monkeypatch: pytest.MonkeyPatch, lock: Lock) -> None:
    monkeypatch.setattr(acceptance, "fetch_lock", lambda _: lock)


def test_a_lock_is_accepted_by_its_digest_only(
    locks: AcceptedLocks, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(monkeypatch, HONEST)
    assert command.main(["mirror", "accept", URL]) == 3
    assert f"windlass mirror accept {URL} --digest {lock_digest(HONEST)}" in capsys.readouterr().err
    assert locks.find(URL) is None
    assert command.main(["mirror", "accept", URL + "/", "--digest", lock_digest(HONEST)]) == 0
    assert f"by ana@ops-1: {lock_digest(HONEST)}" in capsys.readouterr().out
    assert command.main(["mirror", "accept", URL, "--digest", lock_digest(HONEST)]) == 0
    assert "nothing to accept" in capsys.readouterr().out


def test_a_change_is_shown_kept_and_told_to_the_clusters_of_that_mirror(
    locks: AcceptedLocks, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ClusterRecords(locks.store, "demo").save_spec(SPEC.replace("NAME", "demo"))
    ClusterRecords(locks.store, "other").save_spec(SPEC.replace("NAME", "other").replace(URL, "http://192.0.2.2:8080"))
    ClusterRecords(locks.store, "broken").save_spec("no: [spec")
    locks.accept(URL, HONEST, "ops")
    offer(monkeypatch, TAMPERED)

    assert command.main(["mirror", "accept", URL, "--digest", lock_digest(TAMPERED)]) == 0

    assert "image:etcd:v3.7.3: sha256:222222222222 → sha256:999999999999" in capsys.readouterr().out
    change = f"by ana@ops-1: {lock_digest(HONEST)} → {lock_digest(TAMPERED)}"
    (event,) = ServiceLog(locks.store, "demo").newest()
    assert change in event.text
    assert ServiceLog(locks.store, "other").newest() == ()
    assert command.main(["mirror", "accepted"]) == 0
    assert change in capsys.readouterr().out
