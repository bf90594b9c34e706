"""Short texts that would unfold to more than memory, the stack or patience hold, wherever YAML of others is read."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from unit.rendering.conftest import TOPOLOGIES, make_cluster
from windlass.domain.catalog import Drivers
from windlass.domain.masking import shown_lines
from windlass.domain.rendering.manifests import own_manifests
from windlass.domain.rollout.webhooks import needed_groups
from windlass.domain.spec import problems
from windlass.domain.yamlbounds import MAX_DEPTH, MAX_UNFOLDED, check_bounds
from windlass.domain.yamltext import compose_yaml, parse_yaml, read_all_yaml, read_yaml
from windlass.errors import SpecError

HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


def laughs(levels: int = 9) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return HEAD + "\n".join(lines) + "\n"


def merged(levels: int = 30) -> str:
    lines = ["a0: &a0 {k: v}"]
    lines += [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, levels)]
    return HEAD + "\n".join(lines) + "\n"


BOMBS = {
    "aliases of aliases": (laughs(), "unfold to more than"),
    "one long text": (HEAD + f"a: &a {'x' * 400_000}\nb: [{', '.join(['*a'] * 9)}]\n", "unfold to more than"),
    "a long key": (HEAD + f"a: &a {{? {'x' * 100_000} : 1}}\nb: [{', '.join(['*a'] * 40)}]\n", "unfold to more than"),
    "merged mappings": (merged(), "unfold to more than"),
    "a circle": (HEAD + "a: &a [1, *a]\n", "has no end"),
    "a circle of keys": (HEAD + "a: &a {b: &b {c: *a}}\n", "has no end"),
    "brackets": (HEAD + "a: " + "[" * 100_000, "nested deeper than"),
    "closed brackets": (HEAD + "a: " + "[" * 5_000 + "]" * 5_000 + "\n", "nested deeper than"),
    "braces": (HEAD + "a: " + "{a: " * 5_000 + "}" * 5_000 + "\n", "nested deeper than"),
    "dashes": (HEAD + "a:\n" + "- " * 20_000 + "x\n", "nested deeper than"),
    "indentation": (HEAD + "".join(" " * n + "a:\n" for n in range(300)), "nested deeper than"),
    "a number to the base 60": (HEAD + "a: 1" + ":59" * 50_000 + "\n", "digits, more than"),
}


@pytest.mark.parametrize(("text", "wrong"), BOMBS.values(), ids=BOMBS)
class TestBombs:
    @pytest.mark.parametrize("read", [read_yaml, compose_yaml, lambda text: list(read_all_yaml(text))])
    def test_are_refused_before_they_unfold(self, text: str, wrong: str, read: Callable[[str], Any]) -> None:
        began = time.monotonic()
        with pytest.raises(yaml.MarkedYAMLError, match=wrong):
            read(text)
        assert time.monotonic() - began < 20

    def test_are_told_with_their_line(self, text: str, wrong: str) -> None:
        with pytest.raises(SpecError, match=rf"^bomb, line [0-9]+: no YAML: .*{wrong}"):
            parse_yaml("bomb", text)

    def test_are_no_manifest_of_a_spec(self, text: str, wrong: str) -> None:
        cluster = make_cluster(TOPOLOGIES["standalone"], manifests=[{"name": "bomb", "content": text}])

        (problem,) = problems(cluster)

        assert str(problem).startswith("spec.manifests[0].content: its line ")
        assert wrong in problem.wrong

    def test_are_not_rendered_if_they_lie_in_a_spec_that_nobody_checked(self, text: str, wrong: str) -> None:
        cluster = make_cluster(TOPOLOGIES["standalone"], manifests=[{"name": "bomb", "content": text}])
        with pytest.raises(SpecError, match=rf"`bomb`, line [0-9]+: no YAML: .*{wrong}"):
            list(own_manifests(cluster))
        with pytest.raises(SpecError, match=wrong):
            needed_groups(cluster, Drivers())

    def test_are_not_shown_where_they_lie_on_a_host(self, text: str, wrong: str) -> None:
        assert shown_lines("/etc/windlass/stacks/x/compose.yaml", text) is None


@pytest.mark.parametrize(
    "text",
    [
        "a: &a {b: 1}\nc: [*a, *a]\n",
        "a: &a {b: 1}\nc: {<<: *a, d: 2}\n",
        "a: &a x\n---\na: *b\n",
        "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1),
        "a: [" + "[], " * 10_000 + "]\n",
        "a: |\n" + " " * 300 + "deep text\n",
        f"a: '{'1' * 2_000}'\n",
        f"a: {'x' * MAX_UNFOLDED}\n",
        f"a: [{'x' * 2_000_000}, &b y, *b]\n",
    ],
)
def test_what_is_written_out_or_used_with_measure_is_read(text: str) -> None:
    check_bounds(text)


def test_a_date_that_is_none_is_told() -> None:
    with pytest.raises(SpecError, match=r"objects: no YAML: .*; put values in quotes"):
        parse_yaml("objects", "a: 2026-99-99\n")


def test_a_character_that_no_yaml_has_is_told() -> None:
    with pytest.raises(SpecError, match="objects: no YAML: "):
        parse_yaml("objects", "a: \x07\n")
