"""The objects of add-ons as the loop finds them, and what follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from unit.objects.conftest import cluster_with
from windlass.domain.health import CheckReader, Finding, HealthMonitor, Kind
from windlass.domain.health.host_report import ADDON_PATIENCE, HostReport, assess
from windlass.domain.health.protocol import setup_lines
from windlass.domain.objects.watched import WatchedObject
from windlass.domain.remediation.triggers import reports_of
from windlass.effects.probe import host_report
from windlass.effects.probe.objects import FULL_ROUND, ObjectWatch
from world.everything import CATALOG

from .world import ORIGIN, World, plan

DEPLOYMENTS = "/apis/apps/v1/deployments?labelSelector=io.windlass%2Faddon"
MAPS = "/api/v1/configmaps?labelSelector=io.windlass%2Faddon"
DOWN = "0|short Deployment kube-system/coredns 2 0"


def row(name: str, **named: Any) -> dict[str, Any]:
    namespace, _, last = name.rpartition("/")
    return {"object": {"metadata": {"namespace": namespace, "name": last}}, "named": named}


class Api:
    """Answers the lists of an API server."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.lists: dict[str, list[dict[str, Any]] | None] = {
            DEPLOYMENTS: [row("kube-system/coredns", Ready="2/2", Available=2)],
            MAPS: [row("kube-system/coredns")],
        }
        self.asked: list[str] = []
        patch.setattr(host_report, "table", self._table)

    def _table(self, address: str, port: int, path: str) -> list[dict[str, Any]] | None:
        assert path.endswith("&includeObject=Metadata")
        self.asked.append(path.partition("&")[0])
        return self.lists[path.partition("&")[0]]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    return Api(monkeypatch)


@pytest.fixture
def watch() -> ObjectWatch:
    made = ObjectWatch()
    made.expect("dns", DEPLOYMENTS, "Deployment", "kube-system/coredns")
    made.expect("dns", MAPS, "ConfigMap", "kube-system/coredns")
    return made


def look(watch: ObjectWatch, not_ready: int = 0) -> Mapping[str, str]:
    return watch.look("127.0.0.1", 7443, not_ready)


def test_all_that_is_there_and_available_is_good(api: Api, watch: ObjectWatch) -> None:
    assert look(watch) == {"dns": "0"}
    assert assess(HostReport("addon", "dns", "0")) is None


def test_workloads_are_asked_for_at_each_look_and_all_else_less_often(api: Api, watch: ObjectWatch) -> None:
    for _ in range(FULL_ROUND):
        look(watch)
    assert api.asked.count(DEPLOYMENTS) == FULL_ROUND
    assert api.asked.count(MAPS) == 1


def test_what_is_missing_or_short_is_told(api: Api, watch: ObjectWatch) -> None:
    api.lists[MAPS] = []
    api.lists[DEPLOYMENTS] = [row("kube-system/coredns", Ready="1/2", Available=1)]
    assert look(watch, 1) == {"dns": "1|short Deployment kube-system/coredns 2 1|missing ConfigMap kube-system/coredns"}


def test_a_daemon_set_is_counted_by_its_own_columns(api: Api, watch: ObjectWatch) -> None:
    path = "/apis/apps/v1/daemonsets?labelSelector=io.windlass%2Faddon"
    watch.expect("network", path, "DaemonSet", "kube-flannel/flannel")
    api.lists[path] = [row("kube-flannel/flannel", Desired=3, Current=3, Ready=2, Available=2)]
    assert look(watch)["network"] == "0|short DaemonSet kube-flannel/flannel 3 2"


def test_of_an_add_on_that_cannot_be_asked_for_nothing_is_said(api: Api, watch: ObjectWatch) -> None:
    api.lists[MAPS] = None
    assert look(watch) == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1|short Deployment kube-system/coredns 2 1", None),
        (DOWN, "Deployment kube-system/coredns: 0 of 2 available"),
        ("1|short Deployment kube-system/coredns 2 0", "Deployment kube-system/coredns: 0 of 2 available"),
        ("0|missing ConfigMap kube-system/coredns", "ConfigMap kube-system/coredns missing in the cluster"),
        ("nonsense", None),
    ],
)
def test_nodes_that_are_down_explain_what_is_short_but_nothing_that_is_missing(value: str, text: str | None) -> None:
    found = assess(HostReport("addon", "dns", value))
    assert (found and found.text) == text
    assert found is None or (found.kind, found.component) == (Kind.ADDON_UNAVAILABLE, "dns")


def watched() -> World:
    expected = (WatchedObject("dns", DEPLOYMENTS, "Deployment", "kube-system/coredns"),)
    made = World(replace(plan(), objects=expected))
    made.settle()
    return made


def findings(made: World) -> list[tuple[str, str, Kind]]:
    return [(one.host, one.component, one.kind) for one in made.watch.findings]


def test_an_add_on_that_is_down_for_a_while_is_a_finding_that_remediation_acts_on() -> None:
    made = watched()

    def report(value: str) -> None:
        for _ in range(2):
            made.watch.report("", HostReport("addon", "dns", value), made.now, "cp-1")

    report(DOWN)
    made.run(ADDON_PATIENCE - 5)
    assert made.watch.findings == ()
    made.run(10)
    assert findings(made) == [("", "dns", Kind.ADDON_UNAVAILABLE)]
    assert set(reports_of(made.watch.findings)) == {"/dns"}
    (status,) = [one for one in made.watch.status(made.now)["subjects"] if one["component"] == "dns"]
    assert (status["host"], status["status"]) == ("", "unhealthy")
    report("0")
    assert made.watch.findings == ()
    (status,) = [one for one in made.watch.status(made.now)["subjects"] if one["component"] == "dns"]
    assert status["status"] == "healthy"


def test_an_object_that_is_missing_is_a_finding_at_once() -> None:
    made = watched()
    for _ in range(2):
        made.watch.report("", HostReport("addon", "dns", "0|missing Service kube-system/kube-dns"), made.now, "cp-1")
    (finding,) = made.watch.findings
    assert finding.evidence == "Service kube-system/kube-dns missing in the cluster"
    assert Finding.from_dict(finding.to_dict()) == finding


def test_only_hosts_that_can_ask_kubernetes_are_told_of_its_objects() -> None:
    cluster = cluster_with()
    found = CheckReader().plan(cluster, CATALOG.release("v1.37.2"))
    assert {"access", "dns", "network", "proxy"} <= {one.addon for one in found.objects}
    line = f"object\tdns\t{DEPLOYMENTS}\tDeployment\tkube-system/coredns\n"
    assert line in setup_lines(found, "cp-1", (), is_reporter=True)
    assert "object\t" not in setup_lines(found, "w-1", ())
    assert not any(one.name == "mine" for one in found.objects)


def test_a_finding_about_an_add_on_that_left_the_spec_is_over() -> None:
    made = watched()
    for _ in range(2):
        made.watch.report("", HostReport("addon", "dns", "0|missing Service kube-system/kube-dns"), made.now, "cp-1")
    after = HealthMonitor(plan(), ORIGIN, made.now, made.watch.status(made.now))
    assert len(after.findings) == 1
    assert len(after.tick(made.now).closed) == 1
    assert after.findings == ()
