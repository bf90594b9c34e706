"""Drivers of the catalog as data: how one is read, what is wrong with others, and that one is added by files alone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from unit.rendering.conftest import Rendering
from windlass.domain.catalog import Drivers
from windlass.domain.catalog.driver_files import merged
from windlass.domain.catalog.drivers import SLOTS, HostTraces
from windlass.domain.host.driver_fit import check_drivers_fit
from windlass.domain.host.facts import parse_facts
from windlass.domain.host.layout import ADDON_LABEL
from windlass.domain.rendering import cluster_images
from windlass.domain.spec import Known, load_cluster
from windlass.domain.spec.checks.drivers import driver_problems
from windlass.domain.spec.drivers import (
    foundation_namespaces,
    host_traces,
    observed_kinds,
    picked_drivers,
    required_modules,
)
from windlass.effects.catalog import load_catalog, load_drivers
from windlass.errors import SpecError

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "include" / "templates" / "kubernetes"
DRIVER = """\
title: Gauge
description: Measures, for this test.
questions:
  - {variable: days, label: For how many days numbers are kept, type: integer, default: 7, min: 1, max: 30}
needs: {releases: ["1.37"]}
images: {gauge: v2.1.0}
namespaces: [gauge]
verify: [/api/v1/namespaces/gauge/services/gauge:80/proxy/-/ready]
remove: {paths: [/var/lib/gauge]}
"""
MANIFEST = """\
apiVersion: v1
kind: Namespace
metadata: {name: gauge}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: gauge, namespace: gauge}
spec:
  selector: {matchLabels: {app: gauge}}
  template:
    metadata: {labels: {app: gauge}}
    spec:
      containers: [{name: gauge, image: {{ images.gauge | json }}, args: ["--days={{ values.days }}"]}]
"""
SPEC = """\
apiVersion: windlass/v1
kind: Cluster
metadata: {name: demo}
spec:
  kubernetes: {version: v1.37.2}
  monitoring:
    driver: gauge
    values: {days: 14}
  hosts:
    members:
      - {name: cp-1, address: 192.0.2.11, roles: [etcd, control-plane]}
"""


def drivers_of(tmp_path: Path, *changes: tuple[str, str], where: str = "monitoring/gauge") -> Drivers:
    """Write the driver with some of its words replaced, and read all that are there."""
    text = DRIVER
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    directory = tmp_path / "drivers" / where
    directory.mkdir(parents=True)
    (directory / "driver.yaml").write_text(text)
    (directory / "gauge.yaml.j2").write_text(MANIFEST)
    return load_drivers(tmp_path / "kubernetes")


@pytest.fixture
def include(tmp_path: Path) -> Path:
    """The catalog as it is shipped, with one more driver."""
    shutil.copytree(SHIPPED.parent, tmp_path / "templates")
    drivers_of(tmp_path / "templates")
    return tmp_path / "templates" / "kubernetes"


def known(include: Path) -> Known:
    return Known(("v1.36.3", "v1.37.2"), drivers=load_drivers(include))


class TestADriverOfFilesAlone:
    def test_is_picked_by_a_spec_and_rendered(self, include: Path) -> None:
        cluster = load_cluster(SPEC, "spec.yaml", known(include))
        release = load_catalog(include).release("v1.37.2")
        rendering = Rendering(cluster, release)

        deployment = rendering.object("Deployment", "gauge")

        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert container["args"] == ["--days=14"]
        assert container["image"].startswith("192.0.2.1:5000/windlass/gauge@sha256:")
        assert deployment["metadata"]["labels"][ADDON_LABEL] == "monitoring"

    def test_is_waited_for_and_taken_away_with_what_it_leaves(self, include: Path) -> None:
        cluster = load_cluster(SPEC, "spec.yaml", known(include))
        release = load_catalog(include).release("v1.37.2")
        assert "gauge" in foundation_namespaces(cluster, release.drivers)
        assert "/var/lib/gauge" in host_traces(cluster, release.drivers).paths
        assert "image:gauge:v2.1.0" in map(str, cluster_images(cluster, release))

    @pytest.mark.parametrize(
        ("old", "new", "told"),
        [
            ("days: 14", "days: 90", "spec.yaml:8: spec.monitoring.values.days: 90 is out of range; give 1 to 30"),
            ("days: 14", 'days: "9"', "spec.monitoring.values.days: the answer is no integer"),
            ("days: 14", "dais: 9", "spec.monitoring.values.dais: the driver asks no `dais`; it asks: days"),
            (
                "driver: gauge",
                "driver: gauges",
                "spec.yaml:7: spec.monitoring.driver: no driver `gauges` is known",
            ),
            ("driver: gauge", "driver: x", "known are gauge, metrics-server, none"),
            ("v1.37.2", "v1.36.3", "the driver `gauge` is not for Kubernetes v1.36.3; it is for 1.37"),
        ],
    )
    def test_is_asked_for_what_is_wrong_with_a_spec(self, include: Path, old: str, new: str, told: str) -> None:
        with pytest.raises(SpecError) as caught:
            load_cluster(SPEC.replace(old, new), "spec.yaml", known(include))
        assert told in str(caught.value)

    def test_is_missed_by_name_where_it_has_gone_from_under_a_stored_spec(self) -> None:
        cluster = load_cluster(SPEC, "stored")
        rendering = Rendering(cluster, load_catalog(SHIPPED).release("v1.37.2"))
        with pytest.raises(SpecError, match="no driver `gauge` of monitoring; it has: metrics-server, none"):
            rendering.manifests()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("title: Gauge\n", "", "driver.yaml:1: title: Field required"),
        ("default: 7", "default: 70", "the default of `days`: 70 is out of range"),
        (", default: 7", "", "`days` has neither a default nor an example"),
        ("variable: days", "variable: adminPassword", "`adminPassword` asks for a secret"),
        ("type: integer, default: 7", "type: password, example: x", "`days` is a password"),
        ("type: integer, default: 7", "type: multiline, default: x", "`days` is a multiline, which only stacks ask"),
        ("type: integer", "type: colour", "driver.yaml:4: questions.0.type"),
        ("/var/lib/gauge", "/etc", "remove.paths.0"),
        ("/var/lib/gauge", "/var/lib/*", "remove.paths.0"),
        ("/var/lib/gauge", "/run/gauge; reboot", "remove.paths.0"),
        ("/var/lib/gauge", "/run/gauge/../../etc", "leads out of its directory"),
        ("paths: [/var/lib/gauge]", "interfaces: [$(reboot)]", "remove.interfaces.0"),
        ("paths: [/var/lib/gauge]", "run: reboot", "remove.run: Extra inputs"),
        ("[/api/v1", "[https://example.com/api/v1", "verify.0"),
        ("namespaces: [gauge]", "ahead: [other]", "`other` is none of its images"),
        ("namespaces: [gauge]", "plugins: {gauge: other}", "`other`, which is none of its files"),
        ('{releases: ["1.37"]}', '{kernel: "6"}', "needs.kernel"),
        ('{releases: ["1.37"]}', "{kernel: [{version: '6.1', when: {x: y}}]}", "there is no question `x`"),
        ("default: 7", "default: 7, when: {x: y}", "there is no question `x`"),
        ("namespaces: [gauge]", "traffic: [{protocol: udp, port: 9, when: {x: y}}]", "there is no question `x`"),
    ],
)
def test_a_wrong_driver_is_told_by_its_name_and_the_others_stay(tmp_path: Path, old: str, new: str, told: str) -> None:
    drivers = drivers_of(tmp_path, (old, new))
    assert drivers.loaded == {}
    assert told in drivers.broken["monitoring", "gauge"]
    with pytest.raises(SpecError) as caught:
        load_cluster(SPEC, "spec.yaml", Known(("v1.37.2",), drivers=merged([load_drivers(SHIPPED), drivers])))
    assert "spec.yaml:7: spec.monitoring.driver: the driver `gauge` cannot be loaded" in str(caught.value)


def test_a_slot_that_there_is_not_is_told(tmp_path: Path) -> None:
    assert "there is no slot `metrics`" in drivers_of(tmp_path, where="metrics/gauge").broken["metrics", "gauge"]


def test_of_two_drivers_of_one_name_the_first_stays_and_nobody_picks_it_anew(tmp_path: Path) -> None:
    shipped = load_drivers(SHIPPED)
    own = drivers_of(tmp_path, where="monitoring/metrics-server")
    both = merged([shipped, own])
    spec = SPEC.replace("driver: gauge\n    values: {days: 14}", "driver: metrics-server")
    assert both.driver("monitoring", "metrics-server") is shipped.driver("monitoring", "metrics-server")
    with pytest.raises(SpecError, match=r"metrics-server` cannot be loaded: it is in .*; take one away"):
        load_cluster(spec, "spec.yaml", Known(("v1.37.2",), drivers=both))


def test_every_driver_that_is_shipped_can_be_read_and_every_slot_has_one() -> None:
    drivers = load_drivers(SHIPPED)
    assert drivers.broken == {}
    assert {slot for slot, _ in drivers.loaded} == set(SLOTS)


def spec_with(**sections: Any) -> Any:
    text = SPEC.replace("    driver: gauge\n    values: {days: 14}\n", "    driver: none\n")
    cluster = load_cluster(text, "spec.yaml")
    document = cluster.model_dump(mode="json", by_alias=True)
    for key, values in sections.items():
        document["spec"][key] |= values
    return type(cluster).model_validate(document)


class TestSettingsOfBeforeDrivers:
    def test_answer_the_questions_that_name_them(self) -> None:
        cluster = spec_with(
            network={"backend": "host-gw", "proxyMode": "nftables"},
            dns={"upstreams": ["192.0.2.53"]},
            loadBalancer={"driver": "metallb", "addresses": ["192.0.2.128/28"]},
        )
        answers = {one.driver.name: one.answers for one in picked_drivers(cluster, load_drivers(SHIPPED))}
        assert answers["flannel"] == {"backend": "host-gw"}
        assert answers["kube-proxy"] == {"mode": "nftables"}
        assert answers["coredns"]["upstreams"] == ["192.0.2.53"]
        assert answers["metallb"]["addresses"] == ["192.0.2.128/28"]

    @pytest.mark.parametrize(
        ("slot", "old", "new"),
        [
            ("network", {"backend": "host-gw"}, {"values": {"backend": "host-gw"}}),
            ("dns", {"upstreams": ["192.0.2.53"]}, {"values": {"upstreams": ["192.0.2.53"]}}),
            (
                "loadBalancer",
                {"driver": "metallb", "addresses": ["192.0.2.128/28"]},
                {"driver": "metallb", "values": {"addresses": ["192.0.2.128/28"]}},
            ),
        ],
    )
    def test_render_the_same_as_values(self, slot: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        release = load_catalog(SHIPPED).release("v1.37.2")
        before, after = (Rendering(spec_with(**{slot: one}), release) for one in (old, new))
        assert before.manifests() == after.manifests()
        assert before.host("cp-1") == after.host("cp-1")

    def test_may_not_say_another_thing_than_values(self) -> None:
        text = SPEC.replace(
            "  monitoring:\n    driver: gauge\n    values: {days: 14}\n",
            "  network: {backend: host-gw, values: {backend: vxlan}}\n",
        )
        with pytest.raises(SpecError, match=r"spec.network.values.backend: the answer is another one than `backend`"):
            load_cluster(text, "spec.yaml", Known(("v1.37.2",), drivers=load_drivers(SHIPPED)))


def test_traces_of_several_drivers_are_named_once() -> None:
    one, other = HostTraces(("a0",), paths=("/run/one",)), HostTraces(("a0", "b0"), chains=("ONE",))
    assert one + other == HostTraces(("a0", "b0"), chains=("ONE",), paths=("/run/one",))


class TestWhatHostsNeed:
    @pytest.mark.parametrize(
        ("needs", "told"),
        [
            ('{kernel: "6.12"}', "cp-1: kernel 6.1.0: the driver `gauge` of monitoring needs 6.12"),
            (
                "{kernel: [{version: '6.12', when: {days: 14}}]}",
                "cp-1: kernel 6.1.0: the driver `gauge` of monitoring needs 6.12 for days 14",
            ),
            ("{kernel: [{version: '6.12', when: {days: 15}}, {version: '6.0'}]}", ""),
            (
                "{modules: [{name: vxlan}, {name: gauges, required: true}]}",
                "cp-1: kernel 6.1.0 has no gauges, which the driver `gauge` of monitoring needs",
            ),
            ("{modules: [{name: gauges, required: true, when: {days: 15}}, {name: gauges}]}", ""),
            ("{architectures: [arm64]}", "cp-1: amd64: the driver `gauge` of monitoring is for arm64"),
            ('{kernel: "6.1", architectures: [amd64]}', ""),
        ],
    )
    def test_is_told_before_anything_is_changed(self, tmp_path: Path, needs: str, told: str) -> None:
        own = drivers_of(tmp_path, ('{releases: ["1.37"]}', needs))
        facts = parse_facts("arch=x86_64\nkernel=6.1.0\ncomplete=yes")
        drivers, cluster = merged([load_drivers(SHIPPED), own]), load_cluster(SPEC, "stored")
        found = check_drivers_fit(cluster, drivers, {"cp-1": facts}, {"cp-1": ["gauges", "wireguard"]})
        assert [str(one).partition(";")[0] for one in found] == ([told] if told else [])

    @pytest.mark.parametrize(
        ("network", "kernel", "told"),
        [
            (
                {"proxyMode": "nftables"},
                "5.10.0-28-amd64",
                "needs 5.13 for mode nftables; upgrade to 5.13 or later, or set spec.network.proxyMode to iptables",
            ),
            ({"proxyMode": "nftables"}, "5.13.0", ""),
            ({"proxyMode": "nftables"}, "", ""),
            ({"proxyMode": "iptables"}, "5.10.0-28-amd64", ""),
            ({"proxyMode": None}, "5.10.0-28-amd64", ""),
            (
                {"backend": "wireguard"},
                "6.1.0",
                "for backend wireguard; install a kernel that has the module wireguard, or set spec.network.backend to",
            ),
            ({"values": {"backend": "wireguard"}}, "6.1.0", "or set spec.network.values.backend to vxlan or host-gw"),
            ({"backend": "host-gw"}, "6.1.0", ""),
        ],
    )
    def test_depends_on_what_the_spec_answers(self, network: dict[str, Any], kernel: str, told: str) -> None:
        facts = parse_facts(f"arch=x86_64\nkernel={kernel}\ncomplete=yes")
        cluster, drivers = spec_with(network=network), load_drivers(SHIPPED)
        found = check_drivers_fit(cluster, drivers, {"cp-1": facts}, {"cp-1": required_modules(cluster, drivers)})
        assert [told in str(one) for one in found] == ([True] if told else [])


BALANCED = {"driver": "metallb", "addresses": ["192.0.2.128/28"]}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, ""),
        ({"mode": "bgp", "peers": ["192.0.2.1 AS64500"]}, ""),
        ({"mode": "bgp"}, "spec.loadBalancer.values: `peers` is missing"),
        ({"mode": "bgp", "peers": []}, "spec.loadBalancer.values.peers: the answer has 0 entries"),
        ({"mode": "bgp", "peers": ["192.0.2.1"]}, "spec.loadBalancer.values.peers: the answer is not of the form"),
        (
            {"peers": ["192.0.2.1 AS64500"]},
            "spec.loadBalancer.values.peers: the driver asks no `peers` here; it does with mode",
        ),
    ],
)
def test_questions_that_others_lead_to_are_asked_with_those_answers_alone(values: dict[str, Any], told: str) -> None:
    cluster = spec_with(loadBalancer=BALANCED | {"values": values})
    found = [str(one) for one in driver_problems(cluster, load_drivers(SHIPPED))]
    assert [told in one for one in found] == ([True] if told else [])


class TestBgp:
    def rendered(self, *addresses: str, **values: Any) -> Rendering:
        release = load_catalog(SHIPPED).release("v1.37.2")
        asked = {"mode": "bgp", "peers": ["192.0.2.1 AS64500", "192.0.2.2:1179 AS64501"], **values}
        chosen = {"driver": "metallb", "values": {"addresses": list(addresses), **asked}}
        return Rendering(spec_with(loadBalancer=chosen), release)

    def test_every_router_is_told_with_its_number_and_port(self) -> None:
        rendering = self.rendered("192.0.2.128/28", ownAsn=64999, authentication="bgp")
        first, second = (
            rendering.object("BGPPeer", name)["spec"] for name in ("router-192.0.2.1", "router-192.0.2.2-1179")
        )
        assert first == {
            "myASN": 64999,
            "peerASN": 64500,
            "peerAddress": "192.0.2.1",
            "peerPort": 179,
            "passwordSecret": {"name": "bgp", "namespace": "metallb-system"},
        }
        assert (second["peerASN"], second["peerAddress"], second["peerPort"]) == (64501, "192.0.2.2", 1179)
        assert rendering.object("BGPAdvertisement", "windlass")["spec"] == {"ipAddressPools": ["windlass"]}
        assert not [one for one in rendering.manifests() if one.kind == "L2Advertisement"]

    def test_addresses_that_it_does_not_carry_stay_in_layer_2(self) -> None:
        rendering = self.rendered("192.0.2.128/28", "2001:db8::/120")
        assert rendering.object("IPAddressPool", "windlass")["spec"]["addresses"] == ["192.0.2.128/28"]
        assert rendering.object("IPAddressPool", "windlass-ipv6")["spec"]["addresses"] == ["2001:db8::/120"]
        assert rendering.object("L2Advertisement", "windlass-ipv6")["spec"] == {"ipAddressPools": ["windlass-ipv6"]}

    def test_the_watch_may_list_its_kinds(self) -> None:
        drivers = load_drivers(SHIPPED)
        cluster = self.rendered("192.0.2.128/28").cluster
        assert {"BGPPeer", "BGPAdvertisement"} <= {one.kind for one in observed_kinds(cluster, drivers)}
        kinds = {one.kind for one in observed_kinds(spec_with(loadBalancer=BALANCED), drivers)}
        assert not {"BGPPeer", "BGPAdvertisement"} & kinds
