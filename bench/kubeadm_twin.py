"""The same cluster by kubeadm: init, two control-plane joins, one worker join, flannel; the peer of `create_cluster`.

Untimed: programs and images are put on the hosts. Timed: everything from `kubeadm init` until all nodes are Ready and
the cluster's DNS answers. The joins follow one another, as kubeadm's guide has it; flannel comes right after init.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate

from bench.catalog import benchmark
from bench.cluster_end import LIMIT, are_nodes_ready, is_dns_answering, wait_until
from bench.figure import Figure
from bench.kubeadm_config import DNS_ADDRESS, Node, Secrets, init_documents, join_documents
from bench.kubeadm_host import DIRECTORY, Mirror, Versions, as_json, prepare
from bench.kubeadm_network import flannel
from bench.workbench import Workbench, temporary_lab
from windlass.effects.ssh.connection import Connection
from windlass.effects.ssh.fan_out import on_each
from windlass.effects.ssh.pool import Connections
from windlass.errors import WindlassError
from windlass_lab.model import Lab

ROUNDS = 3
KUBECTL = ("/usr/local/bin/kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf")


@dataclass(frozen=True)
class TwinTimes:
    """Seconds since the first command."""

    init: float
    joined: float
    nodes_ready: float
    dns_answers: float


@benchmark("kubeadm_twin")
def measure(bench: Workbench) -> Iterator[Figure]:  # noqa: ARG001 (all benchmarks are called alike; it has its own lab)
    """Create the cluster on fresh hosts, several times."""
    times = [one_round() for _ in range(ROUNDS)]
    yield Figure("kubeadm_twin_init_s", "s", tuple(run.init for run in times))
    yield Figure("kubeadm_twin_joined_s", "s", tuple(run.joined for run in times))
    yield Figure("kubeadm_twin_nodes_ready_s", "s", tuple(run.nodes_ready for run in times))
    yield Figure("kubeadm_twin_dns_s", "s", tuple(run.dns_answers for run in times))


def one_round(versions: Versions | None = None) -> TwinTimes:
    """Make a lab of 3 + 1 hosts, create the cluster, remove the lab; return what it took."""
    with temporary_lab("bench-twin", hosts=4) as lab:
        return run_twin(lab, versions or Versions())


def run_twin(lab: Lab, versions: Versions) -> TwinTimes:
    """Prepare the hosts of a fresh lab (untimed), then create a cluster on them by kubeadm (timed)."""
    with Connections([lab.target(host.name) for host in lab.hosts]) as connections:
        opened = on_each(connections.names, connections.get, doing="connect")
        twin = Twin(lab, opened, Mirror(lab.mirror_url, lab.registry), versions, Secrets())
        twin.prepare()
        return twin.create()


@dataclass(frozen=True)
class Twin:
    """A lab whose hosts are made ready for kubeadm, and the cluster that it makes on them."""

    lab: Lab
    hosts: dict[str, Connection]
    mirror: Mirror
    versions: Versions
    secrets: Secrets

    @property
    def names(self) -> list[str]:
        """The hosts' names, the first control plane's first."""
        return list(self.hosts)

    @property
    def first(self) -> Connection:
        """The host that `kubeadm init` runs on."""
        return self.hosts[self.names[0]]

    def prepare(self) -> None:
        """Lay down what kubeadm finds on hosts that were made for it."""
        lock = self.mirror.lock()

        def one(name: str) -> None:
            prepare(self.hosts[name], self.mirror, lock, self.versions, control_plane=self.is_control_plane(name))

        on_each(self.names, one, doing="prepare for kubeadm")

    def create(self) -> TwinTimes:
        """Create the cluster, one host after another; return what it took."""
        nodes = {name: self._node(name) for name in self.names}
        first, *others = self.names
        started = time.monotonic()
        self._kubeadm("init", first, init_documents(nodes[first], self.mirror, self.versions, self.secrets))
        init = time.monotonic() - started
        self.first.run([*KUBECTL, "apply", "-f", "-"], sudo=True, stdin=as_json(flannel(self.mirror, self.versions)))
        ca_hash = self._ca_hash()
        for name in others:
            control_plane = self.is_control_plane(name)
            documents = join_documents(nodes[name], nodes[first], self.secrets, ca_hash, control_plane=control_plane)
            self._kubeadm("join", name, documents)
        joined = time.monotonic() - started
        wait_until(lambda: are_nodes_ready(self.first, KUBECTL, len(nodes)), "the nodes are not all Ready")
        ready = time.monotonic() - started
        wait_until(lambda: is_dns_answering(self.hosts[self.names[-1]], DNS_ADDRESS), "the DNS does not answer")
        return TwinTimes(init, joined, ready, time.monotonic() - started)

    def is_control_plane(self, name: str) -> bool:
        """Whether the host is one of the three control planes."""
        return name in self.names[:3]

    def _node(self, name: str) -> Node:
        filesystem = self.hosts[name].run(["stat", "-f", "-c", "%T", "/sys/fs/cgroup"]).stdout.strip()
        return Node(name, self.lab.host(name).address, has_cgroup_v1=filesystem != "cgroup2fs")

    def _kubeadm(self, verb: str, name: str, documents: list[dict[str, object]]) -> None:
        path = f"{DIRECTORY}/kubeadm.yaml"
        self.hosts[name].put(path, as_json(documents), mode=0o600)
        options = ["--upload-certs"] if verb == "init" else []
        self.hosts[name].run(["/usr/local/bin/kubeadm", verb, "--config", path, *options], sudo=True, timeout=LIMIT)

    def _ca_hash(self) -> str:
        pem = self.first.read("/etc/kubernetes/pki/ca.crt")
        if pem is None:
            raise WindlassError(f"{self.first.host}: kubeadm init left no /etc/kubernetes/pki/ca.crt")
        key = load_pem_x509_certificate(pem).public_key()
        return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
