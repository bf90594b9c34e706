"""Takes one bundle of a lab's cluster in this process, and tells how long it took and how much memory it needed."""

from __future__ import annotations

import json
import resource
import sys
import time

from windlass.cli.embedded.layout import project_directory
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.sealing import MasterKeys
from windlass.domain.secret import Secret
from windlass.domain.spec import load_cluster
from windlass.effects.bundles import Vault
from windlass.effects.catalog import load_catalog
from windlass.effects.mirror import fetch_lock
from windlass.effects.store import ClusterRecords, S3Store, StoreConfig
from windlass.effects.transport.pool import Connections
from windlass.errors import WindlassError
from windlass.operations.backup.taking import Stopwatch, take_bundle
from windlass.operations.site import open_site
from windlass_lab.lab import load
from windlass_lab.model import BUCKET


def main() -> None:
    """Read the master key and the spec from standing input; print one line of JSON."""
    given, lab = json.load(sys.stdin), load(sys.argv[1])
    keys, cluster = MasterKeys.parse(given["key"]), load_cluster(given["spec"], "the benchmark's spec")
    s3 = lab.s3_credentials()
    store = S3Store(StoreConfig(BUCKET, "", lab.s3_endpoint, "us-east-1", s3.access_key, Secret(s3.secret_key)))
    pki = ClusterRecords(store, cluster.name).pki(keys)
    if pki is None:
        raise WindlassError("the cluster has no certificates")
    templates = project_directory() / "include" / "templates" / "kubernetes"
    release = load_catalog(templates).release(cluster.spec.kubernetes.version)
    mirror = MirrorAddresses(lab.mirror_url, lab.registry)
    connections = Connections([lab.target(host.name) for host in lab.hosts])
    watch, begun = Stopwatch(), time.monotonic()
    with open_site(cluster, release, (fetch_lock(mirror.files), mirror), connections) as site:
        take_bundle(site, pki, Vault(store, cluster.name, keys), "the benchmark", watch)
    took = time.monotonic() - begun
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(json.dumps({"seconds": took, "megabytes": megabytes, "milliseconds": watch.milliseconds}))


if __name__ == "__main__":
    main()
