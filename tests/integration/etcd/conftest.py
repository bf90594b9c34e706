"""Real etcd members on loopback, with TLS from a seeded PKI."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from programs import program_of_image
from windlass.domain.host.layout import PKI
from windlass.domain.pki import Pki, files_for, issue_pki
from windlass.domain.spec import Cluster
from windlass.effects.etcd import EtcdClient, EtcdCredentials, EtcdTarget
from windlass.errors import NotReadyError, UnreachableError

Flags = tuple[str, ...]
NAMES = ("etcd-1", "etcd-2", "etcd-3", "etcd-4")


@dataclass(frozen=True)
class Member:
    name: str
    client_port: int
    peer_port: int

    @property
    def peer_url(self) -> str:
        return f"https://127.0.0.1:{self.peer_port}"


@dataclass
class Etcd:
    """Members that run, and clients of them."""

    binary: Path
    directory: Path
    pki: Pki
    members: tuple[Member, ...]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(
        self, member: Member, *, first: tuple[Member, ...], state: str = "new", flags: tuple[str, ...] = ()
    ) -> None:
        certificates = self.directory / member.name / "etcd"
        url = f"https://127.0.0.1:{member.client_port}"
        argv = [str(self.binary), f"--name={member.name}", f"--data-dir={self.directory / member.name / 'data'}"]
        argv += [f"--listen-client-urls={url}", f"--advertise-client-urls={url}", "--client-cert-auth"]
        argv += [f"--listen-peer-urls={member.peer_url}", f"--initial-advertise-peer-urls={member.peer_url}"]
        argv += [f"--initial-cluster={','.join(f'{m.name}={m.peer_url}' for m in first)}", "--peer-client-cert-auth"]
        argv += [f"--initial-cluster-state={state}", f"--trusted-ca-file={certificates / 'ca.crt'}"]
        argv += [f"--cert-file={certificates / 'server.crt'}", f"--key-file={certificates / 'server.key'}"]
        argv += [f"--peer-cert-file={certificates / 'peer.crt'}", f"--peer-key-file={certificates / 'peer.key'}"]
        argv += [f"--peer-trusted-ca-file={certificates / 'ca.crt'}", "--unsafe-no-fsync", *flags]
        with (self.directory / f"{member.name}.log").open("ab") as log:
            self.running[member.name] = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT)

    def stop(self, member: Member) -> None:
        process = self.running.pop(member.name)
        process.kill()
        process.wait(timeout=10)

    def stop_all(self) -> None:
        for member in self.members:
            if member.name in self.running:
                self.stop(member)

    def client(self, member: Member, *, server_name: str | None = None, seconds: float = 10) -> EtcdClient:
        target = EtcdTarget(member.name, "127.0.0.1", member.client_port, server_name)
        return EtcdClient(target, EtcdCredentials.of(self.pki), timedelta(seconds=seconds))

    def wait_for_leader(self, member: Member) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with self.client(member, seconds=2) as client:
                    client.keys.put(b"ready", b"yes")
            except (NotReadyError, UnreachableError):
                assert self.running[member.name].poll() is None, self.log(member)
                time.sleep(0.1)
            else:
                return
        pytest.fail(f"{member.name} found no leader within 60 s: {self.log(member)}")

    def log(self, member: Member) -> str:
        return (self.directory / f"{member.name}.log").read_text()[-2000:]


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture(scope="session")
def programs_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("programs")


@pytest.fixture(scope="session")
def etcd_binary(programs_directory: Path) -> Path:
    return program_of_image("etcd", "v3.7.3", "etcd", programs_directory)


@pytest.fixture(scope="session")
def etcdutl_binary(programs_directory: Path) -> Path:
    return program_of_image("etcd", "v3.7.3", "etcdutl", programs_directory)


@pytest.fixture(scope="session")
def etcd_pki() -> tuple[Cluster, Pki]:
    hosts = [{"name": name, "address": "127.0.0.1", "roles": ["etcd"]} for name in NAMES]
    spec = {"kubernetes": {"version": "v1.37.2"}, "hosts": {"members": hosts}}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec}
    cluster = Cluster.model_validate(document)
    return cluster, issue_pki(cluster, datetime.now(UTC))


@pytest.fixture(scope="session")
def make_etcd(etcd_binary: Path, etcd_pki: tuple[Cluster, Pki]) -> Callable[[Path], Etcd]:
    cluster, pki = etcd_pki

    def make(directory: Path) -> Etcd:
        ports = iter(free_ports(2 * len(NAMES)))
        members = tuple(Member(name, next(ports), next(ports)) for name in NAMES)
        for host in cluster.spec.hosts.members:
            for path, file in files_for(cluster, host, pki).items():
                target = directory / host.name / path.removeprefix(f"{PKI}/")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.content)
        return Etcd(etcd_binary, directory, pki, members)

    return make


@pytest.fixture(scope="session")
def etcd(make_etcd: Callable[[Path], Etcd], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Etcd]:
    """Three healthy members; a case leaves them so."""
    etcd = make_etcd(tmp_path_factory.mktemp("etcd"))
    first = etcd.members[:3]
    try:
        for member in first:
            etcd.start(member, first=first)
        for member in first:
            etcd.wait_for_leader(member)
        yield etcd
    finally:
        etcd.stop_all()


@pytest.fixture
def spare_etcd(make_etcd: Callable[[Path], Etcd], tmp_path: Path) -> Iterator[Etcd]:
    """Members that a case starts itself and may harm."""
    etcd = make_etcd(tmp_path)
    try:
        yield etcd
    finally:
        etcd.stop_all()
