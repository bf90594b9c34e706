from __future__ import annotations

from pathlib import Path

import pytest

from windlass.domain.catalog import Catalog
from windlass.domain.health import Check, CheckReader, Subject
from windlass.domain.spec import Cluster, load_cluster
from windlass.effects.catalog import load_catalog

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(ROOT / "include" / "templates" / "kubernetes")


def cluster(name: str, more: str = "") -> Cluster:
    text = (ROOT / "include" / "clusters" / f"{name}.yaml").read_text()
    return load_cluster(text + more, name)


def checks(catalog: Catalog, name: str, more: str = "") -> dict[Subject, Check]:
    found = cluster(name, more)
    plan = CheckReader().plan(found, catalog.release(found.spec.kubernetes.version))
    return {check.subject: check for check in plan.checks}


def test_every_service_of_every_host_is_checked_and_kubelets_too(catalog: Catalog) -> None:
    found = checks(catalog, "ha-3-1")
    assert {subject.component for subject in found if subject.host == "cp-1"} == {
        "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "api-proxy", "kubelet",
    }  # fmt: skip
    assert {subject.component for subject in found if subject.host == "w-1"} == {"api-proxy", "kubelet"}


def test_up_to_three_other_hosts_look(catalog: Catalog) -> None:
    found = checks(catalog, "ha-3-1")
    assert set(found[Subject("cp-1", "kube-apiserver")].vantages) == {"cp-2", "cp-3", "w-1"}
    assert set(found[Subject("w-1", "kubelet")].vantages) == {"cp-1", "cp-2", "cp-3"}


def test_only_hosts_that_have_its_client_certificate_look_at_etcd(catalog: Catalog) -> None:
    check = checks(catalog, "ha-3-1")[Subject("cp-2", "etcd")]
    assert set(check.vantages) == {"cp-1", "cp-3"}
    assert check.authority == "/etc/windlass/pki/etcd/ca.crt"


def test_what_listens_on_loopback_only_its_own_host_looks_at(catalog: Catalog) -> None:
    check = checks(catalog, "ha-3-1")[Subject("w-1", "api-proxy")]
    assert (check.address, check.vantages, check.authority) == ("127.0.0.1", (), "/etc/windlass/pki/ca.crt")


def test_a_single_host_has_no_vantage_point_but_itself(catalog: Catalog) -> None:
    assert all(check.vantages == () for check in checks(catalog, "standalone").values())


def test_the_spec_changes_checks_of_containers_and_of_kubelet(catalog: Catalog) -> None:
    more = "  health:\n    kubelet: {intervalSeconds: 1}\n    etcd: {unhealthyThreshold: 9}\n"
    found = checks(catalog, "ha-3-1", more)
    assert found[Subject("w-1", "kubelet")].thresholds.interval == 1
    assert found[Subject("cp-1", "etcd")].thresholds.unhealthy == 9


def test_equal_clusters_are_rendered_once(catalog: Catalog) -> None:
    reader, found = CheckReader(), cluster("ha-3-1")
    release = catalog.release(found.spec.kubernetes.version)
    assert reader.plan(found, release) == reader.plan(found, release)
    assert len(reader._known) == 2
