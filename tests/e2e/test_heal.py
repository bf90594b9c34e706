"""Repair, from the failure to the last line of the service log: the watch in the triggerer, and a run that acts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from e2e.etcd import check, writer
from e2e.ground import CLUSTER, Ground, wait_for
from e2e.remediation import only_touching, wait_until_calm, wait_until_well
from windlass.effects.kubernetes.client import EVENTS
from windlass.effects.store import ServiceLog

KEY = "/etc/windlass/pki/apiserver.key"


def test_a_killed_api_server_is_noticed_and_recreated_and_nothing_else_is_touched(cluster: Ground) -> None:
    with cluster.watched(), only_touching(cluster, "cp-2/kube-apiserver"), writer(cluster) as writing:
        cluster.on("cp-2", "docker kill windlass-kube-apiserver")
        wait_until_well(cluster, timedelta(minutes=2))
        wait_until_calm(cluster)
    check(cluster, writing)

    told = [event for event in ServiceLog(cluster.store, CLUSTER).newest(20) if event.operation == "heal_cluster"]
    texts = [event.text for event in reversed(told)]
    decided = next(
        text for text in texts if text.startswith("Requested 3, Healthy 2, Recreated 1: kube-apiserver on cp-2, ")
    )
    assert "failed checks seen from cp-1" in decided or "failed checks seen from cp-3" in decided
    assert texts[-1].startswith("kube-apiserver on cp-2 is healthy again after ")
    with cluster.api() as client:
        events = client.list(EVENTS, "default")
    assert decided in {event.get("message") for event in events}


@pytest.mark.full
def test_a_run_on_a_healthy_cluster_changes_nothing_and_says_so(cluster: Ground) -> None:
    with only_touching(cluster):
        run = cluster.run("heal_cluster").succeeded()
        planned = cluster.run("heal_cluster", plan_only=True).succeeded()

    assert run.result("heal") == {"done": [], "failed": [], "held": [], "stops": [], "reported": []}
    assert planned.result("heal") == {"plan": ["all is healthy and as rendered: nothing to do"]}


@pytest.mark.full
def test_what_is_not_as_rendered_is_shown_as_a_plan_and_put_right(cluster: Ground) -> None:
    cluster.on("w-1", "echo '# by hand' >> /etc/windlass/stacks/api-proxy/haproxy.cfg")
    cluster.on("cp-1", "rm /etc/windlass/pki/scheduler/server.crt")
    cluster.on("cp-2", f"chmod 0666 {KEY}; chown nobody {KEY}")
    planned = cluster.run("heal_cluster", plan_only=True).succeeded().result("heal")["plan"]
    assert any("restore-files files on w-1" in line and "haproxy.cfg is another" in line for line in planned)
    assert any("renew-certificates certificates on cp-1" in line for line in planned)
    open_key = f"restore-files certificates on cp-2: {KEY}: mode 0666 -> 0600, owner nobody -> root"
    assert any(open_key in line for line in planned)

    with only_touching(cluster):
        run = cluster.run("heal_cluster").succeeded()

    assert len(run.result("heal")["done"]) == 3
    assert cluster.on("cp-2", f"stat -c '%a %U:%G' {KEY}").strip() == "600 root:root"
    wait_for(lambda: "by hand" not in cluster.on("w-1", "cat /etc/windlass/stacks/api-proxy/haproxy.cfg"), "the file")
    again = cluster.run("heal_cluster", plan_only=True).succeeded()
    assert again.result("heal") == {"plan": ["all is healthy and as rendered: nothing to do"]}
