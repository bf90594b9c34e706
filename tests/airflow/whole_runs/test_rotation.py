"""A rotation from its first task to its last: each phase is a rollout, and hosts always accept each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta
from typing import NoReturn

import pytest

from windlass.domain.host.layout import SEALED_PKI
from windlass.domain.pki import Pki, Signer, files_for, issue_pki
from windlass.domain.pki.rotation import has_anything_ended
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.domain.spec import load_cluster
from windlass.effects.ssh.connection import RemoteFile
from windlass.effects.store import ClusterRecords
from windlass.errors import UnreachableError
from windlass.operations.rollout import revive
from world import World
from world.specs import SMALL, THREE
from world.trust import BUNDLES, TrustWatch, stored, strangers

New = Callable[[str], World]
PEOPLE = SMALL.replace("\nspec:\n", "\nspec:\n  access: {groups: {Admin: [windlass:cluster-admin]}}\n")
"""One that people may come into: its API servers accept another authority besides."""


def made(new: New, spec: str) -> World:
    world = new(spec)
    world.run("create_cluster", spec=spec)
    return world


def issuers(pki: Pki) -> set[str]:
    return {pki.authorities[signer].certificate for signer in BUNDLES}


@pytest.mark.parametrize("spec", [SMALL, THREE, PEOPLE], ids=["small", "three", "people"])
def test_every_authority_and_key_is_changed_and_hosts_accept_each_other_all_the_time(new: New, spec: str) -> None:
    world = made(new, spec)
    before = stored(world)
    watch = TrustWatch(world)

    run = world.run("rotate_certificates", what="all", auto_approve=True)

    after = stored(world)
    assert watch.found == []
    assert run.results["trust_result"]["state"] == run.results["reissue_result"]["state"] == "done"
    assert not issuers(after) & issuers(before)
    assert after.authorities.get(Signer.PEOPLE) == before.authorities.get(Signer.PEOPLE)
    assert after.encryption_keys != before.encryption_keys
    assert len(after.encryption_keys) == 1
    assert not set(map(str, after.leaves)) - set(before.leaves)
    assert all(leaf.certificate != before.leaves[name].certificate for name, leaf in after.leaves.items())
    assert world.run("apply_cluster").results["result"]["state"] == "nothing"


def test_leaves_are_issued_again_in_one_rollout(new: New) -> None:
    world = made(new, SMALL)
    before = stored(world)
    watch = TrustWatch(world)
    run = world.run("rotate_certificates", what="leaves", auto_approve=True)
    assert watch.found == []
    assert run.results["settle_result"]["state"] == "done"
    assert run.states["trust_lease"] == "skipped"
    assert stored(world).authorities == before.authorities
    assert not stored(world).rotations
    assert all(leaf != before.leaves[name] for name, leaf in stored(world).leaves.items())


def test_a_plan_alone_stores_and_changes_nothing(new: New) -> None:
    world = made(new, SMALL)
    before, pki = world.state(), stored(world)
    run = world.run("rotate_certificates", what="etcd-ca", plan_only=True)
    lines = [line for step in run.results["settle_gate"]["steps"] for line in step["does"]]
    assert "cp-1: etcd restarted" in lines
    assert (world.state(), stored(world)) == (before, pki)
    assert run.states["trust_gate"] == "skipped"


def test_old_service_account_keys_are_kept_until_no_token_of_them_can_be_left(new: New) -> None:
    world = made(new, SMALL)
    old = stored(world).service_account_key
    world.run("rotate_certificates", what="service-account", auto_approve=True)
    assert stored(world).service_account_key != old
    world.clock.set_back(-timedelta(hours=2))
    world.run("rotate_certificates", what="service-account", auto_approve=True)
    assert not stored(world).rotations


def end(world: World, text: str, *, authorities: bool) -> None:
    """Have all certificates of a cluster ended, and its authorities too, in the store and on hosts."""
    cluster, long_ago = load_cluster(text, "spec"), world.clock.now(UTC) - timedelta(days=3700)
    ended = stored(world)
    if authorities:
        ended = replace(ended, authorities=issue_pki(cluster, long_ago).authorities)
    ended = replace(ended, leaves=issue_pki(cluster, long_ago, replace(ended, leaves={})).leaves)
    ClusterRecords(world.store, world.name).save_pki(ended, world.keys)
    for host in cluster.spec.hosts.members:
        for path, file in files_for(cluster, host, ended).items():
            world.machines[host.name].host.files[path] = RemoteFile(file.content, file.mode, file.owner)


@pytest.mark.parametrize("authorities", [True, False])
def test_a_cluster_whose_certificates_have_ended_comes_back(new: New, *, authorities: bool) -> None:
    world = made(new, SMALL)
    end(world, SMALL, authorities=authorities)

    run = world.run("rotate_certificates", what="all", auto_approve=True)

    assert "certificates" in run.results["revive"]["cp-1"]
    assert not has_anything_ended(stored(world), world.clock.now(UTC))
    assert list(strangers(world)) == []
    assert world.run("apply_cluster").results["result"]["state"] == "nothing"


@pytest.mark.parametrize("authorities", [True, False])
@pytest.mark.parametrize("dies_at", ["install_certificates", "_start_again", "start_kubelets"])
def test_a_run_that_dies_while_it_brings_a_cluster_back_is_made_up_for_by_the_next(
    new: New, monkeypatch: pytest.MonkeyPatch, dies_at: str, *, authorities: bool
) -> None:
    world = made(new, SMALL)
    end(world, SMALL, authorities=authorities)
    what = "all" if authorities else "leaves"  # no leaf can be issued by an authority that has ended
    with monkeypatch.context() as dying:
        dying.setattr(revive, dies_at, _die)
        with pytest.raises(UnreachableError, match="killed"):
            world.run("rotate_certificates", what=what, auto_approve=True)
    for run in world.runs.values():
        run.is_finished = True

    run = world.run("rotate_certificates", what=what, auto_approve=True)

    assert run.results["revive"]["cp-1"]
    assert not has_anything_ended(stored(world), world.clock.now(UTC))
    assert list(strangers(world)) == []


def _die(*_: object, **__: object) -> NoReturn:
    raise UnreachableError("killed")


def test_a_host_that_does_not_answer_keeps_no_cluster_from_coming_back(new: New) -> None:
    world = made(new, THREE)
    end(world, THREE, authorities=False)
    gone = next(name for name in world.machines if name != "cp-1")
    world.machines[gone].host.is_reachable = False

    run = world.begin("rotate_certificates", what="leaves", auto_approve=True)
    for task in world.tasks(run):
        world.execute(task, run)
        if task.task_id == "revive":
            break

    assert set(run.results["revive"]) == set(world.machines) - {gone}
    assert not has_anything_ended(stored(world), world.clock.now(UTC))


def test_what_is_stored_is_sealed_again_with_the_first_master_key(new: New) -> None:
    world = made(new, SMALL)
    before = stored(world)
    first = new_master_key().reveal()
    both = MasterKeys((*MasterKeys.parse(first).keys, *world.keys.keys))
    world.use_keys(both)

    world.run("rotate_certificates", what="master-key", auto_approve=True)

    sealed = ClusterRecords(world.store, world.name).sealed_pki()
    assert sealed is not None
    assert ClusterRecords(world.store, world.name).open_pki(sealed, MasterKeys.parse(first)) == before
    assert world.machines["cp-1"].host.files[SEALED_PKI].content == sealed


def test_nothing_is_done_to_all_hosts_at_once_while_nothing_has_ended(new: New) -> None:
    world = made(new, SMALL)
    run = world.run("rotate_certificates", what="front-proxy-ca", auto_approve=True)
    assert run.results["revive"] == {}


def test_no_phase_begins_while_a_host_does_not_answer(new: New) -> None:
    world = made(new, SMALL)
    before = stored(world)
    world.machines["w-1"].host.is_reachable = False
    world.run("rotate_certificates", what="kubernetes-ca", auto_approve=True)
    assert stored(world).authorities == before.authorities
    assert {one.phase.value for one in stored(world).rotations.values()} == {"prepared"}
    world.machines["w-1"].host.is_reachable = True
    world.run("rotate_certificates", what="kubernetes-ca", auto_approve=True)
    assert not stored(world).rotations
    assert stored(world).authorities != before.authorities
