"""A bundle is never opened by an etcd or an API server that is older than what wrote it."""

from __future__ import annotations

import pytest

from unit.backup.examples import manifest
from unit.rollout.conftest import CATALOG
from windlass.domain.backup import BundleManifest, EtcdRecord
from windlass.domain.backup.versions import can_open, check_etcd, release_for, written_by
from windlass.errors import RefusedError
from windlass.operations.backup.stacks import STACKS

OLD, NEW = CATALOG.release("v1.36.3"), CATALOG.release("v1.37.2")
COMPOSE = f"{STACKS}/control-plane/compose.yaml"


def taken(etcd: str, kubernetes: str = "v1.36.3", bundle: str = "20261124T081500Z-r77") -> BundleManifest:
    record = EtcdRecord.model_validate(manifest().etcd.model_dump() | {"version": etcd})
    return manifest(etcd=record, kubernetes_version=kubernetes, id=bundle)


def compose(version: str) -> bytes:
    return f"services:\n  kube-apiserver:\n    labels: {{io.windlass.version: {version}}}\n".encode()


def test_data_of_a_newer_etcd_is_refused_with_the_ways_that_there_are() -> None:
    amid, older = taken("3.7.3"), [taken("3.7.3"), taken("3.6.16", bundle="20261124T080000Z-r70")]
    with pytest.raises(
        RefusedError, match=r"holds data of etcd v3.7.3, and Kubernetes v1.36.3 comes with etcd v3.6"
    ) as why:
        check_etcd(OLD, amid, iter(older))
    assert "20261124T080000Z-r70, as `bundle`" in str(why.value)
    assert "a `spec` of that version and without `restore_versions`" in str(why.value)
    with pytest.raises(RefusedError, match="there is no older bundle"):
        check_etcd(OLD, amid, iter([]))


@pytest.mark.parametrize(("release", "etcd"), [(OLD, "3.6.16"), (OLD, "3.6.99"), (NEW, "3.7.3"), (NEW, "3.6.16")])
def test_data_of_its_own_minor_release_or_an_older_one_is_opened(release: object, etcd: str) -> None:
    check_etcd(OLD if release is OLD else NEW, taken(etcd), iter([]))
    assert can_open(OLD if release is OLD else NEW, taken(etcd))


def test_what_was_taken_during_an_upgrade_is_tried_with_the_release_that_follows() -> None:
    assert release_for(CATALOG, taken("3.6.16")).version == "v1.36.3"
    assert release_for(CATALOG, taken("3.7.3")).version == "v1.37.2"
    with pytest.raises(RefusedError, match=r"no release that may follow v1.36.3 comes with that"):
        release_for(CATALOG, taken("3.9.0"))


def test_the_newest_api_server_on_a_host_may_have_written() -> None:
    stacks = {"cp-1": {COMPOSE: compose("v1.36.3")}, "cp-2": {COMPOSE: compose("v1.37.2")}, "w-1": {}}
    assert written_by("v1.36.3", stacks) == "v1.37.2"
    assert written_by("v1.37.2", {"cp-1": {COMPOSE: compose("v1.36.3")}}) == "v1.37.2"
    assert written_by("v1.36.3", {}) == "v1.36.3"


@pytest.mark.parametrize("content", [b"name", b"\xff", b"[", b"services: []", compose("latest")])
def test_what_is_no_stack_of_ours_says_nothing(content: bytes) -> None:
    assert written_by("v1.36.3", {"cp-1": {COMPOSE: content}}) == "v1.36.3"
