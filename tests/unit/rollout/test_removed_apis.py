from __future__ import annotations

import json
from typing import Any

import pytest

from windlass.domain.catalog import Release, RemovedApi
from windlass.domain.rollout.removed_apis import (
    LAST_APPLIED,
    ApiUse,
    OwnRequest,
    requested,
    stored,
    stored_only_there,
    without_own,
)

TARGET = Release(
    "v1.37.2",
    files={},
    images={},
    upgrades_from=("1.36",),
    removed_apis=(RemovedApi("storage.k8s.io/v1beta1", ("VolumeAttributesClass",), "storage.k8s.io/v1"),),
)


def sample(count: int, **labels: str) -> str:
    given = {"group": "storage.k8s.io", "version": "v1beta1", "resource": "volumeattributesclasses"} | labels
    told = ",".join(f'{key}="{value}"' for key, value in given.items())
    return f"# HELP x\napiserver_requested_deprecated_apis{{{told}}} {count}\nother 1\n"


@pytest.mark.parametrize(
    ("metrics", "found"),
    [
        (sample(1), 1),
        (sample(0), 0),
        (sample(1, group="x", version="v1", removed_release="1.37"), 1),
        (sample(1, group="x", version="v1", removed_release="1.9"), 1),
        (sample(1, group="x", version="v1", removed_release="1.38"), 0),
        (sample(1, group="", version="v1", removed_release="", resource="componentstatuses"), 0),
        ("", 0),
    ],
)
def test_only_requests_for_what_is_gone_count(metrics: str, found: int) -> None:
    assert len(list(requested(metrics, TARGET))) == found


def thing(**metadata: Any) -> dict[str, Any]:
    return {"kind": "VolumeAttributesClass", "metadata": {"name": "gold", **metadata}}


def test_who_manages_an_object_through_a_removed_version_is_named() -> None:
    managed = [
        {"manager": "flux", "apiVersion": "storage.k8s.io/v1beta1"},
        {"manager": "me", "apiVersion": "storage.k8s.io/v1"},
    ]
    (use,) = stored([thing(managedFields=managed)], TARGET)
    assert str(use) == "VolumeAttributesClass gold of storage.k8s.io/v1beta1 by flux (use storage.k8s.io/v1)"


def test_an_object_that_was_last_applied_in_a_removed_version_is_found() -> None:
    old = {LAST_APPLIED: json.dumps({"apiVersion": "storage.k8s.io/v1beta1"})}
    assert [use.who for use in stored([thing(annotations=old)], TARGET)] == ["kubectl apply"]


@pytest.mark.parametrize("text", ["no json", "[]", json.dumps({"apiVersion": "storage.k8s.io/v1"})])
def test_any_other_annotation_is_none_of_its_business(text: str) -> None:
    assert list(stored([thing(annotations={LAST_APPLIED: text})], TARGET)) == []


@pytest.mark.parametrize(
    ("managed", "who"), [([{"manager": "flux"}, {"manager": "flux"}], "flux"), ([{}], "an unknown client")]
)
def test_an_object_that_no_other_version_serves_is_a_use_by_itself(managed: list[dict[str, str]], who: str) -> None:
    (use,) = stored_only_there([thing(namespace="a", managedFields=managed)], TARGET.removed_apis[0], "Thing")
    assert str(use) == (
        f"Thing a/gold of storage.k8s.io/v1beta1 by {who} "
        "(use storage.k8s.io/v1 once that is served; delete this before the upgrade)"
    )


def test_requests_that_may_be_our_own_are_no_use_and_are_told() -> None:
    ours = ApiUse("a.k8s.io/v1alpha1", "things", "requests to the API", "a.k8s.io/v1")
    others = ApiUse("b.k8s.io/v1alpha1", "things", "requests to the API", "b.k8s.io/v1")
    own = OwnRequest("a.k8s.io/v1alpha1", "things")
    requests, (doubt,) = without_own({ours, others}, [own])
    assert requests == {others}
    assert "things of a.k8s.io/v1alpha1, which may be the gate's own" in doubt
    assert without_own({others}, [own]) == ({others}, ())
