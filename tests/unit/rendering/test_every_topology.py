"""Whatever the topology and the release: everything renders, is well-formed, and each host gets what its roles need."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
import yaml

from windlass.domain.rendering import host_directories, host_images, host_installs, host_stacks
from windlass.domain.spec.checks.flag_values import wrong_value

VERSIONS = ("v1.36.3", "v1.37.2")
TOPOLOGIES = ("standalone", "overlapping", "separate")
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
KUBELET_UNIT = "/etc/systemd/system/kubelet.service"
CONTAINERD_UNIT = "/etc/systemd/system/windlass-containerd.service"


@pytest.fixture(params=[(topology, version) for topology in TOPOLOGIES for version in VERSIONS], ids=str)
def rendering(request: pytest.FixtureRequest, render: Any) -> Any:
    topology, version = request.param
    return render(topology, version)


def test_every_file_is_well_formed(rendering: Any) -> None:
    readers = {".yaml": yaml.safe_load, ".toml": tomllib.loads, ".json": json.loads}
    for host in rendering.cluster.spec.hosts.members:
        for path, file in rendering.host(host.name).items():
            assert file.text.endswith("\n"), path
            assert "{{" not in file.text, path
            for suffix, read in readers.items():
                if path.endswith(suffix):
                    assert read(file.text), path


def test_equal_arguments_give_equal_bytes(rendering: Any) -> None:
    for host in rendering.cluster.spec.hosts.members:
        assert rendering.host(host.name) == rendering.host(host.name)
    assert rendering.manifests() == rendering.manifests()


def test_hosts_run_the_stacks_of_their_roles(rendering: Any) -> None:
    for host in rendering.cluster.spec.hosts.members:
        stacks = set(host_stacks(rendering.cluster, host))
        assert ("etcd" in stacks) == ("etcd" in host.roles)
        assert ("control-plane" in stacks) == ("control-plane" in host.roles)
        assert "api-proxy" in stacks
        files = rendering.host(host.name)
        rendered = {path.split("/")[4] for path in files if path.startswith("/etc/windlass/stacks/")}
        assert rendered == stacks


def test_every_host_but_those_with_etcd_alone_is_a_node(rendering: Any) -> None:
    for host in rendering.cluster.spec.hosts.members:
        node = list(host.roles) != ["etcd"]
        files = rendering.host(host.name)
        assert (KUBELET_UNIT in files) == (CONTAINERD_UNIT in files) == node
        installed = {
            install.artifact.name for install in host_installs(rendering.cluster, rendering.release, host, "amd64")
        }
        assert ({"kubelet", "cni-plugins"} <= installed) == node
        assert {"docker-engine", "containerd", "runc", "docker-compose"} <= installed


def test_units_start_what_is_installed(rendering: Any) -> None:
    for host in rendering.cluster.spec.hosts.members:
        files = rendering.host(host.name)
        paths = {
            path
            for install in host_installs(rendering.cluster, rendering.release, host, "amd64")
            for _, path in install.links
        }
        for unit in (KUBELET_UNIT, CONTAINERD_UNIT):
            if unit in files:
                start = next(line for line in files[unit].text.splitlines() if line.startswith("ExecStart="))
                assert start.removeprefix("ExecStart=").split()[0] in paths
        if CONTAINERD_UNIT in files:
            config = tomllib.loads(files["/etc/windlass/containerd/config.toml"].text)
            runtime = config["plugins"]["io.containerd.cri.v1.runtime"]
            assert runtime["containerd"]["runtimes"]["runc"]["options"]["BinaryName"] in paths
            assert {path.rpartition("/")[0] for path in paths} >= {runtime["cni"]["bin_dirs"][0]}


def test_every_directory_that_a_stack_writes_to_is_made_first(rendering: Any) -> None:
    for host in rendering.cluster.spec.hosts.members:
        made = {directory.path for directory in host_directories(rendering.cluster, host)}
        for stack in host_stacks(rendering.cluster, host):
            for service in rendering.yaml(host.name, f"/etc/windlass/stacks/{stack}/compose.yaml")["services"].values():
                for mount in service["volumes"]:
                    assert mount["bind"] == {"create_host_path": False}
                    if not mount.get("read_only"):
                        assert mount["source"] in made


def test_images_are_named_by_the_digests_of_the_lock(rendering: Any) -> None:
    for host in rendering.cluster.spec.hosts.members:
        images = host_images(rendering.cluster, rendering.release, host, rendering.lock, rendering.mirror)
        for image in images:
            digest = rendering.lock.digest(image.artifact)
            assert image.reference == f"192.0.2.1:5000/windlass/{image.artifact.name}@{digest}"
        run_by_docker = {image.reference for image in images if image.runtime == "docker"}
        for stack in host_stacks(rendering.cluster, host):
            services = rendering.yaml(host.name, f"/etc/windlass/stacks/{stack}/compose.yaml")["services"]
            assert {service["image"] for service in services.values()} <= run_by_docker


def test_every_service_is_bounded_labelled_and_started_again(rendering: Any) -> None:
    for host in rendering.cluster.spec.hosts.members:
        for stack in host_stacks(rendering.cluster, host):
            compose = rendering.yaml(host.name, f"/etc/windlass/stacks/{stack}/compose.yaml")
            assert compose["name"] == f"windlass-{stack}"
            for name, service in compose["services"].items():
                assert service["restart"] == "always"
                assert service["network_mode"] == "host"
                assert service["read_only"] is True
                assert service["cap_drop"] == ["ALL"]
                assert service["mem_limit"]
                assert service["pids_limit"] > 0
                assert set(service["logging"]["options"]) == {"max-size", "max-file"}
                assert service["labels"]["io.windlass.cluster"] == "demo"
                assert service["labels"]["io.windlass.component"] == name
                assert "x-windlass-health" in service


def test_components_take_every_flag_that_windlass_gives_them(rendering: Any) -> None:
    known = rendering.release.flags
    for host in rendering.cluster.spec.hosts.members:
        given = {name: rendering.flags(host.name, stack, name) for stack, name in services_of(host.roles)}
        unit = rendering.host(host.name).get(KUBELET_UNIT)
        if unit:
            words = [word for word in unit.text.replace("\\\n", "").split() if word.startswith("--")]
            given["kubelet"] = dict(word.removeprefix("--").split("=", 1) for word in words)
        for component, flags in given.items():
            assert flags.keys() <= known[component].flags.keys()
            wrong = [wrong_value(known[component].flags[name].type, value) for name, value in flags.items()]
            assert not any(wrong)
    (proxy,) = rendering.object("DaemonSet", "kube-proxy")["spec"]["template"]["spec"]["containers"]
    names = {word.removeprefix("--").partition("=")[0] for word in proxy["command"][1:]}
    assert names <= known["kube-proxy"].flags.keys()


def services_of(roles: Any) -> list[tuple[str, str]]:
    etcd = [("etcd", "etcd")] if "etcd" in roles else []
    return etcd + [("control-plane", name) for name in CONTROL_PLANE if "control-plane" in roles]
