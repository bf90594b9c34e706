"""Settings of machines: what may stand in a spec, and what holds on a host where several settings do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.catalog.kubelet_keys import KubeletKeys, keys_text, parse_type, read_keys
from windlass.domain.spec import Cluster, Known, problems
from windlass.domain.spec.checks.kubelet_keys import OWNED
from windlass.domain.spec.machine import MachineSettings, OwnFile, deep_merged, merged
from windlass.domain.spec.machine_settings import settings_of
from windlass.effects.catalog import load_flags, load_kubelet_keys
from windlass.errors import IntegrityError

SHIPPED = Path(__file__).parents[3] / "include" / "templates" / "kubernetes"
OLD, NEW = "v1.36.3", "v1.37.2"
KNOWN = Known((OLD, NEW), flags=load_flags(SHIPPED), kubelet_keys=load_kubelet_keys(SHIPPED))
Change = Callable[[dict[str, Any]], Cluster]
GPU = """version = 3
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.nvidia]
runtime_type = "io.containerd.runc.v2"
"""


def told(cluster: Cluster) -> list[str]:
    return [str(problem) for problem in problems(cluster, KNOWN)]


@pytest.mark.parametrize("version", [OLD, NEW])
def test_a_spec_with_all_of_them_is_accepted(changed: Change, version: str) -> None:
    settings = {
        "spec.kubernetes.version": version,
        "spec.kubelet": {
            "maxPods": 60,
            "imageGCHighThresholdPercent": 70,
            "evictionHard": {"memory.available": "5%", "pid.available": None},
            "systemReserved": {"cpu": "500m"},
            "shutdownGracePeriod": "90s",
            "logging": {"verbosity": 2},
        },
        "spec.sysctls": {"net.core.somaxconn": 4096, "net.ipv4.tcp_rmem": "4096 131072 6291456"},
        "spec.files": [{"path": "/etc/multipath.conf", "content": "defaults {\n}\n", "mode": "0600"}],
        "spec.containerd": {
            "imports": [{"name": "nvidia", "content": GPU}],
            "paths": ["/etc/containerd/conf.d/*.toml"],
        },
        "spec.roles": {"worker": {"kubelet": {"maxPods": 110}, "sysctls": {"vm.nr_hugepages": 4}}},
        "spec.hosts.members.3.kubelet": {"providerID": "rack://7"},
        "spec.hosts.proxy": {
            "httpProxy": "http://proxy.example.com:3128",
            "httpsProxy": {"fromVariable": "windlass_secret_proxy"},
            "noProxy": [".example.com", "198.51.100.0/24"],
        },
    }
    assert told(changed(settings)) == []


REFUSED = [
    ({"spec.kubelet": {"maxPod": 60}}, "kubelet of v1.37.2 has no key `maxPod`", "did you mean `maxPods`?"),
    ({"spec.kubelet": {"maxPods": "60"}}, "spec.kubelet.maxPods: it is no whole number", "without quotes"),
    ({"spec.kubelet": {"maxPods": 500}}, "a node takes a /24", "at most 253"),
    ({"spec.kubelet": {"shutdownGracePeriod": "soon"}}, "`soon` is no duration", "30s"),
    ({"spec.kubelet": {"evictionHard": {"memory.available": 5}}}, "it is not text", "in quotes"),
    ({"spec.kubelet": {"evictionHard": "5%"}}, "it is not a mapping", "keys below it"),
    ({"spec.kubelet": {"featureGates": {"NoSuchGate": True}}}, "no feature `NoSuchGate`", "leave it out"),
    ({"spec.kubelet": {"clusterDNS": ["10.0.0.1"]}}, "may not be given", "leave it out"),
    ({"spec.kubelet": {"registerWithTaints": []}}, "may not be given", "spec.hosts.members[].taints"),
    ({"spec.kubelet": {"memorySwap": {"swapBehaviour": "a"}}}, "has no key `swapBehaviour`", "`swapBehavior`"),
    (
        {"spec.kubelet": {"maxPods": 60}, "spec.components": {"kubelet": {"extraArgs": {"max-pods": "50"}}}},
        "kubelet's flag `max-pods` is given too",
        "take it out of spec.components",
    ),
    ({"spec.roles": {"worker": {"kubelet": {"port": 1}}}}, "spec.roles.worker.kubelet.port", "leave it out"),
    ({"spec.sysctls": {"net.ipv4.ip_forward": 0}}, "pods reach nothing", "leave it out"),
    ({"spec.sysctls": {"kernel.panic": 0}}, "kubelet sets it to 10", "leave it out"),
    ({"spec.sysctls": {"somaxconn": 4096}}, "names no kernel parameter", "net.core.somaxconn"),
    ({"spec.sysctls": {"net.core.somaxconn": True}}, "neither a number nor text", "in quotes"),
    ({"spec.sysctls": {"a.b": "1\nc.d = 2"}}, "has a line break", "one line"),
    ({"spec.containerd": {"imports": [{"name": "a", "content": "version = 2"}]}}, "`version = 3`", "begin with"),
    ({"spec.containerd": {"imports": [{"name": "a", "content": "version ="}]}}, "it is no TOML", "correct it"),
    ({"spec.containerd": {"imports": [{"name": "a", "content": "a=" + "[" * 9000}]}}, "nested too deep", "correct it"),
    (
        {"spec.containerd": {"imports": [{"name": "a", "content": "version = 3\nroot = '/x'"}]}},
        "it sets root",
        "leave it out",
    ),
    ({"spec.containerd": {"paths": ["/etc/containerd/a.toml"]}}, "no absolute path with a `*`", "does not start"),
    ({"spec.hosts.proxy": {"httpProxy": "proxy:3128"}}, "no URL of a proxy", "http://HOST:PORT"),
    ({"spec.hosts.proxy": {"httpProxy": "http://$(reboot):1"}}, "no URL of a proxy", "http://HOST:PORT"),
    ({"spec.hosts.proxy": {"httpsProxy": "http://ops:hunter2@p:1"}}, "in clear", "fromVariable"),
    ({"spec.hosts.proxy": {"noProxy": ["a b"]}}, "no name, domain, address or range", ".example.com"),
    (
        {"spec.hosts.members.0.roles": ["etcd"], "spec.hosts.members.0.kubelet": {"maxPods": 60}},
        "has only the role etcd",
        "another role",
    ),
]


@pytest.mark.parametrize(("changes", "wrong", "right"), REFUSED)
def test_what_would_not_work_is_refused_with_what_to_do(
    changed: Change, changes: dict[str, Any], wrong: str, right: str
) -> None:
    found = [line for line in told(changed(changes)) if wrong in line]
    assert found
    assert right in found[0]


FILES = [
    ({"path": "/etc/windlass/pki/ca.crt", "content": "a"}, "not for files of your own"),
    ({"path": "/etc/windlass", "content": "a"}, "not for files of your own"),
    ({"path": "/etc/systemd/system/kubelet.service.d/a.conf", "content": "a"}, "set spec.kubelet"),
    ({"path": "/etc/docker/daemon.json", "content": "{}"}, "Docker's settings"),
    ({"path": "/etc/sysctl.d/90-windlass.conf", "content": "a"}, "set spec.sysctls"),
    ({"path": "/run/a", "content": "a"}, "outlive a reboot"),
    ({"path": "/etc/../etc/windlass/a", "content": "a"}, "plain characters"),
    ({"path": "etc/a", "content": "a"}, "plain characters"),
    ({"path": "/etc/a b", "content": "a"}, "plain characters"),
    ({"path": "/etc/a", "content": 5}, "neither text nor a reference"),
    ({"path": "/etc/a", "content": "a", "mode": "999"}, "is no mode"),
    ({"path": "/etc/a", "content": "a", "owner": "root"}, "names no user and group"),
    ({"path": "/etc/a", "content": {"fromVariable": "other"}}, "not for this spec"),
    ({"path": "/etc/a", "content": {"fromVariable": "windlass_secret_a"}, "mode": "0644"}, "could read the secret"),
    ({"path": "/etc/a", "content": "-----BEGIN PRIVATE KEY-----\n"}, "in clear"),
    ({"path": "/etc/a", "content": 'authorization = "Basic b3BzOmh1bnRlcjI="\n'}, "a login stands in it in clear"),
    ({"path": "/etc/a", "content": "a" * 300_000}, "more than 256 KiB"),
]


@pytest.mark.parametrize(("file", "wrong"), FILES)
def test_files_that_may_not_be_are_refused(changed: Change, file: dict[str, Any], wrong: str) -> None:
    assert any(wrong in line for line in told(changed({"spec.files": [file]})))


def test_a_file_twice_and_one_that_is_a_directory_of_another_are_refused(changed: Change) -> None:
    twice = [{"path": "/etc/a", "content": "1"}, {"path": "/etc/a", "content": "2"}]
    assert any("given twice" in line for line in told(changed({"spec.files": twice})))
    below = {"spec.files": twice[:1], "spec.hosts.members.3.files": [{"path": "/etc/a/b", "content": ""}]}
    assert any("a file and a directory" in line for line in told(changed(below)))


def test_kubelet_finds_a_file_that_the_spec_places(changed: Change) -> None:
    flags = {"spec.components": {"kubelet": {"extraArgs": {"image-credential-provider-config": "/etc/x.yaml"}}}}
    assert any("kubelet finds no file" in line for line in told(changed(flags)))
    assert told(changed({**flags, "spec.files": [{"path": "/etc/x.yaml", "content": "a"}]})) == []


def test_a_key_that_another_release_has_is_told(changed: Change) -> None:
    only_new = sorted(KNOWN.kubelet_keys[NEW].keys.keys() - KNOWN.kubelet_keys[OLD].keys.keys() - OWNED.keys())
    (line,) = told(changed({"spec.kubernetes.version": OLD, "spec.kubelet": {only_new[0]: "x"}}))
    assert f"{NEW} has it" in line


def test_every_key_that_windlass_keeps_to_itself_is_one_of_a_release() -> None:
    assert OWNED.keys() - {"apiVersion", "kind"} <= KNOWN.kubelet_keys[NEW].keys.keys()


SOURCE = """
type KubeletConfiguration struct {
\tmetav1.TypeMeta `json:""`
\t// a comment
\tPort int32 `json:"port,omitempty"`
\tWait metav1.Duration `json:"wait,omitempty"`
\tIs *bool `json:"is"`
\tInner Inner `json:"inner"`
\tMap map[string]string `json:"map"`
\tTaints []v1.Taint `json:"taints"`
\tMode Mode `json:"mode"`
}
type Mode string
type Inner struct {
\tRate *float64 `json:"rate"`
}
"""


def test_keys_are_read_from_the_source_of_their_type_and_from_the_record_again() -> None:
    keys = parse_type(SOURCE)
    assert keys.keys == {
        "port": "whole number",
        "wait": "duration",
        "is": "true or false",
        "inner": {"rate": "number"},
        "map": {"*": "text"},
        "taints": ["any"],
        "mode": "text",
    }
    assert read_keys(keys_text(keys), "kubelet.json") == keys


@pytest.mark.parametrize("text", ["", "[1]", "null", "{"])
def test_a_record_that_is_none_is_told(text: str) -> None:
    with pytest.raises(IntegrityError, match=r"kubelet.json: no record"):
        read_keys(text, "kubelet.json")
    with pytest.raises(IntegrityError, match="has no type"):
        parse_type("type Other struct {\n}")
    assert KubeletKeys().keys == {}


def test_the_host_holds_before_its_roles_and_these_before_all(changed: Change) -> None:
    cluster = changed(
        {
            "spec.kubelet": {"maxPods": 1, "evictionHard": {"a": "1", "b": "1"}, "allowedUnsafeSysctls": ["x"]},
            "spec.roles": {
                "worker": {"kubelet": {"maxPods": 3, "evictionHard": {"b": "3"}}},
                "control-plane": {"kubelet": {"maxPods": 2, "evictionHard": {"c": "2"}, "allowedUnsafeSysctls": ["y"]}},
            },
            "spec.hosts.members.0.kubelet": {"evictionHard": {"c": None}},
            "spec.hosts.members.0.roles": ["etcd", "control-plane", "worker"],
        }
    )
    assert settings_of(cluster, cluster.spec.hosts.members[0]).kubelet == {
        "maxPods": 3,
        "evictionHard": {"a": "1", "b": "3", "c": None},
        "allowedUnsafeSysctls": ["y"],
    }
    assert settings_of(cluster, cluster.spec.hosts.members[1]).kubelet["maxPods"] == 2


_VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=8,
)
_MAPPINGS = st.dictionaries(st.sampled_from("abc"), _VALUES, max_size=3)
_FILES = st.lists(st.sampled_from(["/a", "/b", "/c"]), unique=True).flatmap(
    lambda paths: st.tuples(*(st.builds(OwnFile, path=st.just(path), content=st.text(max_size=2)) for path in paths))
)
_SETTINGS = st.builds(
    MachineSettings, kubelet=_MAPPINGS, files=_FILES, sysctls=st.dictionaries(st.sampled_from("xyz"), st.integers())
)


@given(_MAPPINGS, _MAPPINGS)
def test_the_later_holds_and_what_it_does_not_name_stays(a: Any, b: Any) -> None:
    both = deep_merged(a, b)
    assert both.keys() == a.keys() | b.keys()
    for key, value in both.items():
        of_both = isinstance(a.get(key), dict) and isinstance(b.get(key), dict)
        assert value == (deep_merged(a[key], b[key]) if of_both else b.get(key) if key in b else a[key])
    assert deep_merged(a, a) == a == deep_merged(a, {}) == deep_merged({}, a)


@given(st.lists(_SETTINGS, max_size=4))
def test_the_last_word_on_each_thing_holds_and_nothing_is_lost(several: list[MachineSettings]) -> None:
    together = merged(iter(several))
    for one in several[-1:]:
        assert one.sysctls.items() <= together.sysctls.items()
        assert set(one.files) <= set(together.files)
    assert {file.path for file in together.files} == {file.path for one in several for file in one.files}
    assert together.sysctls.keys() == {name for one in several for name in one.sysctls}
    assert merged(iter([together, together])) == together
