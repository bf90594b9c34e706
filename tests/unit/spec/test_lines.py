"""No value of a spec becomes a second line of what is written of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from unit.spec.test_loading import GOOD
from windlass.domain.catalog import Question, StackTemplate
from windlass.domain.spec import Cluster, Known, load_cluster, problems
from windlass.errors import SpecError

Make = Callable[[dict[str, Any]], Cluster]
NEW = Known(["v1.37.2"])
OBJECT = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


def refused(more: str) -> str:
    with pytest.raises(SpecError) as caught:
        load_cluster(GOOD + more, "demo.yaml", NEW)
    return str(caught.value)


def test_a_line_break_is_refused_with_the_line_of_the_spec() -> None:
    flags = '  components:\n    kubelet:\n      extraArgs:\n        v: "2"\n        event-qps: "5\\nExecStop=x"\n'

    assert refused(flags) == (
        "demo.yaml:17: spec.components.kubelet.extraArgs.event-qps: the value has a line break in it; "
        "write it on one line; a block after `|` ends with a line break, one after `|-` does not"
    )


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"spec.hosts.ssh": {"user": "ops\nroot"}}, "spec.hosts.ssh.user"),
        ({"spec.hosts.ssh": {"connection": "a\tb"}}, "spec.hosts.ssh.connection"),
        ({"spec.components": {"etcd": {"extraArgs": {"x": ["a", "b\r"]}}}}, "spec.components.etcd.extraArgs.x[1]"),
        ({"spec.stacks": [{"name": "db", "values": {"a": "1\n2"}}]}, "spec.stacks[0].values.a"),
        ({"spec.stacks": [{"name": "db", "values": {"a": {"b": ["\x00"]}}}]}, "spec.stacks[0].values.a.b[0]"),
        ({"spec.stacks": [{"name": "db", "labels": {"a\n": "b"}}]}, 'spec.stacks[0].labels["a\\n"]'),
        (
            {"spec.api.oidc": [{"issuer": "https://id.example.com", "clientId": "a\nb"}]},
            "spec.api.oidc[0].clientId",
        ),
        (
            {"spec.backup.target": {"connection": "s3", "bucket": "abc", "prefix": "a\u2028b"}},
            "spec.backup.target.prefix",
        ),
        ({"spec.upgrade.hooks": {"before": ["true\x1b[2J"]}}, "spec.upgrade.hooks.before[0]"),
        ({"spec.hosts.settings": {"a": "b\x85c"}}, "spec.hosts.settings.a"),
    ],
)
def test_a_new_spec_has_no_control_characters(changed: Make, changes: dict[str, Any], where: str) -> None:
    assert where in {str(problem).split(": ")[0] for problem in problems(changed(changes), NEW)}


@pytest.mark.parametrize(
    "changes",
    [
        {"spec.upgrade.hooks": {"before": ["set -e\n\ttrue\n"], "after": ["true\r\n"]}},
        {"spec.manifests": [{"name": "a", "content": OBJECT}]},
        {"spec.hosts.settings": {"userData": "#cloud-config\nruncmd: []\n"}},
        {"spec.components": {"kubelet": {"extraArgs": {"cluster-dns": ""}}}},
    ],
)
def test_texts_have_lines(changed: Make, changes: dict[str, Any]) -> None:
    assert [found for found in problems(changed(changes), NEW) if "has a " in found.wrong] == []


def test_a_stored_spec_stays_readable(changed: Make) -> None:
    assert problems(changed({"spec.hosts.ssh": {"user": "ops\n"}})) == []


def test_a_place_that_is_wrong_anyway_is_told_once(changed: Make) -> None:
    assert len(problems(changed({"metadata.name": "demo\n"}), NEW)) == 1


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (
            OBJECT + '---\n{apiVersion: v1, kind: Pod, metadata: {name: "a\\nunit\\tsshd"}}\n',
            "metadata.name of document 2",
        ),
        ('{apiVersion: v1, kind: "Pod\\n", metadata: {name: a}}', "kind of document 1"),
        ('{apiVersion: "v1\\t", kind: Pod, metadata: {name: a}}', "apiVersion of document 1"),
        ("apiVersion: v1\nkind: Pod\nmetadata:\n  name: |\n    a\n  namespace: b\n", "metadata.name of document 1"),
        ('{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: "b\\n"}}', "metadata.namespace of document 1"),
    ],
)
@pytest.mark.parametrize("known", [NEW, Known()])
def test_no_object_is_named_with_a_line_break(changed: Make, content: str, what: str, known: Known) -> None:
    (problem,) = problems(changed({"spec.manifests": [{"name": "a", "content": content}]}), known)

    assert str(problem).startswith(f"spec.manifests[0].content: {what} has a line break or another control character")


def test_a_text_of_lines_is_an_answer_where_one_is_asked_for(changed: Make) -> None:
    asked = (Question("a", "Lines", "multiline", default=""), Question("b", "A line", "string", default=""))
    known = replace(NEW, stacks={"db": StackTemplate("db", "A database.", asked)})
    answered = changed({"spec.stacks": [{"name": "db", "values": {"a": "1\n2", "b": "1\n2"}}]})
    told = {str(one).split(": ")[0] for one in problems(answered, known)}
    assert {one for one in told if "stacks" in one} == {"spec.stacks[0].values.b"}
