from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from windlass.domain.spec import Cluster, diff_clusters
from windlass.domain.spec.diff import ABSENT

Make = Callable[[dict[str, Any]], Cluster]


def test_the_same_spec_does_not_differ_from_itself(changed: Make) -> None:
    assert diff_clusters(changed({}), changed({})) == ()


def test_writing_a_default_out_changes_nothing(changed: Make) -> None:
    assert diff_clusters(changed({}), changed({"spec.network.podCidr": "10.244.0.0/16"})) == ()


def test_names_each_path_that_differs_with_both_values(changed: Make) -> None:
    old = changed({})
    new = changed({"spec.network.proxyMode": "nftables", "spec.hosts.members.0.labels": {"a": "b"}})

    assert {change.path: (change.old, change.new) for change in diff_clusters(old, new)} == {
        ("spec", "hosts", "members", "cp-1", "labels", "a"): (ABSENT, "b"),
        ("spec", "network", "proxyMode"): (None, "nftables"),
    }


def test_a_host_added_in_front_is_one_change(changed: Make, document: dict[str, Any]) -> None:
    old = changed({})
    members = copy.deepcopy(document["spec"]["hosts"]["members"])
    added = {"name": "w-0", "address": "192.0.2.20", "roles": ["worker"]}

    (change,) = diff_clusters(old, changed({"spec.hosts.members": [added, *members]}))

    assert change.path == ("spec", "hosts", "members", "w-0")
    assert change.old is ABSENT
    assert change.is_within("spec", "hosts", "members")
    assert not change.is_within("spec", "network")


def test_a_host_that_goes_is_told(changed: Make, document: dict[str, Any]) -> None:
    old = changed({})

    (change,) = diff_clusters(old, changed({"spec.hosts.members": document["spec"]["hosts"]["members"][:3]}))

    assert change.path == ("spec", "hosts", "members", "w-1")
    assert change.new is ABSENT


def test_the_first_manifest_is_told_by_its_name(changed: Make) -> None:
    manifest = {"name": "extra", "content": "{apiVersion: v1, kind: Namespace, metadata: {name: x}}"}
    old = changed({})

    (change,) = diff_clusters(old, changed({"spec.manifests": [manifest]}))

    assert change.path == ("spec", "manifests", "extra")


def test_reads_as_one_line(changed: Make) -> None:
    old = changed({})

    (change,) = diff_clusters(old, changed({"spec.etcd.allowEven": True}))

    assert str(change) == "spec.etcd.allowEven: False -> True"
