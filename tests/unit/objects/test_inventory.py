from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.objects.inventory import INVENTORY_REF, ObjectInventory, ObjectRef, prune_list, why_kept
from windlass.errors import IntegrityError

NAMESPACE = ObjectRef("v1", "Namespace", "", "mine", "own/mine")
KIND = ObjectRef("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "pools.metallb.io", "load-balancer")
POOL = ObjectRef("metallb.io/v1beta1", "IPAddressPool", "metallb-system", "windlass", "load-balancer")
CONFIG = ObjectRef("v1", "ConfigMap", "mine", "settings", "own/mine")

REFS = st.builds(
    ObjectRef,
    st.sampled_from(["v1", "apps/v1", "apps/v1beta1", "apiextensions.k8s.io/v1"]),
    st.sampled_from(["Namespace", "CustomResourceDefinition", "Deployment", "ConfigMap", "Node"]),
    st.sampled_from(["", "kube-system", "mine"]),
    st.sampled_from(["a", "b", "kube-system", "default", "windlass-inventory"]),
    st.sampled_from(["dns", "own/mine"]),
)
INVENTORIES = st.lists(REFS, unique_by=lambda ref: ref.identity).map(lambda refs: ObjectInventory(tuple(refs)))


@given(INVENTORIES, st.lists(REFS))
def test_only_what_is_in_the_inventory_and_is_not_desired_is_pruned(
    inventory: ObjectInventory, desired: list[ObjectRef]
) -> None:
    pruned = prune_list(inventory, desired)
    assert not {ref.identity for ref in pruned} & {ref.identity for ref in desired}
    assert set(pruned) <= set(inventory.objects)
    assert not any(ref.kind == "Node" or ref.identity == INVENTORY_REF.identity for ref in pruned)
    assert not any(ref.kind == "Namespace" and ref.name in {"kube-system", "default"} for ref in pruned)


@given(INVENTORIES, st.lists(REFS, unique_by=lambda ref: ref.identity))
def test_once_it_is_pruned_nothing_is_left_to_prune(inventory: ObjectInventory, desired: list[ObjectRef]) -> None:
    assert prune_list(inventory.exact(desired), desired) == ()
    assert prune_list(inventory.union(desired), desired) == prune_list(inventory, desired)


@given(INVENTORIES)
def test_namespaces_go_after_what_is_in_them_and_kinds_after_all(inventory: ObjectInventory) -> None:
    phases = [{"Namespace": 1, "CustomResourceDefinition": 2}.get(ref.kind, 0) for ref in prune_list(inventory, ())]
    assert phases == sorted(phases)


@given(INVENTORIES)
def test_what_is_written_is_what_is_read(inventory: ObjectInventory) -> None:
    assert ObjectInventory.read(inventory.document()) == inventory


def test_the_order_is_the_reverse_of_applying() -> None:
    inventory = ObjectInventory((NAMESPACE, KIND, CONFIG, POOL))
    assert prune_list(inventory, ()) == (POOL, CONFIG, NAMESPACE, KIND)


def test_an_object_of_another_version_of_its_group_is_the_same() -> None:
    newer = ObjectRef("metallb.io/v1", "IPAddressPool", "metallb-system", "windlass", "load-balancer")
    assert prune_list(ObjectInventory((POOL,)), [newer]) == ()


@pytest.mark.parametrize("data", [None, {}, {"objects": "{"}, {"objects": '[{"kind": "Pod"}]'}, {"objects": "[1]"}])
def test_an_inventory_that_somebody_has_changed_is_not_believed(data: dict[str, str] | None) -> None:
    with pytest.raises(IntegrityError, match="delete it"):
        ObjectInventory.read({"data": data})


def managed(*entries: dict[str, str]) -> dict[str, Any]:
    return {"metadata": {"name": "x", "managedFields": list(entries)}}


OURS = {"manager": "windlass", "operation": "Apply"}


@pytest.mark.parametrize(
    ("actual", "said"),
    [
        (managed(OURS), ""),
        (managed(OURS, {"manager": "kubectl", "operation": "Update"}), ""),
        (managed(OURS, {"manager": "operator", "operation": "Apply", "subresource": "status"}), ""),
        (managed(OURS, {"manager": "flux", "operation": "Apply"}), "`flux` applies it too"),
        (managed({"manager": "helm", "operation": "Apply"}), "`helm` manages it now"),
        (managed({"manager": "kubectl", "operation": "Update"}), "Windlass does not manage it any more"),
        ({"metadata": {"name": "x"}}, "Windlass does not manage it any more"),
    ],
)
def test_what_others_own_is_not_pruned(actual: dict[str, Any], said: str) -> None:
    assert why_kept(actual) == said
