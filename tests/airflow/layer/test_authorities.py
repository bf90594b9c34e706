from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from windlass.airflow.authorities import user_authorities
from windlass.domain.pki import Signer, new_authority
from windlass.domain.spec import Cluster, load_cluster
from windlass.errors import SpecError

OWN = new_authority("the user's", datetime.now(UTC))


def cluster(**ca: str) -> Cluster:
    hosts = [{"name": "cp-1", "address": "192.0.2.11", "roles": ["etcd", "control-plane", "worker"]}]
    spec = {"kubernetes": {"version": "v1.37.2"}, "hosts": {"members": hosts}, "pki": {"ca": ca}}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec}
    return load_cluster(json.dumps(document), "demo.yaml")


def connect(monkeypatch: pytest.MonkeyPatch, name: str, **fields: Any) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps({"conn_type": "generic", **fields}))


def test_an_authority_is_read_from_the_connection_that_the_spec_names(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "etcd_ca", password=OWN.key.reveal(), extra={"certificate": OWN.certificate})
    assert user_authorities(cluster(etcd="etcd_ca")) == {Signer.ETCD: OWN}


def test_without_references_windlass_makes_all() -> None:
    assert user_authorities(cluster()) == {}


@pytest.mark.parametrize("fields", [{"password": "k"}, {"extra": {"certificate": "c"}}, {"extra": {"certificate": 1}}])
def test_an_incomplete_connection_is_named_and_nothing_of_it_told(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any]
) -> None:
    connect(monkeypatch, "etcd_ca", **fields)
    with pytest.raises(SpecError, match="connection `etcd_ca` holds no authority") as caught:
        user_authorities(cluster(etcd="etcd_ca"))
    assert OWN.key.reveal() not in str(caught.value)


def test_a_missing_connection_is_named() -> None:
    with pytest.raises(SpecError, match="no connection `absent`"):
        user_authorities(cluster(kubernetes="absent"))
