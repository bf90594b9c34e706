"""What all end-to-end tests stand on: one lab of four hosts, one embedded Airflow, and what tests ask of them."""

from __future__ import annotations

import os
import shlex
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import psutil
import yaml

from windlass.cli.embedded import instance
from windlass.cli.embedded.client import AirflowClient, DagRunState
from windlass.cli.embedded.layout import Home, Settings
from windlass.cli.embedded.processes import session_members
from windlass.cli.embedded.secret_files import login
from windlass.domain.pki import Pki
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.domain.secret import Secret
from windlass.effects.kubernetes.client import KubernetesClient
from windlass.effects.store import AuthenticatedStore, ClusterRecords, S3Store, ServiceLog
from windlass.effects.store.accepted_locks import AcceptedLocks
from windlass.mirror.cache import read_lock
from windlass.operations.cluster_api import credentials_of
from windlass_lab import demo_plan
from windlass_lab.admin import admin_kubeconfig
from windlass_lab.hosts import delete as remove_host
from windlass_lab.hosts import run_as_root
from windlass_lab.lab import down, up
from windlass_lab.model import Lab, save
from windlass_lab.places import write_private
from windlass_lab.plan import LabPlan

CLUSTER = "e2e"
HOSTS = ("cp-1", "cp-2", "cp-3", "w-1")
VERSION = os.environ.get("WINDLASS_TEST_VERSION", "v1.37.2")
"""The release that tests run on."""
OVERLAPPING: Mapping[str, tuple[str, ...]] = {
    "cp-1": ("etcd", "control-plane"),
    "cp-2": ("etcd", "control-plane"),
    "cp-3": ("etcd", "control-plane"),
    "w-1": ("worker",),
}
RUN_LIMIT = timedelta(minutes=6)
CHANGE_LIMIT = timedelta(minutes=15)
"""For runs that go over the hosts one by one."""
APPROVED: Mapping[str, Any] = {"auto_approve": True, "allow_untested": True}
"""Params of a run that changes a running cluster, and for which nobody is asked."""


def wait_for(condition: Callable[[], Any], what: str, within: timedelta = timedelta(minutes=2)) -> Any:
    """Return the first true answer of `condition`."""
    deadline = time.monotonic() + within.total_seconds()
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {within}: {what}"
        time.sleep(0.2)
    return answer


@dataclass(frozen=True)
class Run:
    """A run that has ended, with the logs of its tasks at hand."""

    dag_id: str
    run_id: str
    state: str
    client: AirflowClient = field(repr=False)

    @cached_property
    def states(self) -> dict[str, str]:
        """The end state of each task; a mapped one has failed if any of it has."""
        found: dict[str, str] = {}
        for task in self.client.tasks(self.dag_id, self.run_id):
            if found.get(task.task_id) != "failed":
                found[task.task_id] = task.state
        return found

    def log(self, task_id: str) -> str:
        """Return the log of the last try of a task; of a mapped one, of the first that failed."""
        found = [one for one in self.client.tasks(self.dag_id, self.run_id) if one.task_id == task_id]
        task = next((one for one in found if one.state == "failed"), found[0])
        return self.client.log(self.dag_id, self.run_id, task)

    def result(self, task_id: str) -> Any:
        """Return what a task handed on."""
        return self.client.xcom(self.dag_id, self.run_id, task_id)

    def succeeded(self) -> Run:
        """Return this run, or fail with the end of the log of every task that failed."""
        failed = [task for task, state in self.states.items() if state == "failed"]
        logs = "\n".join(f"--- {task}\n{self.log(task)[-3000:]}" for task in failed)
        assert self.state == "success", f"{self.run_id} ended in {self.state}: {self.states}\n{logs}"
        return self

    @property
    def outcome(self) -> str:
        """What a rollout came to: planned, created, nothing, done or paused."""
        return str(self.result("result")["state"])

    def refused(self, task_id: str) -> str:
        """Return the log of the task that failed; fail if the run did not end there."""
        assert (self.state, self.states[task_id]) == ("failed", "failed"), self.states
        return self.log(task_id)


@dataclass(frozen=True)
class Ground:
    """The lab, the Airflow, and the questions that tests ask of both."""

    lab: Lab
    home: Home
    client: AirflowClient
    master_key: Secret

    @contextmanager
    def more_hosts(self, *names: str, bare: bool = False, vms: bool = False) -> Iterator[Ground]:
        """Give this ground with more hosts in its lab; at the end they are taken away, whatever is on them.

        If `bare` they have no Docker Engine. The lab counts as bare meanwhile, which says only how hosts are made.
        If `vms` they are virtual machines.
        """
        save(replace(self.lab, bare=bare))
        lab = up(LabPlan(self.lab.name, () if vms else names, bare, vms=names if vms else ()))
        try:
            yield replace(self, lab=lab)
        finally:
            for name in names:
                remove_host(lab, lab.host(name))
            save(self.lab)

    def spec(
        self,
        roles: Mapping[str, tuple[str, ...]] = OVERLAPPING,
        /,
        version: str = VERSION,
        **sections: Any,
    ) -> str:
        """Return the text of a spec on hosts of this lab; `sections` are laid over those of the demo."""
        document = yaml.safe_load(demo_plan.cluster_spec(self.lab, version))
        document["metadata"]["name"] = CLUSTER
        hosts = document["spec"]["hosts"]
        hosts["members"] = [
            {"name": name, "address": self.lab.host(name).address, "roles": list(taken)}
            for name, taken in roles.items()
        ]
        # Backups come when a test asks for them: no test shall find another's, or wait for what it did not start.
        document["spec"]["backup"] = {"schedule": None, "drill": {"schedule": None}}
        for name, section in sections.items():
            present = document["spec"].get(name)
            document["spec"][name] = _merged(present, section) if isinstance(present, dict) else section
        return yaml.safe_dump(document, sort_keys=False, width=10_000)

    def start(self, dag_id: str, **params: Any) -> str:
        """Trigger a run and return its id."""
        run_id = f"{dag_id}-{uuid.uuid4().hex[:8]}"
        self.client.trigger(dag_id, run_id=run_id, conf={"cluster": CLUSTER, **params})
        return run_id

    def finish(self, dag_id: str, run_id: str, within: timedelta = RUN_LIMIT) -> Run:
        """Wait for a run's end."""
        return self._ended(self.client.wait(dag_id, run_id, within=within))

    def run(self, dag_id: str, **params: Any) -> Run:
        """Trigger a run and wait for its end."""
        return self.finish(dag_id, self.start(dag_id, **params))

    def create(self, spec: str | None = None, **params: Any) -> Run:
        """Run `create_cluster` to its end: nothing that runs is changed by it."""
        return self.run("create_cluster", **({"spec": spec} if spec else {}), **params)

    def apply(self, spec: str | None = None, **params: Any) -> Run:
        """Run `apply_cluster` to its end: what runs is changed step by step, and what is not there yet is created."""
        return self.finish("apply_cluster", self.start_apply(spec, **params), CHANGE_LIMIT)

    def start_apply(self, spec: str | None = None, **params: Any) -> str:
        """Trigger `apply_cluster`, for which nobody is asked, and return the run's id."""
        return self.start("apply_cluster", **{**APPROVED, **({"spec": spec} if spec else {}), **params})

    def converge(self, dag_id: str, run_id: str) -> Run:
        """Wait for a run's end, as a person would who clears what failed, twice at most."""
        for _ in range(2):
            ended = self.finish(dag_id, run_id)
            if ended.state == "success":
                return ended
            self.client.clear_failed(dag_id, run_id)
        return self.finish(dag_id, run_id)

    def _ended(self, state: DagRunState) -> Run:
        return Run(state.dag_id, state.run_id, state.state, self.client)

    def task_process(self, dag_id: str, run_id: str, task_id: str, within: timedelta = RUN_LIMIT) -> psutil.Process:
        """Return the process of a task, as soon as it is there."""

        def find() -> psutil.Process | None:
            running = instance.status(self.home)
            path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
            task = self.client._checked(self.client._send("GET", path))
            assert running
            if task["state"] != "running":
                return None
            title = f"airflow worker -- {task['id']}"
            return next((one for one in session_members(running.runner) if _title(one) == title), None)

        found: psutil.Process = wait_for(find, f"a process of {task_id}", within)
        return found

    def kill_every_task_once(self, dag_id: str, run_id: str, within: timedelta = RUN_LIMIT) -> set[str]:
        """Kill each task's process the first time it is seen, until the run has ended; return the tasks killed.

        Of a mapped task each instance is killed, as `roll[2]`, once all before it have succeeded and it has its turn.
        """
        killed: set[str] = set()
        deadline = time.monotonic() + within.total_seconds()
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        while not self.client.run(dag_id, run_id).has_ended:
            assert time.monotonic() < deadline, f"the run has not ended within {within}; killed so far: {killed}"
            tasks = self.client._checked(self.client._send("GET", path))["task_instances"]
            doomed = {f"airflow worker -- {one['id']}": _label(one) for one in tasks if _has_its_turn(one, tasks)}
            running = instance.status(self.home)
            assert running
            for process in session_members(running.runner):
                task = doomed.get(_title(process))
                if task is not None and task not in killed:
                    process.kill()
                    killed.add(task)
            time.sleep(0.05)
        return killed

    def component(self, name: str) -> psutil.Process:
        """Return the process of one component of Airflow."""
        running = instance.status(self.home)
        assert running
        title = f"windlass-airflow {name}"
        found = [one for one in session_members(running.runner) if _title(one).startswith(title)]
        forks = {one.pid for one in found}
        # What a component has forked goes by its name too.
        (component,) = [one for one in found if one.ppid() not in forks]
        return component

    @cached_property
    def bucket(self) -> S3Store:
        """The store of the lab as it lies there, for whoever plays somebody else who can write to it."""
        return demo_plan.store_of(self.lab)

    @cached_property
    def store(self) -> AuthenticatedStore:
        """The store of the lab."""
        return AuthenticatedStore.by(self.bucket, MasterKeys.parse(self.master_key.reveal()))

    @property
    def records(self) -> ClusterRecords:
        """What the store knows of the cluster."""
        return ClusterRecords(self.store, CLUSTER)

    def pki(self) -> Pki:
        """Return the cluster's keys and certificates."""
        pki = self.records.pki(MasterKeys.parse(self.master_key.reveal()))
        assert pki is not None
        return pki

    def service_log(self) -> list[str]:
        """Return the newest lines of the cluster's service log, the newest first."""
        return [event.text for event in ServiceLog(self.store, CLUSTER).newest()]

    @contextmanager
    def api(self, host: str = "cp-1") -> Iterator[KubernetesClient]:
        """Give a client of the API server on one host."""
        with KubernetesClient(self.lab.host(host).address, 6443, credentials_of(self.pki())) as client:
            yield client

    def on(self, host: str, script: str, timeout: timedelta = timedelta(minutes=1)) -> str:
        """Run a shell script on a host as root, past Windlass, and return its output."""
        return run_as_root(self.lab, self.lab.host(host), script, timeout)

    def kubectl(self, host: str, *arguments: str) -> str:
        """Run kubectl on a control-plane host, as its administrator would."""
        return self.as_admin(host, f"kubectl --request-timeout=10s {shlex.join(arguments)}")

    def as_admin(self, host: str, script: str) -> str:
        """Run a shell script in which `kubectl` is the newest of a control-plane host, by the host's own proxy.

        The login lies on the host only meanwhile.
        """
        config = admin_kubeconfig(self.pki()).reveal()
        return self.on(host, f"{_KUBECTL}cat > $config <<'KUBECONFIG'\n{config}KUBECONFIG\n{script}")

    @contextmanager
    def watched(self, *, within: timedelta = timedelta(minutes=4)) -> Iterator[None]:
        """Have health watch the cluster, and remediation what it finds, within the block."""
        began = datetime.now(UTC)
        self.client.unpause("heal_cluster")
        self.client.unpause("watch_health")
        try:
            try:
                wait_for(lambda: self.is_seen_healthy(began), "health calls all of the cluster healthy", within)
            except AssertionError as error:
                findings = (self.records.status() or {}).get("findings")
                raise AssertionError(f"{error}; it finds {findings}") from error
            yield
        finally:
            self.client.pause("watch_health")

    def is_seen_healthy(self, since: datetime | None = None) -> bool:
        """Tell whether the watch called all of the cluster healthy when it wrote last, which was after `since`."""
        status = self.records.status()
        if not status or (since is not None and datetime.fromisoformat(status["observed"]) < since):
            return False
        subjects = status["subjects"]
        return bool(subjects) and not status["findings"] and all(one["status"] == "healthy" for one in subjects)

    def repairs(self) -> list[DagRunState]:
        """Return the newest repair runs, the newest first."""
        return self.client.runs("heal_cluster", limit=100)

    def not_ready(self, hosts: Mapping[str, tuple[str, ...]] = OVERLAPPING, via: str = "cp-1") -> set[str]:
        """Return the hosts whose node is not Ready."""
        with self.api(via) as client:
            nodes = client.list(client.resource_of({"apiVersion": "v1", "kind": "Node"}))
        ready = {node["metadata"]["name"] for node in nodes if _is_ready(node)}
        return {name for name, roles in hosts.items() if set(roles) != {"etcd"}} - ready

    def beginnings(self, hosts: Sequence[str] = HOSTS) -> dict[str, str]:
        """Return when each container and unit of each host last began: equal before and after, nothing restarted."""
        found = {}
        for host in hosts:
            for line in self.on(host, _BEGINNINGS).splitlines():
                name, _, since = line.partition("=")
                found[f"{host}/{name}"] = since
        return found

    def traces(self, host: str) -> list[str]:
        """Return what there is of a cluster on a host; an empty list if it is as it was before any."""
        return self.on(host, _TRACES).splitlines()


_KUBECTL = """
config=$(mktemp); trap 'rm -rf $config $config.cache' EXIT
kubectl() { "$(ls /opt/windlass/v*/bin/kubectl | tail -n 1)" --kubeconfig $config --cache-dir $config.cache "$@"; }
"""
_BEGINNINGS = """
for id in $(docker ps -q); do
  docker inspect --format '{{ index .Config.Labels "io.windlass.component" }}={{ .Id }} {{ .State.StartedAt }}' "$id"
done
for unit in kubelet windlass-containerd docker; do
  echo "$unit=$(systemctl show --property ActiveEnterTimestampMonotonic --value $unit)"
done
"""

_TRACES = r"""
docker ps -aq 2>/dev/null | sed 's/^/container /'
for unit in kubelet windlass-containerd; do
  systemctl cat $unit >/dev/null 2>&1 && echo "unit $unit"
  systemctl is-active --quiet $unit && echo "unit $unit runs"
done
awk '$2 ~ "^(/var/lib/kubelet|/var/lib/windlass|/run/windlass|/run/netns)/" {print "mount " $2}' /proc/mounts
ip -o link | awk -F'[ :@]+' '$2 ~ /^(cni0|flannel|veth|kube-)/ {print "interface " $2}'
ip route | awk '/flannel|cni0|10\.244\./ {print "route " $0}'
for tables in iptables ip6tables; do
  $tables-save 2>/dev/null | awk -v t=$tables '/^:(KUBE|CNI|FLANNEL)-/ {print t " chain " $1}'
done
nft list tables 2>/dev/null | awk '/kube-proxy|kube-network-policies/ {print "nft " $0}'
for path in /etc/windlass /opt/windlass /opt/cni/bin /run/windlass /run/flannel /var/log/windlass; do
  [ ! -e $path ] || echo "file $path"
done
ls /etc/cni/net.d /etc/sysctl.d /etc/modules-load.d 2>/dev/null | grep -iE 'windlass|flannel' | sed 's/^/file /'
for directory in /var/lib/windlass /var/lib/kubelet; do
  [ ! -d $directory ] || ls -A $directory | grep -v '^lost+found$' | sed "s|^|file $directory/|"
done
# By name: the watch, which hears of the end in a moment, has some of these words on its command line.
pgrep -l 'kubelet|kube-apiserver' | sed 's/^/process /'
pgrep -fl 'containerd-shim-runc-v2.*windlass' | sed 's/^/process /'
true
"""


@contextmanager
def stand(name: str, *, keep: bool) -> Iterator[Ground]:
    """Bring lab and Airflow up, and take both down at the end, however it comes; `keep` leaves them for next time."""
    home = Home.of(name)
    try:
        lab = up(LabPlan(name, HOSTS))
        key = _master_key(lab)
        # The lab serves the mirror of this machine; what was filled since a ground that was kept is accepted too.
        keys = MasterKeys.parse(key.reveal())
        locks = AcceptedLocks(AuthenticatedStore.by(demo_plan.store_of(lab), keys), keys)
        locks.accept(lab.mirror_url, read_lock(), "the end-to-end tests")
        running = instance.up(home, Settings(connections=demo_plan.connections(lab, key)))
        with AirflowClient(running.url, *login(home)) as client:
            client.wait_for_dag("create_cluster", within=timedelta(minutes=2))
            client.wait_for_dag("apply_cluster")
            client.wait_for_dag("delete_cluster")
            client.wait_for_dag("watch_health")
            # Most tests break things on purpose and look at what is left; those about repair turn it on.
            client.pause("watch_health")
            yield Ground(lab, home, client, key)
    finally:
        if not keep:
            try:
                instance.down(home, purge=True)
            finally:
                down(name)


def _master_key(lab: Lab) -> Secret:
    file = lab.directory / "master-key"
    if not file.exists():
        write_private(file, new_master_key().reveal().encode())
    return Secret(file.read_text())


def _label(task: Mapping[str, Any]) -> str:
    return f"{task['task_id']}[{task['map_index']}]" if task["map_index"] >= 0 else str(task["task_id"])


def _has_its_turn(task: Mapping[str, Any], tasks: Sequence[Mapping[str, Any]]) -> bool:
    before = [one for one in tasks if one["task_id"] == task["task_id"] and one["map_index"] < task["map_index"]]
    return task["state"] == "running" and all(one["state"] == "success" for one in before)


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()).strip()
    except psutil.Error:
        return ""


def _is_ready(node: Mapping[str, Any]) -> bool:
    conditions = node["status"].get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _merged(present: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(present)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged
