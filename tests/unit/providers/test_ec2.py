"""EC2 as botocore's own stub plays it: requests are checked against the service's model, answers are given here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from windlass.domain.spec import Cluster
from windlass.effects.providers import Ec2Provider, Ec2Settings
from windlass.errors import RefusedError, SpecError

SETTINGS = {
    "imageId": "ami-1",
    "instanceType": "m7i.large",
    "subnetId": "subnet-1",
    "securityGroupIds": ["sg-1"],
    "keyName": "ops",
}
HOSTS = {"cp-1": "192.0.2.11", "w-1": "192.0.2.12"}


@pytest.fixture
def cluster() -> Cluster:
    roles = {"cp-1": ["etcd", "control-plane"], "w-1": ["worker"]}
    members = [{"name": name, "address": address, "roles": roles[name]} for name, address in HOSTS.items()]
    spec = {
        "kubernetes": {"version": "v1.37.2"},
        "hosts": {"provider": "ec2", "settings": SETTINGS, "members": members},
    }
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec}
    return Cluster.model_validate(document)


@pytest.fixture
def client() -> Any:
    return boto3.client("ec2", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")


@pytest.fixture
def ec2(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


@pytest.fixture
def provider(client: Any) -> Ec2Provider:
    return Ec2Provider(client, Ec2Settings.read(SETTINGS), pause=lambda _: None)


def show(ec2: Stubber, **states: str) -> None:
    """Answer the next listing with an instance of each host named, in its state."""
    instances = [
        {
            "InstanceId": f"i-{name}",
            "PrivateIpAddress": HOSTS[name.replace("_", "-")],
            "State": {"Name": state},
            "Tags": [{"Key": "windlass-host", "Value": name.replace("_", "-")}],
        }
        for name, state in states.items()
    ]
    ec2.add_response("describe_instances", {"Reservations": [{"Instances": instances}]}, {"Filters": ANY})


def launch(ec2: Stubber, name: str) -> dict[str, Any]:
    """Expect the launch of a host, and return what is checked of the request."""
    request = {
        "ImageId": "ami-1",
        "InstanceType": "m7i.large",
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": ANY,
        "SubnetId": "subnet-1",
        "SecurityGroupIds": ["sg-1"],
        "PrivateIpAddress": HOSTS[name],
        "BlockDeviceMappings": ANY,
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        "TagSpecifications": ANY,
        "KeyName": "ops",
    }
    ec2.add_response("run_instances", {"Instances": [{"InstanceId": f"i-{name}"}]}, request)
    return request


def test_missing_hosts_are_launched_at_their_addresses_and_waited_for(
    ec2: Stubber, provider: Ec2Provider, cluster: Cluster
) -> None:
    show(ec2, cp_1="running")
    show(ec2, cp_1="running")
    launch(ec2, "w-1")
    show(ec2, cp_1="running", w_1="pending")
    show(ec2, cp_1="running", w_1="running")
    assert provider.provide(cluster, "run-1") == ("w-1",)


def test_a_stopped_host_is_started(ec2: Stubber, provider: Ec2Provider, cluster: Cluster) -> None:
    for _ in range(2):
        show(ec2, cp_1="running", w_1="stopped")
    ec2.add_response("start_instances", {}, {"InstanceIds": ["i-w_1"]})
    show(ec2, cp_1="running", w_1="running")
    assert provider.provide(cluster, "run-1") == ("w-1",)


def test_nothing_is_asked_for_when_all_run(ec2: Stubber, provider: Ec2Provider, cluster: Cluster) -> None:
    for _ in range(3):
        show(ec2, cp_1="running", w_1="running")
    assert provider.provide(cluster, "run-1") == ()


def test_a_retry_of_a_run_asks_with_the_same_token_and_another_run_with_another(
    client: Any, provider: Ec2Provider, cluster: Cluster
) -> None:
    tokens = []
    client.meta.events.register(
        "provide-client-params.ec2.RunInstances", lambda params, **_: tokens.append(params["ClientToken"])
    )
    for run in ("run-1", "run-1", "run-2"):
        with Stubber(client) as ec2:
            for _ in range(2):
                show(ec2, cp_1="running")
            launch(ec2, "w-1")
            show(ec2, cp_1="running", w_1="running")
            provider.provide(cluster, run)
    assert tokens[0] == tokens[1] != tokens[2]


def test_an_instance_at_another_address_is_refused(ec2: Stubber, provider: Ec2Provider, cluster: Cluster) -> None:
    instance = {
        "InstanceId": "i-1",
        "PrivateIpAddress": "192.0.2.99",
        "State": {"Name": "running"},
        "Tags": [{"Key": "windlass-host", "Value": "cp-1"}],
    }
    ec2.add_response("describe_instances", {"Reservations": [{"Instances": [instance]}]}, {"Filters": ANY})
    with pytest.raises(RefusedError, match=r"cp-1: i-1 has the address 192\.0\.2\.99, the spec says 192\.0\.2\.11"):
        provider.provide(cluster, "run-1")


def test_all_instances_of_the_cluster_are_terminated(ec2: Stubber, provider: Ec2Provider, cluster: Cluster) -> None:
    show(ec2, cp_1="running", w_1="stopped")
    ec2.add_response("terminate_instances", {}, {"InstanceIds": ["i-cp_1", "i-w_1"]})
    assert provider.destroy(cluster) == ("cp-1", "w-1")
    show(ec2)
    assert provider.destroy(cluster) == ()


def test_a_refusal_says_why(ec2: Stubber, provider: Ec2Provider, cluster: Cluster) -> None:
    ec2.add_client_error("describe_instances", "UnauthorizedOperation", "you may not")
    with pytest.raises(RefusedError, match="EC2: cannot list instances: UnauthorizedOperation: you may not"):
        provider.missing(cluster)


def test_settings_that_are_missing_or_unknown_are_all_told() -> None:
    with pytest.raises(SpecError) as caught:
        Ec2Settings.read({"imageId": "ami-1", "instanceType": "m7i.large", "subnet": "s"})
    told = str(caught.value)
    assert "spec.hosts.settings.subnetId" in told
    assert "spec.hosts.settings.securityGroupIds" in told
    assert "spec.hosts.settings.subnet:" in told
