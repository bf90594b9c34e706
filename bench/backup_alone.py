"""Takes one bundle of a lab's cluster in this process, and tells how long it took and how much memory it needed."""

from __future__ import annotations

import json
import resource
import sys
import time

from bench.opened import opened
from windlass.operations.backup.take import Stopwatch, take_bundle


def main() -> None:
    """Read the master key and the spec from standing input; print one line of JSON."""
    secrets, watch, begun = sys.stdin.readline(), Stopwatch(), time.monotonic()
    with opened(sys.argv[1], secrets) as cluster:
        take_bundle(cluster.session, cluster.pki, cluster.vault, "the benchmark", watch)
    took = time.monotonic() - begun
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(json.dumps({"seconds": took, "megabytes": megabytes, "milliseconds": watch.milliseconds}))


if __name__ == "__main__":
    main()
