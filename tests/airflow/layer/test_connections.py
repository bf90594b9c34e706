from __future__ import annotations

import base64
import json
import secrets

import pytest
from airflow.sdk import Connection

from windlass.airflow.connections import master_keys, open_store, store_config
from windlass.effects.store import StoreConfig
from windlass.effects.store.s3 import client_settings
from windlass.errors import RefusedError, SpecError


def store_connection(**changes: object) -> Connection:
    fields = {
        "conn_type": "aws",
        "login": "AKIA",
        "password": "s3cr3t-key",
        "extra": json.dumps({"bucket": "windlass"}),
    }
    return Connection(conn_id="windlass_store", **{**fields, **changes})


def set_connection(monkeypatch: pytest.MonkeyPatch, name: str, **fields: object) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(fields))


def test_a_store_needs_no_more_than_a_bucket() -> None:
    config = store_config(store_connection(login=None, password=None))

    assert config == StoreConfig(bucket="windlass")


def test_reads_place_and_login_of_a_store() -> None:
    extra = {"bucket": "b", "prefix": "team-a", "endpoint_url": "http://127.0.0.1:7070", "region_name": "eu-west-1"}

    config = store_config(store_connection(extra=json.dumps(extra)))

    assert (config.bucket, config.prefix, config.endpoint_url, config.region) == tuple(extra.values())
    assert config.access_key == "AKIA"
    assert config.secret_key is not None
    assert config.secret_key.reveal() == "s3cr3t-key"


def test_how_the_client_asks_is_the_connections_as_for_every_hook() -> None:
    extra = {
        "bucket": "b",
        "endpoint_url": "https://s3.example.org",
        "verify": "/etc/ssl/own.pem",
        "config_kwargs": {"s3": {"addressing_style": "virtual"}, "read_timeout": 7},
    }
    config = store_config(store_connection(extra=json.dumps(extra)))

    assert config.verify == "/etc/ssl/own.pem"
    settings = client_settings(config)
    assert (settings.s3, settings.read_timeout, settings.connect_timeout) == ({"addressing_style": "virtual"}, 7, 5)


@pytest.mark.parametrize(
    ("given", "verify"), [(None, True), (True, True), ("True", True), (False, False), ("false", False), ("/ca", "/ca")]
)
def test_a_certificate_is_checked_unless_the_connection_says_otherwise(given: object, *, verify: bool | str) -> None:
    config = store_config(store_connection(extra=json.dumps({"bucket": "b", "verify": given})))
    assert config.verify == verify


def test_settings_that_the_client_does_not_know_are_named() -> None:
    config = store_config(store_connection(extra=json.dumps({"bucket": "b", "config_kwargs": {"adressing": "path"}})))
    with pytest.raises(SpecError, match=r"`config_kwargs` in the extra of its connection: .*adressing"):
        client_settings(config)


def test_says_that_the_bucket_is_missing_and_tells_no_secret() -> None:
    with pytest.raises(SpecError, match="names no bucket") as raised:
        store_config(store_connection(extra="{}"))

    assert "s3cr3t-key" not in str(raised.value)


def test_refuses_half_a_login() -> None:
    with pytest.raises(SpecError, match="both"):
        store_config(store_connection(password=None))


def test_opens_the_store_of_the_environments_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    set_connection(
        monkeypatch, "windlass_store", conn_type="aws", login="a", password="b", extra={"bucket": "windlass"}
    )

    assert open_store()


def test_master_keys_come_from_the_password_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    new, old = (base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
    set_connection(monkeypatch, "windlass_master_key", conn_type="generic", password=f"{new},{old}")

    assert [key.key.reveal() for key in master_keys().keys] == [new, old]


def test_a_broken_master_key_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    set_connection(monkeypatch, "windlass_master_key", conn_type="generic", password="bm90IGEga2V5")

    with pytest.raises(RefusedError, match="windlass_master_key") as raised:
        master_keys()

    assert "bm90IGEga2V5" not in str(raised.value)
