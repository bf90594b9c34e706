"""The scripts that start units and stacks run for real, with programs on PATH that stand for systemctl and docker."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import pytest

from windlass.domain.host.desired import DesiredHost, DesiredUnit
from windlass.domain.host.facts import parse_facts
from windlass.domain.host.observed import ObservedHost
from windlass.domain.scripts import apply
from windlass.domain.scripts.apply import (
    service_digests,
    settings_script,
    stack_script,
    unit_script,
)
from windlass.domain.scripts.inspect_host import inspect_host, parse_inspection
from windlass.domain.scripts.script import changes_of
from windlass.domain.spec.models import Host

SYSTEMCTL = """#!/bin/sh
echo "$*" >> $STATE/calls
case $1 in
  is-active) [ -e $STATE/active ] && echo active ;;
  restart) [ ! -e $STATE/broken ] && touch $STATE/active ;;
esac
"""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in {"systemctl": SYSTEMCTL, "journalctl": "#!/bin/sh\necho its last words\n"}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("STATE", str(tmp_path))
    monkeypatch.setattr(apply, "APPLIED", f"{tmp_path}/applied")
    monkeypatch.setitem(apply._LOAD, "kernel settings", "systemctl load")
    (tmp_path / "config").write_text("a: 1\n")
    (tmp_path / "v1").touch()
    (tmp_path / "v2").touch()
    (tmp_path / "program").symlink_to(tmp_path / "v1")
    return tmp_path


def start(state: Path) -> subprocess.CompletedProcess[str]:
    script = unit_script("kubelet", [str(state / "config")], [str(state / "program")]).text
    return subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, check=False, timeout=30)


def restarts(state: Path) -> int:
    return (state / "calls").read_text().count("restart kubelet")


def test_a_unit_is_started_once(state: Path) -> None:
    assert changes_of(start(state).stdout) == ("unit kubelet",)
    assert changes_of(start(state).stdout) == ()
    assert restarts(state) == 1


def test_a_unit_whose_file_or_binary_changed_is_restarted(state: Path) -> None:
    start(state)
    (state / "config").write_text("a: 2\n")
    assert changes_of(start(state).stdout) == ("unit kubelet",)
    (state / "program").unlink()
    (state / "program").symlink_to(state / "v2")
    assert changes_of(start(state).stdout) == ("unit kubelet",)
    assert restarts(state) == 3


def test_a_unit_that_died_is_started_again(state: Path) -> None:
    start(state)
    (state / "active").unlink()
    assert changes_of(start(state).stdout) == ("unit kubelet",)


def test_a_unit_that_does_not_start_fails_with_its_log_and_is_tried_again(state: Path) -> None:
    (state / "broken").touch()
    done = start(state)
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["its last words", "kubelet does not start; see journalctl -u kubelet"]

    (state / "broken").unlink()
    assert changes_of(start(state).stdout) == ("unit kubelet",)


def test_a_stack_that_runs_as_rendered_is_left_alone(state: Path) -> None:
    docker = state / "bin" / "docker"
    docker.write_text("#!/bin/sh\n[ $1 = ps ] && printf 'b=sha256:2\\na=sha256:1\\n'\n")
    docker.chmod(0o755)
    script = stack_script("etcd", {"a": "sha256:1", "b": "sha256:2"}).text.replace(
        "/etc/windlass/stacks/etcd", str(state)
    )

    done = subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, check=False, timeout=30)

    assert (done.returncode, changes_of(done.stdout)) == (0, ())


def test_digests_are_those_of_the_labels() -> None:
    compose = """
    services:
      one: {labels: {io.windlass.component: etcd, io.windlass.digest: "sha256:1"}}
    """
    assert service_digests(compose) == {"etcd": "sha256:1"}


def inspected(state: Path, *, is_node: bool = True) -> ObservedHost:
    """Have the host inspected, as far as it has one kind of settings and, as a node, one unit."""
    host = Host(name="cp-1", address="192.0.2.11", roles=("worker",))
    unit = DesiredUnit("kubelet", "kubelet", "v1", (str(state / "config"),), (str(state / "program"),))
    settings = {"kernel settings": (str(state / "config"), str(state / "absent"))}
    desired = DesiredHost(host, (), (), {}, {}, settings, (unit,) if is_node else (), {}, ())
    script = inspect_host(desired)
    done = subprocess.run(script.argv, input=script.stdin, capture_output=True, check=True, timeout=30)
    return parse_inspection(done.stdout.decode(), "cp-1", parse_facts("complete=yes"), {})


def test_an_inspected_unit_is_current_if_starting_would_leave_it_alone(state: Path) -> None:
    assert not inspected(state).units["kubelet"].is_current
    start(state)
    assert inspected(state).units["kubelet"].is_current
    (state / "config").write_text("a: 3\n")
    assert not inspected(state).units["kubelet"].is_current
    start(state)
    (state / "active").unlink()
    assert not inspected(state).units["kubelet"].is_current
    assert restarts(state) == 2


def test_of_a_stack_one_service_alone_is_brought_up(state: Path) -> None:
    docker = state / "bin" / "docker"
    docker.write_text(
        "#!/bin/sh\nif [ $1 = ps ]; then printf 'api=sha256:1\\nother=sha256:old\\n'\n"
        'else echo "$*" >> $STATE/calls; fi\n'
    )
    docker.chmod(0o755)

    def up(api: str) -> tuple[str, ...]:
        script = stack_script("none", {"api": api, "other": "sha256:new"}, only=["api"])
        text = script.text.replace("/etc/windlass/stacks/none", str(state))
        done = subprocess.run(["sh", "-s"], input=text, capture_output=True, text=True, check=True, timeout=30)
        return changes_of(done.stdout)

    assert up("sha256:1") == ()
    assert up("sha256:2") == ("api",)
    assert (state / "calls").read_text().split()[-3:] == ["-d", "--no-deps", "api"]


DOCKER = """#!/bin/sh
case $1 in
  ps) if [ -e $STATE/up ]; then echo api=sha256:2; else echo api=sha256:1; fi ;;
  compose) mkdir $STATE/one || exit 1; read _ < $STATE/gate; rmdir $STATE/one; touch $STATE/up ;;
esac
"""


def test_a_second_script_waits_for_one_whose_caller_is_gone(state: Path) -> None:
    (state / "bin" / "docker").write_text(DOCKER)
    (state / "bin" / "docker").chmod(0o755)
    os.mkfifo(state / "gate")
    script = stack_script("none", {"api": "sha256:2"}, only=["api"]).text.replace(
        "/etc/windlass/stacks/none", str(state)
    )
    begin = partial(subprocess.Popen, ["sh", "-c", script], stdout=subprocess.PIPE, text=True)

    with begin() as first:
        until((state / "one").exists)
        with begin() as second:
            until(lambda: any(child.name() == "flock" for child in psutil.Process(second.pid).children()))
            (state / "gate").write_text("go\n")
            assert [changes_of(one.communicate(timeout=30)[0]) for one in (first, second)] == [("api",), ()]
    assert (first.returncode, second.returncode) == (0, 0)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def load(state: Path) -> subprocess.CompletedProcess[str]:
    script = settings_script("kernel settings", [str(state / "config"), str(state / "absent")]).text
    return subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, check=False, timeout=30)


def test_settings_are_loaded_when_they_changed_and_again_if_that_was_broken_off(state: Path) -> None:
    assert changes_of(load(state).stdout) == ("kernel settings",)
    assert changes_of(load(state).stdout) == ()
    (state / "config").write_text("a: 2\n")
    (state / "bin/systemctl").write_text("#!/bin/sh\nexit 1\n")
    assert load(state).returncode == 1

    (state / "bin/systemctl").write_text(SYSTEMCTL)
    assert not are_loaded(state)
    assert changes_of(load(state).stdout) == ("kernel settings",)
    assert (state / "calls").read_text() == "load\nload\n"
    assert are_loaded(state)


def are_loaded(state: Path) -> bool:
    return inspected(state, is_node=False).settings["kernel settings"].is_current
