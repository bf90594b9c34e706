"""From Airflow's trigger form of every DAG a run can be started, with what the run cannot do without and no more.

What the form does, as read in the UI of Airflow 3.3.2 (airflow-core/src/airflow/ui/src/components/):

- A param is required if its schema has a `type` that is no list with `null` in it. Neither a default nor the kind of
  param (text, number, switch, list, object, choice, date) changes that (FlexibleForm/isParamRequired.tsx).
- While a required param of any section has no value or the value "", Trigger is disabled; false, 0, [] and {} are
  values. Pattern and limits are no matter of the form: the API judges what it sends (FlexibleForm/FlexibleForm.tsx,
  TriggerDag/TriggerDAGForm.tsx).
- At first the section of params that name none is open and every other one is closed; what is required in a closed one
  disables Trigger all the same, and nobody sees why (ConfigForm.tsx).
- What a person empties is sent as null, and everything of the form is sent, touched or not (FlexibleForm/Field*.tsx).
"""

from __future__ import annotations

import copy
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from tools.docs.params_page import params_page

import airflow
from windlass.airflow.approval import ClusterApprovalOperator
from windlass.airflow.operators.cluster import DeletionApprovalOperator

DAGS = Path(__file__).resolve().parents[3] / "dags"
NAMES = sorted(path.stem for path in DAGS.glob("*.py"))

REQUIRED = {
    "apply_cluster": {"cluster": "demo"},
    "create_cluster": {"cluster": "demo"},
    "delete_cluster": {"cluster": "demo", "confirm_name": "demo"},
    "disaster_recovery": {"cluster": "demo"},
    "pause_upgrade": {"cluster": "demo"},
    "rehearse_upgrade": {"cluster": "demo", "version": "v1.37.2"},
    "replace_member": {"cluster": "demo", "host": "cp-1"},
    "restore_objects": {"cluster": "demo"},
    "rotate_certificates": {"cluster": "demo", "what": "all"},
    "upgrade_cluster": {"cluster": "demo"},
}
"""What a person's run cannot do without. Where Windlass starts runs too, their partition names the cluster."""

Form = dict[str, dict[str, Any]]


@cache
def dag_of(name: str) -> Any:
    return DagBag(str(DAGS / f"{name}.py"), load_op_links=False).dags[name]


def form_of(dag_id: str) -> Form:
    """Return the fields as the form gets them: a param without a default comes with the value null."""
    params = dag_of(dag_id).params
    fields = {name: params.get_param(name) for name in params}
    return {name: {"schema": one.schema, "value": one.value if one.has_value else None} for name, one in fields.items()}


def is_required(field: dict[str, Any]) -> bool:
    kind = field["schema"].get("type")
    return bool(kind) and not (isinstance(kind, list) and "null" in kind)


def what_disables_trigger(form: Form) -> set[str]:
    return {name for name, field in form.items() if is_required(field) and field["value"] in (None, "")}


def send(dag_id: str, conf: dict[str, Any]) -> dict[str, Any]:
    """Return the params that a run with this conf gets; an error if the API refuses it."""
    params = copy.deepcopy(dag_of(dag_id).params)
    params.update(conf)
    return params.validate()


@pytest.mark.parametrize(
    ("schema", "value", "disables"),
    [
        ({"type": "string"}, "", True),
        ({"type": "string", "section": "Some"}, "", True),
        ({"type": "string", "format": "date-time"}, None, True),
        ({"type": "string", "enum": ["a", None]}, None, True),
        ({"type": ["string", "number"]}, None, True),
        ({"type": "string"}, "some", False),
        ({"type": ["null", "string"]}, None, False),
        ({"type": ["null", "string"]}, "", False),
        ({"type": "boolean"}, False, False),
        ({"type": "integer"}, 0, False),
        ({"type": "array"}, [], False),
        ({"type": "object"}, {}, False),
        ({}, None, False),
    ],
)
def test_a_required_param_without_a_value_disables_the_button(
    schema: dict[str, Any], value: object, *, disables: bool
) -> None:
    assert what_disables_trigger({"one": {"schema": schema, "value": value}}) == ({"one"} if disables else set())


def test_the_installed_airflow_has_these_rules() -> None:
    (bundle,) = (Path(airflow.__file__).parent / "ui" / "dist" / "assets").glob("index-*.js")
    text = bundle.read_text(encoding="utf-8")
    required = re.search(
        r"([\w$]+)=(\w)=>!!\2\.schema\.type&&\(!Array\.isArray\(\2\.schema\.type\)\|\|!\2\.schema\.type\.includes\(`null`\)\)",
        text,
    )
    assert required, "the form has another rule for what is required: read it again"
    blocks = rf"{re.escape(required[1])}\((\w)\)&&\(\1\.value===null\|\|\1\.value===void 0\|\|\1\.value===``\)"
    assert re.search(blocks, text), "the form has another rule for what disables its button: read it again"


@pytest.mark.parametrize("dag_id", NAMES)
class TestTriggerForm:
    def test_nothing_is_required_but_what_a_run_cannot_do_without(self, dag_id: str) -> None:
        form = form_of(dag_id)

        assert {name for name, field in form.items() if is_required(field)} == set(REQUIRED.get(dag_id, {}))

    def test_what_is_required_stands_in_the_section_that_is_open(self, dag_id: str) -> None:
        form = form_of(dag_id)

        assert [name for name in what_disables_trigger(form) if "section" in form[name]["schema"]] == []

    def test_a_run_can_be_sent_once_that_is_filled(self, dag_id: str) -> None:
        form = form_of(dag_id)
        for name, value in REQUIRED.get(dag_id, {}).items():
            form[name]["value"] = value

        assert what_disables_trigger(form) == set()
        sent = {name: field["value"] for name, field in form.items()}
        assert send(dag_id, sent) == sent

    def test_everything_else_may_be_emptied(self, dag_id: str) -> None:
        form = form_of(dag_id)

        emptied = {**dict.fromkeys(form), **REQUIRED.get(dag_id, {})}
        assert send(dag_id, emptied) == emptied

    def test_approval_in_advance_is_offered_just_where_somebody_asks_for_approval(self, dag_id: str) -> None:
        # A deletion asks nobody but a second person, for whom no run answers.
        asking = [task for task in dag_of(dag_id).tasks if isinstance(task, ClusterApprovalOperator)]
        asks = any(not isinstance(task, DeletionApprovalOperator) for task in asking)
        # The runs that this one starts ask.
        asks |= dag_id == "sync_specs"

        assert ("auto_approve" in dag_of(dag_id).params) is asks


@pytest.mark.parametrize("name", ["reason", "confirm_name", "bundle", "finding", "spec", "stop_after"])
def test_callers_may_send_an_empty_text_as_before(name: str) -> None:
    having = [dag_id for dag_id in NAMES if name in dag_of(dag_id).params]

    assert having
    assert [send(dag_id, {**REQUIRED.get(dag_id, {}), name: ""})[name] for dag_id in having] == [""] * len(having)


def test_a_param_that_a_dag_does_not_have_is_let_through_as_airflow_does() -> None:
    assert send("create_cluster", {"cluster": "demo", "auto_approve": True})["auto_approve"] is True


def test_the_reference_of_params_is_that_of_the_dags() -> None:
    page = (DAGS.parent / "docs" / "reference" / "params.md").read_text(encoding="utf-8")
    assert page == params_page({name: dag_of(name) for name in NAMES}), "run `make docs-reference`"
