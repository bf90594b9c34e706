"""Authorities and keys of a cluster are changed while it is used, and a run that is killed between is made up for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from e2e.ground import VERSION, Ground, wait_for
from e2e.serving import Usage, used, web
from e2e.standing import ensure_cluster

pytestmark = pytest.mark.full
FILES = "/etc/windlass/pki/ca.crt /etc/windlass/pki/etcd/ca.crt /etc/windlass/pki/front-proxy-ca.crt"
ALL_PHASES = timedelta(hours=1)


def digests(ground: Ground, host: str) -> set[str]:
    """Return the digests of the authorities that lie on a host."""
    return {line.split()[0] for line in ground.on(host, f"sha256sum {FILES} 2>/dev/null || true").splitlines()}


@pytest.fixture(scope="module")
def standing(ground: Ground) -> Iterator[Ground]:
    ensure_cluster(ground)
    with web(ground, VERSION):
        yield ground


@pytest.fixture(scope="module")
def before(standing: Ground) -> dict[str, set[str]]:
    return {host: digests(standing, host) for host in ("cp-1", "cp-2", "cp-3", "w-1")}


@pytest.fixture(scope="module")
def rotated(standing: Ground, before: dict[str, set[str]]) -> Usage:
    """Every authority and key was changed while the cluster was used; who asks does so around the whole run.

    Its hosts are as its spec says before: a proxy of an earlier Windlass would be recreated first.
    """
    standing.apply(standing.spec()).succeeded()  # not what a module before has left
    assert all(before.values())
    with used(standing, renews=True) as usage:
        run_id = standing.start("rotate_certificates", what="all", auto_approve=True)
        standing.finish("rotate_certificates", run_id, ALL_PHASES).succeeded()
    return usage


def test_nobody_notices_that_authorities_and_keys_change(rotated: Usage, standing: Ground) -> None:
    rotated.check(standing)


def test_no_host_has_an_old_authority(rotated: Usage, standing: Ground, before: dict[str, set[str]]) -> None:
    for host, old in before.items():
        assert digests(standing, host).isdisjoint(old)


def test_the_cluster_is_as_its_spec_says(rotated: Usage, standing: Ground) -> None:
    assert standing.apply(standing.spec()).succeeded().result("result")["state"] == "nothing"


def test_pods_reach_the_api_with_the_authority_that_they_read(rotated: Usage, standing: Ground) -> None:
    found = json.loads(standing.kubectl("cp-1", "-n", "kube-system", "get", "daemonset", "kube-proxy", "-o", "json"))
    assert "io.windlass/authority" in found["spec"]["template"]["metadata"]["annotations"]
    wait_for(lambda: standing.not_ready({"w-1": ("worker",)}) == set(), "the worker", timedelta(minutes=2))
