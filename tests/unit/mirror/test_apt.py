"""What is taken out of Debian packages is what the signed index says, also where it was downloaded long ago."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from windlass.errors import IntegrityError, WindlassError
from windlass.mirror import debian
from windlass.mirror.commands import Commands
from windlass.mirror.debian import Apt, index_sums

from .fakes import sha256

VERSION, FILE = "1:1.1.5+ds1-1+deb12u1", "runc_1%3a1.1.5+ds1-1+deb12u1_amd64.deb"
CONTENT = b"the package runc"


class AptOfThisMachine(Commands):
    """Answers as apt does on a machine whose index has one package."""

    def __init__(self) -> None:
        super().__init__()
        self.downloads = CONTENT
        self.asked: list[list[str]] = []

    def run(self, argv: Any, *, directory: Path, **_: Any) -> str:
        self.asked.append(list(argv))
        if "policy" in argv:
            return f"runc:\n  Installed: (none)\n  Candidate: {VERSION}\n"
        if "show" in argv:
            digest = sha256(CONTENT).removeprefix("sha256:")
            return f"Package: runc\nVersion: {VERSION}\nSHA256: {digest}\nDescription: x\n"
        if "install" in argv:
            return f"Inst runc ({VERSION} Debian:12 [amd64])\n"
        (directory / FILE).write_bytes(self.downloads)
        return ""


class Silent:
    def say(self, what: str) -> None:
        pass

    def advance(self, done: int, total: int | None) -> None:
        pass


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> AptOfThisMachine:
    monkeypatch.setattr(debian, "require", lambda *_: "apt-get")
    monkeypatch.setattr(debian, "check_release", lambda _: None)
    return AptOfThisMachine()


def test_what_the_index_says_is_taken_and_no_unsigned_index_is_allowed(
    commands: AptOfThisMachine, tmp_path: Path
) -> None:
    assert Apt(commands, tmp_path).fetch(["runc"], Silent()) == (tmp_path / FILE,)
    for argv in (argv for argv in commands.asked if argv[0] == "apt-get"):
        assert "APT::Get::AllowUnauthenticated=false" in argv
        assert "Acquire::AllowInsecureRepositories=false" in argv


def test_another_file_in_the_downloads_is_refused_and_removed(commands: AptOfThisMachine, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"put there by somebody")
    with pytest.raises(IntegrityError, match="Debian's index says"):
        Apt(commands, tmp_path).fetch(["runc"], Silent())
    assert Apt(commands, tmp_path).fetch(["runc"], Silent()) == (tmp_path / FILE,)
    assert (tmp_path / FILE).read_bytes() == CONTENT


def test_what_apt_left_of_another_content_is_refused(commands: AptOfThisMachine, tmp_path: Path) -> None:
    commands.downloads = b"another"
    with pytest.raises(IntegrityError, match="Debian's index says"):
        Apt(commands, tmp_path).fetch(["runc"], Silent())


def test_a_revision_with_flaws_that_debian_has_fixed_is_refused(commands: AptOfThisMachine, tmp_path: Path) -> None:
    apt = Apt(commands, tmp_path)
    apt.check_version("runc", "file:runc:v1.1.5", "v1.1.5", VERSION)
    with pytest.raises(WindlassError, match=r"apt offers runc 1:1\.1\.5.*, and 1:1\.1\.5\+ds1-1\+deb12u2 is the first"):
        apt.check_version("runc", "file:runc:v1.1.5", "v1.1.5", "1:1.1.5+ds1-1+deb12u2")


def test_sums_are_by_package_and_version() -> None:
    shown = "Package: a\nVersion: 1\nSHA256: x\n\nPackage: a\nVersion: 2\nSHA256: y\n\nPackage: b\nVersion: 1\n"
    assert index_sums(shown) == {("a", "1"): frozenset({"x"}), ("a", "2"): frozenset({"y"})}
