"""Files of a repository as git gives them; the repository is a real one, on this machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from windlass.domain.secret import Secret
from windlass.effects import git as module
from windlass.effects.git import GitSource, _access, read_commit
from windlass.errors import SpecError, UnreachableError


def git(where: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *words],
        cwd=where,
        env={"PATH": os.environ["PATH"], "HOME": str(where), "GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("git") / "specs"
    folder = made / "clusters"
    folder.mkdir(parents=True)
    git(made, "init", "-q", "-b", "main")
    (folder / "a.yaml").write_text("a: 1\n")
    (folder / "deep").mkdir()
    (folder / "deep" / "b ü.yml").write_text("b: 1\n")
    (folder / "latin.yaml").write_bytes(b"\xff")
    (folder / "long.yaml").write_text("x" * (1024 * 1024 + 1))
    (folder / ".hidden.yaml").write_text("h: 1\n")
    (folder / "link.yaml").symlink_to("/etc/hostname")
    (folder / "readme.md").write_text("no")
    (made / "other.yaml").write_text("o: 1\n")
    git(made, "add", ".")
    git(made, "commit", "-q", "-m", "one")
    git(made, "checkout", "-q", "-b", "branch/two")
    (folder / "a.yaml").write_text("a: 2\n")
    git(made, "commit", "-q", "-a", "-m", "two")
    git(made, "bundle", "create", "-q", str(made.parent / "specs.bundle"), "main")
    return made


def test_a_commit_gives_the_yaml_files_of_a_folder_and_tells_of_those_that_cannot_be_read(repository: Path) -> None:
    found = read_commit(GitSource(str(repository), "clusters"), "main")
    assert found.texts == {"a.yaml": "a: 1\n", "deep/b ü.yml": "b: 1\n"}
    assert set(found.wrong) == {"latin.yaml", "long.yaml"}
    assert found.revision == git(repository, "rev-parse", "main")


@pytest.mark.parametrize("ref", ["branch/two", "HEAD"])
def test_another_branch_is_another_commit_and_without_a_folder_it_is_all(repository: Path, ref: str) -> None:
    found = read_commit(GitSource(f"file://{repository}", ""), ref)
    assert found.texts["clusters/a.yaml"] == "a: 2\n"
    assert found.texts["other.yaml"] == "o: 1\n"


def test_a_bundle_is_a_repository_too(repository: Path) -> None:
    found = read_commit(GitSource(str(repository.parent / "specs.bundle"), "clusters"), "main")
    assert found.texts["a.yaml"] == "a: 1\n"


@pytest.mark.parametrize(
    ("url", "folder", "ref", "kind"),
    [
        ("REPOSITORY", "none", "main", SpecError),
        ("REPOSITORY", "", "none", SpecError),
        ("REPOSITORY", "", "--upload-pack=touch x", SpecError),
        ("REPOSITORY", "", "a..b", SpecError),
        ("/nowhere/at/all", "", "main", SpecError),
        ("ext::sh -c 'touch /tmp/x'", "", "main", UnreachableError),
        ("--upload-pack=x", "", "main", SpecError),
        ("https://ada:secret@127.0.0.1:9/x.git", "", "main", SpecError),
        ("https://127.0.0.1:9/x.git", "", "main", UnreachableError),
    ],
)
def test_what_cannot_be_read_is_told(repository: Path, url: str, folder: str, ref: str, kind: type[Exception]) -> None:
    with pytest.raises(kind) as raised:
        read_commit(GitSource(url.replace("REPOSITORY", str(repository)), folder), ref)
    assert "secret" not in str(raised.value)


def test_logins_are_in_files_that_nobody_else_reads_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WINDLASS_MASTER_KEY", "master")
    source = GitSource(
        "https://git.example.org/x.git",
        login="ada",
        password=Secret("p@ss"),
        private_key=Secret("KEY"),
        known_hosts="h",
    )
    with _access(source, tmp_path) as environment:
        told = " ".join(environment.values())
        assert not {"p@ss", "p%40ss", "KEY", "master"} & set(told.replace("=", " ").split())
        assert "AIRFLOW_CONN_WINDLASS_MASTER_KEY" not in environment
        assert (tmp_path / "credentials").read_text() == "https://ada:p%40ss@git.example.org\n"
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
        assert {path.name for path in tmp_path.iterdir()} == {"credentials", "key", "known_hosts"}


def test_a_repository_of_too_many_files_is_refused(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 1)
    with pytest.raises(SpecError, match="YAML files, over 1"):
        read_commit(GitSource(str(repository)), "main")
