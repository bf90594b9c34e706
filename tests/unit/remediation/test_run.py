"""Remediation runs on hosts in memory that answer as real ones do, and break as told."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from windlass.domain.artifacts import Artifact, Lock, Locked
from windlass.domain.catalog import Release
from windlass.domain.health import Finding, Kind
from windlass.domain.host.desired import desired_host
from windlass.domain.host.facts import parse_facts
from windlass.domain.host.host_checks import host_checks
from windlass.domain.host.layout import DOCKER_DAEMON, PROJECT_LABEL
from windlass.domain.pki import Pki, desired_certificates, files_for, issue_pki
from windlass.domain.remediation import HealthReport, History, NeedsOperator, RemediationPlan, Tries
from windlass.domain.remediation.plan import RunOrigin
from windlass.domain.remediation.triggers import MonitorReports, monitor_reports
from windlass.domain.rendering import MirrorAddresses, merge_daemon_settings, render_host
from windlass.domain.rendering.context import ClusterInputs, HostInputs
from windlass.domain.spec import Cluster, load_cluster
from windlass.domain.spec.models import Host
from windlass.domain.yamltext import read_yaml
from windlass.effects.catalog import load_catalog
from windlass.effects.kubernetes.client import Resource
from windlass.effects.ssh.connection import CommandResult, RemoteFile
from windlass.effects.ssh.fake import Call, FakeHost, FakeHosts
from windlass.effects.ssh.pool import Connections
from windlass.errors import NotReadyError, RefusedError, SpecError, UnreachableError
from windlass.operations import compare_host
from windlass.operations.cluster import ClusterSession
from windlass.operations.remediation import (
    Keyring,
    Note,
    RemediationContext,
    RemediationResult,
    RunCallbacks,
    RunStart,
    context,
    detect_drift,
    execute,
    observe,
    remediate,
    run,
    show_plan,
)
from windlass.operations.remediation.context import Machines, NoMachines

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MIRROR = MirrorAddresses("http://192.0.2.9:8080", "192.0.2.9:5000")
SPEC = (ROOT / "include/clusters/ha-3-1.yaml").read_text()
FACTS = "arch=x86_64\ncomplete=yes\ndocker=20.10.24\n"


@functools.cache
def cluster() -> Cluster:
    return load_cluster(SPEC, "ha")


@functools.cache
def pki() -> Pki:
    return issue_pki(cluster(), NOW)


@functools.cache
def compose_services(content: bytes) -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = read_yaml(content.decode())["services"]
    return services


@functools.cache
def release() -> Release:
    return load_catalog(ROOT / "include/templates/kubernetes").release(cluster().spec.kubernetes.version)


@functools.cache
def lock() -> Lock:
    images = [Artifact("image", name, version) for name, version in release().images.items()]
    files = [Artifact("file", name, version) for name, version in release().files.items()]
    return Lock("modules", {one: Locked(f"sha256:{'1' * 64}", 1, "build") for one in [*images, *files]})


@functools.cache
def files_by_host() -> Mapping[str, Mapping[str, RemoteFile]]:
    """What an apply has written to each host; the values are shared by all tests, and none changes them."""
    return {host.name: _files_of(host) for host in cluster().spec.hosts.members}


def _files_of(host: Host) -> Mapping[str, RemoteFile]:
    rendered = render_host(cluster(), release(), host, lock(), MIRROR, parse_facts(FACTS))
    daemon = rendered[DOCKER_DAEMON]
    merged = replace(daemon, content=merge_daemon_settings(None, daemon.text).encode())
    files = {path: RemoteFile(one.content, one.mode) for path, one in {**rendered, DOCKER_DAEMON: merged}.items()}
    return files | {p: RemoteFile(f.content, f.mode) for p, f in files_for(cluster(), host, pki()).items()}


@dataclass
class World:
    """All hosts, what runs on them, and the time."""

    session: ClusterSession
    hosts: dict[str, FakeHost]
    now: datetime = NOW
    broken: dict[str, str] = field(default_factory=dict)
    """Docker's word for what is not running, by `host/component`; `stuck` starts again and again without success."""
    history: History = field(default_factory=History)
    notes: list[Note] = field(default_factory=list)
    acts: list[str] = field(default_factory=list)
    looks: int = 0
    age: timedelta = timedelta(hours=1)
    """For how long each container has run."""
    monitor: Callable[[], MonitorReports | None] = field(default=lambda: None)
    heartbeat: Callable[[], object] = field(default=lambda: None)
    on_note: Callable[[Note], object] = field(default=lambda _: None)
    machines: Machines = field(default_factory=NoMachines)
    slowness: timedelta = timedelta(seconds=60)
    """How long what stays unhealthy is watched without success."""

    def answer(self, name: str, call: Call) -> CommandResult | str:
        script = call.script
        assert script is not None
        if script.name == "check-health":
            self.looks += 1
            return self.look(name)
        if script.name == "recreate-container":
            component = script.arguments["component"]
            self.acts.append(f"{name}/{component}")
            if self.broken.get(f"{name}/{component}") not in {"stuck", "running"}:
                self.broken.pop(f"{name}/{component}", None)
            return f"changed: container {component}\n"
        if script.name == "wait-until-healthy":
            stuck = [key for key, state in self.broken.items() if state == "stuck" and key.startswith(f"{name}/")]
            stuck += [key for key, state in self.broken.items() if state == "running" and key.startswith(f"{name}/")]
            self.now += self.slowness if stuck else timedelta(seconds=2)
            return CommandResult(1, "port answers 000\n", "") if stuck else ""
        if script.name == "inspect-host":
            return "\n".join(self.inspect_host(name)) + "\n"
        return FACTS

    def inspect_host(self, name: str) -> Iterator[str]:
        """Tell that all is there and loaded; containers are as they are."""
        host = next(host for host in self.session.hosts if host.name == name)
        inputs = HostInputs(ClusterInputs(cluster(), release(), lock(), MIRROR), host, parse_facts(FACTS))
        desired = compare_host.desired_host(inputs, None, None)
        yield from ("programs=known", "engine=answers", "complete=yes")
        yield from (f"program={one.directory}" for one in desired.programs)
        yield from (f"link={one.path} {one.target}" for one in desired.links)
        yield from (f"setting=1:1:{setting}" for setting in desired.settings)
        yield from (f"unit={unit.name}:active:1:1" for unit in desired.units)
        yield from (json.dumps(one) for one in self.inspected(name))

    def look(self, name: str) -> str:
        lines = ["engine=answers", "member_data=yes", "free_kib=99999999"]
        lines += [f"unit={unit} active running - success" for unit in ("docker", "windlass-containerd", "kubelet")]
        lines += [json.dumps(one) for one in self.inspected(name)]
        for component in self.services(name):
            is_healthy = f"{name}/{component}" not in self.broken
            lines.append(f"probe={component} ok 0" if is_healthy else f"probe={component} 3 000 7")
        return "\n".join([*lines, "probe=kubelet ok 0", "complete=yes"]) + "\n"

    def services(self, name: str) -> dict[str, dict[str, Any]]:
        files = [file.content for path, file in self.hosts[name].files.items() if path.endswith("compose.yaml")]
        return {k: v for content in files for k, v in compose_services(content).items()}

    def inspected(self, name: str) -> list[dict[str, Any]]:
        return [self._inspect(name, component, service) for component, service in self.services(name).items()]

    def _inspect(self, name: str, component: str, service: dict[str, Any]) -> dict[str, Any]:
        state = self.broken.get(f"{name}/{component}", "running")
        mounts = [{"Type": "bind", "Source": one["source"], "Destination": one["target"],
                   "RW": not one.get("read_only")} for one in service.get("volumes", [])]  # fmt: skip
        return {
            "Id": "0", "Name": f"/windlass-{component}", "Mounts": mounts,
            "Config": {"Image": service["image"], "Labels": {**service["labels"], PROJECT_LABEL: "windlass-any"},
                       "Entrypoint": service["entrypoint"],
                       "Cmd": service["command"]},
            "State": {"Status": "exited" if state == "stuck" else state, "ExitCode": 137,
                      "StartedAt": (self.now - self.age).isoformat().replace("+00:00", "Z")},
            "HostConfig": {"RestartPolicy": {"Name": "always"}, "NetworkMode": "host", "ReadonlyRootfs": True},
        }  # fmt: skip

    def save(self, history: History) -> None:
        self.history = history

    def pause(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def remediate(
        self, *reports: HealthReport, by_person: bool = False, notices: tuple[NeedsOperator, ...] = ()
    ) -> RemediationResult:
        self.notes.clear()
        return remediate(self.context(), self.callbacks(), self.start(*reports, by_person=by_person, notices=notices))

    def plan(self) -> RemediationPlan:
        return show_plan(self.context(), self.start())

    def start(
        self, *reports: HealthReport, by_person: bool = False, notices: tuple[NeedsOperator, ...] = ()
    ) -> RunStart:
        by_key = {one.key: one for one in reports}
        return RunStart(self.history, by_key, notices, RunOrigin(by_person=by_person))

    def context(self) -> RemediationContext:
        keyring = Keyring(pki, lambda _: RemoteFile(b"sealed"))
        return RemediationContext(self.session, keyring, self.report, self.machines, clock=lambda: self.now)

    def callbacks(self) -> RunCallbacks:
        return RunCallbacks(self.save, self.heartbeat, self.monitor, self.pause)

    def report(self, note: Note) -> None:
        self.notes.append(note)
        self.on_note(note)

    @property
    def texts(self) -> list[str]:
        return [note.text for note in self.notes]


def no_etcd(*_: object) -> None:
    raise NotReadyError("there is no etcd here to ask")


def once(make: Callable[..., Any], *, key: Callable[..., Any]) -> Callable[..., Any]:
    """Return the same function, which makes a value once for all that has the same key; it must not be changed."""
    made: dict[Any, Any] = {}

    def known(*given: Any) -> Any:
        name = key(*given)
        if name not in made:
            made[name] = (make(*given), given)  # what was given is kept, so that no other value gets its identity
        return made[name][0]

    return known


def due(keys: Pki, renewed: Pki) -> frozenset[str]:
    return frozenset(name for name, leaf in keys.leaves.items() if renewed.leaves[name] is not leaf)


ONCE = {
    (compare_host, "desired_host"): once(
        desired_host,
        key=lambda inputs, certificates, settings: (
            id(inputs.whole.cluster),
            inputs.host.name,
            repr(inputs.facts),
            id(certificates),
            settings,
        ),
    ),
    (detect_drift, "desired_certificates"): once(
        desired_certificates, key=lambda spec, host, keys, renewed: (id(spec), host.name, id(keys), due(keys, renewed))
    ),
    (context, "host_checks"): once(host_checks, key=lambda spec, _: id(spec)),
}
"""What every observation renders again, by where it is used: the same for all tests that change nothing of it."""


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(observe, "observe_members", no_etcd)
    for (module, name), cached in ONCE.items():
        monkeypatch.setattr(module, name, cached)
    hosts = {host.name: FakeHost(host.name) for host in cluster().spec.hosts.members}
    fakes = FakeHosts(hosts.values())
    made = World(ClusterSession(cluster(), release(), lock(), MIRROR, Connections(fakes.targets(), fakes)), hosts)
    for host in cluster().spec.hosts.members:
        hosts[host.name].files |= files_by_host()[host.name]
        hosts[host.name].on("sh", "-s", answer=functools.partial(made.answer, host.name))
    return made


def test_a_healthy_cluster_is_left_alone(world: World) -> None:
    outcome = world.remediate()
    assert (outcome.done, outcome.is_healthy, world.acts, world.texts) == ((), True, [], [])


def test_what_the_monitor_found_is_acted_on_and_reported_in_one_line(world: World) -> None:
    world.broken["cp-2/kube-apiserver"] = "exited"
    outcome = world.remediate(HealthReport("cp-2", "kube-apiserver", 3, ("cp-1", "cp-3", "w-1")))
    assert world.acts == ["cp-2/kube-apiserver"]
    assert outcome.is_healthy
    assert world.texts[0] == (
        "Requested 3, Healthy 2, Recreated 1: kube-apiserver on cp-2, 3 failed checks seen from cp-1, cp-3, w-1 "
        "(it ended with 137)"
    )
    assert world.texts[1].startswith("kube-apiserver on cp-2 is healthy again after ")


def test_two_of_the_control_plane_are_acted_on_one_after_the_other(world: World) -> None:
    world.broken |= {"cp-1/kube-scheduler": "exited", "cp-3/kube-apiserver": "exited"}
    world.remediate(HealthReport("cp-1", "kube-scheduler"), HealthReport("cp-3", "kube-apiserver"))
    assert world.acts == ["cp-3/kube-apiserver", "cp-1/kube-scheduler"]


def test_a_try_is_recorded_before_it_is_made(world: World) -> None:
    world.broken["cp-2/kube-scheduler"] = "exited"

    def die() -> None:
        if world.notes:
            raise RuntimeError("the task was killed")

    world.heartbeat = die
    with pytest.raises(RuntimeError):
        world.remediate(HealthReport("cp-2", "kube-scheduler"))
    world.heartbeat = lambda: None
    assert world.history.count("cp-2/kube-scheduler", world.now) == 1
    assert world.acts == []
    assert world.remediate(HealthReport("cp-2", "kube-scheduler")).is_healthy


def test_remediation_gives_up_after_five_tries_says_so_once_and_takes_it_back_when_it_is_over(world: World) -> None:
    world.broken["cp-2/kube-scheduler"] = "stuck"
    outcome = world.remediate(HealthReport("cp-2", "kube-scheduler"))
    assert world.acts == ["cp-2/kube-scheduler"] * 5
    assert not outcome.is_healthy
    assert "was acted on 5 times and is still unhealthy" in world.texts[-1]

    world.now += timedelta(hours=1)
    again = world.remediate(HealthReport("cp-2", "kube-scheduler"))
    assert world.acts == ["cp-2/kube-scheduler"] * 5
    assert again.needs_operator == outcome.needs_operator
    assert [note for note in world.notes if note.key] == []

    del world.broken["cp-2/kube-scheduler"]
    assert world.remediate().is_healthy
    assert world.texts[-1].startswith("over: kube-scheduler on cp-2 was acted on 5 times")


class Nodes:
    """The API as far as nodes go: patches are merged, and what is null is gone."""

    def __init__(self) -> None:
        names = [host.name for host in cluster().spec.hosts.members]
        self.nodes: dict[str, Any] = {
            name: {"metadata": {"name": name, "annotations": {}}, "spec": {}} for name in names
        }
        self.patched: list[str] = []

    @property
    def cordoned(self) -> list[str]:
        return [name for name, node in self.nodes.items() if node["spec"].get("unschedulable")]

    def list(self, resource: Resource) -> list[dict[str, Any]]:
        return list(self.nodes.values())

    def patch(self, resource: Resource, name: str, change: dict[str, Any]) -> None:
        self.patched.append(name)
        node = self.nodes[name]
        node["metadata"]["annotations"] = self._merged(
            node["metadata"]["annotations"], change["metadata"]["annotations"]
        )
        node["spec"] = self._merged(node["spec"], change["spec"])

    @staticmethod
    def _merged(before: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in {**before, **change}.items() if value is not None}


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Nodes:
    made = Nodes()
    for module in (execute, observe):
        monkeypatch.setattr(module, "kubernetes_api", lambda *_: nullcontext(made))
    return made


def test_a_worker_that_remediation_gave_up_on_is_cordoned_once(world: World, nodes: Nodes) -> None:
    world.broken["w-1/api-proxy"] = "stuck"
    for _ in range(3):
        world.remediate()
    assert (nodes.cordoned, nodes.patched) == (["w-1"], ["w-1"])
    assert world.acts == ["w-1/api-proxy"] * 5


def test_a_cordon_of_which_no_answer_came_is_taken_back_all_the_same(
    world: World, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = nodes.patch

    def patch(*change: Any) -> None:
        real(*change)
        raise NotReadyError("the answer did not come")

    monkeypatch.setattr(nodes, "patch", patch)
    world.broken["w-1/api-proxy"] = "stuck"
    world.remediate(HealthReport("w-1", "api-proxy"))
    assert nodes.cordoned == ["w-1"]
    monkeypatch.setattr(nodes, "patch", real)
    del world.broken["w-1/api-proxy"]
    assert world.remediate().is_healthy
    assert (nodes.cordoned, world.history.cordoned) == ([], frozenset())


@pytest.mark.parametrize("by_person", [False, True])
def test_a_worker_that_remediation_cordoned_is_opened_once_it_is_healthy(
    world: World, nodes: Nodes, *, by_person: bool
) -> None:
    world.broken["w-1/api-proxy"] = "stuck"
    world.remediate()
    world.history = History.from_bytes(world.history.to_bytes())
    world.remediate()
    assert nodes.cordoned == ["w-1"]

    del world.broken["w-1/api-proxy"]
    outcome = world.remediate(by_person=by_person)

    assert (nodes.cordoned, nodes.nodes["w-1"]["metadata"]["annotations"]) == ([], {})
    assert outcome.done == ("uncordon host on w-1: all of it is healthy again",)
    assert "node w-1 takes new pods again" in world.texts
    assert world.history.cordoned == frozenset()
    assert world.remediate().done == ()


def test_what_remediation_did_is_reported_in_a_form_for_programs_too(world: World) -> None:
    world.broken["cp-2/kube-scheduler"] = "exited"
    world.remediate(HealthReport("cp-2", "kube-scheduler"))
    acts = [(note.host, note.component, note.details["act"]) for note in world.notes if "act" in note.details]
    assert acts == [("cp-2", "kube-scheduler", "recreate")]


def test_a_run_whose_time_is_over_looks_once_more_and_says_what_it_leaves(world: World) -> None:
    world.broken |= {"cp-2/kube-scheduler": "exited", "cp-3/kube-scheduler": "exited"}
    looks_before: list[int] = []

    def monitor() -> None:
        if world.acts and not looks_before:
            looks_before.append(world.looks)
            world.now += timedelta(minutes=9)

    world.monitor = monitor
    outcome = world.remediate(HealthReport("cp-2", "kube-scheduler"), HealthReport("cp-3", "kube-scheduler"))
    assert world.acts == ["cp-2/kube-scheduler"]
    assert world.looks > looks_before[0]
    left = [text for text in world.texts if "left to the next run" in text]
    assert left == list(outcome.deferred)
    assert "kube-scheduler on cp-3" in left[0]
    assert not outcome.is_healthy


def test_tries_that_take_longer_than_what_is_forgiven_are_counted_all_the_same(world: World) -> None:
    world.broken["cp-2/kube-scheduler"], world.slowness = "stuck", timedelta(minutes=7)
    for _ in range(8):
        world.remediate(HealthReport("cp-2", "kube-scheduler"))
    assert world.acts == ["cp-2/kube-scheduler"] * 5


def test_what_remediation_gave_up_on_is_not_over_while_nobody_observes_it(world: World) -> None:
    world.broken["cp-2/kube-scheduler"] = "stuck"
    world.remediate(HealthReport("cp-2", "kube-scheduler"))
    world.hosts["cp-2"].is_reachable = False
    world.remediate()
    assert [text for text in world.texts if text.startswith("over: kube-scheduler")] == []
    world.hosts["cp-2"].is_reachable = True
    world.remediate(HealthReport("cp-2", "kube-scheduler"))
    assert world.acts == ["cp-2/kube-scheduler"] * 5


def test_what_a_person_has_fixed_is_reported_to_be_over_by_the_run_that_they_start(world: World) -> None:
    world.broken["cp-2/kube-scheduler"] = "stuck"
    world.remediate(HealthReport("cp-2", "kube-scheduler"))
    del world.broken["cp-2/kube-scheduler"]
    assert world.remediate(by_person=True).is_healthy
    assert world.texts[-1].startswith("over: kube-scheduler on cp-2 was acted on 5 times")


class UntoldMachines(NoMachines):
    def gone(self) -> frozenset[str]:
        raise RefusedError("the credentials have expired")


def test_a_provider_that_does_not_report_which_machines_are_gone_holds_up_nothing(world: World) -> None:
    world.machines = UntoldMachines()
    world.hosts["w-1"].is_reachable = False
    world.broken["cp-2/kube-scheduler"] = "exited"
    world.remediate(HealthReport("cp-2", "kube-scheduler"))
    assert world.acts == ["cp-2/kube-scheduler"]
    assert "w-1 does not answer" in world.texts[-1]


class UnknownMachines(NoMachines):
    """A provider that is not installed (any more)."""

    @property
    def makes_hosts(self) -> bool:  # type: ignore[override]  # an error is what it is for
        raise SpecError("`rack` is no entry point")

    def gone(self) -> frozenset[str]:
        raise SpecError("`rack` is no entry point")


def test_a_provider_that_is_not_installed_holds_up_nothing(world: World) -> None:
    world.machines = UnknownMachines()
    world.broken["cp-2/kube-scheduler"] = "exited"
    world.remediate(HealthReport("cp-2", "kube-scheduler"))
    assert world.acts == ["cp-2/kube-scheduler"]


class Provider(NoMachines):
    """Makes hosts; it has made a new one before the run was killed, and breaks off now."""

    makes_hosts = True

    def __init__(self) -> None:
        self.asked: list[str] = []

    def make(self, host: str) -> None:
        self.asked.append(host)
        raise UnreachableError(f"{host}: no answer from the provider")


@pytest.mark.parametrize("is_provided", [True, False])
@pytest.mark.usefixtures("nodes")
def test_a_machine_that_was_made_and_not_prepared_is_prepared_by_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch, *, is_provided: bool
) -> None:
    real, provider = world.look, Provider()
    world.machines = provider if is_provided else NoMachines()
    bare = "engine=silent\nunit=docker inactive dead - -\nmark=\nmember_data=no\ncomplete=yes\n"
    monkeypatch.setattr(world, "look", lambda name: bare if name == "w-1" else real(name))
    world.remediate()
    decided = {note.details["act"] for note in world.notes if note.host == "w-1" and "act" in note.details}
    assert decided - {"cordon"} == ({"replace-host"} if is_provided else {"restart-unit"})
    assert set(provider.asked) == ({"w-1"} if is_provided else set())


def test_a_long_remediation_of_a_worker_keeps_no_other_waiting(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    may_end, real = threading.Event(), execute.prepare_host

    def prepare(*given: Any) -> Any:
        world.broken["cp-2/kube-scheduler"] = "exited"
        assert may_end.wait(60)
        return real(*given)

    def on_note(one: Note) -> None:
        if one.text.startswith("kube-scheduler on cp-2 is healthy again"):
            may_end.set()

    monkeypatch.setattr(execute, "prepare_host", prepare)
    world.hosts["w-1"].files["/etc/windlass/stacks/api-proxy/haproxy.cfg"] = RemoteFile(b"# by hand", 0o644)
    stands = "files on w-1 was acted on 5 times"
    world.history = History(alerts={"w-1/files": stands})
    world.on_note = on_note
    outcome = world.remediate()
    assert [done.partition(":")[0] for done in outcome.done] == [
        "recreate kube-scheduler on cp-2",
        "restore-files files on w-1",
    ]
    assert outcome.is_healthy
    assert world.texts[-1] == f"over: {stands}"  # and not before it was


def test_a_host_that_says_what_nobody_understands_keeps_no_other_from_being_acted_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = observe.parse_health

    def parse(said: str, desired: Any, *more: Any) -> Any:
        if desired.host.name == "w-1":
            raise ValueError("not a number")
        return real(said, desired, *more)

    monkeypatch.setattr(observe, "parse_health", parse)
    world.broken["cp-2/kube-scheduler"] = "exited"
    world.remediate(HealthReport("cp-2", "kube-scheduler"))
    assert world.acts == ["cp-2/kube-scheduler"]
    assert "w-1 does not answer: ValueError: not a number" in world.texts[-1]


def test_a_unit_file_that_is_no_text_is_written_again_like_any_other(world: World) -> None:
    world.hosts["w-1"].files["/etc/systemd/system/kubelet.service"] = RemoteFile(b"\xff", 0o644)
    assert any(action.key == "w-1/files" for action in world.plan().actions)


def test_people_are_reported_before_a_run_waits(world: World) -> None:
    world.hosts["w-1"].is_reachable = False
    world.broken["cp-2/kube-scheduler"] = "exited"
    world.history = History({"cp-2/kube-scheduler": Tries(2, world.now)})
    told_at: list[int] = []

    def pause(seconds: float) -> None:
        told_at.append(sum(text.startswith("w-1 does not answer") for text in world.texts))
        world.now += timedelta(seconds=seconds)

    world.pause = pause  # type: ignore[method-assign]
    world.remediate(HealthReport("cp-2", "kube-scheduler"))
    assert set(told_at) == {1}


def found(kind: Kind, component: str, since: datetime) -> Finding:
    return Finding("ha", "cp-2", component, kind, since, ("cp-1", "cp-3"), "hung", failed_checks=3)


def test_a_run_that_waits_acts_on_what_the_monitor_finds_meanwhile(world: World) -> None:
    world.broken |= {"cp-2/kube-scheduler": "running", "cp-1/api-proxy": "exited"}
    world.age = timedelta(seconds=5)  # for ever: it is started again and again
    began = world.now

    def monitor() -> MonitorReports | None:
        waited = world.now - began > timedelta(seconds=30)
        return monitor_reports([found(Kind.PROCESS_DOWN, "kube-scheduler", world.now)], world.now) if waited else None

    world.monitor = monitor
    world.remediate(HealthReport("cp-1", "api-proxy"))
    assert world.acts[:2] == ["cp-1/api-proxy", "cp-2/kube-scheduler"]


def test_what_was_watched_without_success_is_tried_again_without_its_time_to_start(world: World) -> None:
    world.broken["cp-2/kube-scheduler"] = "running"
    world.age = timedelta(seconds=5)
    outcome = world.remediate(HealthReport("cp-2", "kube-scheduler", 3))
    assert world.acts == ["cp-2/kube-scheduler"] * 5
    assert "was acted on 5 times" in outcome.needs_operator[0]


def test_what_failed_before_it_was_acted_on_is_not_acted_on_again(world: World) -> None:
    world.broken["cp-2/kube-scheduler"] = "exited"
    since = world.now - timedelta(seconds=10)
    world.monitor = lambda: monitor_reports([found(Kind.PROCESS_DOWN, "kube-scheduler", since)], world.now)
    reports: list[str] = []
    real = observe.observe_cluster

    def observed(context: RemediationContext, known: Any, **more: Any) -> Any:
        reports.extend(known)
        return real(context, known, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "observe_cluster", observed)
        assert world.remediate().is_healthy
    assert reports == ["cp-2/kube-scheduler"]


def test_what_people_need_no_longer_be_reported_is_taken_back_by_the_run_that_is_at_it(world: World) -> None:
    cut = monitor_reports([found(Kind.NETWORK_CUT, "kubelet", world.now)], world.now).notices
    assert "network cut" in world.remediate(notices=cut).needs_operator[0]
    world.monitor = lambda: monitor_reports([], world.now)
    assert world.remediate(notices=cut).needs_operator == ()
    assert world.texts[-1].startswith("over: kubelet on cp-2: network cut")


def test_drift_that_is_only_shown_is_reported_once_and_once_that_it_is_over(world: World) -> None:
    spec = cluster().spec
    settings = spec.repair.model_copy(update={"drift": "report"})
    only_shown = cluster().model_copy(update={"spec": spec.model_copy(update={"repair": settings})})
    world.session = replace(world.session, cluster=only_shown)
    path = "/etc/windlass/stacks/api-proxy/haproxy.cfg"
    rendered = world.hosts["w-1"].files[path]
    world.hosts["w-1"].files[path] = RemoteFile(b"other")
    notes = []
    for _ in range(2):
        assert len(world.remediate().reported) == 1
        notes += [(note.host, note.component, note.key) for note in world.notes]
    assert notes == [("w-1", "files", "drift w-1/files")]
    world.hosts["w-1"].files[path] = rendered
    assert world.remediate().reported == ()
    assert [(note.host, note.text.partition(" files")[0]) for note in world.notes] == [
        ("w-1", "over: drift, only shown: restore-files")
    ]


KEY = "/etc/windlass/pki/apiserver.key"


def open_to_all(world: World, path: str = KEY) -> RemoteFile:
    """Have somebody open a file of cp-1 to all and give it away; return it as it was."""
    files = world.hosts["cp-1"].files
    before = files[path]
    files[path] = replace(before, mode=0o666, owner="nobody:root")
    return before


@pytest.mark.parametrize("path", [KEY, "/etc/windlass/pki/apiserver.crt", "/etc/windlass/kubeconfigs/scheduler.conf"])
def test_a_certificate_that_is_open_to_all_is_closed_and_nothing_is_issued_or_started_again(
    world: World, path: str
) -> None:
    before = open_to_all(world, path)
    fault = f"{path}: mode 0666 -> 0{before.mode:o}, owner nobody -> root"
    outcome = world.remediate()
    assert [done.partition(" (")[0] for done in outcome.done] == [f"restore-files certificates on cp-1: {fault}"]
    assert world.hosts["cp-1"].files[path] == before
    assert set(world.hosts["cp-1"].writes) == {path, "/etc/windlass/pki.sealed"}
    assert (outcome.is_healthy, world.acts) == (True, [])
    assert world.remediate().done == ()


def test_another_owner_of_a_rendered_file_is_put_right(world: World) -> None:
    path = "/etc/windlass/stacks/etcd/compose.yaml"
    before = open_to_all(world, path)
    assert [action.reason for action in world.plan().actions] == [f"{path}: mode 0666 -> 0600, owner nobody -> root"]
    world.remediate()
    assert world.hosts["cp-1"].files[path] == before
    assert world.acts == []


def test_a_certificate_that_is_open_to_all_is_only_shown_where_the_spec_says_so(world: World) -> None:
    spec = cluster().spec
    settings = spec.repair.model_copy(update={"drift": "report"})
    only_shown = cluster().model_copy(update={"spec": spec.model_copy(update={"repair": settings})})
    world.session = replace(world.session, cluster=only_shown)
    open_to_all(world)
    outcome = world.remediate()
    assert outcome.done == ()
    assert outcome.reported == (f"restore-files certificates on cp-1: {KEY}: mode 0666 -> 0600, owner nobody -> root",)
    assert world.hosts["cp-1"].files[KEY].mode == 0o666


def test_a_file_that_could_not_be_observed_is_not_taken_to_be_as_issued(world: World) -> None:
    world.hosts["cp-1"].unreadable.add(KEY)
    (action,) = world.plan().actions
    assert (action.key, action.reason) == (
        "cp-1/certificates",
        f"{KEY} could not be looked at (its content cannot be read)",
    )
    assert world.remediate().is_healthy
    assert world.plan().is_empty


def test_certificates_that_soon_end_are_reported_with_their_keys(world: World) -> None:
    world.now += timedelta(days=80)
    plan = world.plan()
    found = {one.key: one.reason for one in [*plan.actions, *(deferred.action for deferred in plan.deferred)]}
    due = [f"/etc/windlass/pki/{name} is due for renewal" for name in ("kubelet-client.crt", "kubelet-client.key")]
    assert found["w-1/certificates"].startswith(", ".join(due))


def test_a_person_begins_the_count_again(world: World) -> None:
    world.broken["cp-2/kube-scheduler"] = "stuck"
    world.remediate(HealthReport("cp-2", "kube-scheduler"))
    world.broken["cp-2/kube-scheduler"] = "exited"
    assert world.remediate(by_person=True).is_healthy


def test_a_host_that_does_not_answer_keeps_no_other_from_being_acted_on(world: World) -> None:
    world.hosts["w-1"].is_reachable = False
    world.broken["cp-1/kube-apiserver"] = "exited"
    outcome = world.remediate(HealthReport("cp-1", "kube-apiserver"))
    assert world.acts == ["cp-1/kube-apiserver"]
    assert outcome.needs_operator[0].startswith("w-1 does not answer")


def test_a_file_that_was_changed_is_found_and_one_container_by_other_hands_too(world: World) -> None:
    path = "/etc/windlass/stacks/api-proxy/haproxy.cfg"
    world.hosts["w-1"].files[path] = RemoteFile(b"other")
    del world.hosts["cp-1"].files["/etc/windlass/pki/apiserver.key"]
    plan = world.plan()
    found = {one.key: one.reason for one in [*plan.actions, *(deferred.action for deferred in plan.deferred)]}
    assert found == {
        "w-1/files": f"{path} is another",
        "cp-1/certificates": "/etc/windlass/pki/apiserver.key is lost",
    }
    assert world.notes == []
