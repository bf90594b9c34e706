"""Takes one bundle of an etcd on loopback into an S3 server on loopback, and tells what it took.

All is as in a backup, but for the SSH tunnel: the one host is in memory, and its etcd is reached directly.
"""

from __future__ import annotations

import base64
import io
import json
import resource
import sys
import tarfile
import time

from bench.local_servers import HOST, cluster_of_one, store_at
from windlass.domain.artifacts import Lock, Locked
from windlass.domain.pki import Pki
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.sealing import MasterKeys
from windlass.effects.bundles import Vault
from windlass.effects.catalog import load_catalog
from windlass.effects.packaged import catalog_directory
from windlass.effects.ssh.fake import FakeHost, FakeHosts
from windlass.effects.ssh.pool import Connections
from windlass.operations.backup.take import Stopwatch, take_bundle
from windlass.operations.cluster import ClusterSession


def main() -> None:
    """Read ports, keys and PKI as JSON from standing input; print one line of JSON."""
    given, watch = json.load(sys.stdin), Stopwatch(tell=lambda text: print(text, file=sys.stderr))
    vault = Vault(store_at(given["s3"]), "bench", MasterKeys.parse(given["key"]))
    pki = Pki.from_bytes(given["pki"].encode())
    begun = time.monotonic()
    with _connected(given["etcd"]) as connections:
        manifest = take_bundle(_session(connections), pki, vault, "the benchmark", watch)
    found = {
        "seconds": time.monotonic() - begun,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        "snapshot_bytes": manifest.parts["snapshot.sealed"].clear_bytes,
    }
    print(json.dumps(found))


def _connected(port: int) -> Connections:
    host = FakeHost(HOST)
    host.services["127.0.0.1", 2379] = ("127.0.0.1", port)
    host.on("sh", "-c", answer=_no_stacks())
    fakes = FakeHosts([host])
    return Connections(fakes.targets(), fakes)


def _session(connections: Connections) -> ClusterSession:
    release = load_catalog(catalog_directory()).release("v1.37.2")
    locked = Locked("sha256:1", 1, "x")
    lock = Lock("modules", {release.artifact("image", name): locked for name in release.images})
    return ClusterSession(
        cluster_of_one(), release, lock, MirrorAddresses("http://127.0.0.1", "127.0.0.1"), connections
    )


def _no_stacks() -> str:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz"):
        pass
    return base64.b64encode(packed.getvalue()).decode()


if __name__ == "__main__":
    main()
