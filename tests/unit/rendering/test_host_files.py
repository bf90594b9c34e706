from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.rendering import (
    MirrorAddresses,
    merge_daemon_settings,
    node_labels,
    node_taints,
    with_added,
    without_added,
)
from windlass.errors import SpecError

KUBELET_UNIT = "/etc/systemd/system/kubelet.service"
CONTAINERD_UNIT = "/etc/systemd/system/windlass-containerd.service"
CRI = "io.containerd.cri.v1"


@pytest.mark.parametrize("path", [KUBELET_UNIT, "/etc/windlass/kubelet/config.yaml"])
def test_what_tells_of_a_node_s_kubelet_is_for_root_alone(render: Any, path: str) -> None:
    assert render().host("w-1")[path].mode == 0o600


def test_compose_files_are_for_root_alone_and_the_proxys_configuration_is_for_its_user(render: Any) -> None:
    modes = {
        path: file.mode for path, file in render().host("cp-1").items() if path.startswith("/etc/windlass/stacks/")
    }
    assert {path for path, mode in modes.items() if mode != 0o600} == {"/etc/windlass/stacks/api-proxy/haproxy.cfg"}


class TestKubelet:
    def test_refuses_who_has_no_name_and_asks_the_api_for_the_others(self, render: Any) -> None:
        config = render().kubelet("w-1")
        assert config["authentication"]["anonymous"]["enabled"] is False
        assert config["authentication"]["webhook"]["enabled"] is True
        assert config["authorization"]["mode"] == "Webhook"
        assert config["readOnlyPort"] == 0

    def test_has_no_directory_for_static_pods(self, render: Any) -> None:
        assert "staticPodPath" not in render().kubelet("cp-1")

    @pytest.mark.parametrize(("version", "said"), [(1, {"failCgroupV1": False}), (2, {})])
    def test_accepts_cgroup_v1_only_where_the_host_has_it(
        self, render: Any, version: int, said: dict[str, bool]
    ) -> None:
        rendering = render()
        old = replace(rendering, facts=replace(rendering.facts, cgroup_version=version))
        assert {key: value for key, value in old.kubelet("w-1").items() if key == "failCgroupV1"} == said

    def test_names_the_file_with_the_real_servers(self, render: Any) -> None:
        rendering = render()
        real = "/run/systemd/resolve/resolv.conf"
        stub = replace(rendering, facts=replace(rendering.facts, resolv_conf=real))
        assert stub.kubelet("w-1")["resolvConf"] == real

    def test_sends_pods_to_the_address_of_the_dns_service(self, render: Any) -> None:
        rendering = render(network={"serviceCidr": "10.60.0.0/16"})
        assert rendering.kubelet("w-1")["clusterDNS"] == ["10.60.0.10"]
        assert rendering.object("Service", "kube-dns")["spec"]["clusterIP"] == "10.60.0.10"

    def test_registers_by_the_name_and_address_of_the_spec(self, render: Any) -> None:
        unit = render().host("w-1")[KUBELET_UNIT].text
        assert "--hostname-override=w-1" in unit
        assert "--node-ip=192.0.2.14" in unit

    @pytest.mark.parametrize("unit", [KUBELET_UNIT, CONTAINERD_UNIT])
    def test_lowers_oom_scores_only_where_the_host_may(self, render: Any, unit: str) -> None:
        rendering = render()
        bound = replace(rendering, facts=replace(rendering.facts, cap_bounding=0))
        assert "OOMScoreAdjust" in rendering.host("w-1")[unit].text
        assert "OOMScoreAdjust" not in bound.host("w-1")[unit].text


class TestTaintsAndLabels:
    def test_the_control_plane_is_tainted_unless_it_works_too(self, render: Any) -> None:
        taint = {"key": "node-role.kubernetes.io/control-plane", "value": "", "effect": "NoSchedule"}
        assert render().kubelet("cp-1")["registerWithTaints"] == [taint]
        assert "registerWithTaints" not in render("standalone").kubelet("all-1")
        assert "registerWithTaints" not in render().kubelet("w-1")

    def test_taints_of_the_spec_are_added(self, render: Any) -> None:
        rendering = render(members={"w-1": {"taints": ["gpu=yes:NoExecute"]}})
        assert rendering.kubelet("w-1")["registerWithTaints"] == [{"key": "gpu", "value": "yes", "effect": "NoExecute"}]

    def test_the_control_plane_taint_is_not_doubled(self, render: Any) -> None:
        written = "node-role.kubernetes.io/control-plane:NoSchedule"
        rendering = render(members={"cp-1": {"taints": [written]}})
        assert len(node_taints(rendering.member("cp-1"))) == 1

    def test_labels_are_no_part_of_what_a_kubelet_reads(self, render: Any) -> None:
        labels = {"disk": "ssd", "node-restriction.kubernetes.io/pci": "yes"}
        rendering = render(members={"w-1": {"labels": labels}})
        assert node_labels(rendering.member("w-1")) == labels | {"node-role.kubernetes.io/worker": ""}
        assert rendering.host("w-1")[KUBELET_UNIT].text == render().host("w-1")[KUBELET_UNIT].text


class TestContainerd:
    def config(self, rendering: Any) -> Any:
        return tomllib.loads(rendering.host("w-1")["/etc/windlass/containerd/config.toml"].text)

    def test_keeps_apart_from_docker_and_from_kubelet(self, render: Any) -> None:
        config = self.config(render())
        assert config["root"] == "/var/lib/windlass/containerd"
        assert config["grpc"]["address"] == "/run/windlass/containerd.sock"
        assert render().kubelet("w-1")["containerRuntimeEndpoint"] == "unix://" + config["grpc"]["address"]

    def test_shares_the_cgroup_driver_with_kubelet(self, render: Any) -> None:
        runtimes = self.config(render())["plugins"][f"{CRI}.runtime"]["containerd"]["runtimes"]
        assert runtimes["runc"]["options"]["SystemdCgroup"] is True
        assert render().kubelet("w-1")["cgroupDriver"] == "systemd"

    def test_takes_pause_from_the_mirror(self, render: Any) -> None:
        pinned = self.config(render())["plugins"][f"{CRI}.images"]["pinned_images"]
        assert pinned["sandbox"].startswith("192.0.2.1:5000/windlass/pause@sha256:")

    def test_restricts_oom_scores_where_the_host_may_not_lower_them(self, render: Any) -> None:
        rendering = render()
        bound = replace(rendering, facts=replace(rendering.facts, cap_bounding=0))
        assert self.config(bound)["plugins"][f"{CRI}.runtime"]["restrict_oom_score_adj"] is True
        assert "oom_score" not in self.config(bound)
        assert "restrict_oom_score_adj" not in self.config(rendering)["plugins"][f"{CRI}.runtime"]

    def test_finds_the_mirror_where_images_name_it(self, render: Any) -> None:
        rendering = render()
        folder = self.config(rendering)["plugins"][f"{CRI}.images"]["registry"]["config_path"]
        hosts = tomllib.loads(rendering.host("w-1")[f"{folder}/192.0.2.1:5000/hosts.toml"].text)
        assert list(hosts["host"]) == ["http://192.0.2.1:5000"]


class TestKernel:
    def test_tracks_connections_in_step_with_the_processors(self, render: Any) -> None:
        rendering = render()
        big = replace(rendering, facts=replace(rendering.facts, cpus=64))
        path = "/etc/sysctl.d/90-windlass.conf"
        assert "nf_conntrack_max = 131072" in rendering.host("w-1")[path].text
        assert f"nf_conntrack_max = {64 * 32768}" in big.host("w-1")[path].text

    def test_loads_vxlan_only_for_the_driver_that_needs_it(self, render: Any) -> None:
        path = "/etc/modules-load.d/windlass.conf"
        assert "vxlan" in render().host("w-1")[path].text
        assert "vxlan" not in render(network={"backend": "host-gw"}).host("w-1")[path].text


class TestDocker:
    PATH = "/etc/docker/daemon.json"

    def test_trusts_a_mirror_without_tls_and_no_other(self, render: Any) -> None:
        rendering = render()
        secure = replace(rendering, mirror=MirrorAddresses("https://mirror", "https://mirror:5000"))
        assert json.loads(rendering.host("w-1")[self.PATH].text)["insecure-registries"] == ["192.0.2.1:5000"]
        assert "insecure-registries" not in json.loads(secure.host("w-1")[self.PATH].text)
        assert secure.service("w-1", "api-proxy", "api-proxy")["image"].startswith("mirror:5000/windlass/haproxy@")

    def test_bounds_logs_and_lets_containers_live_on(self, render: Any) -> None:
        settings = json.loads(render().host("w-1")[self.PATH].text)
        assert settings["live-restore"] is True
        assert settings["log-opts"]["max-size"]

    def test_keeps_what_the_owner_of_the_host_has_set(self) -> None:
        existing = '{"live-restore": false, "insecure-registries": ["a:1"], "dns": ["192.0.2.9"]}'
        merged = json.loads(merge_daemon_settings(existing, '{"live-restore": true, "insecure-registries": ["b:2"]}'))
        assert merged == {"live-restore": False, "insecure-registries": ["a:1", "b:2"], "dns": ["192.0.2.9"]}

    @pytest.mark.parametrize("existing", [None, "", " \n"])
    def test_starts_from_nothing_where_there_is_nothing(self, existing: str | None) -> None:
        assert json.loads(merge_daemon_settings(existing, '{"a": 1}')) == {"a": 1}

    def test_merging_twice_changes_nothing(self) -> None:
        rendered = '{"insecure-registries": ["b:2"]}'
        once = merge_daemon_settings('{"insecure-registries": ["a:1"]}', rendered)
        assert merge_daemon_settings(once, rendered) == once

    def test_what_needs_no_addition_stays_as_its_owner_has_written_it(self) -> None:
        existing = '{"dns": ["192.0.2.9"],  "insecure-registries": ["a:1", "b:2"]}'
        assert merge_daemon_settings(existing, '{"insecure-registries": ["b:2"]}') == existing

    @pytest.mark.parametrize("existing", ["{", "[]"])
    def test_refuses_settings_that_it_cannot_read(self, existing: str) -> None:
        with pytest.raises(SpecError, match="fix it or move it away"):
            merge_daemon_settings(existing, "{}")


def test_no_rendered_file_holds_a_key(render: Any) -> None:
    for name in ("cp-1", "w-1"):
        for path, file in render().host(name).items():
            assert "PRIVATE KEY" not in file.text, path
            assert not path.startswith(("/etc/windlass/pki", "/etc/windlass/kubeconfigs")), path


@pytest.mark.parametrize("driver", ["journald", "syslog", "local", "gelf"])
def test_options_of_logs_are_not_given_to_a_driver_of_the_owners(driver: str) -> None:
    rendered = '{"log-driver": "json-file", "log-opts": {"max-size": "20m"}, "live-restore": true}'
    merged = json.loads(merge_daemon_settings(json.dumps({"log-driver": driver}), rendered))
    assert merged == {"log-driver": driver, "live-restore": True}


def test_options_of_logs_are_kept_where_the_owner_has_the_same_driver() -> None:
    rendered = '{"log-driver": "json-file", "log-opts": {"max-size": "20m"}}'
    merged = json.loads(merge_daemon_settings('{"log-driver": "json-file"}', rendered))
    assert merged["log-opts"] == {"max-size": "20m"}
    own = '{"log-opts": {"max-size": "5m"}}'
    assert json.loads(merge_daemon_settings(own, rendered))["log-opts"] == {"max-size": "5m"}


DAEMON_SETTINGS = st.dictionaries(
    st.sampled_from(["live-restore", "insecure-registries", "dns", "debug", "log-opts"]),
    st.one_of(
        st.booleans(), st.lists(st.sampled_from(["a:1", "b:2", "c:3"]), unique=True), st.just({"max-size": "20m"})
    ),
)
RENDERED = st.fixed_dictionaries(
    {"live-restore": st.sampled_from([True]), "log-opts": st.just({"max-size": "20m"})},
    optional={"insecure-registries": st.lists(st.sampled_from(["b:2", "c:3"]), min_size=1, max_size=1)},
)


@given(st.none() | DAEMON_SETTINGS.map(json.dumps), st.lists(RENDERED.map(json.dumps), min_size=1, max_size=3))
def test_settings_without_what_was_added_are_what_they_were(former: str | None, rendered: list[str]) -> None:
    current, added = former, None
    for one in rendered:
        merged = merge_daemon_settings(current, one)
        current, added = merged, with_added(added, current, merged)
    assert added is not None
    assert without_added(current, added, former) == (former or "")


def test_what_the_owner_has_set_since_stays_beside_what_was_there() -> None:
    added = '{"live-restore": true, "insecure-registries": ["b:2"], "log-driver": "json-file"}'
    current = (
        '{"live-restore": false, "insecure-registries": ["a:1", "b:2", "c:3"], "log-driver": "json-file", "debug": 1}'
    )
    left = json.loads(without_added(current, added, '{"insecure-registries": ["a:1"]}'))
    assert left == {"live-restore": False, "insecure-registries": ["a:1", "c:3"], "debug": 1}


def test_settings_that_their_owner_has_removed_stay_away() -> None:
    assert without_added(None, '{"live-restore": true}', '{"debug": 1}') == ""
