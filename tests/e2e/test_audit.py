from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from e2e.ground import CLUSTER, Ground

KUBELET = "/etc/windlass/kubelet/config.yaml"


def audited(ground: Ground) -> tuple[int, dict[str, Any]]:
    line = [sys.executable, "-m", "windlass.cli.main", "audit", CLUSTER, "--json", "--airflow", ground.home.root.name]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def bad(report: dict[str, Any]) -> dict[str, Any]:
    return {one["id"]: one["places"] for one in report["controls"] if one["outcome"] in {"fail", "unknown"}}


def test_every_control_of_the_benchmark_is_met_or_explained(cluster: Ground) -> None:
    code, report = audited(cluster)

    assert bad(report) == {}
    assert code == 0
    assert report["counts"]["pass"] > 100


def test_what_is_loosened_on_a_host_is_found_there(cluster: Ground) -> None:
    cluster.on("w-1", f"chmod 644 {KUBELET}")
    try:
        code, report = audited(cluster)
    finally:
        cluster.on("w-1", f"chmod 600 {KUBELET}")

    assert code == 1
    assert set(bad(report)) == {"4.1.9"}
    assert bad(report)["4.1.9"]["w-1"]["details"] == [f"{KUBELET} has mode 0644, not 0600 or stricter"]


def test_no_server_of_a_node_passes_for_the_api_server(cluster: Ground) -> None:
    ask = "curl -s -o /dev/null --cacert /etc/windlass/pki/ca.crt --connect-to ::$1: https://kubernetes:$2/; echo $?"
    codes = {port: cluster.on("cp-1", f"set -- 127.0.0.1 {port}; {ask}").strip() for port in (6443, 7443, 10250)}
    assert codes == {6443: "0", 7443: "0", 10250: "60"}


def test_controllers_see_no_key_of_another_component(cluster: Ground) -> None:
    mounts = "docker inspect --format '{{range .Mounts}}{{.Source}} {{end}}' windlass-kube-scheduler"
    seen = set(cluster.on("cp-1", mounts).split())
    assert {"/etc/windlass/pki/scheduler", "/etc/windlass/kubeconfigs"} <= seen
    assert "/etc/windlass/pki" not in seen
