"""The connection types that Airflow's forms offer, and the button that tries a connection."""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any

import pytest
from airflow.providers_manager import ProvidersManager
from airflow.sdk import Connection

from windlass.airflow.connections import store_config
from windlass.airflow.hooks import store as store_hook
from windlass.airflow.hooks.master_keys import MasterKeyHook
from windlass.airflow.hooks.store import StoreHook
from windlass.airflow.provider_info import get_provider_info
from windlass.effects.store import MemoryStore
from windlass.errors import UnreachableError

TYPES: dict[str, dict[str, Any]] = {one["connection-type"]: one for one in get_provider_info()["connection-types"]}
HOOKS = {"windlass_store": StoreHook, "windlass_master_key": MasterKeyHook}


def set_connection(monkeypatch: pytest.MonkeyPatch, name: str, **fields: object) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(fields))


@pytest.mark.parametrize("conn_type", sorted(HOOKS))
def test_each_type_names_the_hook_that_names_it(conn_type: str) -> None:
    hook = HOOKS[conn_type]
    assert TYPES[conn_type]["hook-class-name"] == f"{hook.__module__}.{hook.__qualname__}"
    assert TYPES[conn_type]["hook-name"] == hook.hook_name
    assert (hook.conn_type, hook.default_conn_name) == (conn_type, conn_type)


def test_airflow_takes_the_description_as_its_schemas_want_it() -> None:
    manager = ProvidersManager()
    manager._provider_schema_validator.validate(get_provider_info())
    for one in TYPES.values():
        behaviour = one["ui-field-behaviour"]
        form = {key.replace("-", "_"): value for key, value in behaviour.items()}
        manager._customized_form_fields_schema_validator.validate(form)


def test_the_form_has_a_field_for_all_that_is_read_of_a_store() -> None:
    fields = TYPES["windlass_store"]["conn-fields"]
    given = {name: {"read_timeout": 7} if name == "config_kwargs" else f"{name}-of-the-form" for name in fields}
    connection = Connection(
        conn_id="windlass_store", conn_type="windlass_store", login="a", password="b", extra=json.dumps(given)
    )
    config = store_config(connection)
    read = (config.bucket, config.endpoint_url, config.prefix, config.region, config.verify)
    names = ("bucket", "endpoint_url", "prefix", "region_name", "verify")
    assert read == tuple(f"{name}-of-the-form" for name in names)
    assert config.session_token is not None
    assert config.options == {"read_timeout": 7}


def test_a_field_that_was_left_empty_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = dict.fromkeys(TYPES["windlass_store"]["conn-fields"]) | {"bucket": "b"}
    connection = Connection(conn_id="windlass_store", conn_type="windlass_store", extra=json.dumps(empty))
    config = store_config(connection)
    assert (config.endpoint_url, config.prefix, config.verify, dict(config.options)) == (None, "", True, {})


def test_trying_a_store_reads_writes_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = MemoryStore()
    kept.put("clusters/demo/spec.yaml", b"spec")
    monkeypatch.setattr(store_hook, "open_unchecked_store", lambda _: kept)
    assert StoreHook().test_connection() == (
        True,
        "it can be read and written, on conditions too; clusters in it: 1",
    )
    assert [one.key for one in kept.list("")] == ["clusters/demo/spec.yaml"]


def test_a_server_that_ignores_conditions_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Heedless(MemoryStore):
        def create(self, key: str, data: bytes) -> str | None:
            return self.put(key, data)

    monkeypatch.setattr(store_hook, "open_unchecked_store", lambda _: Heedless())
    works, told = StoreHook().test_connection()
    assert not works
    assert "If-None-Match" in told


def test_a_store_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: str) -> MemoryStore:
        raise UnreachableError("store windlass at http://127.0.0.1:9: it does not answer")

    monkeypatch.setattr(store_hook, "open_unchecked_store", away)
    assert StoreHook().test_connection() == (False, "store windlass at http://127.0.0.1:9: it does not answer")


def test_trying_master_keys_names_them_and_shows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    new, old = (base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
    set_connection(monkeypatch, "windlass_master_key", conn_type="windlass_master_key", password=f"{new},{old}")
    works, told = MasterKeyHook().test_connection()
    assert works
    assert "opening only: " in told
    assert new not in told
    assert old not in told


@pytest.mark.parametrize("password", ["", "bm90IGEga2V5"])
def test_what_is_no_master_key_is_told_and_not_shown(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    set_connection(monkeypatch, "windlass_master_key", conn_type="windlass_master_key", password=password)
    works, told = MasterKeyHook().test_connection()
    assert not works
    assert "windlass_master_key" in told
    assert not password or password not in told
