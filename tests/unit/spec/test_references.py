"""References to secrets: their form, where they may stand, and what is put in their place."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.spec import Cluster, Known, dump_cluster, load_cluster
from windlass.domain.spec.references import (
    EVERYWHERE,
    SecretReference,
    is_reference,
    read_reference,
    reference_problems,
    references_in,
    with_values,
    wrong_reference,
)
from windlass.errors import SpecError

Changed = Callable[[dict[str, Any]], Cluster]
SECRET = """
apiVersion: v1
kind: Secret
metadata: {name: db}
stringData: {password: {fromVariable: windlass_secret_db_password}}
data:
  token: {fromConnection: registry, field: extra.token}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: app}
data: {mode: fast}
"""
PLACES = {
    "spec.hosts.settings": {"nested": [{"secret": {"fromVariable": "windlass_secret_cloud"}}]},
    "spec.stacks": [{"name": "edge-proxy", "values": {"password": {"fromConnection": "edge"}}}],
    "spec.upgrade.hooks.environment": {"TOKEN": {"fromConnection": "ci", "field": "login"}, "MODE": "quick"},
    "spec.manifests": [{"name": "app", "content": SECRET}],
}
ALL = [
    SecretReference("windlass_secret_cloud"),
    SecretReference("edge", "password"),
    SecretReference("ci", "login"),
    SecretReference("windlass_secret_db_password"),
    SecretReference("registry", "extra.token"),
]


def value_of(reference: SecretReference) -> str:
    return f"<{reference.name}|{reference.field}>"


def test_references_are_found_wherever_they_may_stand(changed: Changed) -> None:
    assert sorted(one for _, one in references_in(changed(PLACES))) == sorted(ALL)


def test_texts_take_their_places_and_those_of_data_are_encoded(changed: Changed) -> None:
    filled = with_values(changed(PLACES), value_of, *EVERYWHERE).spec

    assert filled.hosts.settings == {"nested": [{"secret": "<windlass_secret_cloud|>"}]}
    assert filled.stacks[0].values == {"password": "<edge|password>"}
    assert filled.upgrade.hooks.environment == {"TOKEN": "<ci|login>", "MODE": "quick"}
    secret, config = yaml.safe_load_all(filled.manifests[0].content)
    assert secret["stringData"] == {"password": "<windlass_secret_db_password|>"}
    assert base64.b64decode(secret["data"]["token"]).decode() == "<registry|extra.token>"
    assert config["data"] == {"mode": "fast"}


def test_a_spec_without_references_is_the_same_spec(changed: Changed) -> None:
    cluster = changed({"spec.manifests": [{"name": "app", "content": "apiVersion: v1\nkind: ConfigMap"}]})
    assert with_values(cluster, value_of, *EVERYWHERE) == cluster


def test_a_spec_is_stored_with_its_references_alone(changed: Changed) -> None:
    cluster = changed(PLACES)
    with_values(cluster, value_of, *EVERYWHERE)
    assert load_cluster(dump_cluster(cluster), "stored") == cluster
    assert "<" not in dump_cluster(cluster)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"fromVariable": "a", "fromConnection": "b"}, "at once"),
        ({"fromVariable": "a", "field": "password"}, "at once"),
        ({"fromVariable": ""}, "names nothing"),
        ({"fromVariable": 3}, "names nothing"),
        ({"fromVariable": "windlass_notifiers"}, "not for this spec"),
        ({"fromVariable": "windlass_secret.other.token"}, "not for this spec"),
        ({"fromVariable": "a\nb"}, "names nothing"),
        ({"fromConnection": "{{ var.value.x }}"}, "names nothing"),
        ({"fromConnection": "a", "field": "get_uri"}, "no such field"),
        ({"fromConnection": "a", "field": "extra."}, "no such field"),
        ({"fromVariable": "a", "default": "hunter2-hunter2"}, "no key `default`"),
    ],
)
def test_a_malformed_reference_is_refused_and_not_quoted(changed: Changed, value: dict[str, Any], reason: str) -> None:
    cluster = changed({"spec.upgrade.hooks.environment": {"TOKEN": value}})
    (problem,) = reference_problems(cluster)
    assert reason in problem.wrong
    assert "hunter2" not in str(problem)
    if "not for" not in reason:
        with pytest.raises(SpecError, match=reason):
            read_reference(value)


@given(st.dictionaries(st.sampled_from(["fromVariable", "fromConnection", "field", "other"]), st.text(max_size=5)))
def test_whatever_is_meant_as_a_reference_is_read_or_said_to_be_wrong(value: dict[str, str]) -> None:
    if is_reference(value):
        if wrong_reference(value) is None:
            assert read_reference(value).name in value.values()
        else:
            with pytest.raises(SpecError):
                read_reference(value)


def test_a_reference_outside_of_secrets_is_refused(changed: Changed) -> None:
    content = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {password: {fromVariable: x}}\n"
    (problem,) = reference_problems(changed({"spec.manifests": [{"name": "app", "content": content}]}))
    assert "outside of `data` and `stringData` of a Secret" in problem.wrong


def test_a_value_of_the_environment_is_text_or_a_reference(document: dict[str, Any]) -> None:
    document["spec"]["upgrade"] = {"hooks": {"environment": {"PORT": 80, "9": "a", "WINDLASS_HOST": "b"}}}
    with pytest.raises(SpecError) as refusal:
        load_cluster(yaml.safe_dump(document), "new", Known(("v1.37.2",)))
    assert "environment.PORT: the value is neither text nor a reference" in str(refusal.value)
    assert "environment.9: no variable can be called so" in str(refusal.value)
    assert "are given by Windlass" in str(refusal.value)
