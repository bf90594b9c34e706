"""What is asked of EC2 for a machine, and how what is around machines follows the spec."""

from __future__ import annotations

from base64 import b64decode
from datetime import timedelta
from typing import Any

import pytest

from unit.providers.aws import HOST_KEY, KEY, Fault, clients, cluster, left, provider
from unit.providers.conftest import HOSTS
from windlass.domain.scripts.first_boot import MachineLogin
from windlass.domain.spec import Cluster
from windlass.errors import NotReadyError, RefusedError

OTHER_KEY = KEY.replace("BAQ", "CAg")

API = {"api": {"endpoint": "10.0.1.10:6443"}}


def launches(settings: dict[str, Any], run: str = "run") -> dict[str, dict[str, Any]]:
    """Provide, and return the request of each launch by host."""
    asked: dict[str, dict[str, Any]] = {}
    made = provider(settings)

    def keep(params: dict[str, Any], **_: Any) -> None:
        tags = {tag["Key"]: tag["Value"] for tag in params["TagSpecifications"][0]["Tags"]}
        asked[tags["windlass-host"]] = params

    made._cloud.ec2.meta.events.register("provide-client-params.ec2.RunInstances", keep)
    made.provide(cluster(settings, HOSTS), run)
    return asked


@pytest.fixture
def plain(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings without a load balancer."""
    return {key: value for key, value in settings.items() if key != "loadBalancer"}


def instances() -> list[dict[str, Any]]:
    ec2, _ = clients()
    return [one for group in ec2.describe_instances()["Reservations"] for one in group["Instances"]]


def test_sizes_follow_roles_and_workers_alone_are_spot(plain: dict[str, Any]) -> None:
    by_role = {"etcd": {"instanceType": "r5.large", "volumeGibibytes": 99}, "worker": {"instanceType": "m5.xlarge"}}
    asked = launches({**plain, "byRole": by_role, "spot": ["worker"], "tags": {"team": "payments"}})
    assert {name: one["InstanceType"] for name, one in asked.items()} == {"cp-1": "r5.large", "w-1": "m5.xlarge"}
    assert asked["cp-1"]["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == 99
    assert "InstanceMarketOptions" not in asked["cp-1"]
    assert asked["w-1"]["InstanceMarketOptions"]["MarketType"] == "spot"
    kinds = {one["ResourceType"]: one["Tags"] for one in asked["w-1"]["TagSpecifications"]}
    assert kinds.keys() == {"instance", "volume", "network-interface", "spot-instances-request"}
    assert all({"Key": "team", "Value": "payments"} in tags for tags in kinds.values())


def test_a_machine_is_closed_to_all_but_our_key_and_its_own_processes(plain: dict[str, Any]) -> None:
    asked = launches(plain)["cp-1"]
    assert b64decode(asked["UserData"]).startswith(b"#cloud-config")  # as boto3 sends it
    assert asked["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    assert asked["BlockDeviceMappings"][0]["Ebs"]["Encrypted"]
    assert asked["NetworkInterfaces"][0]["DeleteOnTermination"]
    assert asked["KeyName"].startswith("windlass-demo-")
    zones = {one["PrivateIpAddress"]: one["Placement"]["AvailabilityZone"] for one in instances()}
    assert zones == {"10.0.1.11": "eu-west-1a", "10.0.2.12": "eu-west-1b"}


def test_a_machine_has_its_private_address_and_lets_in_the_login_of_its_host(plain: dict[str, Any]) -> None:
    document = cluster(plain, HOSTS).model_dump(mode="json", by_alias=True)
    document["spec"]["hosts"]["members"][0] |= {"address": "203.0.113.11", "privateAddress": "10.0.1.11"}
    keys = {"cp-1": KEY, "w-1": OTHER_KEY}
    made = provider(plain, login=lambda host: MachineLogin("ops", keys[host.name]))
    made.provide(Cluster.model_validate(document), "run")
    found = {one["PrivateIpAddress"]: one["KeyName"] for one in instances()}
    assert found.keys() == {"10.0.1.11", "10.0.2.12"}
    assert len(set(found.values())) == 2


def test_host_keys_are_what_consoles_told_and_are_kept_with_the_machine(plain: dict[str, Any]) -> None:
    demo, again = cluster(plain, HOSTS), Fault()
    provider(plain).provide(demo, "run")
    assert provider(plain).host_keys(demo) == dict.fromkeys(HOSTS, f"ssh-ed25519 {HOST_KEY}")
    provider(plain, again).provide(demo, "run")
    assert "GetConsoleOutput" not in again.calls


def test_a_machine_that_says_no_host_key_is_waited_for_and_not_believed(
    plain: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unit.providers.aws.KEYS_END", "not yet")
    monkeypatch.setattr("windlass.effects.providers.ec2.provider._RUNNING", timedelta(minutes=-1))
    demo = cluster(plain, HOSTS)
    with pytest.raises(NotReadyError, match="no SSH host key on the console: cp-1, w-1"):
        provider(plain).provide(demo, "run")
    assert provider(plain).missing(demo) == ("cp-1", "w-1")
    assert provider(plain).host_keys(demo) == {}


def test_a_second_machine_of_one_run_is_another_request_and_a_retry_is_not(plain: dict[str, Any]) -> None:
    first = launches(plain)["w-1"]["ClientToken"]
    ec2, _ = clients()
    ids = [one["InstanceId"] for one in instances()]
    ec2.delete_tags(Resources=ids, Tags=[{"Key": "windlass-cluster"}])  # as if EC2 did not list them yet
    ec2.terminate_instances(InstanceIds=ids)
    assert launches(plain)["w-1"]["ClientToken"] == first
    provider(plain).destroy(cluster(plain, HOSTS), ["w-1"])
    assert launches(plain)["w-1"]["ClientToken"] != first
    provider(plain).destroy(cluster(plain, HOSTS), ["cp-1"])
    assert launches(plain, run="other").keys() == {"cp-1"}


def test_a_stopped_host_is_started_and_one_at_another_address_refused(plain: dict[str, Any]) -> None:
    demo, (ec2, _) = cluster(plain, HOSTS), clients()
    provider(plain).provide(demo, "run")
    ec2.stop_instances(InstanceIds=[instances()[0]["InstanceId"]])
    assert len(provider(plain).missing(demo)) == 1
    assert len(provider(plain).provide(demo, "run")) == 1
    assert provider(plain).missing(demo) == ()
    moved = {**HOSTS, "w-1": ("10.0.2.99", ["worker"])}
    with pytest.raises(RefusedError, match=r"w-1: i-\w+ has the address 10\.0\.2\.12, the spec says 10\.0\.2\.99"):
        provider(plain).provide(cluster(plain, moved), "run")


def test_what_runs_keeps_its_ports_until_the_change_is_through(plain: dict[str, Any]) -> None:
    after = {**plain, "apiFrom": ["203.0.113.0/24"]}
    provider(plain).provide(cluster(plain, HOSTS), "run-1")
    provider(after).provide(cluster(after, HOSTS), "run-2")
    assert ranges("control-plane") == {"198.51.100.0/24", "203.0.113.0/24"}
    provider(after).settle(cluster(after, HOSTS))
    assert ranges("control-plane") == {"203.0.113.0/24"}


def test_a_host_that_changes_roles_has_the_groups_of_both_until_the_change_is_through(plain: dict[str, Any]) -> None:
    provider(plain).provide(cluster(plain, HOSTS), "run-1")
    moved = cluster(plain, {"cp-1": HOSTS["cp-1"], "w-1": ("10.0.2.12", ["control-plane"])})
    asked: list[list[str]] = []
    made = provider(plain)
    made._cloud.ec2.meta.events.register(
        "provide-client-params.ec2.ModifyInstanceAttribute", lambda params, **_: asked.append(names(params["Groups"]))
    )
    made.provide(moved, "run-2")
    assert asked == [["control-plane", "hosts", "worker"]]
    made.settle(moved)
    assert asked[-1] == ["control-plane", "hosts"]


def test_the_load_balancer_follows_the_control_plane_and_goes_with_its_setting(
    settings: dict[str, Any], plain: dict[str, Any]
) -> None:
    both = {"cp-1": HOSTS["cp-1"], "w-1": ("10.0.2.12", ["control-plane"])}
    provider(settings).provide(cluster(settings, both, **API), "run-1")
    assert len(targets()) == 2
    provider(settings).settle(cluster(settings, HOSTS, **API))
    assert len(targets()) == 1
    provider(plain).settle(cluster(plain, HOSTS))
    assert not {"balancers", "targets"} & left().keys()


def test_groups_of_ones_own_are_taken_as_they_are(plain: dict[str, Any], vpc: str) -> None:
    ec2, _ = clients()
    group = ec2.create_security_group(GroupName="mine", Description="mine", VpcId=vpc)["GroupId"]
    own = {**plain, "securityGroupIds": [group], "sshFrom": [], "apiFrom": []}
    assert launches(own)["cp-1"]["NetworkInterfaces"][0]["Groups"] == [group]
    provider(own).settle(cluster(own, HOSTS))
    assert "groups" not in left()


def test_a_right_that_is_missing_is_no_matter_of_time_and_names_itself(settings: dict[str, Any]) -> None:
    with pytest.raises(RefusedError, match="AWS: cannot list instances: UnauthorizedOperation: not now"):
        provider(settings, Fault("UnauthorizedOperation", 1)).missing(cluster(settings, HOSTS, **API))


def test_what_is_still_in_use_is_deleted_once_it_is_free(plain: dict[str, Any]) -> None:
    provider(plain).provide(cluster(plain, HOSTS), "run")
    fault = Fault("DependencyViolation", 1, only=frozenset({"DeleteSecurityGroup"}))
    provider(plain, fault).destroy(cluster(plain, HOSTS))
    assert left() == {}


def test_a_login_without_any_rights_for_load_balancers_does_where_there_is_none(plain: dict[str, Any]) -> None:
    provider(plain).provide(cluster(plain, HOSTS), "run")
    fault = Fault("AccessDenied", 1, only=frozenset({"DescribeLoadBalancers"}))
    provider(plain, fault).destroy(cluster(plain, HOSTS))
    assert left() == {}


def names(groups: list[str]) -> list[str]:
    ec2, _ = clients()
    found = ec2.describe_security_groups(GroupIds=groups)["SecurityGroups"]
    return sorted(one["GroupName"].removeprefix("windlass-demo-") for one in found)


def ranges(group: str) -> set[str]:
    ec2, _ = clients()
    asked = [{"Name": "tag:windlass-group", "Values": [group]}]
    [found] = ec2.describe_security_groups(Filters=asked)["SecurityGroups"]
    return {one["CidrIp"] for rule in found["IpPermissions"] for one in rule["IpRanges"]}


def targets() -> set[str]:
    _, elb = clients()
    [group] = elb.describe_target_groups()["TargetGroups"]
    told = elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
    return {one["Target"]["Id"] for one in told}
