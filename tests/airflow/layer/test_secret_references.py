"""What references in specs stand for, out of Airflow, and for whom."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from airflow.sdk.log import redact

from windlass.airflow.secret_references import resolve
from windlass.airflow.services import airflow_services
from windlass.domain.secret import Secret
from windlass.domain.spec import Cluster, load_cluster
from windlass.domain.spec.references import SETTINGS, SecretReference
from windlass.errors import RefusedError, SpecError

WORD = "hunter2-hunter2"


def cluster(**sections: Any) -> Cluster:
    hosts = {"members": [{"name": "cp-1", "address": "192.0.2.11", "roles": ["etcd", "control-plane", "worker"]}]}
    spec = {"kubernetes": {"version": "v1.37.2"}, **sections}
    spec["hosts"] = hosts | sections.get("hosts", {})
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec}
    return load_cluster(json.dumps(document), "demo.yaml")


def connect(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_VENDOR", json.dumps({"conn_type": "generic", **fields}))


def test_a_variable_is_read_and_masked_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_WINDLASS_SECRET_DB", WORD)
    assert resolve(cluster(), SecretReference("windlass_secret_db")) == Secret(WORD)
    assert WORD not in str(redact(f"a line with {WORD} in it"))


def test_one_of_a_clusters_own_is_for_that_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_WINDLASS_SECRET.DEMO.DB", WORD)
    assert resolve(cluster(), SecretReference("windlass_secret.demo.db")) == Secret(WORD)
    with pytest.raises(RefusedError, match="is not for this spec"):
        resolve(cluster(), SecretReference("windlass_secret.other.db"))


@pytest.mark.parametrize("way", ["windlass_secret_/../db", "windlass_secret.demo./../../db", "windlass_secret_a//db"])
def test_no_name_leads_out_of_what_is_for_specs(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setenv(f"AIRFLOW_VAR_{way.upper()}", WORD)
    with pytest.raises(RefusedError, match="is not for this spec"):
        resolve(cluster(), SecretReference(way))


@pytest.mark.parametrize("field", ["password", "login", "host", "schema", "extra.token"])
def test_a_field_of_a_connection_is_read(monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    extra = {"windlass_secrets": ["de*"], "token": "of token"}
    connect(monkeypatch, **{name: f"of {name}" for name in ("password", "login", "host", "schema")}, extra=extra)
    assert resolve(cluster(), SecretReference("vendor", field)) == Secret(f"of {field.removeprefix('extra.')}")


@pytest.mark.parametrize("extra", [{}, {"windlass_secrets": ["other"]}, {"windlass_secrets": "demo"}])
def test_a_connection_that_does_not_say_so_gives_no_spec_its_contents(
    monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any]
) -> None:
    connect(monkeypatch, password=WORD, extra=extra)
    with pytest.raises(RefusedError, match="gives its contents to no spec of the cluster `demo`") as refusal:
        resolve(cluster(), SecretReference("vendor", "password"))
    assert WORD not in str(refusal.value)


@pytest.mark.parametrize("name", ["windlass_master_key", "windlass_store", "windlass_notifiers", "aws_default"])
def test_no_spec_has_the_secrets_of_airflow_itself(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps({"conn_type": "generic", "password": WORD}))
    monkeypatch.setenv(f"AIRFLOW_VAR_{name.upper()}", WORD)
    for reference in (SecretReference(name), SecretReference(name, "password")):
        with pytest.raises(RefusedError):
            resolve(cluster(), reference)


def test_all_that_is_missing_is_named_with_where_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, extra={"windlass_secrets": ["*"]})
    environment = {
        "A": {"fromVariable": "windlass_secret_none"},
        "B": {"fromConnection": "absent"},
        "C": {"fromConnection": "vendor"},
    }
    with pytest.raises(SpecError) as refusal:
        airflow_services().secrets.require(cluster(upgrade={"hooks": {"environment": environment}}))
    lines = str(refusal.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == [f"spec.upgrade.hooks.environment.{one}" for one in "ABC"]
    assert "no Variable `windlass_secret_none`; add it" in lines[0]
    assert "no connection `absent`" in lines[1]
    assert "`password` of the connection `vendor` is empty" in lines[2]


def test_a_providers_settings_are_filled_when_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_WINDLASS_SECRET_CLOUD", WORD)
    services = airflow_services()
    desired = cluster(hosts={"settings": {"apiToken": {"fromVariable": "windlass_secret_cloud"}}})

    assert services.secrets.reveal(desired, SETTINGS).spec.hosts.settings == {"apiToken": WORD}
    assert services.provider(desired).makes_hosts is False


def test_what_was_asked_for_is_taken_out_of_words(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_WINDLASS_SECRET_DB", f"{WORD}\nsecond line")
    secrets = airflow_services().secrets
    said = {"a": [f"x{WORD}y", 1], "b": ("second line", None)}
    assert secrets.redact(said) == said
    with caplog.at_level(logging.DEBUG):
        secrets.require(cluster(upgrade={"hooks": {"environment": {"A": {"fromVariable": "windlass_secret_db"}}}}))

    assert secrets.redact(said) == {"a": ["x(hidden)y", 1], "b": ("(hidden)", None)}
    assert WORD not in caplog.text
