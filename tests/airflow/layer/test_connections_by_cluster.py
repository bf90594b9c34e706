"""A spec may name only connections that are for its cluster, wherever one is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from windlass.airflow.authorities import user_authorities
from windlass.airflow.connections import open_bundle_store
from windlass.airflow.hooks.host import HostHook
from windlass.airflow.providers import host_provider
from windlass.airflow.secret_references import resolve
from windlass.domain.pki import new_authority
from windlass.domain.spec import Cluster, load_cluster
from windlass.domain.spec.care import BackupTarget
from windlass.domain.spec.references import SecretReference
from windlass.errors import RefusedError, SpecError

SSH_KEY = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
AUTHORITY = new_authority("the user's", datetime.now(UTC))
EC2 = {"image": "ami-0", "instanceType": "m", "subnet": "subnet-0", "keyName": "k"}


def cluster(**spec: Any) -> Cluster:
    members = [{"name": "cp-1", "address": "192.0.2.11", "roles": ["etcd", "control-plane", "worker"]}]
    hosts = {"members": members, **spec.pop("hosts", {})}
    body = {"kubernetes": {"version": "v1.37.2"}, "hosts": hosts, **spec}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": body}
    return load_cluster(json.dumps(document), "demo.yaml")


READERS: dict[str, Callable[[], object]] = {
    "a login on hosts": lambda: HostHook("named").targets(cluster()),
    "a login on a bastion": lambda: HostHook("open").targets(
        cluster(hosts={"ssh": {"bastion": {"address": "192.0.2.9", "connection": "named"}}})
    ),
    "an authority": lambda: user_authorities(cluster(pki={"ca": {"etcd": "named"}})),
    "a host provider": lambda: host_provider(cluster(hosts={"provider": "ec2", "connection": "named"})),
    "a secret": lambda: resolve(cluster(), SecretReference("named", "password")),
    "a bucket": lambda: open_bundle_store(BackupTarget(connection="named", bucket="vault"), "demo"),
}


@pytest.fixture
def define(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def defined(conn_id: str, **extra: Any) -> None:
        every = {"private_key": SSH_KEY, "certificate": AUTHORITY.certificate, "region_name": "eu-west-1"}
        every |= {"windlass_secrets": ["demo"]}
        fields = {"conn_type": "generic", "login": "ops", "password": "secret", "extra": {**every, **extra}}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))

    defined("open")
    return defined


@pytest.mark.parametrize("reader", READERS)
def test_another_clusters_connection_is_refused(define: Callable[..., None], reader: str) -> None:
    define("named", windlass_clusters=["prod-*", "stage"])
    with pytest.raises(RefusedError, match="connection `named` is not for the cluster `demo`") as caught:
        READERS[reader]()
    assert "prod" not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("clusters", ["demo", {"demo": 1}, ["demo", 7], 0])
def test_an_extra_that_lists_nothing_readable_is_for_nobody(define: Callable[..., None], clusters: Any) -> None:
    define("named", windlass_clusters=clusters)
    with pytest.raises(SpecError, match="no list of names"):
        HostHook("named").targets(cluster())


@pytest.mark.parametrize("clusters", [["demo"], ["d*"], ["prod-*", "*"]])
def test_a_connection_of_the_cluster_is_used(define: Callable[..., None], clusters: list[str]) -> None:
    define("named", windlass_clusters=clusters)
    assert HostHook("named").targets(cluster())


def test_a_connection_for_nobody_in_particular_is_for_all_unless_airflow_says_otherwise(
    define: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    define("named")
    assert HostHook("named").targets(cluster())
    monkeypatch.setenv("AIRFLOW__WINDLASS__CONNECTIONS", "listed")
    with pytest.raises(RefusedError, match="says of no cluster"):
        HostHook("named").targets(cluster())
    define("named", windlass_clusters=["demo"])
    assert HostHook("named").targets(cluster())
    monkeypatch.setenv("AIRFLOW__WINDLASS__CONNECTIONS", "lsited")
    with pytest.raises(SpecError, match="`lsited`"):
        HostHook("named").targets(cluster())


@pytest.mark.parametrize("key", ["master", "record", "reading", "people"])
def test_no_spec_names_a_key_of_the_installation(define: Callable[..., None], key: str) -> None:
    define(f"windlass_{key}_key", windlass_clusters=["*"], windlass_secrets=["*"])
    with pytest.raises(RefusedError, match="no spec's to name"):
        user_authorities(cluster(pki={"ca": {"etcd": f"windlass_{key}_key"}}))
    with pytest.raises(RefusedError, match="no spec's to name"):
        HostHook(f"windlass_{key}_key").targets(cluster())
    with pytest.raises(RefusedError, match="no spec's to name"):
        resolve(cluster(), SecretReference(f"windlass_{key}_key", "password"))


@pytest.mark.parametrize("conn_id", ["WINDLASS_MASTER_KEY", "Windlass_Record_Key", "a/../windlass_people_key", "./a"])
def test_a_key_is_no_specs_to_name_however_it_is_written(define: Callable[..., None], conn_id: str) -> None:
    define(conn_id)
    with pytest.raises(RefusedError, match=r"no spec's to name|no name of a connection"):
        HostHook(conn_id).targets(cluster())
