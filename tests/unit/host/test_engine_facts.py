"""What a host says of its engine, AppArmor and SELinux: the real script, programs and files that stand for theirs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from windlass.domain.host.facts import HostFacts, parse_facts
from windlass.domain.host.layout import ENGINE_MARK, ENGINE_UNIT
from windlass.domain.scripts.facts import facts_script

RUNC = "runc (unconfined)\n"
KNOWS_RUNC = "#!/bin/sh\n#  signal (receive) peer=runc,\n"
FILES = {
    "parser": "/usr/sbin:/sbin",
    "enabled": "/sys/module/apparmor/parameters/enabled",
    "profiles": "/sys/kernel/security/apparmor/profiles",
    "unit": ENGINE_UNIT,
    "enforce": "/sys/fs/selinux/enforce",
}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    write(tmp_path, "bin/dockerd", "#!/bin/sh\n")
    write(tmp_path, "bin/docker", "#!/bin/sh\necho 20.10.24\n")
    return tmp_path


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)
    (root / path).chmod(0o755)


def ask(root: Path) -> HostFacts:
    text = facts_script().text
    for name, path in FILES.items():
        assert path in text
        text = text.replace(path, f"{root}/{name}")
    done = subprocess.run(["sh", "-s"], input=text, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    return parse_facts(done.stdout)


@pytest.mark.parametrize(
    ("is_on", "has_parser", "lacks"), [("Y", False, True), ("Y", True, False), ("N", False, False)]
)
def test_the_parser_is_missed_only_where_apparmor_is_on(
    host: Path, is_on: str, *, has_parser: bool, lacks: bool
) -> None:
    write(host, "enabled", f"{is_on}\n")
    if has_parser:
        write(host, "parser/apparmor_parser", "#!/bin/sh\n")
    assert ask(host).lacks_apparmor_parser is lacks


@pytest.mark.parametrize(
    ("profiles", "engine", "denies"),
    [
        ("docker-default (enforce)\n" + RUNC, "#!/bin/sh\n", True),
        ("/usr/sbin/runc (enforce)\n", "#!/bin/sh\n", True),
        (RUNC, KNOWS_RUNC, False),
        ("docker-default (enforce)\ncrun (unconfined)\n", "#!/bin/sh\n", False),
    ],
)
def test_a_profile_of_runc_stops_engines_that_do_not_know_it(
    host: Path, profiles: str, engine: str, *, denies: bool
) -> None:
    write(host, "enabled", "Y\n")
    write(host, "profiles", profiles)
    write(host, "bin/dockerd", engine)
    assert ask(host).denies_signals is denies


@pytest.mark.parametrize(("text", "is_enforcing"), [("1", True), ("0", False)])
def test_selinux_counts_where_it_is_enforcing(host: Path, text: str, *, is_enforcing: bool) -> None:
    write(host, "enforce", text)
    assert ask(host).is_selinux_enforcing is is_enforcing


@pytest.mark.parametrize(
    ("unit", "is_ours"), [(f"{ENGINE_MARK}\n[Service]\n", True), ("[Service]\n", False), (None, False)]
)
def test_an_engine_is_windlass_s_if_its_unit_says_so(host: Path, unit: str | None, *, is_ours: bool) -> None:
    if unit is not None:
        write(host, "unit", unit)
    assert ask(host).brought_engine is is_ours
