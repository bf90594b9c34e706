from __future__ import annotations

import json
from typing import Any

import pytest

from windlass.airflow.providers import host_provider
from windlass.domain.spec import Cluster
from windlass.effects.providers import Ec2Provider, StaticProvider
from windlass.errors import SpecError

SETTINGS = {"imageId": "ami-1", "instanceType": "t", "subnetId": "s", "securityGroupIds": ["g"]}


class OwnProvider(StaticProvider):
    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings


def cluster(provider: str, **settings: Any) -> Cluster:
    members = [{"name": "cp-1", "address": "192.0.2.11", "roles": ["etcd", "control-plane", "worker"]}]
    hosts = {"provider": provider, "settings": settings, "members": members}
    spec = {"kubernetes": {"version": "v1.37.2"}, "hosts": hosts}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec}
    return Cluster.model_validate(document)


@pytest.mark.parametrize("name", ["static", "lab"])
def test_hosts_that_are_there_are_left_to_whoever_made_them(name: str) -> None:
    provider = host_provider(cluster(name))
    assert not provider.makes_hosts
    assert provider.provide(cluster(name), "run") == provider.destroy(cluster(name)) == ()


def test_ec2_logs_in_by_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SpecError, match="no connection `aws_default`"):
        host_provider(cluster("ec2", **SETTINGS))
    fields = {"conn_type": "aws", "login": "a", "password": "b"}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(fields))
    with pytest.raises(SpecError, match="names no region"):
        host_provider(cluster("ec2", **SETTINGS))
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({**fields, "extra": {"region_name": "eu-west-1"}}))
    assert isinstance(host_provider(cluster("ec2", **SETTINGS)), Ec2Provider)


def test_a_class_of_the_users_own_gets_the_settings() -> None:
    provider = host_provider(cluster(f"{__name__}:OwnProvider", rack=7))
    assert isinstance(provider, OwnProvider)
    assert provider.settings == {"rack": 7}


@pytest.mark.parametrize("name", ["nowhere.at.all:Provider", "json:Provider", "libcloud"])
def test_a_provider_that_cannot_be_used_is_named(name: str) -> None:
    with pytest.raises(SpecError, match=f"`{name}`"):
        host_provider(cluster(name))
