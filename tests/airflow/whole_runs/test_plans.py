"""Whatever the spec: once it was applied there is nothing left to plan, and applying it again changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from windlass.errors import RefusedError
from world import World

TOPOLOGIES = [
    [["etcd", "control-plane", "worker"]],
    [["etcd", "control-plane"], ["worker"]],
    [["etcd"], ["control-plane"], ["worker"]],
]
New = Callable[[str], World]


@st.composite
def sections(draw: st.DrawFn) -> dict[str, Any]:
    """Give sections of a spec that may change while a cluster runs."""
    labels = st.dictionaries(st.sampled_from(["tier", "example.com/zone"]), st.sampled_from(["a", "b"]))
    arguments = st.fixed_dictionaries({"extraArgs": st.fixed_dictionaries({"v": st.sampled_from(["1", "2"])})})
    components = st.sampled_from(["etcd", "kube-apiserver", "kube-scheduler", "kubelet", "kube-proxy"])
    return {
        "labels": draw(labels),
        "components": draw(st.dictionaries(components, arguments, max_size=2)),
        "network": {
            "backend": draw(st.sampled_from(["vxlan", "host-gw"])),
            "proxyMode": draw(st.sampled_from(["iptables", "nftables"])),
        },
        "storage": {"driver": draw(st.sampled_from(["local-path", "none"]))},
        "monitoring": {"driver": draw(st.sampled_from(["metrics-server", "none"]))},
        "security": {
            "auditLog": draw(st.booleans()),
            "encryptSecrets": draw(st.booleans()),
            "podSecurity": draw(st.sampled_from(["baseline", "restricted"])),
        },
    }


def spec_of(roles: list[list[str]], version: str, desired: dict[str, Any]) -> str:
    rest = {key: value for key, value in desired.items() if key != "labels"}
    members = [
        {"name": f"h-{n}", "address": f"192.0.2.{n}", "roles": taken, "labels": desired["labels"]}
        for n, taken in enumerate(roles, 11)
    ]
    spec = {"kubernetes": {"version": version}, "hosts": {"members": members}, **rest}
    return yaml.safe_dump({"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec})


@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    roles=st.sampled_from(TOPOLOGIES),
    version=st.sampled_from(["v1.36.3", "v1.37.2"]),
    first=sections(),
    then=sections(),
)
def test_what_was_applied_leaves_nothing_to_plan(
    new: New, roles: list[list[str]], version: str, first: dict[str, Any], then: dict[str, Any]
) -> None:
    then["network"]["backend"] = first["network"]["backend"]  # which no rollout changes
    world = new(spec_of(roles, version, first))
    world.run("create_cluster", spec=spec_of(roles, version, first))
    for desired in (first, then):
        spec = spec_of(roles, version, desired)
        run = world.run("apply_cluster", spec=spec, auto_approve=True)
        assert run.results["result"]["state"] in ({"nothing"} if desired is first else {"nothing", "done"})
        state = world.state()
        assert {name: list(drift.differences) for name, drift in world.drift().items() if not drift.is_empty} == {}

        again = world.run("apply_cluster", spec=spec)

        assert again.results["gate"]["steps"] == []
        assert (again.results["result"]["state"], again.states["lease"]) == ("nothing", "skipped")
        assert world.state() == state
        assert not any(world.run("create_cluster").results["plan.preflight"].values())


def test_images_that_a_kubelet_has_deleted_are_nothing_to_apply_even_if_the_mirror_lacks_them(new: New) -> None:
    spec = spec_of(TOPOLOGIES[1], "v1.37.2", {"labels": {}})
    world = new(spec)
    world.run("create_cluster", spec=spec)
    images = world.machines["h-12"].images
    image = next(one for one in sorted(images) if one.startswith("pods "))
    images.remove(image)
    world.mirror_lacks = (image,)

    assert world.run("apply_cluster", spec=spec, auto_approve=True).results["result"]["state"] == "nothing"

    changed = spec_of(TOPOLOGIES[1], "v1.37.2", {"labels": {"tier": "a"}})
    with pytest.raises(RefusedError, match=f"the mirror lacks {image}"):
        world.run("apply_cluster", spec=changed, auto_approve=True)
    world.mirror_lacks = ()
    assert world.run("apply_cluster", spec=changed, auto_approve=True).results["result"]["state"] == "done"
    assert image in images
