"""What Windlass renders and issues meets each control or is explained; whatever is loosened on a host is found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from unit.rendering.conftest import SHIPPED, TOPOLOGIES, Rendering, make_cluster
from windlass.domain.catalog import Catalog
from windlass.domain.hardening import CONTROLS, ApiAudit, AuditReport, FileAccess, HostAudit, Outcome, audit
from windlass.domain.hardening.host_checks import mode
from windlass.domain.host.layout import ETCD_DATA, KUBELET_CONFIG, PKI, SYSTEMD
from windlass.domain.pki import Pki, files_for, issue_pki
from windlass.domain.spec.models import Host
from windlass.effects.catalog import load_catalog

VERSIONS = ("v1.36.3", "v1.37.2")
STACKS = "/etc/windlass/stacks"
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(SHIPPED)


@pytest.fixture(scope="module")
def rendering(catalog: Catalog) -> Rendering:
    return rendered(catalog, "v1.37.2", "overlapping")


@pytest.fixture(scope="module")
def told(rendering: Rendering) -> dict[str, HostAudit]:
    return told_by(rendering)


def rendered(catalog: Catalog, version: str, topology: str, **sections: Any) -> Rendering:
    return Rendering(make_cluster(TOPOLOGIES[topology], version, **sections), catalog.release(version))


def told_by(rendering: Rendering) -> dict[str, HostAudit]:
    """Return what hosts would tell on which everything is as rendered."""
    pki = issue_pki(rendering.cluster, NOW)
    return {host.name: host_audit(rendering, host, pki) for host in rendering.cluster.spec.hosts.members}


def host_audit(rendering: Rendering, host: Host, pki: Pki) -> HostAudit:
    files = {**rendering.host(host.name), **files_for(rendering.cluster, host, pki)}
    access = {path: FileAccess(file.mode, file.owner) for path, file in files.items()}
    access |= {PKI: FileAccess(0o755, "root:root"), ETCD_DATA: FileAccess(0o700, "root:root")}
    flags = {
        name: flags_of(service["command"])
        for stack in ("etcd", "control-plane")
        if f"{STACKS}/{stack}/compose.yaml" in files
        for name, service in read(files, f"{STACKS}/{stack}/compose.yaml")["services"].items()
    }
    documents = {
        name: read(files, f"{STACKS}/control-plane/{name}.yaml")
        for name in ("admission", "audit-policy", "authentication")
        if f"{STACKS}/control-plane/{name}.yaml" in files
    }
    if host.is_node:
        unit = files[f"{SYSTEMD}/kubelet.service"].content.decode()
        flags["kubelet"] = flags_of([line.strip(" \\") for line in unit.splitlines()])
        documents["kubelet"] = read(files, KUBELET_CONFIG)
    return HostAudit(host, access, flags, documents, ("secretbox", "identity"), ("0100007F:2809",))


def read(files: Any, path: str) -> Any:
    return yaml.safe_load(files[path].content)


def flags_of(words: list[str]) -> dict[str, str]:
    parts = (word.removeprefix("--").partition("=") for word in words if word.startswith("--"))
    return {name: value for name, _, value in parts}


def api_audit(rendering: Rendering) -> ApiAudit:
    """Return what the API would tell of Windlass's own objects."""
    documents = [one.document for one in rendering.manifests()]

    def of(*kinds: str) -> tuple[Any, ...]:
        return tuple(one for one in documents if one["kind"] in kinds)

    return ApiAudit(of("Role", "ClusterRole"), of("RoleBinding", "ClusterRoleBinding"), of("ServiceAccount"))


def audited(
    rendering: Rendering,
    told: Mapping[str, HostAudit] | None = None,
    change: Callable[[HostAudit], HostAudit] = lambda told: told,
) -> AuditReport:
    told = told_by(rendering) if told is None else told
    changed = {name: change(one) for name, one in told.items()}
    return audit("demo", rendering.cluster.spec.hosts.members, changed, api_audit(rendering))


def failed(report: AuditReport) -> dict[str, Outcome]:
    return {one.control.id: one.outcome for one in report.findings if not one.outcome.is_good}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_every_control_is_met_or_explained_as_rendered(catalog: Catalog, version: str, topology: str) -> None:
    balanced = {"driver": "metallb", "addresses": ["192.0.2.200-192.0.2.210"]}
    report = audited(
        rendered(catalog, version, topology, loadBalancer=balanced, monitoring={"driver": "metrics-server"})
    )
    assert failed(report) == {}
    assert report.is_good


def test_what_is_explained_is_just_what_is_known_of(rendering: Rendering, told: dict[str, HostAudit]) -> None:
    explained = {one.control.id for one in audited(rendering, told).findings if one.outcome is Outcome.EXPLAINED}
    assert explained == {one.id for one in CONTROLS if one.reason}


def test_a_spec_may_have_images_asked_for_always(catalog: Catalog) -> None:
    report = audited(rendered(catalog, "v1.37.2", "standalone", security={"alwaysPullImages": True}))
    assert next(one for one in report.findings if one.control.id == "1.2.11").outcome is Outcome.PASS


def test_the_restricted_level_meets_what_the_baseline_leaves_open(catalog: Catalog) -> None:
    report = audited(rendered(catalog, "v1.37.2", "standalone", security={"podSecurity": "restricted"}))
    open_by_default = {"5.2.6", "5.2.7", "5.2.8", "5.2.9"}
    assert {one.outcome for one in report.findings if one.control.id in open_by_default} == {Outcome.PASS}


FLAGS = [
    ("1.2.1", "kube-apiserver", {"anonymous-auth": "true"}),
    ("1.2.2", "kube-apiserver", {"token-auth-file": "/tokens"}),
    ("1.2.3", "kube-apiserver", {"enable-admission-plugins": "NodeRestriction,PodSecurity,EventRateLimit"}),
    ("1.2.6", "kube-apiserver", {"authorization-mode": "AlwaysAllow,Node,RBAC"}),
    ("1.2.7", "kube-apiserver", {"authorization-mode": "RBAC"}),
    ("1.2.9", "kube-apiserver", {"enable-admission-plugins": "NodeRestriction,PodSecurity,DenyServiceExternalIPs"}),
    ("1.2.12", "kube-apiserver", {"disable-admission-plugins": "ServiceAccount"}),
    ("1.2.15", "kube-apiserver", {"profiling": ""}),
    ("1.2.18", "kube-apiserver", {"audit-log-maxbackup": "9"}),
    ("1.2.21", "kube-apiserver", {"service-account-lookup": "false"}),
    ("1.2.29", "kube-apiserver", {"tls-cipher-suites": "TLS_RSA_WITH_AES_128_CBC_SHA"}),
    ("1.2.30", "kube-apiserver", {"service-account-extend-token-expiration": ""}),
    ("1.3.6", "kube-controller-manager", {"feature-gates": "RotateKubeletServerCertificate=false"}),
    ("1.3.7", "kube-controller-manager", {"bind-address": "0.0.0.0"}),  # noqa: S104 - that is what is found
    ("1.4.2", "kube-scheduler", {"bind-address": "0.0.0.0"}),  # noqa: S104 - that is what is found
    ("2.2", "etcd", {"client-cert-auth": "false"}),
    ("2.3", "etcd", {"auto-tls": "true"}),
    ("2.7", "etcd", {"trusted-ca-file": "/etc/windlass/pki/ca.crt"}),
    ("3.2.1", "kube-apiserver", {"audit-policy-file": ""}),
    ("5.2.1", "kube-apiserver", {"enable-admission-plugins": "NodeRestriction,DenyServiceExternalIPs,EventRateLimit"}),
]


@pytest.mark.parametrize(("control", "component", "changed"), FLAGS)
def test_a_flag_that_is_loosened_is_found(
    rendering: Rendering, told: dict[str, HostAudit], control: str, component: str, changed: dict[str, str]
) -> None:
    def loosen(one: HostAudit) -> HostAudit:
        flags = {name: {**own, **(changed if name == component else {})} for name, own in one.flags.items()}
        documents = dict(one.documents)
        if "anonymous-auth" in changed:
            documents["authentication"] = {"anonymous": {"enabled": True}}
        return replace(one, flags=flags, documents=documents)

    found = failed(audited(rendering, told, loosen))
    assert found == {control: Outcome.FAIL}


FILES = [
    ("1.1.1", f"{STACKS}/control-plane/compose.yaml", {"1.1.1", "1.1.3", "1.1.5"}),
    ("1.1.7", f"{STACKS}/etcd/compose.yaml", {"1.1.7"}),
    ("1.1.15", "/etc/windlass/kubeconfigs/scheduler.conf", {"1.1.15"}),
    ("1.1.21", f"{PKI}/etcd/server.key", {"1.1.21"}),
    ("4.1.1", f"{SYSTEMD}/kubelet.service", {"4.1.1"}),
    ("4.1.9", KUBELET_CONFIG, {"4.1.9"}),
]


@pytest.mark.parametrize(("first", "path", "controls"), FILES)
def test_a_file_that_others_may_read_is_found(
    rendering: Rendering, told: dict[str, HostAudit], first: str, path: str, controls: set[str]
) -> None:
    def loosen(one: HostAudit) -> HostAudit:
        return replace(one, files={**one.files, path: FileAccess(0o644, "root:root")})

    report = audited(rendering, told, loosen)
    assert set(failed(report)) == controls
    assert any(path in line and "0644" in line for line in report.lines()), first


def test_etcd_s_data_is_explained_only_as_long_as_it_is_roots(rendering: Rendering, told: dict[str, HostAudit]) -> None:
    def loosen(one: HostAudit) -> HostAudit:
        return replace(one, files={**one.files, ETCD_DATA: FileAccess(0o700, "nobody:nogroup")})

    assert failed(audited(rendering, told, loosen)) == {"1.1.12": Outcome.FAIL}


KUBELET = [
    ("4.2.1", {"authentication": {"anonymous": {"enabled": True}, "x509": {"clientCAFile": "/ca"}}}),
    ("4.2.2", {"authorization": {"mode": "AlwaysAllow"}}),
    ("4.2.4", {"readOnlyPort": 10255}),
    ("4.2.5", {"streamingConnectionIdleTimeout": "0s"}),
    ("4.2.12", {"tlsCipherSuites": []}),
]


@pytest.mark.parametrize(("control", "changed"), KUBELET)
def test_a_kubelet_that_is_loosened_is_found(
    rendering: Rendering, told: dict[str, HostAudit], control: str, changed: dict[str, Any]
) -> None:
    def loosen(one: HostAudit) -> HostAudit:
        documents = dict(one.documents)
        if "kubelet" in documents:
            documents["kubelet"] = {**documents["kubelet"], **changed}
        return replace(one, documents=documents)

    assert failed(audited(rendering, told, loosen)) == {control: Outcome.FAIL}


def test_secrets_in_clear_and_metrics_for_everybody_are_found(rendering: Rendering, told: dict[str, HostAudit]) -> None:
    def loosen(one: HostAudit) -> HostAudit:
        return replace(one, providers=("identity", "secretbox"), proxy_metrics=("00000000:2809",))

    assert failed(audited(rendering, told, loosen)) == {"1.2.28": Outcome.FAIL, "4.3.1": Outcome.FAIL}


def test_what_nobody_told_is_unknown_and_not_good(rendering: Rendering, told: dict[str, HostAudit]) -> None:
    hosts = rendering.cluster.spec.hosts.members
    silent = audit("demo", hosts, {**told, "w-1": "w-1: connection refused"}, "no API server answers")
    assert not silent.is_good
    assert set(failed(silent).values()) == {Outcome.UNKNOWN}
    assert {"4.2.1", "5.1.1"} <= set(failed(silent))
    stopped = replace(told["cp-1"], flags={})
    assert failed(audit("demo", hosts, {**told, "cp-1": stopped}, api_audit(rendering)))["1.2.15"] is Outcome.UNKNOWN


@given(st.integers(0, 0o7777), st.integers(0, 0o777))
def test_a_mode_passes_just_if_it_allows_nothing_beyond_the_limit(found: int, limit: int) -> None:
    host = Host.model_validate({"name": "a", "address": "192.0.2.1", "roles": ["worker"]})
    told = HostAudit(host, {"/x": FileAccess(found, "root:root")}, {}, {}, (), ())
    assert bool(list(mode(limit, "/x")(told))) == bool(found & ~limit)
