"""What is rendered of a spec that was never checked, such as a stored one, has no line besides the templates' own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from windlass.domain.catalog import Question, StackTemplate
from windlass.domain.rendering.templates import Templates
from windlass.errors import SpecError

BREAKS = ["a\nb", "a\rb", "a\x0bb", "a\x85b", "a\u2028b", "a\u2029b", "a\x00b", "a\x7fb"]
UNESCAPED = ["a\x7fb", "a\x85b", "a\u2028b", "a\u2029b", "a\ud800b"]
"""What JSON leaves as it is, and YAML ends a line at or cannot hold."""


def rendered(rendering: Any, template: str, value: str) -> str:
    release = replace(rendering.release, templates={"x.j2": template})
    return Templates(release).render("x", {"value": value})


@pytest.mark.parametrize("value", BREAKS)
def test_no_word_of_a_unit_has_a_line_break(render: Any, value: str) -> None:
    with pytest.raises(SpecError, match=r"template x\.j2, line 2: a value has .* would not stay on its line") as caught:
        rendered(render(), "[Service]\nExecStart=x {{ value | systemd }}\n", value)
    assert value not in str(caught.value)


@pytest.mark.parametrize("quote", ["json", "compose"])
def test_what_is_quoted_stays_on_its_line(render: Any, quote: str) -> None:
    for value in BREAKS:
        if value not in UNESCAPED:
            assert len(rendered(render(), f"x: {{{{ value | {quote} }}}}\n", value).splitlines()) == 1
    for value in UNESCAPED:
        with pytest.raises(SpecError, match=r"template x\.j2, line 1: a value has the control character"):
            rendered(render(), f"x: {{{{ value | {quote} }}}}\n", value)


def test_a_flag_with_a_directive_in_it_gives_no_unit(render: Any) -> None:
    flags = {"kubelet": {"extraArgs": {"node-ip": "192.0.2.11\nExecStartPre=/bin/false"}}}
    with pytest.raises(SpecError, match=r"kubelet\.service\.j2, line \d+: a value has a line break"):
        render(components=flags).host("w-1")


def test_a_flag_with_lines_in_it_adds_none_to_a_compose_file(render: Any) -> None:
    value = '2"\n    privileged: true'
    plain, hostile = (
        render(components={"kube-scheduler": {"extraArgs": {"v": one}}}).host("cp-1")[
            "/etc/windlass/stacks/control-plane/compose.yaml"
        ]
        for one in ("2", value)
    )
    assert len(hostile.text.splitlines()) == len(plain.text.splitlines())
    assert "privileged" not in render(components={"kube-scheduler": {"extraArgs": {"v": value}}}).service(
        "cp-1", "control-plane", "kube-scheduler"
    )


def test_an_answer_with_a_directive_in_it_gives_no_configuration(render: Any) -> None:
    stack = {"name": "edge-proxy", "values": {"ports": "80:30080\n  server evil 192.0.2.66:80"}}
    with pytest.raises(SpecError, match="stack edge-proxy: its value `ports` has a line break in it"):
        render(stacks=[stack]).host("w-1")


def test_no_answer_has_a_line_break_whatever_its_pattern_takes() -> None:
    stack = StackTemplate("db", "", (Question("conf", "Settings", "string", pattern=r"[\s\S]*"),))
    assert [one.wrong for one in stack.problems({"conf": "a\nb"})] == ["the answer has a line break in it"]


def test_no_object_is_named_with_a_line_break(render: Any) -> None:
    content = 'base: &base {name: "a\\nb"}\napiVersion: v1\nkind: Pod\nmetadata: {<<: *base}\n'
    with pytest.raises(SpecError, match=r"spec\.manifests: `own`: metadata\.name of an object has a line break in it"):
        render(manifests=[{"name": "own", "content": content}]).manifests()
