"""Whether a host's processor fits is judged by what the accepted lock has for it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.architectures import AMD64, ARM64
from windlass.domain.artifacts import Artifact, Lock, Locked
from windlass.domain.catalog import Release
from windlass.domain.host.artifact_fit import check_artifacts, lacking_on
from windlass.domain.host.preflight import PreflightAnswer
from windlass.domain.rendering import (
    MirrorAddresses,
    OfficialAddresses,
    cluster_images,
    host_images,
    host_installs,
    needed_images,
)
from windlass.domain.rendering.engine import ENGINE_PACKAGE
from windlass.effects.catalog import load_catalog
from windlass.effects.packaged import catalog_directory

from .test_preflight import cluster, facts

MIRROR = MirrorAddresses("http://192.0.2.9:8080", "192.0.2.9:5000")
CLUSTER = cluster()
CP, WORKER = CLUSTER.spec.hosts.members


@cache
def release() -> Release:
    return load_catalog(catalog_directory()).release("v1.37.2")


@cache
def needed() -> tuple[Artifact, ...]:
    """Return every artifact that one of the two hosts needs, the files for both architectures."""
    files = [one.artifact for arch in (AMD64, ARM64) for one in host_installs(CLUSTER, release(), WORKER, arch)]
    return tuple(dict.fromkeys((*files, *needed_images(CLUSTER, release(), CP), *cluster_images(CLUSTER, release()))))


def locked(artifact: Artifact, *architectures: str) -> Locked:
    digest = f"sha256:{needed().index(artifact):064x}"
    is_plain = artifact.kind == "file" or architectures == (AMD64,)
    return Locked(digest, 1, "build", manifests={} if is_plain else {one: f"{digest}{one}" for one in architectures})


def lock_for(*architectures: str) -> Lock:
    has = [one for one in needed() if one.kind == "image" or one.architecture in architectures]
    return Lock("modules", {one: locked(one, *architectures) for one in has})


def findings(lock: Lock, arch: str, mirror: MirrorAddresses = MIRROR, **changes: Any) -> list[str]:
    answers = {
        "cp-1": PreflightAnswer(facts("a" * 32)),
        "w-1": PreflightAnswer(facts("b" * 32, arch=arch, **changes)),
    }
    return [str(one) for one in check_artifacts(CLUSTER, release(), (lock, mirror), answers)]


@pytest.mark.parametrize("arch", ["x86_64", "aarch64"])
def test_a_host_fits_whose_architecture_the_lock_has_everything_for(arch: str) -> None:
    assert findings(lock_for(AMD64, ARM64), arch) == []


def test_all_that_is_missing_is_named_with_what_to_run() -> None:
    (found,) = findings(lock_for(AMD64), "aarch64")

    assert found.startswith("w-1: its processor is aarch64, and the lock has nothing for it of ")
    for name in ("containerd", "runc", "docker-compose", "kubelet", "kubectl", "cni-plugins"):
        assert f"file:{name}:{release().files[name]}@arm64" in found
    for name in ("pause", "kube-proxy", "coredns", "flannel"):
        assert f"image:{name}:{release().images[name]}" in found
    assert "file:docker-engine" not in found  # the host has one of its own
    assert "`windlass mirror --source modules --arch arm64`" in found
    assert "`windlass mirror accept http://192.0.2.9:8080`" in found


def test_one_missing_artifact_is_enough() -> None:
    full = lock_for(AMD64, ARM64)
    runc = release().artifact("file", "runc").on(ARM64)
    without = Lock("modules", {one: known for one, known in full.artifacts.items() if one != runc})

    assert f"nothing for it of {runc};" in findings(without, "aarch64")[0]
    assert findings(without, "x86_64") == []


def test_an_engine_is_needed_where_there_is_none() -> None:
    engine = release().artifact("file", ENGINE_PACKAGE).on(ARM64)
    full = lock_for(AMD64, ARM64)
    without = Lock("modules", {one: known for one, known in full.artifacts.items() if one != engine})

    assert findings(without, "aarch64") == []
    assert str(engine) in findings(without, "aarch64", docker_version=None)[0]


def test_a_processor_that_nothing_is_made_for_is_refused() -> None:
    (found,) = findings(lock_for(AMD64, ARM64), "riscv64")
    assert "its processor is riscv64" in found
    assert "use a host with one of amd64, arm64" in found


def test_a_host_that_did_not_answer_or_is_anothers_has_no_finding_of_this() -> None:
    answers = {"cp-1": PreflightAnswer(None), "w-1": PreflightAnswer(facts("b" * 32, arch="aarch64"), owner="other")}
    assert list(check_artifacts(CLUSTER, release(), (lock_for(AMD64), MIRROR), answers)) == []


def test_a_publishers_image_is_for_all_that_it_has() -> None:
    official = OfficialAddresses()
    full = lock_for(AMD64)
    files = {one: locked(one) for one in needed() if one.architecture == ARM64}
    assert findings(Lock("official", {**full.artifacts, **files}), "aarch64", official) == []
    (found,) = findings(full, "aarch64", official)
    assert "image:" not in found
    assert "set WINDLASS_MIRROR_ARCHITECTURES=amd64,arm64 for Airflow" in found


@given(st.sets(st.sampled_from(needed())), st.sampled_from(("x86_64", "aarch64")))
def test_what_is_lacking_is_exactly_what_is_taken_out_of_a_full_lock(taken: set[Artifact], arch: str) -> None:
    full = lock_for(AMD64, ARM64)
    lock = Lock("modules", {one: known for one, known in full.artifacts.items() if one not in taken})
    said = facts("b" * 32, arch=arch, docker_version=None)

    lacks = lacking_on(CLUSTER, release(), (lock, MIRROR), WORKER, said)

    own = {one.artifact for one in host_installs(CLUSTER, release(), WORKER, said.architecture)}
    assert set(lacks) == taken & {*own, *needed_images(CLUSTER, release(), WORKER)}


@given(st.sampled_from((AMD64, ARM64)), st.sampled_from((CP, WORKER)))
def test_hosts_of_two_architectures_differ_in_the_content_of_files_alone(architecture: str, host: Any) -> None:
    installs = host_installs(CLUSTER, release(), host, architecture)
    plain = host_installs(CLUSTER, release(), host, AMD64)
    assert [replace(one, artifact=one.artifact.on(AMD64)) for one in installs] == list(plain)
    assert {one.artifact.architecture for one in installs} == {architecture}


def test_every_image_of_a_host_is_needed_there() -> None:
    lock = lock_for(AMD64, ARM64)
    for host in (CP, WORKER):
        runs = {one.artifact for one in host_images(CLUSTER, release(), host, lock, MIRROR)}
        assert runs <= set(needed_images(CLUSTER, release(), host))
