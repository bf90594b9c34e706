from __future__ import annotations

import json

import pytest

from windlass.airflow.connections import open_bundle_store, open_store
from windlass.domain.spec.care import BackupTarget, ObjectLock
from windlass.effects.store import AuthenticatedStore, S3Store


@pytest.fixture(autouse=True)
def connections(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, bucket in (("WINDLASS_STORE", "store"), ("ELSEWHERE", "ignored")):
        extra = {"bucket": bucket, "endpoint_url": "http://127.0.0.1:9", "prefix": "mine"}
        value = {"conn_type": "aws", "login": name, "password": "secret", "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(value))


def test_bundles_are_in_the_store_unless_the_spec_says_otherwise() -> None:
    checked = open_bundle_store(None, "demo")
    assert isinstance(checked, AuthenticatedStore)
    store = checked._inner
    assert isinstance(store, S3Store)
    assert (store._config.bucket, store._config.prefix) == ("store", "mine")
    assert store._config.access_key == "WINDLASS_STORE"


def test_a_target_has_its_own_account_bucket_and_prefix() -> None:
    store = open_bundle_store(BackupTarget(connection="elsewhere", bucket="vault", prefix="far/away"), "demo")
    assert isinstance(store, S3Store)
    assert (store._config.bucket, store._config.prefix) == ("vault", "far/away")
    assert store._config.access_key == "ELSEWHERE"


def test_a_lock_is_on_bundles_alone_wherever_they_are() -> None:
    lock = ObjectLock(mode="compliance", days=30)
    store = open_bundle_store(None, "demo", lock)
    assert isinstance(store, AuthenticatedStore)
    bucket, opened = store._inner, open_store()._inner
    assert isinstance(bucket, S3Store)
    assert (bucket._config.bucket, bucket._config.lock) == ("store", lock)
    assert isinstance(opened, S3Store)
    assert opened._config.lock is None
