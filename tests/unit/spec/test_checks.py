from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from windlass.domain.spec import Cluster, Known, problems
from windlass.effects.catalog import load_drivers

Make = Callable[[dict[str, Any]], Cluster]
SHIPPED = Path(__file__).parents[3] / "include" / "templates" / "kubernetes"
NEW = Known(["v1.37.2"], drivers=load_drivers(SHIPPED))
FIRST = "spec.hosts.members.0"
ETCD_ONLY = {"name": "e-1", "address": "192.0.2.41", "roles": ["etcd"]}
ED25519 = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0 " + bytes(32)).decode()


def members(*roles: list[str]) -> list[dict[str, Any]]:
    return [{"name": f"h-{n}", "address": f"192.0.2.{n}", "roles": given} for n, given in enumerate(roles, start=1)]


CASES: list[tuple[dict[str, Any], str, str, str]] = [
    # names and addresses
    ({"metadata.name": "Demo"}, "metadata.name", "no valid name", "`demo`"),
    ({"metadata.name": "x" * 64}, "metadata.name", "64 characters", "at most 63"),
    ({f"{FIRST}.name": "cp_1"}, "spec.hosts.members[0].name", "no valid name", "`cp-1`"),
    ({f"{FIRST}.name": "cp..1"}, "spec.hosts.members[0].name", "no valid name", "`.` stands between parts"),
    ({f"{FIRST}.name": "10.0.0.1"}, "spec.hosts.members[0].name", "reads like an address", "begin it with a letter"),
    ({f"{FIRST}.name": "a." * 31 + "ab"}, "spec.hosts.members[0].name", "64 characters", "at most 63"),
    ({f"{FIRST}.name": "kubernetes"}, "spec.hosts.members[0].name", "a name of the API server", "another name"),
    ({f"{FIRST}.name": "kubernetes.default.svc"}, "spec.hosts.members[0].name", "of the API server", "another name"),
    ({f"{FIRST}.name": "localhost"}, "spec.hosts.members[0].name", "another machine on each host", "another name"),
    ({f"{FIRST}.name": "windlass"}, "spec.hosts.members[0].name", "that Windlass keeps", "another name"),
    ({f"{FIRST}.name": "dns.kube-system.svc"}, "spec.hosts.members[0].name", "name of a Service", "another name"),
    ({f"{FIRST}.name": "web.a.svc.cluster.local"}, "spec.hosts.members[0].name", "name of a Service", "another name"),
    ({f"{FIRST}.name": "-"}, "spec.hosts.members[0].name", "no valid name", "lower-case letters"),
    ({f"{FIRST}.name": "cp-2"}, "spec.hosts.members[1].name", "host 1 of the list has the name `cp-2` too", "its own"),
    ({f"{FIRST}.address": "192.0.2.12"}, "spec.hosts.members[1].address", "`cp-1` has the address", "its own address"),
    (
        {f"{FIRST}.address": "fd00::1"},
        "spec.hosts.members[0].address",
        "is no IPv4 address, as the first range",
        "family",
    ),
    ({f"{FIRST}.address": "cp-1.example.com"}, "spec.hosts.members[0].address", "is a name", "privateAddress"),
    ({f"{FIRST}.address": "192.0.2.300"}, "spec.hosts.members[0].address", "no IP address", "192.0.2.11"),
    ({f"{FIRST}.address": "127.0.0.1"}, "spec.hosts.members[0].address", "loopback", "the other hosts reach"),
    ({f"{FIRST}.address": "0.0.0.0"}, "spec.hosts.members[0].address", "no address at all", "reach"),  # noqa: S104  nothing is bound, it is refused
    ({f"{FIRST}.address": "239.1.1.1"}, "spec.hosts.members[0].address", "multicast", "reach"),
    # roles
    (
        {"spec.hosts.members": members(["etcd"], ["worker"])},
        "spec.hosts.members",
        "no host has the role control-plane",
        "",
    ),
    ({"spec.hosts.members": members(["control-plane"])}, "spec.hosts.members", "no host has the role etcd", "three"),
    (
        {"spec.hosts.members": members(["etcd", "control-plane"], ["etcd"])},
        "spec.hosts.members",
        "2 tolerate no more failures than 1",
        "use 1 or 3, or set spec.etcd.allowEven",
    ),
    (
        {"spec.hosts.members": members(*[["etcd", "control-plane"]] * 9)},
        "spec.hosts.members",
        "every write slow",
        "3 or 5",
    ),
    ({f"{FIRST}.roles": ["etcd", "etcd", "control-plane"]}, "spec.hosts.members[0].roles", "given twice", "keep one"),
    # labels and taints
    ({f"{FIRST}.labels": {"-x": "y"}}, "spec.hosts.members[0].labels.-x", "no valid key", "example.com/name"),
    ({f"{FIRST}.labels": {"UP.com/x": "y"}}, 'spec.hosts.members[0].labels["UP.com/x"]', "no valid key", "name"),
    ({f"{FIRST}.labels": {"x": "a b"}}, "spec.hosts.members[0].labels.x", "no valid value", "63"),
    (
        {f"{FIRST}.labels": {"node-role.kubernetes.io/worker": ""}},
        'spec.hosts.members[0].labels["node-role.kubernetes.io/worker"]',
        "set by Kubernetes or Windlass",
        "prefix of your own",
    ),
    (
        {f"{FIRST}.labels": {"kubernetes.io/hostname": "a"}},
        'spec.hosts.members[0].labels["kubernetes.io/hostname"]',
        "set by Kubernetes or Windlass",
        "prefix of your own",
    ),
    (
        {f"{FIRST}.labels": {"windlass.io/a": "a"}},
        'spec.hosts.members[0].labels["windlass.io/a"]',
        "set by Kubernetes or Windlass",
        "prefix of your own",
    ),
    ({f"{FIRST}.taints": ["a=b"]}, "spec.hosts.members[0].taints[0]", "names no effect", "key:Effect"),
    (
        {f"{FIRST}.taints": ["a=b:NoSchedul"]},
        "spec.hosts.members[0].taints[0]",
        "no effect `NoSchedul`",
        "`NoSchedule`",
    ),
    ({f"{FIRST}.taints": ["a=b c:NoSchedule"]}, "spec.hosts.members[0].taints[0]", "no valid value", "key=value"),
    (
        {f"{FIRST}.taints": ["a=b:NoSchedule", "a=c:NoSchedule"]},
        "spec.hosts.members[0].taints[1]",
        "given twice",
        "one",
    ),
    # the network
    ({"spec.network.podCidr": "10.244.0.0"}, "spec.network.podCidr", "no range of IP", "add its length"),
    ({"spec.network.podCidr": "10.244.1.0/16"}, "spec.network.podCidr", "no range of IP", "`10.244.0.0/16`"),
    ({"spec.network.podCidr": "10.244.0.0/16,fd00::/48"}, "spec.network.podCidr", "several ranges", "podCidrs"),
    (
        {"spec.network.serviceCidr": "fd00::/108"},
        "spec.network.serviceCidr",
        "pods have IPv4, and services IPv6",
        "same families",
    ),
    ({"spec.network.serviceCidr": "127.0.0.0/16"}, "spec.network.serviceCidr", "another meaning", "private range"),
    ({"spec.network.podCidr": "10.100.0.0/16"}, "spec.network.podCidr", "overlaps the services' range", "in common"),
    ({"spec.network.podCidr": "10.244.0.0/23"}, "spec.network.podCidr", "there is room for 2", "use a /22 or larger"),
    ({"spec.network.podCidr": "10.244.0.0/25"}, "spec.network.podCidr", "there is room for 0", "use a /22 or larger"),
    ({"spec.network.podCidr": "16.0.0.0/7"}, "spec.network.podCidr", "too large", "/8"),
    ({"spec.network.serviceCidr": "10.96.0.0/29"}, "spec.network.serviceCidr", "too small", "/24"),
    ({"spec.network.serviceCidr": "16.0.0.0/8"}, "spec.network.serviceCidr", "too large", "/12"),
    (
        {"spec.network.podCidr": "192.0.0.0/16"},
        "spec.network.podCidr",
        "addresses of cp-1 (192.0.2.11), cp-2",
        "any host",
    ),
    (
        {"spec.network.serviceCidr": "192.0.2.0/24"},
        "spec.network.serviceCidr",
        "holds the addresses of cp-1",
        "any host",
    ),
    ({"spec.network.driver": "flanel"}, "spec.network.driver", "no driver `flanel`", "did you mean `flannel`?"),
    ({"spec.storage.driver": "my.module:"}, "spec.storage.driver", "no driver", "say `none`, and use spec.manifests"),
    ({"spec.network.driver": "my.module:Cni"}, "spec.network.driver", "a spec names no code", "say `none`"),
    ({"spec.dns.driver": "my.module:Dns"}, "spec.dns.driver", "a spec names no code", "spec.manifests"),
    ({"spec.loadBalancer.driver": "m:Lb"}, "spec.loadBalancer.driver", "a spec names no code", "say `none`"),
    ({"spec.monitoring.driver": "m:Mon"}, "spec.monitoring.driver", "a spec names no code", "say `none`"),
    ({"spec.loadBalancer.driver": "metallb"}, "spec.loadBalancer.addresses", "`addresses` is missing", "Ranges"),
    (
        {"spec.loadBalancer.addresses": ["192.0.2.200/29"]},
        "spec.loadBalancer.addresses",
        "nothing hands them out",
        "pick a driver",
    ),
    (
        {"spec.loadBalancer": {"driver": "metallb", "addresses": ["192.0.2.9-192.0.2.8"]}},
        "spec.loadBalancer.addresses[0]",
        "no range of IP addresses",
        "first-last",
    ),
    (
        {"spec.loadBalancer": {"driver": "metallb", "addresses": ["192.0.2.20-192.0.2.30"]}},
        "spec.loadBalancer.addresses[0]",
        "holds the address of w-1",
        "leave it out",
    ),
    (
        {"spec.loadBalancer": {"driver": "metallb", "addresses": ["10.97.0.0/24"]}},
        "spec.loadBalancer.addresses[0]",
        "overlaps the services' range",
        "free addresses",
    ),
    ({"spec.dns.upstreams": ["dns.example.com"]}, "spec.dns.upstreams[0]", "no IP address", "192.0.2.53"),
    ({"spec.dns.upstreams": ["127.0.0.53"]}, "spec.dns.upstreams[0]", "ask itself", "another resolver"),
    (
        {"spec.dns.zones": [{"name": "corp.example.com", "upstreams": []}]},
        "spec.dns.zones[0].upstreams",
        "nobody is asked",
        "its DNS server",
    ),
    (
        {"spec.dns.zones": [{"name": "corp.example.com", "upstreams": ["dns"]}]},
        "spec.dns.zones[0].upstreams[0]",
        "no IP address",
        "192.0.2.53",
    ),
    (
        {"spec.dns.zones": [{"name": "corp", "upstreams": ["192.0.2.53"]}] * 2},
        "spec.dns.zones[1].name",
        "given twice",
        "keep one",
    ),
    (
        {"spec.dns.zones": [{"name": "Corp", "upstreams": ["192.0.2.53"]}]},
        "spec.dns.zones[0].name",
        "no valid name",
        "lower-case",
    ),
    (
        {"spec.dns.zones": [{"name": "local", "upstreams": ["192.0.2.53"]}]},
        "spec.dns.zones[0].name",
        "names of the cluster are within",
        "leave it out",
    ),
    (
        {"spec.dns.zones": [{"name": "svc.cluster.local", "upstreams": ["192.0.2.53"]}]},
        "spec.dns.zones[0].name",
        "within the cluster's own domain",
        "outside",
    ),
    (
        {"spec.dns.hosts": [{"address": "db", "names": ["db.example.com"]}]},
        "spec.dns.hosts[0].address",
        "no IP address",
        "192.0.2.53",
    ),
    ({"spec.dns.hosts": [{"address": "192.0.2.9", "names": []}]}, "spec.dns.hosts[0].names", "no name", "give one"),
    (
        {"spec.dns.hosts": [{"address": "192.0.2.9", "names": ["a b"]}]},
        "spec.dns.hosts[0].names[0]",
        "no DNS name",
        "db.example.com",
    ),
    (
        {"spec.dns.hosts": [{"address": "192.0.2.9", "names": ["kubernetes.default.svc.cluster.local"]}]},
        "spec.dns.hosts[0].names[0]",
        "within the cluster's own domain",
        "outside",
    ),
    ({"spec.dns.resources": {"cpu": "0"}}, "spec.dns.resources.cpu", "no quantity", "100m"),
    ({"spec.dns.resources": {"memoryLimit": "1 GB"}}, "spec.dns.resources.memoryLimit", "no quantity", "1Gi"),
    (
        {"spec.dns": {"driver": "none", "hosts": [{"address": "192.0.2.9", "names": ["db.example.com"]}]}},
        "spec.dns.hosts",
        "the DNS is your own",
        "coredns",
    ),
    # kube-proxy
    ({"spec.network.proxyMode": "none"}, "spec.network.proxyMode", "nothing would carry Services", "spec.manifests"),
    (
        {
            "spec.network.proxyMode": "none",
            "spec.manifests": [{"name": "a", "content": "{apiVersion: v1, kind: X}"}],
            "spec.components": {"kube-proxy": {"extraArgs": {"v": "2"}}},
        },
        "spec.components.kube-proxy",
        "no kube-proxy runs",
        "leave its flags out",
    ),
    # access
    ({"spec.hosts.provider": "statik"}, "spec.hosts.provider", "no host provider", "did you mean `static`?"),
    ({"spec.hosts.provider": "my.hosts:Provider"}, "spec.hosts.provider", "a spec names no code", "an entry point of"),
    ({"spec.hosts.provider": "my.hosts"}, "spec.hosts.provider", "no valid name", "lower-case letters"),
    ({"spec.hosts.provider": "Rack"}, "spec.hosts.provider", "no valid name", "`rack`"),
    ({"spec.hosts.provider": "static\n"}, "spec.hosts.provider", "no valid name", "`static`"),
    ({"spec.hosts.provider": "../rack"}, "spec.hosts.provider", "no valid name", "`rack`"),
    ({"spec.hosts.provider": ""}, "spec.hosts.provider", "no valid name", "lower-case letters"),
    ({"spec.hosts.provider": "rack"}, "spec.hosts.provider", "no host provider `rack` is installed", "static; to use"),
    ({"spec.network.driver": "my:Driver"}, "spec.network.driver", "a spec names no code", "spec.manifests"),
    (
        {"spec.hosts.ssh": {"knownHosts": ["192.0.2.11 ssh-rsa"]}},
        "spec.hosts.ssh.knownHosts[0]",
        "fewer than three",
        "ssh-keyscan",
    ),
    (
        {"spec.hosts.ssh": {"knownHosts": ["h ssh-ed25519 %%%"]}},
        "spec.hosts.ssh.knownHosts[0]",
        "no base64",
        "ssh-keyscan",
    ),
    (
        {"spec.hosts.ssh": {"knownHosts": [f"h ssh-rsa {ED25519}"]}},
        "spec.hosts.ssh.knownHosts[0]",
        "no ssh-rsa key",
        "ssh-keyscan",
    ),
    (
        {"spec.hosts.ssh": {"knownHosts": [f"h rsa {ED25519}"]}},
        "spec.hosts.ssh.knownHosts[0]",
        "no type of key",
        "ssh-keyscan",
    ),
    (
        {"spec.hosts.ssh": {"knownHosts": [f"@any h rsa {ED25519}"]}},
        "spec.hosts.ssh.knownHosts[0]",
        "no marker",
        "ssh-keyscan",
    ),
    (
        {"spec.hosts.ssh": {"bastion": {"address": "a b"}}},
        "spec.hosts.ssh.bastion.address",
        "no IP address",
        "bastion's DNS name",
    ),
    (
        {"spec.hosts.ssh": {"bastion": {"address": "b", "knownHosts": ["x"]}}},
        "spec.hosts.ssh.bastion.knownHosts[0]",
        "fewer than three",
        "ssh-keyscan",
    ),
    ({"spec.api.endpoint": "https://k8s.example.com"}, "spec.api.endpoint", "is a URL", "`host:port`"),
    ({"spec.api.endpoint": "k8s.example.com"}, "spec.api.endpoint", "has no port", "`host:port`"),
    ({"spec.api.endpoint": "k8s.example.com:70000"}, "spec.api.endpoint", "no port", "65535"),
    ({"spec.api.endpoint": "fd00::1:6443"}, "spec.api.endpoint", "IPv6", "`host:port`"),
    ({"spec.api.extraNames": ["a/b"]}, "spec.api.extraNames[0]", "neither a DNS name nor", "without scheme"),
    (
        {"spec.artifacts": {"registry": "http://m"}},
        "spec.artifacts.registry",
        "no address of a registry",
        "`host:port`",
    ),
    ({"spec.artifacts": {"mirror": "mirror:8080"}}, "spec.artifacts.mirror", "no base URL", "http://host:port"),
    ({"spec.artifacts": {"mirror": "http://u:p@m:80"}}, "spec.artifacts.mirror", "no base URL", "without user"),
    (
        {"spec.artifacts": {"from": "official", "mirror": "http://m:80"}},
        "spec.artifacts.mirror",
        "come from official",
        "auto",
    ),
    # components, manifests, stacks
    ({"spec.components": {"kube-api": {}}}, "spec.components.kube-api", "no component", "`kube-apiserver`"),
    (
        {"spec.components": {"kubelet": {"extraArgs": {"--v=2": "x"}}}},
        'spec.components.kubelet.extraArgs["--v=2"]',
        "no name of a flag",
        "write `v`",
    ),
    ({"spec.health": {"Kube API": {}}}, 'spec.health["Kube API"]', "no valid name", "lower-case"),
    ({"spec.etcd.heartbeatMilliseconds": 500}, "spec.etcd.electionMilliseconds", "less than five heartbeats", "2500"),
    ({"spec.manifests": [{"name": "a", "content": "a: ["}]}, "spec.manifests[0].content", "no YAML", "indentation"),
    ({"spec.manifests": [{"name": "a", "content": "kind: X"}]}, "spec.manifests[0].content", "no apiVersion", "object"),
    ({"spec.manifests": [{"name": "a", "content": "# none"}]}, "spec.manifests[0].content", "no objects", "leave"),
    (
        {"spec.manifests": [{"name": "a", "content": "{kind: X, apiVersion: v1}"}] * 2},
        "spec.manifests[1].name",
        "given twice",
        "its own name",
    ),
    ({"spec.stacks": [{"name": "db", "hosts": ["w1"]}]}, "spec.stacks[0].hosts[0]", "no host is called", "`w-1`"),
    ({"spec.stacks": [{"name": "db", "labels": {"disk": "fast"}}]}, "spec.stacks[0]", "runs nowhere", "labels"),
    (
        {"spec.kubernetes.cloudProvider": "external"},
        "spec.kubernetes.cloudProvider",
        "no manifest brings one",
        "spec.manifests",
    ),
    # later life
    ({"spec.backup.schedule": "*/5 * * *"}, "spec.backup.schedule", "no cron expression", "five fields"),
    ({"spec.backup.schedule": "61 * * * *"}, "spec.backup.schedule", "no cron expression", "five fields"),
    ({"spec.backup.schedule": "0 0 31 2 *"}, "spec.backup.schedule", "never due", "five fields"),
    ({"spec.backup.drill": {"schedule": "daily"}}, "spec.backup.drill.schedule", "no cron", "five fields"),
    ({"spec.backup.drill": {"host": "cp-9"}}, "spec.backup.drill.host", "no host is called", "did you mean `cp-"),
    ({"spec.backup.pin": ["newest"]}, "spec.backup.pin[0]", "no id of a bundle", "20261123T074500Z-r1042"),
    (
        {"spec.backup.target": {"connection": "c", "bucket": "My_B"}},
        "spec.backup.target.bucket",
        "no name",
        "lower-case",
    ),
    ({"spec.upgrade.windows": ["weekends 1-2"]}, "spec.upgrade.windows[0]", "no span of time", "HH:MM"),
    ({"spec.upgrade.maxUnavailable": 0}, "spec.upgrade.maxUnavailable", "no rollout can go on", "set it to 1"),
    ({"spec.hosts.provider": "cloudlib"}, "spec.hosts.provider", "no host provider `cloudlib`", "say `static`"),
]


def test_the_document_that_the_cases_start_from_has_no_problem(changed: Make) -> None:
    assert problems(changed({}), NEW, []) == []


@pytest.mark.parametrize(("changes", "path", "wrong", "right"), CASES)
def test_says_where_what_and_what_would_be_right(
    changed: Make, changes: dict[str, Any], path: str, wrong: str, right: str
) -> None:
    found = problems(changed(changes), NEW, [])

    assert [str(problem).partition(": ")[0] for problem in found] == [path], found
    assert wrong in found[0].wrong
    assert right in found[0].right


@pytest.mark.parametrize(
    "changes",
    [
        {"spec.hosts.members": members(*[["etcd", "control-plane"]] * 4), "spec.etcd.allowEven": True},
        {"spec.network.driver": "none", "spec.dns.driver": "none", "spec.storage.driver": "none"},
        {f"{FIRST}.labels": {"topology.kubernetes.io/zone": "a", "example.com/x": "", "plain": "V_1.x"}},
        {f"{FIRST}.labels": {"node-role.kubernetes.io/control-plane": "", "node-role.kubernetes.io/ingress": ""}},
        {f"{FIRST}.labels": {"node-restriction.kubernetes.io/team": "a", "k8s.io/x": "y"}},
        {f"{FIRST}.name": "cp-1.rack-2.example.com"},
        {f"{FIRST}.taints": ["a:NoSchedule", "a:NoExecute", "b=c:PreferNoSchedule", "d=:NoSchedule"]},
        {
            "spec.hosts.ssh": {
                "knownHosts": [f"192.0.2.11,cp-1 ssh-ed25519 {ED25519} comment", f"|1|a=|b= ssh-ed25519 {ED25519}"]
            }
        },
        {"spec.hosts.ssh": {"bastion": {"address": "192.0.2.99"}}},
        {"spec.api": {"endpoint": "192.0.2.5:443", "extraNames": ["k8s.example.com", "*.example.com", "192.0.2.5"]}},
        {"spec.network.podCidr": "10.244.0.0/22", "spec.network.serviceCidr": "10.96.0.0/28"},
        {"spec.hosts.members.3": ETCD_ONLY, "spec.etcd.allowEven": True, "spec.network.podCidr": "10.244.0.0/22"},
        {"spec.dns.upstreams": ["192.0.2.53", "192.0.2.54:5353"]},
        {
            "spec.dns": {
                "replicas": 3,
                "zones": [{"name": "corp.example.com", "upstreams": ["192.0.2.53:5353", "fd00::53"]}],
                "hosts": [{"address": "fd00::9", "names": ["db.corp.example.com", "notcluster.local"]}],
                "resources": {"cpu": "0.5", "memory": "1Gi", "memoryLimit": "2Gi"},
            }
        },
        {"spec.network.proxyMode": None},
        {
            "spec.network.proxyMode": "none",
            "spec.manifests": [{"name": "a", "content": "{apiVersion: v1, kind: X}"}],
        },
        {"spec.backup": {"schedule": None, "drill": {"schedule": None, "host": "w-1"}}},
        {
            "spec.upgrade": {
                "maxUnavailable": "20%",
                "windows": ["daily 01:00-05:00", "mon-fri 22:00-04:00 UTC"],
            }
        },
        {
            "spec.manifests": [
                {"name": "a", "content": "apiVersion: v1\nkind: X\n---\n---\n{apiVersion: v1, kind: Y}\n"}
            ]
        },
        {"spec.artifacts": {"mirror": "http://192.0.2.9:8080"}},
    ],
)
def test_accepts_what_is_right(changed: Make, changes: dict[str, Any]) -> None:
    assert problems(changed(changes), NEW, []) == []


def test_an_etcd_host_that_is_no_node_needs_no_room_in_the_pods_range(changed: Make) -> None:
    separate = members(["etcd"], ["control-plane"], ["worker"])

    assert problems(changed({"spec.hosts.members": separate, "spec.network.podCidr": "10.244.0.0/23"})) == []


def test_a_host_of_another_cluster_is_refused_by_the_name_of_that_cluster(changed: Make) -> None:
    other = changed(
        {"metadata.name": "prod", f"{FIRST}.address": "192.0.2.21", "spec.hosts.members.3.address": "192.0.2.99"}
    )
    ours = changed(
        {"metadata.name": "demo", f"{FIRST}.address": "192.0.2.50", "spec.hosts.members.3.address": "192.0.2.21"}
    )

    found = problems(ours, other_clusters=[other])

    assert "192.0.2.21 is the host `cp-1` of the cluster `prod`" in [problem.wrong for problem in found]


def test_an_older_version_of_the_same_cluster_takes_no_hosts(changed: Make) -> None:
    assert problems(changed({}), other_clusters=[changed({"spec.etcd.quotaBytes": 268435456})]) == []


def test_one_address_behind_two_bastions_is_two_hosts(changed: Make) -> None:
    other = changed({"metadata.name": "prod", "spec.hosts.ssh": {"bastion": {"address": "a.example.com"}}})
    ours = changed({"metadata.name": "demo", "spec.hosts.ssh": {"bastion": {"address": "b.example.com"}}})

    assert problems(ours, other_clusters=[other]) == []


def test_a_version_is_only_looked_at_for_its_form_without_a_catalog(changed: Make) -> None:
    assert problems(changed({"spec.kubernetes.version": "v1.99.0"})) == []
    assert [problem.right for problem in problems(changed({"spec.kubernetes.version": "1.37"}))] == [
        "write it in full, such as v1.37.2"
    ]


@pytest.mark.parametrize(
    "ssh", [{"knownHosts": ["KEY"]}, {"bastion": {"address": "192.0.2.99", "knownHosts": ["KEY"]}}]
)
def test_an_authority_for_hosts_is_refused_with_the_way_out_and_a_revoked_key_is_not(
    changed: Make, ssh: dict[str, Any]
) -> None:
    def found(marker: str, known: Known) -> list[str]:
        text = json.dumps(ssh).replace("KEY", f"{marker} * ssh-ed25519 {ED25519}")
        return [str(problem) for problem in problems(changed({"spec.hosts.ssh": json.loads(text)}), known)]

    (told,) = found("@cert-authority", NEW)
    assert "knownHosts[0]: `@cert-authority` is not supported: certificates of hosts are not checked" in told
    assert "ssh-keyscan" in told
    assert found("@cert-authority", Known()) == []
    assert found("@revoked", NEW) == []


def test_private_keys_among_known_hosts_are_named_but_not_shown(changed: Make) -> None:
    line = "-----BEGIN OPENSSH PRIVATE KEY----- c2VjcmV0"

    (problem,) = problems(changed({"spec.hosts.ssh": {"knownHosts": [line]}}))

    assert "private key" in problem.wrong
    assert "c2VjcmV0" not in str(problem)


@pytest.mark.parametrize(
    "changes",
    [
        {"spec.upgrade": {"maxUnavailable": 0}},
        {"spec.storage.driver": "my.module:Storage"},
        {"spec.hosts.provider": "cloudlib"},
        {"spec.hosts.provider": "my.hosts:Provider"},
    ],
)
def test_what_an_earlier_release_accepted_stays_readable_in_the_store(changed: Make, changes: dict[str, Any]) -> None:
    assert problems(changed(changes)) == []
    assert problems(changed(changes), NEW) != []


def test_a_provider_that_is_installed_is_accepted_and_close_to_what_was_meant(changed: Make) -> None:
    known = Known(["v1.37.2"], providers=("rack-hosts",))
    assert problems(changed({"spec.hosts.provider": "rack-hosts"}), known) == []
    (problem,) = problems(changed({"spec.hosts.provider": "rackhost"}), known)
    assert "did you mean `rack-hosts`?" in problem.right


def test_a_stored_name_of_a_provider_that_is_gone_stays_readable_and_nonsense_does_not(changed: Make) -> None:
    assert problems(changed({"spec.hosts.provider": "rack"})) == []
    assert problems(changed({"spec.hosts.provider": "rack; rm"})) != []


ENDS_WITH_A_LINE_BREAK: list[tuple[dict[str, Any], str]] = [
    ({"metadata.name": "demo\n"}, "metadata.name"),
    ({f"{FIRST}.name": "cp-1\n"}, "spec.hosts.members[0].name"),
    ({f"{FIRST}.address": "192.0.2.11\n"}, "spec.hosts.members[0].address"),
    ({f"{FIRST}.labels": {"a": "b\n"}}, "spec.hosts.members[0].labels.a"),
    ({f"{FIRST}.labels": {"a\n": "b"}}, 'spec.hosts.members[0].labels["a\\n"]'),
    ({f"{FIRST}.labels": {"x.io\n/a": "b"}}, 'spec.hosts.members[0].labels["x.io\\n/a"]'),
    ({f"{FIRST}.taints": ["a=b\n:NoSchedule"]}, "spec.hosts.members[0].taints[0]"),
    ({"spec.kubernetes.version": "v1.37.2\n"}, "spec.kubernetes.version"),
    ({"spec.components": {"kubelet": {"extraArgs": {"v\n": "1"}}}}, 'spec.components.kubelet.extraArgs["v\\n"]'),
    ({"spec.backup.pin": ["20261123T074500Z-r1042\n"]}, "spec.backup.pin[0]"),
    ({"spec.backup.target": {"connection": "s3", "bucket": "bundles\n"}}, "spec.backup.target.bucket"),
    ({"spec.network.podCidr": "10.244.0.0/16\n"}, "spec.network.podCidr"),
    ({"spec.dns.upstreams": ["192.0.2.53\n"]}, "spec.dns.upstreams[0]"),
    ({"spec.api.endpoint": "k8s.example.com:6443\n"}, "spec.api.endpoint"),
    ({"spec.api.extraNames": ["k8s.example.com\n"]}, "spec.api.extraNames[0]"),
    ({"spec.artifacts.registry": "192.0.2.9:5000\n"}, "spec.artifacts.registry"),
    ({"spec.artifacts.mirror": "http://192.0.2.9:8080\n"}, "spec.artifacts.mirror"),
    ({"spec.artifacts.mirror": "http://192.0.\n2.9:8080"}, "spec.artifacts.mirror"),
    ({"spec.api.oidc": [{"issuer": "https://id.example.com\n", "clientId": "k"}]}, "spec.api.oidc[0].issuer"),
]


@pytest.mark.parametrize(("changes", "where"), ENDS_WITH_A_LINE_BREAK)
def test_a_name_with_a_line_break_is_none_in_a_stored_spec_either(
    changed: Make, changes: dict[str, Any], where: str
) -> None:
    assert where in {str(problem).split(": ")[0] for problem in problems(changed(changes))}


def test_a_certificate_can_name_each_node(changed: Make) -> None:
    cluster = changed({f"{FIRST}.name": "a" * 53})
    (problem,) = problems(cluster, NEW)
    assert str(problem).startswith("spec.hosts.members[0].name: the name has 53 characters")
    assert problems(cluster) == []
    assert problems(changed({f"{FIRST}.name": "a" * 52}), NEW) == []
