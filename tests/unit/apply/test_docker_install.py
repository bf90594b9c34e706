"""The script that installs Docker Engine runs for real, with programs on PATH that stand for dpkg and systemctl."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from windlass.domain.scripts import install as scripts_install
from windlass.domain.scripts.install import docker_script
from windlass.domain.scripts.script import changes_of

DPKG = """#!/bin/sh
echo "dpkg $*" >> $STATE/calls
if [ -s $STATE/locked ]; then
  sed -i 1d $STATE/locked
  echo "dpkg: error: dpkg frontend lock was locked by another process with pid 42" >&2; exit 2
fi
[ ! -e $STATE/broken ] || { echo "dpkg: error processing package docker.io" >&2; exit 1; }
printf '#!/bin/sh\\n' > $STATE/bin/dockerd; chmod 755 $STATE/bin/dockerd
[ ! -e $STATE/killed ] || kill -9 $PPID
"""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in {
        "dpkg": DPKG,
        "systemctl": '#!/bin/sh\necho "systemctl $*" >> $STATE/calls\n',
        "sleep": "#!/bin/sh\n",
    }.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    for name in ("sh", "sed", "grep", "date", "tail", "mkdir", "touch", "rm", "chmod"):
        (programs / name).symlink_to(f"/bin/{name}")
    monkeypatch.setattr(scripts_install, "DOCKER_UNFINISHED", f"{tmp_path}/windlass/docker-unfinished")
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("STATE", str(tmp_path))
    return tmp_path


def install(state: Path) -> subprocess.CompletedProcess[str]:
    script = docker_script("/packages").text.replace("/var/log", str(state))
    return subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, check=False, timeout=30)


def calls(state: Path) -> list[str]:
    return [line.split()[0] for line in (state / "calls").read_text().splitlines()]


def test_an_engine_is_installed_once(state: Path) -> None:
    assert changes_of(install(state).stdout) == ("docker engine",)
    assert changes_of(install(state).stdout) == ()
    assert calls(state) == ["dpkg", "systemctl"]


def test_waits_while_another_process_holds_the_lock(state: Path) -> None:
    (state / "locked").write_text("1\n2\n3\n")
    assert changes_of(install(state).stdout) == ("docker engine",)
    assert calls(state) == ["dpkg"] * 4 + ["systemctl"]


def test_a_lock_that_is_held_for_too_long_is_told(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts_install, "_LOCK_SECONDS", 0)
    (state / "locked").write_text("1\n2\n")
    done = install(state)
    assert done.returncode == 1
    assert "locked by another process with pid 42" in done.stderr


def test_a_package_that_cannot_be_installed_fails_at_once(state: Path) -> None:
    (state / "broken").touch()
    done = install(state)
    assert (done.returncode, done.stderr) == (1, "dpkg: error processing package docker.io\n")
    assert calls(state) == ["dpkg"]


def test_what_was_broken_off_is_done_again_and_whole(state: Path) -> None:
    (state / "killed").touch()
    assert install(state).returncode == -9
    assert (state / "bin/dockerd").exists()
    (state / "killed").unlink()

    assert changes_of(install(state).stdout) == ("docker engine",)
    first, again = [line for line in (state / "calls").read_text().splitlines() if line.startswith("dpkg")]
    assert "--skip-same-version" in first
    assert "--skip-same-version" not in again
    assert changes_of(install(state).stdout) == ()
