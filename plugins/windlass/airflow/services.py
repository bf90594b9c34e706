"""The composition root: what operations work with, from Airflow's connections and this checkout's catalog."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from windlass.airflow.artifacts import artifacts_of
from windlass.airflow.authorities import user_authorities
from windlass.airflow.connections import STORE_CONNECTION, master_keys, open_bundle_store, open_store
from windlass.airflow.hooks.host import HostHook
from windlass.airflow.notifications import send
from windlass.airflow.providers import host_provider
from windlass.airflow.secret_references import resolve
from windlass.domain.notice import Notice
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.references import SETTINGS
from windlass.effects.catalog import load_catalog, load_record
from windlass.effects.clock import Clock
from windlass.effects.providers import HostProvider
from windlass.effects.ssh.pool import Connections
from windlass.effects.store import HostKeys
from windlass.operations.secrets import SpecSecrets
from windlass.operations.services import Services

log = logging.getLogger(__name__)


def templates_directory() -> Path:
    """Return the catalog's directory in this checkout; the setting WINDLASS_INCLUDE names another `include`."""
    include = os.environ.get("WINDLASS_INCLUDE")
    root = Path(include) if include else Path(__file__).parents[3] / "include"
    return root / "templates" / "kubernetes"


def airflow_services(store_conn_id: str = STORE_CONNECTION) -> Services:
    """Return the services that Airflow's connections describe; each connection is read when it is needed."""
    return _build(store_conn_id)


def _build(store_conn_id: str) -> Services:
    directory, secrets = templates_directory(), SpecSecrets(resolve)
    return Services(
        open_store=partial(open_store, store_conn_id),
        open_bundle_store=partial(open_bundle_store, store_conn_id=store_conn_id),
        load_keys=master_keys,
        load_catalog=partial(load_catalog, directory),
        release_tests=partial(load_record, directory),
        artifacts=partial(artifacts_of, master_keys),
        connect=_connect,
        provider=partial(_provider, secrets),
        secrets=secrets,
        authorities=user_authorities,
        notify=partial(_notify, secrets),
        clock=Clock(tell=log.info),
    )


def _provider(secrets: SpecSecrets, cluster: Cluster) -> HostProvider:
    return host_provider(secrets.reveal(cluster, SETTINGS))


def _notify(secrets: SpecSecrets, notices: Iterable[Notice], context: Any) -> None:
    send([replace(one, text=secrets.redact(one.text)) for one in notices], context)


def _connect(cluster: Cluster, keys: HostKeys) -> Connections:
    return HostHook(cluster.spec.hosts.ssh.connection).connections(cluster, keys)
