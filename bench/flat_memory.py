"""What memory a bundle of a database of 2 GiB needs, which must be what a smaller one needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.catalog import benchmark
from bench.figure import Bar, Figure
from bench.local_servers import HOST, cluster_of_one, running_etcd, running_s3
from bench.workbench import Workbench
from windlass.domain.pki import Pki, issue_pki
from windlass.domain.sealing import new_master_key
from windlass.effects.etcd import EtcdClient, EtcdCredentials, EtcdTarget

SMALL_MEBIBYTES, LARGE_MEBIBYTES = 256, 2048
_QUOTA_BYTES = 8 * 2**30


@benchmark("bundle_2gib")
def measure(bench: Workbench) -> Iterator[Figure]:  # noqa: ARG001 (all benchmarks are called alike; it needs no lab)
    """Take a bundle of a database of 256 MiB and one of 2 GiB that does not compress, each in a process of its own."""
    pki = issue_pki(cluster_of_one(), datetime.now(UTC))
    with tempfile.TemporaryDirectory(prefix="windlass-bench-") as made:
        directory = Path(made)
        with running_etcd(directory, pki, _QUOTA_BYTES) as etcd, running_s3(directory) as s3:
            _fill(pki, etcd, SMALL_MEBIBYTES)
            small = _take(pki, etcd, s3)
            _fill(pki, etcd, LARGE_MEBIBYTES)
            large = _take(pki, etcd, s3)
    yield Figure("bundle_256mib_mb", "MB", (small["megabytes"],))
    yield Figure("bundle_2gib_mb", "MB", (large["megabytes"],), Bar(300, may_equal=True))
    yield Figure("bundle_2gib_growth_mb", "MB", (large["megabytes"] - small["megabytes"],), Bar(50))
    yield Figure("bundle_2gib_s", "s", (large["seconds"],))


def _fill(pki: Pki, port: int, mebibytes: int) -> None:
    target = EtcdTarget(HOST, "127.0.0.1", port)
    with EtcdClient(target, EtcdCredentials.of(pki), timedelta(seconds=30)) as client:
        client.keys.put(b"/registry/namespaces/kube-system", b'{"metadata": {"uid": "0f0c2b0e"}}')
        for number in range(mebibytes):
            client.keys.put(b"/bench/%d" % number, os.urandom(2**20))


def _take(pki: Pki, etcd: int, s3: int) -> dict[str, float]:
    given = {"etcd": etcd, "s3": s3, "key": new_master_key().reveal(), "pki": pki.to_bytes().decode()}
    argv = [sys.executable, "-m", "bench.bundle_alone"]
    done = subprocess.run(argv, input=json.dumps(given).encode(), stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(f"bundle: {found}", file=sys.stderr)
    return found
