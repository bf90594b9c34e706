from __future__ import annotations

import time

import pytest
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import ParamValidationError

from windlass.airflow.params import common_params, plan_digest_param, spec_param, whole_value


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


SPEC = """spec:
  manifests:
    - name: app
      content: |
        apiVersion: v1
        kind: Secret
        metadata: {name: db}
        TYPE:
          first: {fromVariable: windlass_secret_a}
          second:
            fromConnection: vendor
            field: password
          VALUE
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: db}
        data:
          mode: fast
"""


def spec_given(text: str) -> object:
    chosen = ParamsDict({"spec": spec_param("What is wished.")})
    chosen["spec"] = text
    return chosen.validate()["spec"]


@pytest.mark.parametrize("kind", ["data", "stringData"])
@pytest.mark.parametrize("value", ["password: hunter2", 'password: "hunter2"', "a.b-c: x"])
def test_a_run_with_a_plain_secret_is_refused_before_it_is_kept(kind: str, value: str) -> None:
    with pytest.raises(ParamValidationError):
        spec_given(SPEC.replace("TYPE", kind).replace("VALUE", value))


def test_a_run_with_a_private_key_is_refused_before_it_is_kept() -> None:
    with pytest.raises(ParamValidationError):
        spec_given("key: |\n  -----BEGIN EC PRIVATE KEY-----\n")


@pytest.mark.parametrize("kind", ["data", "stringData"])
def test_references_to_secrets_are_accepted(kind: str) -> None:
    text = SPEC.replace("TYPE", kind).replace("VALUE", "third: {fromConnection: vendor}")
    assert spec_given(text) == text
    assert spec_given(None) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "\n" + "kind: Secret\n" * 60_000,
        "\n  stringData:" * 50_000,
        "\nstringData:\n" + " a\n" * 100_000,
        "\nkind: Secret\ndata:\n" + " " * 500_000,
    ],
)
def test_no_spec_keeps_the_api_server_busy(text: str) -> None:
    began = time.process_time()
    spec_given(text)
    assert time.process_time() - began < 20
