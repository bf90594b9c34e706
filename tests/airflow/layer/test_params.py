from __future__ import annotations

import pytest
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import ParamValidationError

from windlass.airflow.params import common_params, plan_digest_param, whole_value


def params(**values: object) -> ParamsDict:
    chosen = ParamsDict(common_params())
    chosen.update({"cluster": "demo", **values})
    return chosen


def test_a_run_that_names_its_cluster_changes_things() -> None:
    assert params().validate() == {"cluster": "demo", "plan_only": False, "reason": None}


@pytest.mark.parametrize("name", ["", "Demo", "-demo", "demo-", "demo.x", "d" * 64, "demo\n", 7])
def test_refuses_what_is_no_cluster_name(name: object) -> None:
    with pytest.raises(ParamValidationError):
        params(cluster=name).validate()


def test_the_cluster_has_no_default() -> None:
    with pytest.raises(ParamValidationError):
        ParamsDict(common_params()).validate()


def test_each_dag_gets_params_of_its_own() -> None:
    first, second = common_params(), common_params()

    first["reason"].value = "changed"

    assert second["reason"].value is None


def test_a_digest_with_a_line_break_is_none() -> None:
    chosen = ParamsDict({"digest": plan_digest_param()})
    chosen["digest"] = "a" * 64
    assert chosen.validate() == {"digest": "a" * 64}
    with pytest.raises(ParamValidationError):
        chosen["digest"] = "a" * 64 + "\n"


def test_the_pattern_of_a_whole_value_is_read_alike_by_browsers_and_by_python() -> None:
    assert whole_value("a|b") == r"^(?:a|b)(?!\n)$"
