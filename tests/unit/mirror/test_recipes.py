from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from windlass.domain.artifacts import Artifact
from windlass.errors import WindlassError
from windlass.mirror.places import needed_artifacts, recipes_directory
from windlass.mirror.recipes import Recipes

KUBELET = Artifact("file", "kubelet", "v1.37.2")
KUBELET_BEFORE = Artifact("file", "kubelet", "v1.36.3")
SCHEDULER = Artifact("image", "kube-scheduler", "v1.37.2")
ETCD = Artifact("image", "etcd", "v3.7.3")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(recipes_directory(), tmp_path / "mirror"))


def hashes(directory: Path) -> dict[Artifact, str]:
    recipes = Recipes(directory)
    return {artifact: recipes.artifact_hash(artifact) for artifact in needed_artifacts(directory)}


def changed(directory: Path, before: dict[Artifact, str]) -> set[Artifact]:
    now = hashes(directory)
    return {artifact for artifact in now if now[artifact] != before[artifact]}


def test_every_needed_artifact_has_a_recipe_with_its_sums() -> None:
    recipes = Recipes(recipes_directory())
    for artifact in needed_artifacts():
        assert recipes.has(artifact), artifact
        assert len(recipes.artifact_hash(artifact)) == 64
    for directory in recipes.sources.iterdir():
        assert not (directory / "go.mod").exists() or (directory / "go.sum").exists(), directory


def test_no_two_artifacts_share_a_hash() -> None:
    found = hashes(recipes_directory())
    assert len(set(found.values())) == len(found)


def test_another_sum_changes_what_is_built_from_it_and_nothing_else(copied: Path) -> None:
    before = hashes(copied)
    with (copied / "modules/kubernetes-v1.37.2/go.sum").open("a") as sums:
        sums.write("example.org/x v1.0.0 h1:abc=\n")

    now = changed(copied, before)

    assert {KUBELET, SCHEDULER} <= now
    assert not now & {KUBELET_BEFORE, ETCD}


def test_a_shared_source_changes_every_build_that_has_it(copied: Path) -> None:
    before = hashes(copied)
    with (copied / "modules/kubernetes/main.go").open("a") as source:
        source.write("// more\n")

    now = changed(copied, before)

    assert {KUBELET, KUBELET_BEFORE, SCHEDULER} <= now
    assert ETCD not in now


def test_another_linker_variable_changes_the_hash(copied: Path) -> None:
    before = hashes(copied)
    recipe = copied / "modules.yaml"
    recipe.write_text(recipe.read_text().replace("version.GitSHA: modules", "version.GitSHA: other"))

    assert changed(copied, before) == {ETCD, Artifact("image", "etcd", "v3.6.16")}


def test_names_the_file_when_a_recipe_is_missing() -> None:
    with pytest.raises(WindlassError, match=r"modules\.yaml: nothing is named `absent` under `files`"):
        Recipes(recipes_directory()).file(Artifact("file", "absent", "v1"))


def test_both_kubernetes_versions_say_their_own_version() -> None:
    for version, minor in (("v1.37.2", "37"), ("v1.36.3", "36")):
        variables = Recipes(recipes_directory()).build(f"kubernetes-{version}").variables
        assert variables["k8s.io/component-base/version.gitVersion"] == version
        assert variables["k8s.io/client-go/pkg/version.gitVersion"] == version
        assert variables["k8s.io/component-base/version.gitMinor"] == minor


def test_applets_are_names_and_not_what_yaml_makes_of_them() -> None:
    applets = Recipes(recipes_directory()).layer("busybox").applets
    assert {"sh", "wget", "nslookup", "httpd", "true", "false", "yes"} <= set(applets)
    assert all(isinstance(applet, str) for applet in applets)


def test_a_build_without_tags_is_what_it_was_before_there_were_tags(copied: Path) -> None:
    """Else a first fill after an update would build everything again, for an hour."""
    recipes, text = copied / "modules.yaml", (copied / "modules.yaml").read_text()
    before = Recipes(copied).build_hash("coredns"), Recipes(copied).build_hash("runc")

    recipes.write_text(text.replace("  coredns:\n", "  coredns:\n    tags: []\n    language: {}\n"))
    assert Recipes(copied).build_hash("coredns") == before[0]
    recipes.write_text(text.replace("tags: [seccomp, ", "tags: ["))
    assert Recipes(copied).build_hash("runc") != before[1]
