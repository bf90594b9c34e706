from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from unit.objects.conftest import cluster_with
from windlass.domain.objects.inventory import NAME, ObjectInventory
from windlass.domain.pki import Pki
from windlass.effects.kubernetes.client import KubernetesClient, Resource
from windlass.errors import NotReadyError
from windlass.operations.cluster import ClusterSession
from windlass.operations.objects import secrets
from windlass.operations.objects.apply import apply_services
from windlass.operations.objects.observe import read_inventory
from windlass.operations.objects.secrets import _has_loaded, desired_hash, rewrite_secrets, secrets_drift
from world.objects import ObjectsApi

TOKEN = ("secrets", "mine", "token")


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which configurations all API servers were waited for to load."""
    hashes: list[str] = []
    monkeypatch.setattr(secrets, "_wait_for_api_servers", lambda _, __, desired: hashes.append(desired))
    return hashes


def put_secret(api: ObjectsApi, name: str = "token") -> None:
    api.put("secrets", {"kind": "Secret", "metadata": {"name": name, "namespace": "mine"}, "data": {"word": "eA=="}})


def in_clear(session: ClusterSession) -> ClusterSession:
    return replace(session, cluster=cluster_with(security={"encryptSecrets": False}))


def inventory_of(api: ObjectsApi) -> ObjectInventory:
    return ObjectInventory.read(api.contents["configmaps", "kube-system", NAME])


def test_a_new_cluster_has_nothing_to_write_again(
    session: ClusterSession, client: KubernetesClient, api: ObjectsApi, pki: Pki, waited: list[str]
) -> None:
    apply_services(session, client)
    assert rewrite_secrets(session, client, pki) == ()
    assert waited == []
    assert inventory_of(api).secrets_encryption == desired_hash(session, pki)


def test_once_the_setting_changes_every_secret_is_written_again_and_only_once(
    session: ClusterSession, client: KubernetesClient, api: ObjectsApi, pki: Pki, waited: list[str]
) -> None:
    apply_services(in_clear(session), client)
    rewrite_secrets(in_clear(session), client, pki)
    put_secret(api)
    put_secret(api, "other")
    (drift,) = secrets_drift(session, pki, read_inventory(client))
    assert str(drift) == "Secret (all that are stored) differs: they are written again, encrypted"
    assert rewrite_secrets(session, client, pki) == ("wrote 2 Secrets again, encrypted",)
    assert waited == [desired_hash(session, pki)]
    assert api.contents[TOKEN]["metadata"]["resourceVersion"] == "2"
    assert not [*secrets_drift(session, pki, read_inventory(client))]
    assert rewrite_secrets(session, client, pki) == ()
    assert rewrite_secrets(in_clear(session), client, pki) == ("wrote 2 Secrets again, in clear",)


def test_what_was_applied_keeps_the_note_of_how_secrets_were_written(
    session: ClusterSession, client: KubernetesClient, api: ObjectsApi, pki: Pki
) -> None:
    apply_services(session, client)
    rewrite_secrets(session, client, pki)
    del api.contents["deployments", "kube-system", "coredns"]
    apply_services(replace(session, cluster=cluster_with(manifests=[])), client)
    assert inventory_of(api).secrets_encryption == desired_hash(session, pki)


def test_a_secret_that_is_changed_meanwhile_is_read_again_and_one_that_is_deleted_is_done(
    session: ClusterSession,
    client: KubernetesClient,
    api: ObjectsApi,
    pki: Pki,
    waited: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    apply_services(session, client)
    put_secret(api)
    put_secret(api, "other")
    replaced, tries = client.replace, []

    def changed_meanwhile(resource: Resource, found: dict[str, Any]) -> bool:
        tries.append(found["metadata"]["name"])
        if tries == ["token"] or tries.count("token") == 1:
            api.contents[TOKEN]["metadata"]["resourceVersion"] = "7"
        if found["metadata"]["name"] == "other":
            api.contents.pop(("secrets", "mine", "other"), None)
        return replaced(resource, found)

    monkeypatch.setattr(client, "replace", changed_meanwhile)
    rewrite_secrets(session, client, pki)
    assert api.contents[TOKEN]["metadata"]["resourceVersion"] == "8"
    assert inventory_of(api).secrets_encryption == desired_hash(session, pki)


def test_as_long_as_an_api_server_has_the_old_configuration_nothing_is_written(
    session: ClusterSession, client: KubernetesClient, api: ObjectsApi, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*_: object) -> None:
        raise NotReadyError("cp-2: its API server has not loaded the encryption configuration yet")

    monkeypatch.setattr(secrets, "_wait_for_api_servers", late)
    apply_services(session, client)
    put_secret(api)
    with pytest.raises(NotReadyError, match="cp-2"):
        rewrite_secrets(session, client, pki)
    assert api.contents[TOKEN]["metadata"]["resourceVersion"] == "1"
    assert inventory_of(api).secrets_encryption == ""


def test_what_an_api_server_has_loaded_its_metrics_tell() -> None:
    line = 'apiserver_encryption_config_controller_last_config_info{apiserver_id_hash="sha256:a",hash="sha256:b"} 1\n'
    assert _has_loaded(f"# HELP\n{line}", "sha256:b")
    assert _has_loaded(line.replace("sha256:b", "k8s:enc:unstable:1:b"), "sha256:b")
    assert not _has_loaded(line, "sha256:c")
    assert not _has_loaded("", "sha256:b")
