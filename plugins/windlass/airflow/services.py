"""The composition root: what operations work with, from Airflow's connections and the catalog that comes along."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from windlass.airflow.artifacts import artifacts_of
from windlass.airflow.authorities import user_authorities
from windlass.airflow.connections import (
    STORE_CONNECTION,
    master_keys,
    open_bundle_store,
    open_noting_store,
    unlisted_connections,
)
from windlass.airflow.hooks.host import HostHook
from windlass.airflow.notifications import send
from windlass.airflow.providers import host_provider
from windlass.airflow.secret_references import resolve
from windlass.domain.notice import Notice
from windlass.domain.spec.drivers import node_traffic
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.references import SETTINGS
from windlass.effects.catalog import load_catalog, load_drivers, load_record
from windlass.effects.clock import Clock
from windlass.effects.packaged import catalog_directory
from windlass.effects.providers import HostProvider
from windlass.effects.ssh.pool import Connections
from windlass.effects.store import HostKeys
from windlass.operations.secrets import SpecSecrets
from windlass.operations.services import Services

log = logging.getLogger(__name__)


def airflow_services(store_conn_id: str = STORE_CONNECTION) -> Services:
    """Return the services that Airflow's connections describe; each connection is read when it is needed."""
    return _build(store_conn_id)


def _build(store_conn_id: str) -> Services:
    directory, secrets = catalog_directory(), SpecSecrets(resolve)
    return Services(
        open_store=partial(open_noting_store, store_conn_id),
        open_bundle_store=partial(open_bundle_store, store_conn_id=store_conn_id),
        load_keys=master_keys,
        load_catalog=partial(load_catalog, directory),
        release_tests=partial(load_record, directory),
        artifacts=partial(artifacts_of, master_keys),
        connect=_connect,
        provider=partial(_provider, secrets, directory),
        unlisted=unlisted_connections,
        secrets=secrets,
        authorities=user_authorities,
        notify=partial(_notify, secrets),
        clock=Clock(tell=log.info),
    )


def _provider(secrets: SpecSecrets, directory: Path, cluster: Cluster) -> HostProvider:
    return host_provider(secrets.reveal(cluster, SETTINGS), node_traffic(cluster, load_drivers(directory)))


def _notify(secrets: SpecSecrets, notices: Iterable[Notice], context: Any) -> None:
    send([replace(one, text=secrets.redact(one.text)) for one in notices], context)


def _connect(cluster: Cluster, keys: HostKeys) -> Connections:
    return HostHook(cluster.spec.hosts.ssh.connection).connections(cluster, keys)
