"""The example of docs/stacks.md is a stack that can be picked, and its specs are good."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from unit.rendering.conftest import SHIPPED, TOPOLOGIES, Rendering, make_cluster
from windlass.domain.host.health_check import read_health
from windlass.domain.spec import Known, problems
from windlass.domain.spec.settled import settled
from windlass.effects.catalog import load_catalog

from .pages import DOCS

PAGE = (DOCS / "stacks.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(?:yaml|html|python)\n(.*?)```", PAGE, flags=re.DOTALL)
NAMED = {match[1]: block for block in BLOCKS if (match := re.match(r"(?:#|<!--) (\S+/\S+)", block))}


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDLASS_STACKS", str(tmp_path))
    for path, text in NAMED.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)


@pytest.mark.usefixtures("written")
def test_the_example_is_a_stack_that_renders_and_is_watched() -> None:
    catalog = load_catalog(SHIPPED)
    picked = [yaml.safe_load(block)["stacks"][0] for block in BLOCKS if block.startswith("stacks:")]
    (greeter,) = [one for one in picked if one["name"] == "greeter"]
    workers = {f"w-{number}": ["worker"] for number in (1, 2, 3)}
    cluster = make_cluster({**TOPOLOGIES["standalone"], **workers}, stacks=[greeter])
    assert problems(cluster, Known(stacks=catalog.stacks)) == []

    rendering = Rendering(settled(cluster, None, catalog.stacks), catalog.release("v1.37.2"))
    (stack,) = rendering.cluster.spec.stacks
    assert len(stack.placed or ()) == 2
    files = rendering.host((stack.placed or ())[0])
    assert "<p>Hello, from w-" in files["/etc/windlass/stacks/greeter/index.html"].text
    check = read_health(files["/etc/windlass/stacks/greeter/compose.yaml"].text)["greeter"]
    assert (check.port, check.request_line) == (8090, "GET / HTTP/1.0")


def test_the_database_of_the_example_may_be_picked() -> None:
    database = next(yaml.safe_load(block)["stacks"] for block in BLOCKS if "name: postgresql" in block)
    hosts = {f"w-{number}": {"labels": {"disk": "fast"}} for number in (1, 2)}
    roles = {**TOPOLOGIES["standalone"], "w-1": ["worker"], "w-2": ["worker"]}
    catalog = load_catalog(SHIPPED)
    assert problems(make_cluster(roles, members=hosts, stacks=database), Known(stacks=catalog.stacks)) == []


def test_every_stack_that_comes_along_is_told_of() -> None:
    assert all(f"| `{name}` |" in PAGE for name in load_catalog(SHIPPED).stacks)


def test_the_dag_of_the_example_is_python() -> None:
    compile(NAMED["dags/back_up_postgresql.py"], "docs/stacks.md", "exec")
