from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from e2e.ground import CLUSTER, HOSTS, OVERLAPPING, Ground

pytestmark = pytest.mark.full

STANDALONE = {"cp-1": ("etcd", "control-plane", "worker")}
SEPARATE = {"cp-1": ("control-plane",), "cp-2": ("etcd",), "cp-3": ("control-plane",), "w-1": ("worker",)}


@pytest.mark.parametrize(
    ("roles", "version", "sections"),
    [
        (STANDALONE, "v1.37.2", {}),
        (SEPARATE, "v1.37.2", {"network": {"proxyMode": "nftables"}}),
        (OVERLAPPING, "v1.36.3", {"network": {"backend": "host-gw"}}),
        (OVERLAPPING, "v1.37.2", {}),
    ],
    ids=["standalone", "separate-nftables", "overlapping-1.36-host-gw", "overlapping"],
)
def test_is_created_verified_unchanged_and_deleted(
    bare: Ground, roles: Mapping[str, tuple[str, ...]], version: str, sections: Mapping[str, Any]
) -> None:
    assert bare.apply(bare.spec(roles, version, **sections)).succeeded().outcome == "created"

    assert not bare.not_ready(roles)
    assert bare.create().succeeded().result("record") == "create_cluster: nothing to change"
    assert bare.apply().succeeded().outcome == "nothing"
    bare.run("delete_cluster", confirm_name=CLUSTER).succeeded()
    assert {host: bare.traces(host) for host in HOSTS} == {host: [] for host in HOSTS}
