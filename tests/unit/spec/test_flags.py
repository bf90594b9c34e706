"""Flags of components: known to the release, fitting, and getting along with what Windlass sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.catalog.flags import COMPONENTS, ComponentFlags, Flag
from windlass.domain.spec import Cluster, Known, load_cluster, problems
from windlass.domain.spec.checks.flag_values import seconds, wrong_value
from windlass.domain.spec.checks.owned_flags import OWNED, owned_flag
from windlass.domain.spec.flags import etcd_prefix, own_flags, service_account_issuers
from windlass.effects.catalog import load_catalog, load_flags
from windlass.errors import SpecError

SHIPPED = Path(__file__).parents[3] / "include" / "templates" / "kubernetes"
FLAGS = load_flags(SHIPPED)
OLD, NEW = "v1.36.3", "v1.37.2"
Change = Callable[[dict[str, Any]], Cluster]


def told(cluster: Cluster) -> list[str]:
    return [str(problem) for problem in problems(cluster, Known((OLD, NEW), flags=FLAGS))]


def with_flags(changed: Change, component: str, flags: dict[str, Any], version: str = NEW) -> Cluster:
    return changed({"spec.components": {component: {"extraArgs": flags}}, "spec.kubernetes.version": version})


REFUSED = [
    # what a release does not know
    (
        "kube-apiserver",
        {"max-request-inflight": "3"},
        "of v1.37.2 has no flag",
        "did you mean `max-requests-inflight`?",
    ),
    ("kubelet", {"boot-id-file": "/x"}, "has no flag `boot-id-file`", "leave it out: v1.36.3 had it"),
    ("etcd", {"experimental-memory-mlock": "true"}, "etcd of v1.37.2 has no flag", "v1.36.3 had it"),
    ("etcd", {"discovery-x": "a"}, "may not be given", "give hosts the role etcd"),
    ("kube-scheduler", {"qqqqqqq": "x"}, "has no flag `qqqqqqq`", "see `kube-scheduler --help`"),
    # what ends a component
    ("kube-apiserver", {"anonymous-auth": "false"}, "end when it is given", "leave it out: nobody without a name"),
    ("kube-apiserver", {"oidc-issuer-url": "https://id"}, "end when it is given", "say it in spec.api.oidc"),
    ("kube-apiserver", {"version": "true"}, "does something else and ends", "leave it out"),
    ("kube-apiserver", {"max-requests-inflight": "many"}, "`many` is no whole number", '"10"'),
    ("kube-apiserver", {"profiling": "no"}, "neither true nor false", '"true" or "false"'),
    ("kube-scheduler", {"leader-elect-retry-period": "fast"}, "`fast` is no duration", '"30s"'),
    ("kube-apiserver", {"feature-gates": "WatchLst=true"}, "no feature `WatchLst`", "did you mean `WatchList`?"),
    ("kube-apiserver", {"feature-gates": "WatchList"}, "switches no feature", "`NAME=true`"),
    ("etcd", {"feature-gates": "NoSuchGate=true"}, "etcd has no feature `NoSuchGate`", "leave it out"),
    ("kube-scheduler", {"leader-elect-renew-deadline": "10s"}, "does not start with", "the lease longer"),
    ("kube-scheduler", {"leader-elect-retry-period": "6s"}, "does not start with", "the lease longer"),
    ("kube-apiserver", {"disable-admission-plugins": "PodSecurity"}, "both enabled and disabled", "podSecurity"),
    ("kube-apiserver", {"service-account-issuer": ["https://a", "https://a"]}, "given twice", "once"),
    # files that no host has
    ("kube-apiserver", {"tls-sni-cert-key": "/etc/a.crt,/etc/a.key"}, "finds no file", "planned, not there yet"),
    ("kube-apiserver", {"tracing-config-file": "trace.yaml"}, "finds no file `trace.yaml`", "leave it out"),
    ("kubelet", {"image-credential-provider-config": "/etc/x"}, "kubelet finds no file", "leave it out"),
    # what Windlass sets from elsewhere
    ("kube-apiserver", {"etcd-servers": "https://a:2379"}, "may not be given", "give hosts the role etcd"),
    (
        "kube-apiserver",
        {"service-cluster-ip-range": "10.0.0.0/16"},
        "range of the services",
        "spec.network.serviceCidr",
    ),
    ("kube-apiserver", {"tls-cert-file": "/etc/a.crt"}, "Windlass issues", "spec.pki.ca"),
    ("kube-apiserver", {"requestheader-allowed-names": "a"}, "Windlass issues", "leave it out"),
    ("kube-apiserver", {"bind-address": "192.0.2.11"}, "where Windlass puts it", "leave it out"),
    ("etcd", {"name": "a"}, "the name of its host", "name the host so"),
    ("etcd", {"data-dir": "/var/lib/etcd"}, "Windlass backs up", "leave it out"),
    ("etcd", {"listen-metrics-urls": "http://0.0.0.0:2381"}, "where Windlass puts it", "leave it out"),
    ("etcd", {"quota-backend-bytes": "1"}, "memory and alarms", "spec.etcd.quotaBytes"),
    ("kube-controller-manager", {"node-cidr-mask-size": "25"}, "each node takes", "spec.network.nodeMask"),
    ("kube-controller-manager", {"cluster-cidr": "10.0.0.0/8"}, "range of the pods", "spec.network.podCidr"),
    ("kube-controller-manager", {"allocate-node-cidrs": "false"}, "flannel needs", "spec.network.driver"),
    ("kube-controller-manager", {"leader-elect": "false"}, "would act at once", "leave it out"),
    ("kube-scheduler", {"config": "/etc/scheduler.yaml"}, "are ignored", "leave it out"),
    ("kube-scheduler", {"kubeconfig": "/root/.kube/config"}, "Windlass writes the kubeconfig", "leave it out"),
    ("kubelet", {"cluster-domain": "example.com"}, "must agree on it", "spec.network.clusterDomain"),
    ("kubelet", {"cluster-dns": "10.0.0.10"}, "tenth address", "leave it out"),
    ("kubelet", {"fail-swap-on": "false"}, "preflight refuses", "turn swap off"),
    ("kubelet", {"node-labels": "a=b"}, "replaces those of all hosts", "spec.hosts.members[].labels"),
    ("kubelet", {"register-with-taints": "a=b:NoSchedule"}, "replaces", "spec.hosts.members[].taints"),
    ("kubelet", {"max-pods": "500"}, "has 253 addresses, not 500", "at most 253"),
    ("kube-proxy", {"conntrack-min": "4"}, "ignores every flag", "spec.network.proxyMode"),
    ("kube-proxy", {"proxy-mode": "nftables"}, "ignores every flag", "set spec.network.proxyMode"),
    ("kubelet", {"max-pods": "0x1F4"}, "has 253 addresses, not 0x1F4", "at most 253"),
    ("kubelet", {"max-pods": "5_00"}, "has 253 addresses, not 5_00", "at most 253"),
    ("kubelet", {"max-pods": "-1"}, "runs none", "give 1 or more"),
    ("kubelet", {"enable-server": "false"}, "nobody gets logs", "leave it out"),
    ("kube-controller-manager", {"cidr-allocator-type": "CloudAllocator"}, "given their ranges", "leave it out"),
    ("kube-controller-manager", {"controllers": "*,-nodeipam"}, "nodes get no ranges", "leave that one in"),
    ("kube-controller-manager", {"controllers": "gc"}, "nodes get no ranges", "begin the list with `*`"),
    ("kube-apiserver", {"endpoint-reconciler-type": "none"}, "by their leases", "leave it out"),
    # words and ranges that a component does not start with
    ("kube-apiserver", {"authorization-mode": "Node,RBAC,Webhook"}, "a file that no host has", "take Webhook out"),
    ("kube-apiserver", {"authorization-mode": "Node,RBAC,Rbac"}, "no authorization mode `Rbac`", "Node, RBAC"),
    ("kube-apiserver", {"audit-log-mode": "async"}, "does not start with `audit-log-mode` `async`", "batch"),
    ("kube-apiserver", {"tls-min-version": "VersionTLS1.2"}, "does not start", "did you mean `VersionTLS12`?"),
    ("kube-apiserver", {"storage-backend": "etcd2"}, "does not start", "etcd3"),
    ("kube-apiserver", {"goaway-chance": "0.5"}, "a chance of 0.5", "0 to 0.02"),
    ("kube-apiserver", {"service-account-max-token-expiration": "10m"}, "an hour at least", '"1h" or more'),
    (
        "kube-apiserver",
        {"max-requests-inflight": "0", "max-mutating-requests-inflight": "0"},
        "no request at all",
        "leave both limits out",
    ),
    ("kube-scheduler", {"logging-format": "xml"}, "does not start with `logging-format` `xml`", "text, json"),
    ("etcd", {"log-level": "verbose"}, "does not start with `log-level` `verbose`", "debug, info"),
    ("etcd", {"auto-compaction-mode": "hourly"}, "does not start", "periodic, revision"),
    ("kubelet", {"topology-manager-policy": "strict"}, "does not start", "restricted"),
    ("kubelet", {"cgroups-per-qos": "false"}, "does not start without a cgroup", "leave it out"),
    ("kubelet", {"enforce-node-allocatable": "pods,system-reserved"}, "knows the cgroup", "system-reserved-cgroup"),
    ("kubelet", {"cpu-manager-policy": "static"}, "no processor is reserved", '"cpu=500m"'),
    # what makes a cluster unsafe
    ("etcd", {"unsafe-no-fsync": "true"}, "forgets writes that were acknowledged", "leave it out"),
    ("kubelet", {"read-only-port": "10255"}, "without a name", "leave it out"),
    ("kube-apiserver", {"authorization-mode": "RBAC"}, "authorized by Node", "write Node,RBAC"),
    ("kube-apiserver", {"enable-admission-plugins": "PodSecurity"}, "without NodeRestriction", "add NodeRestriction"),
    ("etcd", {"client-cert-auth": "false"}, "everybody may read Secrets", "leave it out"),
    ("kubelet", {"anonymous-auth": "true"}, "everybody may run commands", "leave it out"),
    # several values of what takes one
    ("kube-apiserver", {"v": ["2", "3"]}, "only the last value counts", "give one value"),
    ("etcd", {"snapshot-count": ["2", "3"]}, "only the last value counts", "give one value"),
]


@pytest.mark.parametrize(("component", "flags", "wrong", "right"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_cannot_work_is_refused_with_the_way_out(
    changed: Change, component: str, flags: dict[str, Any], wrong: str, right: str
) -> None:
    (problem,) = told(with_flags(changed, component, flags))
    assert problem.startswith(f"spec.components.{component}.extraArgs")
    assert wrong in problem.partition("; ")[0]
    assert right in problem


@pytest.mark.parametrize(
    ("component", "flags"),
    [
        ("kube-apiserver", {"max-requests-inflight": "600", "v": "3", "audit-log-path": "-"}),
        ("kube-apiserver", {"service-account-issuer": ["https://a", "https://kubernetes.default.svc.cluster.local"]}),
        ("kube-apiserver", {"feature-gates": "kube:WatchList=false,AllAlpha=true", "etcd-prefix": "/other"}),
        ("kube-apiserver", {"authorization-mode": "Node,RBAC,AlwaysAllow", "allow-privileged": "true"}),
        ("kube-apiserver", {"enable-admission-plugins": "NodeRestriction,AlwaysPullImages"}),
        ("kube-apiserver", {"kubelet-port": "10250"}),
        ("kube-controller-manager", {"node-cidr-mask-size": "24", "authorization-always-allow-paths": "/healthz"}),
        ("kube-scheduler", {"leader-elect-lease-duration": "60s", "leader-elect-renew-deadline": "40s"}),
        ("kubelet", {"max-pods": "110", "eviction-hard": "memory.available<200Mi", "fail-swap-on": "true"}),
        ("kubelet", {"system-reserved-cgroup": "/system.slice", "resolv-conf": "/etc/resolv.conf"}),
        ("kubelet", {"max-pods": "0x6e", "fail-swap-on": "True", "read-only-port": "0"}),
        ("kubelet", {"cpu-manager-policy": "static", "system-reserved": "cpu=500m,memory=1Gi"}),
        ("kubelet", {"cgroups-per-qos": "false", "enforce-node-allocatable": "none"}),
        ("kubelet", {"cgroups-per-qos": "false", "enforce-node-allocatable": ""}),
        (
            "kubelet",
            {"enforce-node-allocatable": "pods,kube-reserved", "kube-reserved-cgroup": "/kube.slice"},
        ),
        ("kube-controller-manager", {"controllers": "*,-ttl", "leader-elect": "True", "allocate-node-cidrs": "1"}),
        ("kube-apiserver", {"goaway-chance": "0.001", "audit-log-mode": "blocking", "max-requests-inflight": "0"}),
        ("etcd", {"auto-compaction-mode": "periodic", "log-level": "warn", "unsafe-no-fsync": "false"}),
        ("kube-proxy", {"v": "4", "logging-format": "text"}),
        ("etcd", {"snapshot-count": "5000", "v": "1", "feature-gates": "CompactHashCheck=true"}),
    ],
)
def test_what_works_is_accepted(changed: Change, component: str, flags: dict[str, Any]) -> None:
    assert told(with_flags(changed, component, flags)) == []


def test_a_flag_of_the_release_before_is_accepted_there(changed: Change) -> None:
    assert told(with_flags(changed, "etcd", {"experimental-memory-mlock": "true"}, OLD)) == []


def test_a_user_who_brings_the_network_decides_about_ranges_of_nodes(changed: Change) -> None:
    flags = {"kubelet": {"extraArgs": {"max-pods": "500"}}, "kube-controller-manager": {"extraArgs": {}}}
    assert told(changed({"spec.components": flags, "spec.network": {"driver": "none"}})) == []


def test_a_release_whose_flags_nobody_recorded_is_checked_as_far_as_can_be(changed: Change) -> None:
    cluster = with_flags(changed, "kubelet", {"no-such": "x", "max-pods": "500"})
    assert [problem.path[-1] for problem in problems(cluster, Known((NEW,)))] == ["max-pods"]


def test_a_stored_spec_stays_readable(changed: Change) -> None:
    assert problems(with_flags(changed, "kubelet", {"no-such": "x", "config": "/x"})) == []


def test_the_line_of_a_flag_is_told() -> None:
    text = """apiVersion: windlass/v1
kind: Cluster
metadata: {name: demo}
spec:
  kubernetes: {version: v1.37.2}
  hosts: {members: [{name: a, address: 192.0.2.1, roles: [etcd, control-plane, worker]}]}
  components:
    kubelet:
      extraArgs:
        v: "2"
        max-podz: "100"
"""
    with pytest.raises(SpecError, match=r"^demo.yaml:11: spec.components.kubelet.extraArgs.max-podz: .*`max-pods`"):
        load_cluster(text, "demo.yaml", Known((NEW,), flags=FLAGS))


class TestSeveralValues:
    def test_a_list_gives_a_flag_as_often(self, changed: Change) -> None:
        cluster = with_flags(
            changed, "kube-apiserver", {"service-account-issuer": ["https://a", "https://b"], "v": "3"}
        )
        assert own_flags("kube-apiserver", cluster) == {
            "service-account-issuer": ("https://a", "https://b"),
            "v": ("3",),
        }
        assert service_account_issuers(cluster) == ("https://a", "https://b")

    def test_the_last_prefix_counts(self, changed: Change) -> None:
        assert etcd_prefix(with_flags(changed, "kube-apiserver", {"etcd-prefix": ["/a", "b/"]})) == "/b"

    @pytest.mark.parametrize(
        ("value", "problem"),
        [
            ("3", 'is neither text nor a list of texts; write it in quotes: "3"'),
            ("[]", "a list is neither text nor a list of texts; give at least one value"),
            ("[a, 2]", '[1]: `2` is not text; write it in quotes: "2"'),
            ("{}", "a mapping is neither text nor a list of texts"),
            ("null", "`null` is neither text nor a list of texts; give a value, or leave the key out"),
        ],
    )
    def test_what_is_neither_is_one_problem(self, document: dict[str, Any], value: str, problem: str) -> None:
        text = f"""apiVersion: windlass/v1
kind: Cluster
metadata: {{name: demo}}
spec:
  kubernetes: {{version: v1.37.2}}
  hosts: {{members: [{{name: a, address: 192.0.2.1, roles: [etcd, control-plane, worker]}}]}}
  components: {{kubelet: {{extraArgs: {{v: {value}}}}}}}
"""
        with pytest.raises(SpecError) as caught:
            load_cluster(text, "demo.yaml")
        assert len(str(caught.value).splitlines()) == 1
        assert problem in str(caught.value)


OIDC = {"issuer": "https://id.example.com/realm", "clientId": "kubernetes"}


@pytest.mark.parametrize(
    ("changes", "where", "wrong"),
    [
        ({"issuer": "http://id.example.com"}, "issuer", "no URL of a provider"),
        ({"issuer": "https://u:p@id.example.com"}, "issuer", "no URL of a provider"),
        ({"issuer": "https://id.example.com?a=b"}, "issuer", "no URL of a provider"),
        ({"issuer": "https://kubernetes.default.svc.cluster.local"}, "issuer", "signs the tokens of service accounts"),
        ({"ca": "no PEM"}, "ca", "holds no certificate"),
    ],
)
def test_a_provider_that_no_api_server_takes_is_refused(
    changed: Change, changes: dict[str, str], where: str, wrong: str
) -> None:
    (problem,) = told(changed({"spec.api": {"oidc": [OIDC | changes]}}))
    assert problem.startswith(f"spec.api.oidc[0].{where}: ")
    assert wrong in problem


def test_each_provider_is_given_once(changed: Change) -> None:
    assert told(changed({"spec.api": {"oidc": [OIDC]}})) == []
    (problem,) = told(changed({"spec.api": {"oidc": [OIDC, OIDC]}}))
    assert problem.startswith("spec.api.oidc[1].issuer: ")


def test_every_release_has_a_record_that_knows_what_windlass_gives_itself() -> None:
    for version, release in load_catalog(SHIPPED).releases.items():
        assert set(release.flags) == set(COMPONENTS), version
        for component, known in release.flags.items():
            owned = {name for name in OWNED[component] if not name.endswith("*")} - ENDING
            # What the other release has is owned there.
            assert owned <= {*known.flags, *FLAGS[OLD][component].flags, *FLAGS[NEW][component].flags}, component


ENDING = {"help", "version", "write-config-to"}
"""Of every component, in whichever way its program writes them."""
NAMES = st.sampled_from(sorted({name for one in FLAGS[NEW].values() for name in one.flags}))


@given(component=st.sampled_from(COMPONENTS), name=NAMES, value=st.sampled_from(["1", "true", "x", "/a", "5s", ""]))
def test_a_flag_that_is_accepted_is_one_that_the_release_knows(component: str, name: str, value: str) -> None:
    document = {
        "apiVersion": "windlass/v1",
        "kind": "Cluster",
        "metadata": {"name": "demo"},
        "spec": {
            "kubernetes": {"version": NEW},
            "hosts": {"members": [{"name": "a", "address": "192.0.2.1", "roles": ["etcd", "control-plane", "worker"]}]},
            "components": {component: {"extraArgs": {name: value}}},
        },
    }
    known: ComponentFlags = FLAGS[NEW][component]
    if not told(Cluster.model_validate(document)):
        assert name in known.flags
        owned = owned_flag(component, name)
        assert owned is None or owned.allows(value)
        assert wrong_value(known.flags.get(name, Flag()).type, value) is None


@given(st.integers(1, 600))
def test_as_many_pods_are_accepted_as_a_node_has_addresses(count: int) -> None:
    members = [{"name": "a", "address": "192.0.2.1", "roles": ["etcd", "control-plane", "worker"]}]
    document = {
        "apiVersion": "windlass/v1",
        "kind": "Cluster",
        "metadata": {"name": "demo"},
        "spec": {
            "kubernetes": {"version": NEW},
            "hosts": {"members": members},
            "components": {"kubelet": {"extraArgs": {"max-pods": str(count)}}},
        },
    }
    assert bool(told(Cluster.model_validate(document))) == (count > 2**8 - 3)


@pytest.mark.parametrize(("text", "length"), [("10s", 10), ("1m30s", 90), ("1.5h", 5400), ("100ms", 0.1), ("0", 0)])
def test_durations_are_read_as_go_does(text: str, length: float) -> None:
    assert wrong_value("duration", text) is None
    assert seconds(text) == pytest.approx(length)
