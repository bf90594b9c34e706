from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from unittest.mock import Mock

import pytest

from unit.cluster_run import FakeRun
from unit.rollout.test_gate import NOW
from unit.rollout.test_immutable import BEFORE, with_network
from unit.rollout.test_rollout_plan import OVERLAPPING, cluster
from windlass.domain.apply.created import CreatedRecord
from windlass.domain.apply.fixed_point import is_applied
from windlass.domain.apply.summary import summary
from windlass.domain.catalog import Drivers
from windlass.domain.lease import Owner
from windlass.domain.spec import Cluster
from windlass.errors import NotReadyError, RefusedError
from windlass.operations.apply import delete, validate
from windlass.operations.apply.delete import confirm_deletion, drain_users, forget_cluster, take_off_hosts
from windlass.operations.apply.validate import ValidSpec, validate_spec

OWNER = Owner("delete_cluster", "one")


def check(desired: Cluster, pki: Any, *, is_verified: bool = False) -> ValidSpec:
    run = FakeRun(Owner("create_cluster", "one"), BEFORE)
    run.desired = lambda _: desired
    created = CreatedRecord(NOW, "cafe") if is_verified else None
    run.catalog.drivers = Drivers()
    run.records = Mock(**{"pki.return_value": pki, "rollout.return_value": None, "created.return_value": created})
    return validate_spec(run, "given")


@pytest.mark.parametrize("is_verified", [True, False])
def test_what_an_apply_cannot_bring_about_is_refused_before_anything_is_stored(*, is_verified: bool) -> None:
    with pytest.raises(RefusedError, match="a rollout cannot change this"):
        check(with_network({"podCidr": "10.99.0.0/16"}), Mock(), is_verified=is_verified)


def test_a_cluster_that_was_verified_is_changed_by_apply_cluster_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    look = Mock()
    monkeypatch.setattr(validate, "refuse_hosts_that_are_in_use", look)
    with pytest.raises(RefusedError, match=r"trigger `apply_cluster` with this spec.*members.w-1: .* -> absent"):
        check(cluster(OVERLAPPING), Mock(), is_verified=True)
    look.assert_not_called()
    assert check(BEFORE, Mock(), is_verified=True).changes == ()


def test_hosts_that_the_spec_drops_are_looked_for_in_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    look = Mock(side_effect=RefusedError("w-1 is a node"))
    monkeypatch.setattr(validate, "refuse_hosts_that_are_in_use", look)
    with pytest.raises(RefusedError, match="w-1 is a node"):
        check(cluster(OVERLAPPING), Mock())
    assert [host.name for host in look.call_args.args[2]] == ["w-1"]


def test_before_there_are_keys_nothing_runs_and_anything_may_change() -> None:
    assert check(with_network({"podCidr": "10.99.0.0/16"}), None).changes
    assert check(cluster(OVERLAPPING), None).hosts


def settled(
    plan: Mapping[str, tuple[str, ...]],
    stored: Cluster | None,
    desired: Cluster,
    *,
    is_created: bool = True,
) -> bool:
    return is_applied(plan, stored, desired, is_created=is_created)


def test_a_cluster_is_as_it_should_be_once_no_host_and_no_spec_says_otherwise() -> None:
    done: dict[str, tuple[str, ...]] = {"cp-1": (), "w-1": ()}
    assert settled(done, BEFORE, BEFORE)
    assert not settled({**done, "w-1": ("start kubelet",)}, BEFORE, BEFORE)
    assert not settled(done, None, BEFORE)
    assert not settled(done, BEFORE, with_network({"podCidr": "10.99.0.0/16"}))


def test_a_cluster_that_was_never_verified_is_not_as_it_should_be_whatever_its_hosts_say() -> None:
    assert not settled({"cp-1": (), "w-1": ()}, BEFORE, BEFORE, is_created=False)


@pytest.mark.parametrize(
    ("results", "told"),
    [
        ({}, "create_cluster: nothing to change"),
        (
            {"prepare": {"cp-1": ["files", "image"], "w-1": []}, "services": ["labels of w-1"], "workers": None},
            "create_cluster: 3 changes",
        ),
    ],
)
def test_the_summary_counts_what_was_changed(results: dict[str, Any], told: str) -> None:
    assert summary("create_cluster", results) == told


def test_deleting_needs_the_name() -> None:
    run = FakeRun(OWNER, cluster(OVERLAPPING))
    with pytest.raises(RefusedError, match="confirm_name"):
        confirm_deletion(run, "other")
    assert confirm_deletion(run, "demo") == ["cp-1", "cp-2", "cp-3"]


def test_a_cluster_that_does_not_answer_any_more_is_not_drained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delete, "kubernetes_api", Mock(side_effect=NotReadyError("no API server is ready")))
    told: list[str] = []
    assert drain_users(FakeRun(OWNER, BEFORE), told.append) == []
    assert told == ["not drained: no API server is ready"]


def test_hosts_that_a_provider_made_are_destroyed() -> None:
    run = FakeRun(OWNER, BEFORE)
    run.lease().acquire()
    assert take_off_hosts(run, Mock(makes_hosts=True, **{"destroy.return_value": ["cp-1"]})) == {"cp-1": ("destroyed",)}
    run.sessions.assert_not_called()


@pytest.mark.parametrize("keeps", [True, False])
def test_backups_go_with_their_cluster_only_where_that_was_said(*, keeps: bool) -> None:
    run = FakeRun(OWNER, BEFORE)
    run.records = Mock(**{"forget.return_value": ["the spec"]})
    run.bundles = Mock(**{"forget.return_value": ["a bundle"]})

    assert forget_cluster(run, keep_backups=keeps) == (["the spec"] if keeps else ["a bundle", "the spec"])

    run.records.forget.assert_called_once_with(keep_backups=keeps)
    assert run.lines == [("info", "delete_cluster: the cluster was taken off its hosts")]
