"""A drill with the real etcd programs of each release, on keys that have leases, as every Kubernetes has them.

The host is a fake that runs what Docker would run, without Docker, on this machine's loopback; the API server of the
drill only says what the bundle says.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from programs import program_of_image
from windlass.domain.artifacts import Lock, Locked
from windlass.domain.backup import DrillRecord
from windlass.domain.catalog import Release
from windlass.domain.host.layout import DRILLS, ETC, ETCD_CLIENT_PORT, ETCD_PEER_PORT
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.domain.spec import Cluster
from windlass.effects.bundles import Vault
from windlass.effects.catalog import load_catalog
from windlass.effects.etcd import EtcdClient
from windlass.effects.ssh.connection import CommandResult
from windlass.effects.ssh.fake import Call, FakeHost, FakeHosts
from windlass.effects.ssh.pool import Connections
from windlass.effects.store import MemoryStore
from windlass.operations.backup.drill import run_drill
from windlass.operations.backup.take import Stopwatch, take_bundle
from windlass.operations.cluster import ClusterSession

from .conftest import Etcd, free_ports
from .test_bundles import stacks

CATALOG = load_catalog(Path(__file__).parents[3] / "include" / "templates" / "kubernetes")
UID = "0f0c2b0e"
PROGRAMS = ("etcd", "etcdctl", "etcdutl")


@dataclass(frozen=True)
class Programs:
    """The programs of one release's etcd."""

    release: Release
    directory: Path

    def run(self, program: str, *words: str) -> CommandResult:
        done = subprocess.run([self.directory / program, *words], capture_output=True, text=True, check=False)
        return CommandResult(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session", params=CATALOG.versions)
def programs(request: pytest.FixtureRequest, programs_directory: Path) -> Programs:
    release = CATALOG.release(request.param)
    version = release.images["etcd"]
    directory = programs_directory / version
    directory.mkdir(exist_ok=True)
    for name in PROGRAMS:
        program_of_image("etcd", version, name, directory)
    return Programs(release, directory)


@pytest.fixture
def member(programs: Programs, spare_etcd: Etcd) -> Etcd:
    """One member of that release."""
    etcd = replace(spare_etcd, binary=programs.directory / "etcd", running=spare_etcd.running)
    etcd.start(etcd.members[0], first=etcd.members[:1])
    etcd.wait_for_leader(etcd.members[0])
    return etcd


def etcdctl(programs: Programs, etcd: Etcd, *words: str) -> str:
    certificates = etcd.directory / etcd.members[0].name / "etcd"
    tls = [f"--cacert={certificates / 'ca.crt'}"]
    tls += [f"--cert={certificates / 'server.crt'}", f"--key={certificates / 'server.key'}"]
    done = programs.run("etcdctl", f"--endpoints=127.0.0.1:{etcd.members[0].client_port}", *tls, *words)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def put_leased(programs: Programs, etcd: Etcd, key: str, seconds: int) -> None:
    """Write a key that goes with its lease."""
    lease = etcdctl(programs, etcd, "lease", "grant", str(seconds)).split()[1]
    etcdctl(programs, etcd, "put", key, "leased", f"--lease={lease}")


def fill(programs: Programs, etcd: Etcd) -> None:
    """Write what a cluster writes: objects, events that go with their leases, deletions; and compact it."""
    with etcd.client(etcd.members[0]) as client:
        client.keys.put(b"/registry/namespaces/default", json.dumps({"metadata": {"uid": UID}}).encode())
        put_leased(programs, etcd, "/registry/events/default/old", 3600)
        for number in range(120):
            client.keys.put(b"key-%d" % (number % 40), b"v" * (number * 40 % 900))
        client.keys.delete(b"key-3")
        client.keys.compact(client.status().revision - 50)
        put_leased(programs, etcd, "/registry/events/default/new", 3600)
        put_leased(programs, etcd, "/registry/events/default/old", 3600)
        client.keys.delete(b"key-4")


class Host(FakeHost):
    """A host whose containers are programs of this machine, on free ports of its loopback, below a directory."""

    def __init__(self, name: str, programs: Programs, root: Path, ports: tuple[int, int]) -> None:
        super().__init__(name)
        self.programs, self.root, self.ports = programs, root, ports
        self.drill = ""
        self.server: subprocess.Popen[bytes] | None = None
        self.on("df", answer=f"x\n/dev/sda 1 1 {2**24} 1% /\n")
        self.on("mkdir", answer=self._begin)
        self.on("docker", "run", answer=self._run)
        self.on("docker", "exec", answer=lambda call: self.programs.run(*self.here(call.argv[3:])))
        self.on("sh", "-s", answer=self._script)
        self.on_stream("sh", "-c", handler=self._receive)

    def here(self, words: Sequence[str]) -> list[str]:
        """Put this machine's paths and ports into the words of a command."""
        stands_for = {
            DRILLS: str(self.root),
            ETC: f"{self.root}/{self.drill}/etc",
            f":{ETCD_CLIENT_PORT}": f":{self.ports[0]}",
            f":{ETCD_PEER_PORT}": f":{self.ports[1]}",
        }
        for there, here in stands_for.items():
            words = [word.replace(there, here) for word in words]
        return list(words)

    def _begin(self, call: Call) -> str:
        self.drill = call.argv[-1].rpartition("/")[2]
        (self.root / self.drill).mkdir(parents=True)
        return ""

    def _run(self, call: Call) -> CommandResult | str:
        entry = call.argv.index("--entrypoint")
        program, words = call.argv[entry + 1], self.here(call.argv[entry + 3 :])
        if "--detach" not in call.argv:
            return self.programs.run(program, *words)
        if program == "etcd":
            self._write_files()
            with self.root.with_suffix(".log").open("wb") as log:
                argv = [str(self.programs.directory / program), *words]
                self.server = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT)
        return ""

    def _write_files(self) -> None:
        for path, file in self.files.items():
            target = Path(*self.here([path]))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.content)

    def _receive(self, far: socket.socket) -> None:
        with (self.root / self.drill / "snapshot.db").open("wb") as file:
            while data := far.recv(65536):
                file.write(data)

    def _script(self, call: Call) -> str:
        """Clear everything away, or answer as the API server would."""
        assert call.script is not None
        if call.script.name == "remove-drills":
            self.clear()
        if call.script.name == "show-stored-secret":
            return "k8s:enc:"
        asked = call.script.arguments.get("path", "")
        names = {"/api/v1/namespaces?": "default", "/api/v1/secrets?": "token"}
        found = [{"name": name, "namespace": "default", "uid": UID} for path, name in names.items() if path in asked]
        return json.dumps({"metadata": {}, "items": [{"metadata": one} for one in found]})

    def clear(self) -> None:
        """Leave nothing of a drill."""
        if self.server is not None:
            self.server.kill()
            self.server.wait(timeout=10)
            self.server = None
        shutil.rmtree(self.root, ignore_errors=True)


def site_on(host: FakeHost, release: Release) -> ClusterSession:
    """Return the cluster of one member on `host`."""
    member = {"name": host.name, "address": "192.0.2.11", "roles": ["etcd", "control-plane"]}
    spec = {"kubernetes": {"version": release.version}, "hosts": {"members": [member]}}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec}
    lock = Lock("modules", {release.artifact("image", name): Locked("sha256:1", 1, "x") for name in release.images})
    mirror = MirrorAddresses("http://192.0.2.9:8080", "192.0.2.9:5000")
    fakes = FakeHosts([host])
    return ClusterSession(Cluster.model_validate(document), release, lock, mirror, Connections(fakes.targets(), fakes))


@pytest.fixture
def drill(programs: Programs, member: Etcd, tmp_path: Path) -> Iterator[Callable[[], DrillRecord]]:
    """Take a bundle of the member, and drill it."""
    first, release = member.members[0], programs.release
    source = FakeHost(first.name, services={("127.0.0.1", ETCD_CLIENT_PORT): ("127.0.0.1", first.client_port)})
    source.on_script("pack-stacks", answer=stacks())
    client, peer = free_ports(2)
    target = Host(first.name, programs, tmp_path / "host", (client, peer))
    vault = Vault(MemoryStore(), "demo", MasterKeys.parse(new_master_key().reveal()))

    def run() -> DrillRecord:
        session = site_on(source, release)
        with session.connections:
            made = take_bundle(session, member.pki, vault, "a test")
        session = site_on(target, release)
        with session.connections:
            return run_drill(session, release, vault, made.bundle, "a test", Stopwatch())

    try:
        yield run
    finally:
        target.clear()


def test_a_bundle_with_leased_keys_is_proven(
    programs: Programs, member: Etcd, drill: Callable[[], DrillRecord]
) -> None:
    fill(programs, member)
    record = drill()
    assert record.is_proof, record.failure
    assert "hash of all keys" in {one.what for one in record.comparisons}


def test_a_hash_at_a_revision_stays_when_leases_end_after_it(programs: Programs, member: Etcd) -> None:
    fill(programs, member)
    put_leased(programs, member, "/registry/masterleases/192.0.2.11", 2)
    with member.client(member.members[0]) as client:
        revision = client.status().revision
        before = client.content_hash(revision)
        wait_until_past(client, revision)
        assert client.content_hash(revision) == before
        assert client.content_hash() != before


def wait_until_past(client: EtcdClient, revision: int) -> None:
    deadline = time.monotonic() + 30
    while client.status().revision == revision:
        assert time.monotonic() < deadline, "no lease has ended"
        time.sleep(0.1)
