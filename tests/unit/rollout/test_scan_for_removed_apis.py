"""Objects are looked for in the version that replaces a removed one, or else in that itself."""

from __future__ import annotations

from typing import Any

import pytest

from windlass.domain.catalog import Release, RemovedApi
from windlass.domain.rollout.removed_apis import OwnRequest
from windlass.effects.kubernetes.client import KubernetesClient, Resource
from windlass.errors import UnreachableError
from windlass.operations.rollout.removed_apis import scan

OLD, NEW = "scheduling.k8s.io/v1alpha2", "scheduling.k8s.io/v1alpha3"
TARGET = Release("v1.37.2", {}, {}, ("1.36",), removed_apis=(RemovedApi(OLD, ("Workload",), NEW),))
THING = {"metadata": {"name": "a", "namespace": "b", "managedFields": [{"manager": "flux", "apiVersion": OLD}]}}


class Api(KubernetesClient):
    """One that serves some versions, each with the same objects."""

    def __init__(self, *served: str, objects: tuple[dict[str, Any], ...] = (THING,)) -> None:
        self.served, self.objects = served, objects
        self.asked: list[str] = []

    def find_resource(self, api_version: str, kind: str) -> Resource | None:
        assert kind == "Workload"
        return Resource(api_version, "workloads", namespaced=True) if api_version in self.served else None

    def list(self, resource: Resource, *_: Any, **__: Any) -> list[dict[str, Any]]:
        self.asked.append(resource.api_version)
        return [*self.objects]


def test_the_version_that_stays_is_asked_where_it_is_served() -> None:
    api = Api(OLD, NEW)
    (use,), own = scan(api, TARGET)
    assert (use.what, use.who, own) == ("Workload b/a", "flux", ())
    assert api.asked == [NEW]


def test_else_the_removed_one_is_asked_and_each_object_is_a_use() -> None:
    (use,), own = scan(Api(OLD), TARGET)
    assert (use.api_version, use.what, use.who) == (OLD, "Workload b/a", "flux")
    assert own == (OwnRequest(OLD, "workloads"),)
    assert scan(Api(OLD, objects=()), TARGET) == ((), own)


def test_what_is_not_served_at_all_has_no_objects() -> None:
    assert scan(Api(), TARGET) == ((), ())


def test_an_api_that_does_not_answer_is_not_taken_for_one_that_serves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise UnreachableError("gone")

    api = Api()
    monkeypatch.setattr(api, "find_resource", gone)
    with pytest.raises(UnreachableError):
        scan(api, TARGET)
