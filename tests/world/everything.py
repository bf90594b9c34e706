"""The world: hosts, a Kubernetes API and a store, and Airflow's runs that act on them."""

from __future__ import annotations

import itertools
import pickle
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from airflow.dag_processing.dagbag import DagBag

from windlass.airflow import artifacts, notifications, run_context
from windlass.airflow.operators import available, remediation
from windlass.airflow.run_context import RunContext
from windlass.domain.artifacts import Artifact, Lock, Locked
from windlass.domain.host.drift import HostDrift
from windlass.domain.host.host_checks import host_checks
from windlass.domain.lease import Owner
from windlass.domain.pki import desired_certificates
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.domain.spec import load_cluster
from windlass.effects.bundles import Vault
from windlass.effects.catalog import load_catalog
from windlass.effects.etcd import EtcdTarget, client
from windlass.effects.kubernetes.client import KubernetesClient
from windlass.effects.ssh.fake import FakeHosts
from windlass.effects.ssh.fake_connection import FakeConnection
from windlass.effects.ssh.pool import Connections
from windlass.effects.store.keys import spec_key
from windlass.operations import cluster_api, waiting
from windlass.operations.backup import take
from windlass.operations.compare_host import compare_host
from windlass.operations.remediation import Surroundings, context
from windlass.operations.remediation.contend import Waiting
from windlass.operations.rollout import api_server, drain, gather
from world.deaths import Boundaries, Boundary, Killed
from world.etcd import Etcd
from world.etcd_api import EtcdChannel
from world.kubernetes import KubernetesApi
from world.machine import Machine
from world.runs import Run, Task, execute, tasks
from world.surroundings import Clock, MortalStore, QuickTime, Way

ROOT = Path(__file__).resolve().parents[2]
MIRROR = "http://192.0.2.1:8080"
CATALOG = load_catalog(run_context.templates_directory())


class World:
    """One cluster's surroundings, from bare hosts on. `install` lets Windlass see it instead of the real one."""

    def __init__(self, spec: str) -> None:
        cluster = load_cluster(spec, "spec")
        self.name = cluster.name
        self.spec = spec
        self.boundaries = Boundaries()
        self.machines: dict[str, Machine] = {}
        self.etcd = Etcd(self.machines)
        for one in cluster.spec.hosts.members:
            self.machines[one.name] = Machine(one.name, one.address, self.boundaries, self.etcd)
        self.kubernetes = KubernetesApi(self.machines, self.boundaries, self.etcd)
        self.clock = Clock()
        self.store = MortalStore(self.boundaries)
        self.keys = MasterKeys.parse(new_master_key().reveal())
        self.runs: dict[str, Run] = {}
        self._numbers = itertools.count(1)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Let the Airflow layer find this world where it looks for the real one."""
        patch.setenv("WINDLASS_MIRROR", MIRROR)
        patch.setattr(run_context, "open_store", lambda: self.store)
        # The same each time, and most of the time that a run takes.
        patch.setattr(run_context, "load_catalog", lambda _: CATALOG)
        patch.setattr(run_context, "load_cluster", _once(load_cluster))
        patch.setattr(context, "host_checks", _once(host_checks))
        patch.setattr(run_context, "master_keys", lambda: self.keys)
        patch.setattr(artifacts, "fetch_lock", lambda _: lock())
        patch.setattr(run_context, "HostHook", partial(_Hook, self))
        transport = httpx.MockTransport(self.kubernetes.answer)
        for module in (cluster_api, gather):
            patch.setattr(module, "KubernetesClient", partial(KubernetesClient, transport=transport))
        patch.setattr(gather, "missing_artifacts", lambda _: ())
        patch.setattr(FakeConnection, "forward", lambda *way: _forward(self, *way))
        patch.setattr(client, "_Channel", partial(_channel, self))
        for module in (waiting, drain, api_server):
            patch.setattr(module, "time", QuickTime())
        patch.setattr(available, "open_store", lambda: self.store)
        patch.setattr(available, "load_catalog", lambda _: CATALOG)
        patch.setattr(available, "catalog_standing", lambda *_: "tested")
        patch.setattr(take, "datetime", self.clock)
        quick = Waiting(sleep=self.clock.sleep)
        around = partial(Surroundings, clock=partial(self.clock.now, UTC), waiting=quick)
        patch.setattr(remediation, "Surroundings", around)
        patch.setattr(notifications, "Variable", SimpleNamespace(get=lambda *_, **__: None))

    def machine_at(self, seen_from: str, address: str) -> Machine | None:
        """Return the machine that an address leads to."""
        if address == "127.0.0.1":
            return self.machines[seen_from]
        return next((one for one in self.machines.values() if one.address == address), None)

    def connections(self) -> Connections:
        """Return connections to all hosts, as a new process would make them."""
        hosts = FakeHosts(machine.host for machine in self.machines.values())
        return Connections(hosts.targets(), hosts)

    def begin(self, dag_id: str, **params: Any) -> Run:
        """Begin a run of a DAG; health starts those of repair, and a person all others."""
        run = Run(dag_id, f"run-{next(self._numbers)}", {**_defaults(dag_id), "cluster": self.name, **params})
        self.runs[run.run_id] = run
        return run

    def tasks(self, run: Run) -> Iterator[Task]:
        """Give the tasks that are to run, in order; `execute` each before the next is asked for."""
        return tasks(dags()[run.dag_id], run)

    def execute(self, task: Task, run: Run, end_at: Boundary | None = None) -> None:
        """Run one task; Killed if its process dies, at the boundary `end_at`, counted from the task's beginning."""
        self.clock.advance()
        self.boundaries.begin(end_at)
        try:
            execute(task, run, self.runs)
        except Exception as error:
            if self.boundaries.is_dead:  # what a thread of the process met when it died
                raise Killed(str(end_at)) from error
            raise
        if self.boundaries.is_dead:
            raise Killed(str(end_at))

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
        return machines, dict(self.store.objects), pickle.dumps((self.etcd.clusters, self.runs))

    def restore(self, saved: Any) -> None:
        """Put everything back to what it was; runs that began since are forgotten."""
        machines, stored, others = saved
        for name, machine in machines.items():
            self.machines[name].restore(machine)
        self.store.objects = dict(stored)
        self.etcd.clusters, self.runs = pickle.loads(others)  # noqa: S301 - it is our own, of a moment ago

    def drift(self) -> dict[str, HostDrift]:
        """Return how each host differs from what belongs on it by the stored spec."""
        run = RunContext(self.name, Owner("create_cluster", "compare"), lambda _: None)
        with run.session(run.cluster()) as session:
            pki = run.records.pki(run.keys)
            certificates = {
                host.name: desired_certificates(session.cluster, host, pki) if pki else None for host in session.hosts
            }
            return session.on_hosts(
                "compare",
                session.hosts,
                lambda host, connection: compare_host(session, host, connection, certificates[host.name]).drift,
            )

    @property
    def is_known(self) -> bool:
        """Whether the store has the cluster's spec."""
        return spec_key(self.name) in self.store.objects

    def state(self) -> dict[str, Any]:
        """Return all that the runs made, but for what is random."""
        return {name: machine.state() for name, machine in self.machines.items()} | {
            "etcd": self.etcd.state(),
            "kubernetes": self.kubernetes.state(),
            "store": sorted({_usual(item.key) for item in self.store.list("") if "/log/" not in item.key} - {""}),
            "bundles": self._bundles(),
        }

    def _bundles(self) -> tuple[list[str], bool, bool]:
        """Return the bundles of earlier days, and whether there is one of today and one that a drill proved.

        Every bundle that counts must be whole.
        """
        vault, today = Vault(self.store, self.name, self.keys), datetime.now(UTC) - timedelta(hours=12)
        held = vault.inventory()
        for bundle in held.bundles:
            vault.verify(vault.manifest(bundle))
        old = [str(one) for one in (*held.bundles, *held.incomplete) if one.time < today]
        return old, any(one.time >= today for one in held.bundles), vault.newest_proven(held.bundles) is not None


def _usual(key: str) -> str:
    """Return a key without what is different in each run; empty if all of it is."""
    return "" if re.search("/(bundles|drills|recoveries)/", key) else key


class _Hook:
    """Logs in to the world's hosts."""

    def __init__(self, world: World, _: str) -> None:
        self._world = world

    def connections(self, *_: Any) -> Connections:
        """Return connections to all hosts."""
        return self._world.connections()


_known: dict[str, Any] = {}


def _once(make: Callable[..., Any]) -> Callable[..., Any]:
    """Return the same function, which makes the same thing but once."""

    def made(*arguments: Any, **known: Any) -> Any:
        key = repr((make.__name__, arguments, known))
        if key not in _known:
            _known[key] = make(*arguments, **known)
        return _known[key]

    return made


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
    desired = {
        Artifact(kind, name, version)
        for release in CATALOG.releases.values()
        for kind, versions in (("file", release.files), ("image", release.images))
        for name, version in versions.items()
    }
    ordered = sorted(desired, key=str)
    return Lock("modules", {one: Locked(f"sha256:{n:016x}{n:048x}", 1, "build") for n, one in enumerate(ordered, 1)})


def _forward(world: World, connection: FakeConnection, address: str, port: int) -> Way:
    found = world.machine_at(connection.host, address)
    return Way(found.name if found else f"nobody at {address}", port)


def _channel(world: World, target: EtcdTarget, *_: object) -> EtcdChannel:
    return EtcdChannel(world.etcd, world.machines.get(target.address), world.boundaries)
