"""Render a release for every topology, to find what is wrong with its templates before any host sees them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from windlass.domain.artifacts import Lock
from windlass.domain.catalog import Driver, Question, Release, StackTemplate
from windlass.domain.catalog.drivers import NONE
from windlass.domain.host.facts import CAP_SYS_RESOURCE, HostFacts, parse_facts
from windlass.domain.host.layout import ADDRESS_STACK
from windlass.domain.rendering.host import render_host
from windlass.domain.rendering.images import MirrorAddresses
from windlass.domain.rendering.manifests import render_manifests
from windlass.domain.spec.drivers import HISTORY_SLOT, POLICY_SLOT, PROXY_SLOT
from windlass.domain.spec.models import Cluster
from windlass.errors import WindlassError

_MIRROR = MirrorAddresses("http://192.0.2.1:8080", "192.0.2.1:5000")
_ROLES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "standalone": {"all-1": ("etcd", "control-plane", "worker")},
    "overlapping": {
        "cp-1": ("etcd", "control-plane"),
        "cp-2": ("etcd", "control-plane"),
        "cp-3": ("etcd", "control-plane"),
        "w-1": ("worker",),
    },
    "separate": {"etcd-1": ("etcd",), "cp-1": ("control-plane",), "cp-2": ("control-plane",), "w-1": ("worker",)},
}
_SECTIONS: Mapping[str, Mapping[str, Any]] = {
    "as it comes": {},
    "everything picked": {
        "security": {"auditLog": False, "podSecurity": "restricted"},
        "kubernetes": {"cloudProvider": "external"},
        "api": {"oidc": [{"issuer": "https://id.example.com", "clientId": "kubernetes", "groupsClaim": "groups"}]},
        "components": {"kube-apiserver": {"extraArgs": {"service-account-issuer": ["https://a", "https://b"]}}},
    },
}


@dataclass(frozen=True)
class Rehearsal:
    """One rendering of a release, and what was wrong with it; empty if nothing."""

    name: str
    problem: str = ""


def rehearse(release: Release, lock: Lock) -> Iterator[Rehearsal]:
    """Render `release` for every topology, on hosts of both kinds of cgroups, with little and with much picked.

    And with each driver that brings no images of its own; the others are checked by themselves.
    """
    for topology, roles in _ROLES.items():
        for picked, sections in _SECTIONS.items():
            for cgroup in (1, 2):
                name = f"{topology}, {picked}, cgroup v{cgroup}"
                yield _tried(name, release, lock, _cluster(release, roles, sections), cgroup)
    for driver in release.drivers.loaded.values():
        if not driver.brought:
            yield from rehearse_driver(release, driver, lock)


def rehearse_driver(release: Release, driver: Driver, lock: Lock) -> Iterator[Rehearsal]:
    """Render `release` with a driver picked: with its defaults, and with each other answer where there are few.

    Nothing is rendered of one that is not for this release.
    """
    if not driver.needs.releases or release.minor in driver.needs.releases:
        for told, values in _answers(driver.questions):
            cluster = _cluster(release, _ROLES["overlapping"], _picking(driver, values))
            yield _tried(f"{driver.key}, {told}", release, lock, cluster)


def rehearse_stack(release: Release, stack: StackTemplate, lock: Lock) -> Iterator[Rehearsal]:
    """Render `release` with a stack picked, as a driver is."""
    for told, values in _answers(stack.questions):
        sections: Mapping[str, Any] = {"stacks": [{"name": stack.name, "values": values}]}
        if stack.name == ADDRESS_STACK:
            sections = {"api": {"virtualAddress": values["address"]}}
        yield _tried(f"{stack.name}, {told}", release, lock, _cluster(release, _ROLES["overlapping"], sections))


def _tried(name: str, release: Release, lock: Lock, cluster: Cluster, cgroup: int = 2) -> Rehearsal:
    facts = replace(made_up_facts(cluster), cpus=2, cap_bounding=1 << CAP_SYS_RESOURCE, cgroup_version=cgroup)
    try:
        _render(release, lock, cluster, facts)
    except WindlassError as error:
        return Rehearsal(name, str(error))
    except yaml.YAMLError as error:
        return Rehearsal(name, f"what was rendered is no YAML: {error}")
    return Rehearsal(name)


def made_up_facts(cluster: Cluster) -> HostFacts:
    """Return the facts of a machine that has the addresses of all hosts of the cluster."""
    lines = [f"interface=eth0 {host.node_address}/24" for host in cluster.spec.hosts.members]
    return parse_facts("\n".join((*lines, "complete=yes")))


def _answers(questions: Sequence[Question]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "as it comes", _least(questions, {})
    for question in questions:
        others: Sequence[Any] = (True, False) if question.kind == "boolean" else question.options
        for answer in others:
            if answer != question.default:
                given = {**question.when, question.variable: answer}
                yield f"{question.variable} {answer}", _least(questions, given)
        if question.default is not None and question.example is not None:
            given = {**question.when, question.variable: question.example}
            yield f"{question.variable} as in its example", _least(questions, given)


def _least(questions: Sequence[Question], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what must be answered where some answers are `given`."""
    answers = {one.variable: given.get(one.variable, one.default) for one in questions}
    unanswered = [one for one in questions if one.default is None and one.is_asked(answers)]
    asked = {one.variable: "a-password" if one.kind == "password" else one.example for one in unanswered}
    return {**asked, **given}


def _picking(driver: Driver, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the section of a spec that picks a driver."""
    if driver.slot == PROXY_SLOT:
        given = {one.setting: values[one.variable] for one in driver.questions if one.variable in values}
        return {"network": {"proxyMode": NONE} if driver.name == NONE else given}
    if driver.slot == POLICY_SLOT:
        return {"network": {"policy": None if driver.name == NONE else driver.name}}
    picked = {"driver": driver.name, "values": dict(values)}
    return {"monitoring": {HISTORY_SLOT: picked}} if driver.slot == HISTORY_SLOT else {driver.slot: picked}


def _render(release: Release, lock: Lock, cluster: Cluster, facts: HostFacts) -> None:
    for host in cluster.spec.hosts.members:
        for path, file in render_host(cluster, release, host, lock, _MIRROR, facts).items():
            if path.endswith(".yaml"):
                yaml.safe_load(file.text)
    render_manifests(cluster, release, lock, _MIRROR)


def _cluster(release: Release, roles: Mapping[str, tuple[str, ...]], sections: Mapping[str, Any]) -> Cluster:
    members = [
        {"name": name, "address": f"192.0.2.{number}", "roles": list(taken)}
        for number, (name, taken) in enumerate(roles.items(), start=11)
    ]
    kubernetes = {"version": release.version, **sections.get("kubernetes", {})}
    spec = {**sections, "kubernetes": kubernetes, "hosts": {"members": members}}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "rehearsal"}, "spec": spec}
    return Cluster.model_validate(document)
