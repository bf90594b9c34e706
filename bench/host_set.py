"""How much a host fetches besides images: every file that it needs of a release once, as gzip packs it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from bench.catalog import benchmark
from bench.figure import Bar, Figure
from bench.lab_cluster import VERSION
from bench.workbench import Workbench
from windlass.domain.rendering import host_installs
from windlass.domain.spec.models import Cluster
from windlass.effects.catalog import load_catalog
from windlass.effects.packaged import catalog_directory
from windlass.mirror.cache import artifact_path, read_lock
from windlass.mirror.places import own_architecture

_PIECE = 1 << 20


@benchmark("host_set_mb")
def measure(bench: Workbench) -> Iterator[Figure]:
    """Pack what a host with all roles installs; two names of one file count once, as a host fetches it once."""
    bench.windlass("mirror")
    lock, release = read_lock(), load_catalog(catalog_directory()).release(VERSION)
    host = {"name": "cp-1", "address": "192.0.2.1", "roles": ["etcd", "control-plane", "worker"]}
    spec = {"kubernetes": {"version": VERSION}, "hosts": {"members": [host]}}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "bench"}, "spec": spec}
    cluster = Cluster.model_validate(document)
    files = {
        lock.digest(one.artifact): artifact_path(one.artifact)
        for one in host_installs(cluster, release, cluster.spec.hosts.members[0], own_architecture())
    }
    yield Figure("host_set_mb", "MB", (sum(map(_packed, files.values())) / 1e6,), Bar(250, may_equal=True))


def _packed(path: Path) -> int:
    """Return how many bytes of a file are left once it is packed; what is packed already hardly shrinks."""
    packer, size = zlib.compressobj(), 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            size += len(packer.compress(piece))
    return size + len(packer.flush())
