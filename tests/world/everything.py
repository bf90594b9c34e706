"""The world: hosts, a Kubernetes API and a store, and Airflow's runs that act on them."""

from __future__ import annotations

import itertools
import pickle
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from airflow.dag_processing.dagbag import DagBag

from windlass.airflow import run_context, services
from windlass.airflow.run_context import RunContext
from windlass.airflow.secret_references import resolve
from windlass.domain import yamltext
from windlass.domain.architectures import AMD64
from windlass.domain.artifacts import Artifact, Lock, Locked
from windlass.domain.authenticity import place_of
from windlass.domain.catalog.tested import PROOF, SuiteOutcome, TestRecord, record_of
from windlass.domain.host.drift import HostDrift
from windlass.domain.lease import Owner
from windlass.domain.pki import desired_certificates
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.domain.spec import load_cluster
from windlass.domain.spec.others import read_other
from windlass.effects.bundles import Vault
from windlass.effects.catalog import load_catalog
from windlass.effects.clock import Clock
from windlass.effects.etcd import EtcdClient, EtcdTarget
from windlass.effects.packaged import catalog_directory
from windlass.effects.providers import StaticProvider
from windlass.effects.ssh.pool import Connections
from windlass.effects.store import AuthenticatedStore
from windlass.effects.store.keys import spec_key
from windlass.operations.compare_host import compare_host
from windlass.operations.secrets import SpecSecrets
from windlass.operations.services import Clients, Services
from world.deaths import Boundaries, Boundary, Killed
from world.etcd import Etcd
from world.etcd_api import EtcdChannel
from world.kubernetes import KubernetesApi
from world.machine import Machine
from world.pods import ApiClient
from world.runs import Run, Task, execute, tasks
from world.surroundings import HostsWithKeys, MortalStore, Way, WorldClock

ROOT = Path(__file__).resolve().parents[2]
MIRROR = MirrorAddresses("http://192.0.2.1:8080", "192.0.2.1:5000")
CATALOG = load_catalog(catalog_directory())


class World:
    """One cluster's surroundings, from bare hosts on. `install` lets Windlass see it instead of the real one."""

    def __init__(self, spec: str) -> None:
        cluster = load_cluster(spec, "spec")
        self.name = cluster.name
        self.spec = spec
        self.boundaries = Boundaries()
        self.clock = WorldClock()
        self.machines: dict[str, Machine] = {}
        self.etcd = Etcd(self.machines)
        for one in cluster.spec.hosts.members:
            self.machines[one.name] = self._machine(one.name, one.node_addresses)
        self.kubernetes = KubernetesApi(self.machines, self.boundaries, self.etcd)
        self.bucket = MortalStore(self.boundaries)
        self.keys = MasterKeys.parse(new_master_key().reveal())
        self.store = self._opened_store()
        self.lock = lock()
        """What the mirror has, and everybody has accepted."""
        self.mirror_lacks: tuple[str, ...] = ()
        self.store_connections: list[str] = []
        """The connections that the store was asked for by, in order."""
        self.services = self._built()
        self.runs: dict[str, Run] = {}
        self._numbers = itertools.count(1)

    def _machine(self, name: str, addresses: tuple[str, ...], installation: int = 1) -> Machine:
        first, *further = addresses
        now = partial(self.clock.now, UTC)
        machine = Machine(name, first, self.boundaries, self.etcd, tuple(further), now=now, installation=installation)
        machine.host.tunnel = partial(_forward, self, name)
        return machine

    def reinstall(self, name: str) -> None:
        """Have a machine come back with nothing on it, and another host key."""
        old = self.machines[name]
        self.machines[name] = self._machine(name, (old.address, *old.further), old.installation + 1)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Let the Airflow layer find this world where it looks for the real one."""
        patch.setattr(services, "_build", self._services)
        # The same each time, and half of the time that a run takes.
        for name, make in (("load_cluster", load_cluster), ("read_other", read_other)):
            patch.setattr(run_context, name, _once(make))
        patch.setattr(yamltext, "read_all_yaml", _read_once(yamltext.read_all_yaml))

    def _services(self, store_conn_id: str) -> Services:
        """Return what the Airflow layer works with in this world, whatever the store's connection is called."""
        self.store_connections.append(store_conn_id)
        return self.services

    def use_keys(self, keys: MasterKeys) -> None:
        """Have other master keys from now on, as when the connection is changed and its readers start again."""
        self.keys = keys
        self.store, self.services = self._opened_store(), self._built()

    def _opened_store(self) -> AuthenticatedStore:
        return AuthenticatedStore.by(self.bucket, self.keys)

    def _built(self) -> Services:
        transport = httpx.MockTransport(self.kubernetes.answer)
        return Services(
            open_store=lambda: self.store,
            open_bundle_store=lambda *_: self.store,
            load_keys=lambda: self.keys,
            load_catalog=lambda: CATALOG,
            release_tests=_passed,
            artifacts=lambda *_: (self.lock, MIRROR),
            connect=lambda *_: self.connections(),
            provider=lambda _: StaticProvider(),
            authorities=lambda _: {},
            notify=lambda *_: None,
            secrets=SpecSecrets(resolve),
            clock=Clock(
                partial(self.clock.now, UTC), self.clock.monotonic, self.clock.sleep, wait=_without_a_heartbeat
            ),
            clients=Clients(
                etcd=partial(EtcdClient, open_channel=partial(_channel, self)),
                kubernetes=partial(ApiClient, transport=transport),
                missing_artifacts=lambda _: self.mirror_lacks,
                offered_lock=lambda _: self.lock,
            ),
        )

    def machine_at(self, seen_from: str, address: str) -> Machine | None:
        """Return the machine that an address leads to."""
        if address == "127.0.0.1":
            return self.machines[seen_from]
        return next((one for one in self.machines.values() if one.address == address), None)

    def connections(self) -> Connections:
        """Return connections to all hosts, as a new process would make them."""
        hosts = HostsWithKeys(self.machines.values())
        return Connections(hosts.targets(), hosts)

    def begin(self, dag_id: str, **params: Any) -> Run:
        """Begin a run of a DAG; health starts those of remediation, and a person all others."""
        run = Run(dag_id, f"run-{next(self._numbers)}", {**_defaults(dag_id), "cluster": self.name, **params})
        run.run_after = self.clock.now(UTC)
        self.runs[run.run_id] = run
        return run

    def run_by_schedule(self, dag_id: str, partition: str | None = None) -> Run:
        """Run a whole DAG as its schedule starts it: for a partition, or for none, and with no params."""
        params = {**_defaults(dag_id)}
        run = Run(dag_id, f"run-{next(self._numbers)}", params, user=None, partition=partition)
        run.started = "asset_triggered" if partition else "scheduled"
        self.runs[run.run_id] = run
        for task in self.tasks(run):
            self.execute(task, run)
        run.is_finished = True
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
        return machines, dict(self.bucket.objects), pickle.dumps((self.etcd.clusters, self.runs, self.clock.save()))

    def restore(self, saved: Any) -> None:
        """Put everything back to what it was; runs that began since are forgotten."""
        machines, stored, others = saved
        for name, machine in machines.items():
            self.machines[name].restore(machine)
        self.bucket.objects = dict(stored)
        self.reopen()
        self.etcd.clusters, self.runs, time = pickle.loads(others)  # noqa: S301 - it is our own, of a moment ago
        self.clock.restore(time)

    def reopen(self) -> None:
        """Let processes that begin from here remember nothing of the store."""
        self.store = self._opened_store()
        self.services = self._built()

    def drift(self) -> dict[str, HostDrift]:
        """Return how each host differs from what belongs on it by the stored spec."""
        run = RunContext(self.name, Owner("create_cluster", "compare"), lambda _: None, self.services)
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
        return spec_key(self.name) in self.bucket.objects

    def state(self) -> dict[str, Any]:
        """Return all that the runs made, but for what is random."""
        return {name: machine.state() for name, machine in self.machines.items()} | {
            "etcd": self.etcd.state(),
            "kubernetes": self.kubernetes.state(),
            "store": sorted({_usual(key) for key in self._stored() if "/log/" not in key} - {""}),
            "bundles": self._bundles(),
        }

    def _stored(self) -> Iterator[str]:
        """Yield the keys of what is there; what the ledger says was removed is not, should it lie there still."""
        for item in self.store.list(""):
            if not getattr(place_of(item.key), "is_guarded", False) or self.store.get(item.key) is not None:
                yield item.key

    def _bundles(self) -> tuple[list[str], bool, bool]:
        """Return the bundles of earlier days, and whether there is one of today and one that a drill proved.

        Every bundle that counts must be whole.
        """
        vault, today = Vault(self.store, self.name, self.keys), self.clock.now(UTC) - timedelta(hours=12)
        held = vault.inventory()
        for bundle in held.bundles:
            vault.verify(vault.manifest(bundle))
        old = [str(one) for one in (*held.bundles, *held.incomplete) if one.time < today]
        return old, any(one.time >= today for one in held.bundles), vault.newest_proven(held.bundles) is not None


def _usual(key: str) -> str:
    """Return a key without what is different in each run; empty if all of it is.

    What a step took is not known of one whose process died.
    """
    return "" if re.search(r"/(bundles|drills|recoveries)/|/durations\.json$", key) else key


_known: dict[str, Any] = {}


def _once(make: Callable[..., Any]) -> Callable[..., Any]:
    """Return the same function, which makes the same value but once."""

    def made(*arguments: Any, **known: Any) -> Any:
        key = repr((make.__name__, arguments, known))
        if key not in _known:
            _known[key] = make(*arguments, **known)
        return _known[key]

    return made


_read: dict[str, bytes] = {}


def _read_once(read: Callable[[str], Iterable[Any]]) -> Callable[[str], Iterable[Any]]:
    """Return the same function, which reads a text but once; what it gives may be changed by whoever has it."""

    def known(text: str) -> Iterable[Any]:
        if text not in _read:
            _read[text] = pickle.dumps(list(read(text)))
        yield from pickle.loads(_read[text])  # noqa: S301 - it is our own

    return known


@cache
def _passed(version: str) -> TestRecord:
    """Return a record by which a release has passed its tests."""
    outcome = SuiteOutcome(passed=len(PROOF), failed=0, modules=tuple(PROOF))
    return record_of(CATALOG.release(version), lock(), outcome, "2026-11-24")


@cache
def dags() -> Mapping[str, Any]:
    """Return the DAGs of this checkout by their ids, and those of its examples."""
    folders = (ROOT / "dags", ROOT / "plugins" / "windlass" / "example_dags")
    return {name: dag for folder in folders for name, dag in DagBag(str(folder), load_op_links=False).dags.items()}


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


@cache
def lock_with(architecture: str) -> Lock:
    """Return that lock as it is once the mirror has everything for a further architecture too."""
    more, known = {}, lock().artifacts
    for n, (artifact, locked) in enumerate(known.items(), len(known) + 1):
        digest = f"sha256:{n:016x}{n:048x}"
        if artifact.kind == "file":
            more[artifact.on(architecture)] = Locked(digest, 1, "build")
        else:
            manifests = {AMD64: locked.digest, architecture: f"sha256:{n:064x}"}
            more[artifact] = Locked(digest, 2, "build", manifests=manifests)
    return Lock("modules", {**known, **more})


def _without_a_heartbeat(ended: threading.Event, _: float) -> bool:
    """Wait for the end of a phase: a heartbeat in between would come at another boundary each time."""
    return ended.wait()


def _forward(world: World, host: str, address: str, port: int) -> Way:
    found = world.machine_at(host, address)
    return Way(found.name if found else f"nobody at {address}", port)


def _channel(world: World, target: EtcdTarget, *_: object) -> EtcdChannel:
    return EtcdChannel(world.etcd, world.machines.get(target.address), world.boundaries)
