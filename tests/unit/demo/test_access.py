from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import yaml
from cryptography import x509

from windlass.domain.pki import issue_pki
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.domain.spec import load_cluster
from windlass.effects.store import ClusterRecords, MemoryStore, ServiceLog
from windlass.errors import IntegrityError, RefusedError, SpecError
from windlass.operations.commands.break_glass import AccessRequest, grant_access

SPEC = """
apiVersion: windlass/v1
kind: Cluster
metadata: {name: demo}
spec:
  kubernetes: {version: v1.37.2}
  hosts:
    members:
      - {name: cp-1, address: 192.0.2.11, roles: [etcd, control-plane, worker]}
"""


@pytest.fixture(scope="module")
def keys() -> MasterKeys:
    return MasterKeys.parse(new_master_key().reveal())


@pytest.fixture(scope="module")
def store(keys: MasterKeys) -> MemoryStore:
    made = MemoryStore()
    records = ClusterRecords(made, "demo")
    records.save_spec(SPEC)
    records.save_pki(issue_pki(load_cluster(SPEC, "demo"), datetime.now(UTC)), keys)
    return made


def asked(cluster: str, life: timedelta, reason: str = "Airflow is away") -> AccessRequest:
    return AccessRequest(cluster, "ada", life, reason)


def test_a_kubeconfig_names_its_user_and_expires_when_asked(store: MemoryStore, keys: MasterKeys) -> None:
    access = grant_access(store, keys, asked("demo", timedelta(hours=2)))

    certificate = x509.load_pem_x509_certificate(access.credential.certificate.encode())
    left = certificate.not_valid_after_utc - datetime.now(UTC)
    assert timedelta(hours=1) < left <= timedelta(hours=2)
    assert "CN=break-glass:ada" in certificate.subject.rfc4514_string()
    document = yaml.safe_load(access.kubeconfig.reveal())
    assert document["current-context"] == "demo"
    assert document["clusters"][0]["cluster"]["server"] == "https://192.0.2.11:6443"


def test_the_private_key_shows_nowhere_by_accident(store: MemoryStore, keys: MasterKeys) -> None:
    access = grant_access(store, keys, asked("demo", timedelta(hours=2)))

    assert "PRIVATE KEY" not in repr(access)


def test_says_which_clusters_there_are(store: MemoryStore, keys: MasterKeys) -> None:
    with pytest.raises(SpecError, match=r"no cluster `prod` .*clusters: demo"):
        grant_access(store, keys, asked("prod", timedelta(hours=2)))


def test_refuses_a_certificate_that_would_live_long(store: MemoryStore, keys: MasterKeys) -> None:
    with pytest.raises(RefusedError, match="7 days"):
        grant_access(store, keys, asked("demo", timedelta(days=30)))


def test_a_wrong_master_key_opens_nothing(store: MemoryStore) -> None:
    other = MasterKeys.parse(new_master_key().reveal())

    with pytest.raises(IntegrityError):
        grant_access(store, other, asked("demo", timedelta(hours=2)))


def test_the_service_log_says_who_broke_the_glass_and_why(store: MemoryStore, keys: MasterKeys) -> None:
    access = grant_access(store, keys, asked("demo", timedelta(hours=2), "Airflow is gone"))

    event = ServiceLog(store, "demo").newest(1)[0]
    certificate = x509.load_pem_x509_certificate(access.credential.certificate.encode())
    assert (event.level, event.reason) == ("warning", "Airflow is gone")
    assert event.text.startswith("break-glass:ada has a cluster-admin's certificate until ")
    assert event.details["serial"] == f"{certificate.serial_number:x}"
    assert "BEGIN" not in str(event)


@pytest.mark.parametrize("reason", ["", "  "])
def test_nobody_breaks_the_glass_without_a_reason(store: MemoryStore, keys: MasterKeys, reason: str) -> None:
    before = len(ServiceLog(store, "demo").newest())
    with pytest.raises(RefusedError, match="--reason"):
        grant_access(store, keys, asked("demo", timedelta(hours=2), reason))
    assert len(ServiceLog(store, "demo").newest()) == before
