"""What docs/adding.md says is where it says, and its lists are whole."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from windlass.domain.artifacts import Artifact, Lock, Locked
from windlass.domain.host.facts import CAP_SYS_RESOURCE, parse_facts
from windlass.domain.rendering import MirrorAddresses, render_host
from windlass.domain.spec import load_cluster
from windlass.effects.catalog import load_catalog

from .pages import DOCS, ROOT, Place, has, place, rows, sections

PAGE = sections(DOCS / "adding.md")
SEARCHES = PAGE["Ten searches"]
RECIPES = {
    title: [place(" ".join(cells[:2])) for cells in rows(text)]
    for title, text in PAGE.items()
    if title != "Ten searches"
}
PLACES = [one for places in RECIPES.values() for one in places]
LEADS = [place(lead) for cells in rows(SEARCHES) for lead in cells[1].split("; ")]
TESTED = sorted(set(re.findall(r"`(tests/[^`]+)`", "".join(PAGE.values()))))
EXAMPLES = {
    "A network driver": ("flannel", ("plugins", "include")),
    "A stack": ("postgresql", ("include",)),
    "A host provider": ("ec2", ("plugins",)),
    "A param of a DAG": (r"\bstop_after\b", ("plugins", "dags")),
    "A flag of a component": ("audit-log-maxage", ("plugins", "include")),
    "A Kubernetes release": (r"1\.37\.2", ("include", "lab")),
}
"""By recipe what its example is called, and where something that knows of it has to stand in the list."""
NOT_WRITTEN_BY_HAND = re.compile(r"\.sum$|/(tested|flags)\.json$|/__pycache__/")
MORE_OF_THE_SAME = re.compile(r"^include/clusters/")
SPEC = """
apiVersion: windlass/v1
kind: Cluster
metadata: {name: demo}
spec:
  kubernetes: {version: v1.37.2}
  hosts:
    members:
      - {name: cp-1, address: 192.0.2.11, roles: [etcd, control-plane]}
"""


def test_there_are_six_recipes_and_ten_searches() -> None:
    assert set(RECIPES) == set(EXAMPLES)
    assert all(RECIPES.values())
    assert len(rows(SEARCHES)) == 10


@pytest.mark.parametrize("where", [*PLACES, *LEADS], ids=str)
def test_each_file_has_what_is_said_to_be_in_it(where: Place) -> None:
    assert (ROOT / where.path).is_file()
    assert where.names
    assert [name for name in where.names if not has(where, name)] == []


@pytest.mark.parametrize("path", TESTED)
def test_each_test_that_is_named_is_there(path: str) -> None:
    assert (ROOT / path).is_file()


@pytest.mark.parametrize("recipe", EXAMPLES)
def test_no_file_that_is_not_listed_knows_of_the_example(recipe: str) -> None:
    word, folders = EXAMPLES[recipe]
    knows = {
        str(path.relative_to(ROOT))
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
        and not NOT_WRITTEN_BY_HAND.search(str(path))
        and re.search(word, path.read_text(encoding="utf-8", errors="ignore"), re.IGNORECASE)
    }
    listed = {one.path for one in RECIPES[recipe]}
    assert sorted(one for one in knows - listed if not MORE_OF_THE_SAME.match(one)) == []


def test_a_flag_in_its_one_file_reaches_the_component(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "include" / "templates", tmp_path / "templates")
    where = next(one for one in RECIPES["A flag of a component"] if one.path.endswith(".j2"))
    with (tmp_path / where.path.removeprefix("include/")).open("a", encoding="utf-8") as flags:
        flags.write('sample-flag: "7"\n')
    cluster, catalog = load_cluster(SPEC, "spec"), load_catalog(tmp_path / "templates" / "kubernetes")
    release = catalog.release("v1.37.2")
    files = [Artifact("file", name, version) for name, version in release.files.items()]
    images = [Artifact("image", name, version) for name, version in release.images.items()]
    locked = dict.fromkeys([*files, *images], Locked(f"sha256:{'0' * 64}", 1, "build"))
    facts = replace(
        parse_facts("arch=x86_64\ncomplete=yes"), cgroup_version=2, cpus=2, cap_bounding=1 << CAP_SYS_RESOURCE
    )
    mirror = MirrorAddresses("http://192.0.2.1:8080", "192.0.2.1:5000")

    rendered = render_host(cluster, release, cluster.spec.hosts.members[0], Lock("modules", locked), mirror, facts)

    compose = yaml.safe_load(rendered["/etc/windlass/stacks/control-plane/compose.yaml"].text)
    with_flag = [name for name, service in compose["services"].items() if "--sample-flag=7" in service["command"]]
    assert with_flag == ["kube-apiserver"]
