"""A fault at each call, then another run: the right hosts and no orphan; and a deletion leaves nothing.

An attempt does one thing more than the one before it. So a few calls are made, and each is one that something ends.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from unit.providers.aws import CrashError, Fault, clients, cluster, left, provider
from unit.providers.conftest import HOSTS
from windlass.effects.providers import Ec2Provider
from windlass.errors import NotReadyError

API = {"api": {"endpoint": "10.0.1.10:6443"}}
WHOLE = {
    "instances": ["cp-1 10.0.1.11 running", "w-1 10.0.2.12 running"],
    "volumes": ["in-use"] * 2,
    "interfaces": ["in-use"] * 2,
    "groups": [f"windlass-demo-{name}" for name in ("api", "control-plane", "etcd", "hosts", "worker")],
    "subnets": ["10.0.1.0/24", "10.0.2.0/24"],
}
MADE = {
    "CreateSubnet", "CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "ImportKeyPair", "RunInstances",
    "CreateTags", "CreateLoadBalancer", "CreateTargetGroup", "CreateListener", "RegisterTargets",
}  # fmt: skip
DELETED = {
    "DeleteListener", "DeleteLoadBalancer", "DeleteTargetGroup", "TerminateInstances", "RevokeSecurityGroupIngress",
    "DeleteSecurityGroup", "DeleteKeyPair", "DeleteSubnet",
}  # fmt: skip


def attempt(act: Callable[[], object]) -> str:
    """Return how an attempt ends, where only a fault may keep it from its end."""
    try:
        act()
    except CrashError:
        return "crashed"
    except NotReadyError as error:
        return str(error)
    return "done"


def check_whole() -> None:
    found = left()
    assert {kind: found.get(kind) for kind in WHOLE} == WHOLE
    counted = {kind: len(found.get(kind, [])) for kind in ("keys", "balancers", "targets")}
    assert counted == {"keys": 1, "balancers": 1, "targets": 1}
    _, elb = clients()
    [group] = elb.describe_target_groups()["TargetGroups"]
    assert len(elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]) == 1
    [balancer] = elb.describe_load_balancers()["LoadBalancers"]
    assert len(elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]) == 1


def test_no_crash_before_the_answer_to_a_change_was_stored_leaves_an_orphan(settings: dict[str, Any]) -> None:
    demo, ended = cluster(settings, HOSTS, **API), []

    def crash_once_more(act: Callable[[Ec2Provider, str], object]) -> bool:
        fault = Fault("crash", 1, only=frozenset(MADE | DELETED))  # the first change that is left to be made
        is_done = attempt(lambda: act(provider(settings, fault), f"run-{len(ended)}")) == "done"
        ended.extend(fault.calls)
        return is_done

    while not crash_once_more(lambda ec2, run: ec2.provide(demo, run)):
        assert len(ended) < 60
    assert set(ended) == MADE
    assert ended.count("RunInstances") == ended.count("CreateSubnet") == 2
    check_whole()
    assert provider(settings).missing(demo) == ()

    ended.clear()
    while not crash_once_more(lambda ec2, run: ec2.destroy(demo)):
        assert len(ended) < 60
    assert set(ended) == DELETED
    assert left() == {}


def test_no_call_that_is_throttled_keeps_another_try_from_the_same_end(settings: dict[str, Any]) -> None:
    demo = cluster(settings, HOSTS, **API)

    def throttle_each(act: Callable[[Ec2Provider], object]) -> set[str]:
        throttled: set[str] = set()
        while True:
            fault = Fault("RequestLimitExceeded", 1, unless=throttled)
            said = attempt(partial(act, provider(settings, fault)))
            if not fault.calls:
                assert said == "done"
                return throttled
            assert "RequestLimitExceeded: not now" in said
            throttled.add(fault.calls[0])

    made = throttle_each(lambda ec2: ec2.provide(demo, "run"))
    check_whole()
    assert made > MADE | {"DescribeInstances", "GetConsoleOutput"}
    assert throttle_each(lambda ec2: ec2.destroy(demo)) > DELETED
    assert left() == {}


@pytest.mark.parametrize("call", sorted(MADE))
def test_a_deletion_right_after_a_crash_leaves_nothing(settings: dict[str, Any], call: str) -> None:
    demo = cluster(settings, HOSTS, **API)
    fault = Fault("crash", 1, only=frozenset({call}))
    assert attempt(lambda: provider(settings, fault).provide(demo, "run")) == "crashed"
    provider(settings).destroy(demo)
    assert left() == {}


def test_a_zone_without_machines_is_waited_for_and_what_is_there_is_kept(settings: dict[str, Any]) -> None:
    demo = cluster(settings, HOSTS, **API)
    fault = Fault("InsufficientInstanceCapacity", 2, frozenset({"RunInstances"}))
    said = attempt(lambda: provider(settings, fault).provide(demo, "run"))
    assert "launch w-1: InsufficientInstanceCapacity: not now" in said
    assert "another instanceType or a subnet in another zone" in said
    assert left()["instances"] == ["cp-1 10.0.1.11 running"]
    provider(settings).provide(demo, "run")
    check_whole()


def test_one_host_is_destroyed_and_nothing_else(settings: dict[str, Any]) -> None:
    demo = cluster(settings, HOSTS, **API)
    ec2 = provider(settings)
    ec2.provide(demo, "run-1")
    assert ec2.destroy(demo, ["w-1"]) == ("w-1",)
    assert left()["instances"] == ["cp-1 10.0.1.11 running"]
    assert ec2.destroy(demo, ["w-1"]) == ()
    assert ec2.missing(demo) == ("w-1",)
    ec2.provide(demo, "run-2")
    check_whole()
