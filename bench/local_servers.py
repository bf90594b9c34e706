"""One etcd member and one S3 server on loopback, out of the mirror: for what needs no cluster."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.cluster_end import wait_until
from windlass.domain.artifacts import Artifact
from windlass.domain.host.layout import PKI
from windlass.domain.pki import Pki, files_for
from windlass.domain.secret import Secret
from windlass.domain.spec import Cluster
from windlass.effects.store import S3Store, StoreConfig
from windlass.effects.store.s3 import make_client
from windlass.errors import NotReadyError
from windlass.mirror.cache import artifact_path, read_lock, source_cache
from windlass.mirror.places import own_architecture

_ETCD, _S3 = Artifact("image", "etcd", "v3.7.3"), Artifact("file", "versitygw", "v1.8.0")
_LOGIN = "bench-access", "bench-secret"
HOST = "etcd-1"


def cluster_of_one() -> Cluster:
    """Return a cluster of one etcd host on loopback."""
    hosts = [{"name": HOST, "address": "127.0.0.1", "roles": ["etcd", "control-plane"]}]
    spec = {"kubernetes": {"version": "v1.37.2"}, "hosts": {"members": hosts}}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "bench"}, "spec": spec}
    return Cluster.model_validate(document)


@contextmanager
def running_etcd(directory: Path, pki: Pki, quota_bytes: int) -> Iterator[int]:
    """Run a member with an empty database; the port of its clients."""
    for path, file in files_for(cluster_of_one(), cluster_of_one().spec.hosts.members[0], pki).items():
        target = directory / path.removeprefix(f"{PKI}/")
        if path.startswith(PKI):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.content)
    client, peer = free_port(), free_port()
    keys, peers, clients = directory / "etcd", f"https://127.0.0.1:{peer}", f"https://127.0.0.1:{client}"
    flags = {
        "name": HOST,
        "data-dir": str(directory / "data"),
        "listen-client-urls": clients,
        "advertise-client-urls": clients,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": f"{HOST}={peers}",
        "client-cert-auth": "true",
        "trusted-ca-file": str(keys / "ca.crt"),
        "cert-file": str(keys / "server.crt"),
        "key-file": str(keys / "server.key"),
        "peer-client-cert-auth": "true",
        "peer-trusted-ca-file": str(keys / "ca.crt"),
        "peer-cert-file": str(keys / "peer.crt"),
        "peer-key-file": str(keys / "peer.key"),
        "quota-backend-bytes": str(quota_bytes),
        "snapshot-count": "100",  # what it holds in memory for members that lag is not what is asked
        "snapshot-catchup-entries": "100",
        "unsafe-no-fsync": "true",
        "log-level": "warn",
    }
    argv = [str(_program_of_image(directory)), *(f"--{name}={value}" for name, value in flags.items())]
    with _running(argv, directory / "etcd.log", client):
        yield client


@contextmanager
def running_s3(directory: Path) -> Iterator[int]:
    """Run an S3 server with an empty bucket; its port."""
    port, data = free_port(), directory / "s3"
    data.mkdir()
    argv = [str(artifact_path(_S3)), "--port", f"127.0.0.1:{port}", "posix", str(data)]
    with _running(argv, directory / "s3.log", port):
        client = make_client(store_config(port))
        client.create_bucket(Bucket="bench")
        client.close()
        yield port


def store_config(port: int) -> StoreConfig:
    """Return where that bucket is."""
    return StoreConfig("bench", "", f"http://127.0.0.1:{port}", "us-east-1", _LOGIN[0], Secret(_LOGIN[1]))


def store_at(port: int) -> S3Store:
    """Return that bucket."""
    return S3Store(store_config(port))


@contextmanager
def _running(argv: list[str], log: Path, port: int) -> Iterator[None]:
    environment = {"PATH": os.defpath, "ROOT_ACCESS_KEY": _LOGIN[0], "ROOT_SECRET_KEY": _LOGIN[1]}
    with log.open("wb") as output, subprocess.Popen(argv, env=environment, stdout=output, stderr=output) as process:
        try:
            wait_until(lambda: process.poll() is not None or listens(port), f"nothing listens, see {log}")
            if process.poll() is not None:
                raise NotReadyError(f"{argv[0]} ended: {log.read_text()[-1000:]}")
            yield
        finally:
            process.terminate()


def listens(port: int) -> bool:
    """Tell whether something on loopback takes connections; after a tenth of a second if not."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        time.sleep(0.1)
        return False
    return True


def _program_of_image(directory: Path) -> Path:
    manifest = json.loads(
        source_cache().blob(read_lock().artifacts[_ETCD].digest_on(own_architecture()) or "").read_text()
    )
    for layer in manifest["layers"]:
        with tarfile.open(source_cache().blob(layer["digest"])) as archive:
            for member in archive:
                if member.name.lstrip("./") == "usr/local/bin/etcd":
                    member.name = "etcd-program"
                    archive.extract(member, directory, filter="data")
                    return directory / "etcd-program"
    raise NotReadyError(f"{_ETCD} holds no /usr/local/bin/etcd")


def free_port() -> int:
    """Return a port of loopback that nothing uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
