"""The one comparison of a host with what belongs on it, and what apply, rollouts and remediation make of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from unit.rollout.conftest import CATALOG, LOCK, MIRROR, OLD
from unit.rollout.test_rollout_plan import STANDALONE, cluster
from windlass.domain.host.containers import Container, read_container
from windlass.domain.host.desired import CONTAINERD, DesiredHost, desired_host
from windlass.domain.host.drift import HostDrift, find_host_drift, is_as_desired
from windlass.domain.host.facts import parse_facts
from windlass.domain.host.file_drift import ROOT, Absent, FileState, ObservedFile, Unknown
from windlass.domain.host.health import HostHealth, ServiceHealth
from windlass.domain.host.layout import (
    API_PROXY,
    DOCKER_DAEMON,
    KUBELET_CONFIG,
    PROJECT_LABEL,
    PROXY_CONFIG,
    PROXY_SERVICE,
    VERSION_LABEL,
)
from windlass.domain.host.observed import LoadedFiles, ObservedHost, ObservedUnit
from windlass.domain.pki import desired_certificates, issue_pki
from windlass.domain.remediation.drift import with_drift
from windlass.domain.rendering.context import ClusterInputs, HostInputs
from windlass.domain.rollout.stale import host_state
from windlass.domain.rollout.step import KUBELET_CERTIFICATES
from windlass.domain.spec.version import at_version
from windlass.operations.apply.plan import plan_steps
from world.scripts.remediation import inspected

FACTS = parse_facts("arch=x86_64\ncgroup=2\ncpus=2\ndocker=20.10\ncomplete=yes")
CURRENT = LoadedFiles("1", "1")
SYSCTL = "/etc/sysctl.d/90-windlass.conf"
KUBELET_KEY = "/etc/windlass/pki/kubelet.key"
KUBELET_CERTIFICATE = "/etc/windlass/pki/kubelet.crt"
ETCD_CA = "/etc/windlass/pki/etcd/ca.crt"
ETCD_CA_OF_API = "/etc/windlass/pki/kube-apiserver/etcd/ca.crt"
Change = Callable[[ObservedHost], ObservedHost]


@cache
def desired() -> DesiredHost:
    """One host that is everything, so that each kind of what belongs on a host is there."""
    spec = at_version(cluster(STANDALONE), OLD)
    (host,) = spec.spec.hosts.members
    certificates = desired_certificates(spec, host, issue_pki(spec, datetime(2026, 11, 24, tzinfo=UTC)))
    inputs = HostInputs(ClusterInputs(spec, CATALOG.release(OLD), LOCK, MIRROR), host, FACTS)
    return desired_host(inputs, certificates, None)


def container(component: str, definition: Mapping[str, Any] | None = None, **labels: str) -> Container:
    service = desired().services[component]
    made = definition or service.definition
    named = {PROJECT_LABEL: f"windlass-{service.stack}", **made["labels"], **labels}
    return read_container(inspected(component, named, made))


def applied() -> ObservedHost:
    """The host once all that belongs there was put there."""
    files = {
        path: FileState(str(file.content), file.mode, file.owner, "0:0") for path, file in desired().all_files.items()
    }
    images = {runtime: {one.reference for one in desired().images if one.runtime == runtime} for runtime in RUNTIMES}
    return ObservedHost(
        "all-1",
        FACTS,
        programs=frozenset(one.directory for one in desired().programs if one.directory),
        links={one.path: one.target for one in desired().links},
        files=files,
        settings=dict.fromkeys(desired().settings, CURRENT),
        units={unit.name: ObservedUnit("active", CURRENT) for unit in desired().units},
        versions={unit.component: unit.version for unit in desired().units},
        containers={component: container(component) for component in desired().services},
        images={runtime: frozenset(found) for runtime, found in images.items()},
    )


RUNTIMES = ("docker", "containerd")


def with_file(path: str, state: ObservedFile | None) -> Change:
    def change(host: ObservedHost) -> ObservedHost:
        rest = {one: file for one, file in host.files.items() if one != path}
        return replace(host, files=rest if state is None else {**rest, path: state})

    return change


def with_mode(path: str, mode: int) -> Change:
    def change(host: ObservedHost) -> ObservedHost:
        state = host.files[path]
        assert isinstance(state, FileState)
        return with_file(path, replace(state, mode=mode))(host)

    return change


def with_container(component: str, made: Container | None) -> Change:
    def change(host: ObservedHost) -> ObservedHost:
        assert not isinstance(host.containers, Unknown)
        rest = {name: one for name, one in host.containers.items() if name != component}
        return replace(host, containers=rest if made is None else {**rest, component: made})

    return change


def without_program(host: ObservedHost) -> ObservedHost:
    lost = next(one.directory for one in desired().programs if one.name == "runc")
    assert not isinstance(host.programs, Unknown)
    return replace(host, programs=host.programs - {lost})


def with_unit(name: str, unit: ObservedUnit) -> Change:
    return lambda host: replace(host, units={**host.units, name: unit})


def tampered(component: str) -> Container:
    """A container that other hands made, with the labels of the right one."""
    made = container(component)
    details = {**made.details, "HostConfig": {**made.details["HostConfig"], "Privileged": True}}
    return replace(made, details=details)


SCHEDULER = "kube-scheduler"
STARTED = datetime(2026, 11, 1, 8, tzinfo=UTC)
CASES: dict[str, tuple[Change, list[str], list[str], dict[str, str]]] = {
    "a program is gone": (
        without_program,
        [f"runc {CATALOG.release(OLD).files['runc']} is not installed"],
        [f"install runc {CATALOG.release(OLD).files['runc']}"],
        {},
    ),
    "a link leads elsewhere": (
        lambda host: replace(host, links={**host.links, "/opt/windlass/cni/bin/bridge": "/elsewhere"}),
        ["/opt/windlass/cni/bin/bridge does not lead to cni-plugins"],
        ["link /opt/windlass/cni/bin/bridge"],
        {"programs": "programs relinked"},
    ),
    "a file is lost": (
        with_file(SYSCTL, Absent()),
        [f"{SYSCTL} is lost"],
        [f"write {SYSCTL}"],
        {"files": f"files: {SYSCTL}"},
    ),
    "nobody asked for a file": (
        with_file(SYSCTL, None),
        [f"{SYSCTL} could not be looked at (the host did not tell)"],
        [f"write {SYSCTL}"],
        {"files": f"files: {SYSCTL}"},
    ),
    "Docker's settings lack what is to be in them": (
        with_file(DOCKER_DAEMON, FileState("0" * 64, 0o644, "root:root", "0:0")),
        [f"{DOCKER_DAEMON} is another"],
        [f"write {DOCKER_DAEMON}"],
        {"files": f"files: {DOCKER_DAEMON}"},
    ),
    "a file of the kubelet is open to all": (
        with_mode(KUBELET_CONFIG, 0o666),
        [f"{KUBELET_CONFIG}: mode 0666 -> 0600"],
        [f"restore {KUBELET_CONFIG}: mode 0666 -> 0600"],
        {"files": f"files: {KUBELET_CONFIG}: mode 0666 -> 0600"},
    ),
    "a file of the kubelet is another": (
        with_file(KUBELET_CONFIG, FileState("0" * 64, 0o600, "root:root", "0:0")),
        [f"{KUBELET_CONFIG} is another", "kubelet reads files that differ"],
        [f"write {KUBELET_CONFIG}", "start kubelet"],
        {"kubelet": "kubelet restarted"},
    ),
    "a key is open to all": (
        with_mode(KUBELET_KEY, 0o644),
        [f"{KUBELET_KEY}: mode 0644 -> 0600"],
        [f"restore {KUBELET_KEY}: mode 0644 -> 0600"],
        {"certificates": f"certificates: {KUBELET_KEY}: mode 0644 -> 0600"},
    ),
    "a certificate of the kubelet is lost": (
        with_file(KUBELET_CERTIFICATE, Absent()),
        [f"{KUBELET_CERTIFICATE} is lost", "kubelet reads files that differ"],
        ["write 1 certificate files", "start kubelet"],
        {KUBELET_CERTIFICATES: "kubelet restarted", "certificates": "certificates: 1 files"},
    ),
    "the authority of etcd is another": (
        with_file(ETCD_CA, FileState("0" * 64, 0o644, ROOT, "0:0")),
        [
            f"{ETCD_CA} is another",
            f"etcd: it reads {ETCD_CA} only when it starts",
        ],
        ["write 1 certificate files"],
        {"etcd/etcd": "etcd restarted", "certificates": "certificates: 1 files"},
    ),
    "the API server's copy of it is another": (
        with_file(ETCD_CA_OF_API, FileState("0" * 64, 0o644, ROOT, "0:0")),
        [
            f"{ETCD_CA_OF_API} is another",
            f"kube-apiserver: it reads {ETCD_CA_OF_API} only when it starts",
        ],
        ["write 1 certificate files"],
        {"control-plane/kube-apiserver": "kube-apiserver restarted", "certificates": "certificates: 1 files"},
    ),
    "settings were not loaded": (
        lambda host: replace(host, settings={**host.settings, "kernel settings": LoadedFiles("2", "1")}),
        ["kernel settings are not loaded as they lie there"],
        ["load kernel settings"],
        {"settings": "kernel settings reloaded"},
    ),
    "the API proxy was not reloaded": (
        lambda host: replace(host, settings={**host.settings, API_PROXY: LoadedFiles("2", "1")}),
        ["API proxy has not loaded what lies there"],
        ["load API proxy"],
        {"proxy": "API proxy reloaded"},
    ),
    "the API proxy leads elsewhere": (
        with_file(PROXY_CONFIG, FileState("0" * 64, 0o644, "root:root", "0:0")),
        [f"{PROXY_CONFIG} is another", "API proxy has not loaded what lies there"],
        [f"write {PROXY_CONFIG}", "load API proxy"],
        {"proxy": "API proxy reloaded"},
    ),
    "the API proxy's file is open to all": (
        with_mode(PROXY_CONFIG, 0o666),
        [f"{PROXY_CONFIG}: mode 0666 -> 0644"],
        [f"restore {PROXY_CONFIG}: mode 0666 -> 0644"],
        {"files": f"files: {PROXY_CONFIG}: mode 0666 -> 0644"},
    ),
    "an API proxy that leads elsewhere does not run and reads its file when it starts": (
        lambda host: with_file(PROXY_CONFIG, Absent())(with_container(PROXY_SERVICE, None)(host)),
        [f"{PROXY_CONFIG} is lost", f"{PROXY_SERVICE}: there is no container of it"],
        [f"write {PROXY_CONFIG}", f"start {PROXY_SERVICE}"],
        {"api-proxy/api-proxy": "api-proxy started"},
    ),
    "a unit runs with older files": (
        with_unit(CONTAINERD, ObservedUnit("active", LoadedFiles("2", "1"))),
        [f"{CONTAINERD} does not run with what lies there"],
        [f"start {CONTAINERD}"],
        {"containerd": "containerd started"},
    ),
    "a unit failed": (
        with_unit("kubelet", ObservedUnit("failed", CURRENT)),
        ["kubelet does not run with what lies there"],
        ["start kubelet"],
        {"kubelet": "kubelet started"},
    ),
    "nobody asked for the units": (
        lambda host: replace(host, units={}),
        [f"{CONTAINERD} does not run with what lies there", "kubelet does not run with what lies there"],
        [f"start {CONTAINERD}", "start kubelet"],
        {"containerd": "containerd started", "kubelet": "kubelet started"},
    ),
    "a container is missing": (
        with_container(SCHEDULER, None),
        [f"{SCHEDULER}: there is no container of it"],
        [f"start {SCHEDULER}"],
        {f"control-plane/{SCHEDULER}": f"{SCHEDULER} started"},
    ),
    "a container ended": (
        with_container(SCHEDULER, container(SCHEDULER, state="exited")),
        [f"{SCHEDULER}: its container is exited"],
        [f"start {SCHEDULER}"],
        {f"control-plane/{SCHEDULER}": f"{SCHEDULER} started"},
    ),
    "a container is of no stack": (
        with_container(SCHEDULER, container(SCHEDULER, **{PROJECT_LABEL: ""})),
        [f"{SCHEDULER}: it is of no stack"],
        [f"start {SCHEDULER}"],
        {f"control-plane/{SCHEDULER}": f"{SCHEDULER} restarted"},
    ),
    "a container is of another version": (
        with_container(
            SCHEDULER,
            container(SCHEDULER, **{VERSION_LABEL: "v1.35.9", "io.windlass.digest": "sha256:other"}),
        ),
        [f"{SCHEDULER}: it was made from another rendering"],
        [f"start {SCHEDULER}"],
        {f"control-plane/{SCHEDULER}": f"{SCHEDULER} v1.35.9 -> {OLD}"},
    ),
    "a container was changed by other hands": (
        with_container(SCHEDULER, tampered(SCHEDULER)),
        [f"{SCHEDULER}: it is privileged"],
        [],
        {},
    ),
    "a stack that was taken out of the spec runs": (
        with_container("shop", replace(container(SCHEDULER), component="shop", stack="shop")),
        ["shop runs and does not belong here"],
        ["stop shop"],
        {"surplus": "shop stopped, which the spec does not have there"},
    ),
}


def drift(change: Change) -> HostDrift:
    return find_host_drift(desired(), change(applied()))


def test_what_was_applied_is_as_desired() -> None:
    assert is_as_desired(desired(), applied())
    found = find_host_drift(desired(), applied())
    assert (list(found.differences), plan_steps(found), host_state(found)) == ([], (), host_state(HostDrift()))
    assert found.other_version == ""


@pytest.mark.parametrize("name", CASES)
def test_each_single_difference_is_found_and_told_alike(name: str) -> None:
    change, texts, steps, stale = CASES[name]

    found = drift(change)

    assert not is_as_desired(desired(), change(applied()))
    assert [one.text for one in found.differences] == texts
    assert list(plan_steps(found)) == steps
    assert host_state(found).stale == stale


@pytest.mark.parametrize("name", [name for name in CASES if name != "a container was changed by other hands"])
def test_each_difference_but_those_of_other_hands_is_in_the_plan_of_an_apply(name: str) -> None:
    assert plan_steps(drift(CASES[name][0]))


def test_of_a_host_of_which_nothing_is_known_nothing_is_as_desired() -> None:
    found = find_host_drift(desired(), ObservedHost("all-1", replace(FACTS, docker_version=None)))

    assert found.programs == desired().programs
    assert found.links == desired().links
    assert {one.path for one in found.files} == set(desired().files)
    assert {one.path for one in found.certificates} == set(desired().certificates or {})
    assert found.settings == tuple(desired().settings)
    assert [one.unit for one in found.units] == list(desired().units)
    assert {one.service.component: one.is_running for one in found.services} == dict.fromkeys(desired().services)
    assert found.absent_images == desired().images


def test_an_engine_that_did_not_tell_may_run_what_is_to_be_changed() -> None:
    found = drift(lambda host: replace(host, containers=Unknown("Docker did not tell of all containers")))
    told = host_state(found).stale
    assert told["etcd/etcd"] == "etcd restarted"
    assert "etcd: unknown: Docker did not tell of all containers" in [one.text for one in found.differences]


def test_an_image_that_is_missing_is_fetched_ahead_and_is_no_difference() -> None:
    def change(host: ObservedHost) -> ObservedHost:
        return replace(host, images={**host.images, "containerd": Unknown()})

    found = drift(change)
    assert found.is_empty
    assert plan_steps(found) == ()
    missing = {one.artifact.name for one in desired().images if one.runtime == "containerd"}
    assert {one.split()[1] for one in host_state(found).images} == missing


def test_certificates_that_were_never_issued_are_a_difference() -> None:
    bare = replace(desired(), certificates=None)
    found = find_host_drift(bare, applied())
    assert [one.text for one in found.differences] == ["certificates are still to be issued"]
    assert plan_steps(found) == ("make and write certificates",)


def test_remediation_sees_what_it_puts_right() -> None:
    services = (ServiceHealth(SCHEDULER, "control-plane", "running", "healthy"),)
    health = HostHealth("all-1", is_worker=False, services=services)
    assert with_drift(health, drift(lambda host: host)) == replace(health, is_compared=True)

    changed = with_drift(health, drift(with_container(SCHEDULER, tampered(SCHEDULER))))
    assert changed.services[0].drift == ("it is privileged",)
    ended = with_drift(health, drift(with_container(SCHEDULER, container(SCHEDULER, state="exited"))))
    assert ended.services[0].drift == (), "that it does not run is not drift but ill health"
    lost = with_drift(health, drift(without_program))
    assert lost.lost_files == (f"runc {CATALOG.release(OLD).files['runc']} is not installed",)
    open_key = with_drift(health, drift(with_mode(KUBELET_KEY, 0o644)))
    assert open_key.certificate_access == (f"{KUBELET_KEY}: mode 0644 -> 0600",)
    assert with_drift(health, drift(with_file(KUBELET_KEY, Absent()))).bad_certificates == (f"{KUBELET_KEY} is lost",)


def test_a_version_that_a_rollout_left_behind_is_named() -> None:
    def kubelet(host: ObservedHost) -> ObservedHost:
        return replace(host, versions={**host.versions, "kubelet": "v1.35.9"})

    assert drift(kubelet).other_version == "kubelet v1.35.9"
    old = container(SCHEDULER, **{VERSION_LABEL: "v1.35.9", "io.windlass.digest": "sha256:other"})
    assert drift(with_container(SCHEDULER, old)).other_version == f"{SCHEDULER} v1.35.9"


def written(at: datetime) -> ObservedHost:
    return replace(applied(), written={ETCD_CA: at, ETCD_CA_OF_API: at})


def test_what_started_before_its_authority_was_written_starts_again() -> None:
    found = find_host_drift(desired(), written(STARTED + timedelta(microseconds=1)))
    assert [one.text for one in found.differences] == [
        f"kube-apiserver: it started before {ETCD_CA_OF_API} was written",
        f"etcd: it started before {ETCD_CA} was written",
    ]
    assert host_state(found).stale == {
        "etcd/etcd": "etcd restarted",
        "control-plane/kube-apiserver": "kube-apiserver restarted",
    }


def test_what_started_after_its_authority_was_written_is_left_alone() -> None:
    assert is_as_desired(desired(), written(STARTED))
