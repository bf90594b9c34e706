"""From Airflow's connections to what the operations take: the store and the master keys.

Connections come from any secrets backend that Airflow knows. A missing or incomplete one is a `SpecError` that says
how to make it; no value of it is ever part of a message.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from typing import Any

from airflow.sdk import BaseHook, Connection
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowNotFoundException

from windlass.domain.authenticity import READING_KEY_CONNECTION, RECORD_KEY_CONNECTION, RecordKeys
from windlass.domain.people import PEOPLE_KEY_CONNECTION
from windlass.domain.sealing import MASTER_KEY_CONNECTION, MasterKeys
from windlass.domain.secret import Secret
from windlass.domain.spec.care import BackupTarget, ObjectLock
from windlass.domain.spec.connection_scope import CLUSTERS, EVERY, LISTED, ONE_TEAM, check_scope
from windlass.effects.store import (
    AuthenticatedStore,
    NotingStore,
    S3Store,
    Store,
    StoreConfig,
    Summarizer,
    UnverifiedStore,
)
from windlass.errors import SpecError

log = logging.getLogger(__name__)

STORE_CONNECTION = "windlass_store"
"""Type `windlass_store` or `aws`: login and password are the access key, the extra has `bucket` and may have
`endpoint_url`, `prefix`, `region_name`, `aws_session_token`, `verify` and `config_kwargs`, which mean what they mean to
Airflow's own hooks."""

_HOW = {
    STORE_CONNECTION: "type windlass_store, login and password the access key, extra with bucket and endpoint_url",
    RECORD_KEY_CONNECTION: "type generic, password from `windlass store record-key`",
    READING_KEY_CONNECTION: "type generic, password from `windlass store reading-key`",
    MASTER_KEY_CONNECTION: "type windlass_master_key, password from `openssl rand -base64 32`",
}


def find_connection(conn_id: str) -> Connection:
    """Return a connection; SpecError if Airflow has none of that id."""
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException as error:
        how = _HOW.get(conn_id, "see docs/airflow.md")
        message = f"Airflow has no connection `{conn_id}`; add it ({how}), or set AIRFLOW_CONN_{conn_id.upper()}"
        raise SpecError(message) from error


def cluster_connection(conn_id: str, cluster: str) -> Connection:
    """Return a connection that the spec of `cluster` names; RefusedError if it is not for that cluster.

    Every connection that a spec may name is read here: logins on hosts, authorities, host providers, buckets.
    """
    connection = find_connection(conn_id)
    check_scope(conn_id, connection.extra_dejson.get(CLUSTERS), cluster, _what_unlisted_are_for())
    return connection


def unlisted_connections(conn_ids: Collection[str]) -> tuple[str, ...]:
    """Return which connections say of no cluster that it may use them; none where this Airflow lets every cluster.

    One that Airflow does not have says nothing, and is told of where it is used.
    """
    if _what_unlisted_are_for() == EVERY:
        return ()
    return tuple(one for one in conn_ids if _says_nothing(one))


def _says_nothing(conn_id: str) -> bool:
    try:
        return BaseHook.get_connection(conn_id).extra_dejson.get(CLUSTERS) is None
    except AirflowNotFoundException:
        return False


def _what_unlisted_are_for() -> str:
    found: str = conf.get("windlass", "connections", fallback="") or ONE_TEAM
    if found not in {EVERY, ONE_TEAM, LISTED}:
        raise SpecError(f"[windlass] connections is `{found}`; set it to `{ONE_TEAM}`, `{LISTED}` or `{EVERY}`")
    return found


def has_teams() -> bool:
    """Tell whether this Airflow keeps teams apart."""
    return bool(conf.getboolean("core", "multi_team", fallback=False))


def store_config(connection: Connection, target: BackupTarget | None = None) -> StoreConfig:
    """Read a place and a login from a connection; SpecError names what is missing. A target has its own bucket."""
    extra: dict[str, Any] = connection.extra_dejson
    bucket = target.bucket if target else extra.get("bucket")
    if not bucket:
        raise SpecError(f'connection `{connection.conn_id}` names no bucket; add it to the extra: {{"bucket": "…"}}')
    if bool(connection.login) != bool(connection.password):
        raise SpecError(f"connection `{connection.conn_id}` needs login and password both, or neither of them")
    token = extra.get("aws_session_token")
    return StoreConfig(
        bucket=bucket,
        prefix=target.prefix if target else extra.get("prefix") or "",
        endpoint_url=extra.get("endpoint_url") or None,
        region=extra.get("region_name") or "us-east-1",
        access_key=connection.login or None,
        secret_key=Secret(connection.password) if connection.password else None,
        session_token=Secret(token) if token else None,
        verify=_verify(extra.get("verify")),
        options=extra.get("config_kwargs") or {},
    )


def _verify(given: object) -> bool | str:
    """Read `verify`: true, false, or a path. A connection that is a URI has words for the first two."""
    words = {"": True, "none": True, "true": True, "false": False}
    text = "" if given is None else str(given)
    return words.get(text.lower(), text)


def open_store(conn_id: str = STORE_CONNECTION) -> AuthenticatedStore:
    """Return the store that a connection describes; nothing is asked of it yet, nor for the keys that check it."""
    return AuthenticatedStore(open_unchecked_store(conn_id), record_keys)


def open_noting_store(conn_id: str = STORE_CONNECTION) -> NotingStore:
    """Return the same for whoever changes clusters: what is written, the summaries of clusters show at once."""
    store = open_store(conn_id)
    return NotingStore(store, Summarizer(store))


def open_unchecked_store(conn_id: str = STORE_CONNECTION) -> Store:
    """Return the store as it is, whoever wrote what is in it: for what brings it over, and what repairs it."""
    return S3Store(store_config(find_connection(conn_id)))


def open_shown_store() -> Store:
    """Return the store for pages, which act on nothing: where there is no key to check it by, it is shown without."""
    store = open_unchecked_store()
    try:
        keys = record_keys()
    except SpecError as error:
        log.warning("what the store says is not checked: %s", error)
        return UnverifiedStore(store)
    return AuthenticatedStore(store, lambda: keys)


def record_keys() -> RecordKeys:
    """Return the keys of the store's objects: by the master keys, or those given out; SpecError if there are none."""
    try:
        return RecordKeys.of(master_keys())
    except SpecError as missing:
        for conn_id in (RECORD_KEY_CONNECTION, READING_KEY_CONNECTION):
            with suppress(SpecError):
                return RecordKeys.parse(find_connection(conn_id).password, conn_id)
        raise SpecError(
            f"{missing}; what opens no PKI takes `{RECORD_KEY_CONNECTION}` or `{READING_KEY_CONNECTION}` instead"
        ) from missing


def open_bundle_store(
    target: BackupTarget | None, cluster: str, lock: ObjectLock | None = None, store_conn_id: str = STORE_CONNECTION
) -> Store:
    """Return where the spec of a cluster keeps its recovery bundles; RefusedError if that login is not for it.

    In a `target` they prove themselves; without one it is the store. What is created there is locked as `lock` says.
    """
    connection = cluster_connection(target.connection, cluster) if target else find_connection(store_conn_id)
    bucket = S3Store(replace(store_config(connection, target), lock=lock))
    return bucket if target else AuthenticatedStore(bucket, record_keys)


def master_keys(conn_id: str = MASTER_KEY_CONNECTION) -> MasterKeys:
    """Return the master keys; the first seals, all unseal."""
    return MasterKeys.parse(find_connection(conn_id).password, conn_id)


def people_keys() -> MasterKeys:
    """Return the keys that open what lets people in: those of an API server that has no others, or the master keys'.

    SpecError says how an API server that has neither gets them.
    """
    try:
        return MasterKeys.parse(find_connection(PEOPLE_KEY_CONNECTION).password, PEOPLE_KEY_CONNECTION)
    except SpecError:
        pass
    try:
        return master_keys().for_people()
    except SpecError:
        raise SpecError(
            f"this API server cannot let people in: it has no key for that. Give it the connection "
            f"`{PEOPLE_KEY_CONNECTION}` (AIRFLOW_CONN_{PEOPLE_KEY_CONNECTION.upper()}), which `windlass people-key` "
            "prints where the master key is"
        ) from None
