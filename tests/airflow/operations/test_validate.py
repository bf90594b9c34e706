from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest

from unit.rollout.test_immutable import BEFORE, with_network
from unit.rollout.test_rollout_plan import OVERLAPPING, cluster
from unit.services import services_of
from windlass.airflow.operators import cluster as cluster_operators
from windlass.airflow.operators.cluster import ClusterValidateOperator
from windlass.airflow.run_context import RunContext
from windlass.domain.spec import Cluster
from windlass.effects.store import MemoryStore
from windlass.errors import RefusedError


def validate(desired: Cluster, pki: Any) -> Any:
    run = Mock(spec=RunContext, keys=Mock(), services=services_of(MemoryStore(), authorities=lambda _: {}))
    run.name = "demo"
    run.stored.return_value, run.desired.return_value = BEFORE, desired
    run.records.pki.return_value, run.records.rollout.return_value = pki, None
    run.session.return_value = Mock(__enter__=Mock(), __exit__=Mock(return_value=None))
    context: Any = {"params": {"spec": "given"}}
    return ClusterValidateOperator(task_id="validate").act(context, run)


def test_what_an_apply_cannot_bring_about_is_refused_before_anything_is_stored() -> None:
    with pytest.raises(RefusedError, match="an apply cannot change this"):
        validate(with_network({"podCidr": "10.99.0.0/16"}), Mock())


def test_hosts_that_the_spec_drops_are_looked_for_in_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    look = Mock(side_effect=RefusedError("w-1 is a node"))
    monkeypatch.setattr(cluster_operators, "refuse_hosts_that_are_in_use", look)
    with pytest.raises(RefusedError, match="w-1 is a node"):
        validate(cluster(OVERLAPPING), Mock())
    assert [host.name for host in look.call_args.args[2]] == ["w-1"]


def test_before_there_are_keys_nothing_runs_and_anything_may_change() -> None:
    assert validate(with_network({"podCidr": "10.99.0.0/16"}), None)["changes"]
    assert validate(cluster(OVERLAPPING), None)["hosts"]
