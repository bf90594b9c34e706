"""Settings of machines on a running cluster: they come, a pod uses them, a machine that refuses them goes back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from e2e.clients import toolbox
from e2e.ground import OVERLAPPING, Ground, wait_for
from e2e.standing import ensure_cluster

pytestmark = pytest.mark.full

OURS = "/etc/multipath.conf"
TEXT = "# e2e of settings\n"
RUNTIME = """version = 3
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.second]
runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.second.options]
BinaryName = "/usr/local/bin/second-runtime"
SystemdCgroup = true
"""
WRAPPER = {
    "path": "/usr/local/bin/second-runtime",
    "content": '#!/bin/sh\necho "$@" >> /run/second-runtime.calls\nexec RUNC "$@"\n',
    "mode": "0755",
}
SOMAXCONN = "cat /proc/sys/net/core/somaxconn"
_POD = """
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: second}
handler: second
---
apiVersion: v1
kind: Pod
metadata: {name: second, namespace: default}
spec:
  runtimeClassName: second
  restartPolicy: Never
  nodeName: w-1
  containers:
    - {name: one, image: IMAGE, command: [sh, -c, "echo ran"]}
"""


def settings(ground: Ground, somaxconn: int = 2048) -> dict[str, Any]:
    """Return sections of a spec: for all hosts, for workers, for one host."""
    runc = ground.on("w-1", "grep -m 1 BinaryName /etc/windlass/containerd/config.toml | cut -d '\"' -f 2").strip()
    wrapper = {**WRAPPER, "content": WRAPPER["content"].replace("RUNC", runc)}
    return {
        "sysctls": {"net.core.somaxconn": somaxconn},
        "files": [{"path": OURS, "content": TEXT}],
        "roles": {
            "worker": {
                "kubelet": {"maxPods": 60},
                "files": [wrapper],
                "containerd": {"imports": [{"name": "second", "content": RUNTIME}]},
            }
        },
    }


def most_pods(ground: Ground, name: str) -> str:
    """Return how many pods a node takes, as the API has it."""
    return ground.kubectl("cp-1", "get", "node", name, "-o", "jsonpath={.status.allocatable.pods}")


@pytest.fixture(scope="module")
def before(ground: Ground) -> dict[str, str]:
    """How many connections wait on each host of the cluster, before anybody says so."""
    ensure_cluster(ground)
    return {host: ground.on(host, SOMAXCONN).strip() for host in OVERLAPPING}


@pytest.fixture(scope="module")
def given(ground: Ground, before: dict[str, str]) -> Iterator[Ground]:
    """The cluster once the settings were applied."""
    assert set(before.values()) != {"2048"}
    began = ground.beginnings()
    run = ground.apply(ground.spec(**settings(ground))).succeeded()
    assert run.outcome == "done"
    after = ground.beginnings()
    restarted = {name for name in began if began[name] != after[name]}
    assert restarted == {"w-1/kubelet", "w-1/windlass-containerd"}
    yield ground
    ground.apply(ground.spec()).succeeded()


def test_they_hold_on_the_hosts_that_they_are_for(given: Ground) -> None:
    assert {given.on(host, SOMAXCONN).strip() for host in OVERLAPPING} == {"2048"}
    assert {given.on(host, f"cat {OURS}") for host in OVERLAPPING} == {TEXT}
    assert (most_pods(given, "w-1"), most_pods(given, "cp-1")) == ("60", "110")
    assert given.not_ready() == set()


def test_a_pod_runs_by_a_runtime_of_ones_own(given: Ground) -> None:
    given.as_admin("cp-1", f"kubectl apply -f - <<'END'\n{_POD.replace('IMAGE', toolbox(given))}END\n")
    phase = ("get", "pod", "second", "-o", "jsonpath={.status.phase}")
    try:
        wait_for(lambda: given.kubectl("cp-1", *phase) == "Succeeded", "a pod of another runtime")
        assert given.kubectl("cp-1", "logs", "second").strip() == "ran"
    finally:
        given.as_admin("cp-1", "kubectl delete pod/second runtimeclass/second --now")
    assert " create " in given.on("w-1", "cat /run/second-runtime.calls")


def test_they_are_no_drift_and_what_somebody_changes_is_put_right(given: Ground) -> None:
    assert given.apply().succeeded().outcome == "nothing"
    given.on("cp-2", f"echo theirs > {OURS}")

    run = given.apply().succeeded()

    assert run.outcome == "done"
    assert given.on("cp-2", f"cat {OURS}") == TEXT


def test_what_containerd_cannot_read_is_refused_with_its_place(given: Ground) -> None:
    sections = settings(given)
    sections["roles"]["worker"]["containerd"]["imports"][0]["content"] = "version = 3\n[plugins.nonsense]\nx = {\n"

    told = given.apply(given.spec(**sections)).refused("gate")

    assert "spec.roles.worker.containerd.imports[0].content: it is no TOML" in told
    assert given.not_ready() == set()


def test_a_parameter_that_the_kernel_does_not_take_is_named(given: Ground) -> None:
    document = yaml.safe_load(given.spec(**settings(given)))
    document["spec"]["sysctls"]["net.core.no_such_thing"] = 1

    run = given.apply(yaml.safe_dump(document, sort_keys=False))

    assert run.state == "failed"
    assert "the kernel does not take what spec.sysctls asks for" in run.log("roll")
    assert given.apply(given.spec(**settings(given))).succeeded().outcome == "done"


def test_taken_back_the_hosts_are_as_before(given: Ground, before: dict[str, str]) -> None:
    assert given.apply(given.spec()).succeeded().outcome == "done"
    assert {host: given.on(host, SOMAXCONN).strip() for host in OVERLAPPING} == before
    left = f"ls {OURS} /etc/windlass/containerd/conf.d 2>/dev/null || true"
    assert {given.on(host, left) for host in OVERLAPPING} == {""}
    assert most_pods(given, "w-1") == "110"
    assert given.apply().succeeded().outcome == "nothing"
