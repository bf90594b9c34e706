"""The script that looks at a host runs for real, with programs on PATH that stand for docker, systemctl and curl."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from windlass.domain.host.host_checks import HostChecks, ServiceCheck, host_checks
from windlass.domain.remediation import HostHealth
from windlass.domain.scripts.check_health import health_script, parse_health
from windlass.domain.scripts.recreate import recreate_script
from windlass.domain.scripts.wait_healthy import wait_script
from windlass.domain.spec import load_cluster
from windlass.effects.catalog import load_catalog
from windlass.errors import NotReadyError

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)

DOCKER = """#!/bin/sh
[ ! -e $STATE/hangs ] || { echo no engine >&2; exit 1; }
case $1 in
  ps) [ ! -e $STATE/containers ] || echo one ;;
  inspect) cat $STATE/containers; [ ! -e $STATE/breaks-off ] ;;
  *) echo "$*" >> $STATE/calls; [ ! -e $STATE/broken-$1 ] ;;
esac
"""
SYSTEMCTL = """#!/bin/sh
[ "$1" = show ] || exit 0
echo ActiveState=$(cat $STATE/unit-$2 2>/dev/null || echo active); echo SubState=running
echo MainPID=$(cat $STATE/pid-$2 2>/dev/null || echo 0); echo Result=success
"""
CURL = """#!/bin/sh
for word in "$@"; do url=$word; case $word in --*=*) exit 2 ;; esac; done
port=${url##*:}; port=${port%%/*}
[ ! -e $STATE/refuses-$port ] || { printf 000; exit 7; }
[ ! -e $STATE/tls-$port ] || { printf 000; exit 60; }
if [ $port = 10250 ]; then printf 401; else printf 200; fi
"""


@dataclass(frozen=True)
class Place:
    """A directory that says how the host is."""

    state: Path
    desired: HostChecks

    def say(self, name: str, text: str = "") -> None:
        (self.state / name).write_text(text)

    def containers(self, **states: str) -> None:
        names = [one.component for one in self.desired.services]
        running = {name: states.get(name.replace("-", "_"), "running") for name in names}
        self.say("containers", "".join(inspected(name, state) + "\n" for name, state in running.items() if state))

    def look(self, rounds: int = 1, reported: frozenset[str] = frozenset()) -> HostHealth:
        script = health_script(self.desired, rounds).text.replace("sleep 1", "sleep 0")
        done = subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, check=True, timeout=60)
        return parse_health(done.stdout, self.desired, reported, NOW)


def inspected(component: str, state: str) -> str:
    started = (NOW - timedelta(minutes=5)).isoformat().replace("+00:00", ".123456789Z")
    document: dict[str, Any] = {
        "Id": "0" * 64,
        "Name": f"/windlass-{component}",
        "Config": {"Image": "some", "Labels": {"io.windlass.component": component}},
        "State": {"Status": state, "StartedAt": started, "ExitCode": 137},
    }
    return json.dumps(document)


@pytest.fixture(scope="module")
def hosts() -> dict[str, HostChecks]:
    cluster = load_cluster((ROOT / "include/clusters/ha-3-1.yaml").read_text(), "ha")
    catalog = load_catalog(ROOT / "include" / "templates" / "kubernetes")
    return host_checks(cluster, catalog.release(cluster.spec.kubernetes.version))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hosts: dict[str, HostChecks]) -> Iterator[Place]:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in {"docker": DOCKER, "systemctl": SYSTEMCTL, "curl": CURL}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("STATE", str(tmp_path))
    first = next(host for host in hosts.values() if "etcd" in host.host.roles)
    made = Place(tmp_path, first)
    made.containers()
    return made


def test_of_a_healthy_host_all_is_healthy(place: Place) -> None:
    seen = place.look()
    assert {one.component for one in seen.services} == {
        "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "api-proxy"}  # fmt: skip
    assert {one.health(is_reported=False) for one in seen.services} == {"healthy"}
    assert {unit.unit: unit.health for unit in seen.units} == {
        "docker": "healthy", "windlass-containerd": "healthy", "kubelet": "healthy"}  # fmt: skip
    assert not seen.has_suspects


def test_a_container_that_ended_and_one_that_is_missing_are_unhealthy(place: Place) -> None:
    place.containers(kube_apiserver="exited", kube_scheduler="")
    seen = place.look()
    ended, missing = seen.service("kube-apiserver"), seen.service("kube-scheduler")
    assert ended
    assert missing
    assert (ended.health(is_reported=False), ended.reason) == ("unhealthy", "it ended with 137")
    assert (missing.health(is_reported=False), missing.reason) == ("unhealthy", "there is no container of it")


def test_one_that_runs_and_does_not_answer_is_suspect_first_and_unhealthy_after_enough_looks(place: Place) -> None:
    place.say("refuses-6443")
    once, thrice = place.look(), place.look(rounds=3)
    first, last = once.service("kube-apiserver"), thrice.service("kube-apiserver")
    assert first
    assert last
    assert once.has_suspects
    assert (first.health(is_reported=False), first.health(is_reported=True)) == ("unknown", "unhealthy")
    assert (last.health(is_reported=False), last.failed_checks) == ("unhealthy", 3)
    assert last.reason == "port 6443 refuses connections"
    assert last.age == timedelta(minutes=5) - timedelta(microseconds=123456)


def test_one_that_starts_again_and_again_is_suspect_like_one_that_runs(place: Place) -> None:
    place.containers(kube_apiserver="restarting")
    place.say("refuses-6443")
    assert place.look().has_suspects
    found = place.look(rounds=3).service("kube-apiserver")
    assert found
    assert found.health(is_reported=False) == "unhealthy"


def test_a_certificate_that_does_not_verify_says_nothing_of_the_process(place: Place) -> None:
    place.say("tls-6443")
    found = place.look(rounds=3).service("kube-apiserver")
    assert found
    assert found.health(is_reported=True) == "unknown"
    assert "curl 60" in found.reason


def test_of_a_silent_engine_its_containers_are_unknown(place: Place) -> None:
    place.say("hangs")
    place.say("refuses-6443")
    seen = place.look()
    found, others = seen.service("kube-apiserver"), seen.service("etcd")
    assert found
    assert others
    assert (found.health(is_reported=True), others.health(is_reported=True)) == ("unknown", "healthy")
    assert seen.has_suspects
    assert {unit.unit: unit.health for unit in place.look(rounds=3).units}["docker"] == "unhealthy"


def test_an_engine_that_does_not_report_of_every_container_has_not_said_that_one_is_missing(place: Place) -> None:
    whole = (place.state / "containers").read_text()
    for text, is_broken_off in ((whole.splitlines()[0] + "\n", True), (whole[: len(whole) // 2] + "\n", False)):
        place.say("containers", text)
        if is_broken_off:
            place.say("breaks-off")
        for seen in (place.look(), place.look(rounds=3)):
            assert {one.health(is_reported=True) for one in seen.services} == {"healthy"}
            assert {unit.health for unit in seen.units if unit.unit == "docker"} == {"unknown"}
        (place.state / "breaks-off").unlink(missing_ok=True)


@pytest.mark.parametrize(("restarts", "lived", "is_crashing"), [(5, 1, True), (2, 1, False), (9, 60, False)])
def test_one_that_ends_soon_after_each_start_is_not_just_starting(
    place: Place, restarts: int, lived: int, *, is_crashing: bool
) -> None:
    document = json.loads(inspected("etcd", "restarting"))
    ended = NOW - timedelta(minutes=5) + timedelta(seconds=lived)
    document["RestartCount"] = restarts
    document["State"]["FinishedAt"] = ended.isoformat().replace("+00:00", ".2Z")
    others = (place.state / "containers").read_text().splitlines()[1:]
    place.say("containers", "\n".join([json.dumps(document), *(one for one in others if '"etcd"' not in one)]) + "\n")
    etcd = place.look().service("etcd")
    assert etcd
    assert etcd.is_crashing is is_crashing


def test_one_that_was_to_be_replaced_counts_for_nothing_beside_the_one_that_runs(place: Place) -> None:
    running = (place.state / "containers").read_text()
    for text in (running + inspected("etcd", "exited") + "\n", inspected("etcd", "exited") + "\n" + running):
        place.say("containers", text)
        etcd = place.look().service("etcd")
        assert etcd
        assert etcd.health(is_reported=False) == "healthy"


def test_a_unit_that_is_down_or_whose_process_is_stopped_is_unhealthy(place: Place) -> None:
    place.say("unit-kubelet", "failed")
    with subprocess.Popen(["sleep", "60"]) as stopped:
        stopped.send_signal(19)
        os.waitid(os.P_PID, stopped.pid, os.WSTOPPED)
        place.say("pid-windlass-containerd", str(stopped.pid))
        seen = place.look()
        stopped.kill()
    found = {unit.unit: (unit.health, unit.reason) for unit in seen.units}
    assert found["kubelet"] == ("unhealthy", "it is failed")
    assert found["windlass-containerd"] == ("unhealthy", "its process is stopped (SIGSTOP)")


def test_a_kubelet_that_systemd_restarts_is_unknown_until_the_monitor_says_so(place: Place) -> None:
    place.say("unit-kubelet", "activating")
    assert {one.unit: one.health for one in place.look().units}["kubelet"] == "unknown"
    reported = place.look(reported=frozenset({"kubelet"}))
    assert {one.unit: one.health for one in reported.units}["kubelet"] == "unhealthy"


def test_an_answer_that_is_cut_short_is_no_answer(place: Place) -> None:
    with pytest.raises(NotReadyError, match="cut short"):
        parse_health("engine=answers\n", place.desired, frozenset(), NOW)


def test_every_probe_trusts_only_the_clusters_own_authorities(hosts: dict[str, HostChecks]) -> None:
    for host in hosts.values():
        for service in host.services:
            words = service.probe(host.host.address).argv
            assert words[-1].startswith("http://127.0.0.1:") or "--cacert" in words


@pytest.mark.parametrize(("is_gentle", "ends_first"), [(False, True), (True, False)])
def test_one_that_is_unhealthy_is_ended_at_once_and_one_that_works_is_given_its_time(
    place: Place, *, is_gentle: bool, ends_first: bool
) -> None:
    stacks = place.state / "control-plane"
    stacks.mkdir()
    (stacks / "compose.yaml").write_text("services: {}")
    script = recreate_script("control-plane", "kube-apiserver", is_gentle=is_gentle).text
    script = script.replace("/etc/windlass/stacks", str(place.state))
    done = subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, check=True, timeout=60)
    calls = (place.state / "calls").read_text().splitlines()
    assert done.stdout == "changed: container kube-apiserver\n"
    assert (calls[0] == "rm -f windlass-kube-apiserver") is ends_first
    assert calls[-1].endswith("up -d --no-deps --force-recreate kube-apiserver")


def test_a_container_is_not_recreated_while_another_script_works_on_its_stack(place: Place) -> None:
    stack = place.state / "control-plane"
    stack.mkdir()
    (stack / "compose.yaml").write_text("services: {}")
    script = recreate_script("control-plane", "kube-apiserver", is_gentle=False).text
    script = script.replace("/etc/windlass/stacks", str(place.state))
    held = os.open(stack, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)  # as `stack_script` has it
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True) as waiting:
        try:
            deadline = time.monotonic() + 30
            while not any(child.name() == "flock" for child in psutil.Process(waiting.pid).children()):
                assert time.monotonic() < deadline
                assert waiting.poll() is None
            assert not (place.state / "calls").exists()
        finally:
            os.close(held)
        assert waiting.communicate(timeout=30)[0] == "changed: container kube-apiserver\n"


def test_a_container_whose_compose_file_is_lost_is_not_touched(place: Place) -> None:
    script = recreate_script("control-plane", "kube-apiserver", is_gentle=False).text
    script = script.replace("/etc/windlass/stacks", str(place.state))
    done = subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 66
    assert not (place.state / "calls").exists()


def test_the_wait_ends_when_the_check_passes_and_tells_the_last_answer_when_it_does_not(place: Place) -> None:
    wait = wait_script(place.desired, "kube-apiserver", is_unit=False)
    assert wait is not None
    script, limit = wait
    assert limit == timedelta(seconds=60)
    at_once = script.text.replace("sleep 1", "sleep 0")
    assert subprocess.run(["sh", "-s"], input=at_once, text=True, check=False, timeout=90).returncode == 0
    place.say("refuses-6443")
    short = at_once.replace("+ 60", "+ 3")  # of one second nothing may be left when it begins
    done = subprocess.run(["sh", "-s"], input=short, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "port answers 000\n")


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hosts: dict[str, HostChecks]) -> Iterator[Place]:
    """A host with one more service, of the user's, which takes connections and says nothing; with the real curl."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in {"docker": DOCKER, "systemctl": SYSTEMCTL}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("STATE", str(tmp_path))
    worker = hosts["w-1"]
    check = replace(
        worker.services[0].check,
        protocol="tcp",
        request_line="",
        address="loopback",
        client_certificate=None,
        response_timeout=timedelta(seconds=1),
        healthy_threshold=1,
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        service = ServiceCheck("database", "database", replace(check, port=silent.getsockname()[1]))
        made = Place(tmp_path, replace(worker, services=(service,)))
        made.containers()
        yield made


def test_a_service_that_takes_connections_and_says_nothing_is_healthy(database: Place) -> None:
    (found,) = database.look().services
    assert (found.answers, found.failed_checks) == ("healthy", 0)


def test_a_service_of_which_nothing_listens_refuses_connections(database: Place) -> None:
    (service,) = database.desired.services
    gone = replace(service, check=replace(service.check, port=1))
    (found,) = replace(database, desired=replace(database.desired, services=(gone,))).look().services
    assert (found.answers, found.reason) == ("unhealthy", "port 1 refuses connections")


def test_who_waits_for_such_a_service_ends_as_soon_as_it_takes_connections(database: Place) -> None:
    wait = wait_script(database.desired, "database", is_unit=False)
    assert wait is not None
    subprocess.run(["sh", "-s"], input=wait[0].text, capture_output=True, text=True, check=True, timeout=60)
