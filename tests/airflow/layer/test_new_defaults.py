"""What a run's spec leaves to the cluster is as the cluster has it, wherever that is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from unit.services import services_of
from windlass.airflow.run_context import RunContext
from windlass.domain.lease import Owner
from windlass.domain.spec import Cluster, dump_cluster
from windlass.effects.catalog import load_catalog
from windlass.effects.store import MemoryStore

DISK = {"disk": "fast"}
CATALOG = Path(__file__).parents[3] / "include" / "templates" / "kubernetes"


def cluster(**network: Any) -> Cluster:
    members = [{"name": "cp-1", "address": "192.0.2.11", "roles": ["etcd", "control-plane", "worker"]}]
    spec = {"kubernetes": {"version": "v1.37.2"}, "hosts": {"members": members}, "network": network}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec}
    return Cluster.model_validate(document)


@pytest.fixture(scope="module")
def run() -> RunContext:
    services = services_of(MemoryStore(), load_catalog=lambda: load_catalog(CATALOG))
    return RunContext("demo", Owner("apply_cluster", "mine"), lambda _: None, services)


def test_it_is_that_of_new_clusters_then_of_a_bundle_then_of_the_store(run: RunContext) -> None:
    silent = dump_cluster(cluster())
    assert run.desired(silent).spec.network.proxy == "nftables"
    assert run.desired(silent, cluster(proxyMode="iptables")).spec.network.proxy == "iptables"

    run.records.save_spec(dump_cluster(cluster(proxyMode="iptables")))
    assert run.desired(silent) == run.stored()
    assert run.desired(silent, cluster(proxyMode="nftables")).spec.network.proxy == "iptables"
    assert run.desired(dump_cluster(cluster(proxyMode="nftables"))).spec.network.proxy == "nftables"


def test_a_stack_runs_where_the_store_says_until_its_host_is_gone() -> None:
    services = services_of(MemoryStore(), load_catalog=lambda: load_catalog(CATALOG))
    run = RunContext("demo", Owner("apply_cluster", "mine"), lambda _: None, services)

    def given(*names: str) -> str:
        document = cluster(proxyMode="nftables").model_dump(mode="json", by_alias=True)
        member = document["spec"]["hosts"]["members"][0]
        more = [
            {"name": name, "address": f"192.0.2.{20 + int(name[-1])}", "roles": ["worker"], "labels": DISK}
            for name in names
        ]
        document["spec"]["hosts"]["members"] = [member, *more]
        document["spec"]["stacks"] = [{"name": "registry", "roles": ["worker"], "labels": DISK}]
        return dump_cluster(Cluster.model_validate(document))

    def placed(*names: str) -> tuple[str, ...] | None:
        desired = run.desired(given(*names))
        run.records.save_spec(dump_cluster(desired))
        return desired.spec.stacks[0].placed

    (first,) = placed("w-1", "w-2") or ()
    assert placed("w-1", "w-2", "w-3", "w-4", "w-5") == (first,)
    assert run.cluster().spec.stacks[0].placed == (first,)
    others = [name for name in ("w-1", "w-2") if name != first]
    assert placed(*others) == tuple(others)
