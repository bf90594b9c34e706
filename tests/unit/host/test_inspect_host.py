"""The script that inspects a host runs for real, with programs on PATH that stand for docker and systemctl."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from unit.host.test_host_drift import FACTS, container
from windlass.domain.artifacts import Artifact
from windlass.domain.host.desired import DesiredHost, DesiredLink
from windlass.domain.host.file_drift import Unknown
from windlass.domain.host.observed import ObservedHost
from windlass.domain.rendering import HostImage
from windlass.domain.scripts.inspect_host import inspect_host, parse_inspection
from windlass.domain.spec.models import Host
from windlass.errors import NotReadyError

DOCKER = """#!/bin/sh
[ ! -e $STATE/hangs ] || exit 1
case "$1 $2" in
  "ps -aq") [ ! -e $STATE/containers ] || echo one ;;
  "image inspect") [ "$3" = here ] ;;
  inspect*) cat $STATE/containers; [ ! -e $STATE/breaks-off ] ;;
esac
"""
IMAGES = tuple(HostImage("docker", Artifact("image", name, "v1"), name) for name in ("here", "gone"))


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "docker").write_text(DOCKER)
    (programs / "docker").chmod(0o755)
    (tmp_path / "containers").write_text(json.dumps(container("kube-scheduler").details) + "\n")
    (tmp_path / "link").symlink_to("/some program")
    (tmp_path / "artifacts" / "0123").mkdir(parents=True)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("STATE", str(tmp_path))
    return tmp_path


def inspect(state: Path) -> ObservedHost:
    host = Host(name="cp-1", address="192.0.2.11", roles=("control-plane",))
    links = (DesiredLink(str(state / "link"), "/some program", "one"), DesiredLink(str(state / "none"), "/a", "two"))
    script = inspect_host(DesiredHost(host, (), links, {}, {}, {}, (), {}, IMAGES))
    text = script.stdin.decode().replace("/opt/windlass/artifacts", str(state / "artifacts"))
    done = subprocess.run(script.argv, input=text, capture_output=True, text=True, check=True, timeout=60)
    return parse_inspection(done.stdout, "cp-1", FACTS, {})


def test_it_tells_of_containers_images_links_and_programs(state: Path) -> None:
    observed = inspect(state)
    assert not isinstance(observed.containers, Unknown)
    assert [(name, one.is_running) for name, one in observed.containers.items()] == [("kube-scheduler", True)]
    assert observed.images == {"docker": frozenset({"here"}), "containerd": Unknown("the runtime did not answer")}
    assert observed.links == {str(state / "link"): "/some program"}
    assert observed.programs == frozenset({"0123"})


def test_a_host_without_containers_or_programs_is_known_to_have_none(state: Path) -> None:
    (state / "containers").unlink()
    (state / "artifacts" / "0123").rmdir()
    (state / "artifacts").rmdir()
    observed = inspect(state)
    assert (observed.containers, observed.programs) == ({}, frozenset())


@pytest.mark.parametrize("fault", ["hangs", "breaks-off", "garbled"])
def test_an_engine_that_does_not_tell_of_every_container_tells_of_none(state: Path, fault: str) -> None:
    (state / fault).touch()
    if fault == "garbled":
        whole = (state / "containers").read_text()
        (state / "containers").write_text(whole + whole[: len(whole) // 2] + "\n")
    observed = inspect(state)
    assert observed.containers == Unknown("Docker did not tell of all containers")
    assert isinstance(observed.running("kube-scheduler"), Unknown)


def test_an_answer_that_is_cut_short_is_no_answer() -> None:
    with pytest.raises(NotReadyError, match="cut short"):
        parse_inspection("engine=answers\n", "cp-1", FACTS, {})
