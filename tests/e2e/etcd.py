"""What tests do to etcd's members, and ask of them."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from e2e.ground import CLUSTER, Ground, wait_for
from e2e.oracle import Writer, judge, written
from windlass.domain.backup import BundleManifest
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.sealing import MasterKeys
from windlass.domain.spec import load_cluster
from windlass.effects.bundles import Vault
from windlass.effects.catalog import load_catalog
from windlass.effects.mirror import fetch_lock
from windlass.effects.ssh.pool import Connections
from windlass.errors import NotReadyError, UnreachableError, WindlassError
from windlass.operations.backup.take import take_bundle
from windlass.operations.cluster import ClusterSession, open_session
from windlass.operations.cluster_api import credentials_of
from windlass.operations.etcd.clients import etcd_member

ETCD_HOSTS = ("cp-1", "cp-2", "cp-3")
_TEMPLATES = Path(__file__).parents[2] / "include" / "templates" / "kubernetes"
_TLS = "--cacert {0}/ca.crt --cert {0}/server.crt --key {0}/server.key".format("/etc/windlass/pki/etcd")
_ETCDCTL = f"docker exec windlass-etcd etcdctl --endpoints https://127.0.0.1:2379 {_TLS}"


def members(ground: Ground, via: str = "cp-1") -> dict[str, bool]:
    """Return the members by name, and whether each is a learner."""
    listed = json.loads(ground.on(via, f"{_ETCDCTL} member list -w json"))["members"]
    return {one.get("name", ""): one.get("isLearner", False) for one in listed}


def member_ids(ground: Ground, via: str = "cp-1") -> dict[str, int]:
    """Return the ids of the members by name."""
    listed = json.loads(ground.on(via, f"{_ETCDCTL} member list -w json"))["members"]
    return {one["name"]: one["ID"] for one in listed}


def stored_secret(ground: Ground, name: str) -> str:
    """Return a Secret of the default namespace as it lies in etcd: what is printable of it."""
    read = f"{_ETCDCTL} get /registry/secrets/default/{name}"
    return ground.on("cp-1", f"{read} | tr -cd '[:print:]'")


def is_healthy(ground: Ground, host: str) -> bool:
    """Tell whether the member on a host commits."""
    return "is healthy" in ground.on(host, f"{_ETCDCTL} endpoint health 2>&1 || true")


def missing(ground: Ground) -> list[str]:
    """Return what keeps the cluster from being whole: members that are not healthy voters, nodes that are not Ready."""
    try:
        found = members(ground)
        problems = [] if found == dict.fromkeys(ETCD_HOSTS, False) else [f"members (and learners): {found}"]
        problems += [f"etcd on {host}" for host in ETCD_HOSTS if not is_healthy(ground, host)]
        return problems + [f"node {name}" for name in sorted(ground.not_ready())]
    except WindlassError as error:  # nobody there to tell
        return [str(error)]


def kill(ground: Ground, host: str) -> None:
    """End a member's process at once; Docker leaves it so."""
    ground.on(host, "docker kill windlass-etcd")


def delete_data(ground: Ground, host: str) -> None:
    """End a member and delete all that it has, as when its disk is lost."""
    ground.on(host, "docker kill windlass-etcd >/dev/null 2>&1; rm -rf /var/lib/windlass/etcd/member")


def corrupt_data(ground: Ground, host: str) -> None:
    """End a member, damage its log and its database, and start it again: it will not come up."""
    script = """docker kill windlass-etcd >/dev/null 2>&1
for file in /var/lib/windlass/etcd/member/wal/*.wal /var/lib/windlass/etcd/member/snap/db; do
  dd if=/dev/urandom of="$file" bs=4096 count=64 conv=notrunc status=none
done
docker start windlass-etcd"""
    ground.on(host, script)


@contextmanager
def small_disk(ground: Ground, host: str, size: str = "512m") -> Iterator[None]:
    """Have a member's data on a disk of its own, and back where it was at the end."""
    ground.on(
        host,
        f"""set -e
docker stop --time 5 windlass-etcd >/dev/null
cd /var/lib/windlass
mv etcd etcd.large
mkdir -m 700 etcd
mount -t tmpfs -o size={size},mode=700 tmpfs etcd
cp -a etcd.large/member etcd/
docker start windlass-etcd""",
    )
    wait_for(lambda: is_healthy(ground, host), "the member is back on its small disk")
    try:
        yield
    finally:
        ground.on(
            host,
            """set -e
docker stop --time 5 windlass-etcd >/dev/null
cd /var/lib/windlass
rm -rf etcd.large/member
cp -a etcd/member etcd.large/
umount etcd
rmdir etcd
mv etcd.large etcd
docker start windlass-etcd""",
        )


def press(ground: Ground, mebibytes: int) -> None:
    """Write so much of what does not compress into etcd, past the API."""
    with site_of(ground) as session, etcd_member(session, ground.pki(), "cp-1", timedelta(seconds=30)) as client:
        for number in range(mebibytes):
            with suppress(NotReadyError, UnreachableError):  # it may be the leader that this is too much for
                client.keys.put(b"/e2e/%d" % (number % 10), os.urandom(2**20))


@contextmanager
def site_of(ground: Ground) -> Iterator[ClusterSession]:
    """Give the cluster as operations see it, from this process."""
    cluster = load_cluster(ground.records.spec() or "", "stored spec")
    mirror = MirrorAddresses(ground.lab.mirror_url, ground.lab.registry)
    release = load_catalog(_TEMPLATES).release(cluster.spec.kubernetes.version)
    connections = Connections([ground.lab.target(host.name) for host in cluster.spec.hosts.members])
    with open_session(cluster, release, (fetch_lock(mirror.files), mirror), connections) as session:
        yield session


def vault(ground: Ground) -> Vault:
    """Return the cluster's bundles."""
    return Vault(ground.store, CLUSTER, MasterKeys.parse(ground.master_key.reveal()))


def back_up(ground: Ground) -> BundleManifest:
    """Take a bundle now."""
    with site_of(ground) as session:
        return take_bundle(session, ground.pki(), vault(ground), by="the tests")


@contextmanager
def writer(ground: Ground, hosts: Iterable[str] = ETCD_HOSTS, *, pause_seconds: float = 0.02) -> Iterator[Writer]:
    """Write all the time, in a namespace of its own that stays: its end would take longer than the test."""
    namespace = f"e2e-writer-{uuid.uuid4().hex[:8]}"
    with ground.api() as client:
        client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    addresses = tuple(ground.lab.host(name).address for name in hosts)
    made = Writer(addresses, credentials_of(ground.pki()), namespace, pause_seconds=pause_seconds)
    with made.writing() as writing:
        wait_for(lambda: len(writing.acknowledged) >= 20, "twenty writes are acknowledged", timedelta(seconds=60))
        yield writing


def check(
    ground: Ground, writing: Writer, manifest: BundleManifest | None = None, restored_at: float | None = None
) -> None:
    """Fail unless everything is there that must be, and nothing else."""
    with ground.api() as client:
        there = written(client, writing.namespace)
    revision = manifest.content.revision if manifest else None
    assert judge(writing.sent, writing.acknowledged, there, revision, restored_at) == []
