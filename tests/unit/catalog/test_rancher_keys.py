"""Keys of Rancher 1.x's catalog: those that mean something here mean the same, and others are refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.catalog import CatalogFiles, StackTemplate, parse_stacks
from windlass.domain.catalog.rancher import REFUSED_KEYS, REFUSED_LABELS, TAKEN_LABELS, refused_label
from windlass.domain.host.health_check import read_health

AFFINITY = "io.rancher.scheduler.affinity:host_label"
CATALOG = """\
description: As a catalog of Rancher's has it.
questions:
  - variable: port
    label: Port
    description: At which it listens.
    type: int
    required: true
    default: "8080"
  - {variable: mode, label: Mode, type: enum, required: true, options: [fast, safe], default: safe}
  - {variable: debug, label: Debug, type: boolean, default: "true"}
  - {variable: banner, label: Banner, type: multiline, required: false}
  - {variable: login, label: Password, type: password, required: true}
services:
  web:
    scale: 2
    health_check:
      port: ${port}
      interval: 2000
      initializing_timeout: 60000
      unhealthy_threshold: 3
      healthy_threshold: 2
      response_timeout: 1500
      request_line: GET /healthcheck HTTP/1.0
      strategy: recreateOnQuorum
      recreate_on_quorum_strategy_config: {quorum: 1}
    labels:
      io.rancher.scheduler.affinity:host_label: disk=fast,zone=a
      io.rancher.scheduler.affinity:host_label_ne: edge=yes
      io.rancher.container.pull_image: always
"""


def parsed(text: str, **templates: str) -> StackTemplate:
    texts = {"web/stack.yaml": text, "web/compose.yaml.j2": "services: {}", **templates}
    return parse_stacks(CatalogFiles("/own", frozenset(), texts))["web"]


def with_service(**changes: Any) -> StackTemplate:
    document = yaml.safe_load(CATALOG)
    document["services"]["web"].update(changes)
    return parsed(yaml.safe_dump(document))


def test_what_a_catalog_of_ranchers_says_means_the_same() -> None:
    stack = parsed(CATALOG)
    assert not stack.broken
    services = stack.services
    assert services is not None
    assert (services.scale, services.labels, services.not_labels) == (
        2,
        {"disk": "fast", "zone": "a"},
        (("edge", "yes"),),
    )
    assert services.fits({"disk": "fast", "zone": "a", "edge": "no"})
    assert not services.fits({"disk": "fast", "zone": "a", "edge": "yes"})
    assert not services.fits({"disk": "fast"})
    kinds = {one.variable: (one.kind, one.default) for one in stack.questions}
    assert kinds == {
        "port": ("integer", 8080),
        "mode": ("choice", "safe"),
        "debug": ("boolean", True),
        "banner": ("multiline", ""),
        "login": ("password", None),
    }
    check = dict(services.health["web"] or {}, port=8080)
    read = read_health(yaml.safe_dump({"services": {"web": {"x-windlass-health": check}}}))["web"]
    assert (read.interval.total_seconds(), read.response_timeout.total_seconds()) == (2, 1.5)
    assert (read.strategy, read.quorum, read.protocol) == ("recreateOnQuorum", 1, "http")


def test_a_check_without_a_request_asks_for_a_connection() -> None:
    stack = with_service(health_check={"port": 5432})
    check = stack.services.health["web"] if stack.services else None
    assert check is not None
    assert (check["protocol"], check["strategy"]) == ("tcp", "recreate")


def test_a_stack_may_run_everywhere() -> None:
    stack = with_service(scale=None, labels={"io.rancher.scheduler.global": "true"})
    assert not stack.broken
    assert stack.scale is None
    assert not stack.asks_labels


@pytest.mark.parametrize("key", sorted(REFUSED_KEYS))
def test_a_key_that_means_nothing_here_is_refused_by_name(key: str) -> None:
    assert "stack.yaml:" in (broken := with_service(**{key: "x"}).broken)
    assert f"`{key}` says nothing here: {REFUSED_KEYS[key]}" in broken


@pytest.mark.parametrize("label", [*sorted(REFUSED_LABELS), "io.rancher.service.selector.link"])
def test_a_label_that_means_nothing_here_is_refused_by_name(label: str) -> None:
    assert f"the label `{label}` says nothing here: {refused_label(label)}" in with_service(labels={label: "x"}).broken


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"healthcheck": {}}, "services.web.healthcheck: Extra inputs are not permitted"),
        ({"health_check": {}}, "services.web.health_check.port: Field required"),
        ({"health_check": {"port": 0}}, "a number above 0"),
        ({"health_check": {"port": "${prot}"}}, "services.web.health_check.port: there is no question `prot`"),
        ({"health_check": {"port": "${mode}"}}, "there is no question `mode` for a number"),
        ({"health_check": {"port": 80, "interval": "2m"}}, "a number of milliseconds"),
        ({"health_check": {"port": 80, "request_line": "DELETE /"}}, "a request line such as"),
        ({"health_check": {"port": 80, "strategy": "recreateOnQuorum"}}, "belong together"),
        ({"health_check": {"port": 80, "strategy": "restart"}}, "services.web.health_check.strategy"),
        ({"scale": 0}, "services.web.scale"),
        ({"labels": {AFFINITY: "fast"}}, "`fast` is no label of a host"),
        ({"labels": {AFFINITY: "a=1,a=2"}}, "no host has two values of the label `a`"),
        ({"labels": {AFFINITY: "a=1", f"{AFFINITY}_ne": "a=1"}}, "`a=1` is asked for and barred at once"),
        ({"labels": {"io.rancher.scheduler.global": "true"}}, "exclude each other"),
        ({"labels": {"io.rancher.scheduler.global": "yes"}}, "is true or false"),
        ({"labels": {"io.rancher.container.pull_image": "never"}}, "has the value `always`"),
        ({"labels": {"com.example": "x"}}, "belongs into the Compose file"),
    ],
)
def test_says_what_is_wrong_with_a_service(changes: dict[str, Any], problem: str) -> None:
    assert problem in with_service(**changes).broken


def test_services_of_a_stack_agree_on_where_they_run() -> None:
    document = yaml.safe_load(CATALOG)
    document["services"]["db"] = {"scale": 1}
    assert "the services have scales of their own (db 1, web 2)" in parsed(yaml.safe_dump(document)).broken
    document["services"]["db"] = {"labels": {AFFINITY: "disk=slow"}}
    assert "no host has two values of the label `disk`" in parsed(yaml.safe_dump(document)).broken
    document["services"] = {"kube-apiserver": {}}
    assert "a service of Windlass's own" in parsed(yaml.safe_dump(document)).broken


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        ({"type": "service"}, "the type `service` is none here"),
        ({"type": "string", "group": "A"}, "`group` says nothing here"),
        ({"type": "string", "valid_chars": "a-z"}, "`valid_chars` says nothing here"),
        ({"type": "password", "default": "x"}, "is a password, which has no default"),
        ({"type": "int", "default": "many"}, "the default of `asked`: the answer is no integer"),
    ],
)
def test_says_what_is_wrong_with_a_question(question: Mapping[str, Any], problem: str) -> None:
    asked = {"variable": "asked", "label": "Asked", **question}
    assert problem in parsed(yaml.safe_dump({"description": "x", "questions": [asked]})).broken


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"login": "open sesame"}, ("login", "a password stands in clear")),
        ({"banner": "one\ntwo"}, (None, "`login` is missing")),
        ({"banner": "one\ttwo"}, ("banner", "control character")),
    ],
)
def test_answers_are_of_the_type_that_was_asked_for(values: dict[str, Any], problem: tuple[str | None, str]) -> None:
    found = next(iter(parsed(CATALOG).problems(values)))
    assert (None if found.is_missing else found.variable) == problem[0]
    assert problem[1] in found.wrong
    assert "sesame" not in found.wrong


@given(
    st.dictionaries(
        st.sampled_from([*TAKEN_LABELS, *REFUSED_LABELS, "io.rancher.x", "x"]) | st.text(max_size=20),
        st.text(max_size=20) | st.booleans(),
        max_size=4,
    ),
    st.none() | st.integers(-1, 3),
)
def test_whatever_labels_say_a_stack_is_read_or_refused_with_its_file(
    labels: dict[str, str | bool], scale: int | None
) -> None:
    stack = with_service(labels=labels, scale=scale)
    assert stack.broken.startswith("/own/web/stack.yaml") or stack.services is not None
    if stack.services is not None:
        assert set(labels) <= set(TAKEN_LABELS)
        assert stack.services.fits({**stack.services.labels})
