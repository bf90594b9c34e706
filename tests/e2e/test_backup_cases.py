"""Backups against a store that is far away and breaks off, and killed at each of their steps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import yaml

from e2e.etcd import check, missing, writer
from e2e.ground import CLUSTER, Ground, wait_for
from windlass.domain.backup import MANIFEST, SNAPSHOT, BundleId
from windlass.domain.sealing import MasterKeys
from windlass.domain.secret import Secret
from windlass.effects.bundles import Vault
from windlass.effects.store import S3Store, StoreConfig
from windlass.effects.store.keys import bundle_key, bundles_prefix
from windlass_lab.delay_proxy import DelayProxy
from windlass_lab.model import BUCKET

pytestmark = pytest.mark.full

LATE = timedelta(milliseconds=250)
"""In each direction: half a second for each answer, as from the other side of the world."""
CONNECTION, PREFIX = "windlass_far", "far"


@dataclass(frozen=True)
class Far:
    """The cluster, whose bundles now go to a store that is far away."""

    ground: Ground
    proxy: DelayProxy
    store: S3Store
    """The same store, from nearby."""

    @property
    def vault(self) -> Vault:
        """The bundles there."""
        return Vault(self.store, CLUSTER, MasterKeys.parse(self.ground.master_key.reveal()))

    def parts(self) -> set[str]:
        """Return the keys of all that lies there."""
        return {item.key for item in self.store.list(bundles_prefix(CLUSTER))}


@pytest.fixture
def far(cluster: Ground) -> Iterator[Far]:
    place = urlsplit(cluster.lab.s3_endpoint)
    assert place.hostname
    assert place.port
    s3 = cluster.lab.s3_credentials()
    near = StoreConfig(BUCKET, PREFIX, cluster.lab.s3_endpoint, "us-east-1", s3.access_key, Secret(s3.secret_key))
    with DelayProxy((place.hostname, place.port), LATE) as proxy:
        url = "http://{}:{}".format(*proxy.address)
        with (
            connection(cluster, url),
            backups_to(cluster, {"connection": CONNECTION, "bucket": BUCKET, "prefix": PREFIX}),
            closing(S3Store(near)) as store,
        ):
            yield Far(cluster, proxy, store)


@contextmanager
def connection(ground: Ground, url: str) -> Iterator[None]:
    """Have Airflow know the store behind `url`, as a person adds a connection."""
    s3, client = ground.lab.s3_credentials(), ground.client
    body = {
        "connection_id": CONNECTION,
        "conn_type": "aws",
        "login": s3.access_key,
        "password": s3.secret_key,
        "extra": json.dumps({"endpoint_url": url}),
    }
    client._checked(client._send("POST", "/api/v2/connections", json=body))
    try:
        yield
    finally:
        client._send("DELETE", f"/api/v2/connections/{CONNECTION}")


@contextmanager
def backups_to(ground: Ground, target: dict[str, str]) -> Iterator[None]:
    """Have the cluster's bundles go elsewhere."""
    before = ground.records.spec() or ""
    changed = yaml.safe_load(before)
    changed["spec"]["backup"]["target"] = target
    ground.records.save_spec(yaml.safe_dump(changed, sort_keys=False, width=10_000))
    try:
        yield
    finally:
        ground.records.save_spec(before)


def test_a_store_that_is_far_away_makes_a_backup_slow_and_nothing_else(far: Far) -> None:
    with writer(far.ground) as writing:
        taken = far.ground.run("etcd_backup").succeeded().result("take")

    bundle = BundleId.parse(taken["bundle"])
    assert taken["milliseconds"]["store"] > 2 * 2 * LATE.total_seconds() * 1000
    far.vault.verify(far.vault.manifest(bundle))
    check(far.ground, writing)


def test_connections_that_break_off_in_the_middle_cost_another_try(far: Far) -> None:
    before = far.parts()
    run_id = far.ground.start("etcd_backup")
    wait_for(lambda: far.parts() - before, "something is written")
    far.proxy.cut()

    taken = far.ground.converge("etcd_backup", run_id).succeeded().result("take")

    far.vault.verify(far.vault.manifest(BundleId.parse(taken["bundle"])))


def test_a_backup_killed_before_its_last_step_is_none(far: Far) -> None:
    before = far.parts()
    run_id = far.ground.start("etcd_backup")
    process = far.ground.task_process("etcd_backup", run_id, "take")
    wait_for(lambda: [key for key in far.parts() - before if key.endswith(SNAPSHOT)], "the snapshot is stored")
    process.kill()
    (torn,) = {key.split("/")[-2] for key in far.parts() - before}

    taken = far.ground.converge("etcd_backup", run_id).succeeded().result("take")

    assert taken["bundle"] != torn
    assert bundle_key(CLUSTER, torn, MANIFEST) not in far.parts()
    inventory = far.vault.inventory()
    assert BundleId.parse(torn) in inventory.incomplete
    assert BundleId.parse(taken["bundle"]) in inventory.bundles


def test_a_backup_whose_every_task_is_killed_once_ends_with_a_bundle(cluster: Ground) -> None:
    run_id = cluster.start("etcd_backup")
    killed = cluster.kill_every_task_once("etcd_backup", run_id)
    assert "take" in killed
    taken = cluster.converge("etcd_backup", run_id).succeeded().result("take")
    vault = Vault(cluster.store, CLUSTER, MasterKeys.parse(cluster.master_key.reveal()))
    vault.verify(vault.manifest(BundleId.parse(taken["bundle"])))
    assert missing(cluster) == []
