from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from unit.objects.conftest import cluster_with
from windlass.domain.objects.inventory import NAME, ObjectInventory
from windlass.effects.kubernetes.client import KubernetesClient
from windlass.errors import NotReadyError
from windlass.operations.cluster import ClusterSession
from windlass.operations.objects.apply import apply_services
from windlass.operations.objects.observe import observe_objects
from windlass.operations.rollout.bar_nodes import bar_nodes
from world.objects import ObjectsApi

COREDNS = ("deployments", "kube-system", "coredns")
FLANNEL = ("daemonsets", "kube-flannel", "flannel")


def inventory_of(api: ObjectsApi) -> ObjectInventory:
    return ObjectInventory.read(api.contents["configmaps", "kube-system", NAME])


def drift(session: ClusterSession, client: KubernetesClient) -> list[str]:
    return [str(one) for one in observe_objects(session, client).all_drift]


def test_what_is_created_is_told_and_recorded(
    session: ClusterSession, client: KubernetesClient, api: ObjectsApi
) -> None:
    changed = apply_services(session, client)
    assert "created DaemonSet kube-flannel/flannel" in changed
    assert changed[-1] == "created Namespace mine"
    recorded = {(ref.kind, ref.name, ref.addon) for ref in inventory_of(api).objects}
    assert {("Deployment", "coredns", "dns"), ("Namespace", "mine", "own/mine")} <= recorded


def test_after_an_apply_nothing_differs_and_a_second_one_writes_nothing(
    session: ClusterSession, client: KubernetesClient, api: ObjectsApi
) -> None:
    apply_services(session, client)
    api.requests.clear()
    assert apply_services(session, client) == ()
    assert set(api.requests) == {"GET", "TRY"}
    assert drift(session, client) == []


def test_each_object_is_looked_at_once(session: ClusterSession, client: KubernetesClient, api: ObjectsApi) -> None:
    apply_services(session, client)
    count = len(inventory_of(api).objects)
    api.requests.clear()
    apply_services(session, client)
    assert api.requests["TRY"] == count
    assert api.requests["GET"] <= count + 1  # and the inventory


def test_a_deleted_object_is_missing_and_is_created_again(
    session: ClusterSession, client: KubernetesClient, api: ObjectsApi
) -> None:
    apply_services(session, client)
    del api.contents[COREDNS]
    assert drift(session, client) == ["Deployment kube-system/coredns is missing"]
    assert apply_services(session, client) == ("created Deployment kube-system/coredns",)


def test_a_changed_object_differs_field_by_field(
    session: ClusterSession, client: KubernetesClient, api: ObjectsApi
) -> None:
    apply_services(session, client)
    api.contents[COREDNS]["spec"]["replicas"] = 0
    api.contents[COREDNS]["metadata"]["labels"]["theirs"] = "stays"
    assert drift(session, client) == ["Deployment kube-system/coredns differs: spec.replicas: 0 -> 2"]
    assert apply_services(session, client) == ("changed Deployment kube-system/coredns: spec.replicas: 0 -> 2",)
    assert api.contents[COREDNS]["metadata"]["labels"]["theirs"] == "stays"


def without_own(session: ClusterSession, **sections: Any) -> ClusterSession:
    return replace(session, cluster=cluster_with(manifests=[], **sections))


def test_what_left_the_spec_is_pruned(session: ClusterSession, client: KubernetesClient, api: ObjectsApi) -> None:
    apply_services(session, client)
    after = without_own(session)
    assert drift(after, client)[0] == "Namespace mine is to be pruned"
    assert apply_services(after, client) == ("pruned Namespace mine",)
    assert ("namespaces", "", "mine") not in api.contents
    assert drift(after, client) == []


def test_a_driver_that_is_none_now_takes_its_objects_along_in_reverse(
    session: ClusterSession, client: KubernetesClient, api: ObjectsApi
) -> None:
    apply_services(session, client)
    changed = apply_services(replace(session, cluster=cluster_with(network={"driver": "none"})), client)
    assert changed[0] == "pruned DaemonSet kube-flannel/flannel"
    assert changed[-1] == "pruned Namespace kube-flannel"
    assert FLANNEL not in api.contents
    assert COREDNS in api.contents


def test_a_namespace_with_things_of_others_is_left_and_told(
    session: ClusterSession, client: KubernetesClient, api: ObjectsApi
) -> None:
    apply_services(session, client)
    api.put("deployments", {"metadata": {"name": "shop", "namespace": "mine"}, "spec": {"replicas": 1}})
    (said,) = apply_services(without_own(session), client)
    assert said.startswith("left alone: Namespace mine is in the spec no more, but deployments/shop would go with it")
    assert ("deployments", "mine", "shop") in api.contents
    assert drift(without_own(session), client) == []


def test_what_another_manager_applies_too_is_left(
    session: ClusterSession, client: KubernetesClient, api: ObjectsApi
) -> None:
    apply_services(session, client)
    fields = api.contents["namespaces", "", "mine"]["metadata"]["managedFields"]
    fields.append({"manager": "flux", "operation": "Apply", "fieldsV1": {}})
    (said,) = apply_services(without_own(session), client)
    assert "`flux` applies it too" in said
    assert ("namespaces", "", "mine") in api.contents


def test_objects_of_a_windlass_without_an_inventory_are_found(
    session: ClusterSession, client: KubernetesClient, api: ObjectsApi
) -> None:
    apply_services(session, client)
    del api.contents["configmaps", "kube-system", NAME]
    after = without_own(session, network={"driver": "none"})
    told = [str(one) for one in observe_objects(after, client, session).all_drift]
    assert "ConfigMap kube-system/windlass-inventory is missing: it is made from what is found by labels" in told
    assert "DaemonSet kube-flannel/flannel is to be pruned" in told
    pruned = apply_services(after, client, session)
    assert {"pruned Namespace mine", "pruned Namespace kube-flannel"} <= set(pruned)
    assert not api.names("daemonsets") & {"flannel"}


def test_what_denies_nodes_of_hosts_that_left_is_no_add_ons(
    session: ClusterSession, client: KubernetesClient, api: ObjectsApi
) -> None:
    apply_services(session, client)
    bar_nodes(client, ["w-9"])
    del api.contents["configmaps", "kube-system", NAME]

    surplus = observe_objects(session, client).surplus

    assert [str(one.ref) for one in surplus if "windlass-left-hosts" in str(one.ref)] == []


class EndedError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("moment", range(1, 20))
def test_a_run_that_dies_leaves_no_object_that_nobody_knows_of(
    session: ClusterSession,
    client: KubernetesClient,
    api: ObjectsApi,
    moment: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    writes = 0
    send = KubernetesClient._send

    def dying(self: KubernetesClient, method: str, path: str, **options: Any) -> Any:
        nonlocal writes
        if method != "GET" and "dryRun" not in options.get("params", {}):
            writes += 1
            if writes >= moment:
                raise EndedError
        return send(self, method, path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(KubernetesClient, "_send", dying)
        with pytest.raises(EndedError):
            apply_services(session, client)
    apply_services(without_own(session, network={"driver": "none"}), client)
    assert ("namespaces", "", "mine") not in api.contents
    assert FLANNEL not in api.contents
    assert ("namespaces", "", "kube-flannel") not in api.contents


def test_an_object_that_is_refused_stops_the_users_objects_from_being_applied(
    session: ClusterSession, client: KubernetesClient, api: ObjectsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply = KubernetesClient.apply

    def refusing(self: KubernetesClient, desired: dict[str, Any]) -> dict[str, Any]:
        if desired["kind"] == "DaemonSet" and desired["metadata"]["name"] == "flannel":
            raise NotReadyError("flannel")
        return apply(self, desired)

    monkeypatch.setattr(KubernetesClient, "apply", refusing)
    with pytest.raises(NotReadyError, match="flannel"):
        apply_services(session, client)
    assert "mine" not in api.names("namespaces")
