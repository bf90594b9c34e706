"""A lab and an embedded Airflow, and clusters on them by one request to its REST API, for benchmarks of operations."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

import psutil
import yaml

from bench.cluster_end import LIMIT, are_nodes_ready, is_dns_answering, wait_until
from bench.kubeadm_config import DNS_ADDRESS
from windlass.cli.embedded import instance
from windlass.cli.embedded.client import AirflowClient
from windlass.cli.embedded.layout import Home, Settings
from windlass.cli.embedded.processes import session_members
from windlass.cli.embedded.secret_files import login
from windlass.domain.host.layout import API_PORT, kubernetes_binaries
from windlass.domain.pki import Pki
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.domain.secret import Secret
from windlass.domain.spec import Cluster, load_cluster
from windlass.effects.kubernetes.client import NODES, KubernetesClient
from windlass.effects.ssh.pool import Connections
from windlass.effects.store import AuthenticatedStore, ClusterRecords, S3Store, StoreConfig
from windlass.errors import NotReadyError, UnreachableError, WindlassError
from windlass.operations.cluster_api import credentials_of
from windlass_lab import demo_plan
from windlass_lab.admin import admin_kubeconfig
from windlass_lab.containers import container_name
from windlass_lab.docker import docker
from windlass_lab.lab import down, up
from windlass_lab.model import BUCKET, Lab
from windlass_lab.plan import LabPlan

VERSION = "v1.37.2"
_LOOK_SECONDS = 0.3
_LOG_END = 3000
_KUBECONFIG = "/run/bench-admin.conf"


@dataclass(frozen=True)
class LabCluster:
    """What stands while a benchmark runs."""

    lab: Lab
    running: instance.RunningInstance
    airflow: AirflowClient
    master_key: Secret = field(repr=False)

    @property
    def spec(self) -> str:
        """The spec of the demo: 3 + 1 hosts."""
        return self.spec_at(VERSION)

    def spec_at(self, version: str) -> str:
        """Return it for a release. Nothing is backed up by schedule: that would be part of what is timed."""
        document = yaml.safe_load(demo_plan.cluster_spec(self.lab, version))
        document["spec"]["backup"] = {"schedule": None, "drill": {"schedule": None}}
        return yaml.safe_dump(document, sort_keys=False, width=10_000)

    def spec_with(self, roles: Mapping[str, Sequence[str]], **sections: object) -> str:
        """Return the spec on some hosts of the lab, with these roles; `sections` stand in the place of those of it."""
        document = yaml.safe_load(self.spec)
        hosts = document["spec"]["hosts"]
        hosts["members"] = [
            {"name": name, "address": self.lab.host(name).address, "roles": list(taken)}
            for name, taken in roles.items()
        ]
        document["spec"].update(sections)
        return yaml.safe_dump(document, sort_keys=False, width=10_000)

    @cached_property
    def cluster(self) -> Cluster:
        """The cluster that the spec describes."""
        return load_cluster(self.spec, "the benchmark's spec")

    def run(self, dag_id: str, **params: object) -> tuple[float, str]:
        """Trigger a run and wait for its end; seconds and the run's id. WindlassError if it fails."""
        started = time.monotonic()
        run_id = self.start(dag_id, **params)
        self.finish(dag_id, run_id)
        return time.monotonic() - started, run_id

    def start(self, dag_id: str, **params: object) -> str:
        """Trigger a run and return its id."""
        run_id = f"{dag_id}-{uuid.uuid4().hex[:8]}"
        conf = {"cluster": self.cluster.name, **params}
        return self.airflow.trigger(dag_id, run_id=run_id, conf=conf).run_id

    def finish(self, dag_id: str, run_id: str) -> None:
        """Wait for a run's end; WindlassError if it is a bad one."""
        ended = self.airflow.wait(dag_id, run_id, within=timedelta(minutes=10))
        if ended.state != "success":
            tasks = self.airflow.tasks(dag_id, run_id)
            states = {task.task_id: task.state for task in tasks}
            logs = [self.airflow.log(dag_id, run_id, task)[-_LOG_END:] for task in tasks if task.state == "failed"]
            raise WindlassError("\n".join([f"{dag_id} {run_id} ended in {ended.state}: {states}", *logs]))

    def wait_for_cluster(self) -> None:
        """Return as soon as all nodes are Ready and the cluster's DNS answers; the same end as for kubeadm.

        Until it seems so the API is asked directly, which costs the machine less than a kubectl a look.
        """
        pki = self._pki()
        with KubernetesClient(self.lab.hosts[0].address, API_PORT, credentials_of(pki)) as client:
            wait_until(lambda: _seem_ready(client, len(self.lab.hosts)), "the nodes are not all Ready")
        first, last = self.lab.hosts[0].name, self.lab.hosts[-1].name
        config = admin_kubeconfig(pki).reveal()
        self.on(first, f"umask 077; cat > {_KUBECONFIG} <<'END'\n{config}END\n")
        kubectl = [f"{kubernetes_binaries(VERSION)}/kubectl", "--kubeconfig", _KUBECONFIG]
        with Connections([self.lab.target(first), self.lab.target(last)]) as hosts:
            wait_until(
                lambda: are_nodes_ready(hosts.get(first), kubectl, len(self.lab.hosts)), "the nodes are not all Ready"
            )
            wait_until(lambda: is_dns_answering(hosts.get(last), DNS_ADDRESS), "the DNS does not answer")

    def on(self, host: str, script: str) -> str:
        """Run a shell script on a host, past Windlass, and return what it printed."""
        name = container_name(self.lab.name, host)
        return docker("exec", "--interactive", name, "sh", "-s", stdin=script.encode(), host=host)

    def pss_mebibytes(self) -> float:
        """Return the memory of all processes of Windlass, Airflow and Postgres: what is shared counts once."""
        return sum(_pss(process) for process in session_members(self.running.runner)) / 2**20

    def _pki(self) -> Pki:
        s3 = self.lab.s3_credentials()
        config = StoreConfig(BUCKET, "", self.lab.s3_endpoint, "us-east-1", s3.access_key, Secret(s3.secret_key))
        keys, deadline = MasterKeys.parse(self.master_key.reveal()), time.monotonic() + LIMIT.total_seconds()
        records = ClusterRecords(AuthenticatedStore.by(S3Store(config), keys), self.cluster.name)
        while (pki := records.pki(keys)) is None:
            if time.monotonic() > deadline:
                raise NotReadyError(f"no certificates after {LIMIT}")
            time.sleep(_LOOK_SECONDS)
        return pki


@contextmanager
def lab_cluster(name: str, *, bare: bool = False, hosts: Sequence[str] = demo_plan.HOSTS) -> Iterator[LabCluster]:
    """Make a new lab, of 3 + 1 hosts unless told, and a new Airflow of that name, and remove both at the end."""
    home = Home.of(name)
    _clear(name, home)
    try:
        lab, key = up(LabPlan(name, tuple(hosts), bare=bare)), new_master_key()
        running = instance.up(home, Settings(connections=demo_plan.connections(lab, key)))
        with AirflowClient(running.url, *login(home)) as airflow:
            for dag in ("create_cluster", "apply_cluster", "delete_cluster", "watch_health"):
                airflow.wait_for_dag(dag, within=timedelta(minutes=2))
            # What is broken on purpose is repaired only where that is what is timed.
            airflow.pause("watch_health")
            yield LabCluster(lab, running, airflow, key)
    finally:
        _clear(name, home)


def _clear(name: str, home: Home) -> None:
    try:
        instance.down(home, purge=True)
    finally:
        down(name)


def _seem_ready(client: KubernetesClient, count: int) -> bool:
    try:
        nodes = client.list(NODES)
    except (NotReadyError, UnreachableError):
        nodes = []
    conditions = [one for node in nodes for one in node["status"].get("conditions", [])]
    if sum(one["type"] == "Ready" and one["status"] == "True" for one in conditions) == count:
        return True
    time.sleep(_LOOK_SECONDS)
    return False


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:  # it ended meanwhile
        return 0
