"""A cluster on fake hosts that run what was rendered for them, so that a look finds nothing until something differs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from unit.rollout.test_rollout_plan import OVERLAPPING, cluster
from windlass.domain.artifacts import Artifact, Lock, Locked
from windlass.domain.catalog import Release
from windlass.domain.host.desired import SETTINGS, DesiredService, read_services
from windlass.domain.host.facts import parse_facts
from windlass.domain.host.layout import DOCKER_DAEMON, PROJECT_LABEL
from windlass.domain.rendering import MirrorAddresses, host_images, host_installs, merge_daemon_settings, render_host
from windlass.domain.scripts.install import content_directory
from windlass.domain.scripts.script import Script
from windlass.domain.spec.models import Cluster, Host
from windlass.domain.spec.version import at_version
from windlass.effects.catalog import load_catalog
from windlass.effects.ssh.connection import RemoteFile
from windlass.effects.ssh.fake import Call, FakeHost, FakeHosts
from windlass.effects.ssh.pool import Connections
from windlass.operations.apply.prepare import remote_files
from windlass.operations.cluster import ClusterSession
from world.scripts.remediation import inspected

CATALOG = load_catalog(Path(__file__).parents[3] / "include" / "templates" / "kubernetes")
MIRROR = MirrorAddresses("http://192.0.2.9:8080", "192.0.2.9:5000")
ROLES = {**OVERLAPPING, "w-1": ["worker"]}
OLD, NEW = "v1.36.3", "v1.37.2"


def lock_of(*releases: Release) -> Lock:
    parts = [Artifact("file", name, version) for one in releases for name, version in one.files.items()]
    parts += [Artifact("image", name, version) for one in releases for name, version in one.images.items()]
    return Lock(
        "modules",
        {part: Locked(f"sha256:{hashlib.sha256(str(part).encode()).hexdigest()}", 1, "build") for part in parts},
    )


LOCK = lock_of(CATALOG.release(OLD), CATALOG.release(NEW))


@dataclass
class Machine:
    """What one fake host says of itself; its files are those of the fake."""

    fake: FakeHost
    services: dict[str, DesiredService] = field(default_factory=dict)
    """What each running container was made from, by component."""
    units: set[str] = field(default_factory=set)
    """Those that run with what lies there."""
    versions: dict[str, str] = field(default_factory=dict)
    artifacts: set[str] = field(default_factory=set)
    images: set[str] = field(default_factory=set)
    links: dict[str, str] = field(default_factory=dict)
    not_loaded: set[str] = field(default_factory=set)
    scripts: list[Script] = field(default_factory=list)
    """Scripts that were run besides those that only look."""

    def answer(self, call: Call) -> str:
        assert call.script is not None
        if call.script.name == "gather-facts":
            return "arch=x86_64\ncgroup=2\ncpus=2\ndocker=20.10\ncluster=demo\ncomplete=yes"
        if call.script.name == "inspect-host":
            return "\n".join(self._said())
        self.scripts.append(call.script)
        return ""

    def _said(self) -> Iterator[str]:
        yield from ("programs=known", "engine=answers", "images=docker", "images=containerd", "complete=yes")
        yield from (f"program={name}" for name in self.artifacts)
        for name, service in self.services.items():
            labels = {PROJECT_LABEL: f"windlass-{service.stack}", **service.definition["labels"]}
            yield json.dumps(inspected(name, labels, service.definition))
        yield from (f"setting=1:{'2' if name in self.not_loaded else '1'}:{name}" for name in SETTINGS)
        yield from (f"unit={unit}:active:1:1" for unit in self.units)
        yield from (f"version={name} {version}" for name, version in self.versions.items())
        yield from (f"image={runtime} {image}" for image in self.images for runtime in ("docker", "containerd"))
        yield from (f"link={path} {target}" for path, target in self.links.items())


@dataclass(frozen=True)
class World:
    """A cluster at one version on fake hosts."""

    session: ClusterSession
    machines: dict[str, Machine]

    def at(self, version: str, desired: Cluster | None = None) -> ClusterSession:
        """Return the same place at another version."""
        made = at_version(desired or self.session.cluster, version)
        return replace(self.session, cluster=made, release=CATALOG.release(version))


def install(session: ClusterSession, host: Host, machine: Machine) -> None:
    """Have a machine run and hold what the site wants of it."""
    facts = parse_facts("arch=x86_64\ncgroup=2\ncpus=2\ndocker=20.10\ncomplete=yes")
    files = render_host(session.cluster, session.release, host, session.lock, session.mirror, facts)
    daemon = files[DOCKER_DAEMON]
    files = {**files, DOCKER_DAEMON: replace(daemon, content=merge_daemon_settings(None, daemon.text).encode())}
    machine.fake.files.update({path: RemoteFile(file.content, file.mode) for path, file in remote_files(files).items()})
    for path, file in files.items():
        if path.endswith("/compose.yaml"):
            machine.services |= read_services(path.split("/")[-2], file.text)
    machine.units = {"kubelet", "windlass-containerd"} if host.is_node else set()
    machine.versions = {"kubelet": session.release.version, "containerd": session.release.files["containerd"]}
    for one in host_installs(session.cluster, session.release, host, facts.architecture):
        directory = content_directory(session.lock.digest(one.artifact))
        machine.artifacts.add(directory.rpartition("/")[2])
        machine.links.update({path: f"{directory}/{inner or 'file'}" for inner, path in one.links})
    images = host_images(session.cluster, session.release, host, session.lock, session.mirror)
    machine.images |= {image.reference for image in images}


@pytest.fixture
def make_world() -> Callable[..., World]:
    def make(version: str = OLD, roles: dict[str, list[str]] = ROLES) -> World:
        fakes = {name: FakeHost(name) for name in roles}
        hosts = FakeHosts(fakes.values())
        desired = at_version(cluster(roles), version)
        session = ClusterSession(desired, CATALOG.release(version), LOCK, MIRROR, Connections(hosts.targets(), hosts))
        machines = {name: Machine(fake) for name, fake in fakes.items()}
        for host in session.hosts:
            install(session, host, machines[host.name])
            machines[host.name].fake.on("sh", "-s", answer=machines[host.name].answer)
        return World(session, machines)

    return make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()
