"""Nodes of hosts that left must not register again, and those that join may."""

from __future__ import annotations

from typing import Any

import pytest

from windlass.domain.rendering.left_hosts import NAME, left_hosts_policy
from windlass.effects.kubernetes.client import Resource
from windlass.operations.rollout.bar_nodes import admit_nodes, bar_nodes


class Api:
    """The two objects, by kind, as an API server keeps them: with fields filled in."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        self.applied = 0

    def get(self, resource: Resource, name: str) -> Any:
        assert name == NAME
        return self.objects.get(resource.plural)

    def apply(self, desired: Any) -> bool:
        plurals = {
            "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
            "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
        }
        self.applied += 1
        filled = {**desired, "spec": {**desired["spec"], "filled": "in"}}
        self.objects[plurals[desired["kind"]]] = filled
        return True

    def delete(self, resource: Resource, _: str) -> bool:
        return self.objects.pop(resource.plural, None) is not None


@pytest.fixture
def api() -> Any:
    return Api()


def expression(api: Any) -> str:
    return str(api.objects["validatingadmissionpolicies"]["spec"]["validations"][0]["expression"])


def test_only_making_a_node_of_such_a_name_is_denied() -> None:
    policy, binding = left_hosts_policy(["w-9", "cp-9", "w-9"])
    assert policy["spec"]["validations"][0]["expression"] == '!(object.metadata.name in ["cp-9", "w-9"])'
    (rule,) = policy["spec"]["matchConstraints"]["resourceRules"]
    assert (rule["operations"], rule["resources"]) == (["CREATE"], ["nodes"])
    assert binding["spec"] == {"policyName": NAME, "validationActions": ["Deny"]}
    assert left_hosts_policy([]) == ()


def test_it_is_there_as_long_as_a_host_has_left_and_is_not_clean(api: Any) -> None:
    assert bar_nodes(api, []) == ()
    assert bar_nodes(api, ["w-9"]) == ("nodes named w-9 are denied",)
    assert bar_nodes(api, ["w-9"]) == ()
    assert api.applied == 2
    del api.objects["validatingadmissionpolicybindings"]  # somebody has deleted it
    assert bar_nodes(api, ["w-9"]) == ("nodes named w-9 are denied",)
    assert bar_nodes(api, []) == ("nodes of hosts that left are denied no more",)
    assert not api.objects


def test_a_host_that_joins_again_may_register_and_others_still_may_not(api: Any) -> None:
    bar_nodes(api, ["w-8", "w-9"])
    assert admit_nodes(api, ["w-1"], ["w-8", "w-9"]) == ()
    assert admit_nodes(api, ["w-9"], ["w-8"])
    assert expression(api) == '!(object.metadata.name in ["w-8"])'
    assert admit_nodes(api, ["w-8"], [])
    assert not api.objects
