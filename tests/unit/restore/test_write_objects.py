"""Writing what was planned: each object on its own, none over another's, owners before what they own."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from unit.recovery.test_recovery_run import cluster
from unit.restore.objects import CONFIG, NAMESPACE, SECRET, Object, changed, made, owned
from windlass.domain.pki import issue_pki
from windlass.domain.restore.plan import Fate, RestorePlan, plan_restore
from windlass.effects.kubernetes.client import KubernetesClient
from windlass.operations.cluster_api import credentials_of
from windlass.operations.restore.write_objects import carry_out, observe_live, try_plan
from world.objects import ObjectsApi

CREDENTIALS = credentials_of(issue_pki(cluster(), datetime.now(UTC)))
OWNER = made("Deployment", "web", api_version="apps/v1", spec={})
ACCOUNT = made("ServiceAccount", "default", imagePullSecrets=[{"name": "login"}])


@pytest.fixture
def api() -> ObjectsApi:
    return ObjectsApi()


@pytest.fixture
def client(api: ObjectsApi) -> KubernetesClient:
    return api.client(CREDENTIALS)


def plan(client: KubernetesClient, *selected: Object, overwrite: bool = False) -> RestorePlan:
    return plan_restore(selected, observe_live(client, selected), overwrite=overwrite)


def carry(client: KubernetesClient, planned: RestorePlan) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return carry_out(client, planned, lambda _: None)


def test_what_lives_is_found_one_alone_or_of_a_whole_list_with_what_it_is_tied_to(
    api: ObjectsApi, client: KubernetesClient
) -> None:
    api.put("namespaces", copy.deepcopy(NAMESPACE))
    api.put("configmaps", copy.deepcopy(CONFIG))
    api.put("deployments", copy.deepcopy(OWNER))
    other = changed(CONFIG, name="other")
    live = observe_live(client, [CONFIG, other, owned(SECRET, OWNER)])
    assert live.find(("", "ConfigMap", "shop", "settings")) is not None
    assert live.find(("", "ConfigMap", "shop", "other")) is None
    assert live.find(("apps", "Deployment", "shop", "web")) is not None
    assert live.namespace("shop") is not None
    assert observe_live(client, [made("Gadget", "g", api_version="example.com/v1")]).unserved == {
        ("example.com/v1", "Gadget")
    }


def test_a_trial_keeps_nothing_and_what_the_api_refuses_is_a_conflict(
    api: ObjectsApi, client: KubernetesClient
) -> None:
    api.put("namespaces", copy.deepcopy(NAMESPACE))
    assert try_plan(client, plan(client, CONFIG)).written
    assert api.names("configmaps") == set()
    api.contents.pop(("namespaces", "", "shop"))
    planned = plan_restore([CONFIG], observe_live_with_namespace(), overwrite=False)
    (item,) = try_plan(client, planned).items
    assert item.fate is Fate.CONFLICT
    assert "the API refuses it: " in item.why


def observe_live_with_namespace() -> Any:
    api = ObjectsApi()
    api.put("namespaces", copy.deepcopy(NAMESPACE))
    return observe_live(api.client(CREDENTIALS), [CONFIG])


def test_owners_are_referred_to_by_the_uid_that_the_server_gave_them(api: ObjectsApi, client: KubernetesClient) -> None:
    done, failed = carry(client, plan(client, NAMESPACE, owned(SECRET, OWNER), OWNER))
    assert (len(done), failed) == (3, ())
    owner = api.contents["deployments", "shop", "web"]["metadata"]["uid"]
    assert owner != OWNER["metadata"]["uid"]
    assert api.contents["secrets", "shop", "login"]["metadata"]["ownerReferences"][0]["uid"] == owner


def test_what_somebody_made_meanwhile_stays_and_the_others_come_back(api: ObjectsApi, client: KubernetesClient) -> None:
    api.put("namespaces", copy.deepcopy(NAMESPACE))
    planned = plan(client, CONFIG, SECRET)
    theirs = api.put("configmaps", {**copy.deepcopy(CONFIG), "data": {"theirs": "1"}})
    done, failed = carry(client, planned)
    assert done == ("create Secret shop/login",)
    assert failed == ("ConfigMap shop/settings: there is one by now",)
    assert api.contents["configmaps", "shop", "settings"] == theirs


def test_what_somebody_changed_meanwhile_is_not_put_back(api: ObjectsApi, client: KubernetesClient) -> None:
    api.put("namespaces", copy.deepcopy(NAMESPACE))
    api.put("configmaps", {**copy.deepcopy(CONFIG), "data": {}})
    planned = plan(client, CONFIG, overwrite=True)
    theirs = api.put("configmaps", changed({**CONFIG, "data": {"theirs": "1"}}, resourceVersion="50"))
    assert carry(client, planned)[1] == ("ConfigMap shop/settings: it was changed meanwhile",)
    assert api.contents["configmaps", "shop", "settings"] == theirs


def test_the_account_that_each_new_namespace_gets_is_as_the_bundle_has_it(
    api: ObjectsApi, client: KubernetesClient
) -> None:
    planned = plan(client, NAMESPACE, ACCOUNT)
    api.put("serviceaccounts", made("ServiceAccount", "default"))
    assert carry(client, planned)[1] == ()
    assert api.contents["serviceaccounts", "shop", "default"]["imagePullSecrets"] == [{"name": "login"}]
