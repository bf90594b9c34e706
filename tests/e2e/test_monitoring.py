"""Prometheus is added to a running cluster, measures all of it, and is taken away without a trace."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from e2e.ground import Ground, wait_for
from windlass.mirror.cache import read_lock

pytestmark = pytest.mark.full

NAMESPACE = "windlass-monitoring"
BY_THE_API = f"/api/v1/namespaces/{NAMESPACE}/services/prometheus:http/proxy/api/v1"
JOBS = {"apiserver", "kubelet", "containers", "node", "dns"}


def changed(ground: Ground, history: dict[str, Any]) -> None:
    spec = yaml.safe_load(ground.records.spec() or "")
    spec["spec"]["monitoring"]["history"] = history
    ground.apply(yaml.safe_dump(spec, width=10_000)).succeeded()


def asked(ground: Ground, path: str) -> Any:
    return json.loads(ground.kubectl("cp-1", "get", "--raw", f"{BY_THE_API}/{path}"))["data"]


def test_it_measures_everything_and_leaves_nothing(cluster: Ground) -> None:
    missing = {"prometheus", "node-exporter"} - {one.name for one in read_lock().artifacts}
    assert not missing, (
        f"the mirror has not what is optional: `windlass mirror --only {' --only '.join(sorted(missing))}`"
    )
    before = cluster.beginnings()
    changed(cluster, {"driver": "prometheus", "values": {"retentionDays": 2}})

    def up() -> dict[str, set[str]]:
        found = asked(cluster, "query?query=up")["result"]
        jobs = {one["metric"]["job"] for one in found}
        return {job: {one["value"][1] for one in found if one["metric"]["job"] == job} for job in jobs}

    wait_for(lambda: up() == {job: {"1"} for job in JOBS}, "all that is measured answers")
    groups = asked(cluster, "rules")["groups"]
    assert {one["name"] for one in groups} == {"kube-apiserver", "etcd", "kubelet", "nodes"}
    assert all(rule["health"] in {"ok", "unknown"} for one in groups for rule in one["rules"])
    sizes = "query?query=apiserver_storage_size_bytes"
    wait_for(lambda: len(asked(cluster, sizes)["result"]) == 3, "each API server's word on its etcd")

    changed(cluster, {"driver": "none"})

    wait_for(lambda: NAMESPACE not in cluster.kubectl("cp-1", "get", "namespaces"), "its namespace is gone")
    assert "windlass:prometheus" not in cluster.kubectl("cp-1", "get", "clusterroles,clusterrolebindings")
    assert cluster.beginnings() == before
