"""Bundles of each release of the catalog, through Airflow: a drill restores one, compares, and leaves no trace.

Nothing but drills: a release counts as verified only if something passed on it of each of some modules, this one too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.etcd import vault
from e2e.ground import VERSION, Ground
from e2e.standing import empty_ground
from windlass.domain.backup import BundleId, BundleTrust
from windlass.effects.catalog import load_catalog

CATALOG = load_catalog(Path(__file__).parents[2] / "include" / "templates" / "kubernetes")
RELEASES = sorted(CATALOG.versions, key=lambda version: version != VERSION)  # the cluster that is there is used first
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "drill-me", "namespace": "default"}}
TRACES = "docker ps -aq --filter label=io.windlass.drill; ls /var/lib/windlass/drills 2>/dev/null; true"


@dataclass(frozen=True)
class Backed:
    """A cluster of one release, and a bundle of it."""

    ground: Ground
    release: str
    bundle: BundleId


@pytest.fixture(
    params=[pytest.param(version, marks=[pytest.mark.full] if version != VERSION else []) for version in RELEASES]
)
def release(request: pytest.FixtureRequest) -> str:
    """A release of the catalog; each CI run takes the one that the other tests run on."""
    version: str = request.param
    return version


@pytest.fixture
def backed(request: pytest.FixtureRequest, ground: Ground, release: str) -> Iterator[Backed]:
    """A bundle of a cluster of that release with a Secret in it; one of another than VERSION is gone at the end."""
    try:
        if release == VERSION:
            request.getfixturevalue("cluster")
        else:
            empty_ground(ground)
            ground.create(ground.spec(version=release)).succeeded()
        with ground.api() as client:
            client.apply({**SECRET, "stringData": {"word": "hunter2"}})
        taken = ground.run("etcd_backup").succeeded()
        yield Backed(ground, release, BundleId.parse(taken.result("take")["bundle"]))
    finally:
        if release != VERSION:
            empty_ground(ground)


def test_a_drill_proves_it_and_leaves_no_trace(backed: Backed) -> None:
    ground = backed.ground
    assert vault(ground).manifest(backed.bundle).kubernetes_version == backed.release

    drill = ground.run("restore_drill", bundle=str(backed.bundle)).succeeded()

    result = drill.result("drill")
    assert result["compared"]["a Secret"] == "decrypted"
    assert set(result["compared"]) >= {"revision", "hash of all keys", "number of keys", "UIDs of nodes"}
    standings = {one.bundle: one.standing for one in vault(ground).candidates()}
    assert standings[backed.bundle] is BundleTrust.PROVEN
    assert ground.on(result["host"], TRACES).split() == []
    assert any("is proven" in line for line in ground.service_log())
