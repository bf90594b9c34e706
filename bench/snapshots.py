"""Takes one snapshot of a lab's etcd after another, from a follower as backups do, until its standing input ends.

In a process of its own, and the last to be given the processor: it stands for another machine, and what is asked is
what a snapshot costs the hosts.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from pathlib import Path

from windlass.operations.etcd.members import etcd_members

from bench.opened import opened


class _Nowhere:
    """Takes a snapshot and keeps nothing."""

    def write(self, data: bytes) -> int:
        return len(data)


def main() -> None:
    """Read the master key and the spec from standing input; print a line at the start, and how many at the end."""
    os.nice(19)
    with contextlib.suppress(OSError):  # not every kernel groups processes by session
        Path("/proc/self/autogroup").write_text("19")
    secrets, over, taken = sys.stdin.readline(), threading.Event(), 0
    with opened(sys.argv[1], secrets) as cluster, etcd_members(cluster.session, cluster.pki) as members:
        follower = next(name for name, status in members.statuses.items() if not status.is_leader)
        print("ready", flush=True)
        threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
        while not over.is_set():
            members.clients[follower].snapshot(_Nowhere())  # type: ignore[arg-type]  # it only writes
            taken += 1
    print(taken, flush=True)


if __name__ == "__main__":
    main()
