"""Operators as DAGs of one's own take them: inputs, link, limit, rights, and what other DAGs are told."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers_manager import ProvidersManager
from airflow.sdk import DAG, Asset, BaseOperator, BaseOperatorLink
from airflow.sdk.exceptions import AirflowFailException
from airflow.serialization.serialized_objects import DagSerialization

from unit.services import services_of
from windlass.airflow import assets, operators, run_context, sensors
from windlass.airflow.approval import ClusterApprovalOperator
from windlass.airflow.inputs import INPUTS, with_inputs
from windlass.airflow.links import ClusterLink
from windlass.airflow.operators.base import ClusterOperator
from windlass.airflow.operators.cluster import ClusterForgetOperator, ClusterRemoveOperator
from windlass.airflow.operators.creation import ClusterCreateOperator
from windlass.airflow.operators.etcd import EtcdReplaceMemberOperator
from windlass.airflow.operators.rollout import UpgradeResultOperator, UpgradeStepOperator
from windlass.airflow.provider_info import get_provider_info
from windlass.airflow.run_context import RunContext
from windlass.airflow.sensors.health import ClusterHealthSensor
from windlass.effects.store import MemoryStore
from windlass.errors import SpecError
from world.everything import dags


def _public() -> list[type[BaseOperator]]:
    """Return every operator and sensor that is about one cluster."""
    modules = [
        importlib.import_module(f"{package.__name__}.{one.name}")
        for package in (operators, sensors)
        for one in pkgutil.iter_modules(package.__path__)
    ]
    about = (ClusterOperator, ClusterApprovalOperator, ClusterCreateOperator, ClusterHealthSensor)
    found = {
        one
        for module in modules
        for _, one in inspect.getmembers(module, inspect.isclass)
        if issubclass(one, about) and not one.__name__.startswith("_") and not inspect.isabstract(one)
    }
    return sorted(found, key=lambda one: one.__name__)


PUBLIC = _public()


class Told(dict[str, Any]):
    """What outlets are told, as Airflow's accessors take it."""

    def __missing__(self, asset: Asset) -> Any:
        found = self[asset] = SimpleNamespace(extra={}, partitions=[])
        found.add_partitions = found.partitions.append
        return found


def context_of(dag_id: str = "my_own", user: str | None = None, **params: Any) -> Any:
    run = SimpleNamespace(dag_id=dag_id, run_id="one", run_type="manual", partition_key=None, triggering_user_name=user)
    return {"dag_run": run, "params": params, "ti": None, "outlet_events": Told()}


@pytest.mark.parametrize("kind", PUBLIC, ids=lambda one: one.__name__)
def test_each_takes_its_cluster_as_a_template_and_leads_to_its_page(kind: type[BaseOperator]) -> None:
    taken: set[str] = set()
    for one in kind.mro():
        taken |= set(inspect.signature(one.__init__).parameters) if "__init__" in vars(one) else set()
    known = set(INPUTS) | {"request"}
    assert "cluster" in kind.template_fields
    # Whatever an input it has is a template, and nothing else of what it was made from is: plans hold any text.
    assert set(kind.template_fields) & known == taken & known
    assert [link.name for link in kind.operator_extra_links].count("Cluster") == 1  # type: ignore[union-attr]


def test_there_are_as_many_as_there_are() -> None:
    assert len(PUBLIC) >= 40
    assert "step" not in UpgradeStepOperator.template_fields


def test_what_it_is_given_goes_before_the_runs_params_and_what_not_is_theirs() -> None:
    operator = EtcdReplaceMemberOperator(task_id="replace", cluster="one", host=None)
    own = with_inputs(operator, context_of(cluster="two", host="cp-1", reason="why"))
    assert own["params"] == {"cluster": "one", "host": "cp-1", "reason": "why"}
    given = context_of(cluster="two")
    assert with_inputs(EtcdReplaceMemberOperator(task_id="replace"), given) is given


@pytest.mark.parametrize(
    ("text", "meant"), [("True", True), ("false", False), (True, True), ("None", None), ("", None)]
)
def test_a_switch_is_read_from_what_a_template_makes_of_it(text: Any, meant: bool | None) -> None:  # noqa: FBT001
    operator = ClusterForgetOperator(task_id="forget", keep_backups=text)
    assert with_inputs(operator, context_of())["params"]["keep_backups"] is meant


@pytest.mark.parametrize(
    ("operator", "message"),
    [
        (ClusterForgetOperator(task_id="a", keep_backups="nope"), "a: keep_backups: 'nope' is no switch"),
        (ClusterRemoveOperator(task_id="b", gone="cp-1"), "b: gone: 'cp-1' is no list of names"),
        (UpgradeStepOperator(task_id="c", step={}, request={"flavour": "x"}), "c: there is no input `flavour`"),
        (ClusterRemoveOperator(task_id="d", cluster=7), "d: cluster: 7 is no text"),  # type: ignore[arg-type]
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_is_not_of_its_form_is_named(operator: BaseOperator, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        with_inputs(operator, context_of())


@pytest.mark.parametrize("base", ["https://airflow.example.org", "https://example.org/below/it/"])
def test_the_link_leads_to_the_clusters_page_also_below_a_path(monkeypatch: pytest.MonkeyPatch, base: str) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base)
    operator, key = EtcdReplaceMemberOperator(task_id="replace"), SimpleNamespace()
    assert ClusterLink().get_link(operator, ti_key=key) == ""  # type: ignore[arg-type]
    operator.cluster = "demo"
    page = f"{base.rstrip('/')}/windlass/cluster/demo"
    assert ClusterLink().get_link(operator, ti_key=key) == page  # type: ignore[arg-type]


def test_airflow_knows_the_link_by_the_providers_description_and_keeps_it_in_serialized_dags() -> None:
    assert get_provider_info()["extra-links"] == [f"{ClusterLink.__module__}.{ClusterLink.__qualname__}"]
    assert issubclass(ClusterLink, BaseOperatorLink)
    manager = ProvidersManager()
    manager._provider_schema_validator.validate(get_provider_info())
    kept = DagSerialization.from_dict(DagSerialization.to_dict(dags()["delete_cluster"]))
    assert "Cluster" in kept.get_task("remove").extra_links


class Step(ClusterOperator):
    """Does nothing."""

    announces = assets.BACKED_UP
    news_of: Any = None

    def act(self, context: Any, run: RunContext) -> Any:
        """Return what the test wants."""
        return self.news_of

    def news(self, result: Any) -> Any:
        """Return it."""
        return result


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the rights that are asked for; each is refused."""
    asked: list[str] = []

    def refuse(run: Any, right: str, *, is_by_person: bool) -> None:
        asked.append(right)
        raise SpecError("refused")

    monkeypatch.setattr(run_context, "airflow_services", lambda: services_of(MemoryStore()))
    monkeypatch.setattr("windlass.airflow.operators.base.require_right", refuse)
    return asked


def test_in_a_dag_of_ones_own_each_step_asks_and_what_deletes_asks_for_that(refused: list[str]) -> None:
    with DAG("my_own", schedule=None):
        first = Step(task_id="first", cluster="demo")
        remove = ClusterRemoveOperator(task_id="remove", cluster="demo")
        first >> remove
    for operator in (first, remove):
        with pytest.raises(AirflowFailException, match="refused"):
            operator.execute(context_of())
    assert refused == ["operate", "delete"]


def test_other_dags_are_told_of_what_has_happened_and_of_nothing_else() -> None:
    run: Any = SimpleNamespace(name="demo")
    told, operator = context_of(), Step(task_id="step")
    assert operator.outlets == [assets.BACKED_UP]
    operator.news_of = {"bundle": "b"}
    operator.do(told, run)
    event = told["outlet_events"][assets.BACKED_UP]
    assert (event.partitions, event.extra) == (["demo"], {"cluster": "demo", "bundle": "b"})
    told, operator.news_of = context_of(), None
    operator.do(told, run)
    assert (dict(told["outlet_events"]), operator.outlets) == ({}, [])


def test_a_rollout_tells_of_itself_once_all_of_it_is_done() -> None:
    result = UpgradeResultOperator(task_id="r", gate="g", confirm="c", rollout="o", tells=assets.UPGRADED)
    assert result.news({"state": "done", "from": "v1", "to": "v2"}) == {"from": "v1", "to": "v2"}
    assert [result.news({"state": state}) for state in ("planned", "nothing", "paused", "created")] == [None] * 4


def test_each_asset_has_one_name_and_the_prefix_that_is_guarded_and_a_task_that_tells_of_it() -> None:
    found = [one for one in vars(assets).values() if isinstance(one, Asset)]
    assert len({one.name for one in found}) == len(found)
    assert [one.name for one in found if not one.name.startswith("windlass_")] == []
    told = {one.name for dag in dags().values() for task in dag.tasks for one in task.outlets}
    assert told == {one.name for one in found}
