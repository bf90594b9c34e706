from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from unit.rollout.test_rollout_plan import OVERLAPPING, WORKERS, cluster
from windlass.domain.rollout.immutable import refuse_what_no_rollout_changes
from windlass.domain.spec.models import Cluster
from windlass.errors import RefusedError

ROLES = OVERLAPPING | {"w-1": ["worker"]}
BEFORE = cluster(ROLES)


def with_host(name: str, **change: Any) -> Cluster:
    document = BEFORE.model_dump(mode="json", by_alias=True)
    next(host for host in document["spec"]["hosts"]["members"] if host["name"] == name).update(change)
    return Cluster.model_validate(document)


def with_network(change: Mapping[str, str]) -> Cluster:
    document = BEFORE.model_dump(mode="json", by_alias=True)
    document["spec"]["network"].update(change)
    return Cluster.model_validate(document)


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (cluster(OVERLAPPING), r"spec.hosts.members.w-1 is gone"),
        (cluster(ROLES | {"w-2": WORKERS["w-2"]}), r"spec.hosts.members.w-2 is new"),
        (with_host("cp-3", address="192.0.2.99"), r"cp-3.address: '192.0.2.13' -> '192.0.2.99'"),
        (with_host("cp-3", roles=["control-plane"]), r"cp-3.roles: "),
        (with_network({"podCidr": "10.99.0.0/16"}), r"spec.network.podCidr: "),
    ],
)
def test_what_would_leave_hosts_or_pods_behind_is_refused(after: Cluster, told: str) -> None:
    with pytest.raises(RefusedError, match=f"demo: a rollout cannot change this: .*{told}"):
        refuse_what_no_rollout_changes(BEFORE, after)


@pytest.mark.parametrize(
    "after",
    [
        BEFORE,
        cluster(ROLES, maxUnavailable=2),
        with_host("w-1", labels={"a": "b"}),
        with_network({"proxyMode": "nftables"}),
    ],
)
def test_everything_else_may_roll(after: Cluster) -> None:
    refuse_what_no_rollout_changes(BEFORE, after)
