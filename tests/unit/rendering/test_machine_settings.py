"""What a spec's settings of machines become on a host; where there are none, nothing of them is to be seen."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from windlass.domain.rendering import MirrorAddresses
from windlass.domain.rendering.machine_settings import own_paths
from windlass.domain.spec.references import FILES, PROXY, RevealedText, with_values
from windlass.errors import SpecError

KUBELET, CONTAINERD = "/etc/windlass/kubelet/config.yaml", "/etc/windlass/containerd/config.toml"
PARAMETERS = "/etc/sysctl.d/91-windlass-own.conf"


@pytest.mark.parametrize("version", ["v1.36.3", "v1.37.2"])
def test_kubelet_s_keys_go_together_with_windlass_s_own(render: Any, version: str) -> None:
    own = {"evictionHard": {"memory.available": "5%", "pid.available": None}, "maxPods": 60, "seccompDefault": None}
    plain, config = render(version=version).kubelet("w-1"), render(version=version, kubelet=own).kubelet("w-1")
    assert config["evictionHard"] == {
        **{key: value for key, value in plain["evictionHard"].items() if key != "pid.available"},
        "memory.available": "5%",
    }
    assert config["maxPods"] == 60
    assert "seccompDefault" not in config
    changed = {"evictionHard", "maxPods", "seccompDefault"}
    assert {key: config[key] for key in config if key not in changed} == {
        key: plain[key] for key in plain if key not in changed
    }


def test_settings_of_a_role_and_of_a_host_change_no_other_host(render: Any) -> None:
    plain = render()
    one = render(members={"w-1": {"kubelet": {"maxPods": 60}}})
    role = render(roles={"worker": {"sysctls": {"vm.nr_hugepages": 4}}})
    assert one.host("cp-1") == plain.host("cp-1") == role.host("cp-1")
    assert {path for path, file in one.host("w-1").items() if file != plain.host("w-1")[path]} == {KUBELET}
    assert role.host("w-1").keys() - plain.host("w-1").keys() == {PARAMETERS}
    assert "\nvm.nr_hugepages = 4\n" in role.host("w-1")[PARAMETERS].text


def test_containerd_reads_what_lies_in_files_of_its_own(render: Any) -> None:
    containerd = {
        "imports": [{"name": "nvidia", "content": "version = 3\n"}],
        "paths": ["/etc/containerd/conf.d/*.toml"],
    }
    files = render(containerd=containerd).host("w-1")
    path = "/etc/windlass/containerd/conf.d/nvidia.toml"
    assert tomllib.loads(files[CONTAINERD].text)["imports"] == ["/etc/containerd/conf.d/*.toml", path]
    assert files[path].text == "version = 3\n"
    assert "imports" not in tomllib.loads(render().host("w-1")[CONTAINERD].text)


def test_containerd_finds_what_files_of_the_spec_s_own_say_of_registries(render: Any) -> None:
    path = "/etc/containerd/certs.d/docker.io/hosts.toml"
    files = [{"path": path, "content": {"fromVariable": "windlass_secret_hub"}}]
    images = ("plugins", "io.containerd.cri.v1.images", "registry", "config_path")
    found = [tomllib.loads(one.host("w-1")[CONTAINERD].text) for one in (render(), render(files=files))]
    for key in images:
        found = [one[key] for one in found]
    assert found == ["/etc/windlass/containerd/certs.d", "/etc/windlass/containerd/certs.d:/etc/containerd/certs.d"]
    assert render(files=files).host("w-1")[path].mode == 0o600


def test_a_host_without_kubelet_gets_files_and_parameters_alone(render: Any) -> None:
    sections = {
        "containerd": {"imports": [{"name": "a", "content": "version = 3\n"}]},
        "sysctls": {"a.b": 1},
        "files": [{"path": "/etc/a", "content": "1"}],
    }
    plain, own = render("separate").host("etcd-1"), render("separate", **sections).host("etcd-1")
    assert own.keys() - plain.keys() == {PARAMETERS, "/etc/a"}


def test_a_secret_is_for_root_alone_unless_the_spec_says_who_else(render: Any) -> None:
    files = [
        {"path": "/etc/secret", "content": {"fromVariable": "windlass_secret_a"}},
        {"path": "/etc/shared", "content": {"fromVariable": "windlass_secret_a"}, "mode": "0640", "owner": "root:adm"},
        {"path": "/etc/plain", "content": "a\n"},
    ]
    rendering = render(files=files)
    revealed = with_values(rendering.cluster, lambda _: "s3cret", FILES)
    assert isinstance(revealed.spec.files[0].content, RevealedText)
    found = type(rendering)(revealed, rendering.release).host("w-1")
    assert (found["/etc/secret"].text, found["/etc/secret"].mode) == ("s3cret", 0o600)
    assert (found["/etc/shared"].mode, found["/etc/shared"].owner) == (0o640, "root:adm")
    assert found["/etc/plain"].mode == 0o644


def test_empty_sections_render_what_none_do(render: Any) -> None:
    empty = {
        "kubelet": {},
        "sysctls": {},
        "files": [],
        "containerd": {"imports": [], "paths": []},
        "roles": {"worker": {}},
    }
    for name in ("cp-1", "w-1"):
        assert render(**empty).host(name) == render().host(name)
    assert isinstance(render().mirror, MirrorAddresses)


ENVIRONMENT, DROP_IN = "/etc/windlass/proxy.env", "/etc/systemd/system/docker.service.d/90-windlass-proxy.conf"


def test_a_proxy_is_told_to_all_that_reaches_outside_and_nothing_inside_goes_through_it(render: Any) -> None:
    hosts = {"httpProxy": "http://proxy.example.com:3128", "noProxy": [".example.com"]}
    rendering = with_proxy(render, hosts)
    files = rendering.host("w-1")
    variables = dict(line.partition("=")[::2] for line in files[ENVIRONMENT].text.splitlines())
    assert variables["https_proxy"] == variables["HTTP_PROXY"] == '"http://proxy.example.com:3128"'
    inside = variables["no_proxy"].strip('"').split(",")
    assert {host.address for host in rendering.cluster.spec.hosts.members} <= set(inside)
    assert {"10.244.0.0/16", "10.96.0.0/12", ".svc", ".cluster.local", "192.0.2.1", ".example.com"} <= set(inside)
    assert files[ENVIRONMENT].mode == 0o600
    for path in (DROP_IN, "/etc/systemd/system/kubelet.service", "/etc/systemd/system/windlass-containerd.service"):
        assert f"\nEnvironmentFile={ENVIRONMENT}\n" in files[path].text
    assert {ENVIRONMENT, DROP_IN} <= own_paths(rendering.cluster, rendering.member("w-1"))
    assert not [path for path, file in render().host("w-1").items() if ENVIRONMENT in file.text or path == DROP_IN]


@pytest.mark.parametrize("value", ["http://a b", 'http://a"b', "http://$(x)", "none"])
def test_a_secret_that_is_no_proxy_is_refused_and_not_told(render: Any, value: str) -> None:
    rendering = with_proxy(render, {"httpProxy": {"fromVariable": "windlass_secret_proxy"}})
    assert "unknown.invalid" in rendering.host("w-1")[ENVIRONMENT].text
    revealed = type(rendering)(with_values(rendering.cluster, lambda _: value, PROXY), rendering.release)
    with pytest.raises(SpecError, match="no URL of a proxy") as told:
        revealed.host("w-1")
    assert value not in str(told.value)


def test_a_secret_that_is_one_stands_in_that_file_alone(render: Any) -> None:
    rendering = with_proxy(render, {"httpProxy": {"fromConnection": "proxy", "field": "host"}})
    revealed = with_values(rendering.cluster, lambda _: "http://ops:hunter2@proxy:3128", PROXY)
    files = type(rendering)(revealed, rendering.release).host("w-1")
    assert [path for path, file in files.items() if "hunter2" in file.text] == [ENVIRONMENT]


def with_proxy(render: Any, proxy: dict[str, Any]) -> Any:
    rendering = render()
    document = rendering.cluster.model_dump(mode="json", by_alias=True)
    document["spec"]["hosts"]["proxy"] = proxy
    return type(rendering)(type(rendering.cluster).model_validate(document), rendering.release)
