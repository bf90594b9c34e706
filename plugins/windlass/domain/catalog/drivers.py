"""Drivers of the catalog: who does a slot of a cluster's work, such as its network, and what that takes.

They are data. `include/templates/drivers/SLOT/NAME/driver.yaml` has one, and its manifests lie beside it; see
docs/catalog.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import eq
from typing import Any, Literal

from windlass.domain.catalog.questions import Question, answers_to
from windlass.domain.catalog.stacks import RELEASE_VERSION
from windlass.errors import SpecError

SLOTS: Mapping[str, str] = {
    "proxy": "proxy",
    "network": "network",
    "policy": "network-policy",
    "dns": "dns",
    "storage": "storage",
    "monitoring": "monitoring",
    "history": "history",
    "loadBalancer": "load-balancer",
}
"""By slot, in the order in which its objects are applied, the add-on that they belong to, as their label has it."""
NONE = "none"
"""The driver of a slot that is left to the user."""
When = Mapping[str, Any]
"""Answers that must be given for something to count; empty: it always does."""
DriverId = tuple[str, str]
"""Slot and name."""


@dataclass(frozen=True)
class KernelVersion:
    """How old a kernel may be."""

    least: tuple[int, int]
    when: When = field(default_factory=dict)


@dataclass(frozen=True)
class KernelModule:
    """A module of the kernel that hosts load."""

    name: str
    when: When = field(default_factory=dict)
    required: bool = False
    """Whether a host whose kernel has no such module is refused; else what needs it does without."""


@dataclass(frozen=True)
class Traffic:
    """A port at which every node must be reached by every other."""

    protocol: Literal["tcp", "udp"]
    port: int
    when: When = field(default_factory=dict)


@dataclass(frozen=True)
class DriverKind:
    """A kind of object that the driver defines, and has objects of."""

    api_version: str
    kind: str
    plural: str
    always: bool = False
    """Whether the watch may list it in every cluster, also in one that has picked another driver."""
    when: When = field(default_factory=dict)

    @property
    def group(self) -> str:
        """The API group."""
        return self.api_version.rpartition("/")[0]


@dataclass(frozen=True)
class DriverNeeds:
    """What must be there for a driver."""

    kernel: tuple[KernelVersion, ...] = ()
    architectures: tuple[str, ...] = ()
    """Of hosts; empty: any."""
    releases: tuple[str, ...] = ()
    """Minor releases of Kubernetes, such as `1.37`; empty: any."""
    modules: tuple[KernelModule, ...] = ()
    shared_network: When | None = None
    """When the hosts' network has to carry packets with addresses of pods; None: never."""
    families: tuple[tuple[int, ...], ...] = ()
    """Orders of the families of the pods' ranges that it takes; empty: any."""


@dataclass(frozen=True)
class HostTraces:
    """What a driver leaves on hosts, to be taken away with it."""

    interfaces: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    """Beginnings of interfaces, and names of protocols, of routes."""
    chains: tuple[str, ...] = ()
    """Beginnings of the names of chains in iptables, before a `-`."""
    tables: tuple[str, ...] = ()
    """Tables of nftables, of the families ip, ip6 and inet."""
    paths: tuple[str, ...] = ()
    """Files and directories; `*` stands for any part of a name."""

    def __add__(self, other: HostTraces) -> HostTraces:
        return HostTraces(
            _both(self.interfaces, other.interfaces),
            _both(self.routes, other.routes),
            _both(self.chains, other.chains),
            _both(self.tables, other.tables),
            _both(self.paths, other.paths),
        )

    def without(self, kept: HostTraces) -> HostTraces:
        """Return what may go while `kept` stays: nothing that is, or could be, any of it."""
        return HostTraces(
            _others(self.interfaces, kept.interfaces, eq),
            _others(self.routes, kept.routes, _begins),
            _others(self.chains, kept.chains, eq),
            _others(self.tables, kept.tables, eq),
            _others(self.paths, kept.paths, _meets),
        )


def _others(some: tuple[str, ...], kept: tuple[str, ...], is_same: Callable[[str, str], bool]) -> tuple[str, ...]:
    return tuple(one for one in some if not any(is_same(one, other) for other in kept))


def _begins(one: str, other: str) -> bool:
    """Tell whether a name can begin with both."""
    return one.startswith(other) or other.startswith(one)


def _meets(one: str, other: str) -> bool:
    """Tell whether a path that one stands for can be one that the other does, or lie in it; rather yes than no."""
    if "*" in one + other:
        return _begins(one.partition("*")[0], other.partition("*")[0])
    return _begins(f"{one.rstrip('/')}/", f"{other.rstrip('/')}/")


def _both(some: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*some, *others)))


@dataclass(frozen=True)
class Driver:
    """One driver of the catalog."""

    slot: str
    name: str
    title: str
    description: str
    where: str = ""
    """The file that it was read from."""
    questions: tuple[Question, ...] = ()
    needs: DriverNeeds = field(default_factory=DriverNeeds)
    images: Mapping[str, str] = field(default_factory=dict)
    """Version of each image that it runs; `release` for the one of the Kubernetes release."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The same of each file that hosts get."""
    ahead: tuple[str, ...] = ()
    """Images that every node runs, and fetches before its pods are there."""
    plugins: Mapping[str, str] = field(default_factory=dict)
    """CNI plugins by their names, and the file that each is."""
    namespaces: tuple[str, ...] = ()
    """Namespaces of its own: what runs there is waited for, and is no user's."""
    verify: tuple[str, ...] = ()
    """Paths of the Kubernetes API that answer once it works."""
    kinds: tuple[DriverKind, ...] = ()
    traffic: tuple[Traffic, ...] = ()
    quiet_accounts: tuple[str, ...] = ()
    """Namespaces whose service accounts read so much that the audit log leaves their reading out."""
    spreads_replicas: bool = False
    """Whether its replicas are moved apart where two are on one node."""
    traces: HostTraces = field(default_factory=HostTraces)
    templates: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Text of each of its templates by file name."""
    icon: str = field(default="", repr=False)
    """An SVG that pages may show; empty: none."""

    @property
    def id(self) -> DriverId:
        """Slot and name."""
        return self.slot, self.name

    @property
    def key(self) -> str:
        """Slot and name in one text, as records have it."""
        return f"{self.slot}/{self.name}"

    @property
    def directory(self) -> str:
        """Where its templates are among those of a release."""
        return f"drivers/{self.slot}/{self.name}"

    @property
    def brought(self) -> Mapping[str, str]:
        """The images that the release has not, with their versions."""
        return {name: version for name, version in self.images.items() if version != RELEASE_VERSION}

    @property
    def brought_files(self) -> Mapping[str, str]:
        """The files that the release has not, with their versions."""
        return {name: version for name, version in self.files.items() if version != RELEASE_VERSION}

    def answers(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return every answer: `values`, and the defaults of what they leave out; SpecError as for a stack."""
        return answers_to(f"driver {self.key}", self.questions, values)

    @property
    def digest(self) -> str:
        """Digest of all that it is made of, templates and versions."""
        parts = {"templates": dict(self.templates), "images": dict(self.images), "files": dict(self.files)}
        text = json.dumps({**parts, "questions": repr(self.questions)}, sort_keys=True)
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Drivers:
    """All drivers that there are, and those that cannot be loaded."""

    loaded: Mapping[DriverId, Driver] = field(default_factory=dict)
    broken: Mapping[DriverId, str] = field(default_factory=dict)
    """By slot and name, why."""

    def names(self, slot: str) -> tuple[str, ...]:
        """Return the drivers of a slot that may be picked."""
        return tuple(sorted(name for place, name in self.loaded if place == slot and (place, name) not in self.broken))

    def driver(self, slot: str, name: str) -> Driver:
        """Return a driver; SpecError that says why it cannot be had."""
        found = self.loaded.get((slot, name))
        if found is not None:
            return found
        if why := self.broken.get((slot, name)):
            raise SpecError(f"the driver `{name}` of {slot} cannot be loaded: {why}")
        known = ", ".join(self.names(slot)) or "none"
        raise SpecError(f"the catalog has no driver `{name}` of {slot}; it has: {known}")
