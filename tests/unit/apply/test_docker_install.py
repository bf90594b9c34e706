"""The script that brings Docker Engine runs for real, with a program on PATH that stands for systemctl."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from windlass.domain.catalog.drivers import HostTraces
from windlass.domain.host.layout import ENGINE_MARK
from windlass.domain.rendering.engine import EnginePrograms
from windlass.domain.scripts.engine import docker_script
from windlass.domain.scripts.script import changes_of
from windlass.domain.scripts.uninstall import removal_script

SYSTEMCTL = """#!/bin/sh
echo "systemctl $*" >> $STATE/calls
case $1 in
  is-active) [ ! -e $STATE/stopped ] || exit 3 ;;
  restart) rm -f $STATE/stopped; [ ! -e $STATE/broken ] || { echo "Job for docker.service failed" >&2; exit 1; } ;;
esac
[ ! -e $STATE/killed ] || kill -9 $PPID
"""
JOURNAL = '#!/bin/sh\necho "failed to start daemon: no cgroups"\n'
TOOLS = (
    *("sh", "grep", "cat", "mkdir", "touch", "rm", "mv", "ln", "readlink", "ls", "chmod"),
    *("cut", "find", "sha256sum", "sort", "xargs"),
)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for directory in ("usr/local/bin", "etc/systemd/system", "programs"):
        (tmp_path / directory).mkdir(parents=True)
    for name, text in {"systemctl": SYSTEMCTL, "journalctl": JOURNAL}.items():
        put_program(tmp_path / "programs" / name, text)
    for name in TOOLS:
        (tmp_path / "programs" / name).symlink_to(f"/bin/{name}")
    for name in ("docker", "dockerd"):
        put_program(tmp_path / "opt/windlass/docker-engine/v29/bin" / name)
    monkeypatch.setenv("PATH", f"{tmp_path}/usr/local/bin:{tmp_path}/programs")
    monkeypatch.setenv("STATE", str(tmp_path))
    return tmp_path


def put_program(path: Path, text: str = "#!/bin/sh\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def install(root: Path, engine: str = "v29", containerd: str = "v2") -> subprocess.CompletedProcess[str]:
    names = (f"docker-engine/{engine}", f"containerd/{containerd}", "runc/v1")
    text = docker_script(EnginePrograms(*(f"/opt/windlass/{name}/bin" for name in names))).text
    for path in ("/opt/windlass", "/etc/systemd", "/usr/local/bin", "/var/lib/docker", "/var/lib/windlass"):
        text = text.replace(path, f"{root}{path}")
    return subprocess.run(["sh", "-s"], input=text, capture_output=True, text=True, check=False, timeout=30)


def unit(root: Path) -> Path:
    return root / "etc/systemd/system/docker.service"


def calls(root: Path) -> list[str]:
    return [line.split()[1] for line in (root / "calls").read_text().splitlines()]


def test_an_engine_is_brought_once_and_found_by_its_usual_names(state: Path) -> None:
    assert changes_of(install(state).stdout) == ("unit docker",)
    assert changes_of(install(state).stdout) == ()
    assert calls(state) == ["daemon-reload", "enable", "restart", "is-active"]
    assert (state / "usr/local/bin/docker").readlink() == state / "opt/windlass/docker-engine/v29/bin/docker"
    lines = unit(state).read_text().splitlines()
    assert lines[0] == ENGINE_MARK
    assert f"ExecStart={state}/opt/windlass/docker-engine/v29/bin/dockerd --host unix:///var/run/docker.sock" in lines


def test_an_engine_that_is_there_stays_as_it_is(state: Path) -> None:
    put_program(state / "programs/dockerd")

    done = install(state)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not unit(state).exists()
    assert not (state / "calls").exists()


@pytest.mark.parametrize("left", ["unit", "client"])
def test_what_another_engine_left_is_named_and_not_touched(state: Path, left: str) -> None:
    if left == "unit":
        unit(state).write_text("[Service]\nExecStart=/usr/bin/dockerd\n")
    else:
        put_program(state / "programs/docker")
    before = sorted(state.rglob("*"))

    done = install(state)

    assert done.returncode == 1
    assert "then run this again" in done.stderr
    assert (str(unit(state)) if left == "unit" else "Podman") in done.stderr
    assert sorted(state.rglob("*")) == before


def test_an_engine_that_does_not_start_says_why_and_is_tried_again(state: Path) -> None:
    (state / "broken").touch()
    done = install(state)
    assert (done.returncode, done.stdout) == (1, "")
    assert "failed to start daemon: no cgroups\ndocker does not start" in done.stderr

    (state / "broken").unlink()
    assert changes_of(install(state).stdout) == ("unit docker",)


def test_what_was_broken_off_is_done_again(state: Path) -> None:
    (state / "killed").touch()
    assert install(state).returncode == 137
    (state / "killed").unlink()
    assert changes_of(install(state).stdout) == ("unit docker",)
    assert changes_of(install(state).stdout) == ()


@pytest.mark.parametrize("has_data", [True, False])
def test_only_data_that_was_not_there_before_counts_as_the_engines(state: Path, *, has_data: bool) -> None:
    if has_data:
        (state / "var/lib/docker/volumes/of-somebody").mkdir(parents=True)
    (state / "killed").touch()
    install(state)
    (state / "killed").unlink()
    (state / "var/lib/docker/image").mkdir(parents=True)  # as the engine itself makes, once it runs

    install(state)

    assert (state / "opt/windlass/docker-data").exists() is not has_data


@pytest.mark.parametrize(("engine", "containerd"), [("v30", "v2"), ("v29", "v3")])
def test_an_engine_of_ours_starts_again_once_where_a_release_has_another(
    state: Path, engine: str, containerd: str
) -> None:
    (state / "var/lib/docker/volumes/of-somebody").mkdir(parents=True)
    install(state)
    for name in ("docker", "dockerd"):
        put_program(state / f"opt/windlass/docker-engine/{engine}/bin" / name)

    assert changes_of(install(state, engine, containerd).stdout) == ("unit docker",)
    assert changes_of(install(state, engine, containerd).stdout) == ()

    assert calls(state).count("restart") == 2
    assert (state / "usr/local/bin/docker").readlink() == state / f"opt/windlass/docker-engine/{engine}/bin/docker"
    assert f"/opt/windlass/containerd/{containerd}/bin" in unit(state).read_text()
    assert not (state / "opt/windlass/docker-data").exists()


def test_an_upgrade_that_was_broken_off_is_made_up_for_and_is_no_missing_engine_meanwhile(state: Path) -> None:
    install(state)
    (state / "killed").touch()
    assert install(state, containerd="v3").returncode == 137
    (state / "killed").unlink()
    assert not (state / "opt/windlass/docker-unfinished").exists()
    assert changes_of(install(state, containerd="v3").stdout) == ("unit docker",)
    assert calls(state)[-1] == "restart"


def test_an_engine_of_ours_that_was_stopped_is_started(state: Path) -> None:
    install(state)
    (state / "stopped").touch()
    assert changes_of(install(state).stdout) == ("unit docker",)


def test_an_engine_that_is_not_ours_is_not_taken_away() -> None:
    text = removal_script("10.244.0.0/16", HostTraces()).text
    removal = text[text.index("# An engine that Windlass brought") :]
    assert removal.splitlines()[1].startswith(f"if grep -qsxF '{ENGINE_MARK}'")
