"""Bundles of a real cluster, through Airflow: taken by hand and by schedule, and checked to the last byte."""

from __future__ import annotations

from datetime import timedelta

import pytest
import yaml

from e2e.ground import CLUSTER, Ground, Run, wait_for
from e2e.standing import ensure_cluster
from windlass.domain.backup import BundleId, BundleTrust
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.effects.bundles import Vault
from windlass.effects.kubernetes.client import NAMESPACES, NODES
from windlass.errors import IntegrityError
from windlass_lab.docker import docker

SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "drill-me", "namespace": "default"}}


def vault_of(ground: Ground) -> Vault:
    return Vault(ground.store, CLUSTER, MasterKeys.parse(ground.master_key.reveal()))


@pytest.fixture(scope="module")
def taken(ground: Ground) -> Run:
    """A bundle of a cluster with a Secret in it, taken by a run that a person started."""
    ensure_cluster(ground)
    with ground.api() as client:
        client.apply({**SECRET, "stringData": {"word": "hunter2"}})
    return ground.run("etcd_backup").succeeded()


def bundle_of(run: Run) -> BundleId:
    return BundleId.parse(run.result("take")["bundle"])


def test_a_bundle_holds_what_the_cluster_held(ground: Ground, taken: Run) -> None:
    vault = vault_of(ground)
    manifest = vault.manifest(bundle_of(taken))
    vault.verify(manifest)
    with ground.api() as client:
        for found, resource in ((manifest.namespaces, NAMESPACES), (manifest.nodes, NODES)):
            uids = {one["metadata"]["name"]: one["metadata"]["uid"] for one in client.list(resource)}
            assert {name: uids.get(name) for name in found} == dict(found)
    assert {member.name for member in manifest.etcd.members} == {"cp-1", "cp-2", "cp-3"}
    assert not manifest.etcd.source_is_leader
    state = vault.state(manifest)
    assert state.pki == ground.pki()
    assert set(state.stacks) == {"cp-1", "cp-2", "cp-3"}


def test_nobody_reads_a_bundle_with_another_key(ground: Ground, taken: Run) -> None:
    stranger = Vault(ground.store, CLUSTER, MasterKeys.parse(new_master_key().reveal()))
    with pytest.raises(IntegrityError, match="not by any of the master keys"):
        stranger.manifest(bundle_of(taken))


@pytest.mark.full
def test_a_schedule_brings_bundles_by_itself(ground: Ground, taken: Run) -> None:
    before = {run.run_id for run in ground.client.runs("etcd_backup")}
    asked = yaml.safe_load(ground.records.spec() or "")
    asked["spec"]["backup"] = {"schedule": "* * * * *", "drill": {"schedule": None}}
    ground.records.save_spec(yaml.safe_dump(asked, sort_keys=False, width=10_000))
    try:
        wait_for(lambda: _ended_since(ground, before), "a run by schedule", timedelta(minutes=3))
    finally:
        asked["spec"]["backup"]["schedule"] = None
        ground.records.save_spec(yaml.safe_dump(asked, sort_keys=False, width=10_000))
    assert max(vault_of(ground).inventory().bundles) > bundle_of(taken)


def _ended_since(ground: Ground, before: set[str]) -> bool:
    return any(run.run_id not in before and run.state == "success" for run in ground.client.runs("etcd_backup"))


@pytest.mark.full
def test_what_lies_in_the_store_is_not_restored_once_it_is_damaged(ground: Ground, taken: Run) -> None:
    made = bundle_of(ground.run("etcd_backup").succeeded())
    key = f"clusters/{CLUSTER}/bundles/{made}/snapshot.sealed"
    stored = ground.store.get(key)
    assert stored is not None
    ground.store.put(key, stored.data[:-100])

    log = ground.run("restore_drill", bundle=str(made)).refused("drill")

    assert "cut off" in log
    standings = {one.bundle: one.standing for one in vault_of(ground).candidates()}
    assert standings[made] is BundleTrust.DISPROVEN
    vault_of(ground).delete(made)


@pytest.mark.full
def test_a_store_that_is_away_fails_the_backup_and_the_next_one_comes(ground: Ground, taken: Run) -> None:
    container = f"windlass-lab-{ground.lab.name}-s3"
    docker("pause", container)
    try:
        run_id = ground.start("etcd_backup")
        ground.task_process("etcd_backup", run_id, "take")
    finally:
        docker("unpause", container)
    ground.converge("etcd_backup", run_id).succeeded()
    assert ground.run("etcd_backup").succeeded().result("take")["bundle"] > taken.result("take")["bundle"]


@pytest.mark.full
def test_a_backup_that_is_killed_leaves_no_bundle_and_the_next_one_comes(ground: Ground, taken: Run) -> None:
    before = vault_of(ground).inventory().bundles
    run_id = ground.start("etcd_backup")
    ground.task_process("etcd_backup", run_id, "take").kill()
    ground.converge("etcd_backup", run_id).succeeded()
    (new,) = set(vault_of(ground).inventory().bundles) - set(before)
    vault_of(ground).verify(vault_of(ground).manifest(new))
