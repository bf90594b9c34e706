"""A host as far as operations change it: what is installed, loaded, started and running, beside a fake host's files."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from windlass.domain.host.desired import READ_ONCE
from windlass.domain.host.layout import (
    APPLIED,
    CONTROLLER_MANAGER_PKI,
    DIGEST_LABEL,
    FENCE,
    KERNEL_PARAMETERS,
    OWN_PARAMETERS,
    PROXY_CA,
    PROXY_CONFIG,
    PROXY_SERVICE,
    PROXY_TRUST,
)
from windlass.domain.scripts.isolated_api import exchange_script
from windlass.domain.yamltext import read_yaml
from windlass.effects.ssh.connection import CommandResult, RemoteFile
from windlass.effects.ssh.fake import Call, FakeHost
from world import secrets_at_rest
from world.deaths import Boundaries
from world.etcd import SERVICE as ETCD
from world.etcd import Data, Etcd

DOCKER_SETTINGS = "/etc/docker/daemon.json"
PROJECT = "com.docker.compose.project"
STATE = "state"
EPOCH = datetime(2026, 11, 1, 8, tzinfo=UTC)
"""From when on hosts count."""
READ_PATHS = sorted({path for paths in READ_ONCE.values() for path in paths})
_CHANGING = (
    "artifacts", "links", "directories", "images", "units", "containers", "loaded", "reads",
    "has_docker", "is_docker_unfinished", "data", "ill", "made", "received", "drills", "starts", "writes", "ticks",
    "read", "published", "encryption", "own", "parameters", "parameters_before",
)  # fmt: skip


@dataclass
class Machine:
    """One host. Whoever acts on it calls `step` before each change: the process that asked may die there."""

    name: str
    address: str
    boundaries: Boundaries
    etcd: Etcd
    further: tuple[str, ...] = ()
    """Its other addresses."""
    now: Callable[[], datetime] = lambda: EPOCH
    """The host's clock."""
    arch: str = "x86_64"
    """What its `uname -m` prints."""
    artifacts: set[str] = field(default_factory=set)
    links: dict[str, str] = field(default_factory=dict)
    directories: dict[str, int] = field(default_factory=dict)
    images: set[str] = field(default_factory=set)
    units: set[str] = field(default_factory=set)
    """The units that run."""
    containers: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    """Labels of each container, by Compose project and service; one that does not run has its state among them."""
    made: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """What each container was made from."""
    ill: set[str] = field(default_factory=set)
    """Services and units that run and do nothing."""
    data: dict[str, Data] = field(default_factory=dict)
    """What lies below etcd's directory."""
    received: dict[str, bytes] = field(default_factory=dict)
    """What a stream brought, by the path that it was written to."""
    own: dict[str, RemoteFile | None] = field(default_factory=dict)
    """The files that were written because a spec asked for them, with what lay there before."""
    parameters: dict[str, str] = field(default_factory=dict)
    """The kernel's own, as it has them."""
    parameters_before: dict[str, str] = field(default_factory=dict)
    """As they were before a spec asked for others."""
    loaded: dict[str, str] = field(default_factory=dict)
    """What was loaded of files that somebody else reads: Docker's settings, the kernel's, each unit's by digest."""
    reads: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)
    """The files and binaries that each unit reads when it starts."""
    drills: set[str] = field(default_factory=set)
    """What a drill has running, and has restored."""
    read: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    """What each container has read of what it reads only when it starts."""
    starts: dict[tuple[str, str], int] = field(default_factory=dict)
    """At which tick each container started, as `_tick` counts them."""
    writes: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    """What files that something reads only when it starts hold, and since which tick."""
    ticks: int = 0
    published: str = ""
    """The authority that the controller manager here has read, for pods."""
    encryption: str = ""
    """What the API server here has loaded of how Secrets are stored."""
    has_docker: bool = False
    is_docker_unfinished: bool = False
    installation: int = 1
    """Which one of the machine's system: each has a host key of its own."""

    def __post_init__(self) -> None:
        # What understands commands needs machines.
        from world.commands import answer, receive  # noqa: PLC0415
        from world.scripts.drills import serve_isolated  # noqa: PLC0415

        self.host = FakeHost(self.name, before=self._before, after=self._after)
        self.host.on(answer=lambda call: answer(self, call))
        self.host.on_stream("sh", "-c", handler=lambda far: receive(self, far))
        asked = tuple(exchange_script().argv_with_text)
        self.host.on_stream(*asked, handler=lambda far: serve_isolated(self, far))

    @property
    def is_docker_up(self) -> bool:
        """Whether Docker Engine answers."""
        return self.has_docker and not self.is_docker_unfinished

    def step(self) -> None:
        """Pass one boundary."""
        self.boundaries.cross(self.name)

    def applied(self, name: str) -> str | None:
        """Return what was noted of a unit or of settings when they were last started or loaded."""
        file = self.host.files.get(f"{APPLIED}/{name}")
        return file.content.decode().strip() if file else None

    def note_applied(self, name: str, digest: str) -> None:
        """Note it."""
        self.host.files[f"{APPLIED}/{name}"] = RemoteFile(f"{digest}\n".encode())

    def digest(self, files: Iterable[str], binaries: Iterable[str] = ()) -> str:
        """Return the digest of files, by their content and those below directories, and of where links lead."""
        desired = list(files)
        found = {
            path: file.content
            for path, file in sorted(self.host.files.items())
            if path in desired or any(path.startswith(f"{directory}/") for directory in desired)
        }
        led_to = [self.links.get(path, path) for path in binaries]
        return hashlib.sha256(repr((found, led_to)).encode()).hexdigest()

    def compose(self, stack: str) -> dict[str, Any]:
        """Return the services of a stack as its file on the host says."""
        return _services(self.text(f"/etc/windlass/stacks/{stack}/compose.yaml"))

    def create(self, stack: str, service: str, *, joins: bool = False, initial: str = "") -> None:
        """Make a container again as its stack's file says, and start it; etcd's may join, or be one of `initial`."""
        desired, project = self.compose(stack)[service], f"windlass-{stack}"
        self.containers[project, service] = {PROJECT: project, **desired["labels"]}
        self.made[project, service] = desired
        self.note_writes()
        self.starts[project, service] = self._tick()
        paths = [path for path in READ_ONCE.get(service, ()) if path in self.host.files]
        self.read[project, service] = {path: self.host.files[path].content for path in paths}
        if service == "kube-controller-manager":
            self.published = self.text(f"{CONTROLLER_MANAGER_PKI}/ca.crt")
        if service == "kube-apiserver":
            secrets_at_rest.load(self)
        self.ill = self.ill - {service}
        if service == PROXY_SERVICE:
            self.load_proxy()
        if service == ETCD and not self.etcd.start(self, joins=joins, initial=initial):
            self.end(service, "restarting")

    def read_at_start(self, path: str) -> Iterator[bytes]:
        """Yield a file as each container that runs has read it."""
        for key, read in self.read.items():
            if path in read and key in self.containers:
                yield read[path]

    def note_writes(self) -> None:
        """Take in which files that something reads only when it starts are others since that was last done."""
        for path in READ_PATHS:
            file = self.host.files.get(path)
            if file is not None and self.writes.get(path, (b"", 0))[0] != file.content:
                self.writes = {**self.writes, path: (file.content, self._tick())}

    def _tick(self) -> int:
        """Return the next moment that is later than all before, in microseconds since `EPOCH`."""
        self.ticks = max(self.ticks + 1, (self.now() - EPOCH) // timedelta(microseconds=1))
        return self.ticks

    def end(self, service: str, state: str = "exited") -> None:
        """Have a container end."""
        for key, labels in self.containers.items():
            if key[1] == service:
                self.containers[key] = {**labels, STATE: state}

    def damage(self) -> None:
        """Have etcd's data be damaged, so that it does not start."""
        self.data["member"] = replace(self.data["member"], is_good=False)
        self.end(ETCD, "restarting")

    def state_of(self, service: str) -> str:
        """Return Docker's word for what a service does; empty if it has no container."""
        found = [labels for (_, name), labels in self.containers.items() if name == service]
        return found[0].get(STATE, "running") if found else ""

    def serves(self, service: str) -> bool:
        """Tell whether a service runs and does its work."""
        return self.is_docker_up and self.state_of(service) == "running" and service not in self.ill

    def version(self, service: str) -> str:
        """Return the version of what runs."""
        return next(labels["io.windlass.version"] for (_, name), labels in self.containers.items() if name == service)

    def load_docker_settings(self) -> None:
        """Have the engine read its settings."""
        self.loaded["docker"] = self.text(DOCKER_SETTINGS)

    def load_kernel_settings(self) -> None:
        """Have the kernel take its parameters: those that left the spec as they were before."""
        lines = [line.partition(" = ") for line in self.text(OWN_PARAMETERS).splitlines() if " = " in line]
        wanted = {name: value for name, _, value in lines}
        for name in self.parameters_before.keys() - wanted.keys():
            self.parameters[name] = self.parameters_before.pop(name)
        for name, value in wanted.items():
            self.parameters_before.setdefault(name, self.parameters.get(name, "0"))
            self.parameters[name] = value
        self.loaded["kernel"] = self.text(KERNEL_PARAMETERS)

    def load_proxy(self) -> None:
        """Have the API proxy read which API servers there are, and by which authority it knows them."""
        self.loaded["proxy"] = self.text(PROXY_CONFIG)
        self.reads[PROXY_TRUST] = ([PROXY_CA], [])
        self.loaded[PROXY_TRUST] = self.digest(*self.reads[PROXY_TRUST])

    def runs_as_rendered(self, service: str) -> bool:
        """Tell whether the container of a stack of that name runs, and was made from what lies there."""
        labels = self.containers.get((f"windlass-{service}", service), {})
        return (
            STATE not in labels and labels.get(DIGEST_LABEL) == (self.compose(service)[service]["labels"][DIGEST_LABEL])
        )

    def may_pull_from(self, registry: str) -> bool:
        """Whether the engine has read that this registry speaks plain HTTP."""
        return registry in json.loads(self.loaded.get("docker") or "{}").get("insecure-registries", [])

    def text(self, path: str) -> str:
        """Return a file's text; empty if there is none."""
        file = self.host.files.get(path)
        return file.content.decode() if file else ""

    def files_below(self, directory: str) -> dict[str, bytes]:
        """Return the files below a directory, by their paths there."""
        return {
            path.removeprefix(f"{directory}/"): file.content
            for path, file in sorted(self.host.files.items())
            if path.startswith(f"{directory}/")
        }

    def save(self) -> dict[str, Any]:
        """Return a copy of all that there is, for `restore`."""
        return _copied({name: getattr(self, name) for name in _CHANGING} | {"files": self.host.files})

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Put the machine back to what it was."""
        for name, value in _copied(saved).items():
            setattr(self.host if name == "files" else self, name, value)

    def state(self) -> dict[str, Any]:
        """Return all that an operation may have changed, but for what is random: keys and certificates."""
        files = {
            path: (file.mode, file.owner, None if is_secret(path) else file.content)
            for path, file in self.host.files.items()
        }
        applied = {path: None for path in files if path.startswith(f"{APPLIED}/")}
        stale = [
            unit for unit, read in self.reads.items() if unit in self.loaded and self.digest(*read) != self.loaded[unit]
        ]
        known = (self.artifacts, self.images, self.units)
        return {
            "files": files | applied,
            "sets": [sorted(one) for one in known],
            "links": dict(self.links),
            "directories": dict(self.directories),
            "containers": dict(self.containers),
            "loaded": {what: text for what, text in self.loaded.items() if what not in self.reads},
            "stale": stale,
            "made": {key: one for key, one in self.made.items() if key in self.containers},
            "ill": sorted(self.ill),
            "received": sorted(self.received),
            "drills": sorted(self.drills),
            "docker": (self.has_docker, self.is_docker_unfinished),
        }

    def _before(self, call: Call) -> None:
        self.step()

    def _after(self, call: Call) -> None:
        # Only file operations: a command's last step was its own.
        if call.argv[0].startswith("<put"):
            self.step()


@cache
def _services(compose: str) -> dict[str, Any]:
    services: dict[str, Any] = read_yaml(compose)["services"]
    return services


def _copied(parts: Mapping[str, Any]) -> dict[str, Any]:
    # What they hold is never changed in place.
    return {name: copy.copy(value) for name, value in parts.items()}


def is_secret(path: str) -> bool:
    """Tell whether a file holds keys, what is signed with them, or a count of runs: different in each run."""
    return (
        path == FENCE
        or path.startswith(("/etc/windlass/pki", "/etc/windlass/kubeconfigs"))
        or path.endswith(("encryption.yaml", "/etcd/recovered"))
    )


def refused(message: str, code: int = 1) -> CommandResult:
    """Return the result of a command that failed."""
    return CommandResult(code, "", f"{message}\n")
