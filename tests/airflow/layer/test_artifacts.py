from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import pytest

from windlass.airflow import artifacts
from windlass.airflow.artifacts import artifacts_of, mirror_of
from windlass.domain.artifacts import Artifact, Lock, Locked
from windlass.domain.catalog import Release
from windlass.domain.rendering import OfficialAddresses
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.domain.spec import Cluster
from windlass.effects.store import MemoryStore
from windlass.effects.store.accepted_locks import AcceptedLocks
from windlass.errors import SpecError
from windlass.mirror.official_catalog import OfficialCatalog, PublisherSite

RELEASE = Release("v1.37.2", {"kubelet": "v1.37.2"}, {"etcd": "v3.7.3"}, ())


def cluster(**section: Any) -> Cluster:
    members = [{"name": "cp-1", "address": "192.0.2.11", "roles": ["etcd", "control-plane", "worker"]}]
    spec = {"kubernetes": {"version": "v1.37.2"}, "hosts": {"members": members}, "artifacts": section}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec}
    return Cluster.model_validate(document)


def registry_of(desired: Cluster) -> str | None:
    mirror = mirror_of(desired)
    return mirror.registry if mirror else None


def test_the_mirror_is_the_specs_or_that_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    named = {"mirror": "http://192.0.2.1:8080"}
    assert registry_of(cluster(**named)) == "192.0.2.1:5000"
    assert registry_of(cluster(**named, registry="192.0.2.2:80")) == "192.0.2.2:80"
    monkeypatch.setenv("WINDLASS_MIRROR", "http://192.0.2.9:8080")
    monkeypatch.setenv("WINDLASS_REGISTRY", "192.0.2.9:80")
    assert registry_of(cluster()) == "192.0.2.9:80"
    assert registry_of(cluster(**named)) == "192.0.2.1:5000"


def test_without_a_mirror_hosts_go_to_the_publishers_unless_the_spec_wants_one() -> None:
    assert mirror_of(cluster()) is None
    assert mirror_of(cluster(**{"from": "official", "mirror": "http://192.0.2.1:8080"})) is None
    with pytest.raises(SpecError, match="none is named"):
        mirror_of(cluster(**{"from": "mirror"}))


def test_digests_of_the_publishers_are_asked_for_once_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Artifact, ...]] = []

    def published_lock(_: object, desired: tuple[Artifact, ...]) -> Lock:
        asked.append(desired)
        return Lock("official", {one: Locked(f"sha256:{len(asked)}", 0, "publisher") for one in desired})

    monkeypatch.setattr(artifacts, "published_lock", published_lock)
    store = MemoryStore()
    keys = MasterKeys.parse(new_master_key().reveal())
    desired = cluster(**{"from": "official"})
    lock, addresses = artifacts_of(lambda: keys, desired, RELEASE, store)
    again, _ = artifacts_of(lambda: keys, desired, RELEASE, store)

    assert len(asked) == 1
    assert lock == again
    assert isinstance(addresses, OfficialAddresses)
    assert addresses.image(Artifact("image", "etcd", "v3.7.3"), "sha256:1") == "quay.io/coreos/etcd@sha256:1"


def test_a_further_architecture_is_asked_for_where_it_is_set_and_changes_nothing_that_was_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[list[Artifact]] = []

    def published_lock(_: object, desired: Iterable[Artifact]) -> Lock:
        asked.append(list(desired))
        return Lock("official", {one: Locked(f"sha256:{len(asked)}", 0, "publisher") for one in asked[-1]})

    monkeypatch.setattr(artifacts, "published_lock", published_lock)
    store, keys = MemoryStore(), MasterKeys.parse(new_master_key().reveal())
    desired = cluster(**{"from": "official"})
    before, _ = artifacts_of(lambda: keys, desired, RELEASE, store)
    monkeypatch.setenv("WINDLASS_MIRROR_ARCHITECTURES", "amd64,arm64")

    after, addresses = artifacts_of(lambda: keys, desired, RELEASE, store)

    assert {one.architecture for one in asked[0]} == {"amd64"}
    assert {(one.kind, one.architecture) for one in asked[1]} == {("file", "arm64")}
    assert before.artifacts.items() <= after.artifacts.items()
    kubelet = RELEASE.artifact("file", "kubelet").on("arm64")
    assert addresses.download(kubelet).url.endswith("/bin/linux/arm64/kubelet")


def test_where_nothing_names_a_mirror_and_nobody_answers_the_setting_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nowhere = OfficialCatalog({"dl": PublisherSite("http://127.0.0.1:9", "/")}, {}, {}, {})
    monkeypatch.setattr(artifacts, "load_catalog", lambda _: nowhere)
    keys = MasterKeys.parse(new_master_key().reveal())
    begun = time.monotonic()
    with pytest.raises(SpecError, match=r"spec\.artifacts\.mirror, or set WINDLASS_MIRROR"):
        artifacts_of(lambda: keys, cluster(), RELEASE, MemoryStore())
    assert time.monotonic() - begun < 10


def test_a_mirrors_accepted_lock_is_what_hosts_check_by() -> None:
    store, keys = MemoryStore(), MasterKeys.parse(new_master_key().reveal())
    accepted = Lock("modules", {Artifact("file", "kubelet", "v1.37.2"): Locked("sha256:1", 0, "build")})
    AcceptedLocks(store, keys).accept("http://192.0.2.1:8080", accepted, "ops")

    lock, addresses = artifacts_of(lambda: keys, cluster(mirror="http://192.0.2.1:8080/"), RELEASE, store)

    assert (lock, addresses.files) == (accepted, "http://192.0.2.1:8080")
