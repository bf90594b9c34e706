"""The world: hosts, a Kubernetes API and a store, and Airflow's runs that act on them."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from airflow.dag_processing.dagbag import DagBag

from windlass.airflow import artifacts, workplace
from windlass.domain.artifacts import Artifact, Lock, Locked
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.domain.spec import Cluster, load_cluster
from windlass.effects.catalog import load_catalog
from windlass.effects.kubernetes.client import KubernetesClient
from windlass.effects.store.keys import spec_key
from windlass.effects.store.memory import MemoryStore
from windlass.effects.transport.fake import FakeHosts
from windlass.effects.transport.pool import Connections
from windlass.operations import cluster_api, waiting
from world.deaths import Boundaries, Boundary
from world.kubernetes import KubernetesApi
from world.machine import Machine
from world.runs import Run, execute, tasks

ROOT = Path(__file__).resolve().parents[2]
MIRROR = "http://192.0.2.1:8080"
CATALOG = load_catalog(workplace.templates_directory())
WRITES = ("put", "create", "replace", "create_from", "delete")


class World:
    """One cluster's surroundings, from bare hosts on. `install` lets Windlass see it instead of the real one."""

    def __init__(self, spec: str) -> None:
        cluster = load_cluster(spec, "spec")
        self.name = cluster.name
        self.spec = spec
        self.boundaries = Boundaries()
        self.machines = {
            one.name: Machine(one.name, one.address, self.boundaries) for one in cluster.spec.hosts.members
        }
        self.kubernetes = KubernetesApi(self.machines, self.boundaries)
        self.store = _MortalStore(self.boundaries)
        self.keys = MasterKeys.parse(new_master_key().reveal())
        self.runs: dict[str, Run] = {}
        self._numbers = itertools.count(1)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Let the Airflow layer find this world where it looks for the real one."""
        patch.setenv("WINDLASS_MIRROR", MIRROR)
        patch.setattr(workplace, "open_store", lambda: self.store)
        # The same each time, and most of the time that a run takes.
        patch.setattr(workplace, "load_catalog", lambda _: CATALOG)
        patch.setattr(workplace, "load_cluster", _quickly_loaded)
        patch.setattr(workplace, "master_keys", lambda: self.keys)
        patch.setattr(artifacts, "fetch_lock", lambda _: lock())
        patch.setattr(workplace, "HostHook", partial(_Hook, self))
        transport = httpx.MockTransport(self.kubernetes.answer)
        patch.setattr(cluster_api, "KubernetesClient", partial(KubernetesClient, transport=transport))
        patch.setattr(waiting, "time", _QuickTime())

    def connections(self) -> Connections:
        """Return connections to all hosts, as a new process would make them."""
        hosts = FakeHosts(machine.host for machine in self.machines.values())
        return Connections(hosts.targets(), hosts)

    def begin(self, dag_id: str, **params: Any) -> Run:
        """Begin a run of a DAG."""
        run = Run(dag_id, f"run-{next(self._numbers)}", {**_defaults(dag_id), "cluster": self.name, **params})
        self.runs[run.run_id] = run
        return run

    def tasks(self, run: Run) -> Iterator[Any]:
        """Give the tasks that are to run, in order; `execute` each before the next is asked for."""
        return tasks(dags()[run.dag_id], run)

    def execute(self, task: Any, run: Run, end_at: Boundary | None = None) -> None:
        """Run one task; Killed if its process dies, at the boundary `end_at`, counted from the task's beginning."""
        self.boundaries.begin(end_at)
        execute(task, run, self.runs)

    def run(self, dag_id: str, **params: Any) -> Run:
        """Run a whole DAG, undisturbed."""
        run = self.begin(dag_id, **params)
        for task in self.tasks(run):
            self.execute(task, run)
        run.is_finished = True
        return run

    def save(self) -> Any:
        """Return a copy of all that there is, for `restore`."""
        machines = {name: machine.save() for name, machine in self.machines.items()}
        return machines, dict(self.store.objects), pickle.dumps((self.kubernetes.objects, self.runs))

    def restore(self, saved: Any) -> None:
        """Put everything back to what it was; runs that began since are forgotten."""
        machines, stored, others = saved
        for name, machine in machines.items():
            self.machines[name].restore(machine)
        self.store.objects = dict(stored)
        self.kubernetes.objects, self.runs = pickle.loads(others)  # noqa: S301 - it is our own, of a moment ago

    @property
    def is_known(self) -> bool:
        """Whether the store has the cluster's spec."""
        return spec_key(self.name) in self.store.objects

    def state(self) -> dict[str, Any]:
        """Return all that the runs made, but for what is random."""
        return {name: machine.state() for name, machine in self.machines.items()} | {
            "kubernetes": self.kubernetes.state(),
            "store": sorted(item.key for item in self.store.list("") if "/log/" not in item.key),
        }


class _MortalStore(MemoryStore):
    """A store that a process may die at, before a write and after it."""

    def __init__(self, boundaries: Boundaries) -> None:
        super().__init__()
        for name in WRITES:
            setattr(self, name, self._mortal(getattr(self, name), boundaries))

    @property
    def objects(self) -> dict[str, bytes]:
        """All that is stored, by key."""
        return self._objects

    @objects.setter
    def objects(self, objects: dict[str, bytes]) -> None:
        self._objects = objects

    @staticmethod
    def _mortal(write: Callable[..., Any], boundaries: Boundaries) -> Callable[..., Any]:
        def wrapped(*arguments: Any) -> Any:
            boundaries.cross("store")
            result = write(*arguments)
            boundaries.cross("store")
            return result

        return wrapped


class _QuickTime:
    """A clock for those who wait: sleeping takes no time."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        """Return the time slept so far."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let the clock run ahead."""
        self._now += seconds


class _Hook:
    """Logs in to the world's hosts."""

    def __init__(self, world: World, _: str) -> None:
        self._world = world

    def connections(self, *_: Any) -> Connections:
        """Return connections to all hosts."""
        return self._world.connections()


_loaded: dict[str, Cluster] = {}


def _quickly_loaded(*arguments: Any, **known: Any) -> Cluster:
    """Load a spec, each but once."""
    key = repr((arguments, known))
    if key not in _loaded:
        _loaded[key] = load_cluster(*arguments, **known)
    return _loaded[key]


@cache
def dags() -> Mapping[str, Any]:
    """Return the DAGs of this checkout by their ids."""
    found: Mapping[str, Any] = DagBag(str(ROOT / "dags"), load_op_links=False).dags
    return found


def _defaults(dag_id: str) -> dict[str, Any]:
    return {name: param.value for name, param in dags()[dag_id].params.items() if param.has_value}


@cache
def lock() -> Lock:
    """Return a lock that has every artifact of the catalog."""
    wanted = {
        Artifact(kind, name, version)
        for release in CATALOG.releases.values()
        for kind, versions in (("file", release.files), ("image", release.images))
        for name, version in versions.items()
    }
    ordered = sorted(wanted, key=str)
    return Lock("modules", {one: Locked(f"sha256:{n:016x}{n:048x}", 1, "build") for n, one in enumerate(ordered, 1)})
