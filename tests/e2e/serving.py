"""A cluster that is used while it is changed: who asks its API, who asks a Service in it, who writes to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from e2e.clients import NAMESPACE, Count, api_client, run_web, service_client, story_of_web
from e2e.etcd import ETCD_HOSTS, check, writer
from e2e.ground import HOSTS, Ground, Run
from e2e.oracle import Writer
from windlass.effects.kubernetes.client import NODES

_WRITE_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Usage:
    """What users of a cluster asked of it, and what they did not get."""

    api: Count
    """Who asks for an object every 50 ms through a proxy."""
    service: Count
    """Who asks the two-replica Service every 50 ms."""
    writing: Writer

    def check(self, ground: Ground) -> None:
        """Fail if anybody has noticed anything, or if a write that was acknowledged is lost."""
        api, service = self.api, self.service
        assert api.asked > 50, str(api)
        assert api.failed == [], str(api)
        assert service.asked > 50
        assert service.failed == [], story_of_web(ground)
        check(ground, self.writing)


@contextmanager
def used(
    ground: Ground, *, through: str = "w-1", writes_to: Sequence[str] = ETCD_HOSTS, renews: bool = False
) -> Iterator[Usage]:
    """Use the cluster within the block: the API through the proxy of one host, writes to API servers of others."""
    with (
        api_client(ground, through, renews=renews) as api,
        service_client(ground, "cp-1") as service,
        writer(ground, writes_to, pause_seconds=_WRITE_PAUSE_SECONDS) as writing,
    ):
        yield Usage(api, service, writing)


@contextmanager
def web(ground: Ground, version: str) -> Iterator[None]:
    """Have the two web servers and their Service within the block."""
    run_web(ground, version)
    try:
        yield
    finally:
        ground.kubectl("cp-1", "delete", "namespace", NAMESPACE, "--wait=false")


@dataclass(frozen=True)
class Changed:
    """A run that changed a cluster in use, who used it, and what began again on the hosts that there were before."""

    run: Run
    usage: Usage
    began: frozenset[str]

    @property
    def announced(self) -> frozenset[str]:
        """Return what its plan said would start again."""
        steps: list[Mapping[str, Any]] = self.run.result("gate")["steps"]
        return frozenset(
            f"{host}/{name}" for step in steps for host, names in step["restarts"].items() for name in names
        )


def change(
    ground: Ground, spec: str, *, through: str = "w-1", writes_to: Sequence[str] = ETCD_HOSTS, **params: Any
) -> Changed:
    """Apply a spec to a cluster in use."""
    before = ground.beginnings()
    with used(ground, through=through, writes_to=writes_to) as usage:
        run = ground.apply(spec, **params)
    run.succeeded()
    after = ground.beginnings()
    began = {name for name in before.keys() & after.keys() if before[name] != after[name]}
    began |= {name for name in after.keys() - before.keys() if name.partition("/")[0] in HOSTS}
    return Changed(run, usage, frozenset(began))


def node_names(ground: Ground, via: str = "cp-1") -> set[str]:
    """Return the names of all nodes that the API knows."""
    with ground.api(via) as client:
        return {one["metadata"]["name"] for one in client.list(NODES)}


def is_cordoned(ground: Ground, name: str) -> bool:
    """Tell whether a node takes no new pods."""
    with ground.api() as client:
        node = client.get(NODES, name)
    return node is not None and bool(node["spec"].get("unschedulable"))
