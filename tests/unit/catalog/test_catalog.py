from __future__ import annotations

from pathlib import Path

import pytest

from windlass.domain.artifacts import Artifact
from windlass.domain.catalog.release import version_numbers
from windlass.effects.catalog import load_catalog
from windlass.errors import SpecError
from windlass.mirror.places import needed_artifacts

SHIPPED = Path(__file__).parents[3] / "include" / "templates" / "kubernetes"
RELEASE = """\
version: v1.37.2
templates: [own, base]
upgradesFrom: ["1.36", "1.37"]
files: {kubelet: v1.37.2}
images: {etcd: v3.7.3}
removedApis:
  - {apiVersion: networking.k8s.io/v1beta1, kinds: [IPAddress], use: networking.k8s.io/v1}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for directory, content in {"own": "mine", "base": "shared"}.items():
        (tmp_path / directory / "stacks").mkdir(parents=True)
        (tmp_path / directory / "stacks" / "both.j2").write_text(content)
    (tmp_path / "base" / "only.j2").write_text("base alone")
    write(tmp_path, RELEASE)
    return tmp_path


def write(root: Path, text: str, version: str = "v1.37.2") -> None:
    (root / version).mkdir(exist_ok=True)
    (root / version / "catalog.yaml").write_text(text)


def problem_of(root: Path) -> str:
    with pytest.raises(SpecError) as raised:
        load_catalog(root)
    return str(raised.value)


def test_the_first_directory_of_the_search_path_wins(root: Path) -> None:
    templates = load_catalog(root).release("v1.37.2").templates
    of_releases = {path: text for path, text in templates.items() if not path.startswith("drivers/")}
    assert of_releases == {"stacks/both.j2": "mine", "only.j2": "base alone"}


def test_names_the_releases_there_are_when_one_is_missing(root: Path) -> None:
    with pytest.raises(SpecError, match=r"no Kubernetes v1\.99\.0; it has: v1\.37\.2"):
        load_catalog(root).release("v1.99.0")


def test_tells_file_line_and_path_of_every_problem(root: Path) -> None:
    write(root, RELEASE.replace("kinds: [IPAddress]", "kinds: []").replace("images:", "pictures:"))
    problem = problem_of(root)
    file = root / "v1.37.2" / "catalog.yaml"
    assert f"{file}:7: removedApis.0.kinds: " in problem
    assert f"{file}:5: pictures: " in problem
    assert "images: Field required" in problem


def test_tells_the_line_of_broken_yaml(root: Path) -> None:
    write(root, RELEASE + "notes: [open\n")
    assert f"{root / 'v1.37.2' / 'catalog.yaml'}:9: no YAML" in problem_of(root)


def test_collects_the_problems_of_all_releases(root: Path) -> None:
    write(root, "version: 1\n")
    write(root, "version: 2\n", version="v1.36.3")
    problem = problem_of(root)
    assert "v1.36.3/catalog.yaml" in problem
    assert "v1.37.2/catalog.yaml" in problem


def test_refuses_a_release_in_the_directory_of_another(root: Path) -> None:
    write(root, RELEASE, version="v1.38.0")
    assert "it says v1.37.2, but lies in the directory v1.38.0" in problem_of(root)


@pytest.mark.parametrize("search", ["[missing]", '["../../etc"]'])
def test_refuses_a_search_path_outside_of_the_catalog(root: Path, search: str) -> None:
    write(root, RELEASE.replace("[own, base]", search))
    assert "there is no directory" in problem_of(root)


def test_refuses_an_empty_directory(tmp_path: Path) -> None:
    assert "no catalog" in problem_of(tmp_path)


def test_knows_the_artifact_of_a_release(root: Path) -> None:
    release = load_catalog(root).release("v1.37.2")
    assert release.artifact("file", "kubelet") == Artifact("file", "kubelet", "v1.37.2")
    with pytest.raises(SpecError, match="has no image `kubelet`; it has: etcd"):
        release.artifact("image", "kubelet")


@pytest.mark.parametrize(
    ("version", "allowed"),
    [
        ("v1.36.3", True),
        ("v1.37.1", True),
        ("v1.37.2", False),
        ("v1.37.10", False),
        ("v1.35.9", False),
        ("v1.38.0", False),
    ],
)
def test_upgrades_one_minor_at_a_time_and_never_back(root: Path, version: str, *, allowed: bool) -> None:
    assert load_catalog(root).release("v1.37.2").can_upgrade_from(version) is allowed


def test_versions_sort_by_number(root: Path) -> None:
    for version in ("v1.37.10", "v1.36.3"):
        write(root, RELEASE.replace("version: v1.37.2", f"version: {version}"), version)
    assert load_catalog(root).versions == ("v1.36.3", "v1.37.2", "v1.37.10")


def test_refuses_what_is_no_version() -> None:
    with pytest.raises(SpecError, match=r"write it as vX\.Y\.Z"):
        version_numbers("1.37")


def test_shipped_releases_name_only_artifacts_that_a_mirror_holds() -> None:
    catalog = load_catalog(SHIPPED)
    needed = set(needed_artifacts())
    for release in catalog.releases.values():
        files = {release.artifact("file", name) for name in release.files}
        images = {release.artifact("image", name) for name in release.images}
        assert files | images <= needed


def test_shipped_releases_lead_from_one_to_the_next() -> None:
    catalog = load_catalog(SHIPPED)
    assert catalog.versions == ("v1.36.3", "v1.37.2")
    assert [release.version for release in catalog.upgrades_of("v1.36.3")] == ["v1.37.2"]
    assert catalog.upgrades_of("v1.37.2") == ()
