from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from windlass.domain.catalog import Question, StackTemplate
from windlass.domain.spec import Cluster, Known, problems
from windlass.effects.catalog import load_catalog
from windlass.errors import SpecError

SHIPPED = Path(__file__).parents[3] / "include" / "templates" / "kubernetes"
RELEASE = """\
version: v1.37.2
templates: [base]
upgradesFrom: []
files: {}
images: {haproxy: v2}
"""
STACK = """\
description: A database.
images: {haproxy: release, db: v7}
questions:
  - {variable: port, label: Port, type: integer, default: 5432, min: 1024, max: 65535}
  - {variable: disk, label: Which disk, type: choice, options: [fast, large]}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, text in {
        "kubernetes/v1.37.2/catalog.yaml": RELEASE,
        "kubernetes/base/x.j2": "",
        "stacks/db/stack.yaml": STACK,
        "stacks/db/compose.yaml.j2": "services: {}",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def stack_of(root: Path) -> StackTemplate:
    return load_catalog(root / "kubernetes").stacks["db"]


def test_a_stack_has_defaults_for_what_the_spec_leaves_out(root: Path) -> None:
    stack = stack_of(root)
    assert stack.answers({"disk": "fast"}) == {"port": 5432, "disk": "fast"}
    assert list(stack.problems({"disk": "fast", "port": 9000})) == []


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, ("disk", "`disk` is missing", "Which disk")),
        ({"disk": "slow"}, ("disk", "none of the choices", "fast, large")),
        ({"disk": "fast", "port": "9000"}, ("port", "is no integer", "Port")),
        ({"disk": "fast", "port": True}, ("port", "is no integer", "Port")),
        ({"disk": "fast", "port": 80}, ("port", "out of range", "1024 to 65535")),
        ({"disk": "fast", "prot": 80}, ("prot", "asks no `prot`", "port, disk")),
    ],
)
def test_says_what_is_wrong_with_answers(root: Path, values: dict[str, Any], problem: tuple[str, str, str]) -> None:
    (found,) = stack_of(root).problems(values)
    assert found.variable == problem[0]
    assert problem[1] in found.wrong
    assert problem[2] in found.right
    assert found.is_missing == ("missing" in found.wrong)


def test_a_stack_brings_images_of_its_own_and_takes_others_from_the_release(root: Path) -> None:
    release = load_catalog(root / "kubernetes").release("v1.37.2")
    assert release.for_stack("db").images == {"haproxy": "v2", "db": "v7"}
    assert release.for_stack("etcd").images == {"haproxy": "v2"}
    assert release.templates["stacks/db/compose.yaml.j2"] == "services: {}"


@pytest.mark.parametrize(
    ("path", "text", "problem"),
    [
        ("stacks/db/stack.yaml", STACK.replace("5432", "80"), "the default of `port`: 80 is out of range"),
        ("stacks/db/stack.yaml", STACK.replace("choice", "colour"), "stack.yaml:5: questions.1.type"),
        ("stacks/etcd/stack.yaml", STACK, "`etcd` is the name of a stack of Windlass's own"),
        ("stacks/web/stack.yaml", STACK, "there is no compose.yaml.j2 beside it"),
        ("stacks/db/stack.yaml", STACK.replace("label: Port", "label: Port, fixed: x"), "`port` is fixed, which"),
        (
            "stacks/db/stack.yaml",
            STACK.replace("label: Port", "label: Port, when: {x: 1}"),
            "asked with `x`, which is no",
        ),
    ],
)
def test_a_wrong_stack_is_told_with_file_and_place(root: Path, path: str, text: str, problem: str) -> None:
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).write_text(text)
    with pytest.raises(SpecError) as caught:
        load_catalog(root / "kubernetes")
    assert problem in str(caught.value)


def test_patterns_hold_for_the_whole_answer() -> None:
    question = Question("ports", "Ports", "string", pattern="[0-9]+")
    assert question.problem("80") is None
    assert question.problem("80x") is not None


def cluster(*stacks: dict[str, Any]) -> Cluster:
    hosts = [{"name": "cp-1", "address": "192.0.2.11", "roles": ["etcd", "control-plane", "worker"]}]
    spec = {"kubernetes": {"version": "v1.37.2"}, "hosts": {"members": hosts}, "stacks": list(stacks)}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec}
    return Cluster.model_validate(document)


def test_a_spec_is_checked_against_the_stacks_that_there_are(root: Path) -> None:
    known = load_catalog(root / "kubernetes").stacks
    found = problems(cluster({"name": "bd"}, {"name": "db", "values": {"port": 80}}), Known(stacks=known))
    assert [str(one).partition(";")[0] for one in found] == [
        "spec.stacks[0].name: the catalog has no stack `bd`",
        "spec.stacks[1].values.port: 80 is out of range",
        "spec.stacks[1].values: `disk` is missing",
    ]


def test_every_stack_that_is_shipped_can_be_read() -> None:
    assert "edge-proxy" in load_catalog(SHIPPED).stacks
