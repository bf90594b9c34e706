"""The cluster gains and loses a worker, and a host of etcd and control plane, while it is used."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.clients import NAME, NAMESPACE, PORT
from e2e.etcd import ETCD_HOSTS, is_healthy, members
from e2e.ground import OVERLAPPING, VERSION, Ground, wait_for
from e2e.serving import Changed, change, node_names, web
from e2e.standing import empty_ground, ensure_cluster, stands
from windlass.domain.apply.readiness import is_ready
from windlass.effects.kubernetes.client import PODS

JOINING = {"w-2": ("worker",), "cp-4": ("etcd", "control-plane")}
GROWN = {**OVERLAPPING, **JOINING}
EVEN = {"allowEven": True}
API_SERVERS = {f"{host}/kube-apiserver" for host in ETCD_HOSTS}


@pytest.fixture(scope="module")
def wide(ground: Ground) -> Iterator[Ground]:
    """The cluster with two web servers on it, and two hosts beside it that are free."""
    ensure_cluster(ground)
    with ground.more_hosts(*JOINING) as wide:
        try:
            with web(wide, VERSION):
                yield wide
        finally:
            if not stands(ground):
                empty_ground(wide)


@pytest.fixture(scope="module")
def joined(wide: Ground) -> Changed:
    """A worker, and a host of etcd and control plane, have joined at once."""
    return change(wide, wide.spec(GROWN, etcd=EVEN))


@pytest.fixture(scope="module")
def left(wide: Ground, joined: Changed) -> Changed:
    """The same two hosts have left again, with one of three web servers on the worker among them."""
    wide.kubectl("cp-1", "-n", NAMESPACE, "scale", f"deployment/{NAME}", "--replicas=3")
    wait_for(lambda: web_pod(wide, "w-2"), "a web server on the new worker")
    return change(wide, wide.spec())


def web_pod(ground: Ground, node: str) -> str:
    """Return the name of the web server on a node, once it is ready; empty if there is none."""
    with ground.api() as client:
        pods = client.list(PODS, NAMESPACE, f"app={NAME}")
    return next((one["metadata"]["name"] for one in pods if one["spec"].get("nodeName") == node and is_ready(one)), "")


def test_hosts_that_join_are_nodes_and_members(joined: Changed, wide: Ground) -> None:
    assert joined.run.outcome == "done"
    assert wide.not_ready(GROWN) == set()
    assert members(wide) == dict.fromkeys((*ETCD_HOSTS, "cp-4"), False)
    assert is_healthy(wide, "cp-4")
    assert wide.not_ready(GROWN, via="cp-4") == set(), "the new API server answers"


def test_nobody_notices_that_hosts_join(joined: Changed, wide: Ground) -> None:
    joined.usage.check(wide)
    assert joined.began <= joined.announced


def test_every_proxy_leads_to_the_api_server_that_joined(joined: Changed, wide: Ground) -> None:
    address = wide.lab.host("cp-4").address
    lacking = {host for host in GROWN if address not in wide.on(host, "grep -rh :6443 /etc/windlass/stacks/api-proxy")}
    assert lacking == set()


def test_a_pod_on_the_new_worker_reaches_the_service_and_is_reached(joined: Changed, wide: Ground) -> None:
    wide.kubectl("cp-1", "-n", NAMESPACE, "scale", f"deployment/{NAME}", "--replicas=3")
    pod = wait_for(lambda: web_pod(wide, "w-2"), "a web server on the new worker")
    url = f"http://{NAME}.{NAMESPACE}.svc.cluster.local:{PORT}/"

    assert wide.kubectl("cp-1", "-n", NAMESPACE, "exec", pod, "--", "wget", "-qO-", url).strip() == "web"

    path = "jsonpath={.status.podIP}"
    address = wide.kubectl("cp-1", "-n", NAMESPACE, "get", "pod", pod, "-o", path).strip()
    assert wide.on("cp-2", f"curl -fsS --max-time 5 http://{address}:{PORT}/").strip() == "web"


def test_hosts_that_leave_are_gone_from_the_cluster(left: Changed, wide: Ground) -> None:
    assert left.run.outcome == "done"
    assert node_names(wide) == set(OVERLAPPING)
    assert members(wide) == dict.fromkeys(ETCD_HOSTS, False)
    assert "cp-4" not in (wide.records.spec() or "")
    assert wide.records.left_hosts() == ()
    assert wide.records.rollout() is None


def test_nobody_notices_that_hosts_leave(left: Changed, wide: Ground) -> None:
    left.usage.check(wide)
    assert left.began <= left.announced


def test_hosts_that_left_are_clean_and_may_join_again(left: Changed, wide: Ground) -> None:
    assert {host: wide.traces(host) for host in JOINING} == {host: [] for host in JOINING}

    again = wide.apply(wide.spec(GROWN, etcd=EVEN), plan_only=True).succeeded()

    kinds = [step["kind"] for step in again.result("gate")["steps"]]
    assert {"prepare", "etcd-join"} <= set(kinds)


def test_after_all_that_nothing_is_left_to_do(left: Changed, wide: Ground) -> None:
    before = wide.beginnings()
    again = wide.apply().succeeded()
    assert again.outcome == "nothing", again.result("gate")
    assert wide.beginnings() == before


@pytest.mark.full
def test_a_changed_flag_rolls_over_the_api_servers_one_by_one_and_no_request_fails(left: Changed, wide: Ground) -> None:
    changed = change(wide, wide.spec(components={"kube-apiserver": {"extraArgs": {"v": "3"}}}))

    assert changed.began == API_SERVERS
    rolled = [label for label in changed.run.result("result")["steps"] if label.startswith("API server")]
    assert rolled == [f"API server {host}" for host in ETCD_HOSTS]
    changed.usage.check(wide)
    change(wide, wide.spec()).usage.check(wide)
